"""``keras.utils.Config``: settings as attributes of an object that can be frozen."""

from __future__ import annotations

import difflib
import json
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any


class Config:
    """A dict whose entries are attributes too.

    Args:
        **kwargs: the entries.
    """

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_entries", dict(kwargs))
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self) -> bool:
        """Whether changes are refused."""
        return self._frozen

    def freeze(self) -> None:
        """Refuse changes from now on."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allow changes again."""
        object.__setattr__(self, "_frozen", False)

    def _change(self) -> dict[str, Any]:
        if self._frozen:
            raise ValueError("this Config is frozen: call unfreeze() before changing it")
        return self._entries

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle ask for these before there are entries
            raise AttributeError(name)
        entries = self.__dict__.get("_entries", {})
        if name in entries:
            return entries[name]
        near = difflib.get_close_matches(name, entries, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; it has {sorted(entries)}"
        raise AttributeError(f"Config has no entry {name!r}{hint}")

    def __setattr__(self, name: str, value: Any) -> None:
        self._change()[name] = value

    def __delattr__(self, name: str) -> None:
        del self._change()[name]

    def __getitem__(self, name: str) -> Any:
        return self._entries[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._change()[name] = value

    def __delitem__(self, name: str) -> None:
        del self._change()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))  # as in Keras 3

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self._entries == other._entries

    __hash__ = None  # type: ignore[assignment]

    def get(self, name: str, default: Any = None) -> Any:
        """An entry, or ``default``."""
        return self._entries.get(name, default)

    def pop(self, *args: Any) -> Any:
        """Remove an entry and return it."""
        return self._change().pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several entries."""
        self._change().update(*args, **kwargs)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._entries.keys()

    def values(self) -> ValuesView[Any]:
        """The values."""
        return self._entries.values()

    def items(self) -> ItemsView[str, Any]:
        """Names and values."""
        return self._entries.items()

    def as_dict(self) -> dict[str, Any]:
        """The entries as a dict of their own."""
        return dict(self._entries)

    def to_json(self) -> str:
        """The entries as JSON."""
        return json.dumps(self._entries)

    def __repr__(self) -> str:
        return f"<Config {self._entries}>"

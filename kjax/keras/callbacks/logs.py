"""The logs that callbacks receive: a dict whose values leave the device only when somebody reads them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS

COUNTS = ("batch", "size")
"""Numbers among the logs of a batch in Keras 1 and 2: integers."""


def plain_value(value: Any) -> Any:
    """A Python float where the value is one number; anything else (strings, vectors) as it is.

    In the eras of Keras 1 and 2 numbers of NumPy stay what they are.
    """
    if isinstance(value, (str, bytes)) or getattr(value, "ndim", 0):
        return value
    if isinstance(value, np.floating) and settings.era in OLD_ERAS:
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def other_name(name: Any) -> str | None:
    """What another generation called accuracy and learning rate: ``'val_acc'`` for ``'val_accuracy'`` and the reverse."""
    if not isinstance(name, str):
        return None
    for old, new in (("acc", "accuracy"), ("accuracy", "acc"), ("lr", "learning_rate"), ("learning_rate", "lr")):
        if name == old or name.endswith(f"_{old}"):
            return f"{name[: len(name) - len(old)]}{new}"
    return None


class Named(dict[str, Any]):
    """A dict of values by name of the metric that finds ``acc`` and ``lr`` under their names of today, too, and the reverse."""

    def __missing__(self, name: Any) -> Any:
        other = other_name(name)
        if other is not None and dict.__contains__(self, other):
            return self[other]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or dict.__contains__(self, other_name(name))

    def get(self, name: Any, default: Any = None) -> Any:
        """The value of this name, or ``default``."""
        try:
            return self[name]
        except KeyError:
            return default

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

    def copy(self) -> Named:
        """A copy."""
        return Named(self)


def in_shown_order(names: Iterable[str]) -> list[str]:
    """Names of values as they are listed: Keras 3 sorts them, older generations have the loss first."""
    return sorted(names) if settings.era == "3" else list(names)


class Logs(Named):
    """A dict of metric values by name that fetches the values at the first access to any of them.

    To a callback it is a plain dict: it can be read, written, copied, compared, pickled, dumped as JSON and
    unpacked with ``**``. Which names there are is known beforehand, so ``'loss' in logs``, ``len(logs)`` and
    the keys cost nothing; the first look at a value (and the first change of the dict) fetches all values,
    once.

    Args:
        names: names of the values.
        fetch: returns the values, in the order of ``names``; called at most once. If it raises, the next
            access calls it again.

    Example:

        >>> logs = Logs(["loss", "accuracy"], lambda: [0.5, 0.75])
        >>> list(logs)
        ['accuracy', 'loss']
        >>> logs["loss"]
        0.5
    """

    __slots__ = ("_fetch", "_order")

    def __init__(self, names: Iterable[str] = (), fetch: Callable[[], Sequence[Any]] | None = None) -> None:
        order = tuple(names)
        # The names stand in the dict from the start: C code asks an unread dict for its size without asking
        # us. Keras 3 sorts them.
        super().__init__(dict.fromkeys(in_shown_order(order)))
        self._order = order
        self._fetch = fetch
        if fetch is None and order:
            raise ValueError(
                f"Logs: names {list(order)} were given without `fetch`, a function that returns their values"
            )

    @property
    def is_read(self) -> bool:
        """Whether the values were fetched."""
        return self._fetch is None

    def load(self) -> None:
        """Fetch the values, unless they are there."""
        if self._fetch is None:
            return
        values = self._fetch()
        for name, value in zip(self._order, values, strict=True):
            super().__setitem__(name, value if name in COUNTS else plain_value(value))
        self._fetch = None

    # A subclass with an __iter__ of its own makes dict(logs), {**logs} and f(**logs) go through keys() and
    # __getitem__; without it they would copy the unread entries.
    def __iter__(self) -> Any:
        return super().__iter__()

    def __reduce__(self) -> Any:
        self.load()
        return dict, (dict(self),)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__()

    def copy(self) -> Named:
        """A dict of the values."""
        self.load()
        return Named(self)

    __copy__ = copy


def _reading(name: str) -> Callable[..., Any]:
    method = getattr(Named, name)

    @functools.wraps(method)
    def read_first(self: Logs, *args: Any, **kwargs: Any) -> Any:
        self.load()
        return method(self, *(a.copy() if isinstance(a, Logs) else a for a in args), **kwargs)

    return read_first


for _name in [
    "__getitem__",
    "__setitem__",
    "__delitem__",
    "__eq__",
    "__ne__",
    "__repr__",
    "__or__",
    "__ror__",
    "__ior__",
    "get",
    "items",
    "values",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "clear",
]:
    setattr(Logs, _name, _reading(_name))


def as_logs(logs: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a hook receives for the logs that somebody passed.

    Args:
        logs: None, :class:`Logs` (passed on, unread) or a mapping of numbers or scalar arrays; an inner
            mapping is flattened.

    Returns:
        A dict with sorted keys and Python floats, as Keras 3 hands it over. It may be written to.
    """
    if isinstance(logs, Logs):
        return logs
    result = Named()
    for name, value in sorted((logs or {}).items()):
        if isinstance(value, Mapping):
            result.update(as_logs(value))
        else:
            result[name] = value if name in COUNTS else plain_value(value)
    return result

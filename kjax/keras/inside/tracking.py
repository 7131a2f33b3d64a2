"""``Tracker``: puts what is assigned to attributes, or into lists, dicts and sets among them, into lists by its kind."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

import jax

from kjax.keras.core.name_scopes import get_global_attribute, set_global_attribute
from kjax.keras.inside.tools import remove_by_id


class DotNotTrackScope:
    """Inside, nothing is tracked."""

    def __enter__(self) -> None:
        self._before = is_tracking_enabled()
        set_global_attribute("tracking_on", False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        set_global_attribute("tracking_on", self._before)


def is_tracking_enabled() -> bool:
    """Whether what is assigned is tracked."""
    return get_global_attribute("tracking_on", True)


def no_automatic_dependency_tracking(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function in which nothing is tracked."""

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        with DotNotTrackScope():
            return fn(*args, **kwargs)

    return call


class Tracker:
    """Sorts values into lists.

    Args:
        config: for each list its name, with (function that says whether a value belongs there, the list).
        exclusions: for a name, the names of lists whose values do not go there.
    """

    def __init__(
        self,
        config: Mapping[str, tuple[Callable[[Any], bool], list[Any]]],
        exclusions: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self.config = config
        self.stored_ids: dict[str, set[int]] = {name: set() for name in config}
        self.locked = False
        self._lock_violation_msg: str | None = None
        self.exclusions = exclusions or {}

    def track(self, attr: Any) -> Any:
        """Put a value, or what is in it, into the lists.

        Returns:
            The value; lists, dicts and sets as ones that track what is put into them later.
        """
        if not is_tracking_enabled():
            return attr
        for name, (belongs, _) in self.config.items():
            if belongs(attr):
                taken = any(self.is_in_store(other, attr) for other in self.exclusions.get(name, ()))
                if not taken and not self.is_in_store(name, attr):
                    self.add_to_store(name, attr)
                return attr
        if isinstance(attr, tuple):
            items = [self.track(item) for item in attr]
            return type(attr)(*items) if hasattr(attr, "_fields") else type(attr)(items)
        for kind, tracked in _TRACKED.items():
            if isinstance(attr, kind):
                return tracked(attr, self)
        return attr

    def untrack(self, value: Any) -> None:
        """Take a value out of the lists."""
        for name, ids in self.stored_ids.items():
            if id(value) in ids:
                ids.remove(id(value))
                remove_by_id(self.config[name][1], value)

    def lock(self, msg: str | None = None) -> None:
        """Refuse new values from now on, with a message."""
        self.locked = True
        self._lock_violation_msg = msg or self._lock_violation_msg

    def unlock(self) -> None:
        """Take new values again."""
        self.locked = False

    def add_to_store(self, store_name: str, value: Any) -> None:
        """Put a value into a list.

        Raises:
            ValueError: the tracker is locked.
        """
        if self.locked:
            raise ValueError(self._lock_violation_msg)
        self.config[store_name][1].append(value)
        self.stored_ids[store_name].add(id(value))

    def is_in_store(self, store_name: str, value: Any) -> bool:
        """Whether a value is in a list."""
        return id(value) in self.stored_ids[store_name]

    def replace_tracked_value(self, store_name: str, old_value: Any, new_value: Any) -> None:
        """Put a value in the place of another.

        Raises:
            ValueError: the other is not in the list.
        """
        if not self.is_in_store(store_name, old_value):
            raise ValueError(f"{old_value!r} is not in the list {store_name!r}")
        values = self.config[store_name][1]
        values[next(i for i, value in enumerate(values) if value is old_value)] = new_value
        self.stored_ids[store_name].remove(id(old_value))
        self.stored_ids[store_name].add(id(new_value))


class _Tracking:
    tracker: Tracker | None

    def _track(self, value: Any) -> Any:
        return value if self.tracker is None else self.tracker.track(value)

    def _untrack(self, *values: Any) -> None:
        for value in values if self.tracker is not None else ():
            self.tracker.untrack(value)  # type: ignore[union-attr]


class TrackedList(_Tracking, list):
    """A list whose items a tracker follows."""

    def __init__(self, values: Iterable[Any] | None = None, tracker: Tracker | None = None) -> None:
        self.tracker = tracker
        super().__init__([self._track(value) for value in values or ()])

    def append(self, value: Any) -> None:
        """As of a list."""
        super().append(self._track(value))

    def insert(self, index: Any, value: Any) -> None:
        """As of a list."""
        super().insert(index, self._track(value))

    def extend(self, values: Iterable[Any]) -> None:
        """As of a list."""
        super().extend([self._track(value) for value in values])

    def remove(self, value: Any) -> None:
        """As of a list; values that cannot be compared are found by identity."""
        self._untrack(value)
        try:
            super().remove(value)
        except ValueError:
            remove_by_id(self, value)

    def pop(self, index: Any = -1) -> Any:
        """As of a list."""
        value = super().pop(index)
        self._untrack(value)
        return value

    def clear(self) -> None:
        """As of a list."""
        self._untrack(*self)
        super().clear()

    def __delitem__(self, index: Any) -> None:
        value = self[index]
        super().__delitem__(index)
        self._untrack(*(value if isinstance(index, slice) else (value,)))

    def tree_flatten(self) -> tuple[Any, Any]:
        """The items, and nothing else."""
        return self, None

    @classmethod
    def tree_unflatten(cls, metadata: Any, children: Iterable[Any]) -> Any:
        """A list of items that nobody tracks."""
        del metadata
        return cls(children)


class _TrackedMapping(_Tracking):
    def __init__(self, values: Any = None, tracker: Tracker | None = None) -> None:
        self.tracker = tracker
        super().__init__()
        for key, value in dict(values or ()).items():
            super().__setitem__(key, self._track(value))  # type: ignore[misc]

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, self._track(value))  # type: ignore[misc]

    def update(self, mapping: Any) -> None:
        """As of a dict."""
        for key, value in dict(mapping).items():
            self[key] = value

    def pop(self, key: Any, *args: Any) -> Any:
        """As of a dict."""
        if len(args) > 1:
            raise TypeError(f"pop takes a key and a default, received {len(args)} defaults")
        if key not in self and args:  # type: ignore[operator]
            return args[0]
        value = super().pop(key)  # type: ignore[misc]
        self._untrack(value)
        return value

    def popitem(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """As of a dict."""
        key, value = super().popitem(*args, **kwargs)  # type: ignore[misc]
        self._untrack(value)
        return key, value

    def clear(self) -> None:
        """As of a dict."""
        self._untrack(*self.values())  # type: ignore[attr-defined]
        super().clear()  # type: ignore[misc]

    def tree_flatten(self) -> tuple[list[Any], list[Any], list[Any]]:
        """The values by sorted keys, and the keys."""
        keys = sorted(self)  # type: ignore[call-overload]
        return [self[key] for key in keys], keys, keys  # type: ignore[index]

    @classmethod
    def tree_unflatten(cls, keys: Iterable[Any], values: Iterable[Any]) -> Any:
        """A dict of values that nobody tracks."""
        return cls(zip(keys, values, strict=True))


class TrackedDict(_TrackedMapping, dict):
    """A dict whose values a tracker follows."""


class TrackedOrderedDict(_TrackedMapping, OrderedDict):
    """An ordered dict whose values a tracker follows."""


class TrackedSet(_Tracking, set):
    """A set whose items a tracker follows."""

    def __init__(self, values: Iterable[Any] | None = None, tracker: Tracker | None = None) -> None:
        self.tracker = tracker
        super().__init__({self._track(value) for value in values or ()})

    def add(self, value: Any) -> None:
        """As of a set."""
        super().add(self._track(value))

    def update(self, values: Iterable[Any]) -> None:
        """As of a set."""
        super().update([self._track(value) for value in values])

    def remove(self, value: Any) -> None:
        """As of a set."""
        self._untrack(value)
        super().remove(value)

    def pop(self) -> Any:
        """As of a set."""
        value = super().pop()
        self._untrack(value)
        return value

    def clear(self) -> None:
        """As of a set."""
        self._untrack(*self)
        super().clear()

    def tree_flatten(self) -> tuple[Any, Any]:
        """The items, and nothing else."""
        return self, None

    @classmethod
    def tree_unflatten(cls, metadata: Any, children: Iterable[Any]) -> Any:
        """A set of items that nobody tracks."""
        del metadata
        return cls(children)


_TRACKED: dict[type, Callable[..., Any]] = {
    list: TrackedList,
    OrderedDict: TrackedOrderedDict,
    dict: TrackedDict,
    set: TrackedSet,
}

for _kind in (TrackedList, TrackedSet):
    jax.tree_util.register_pytree_node(_kind, lambda x: (tuple(x), None), _kind.tree_unflatten)
for _kind in (TrackedDict, TrackedOrderedDict):
    jax.tree_util.register_pytree_node(_kind, lambda x: (x.tree_flatten()[0], tuple(sorted(x))), _kind.tree_unflatten)

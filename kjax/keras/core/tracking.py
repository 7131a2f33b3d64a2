"""Finding the layers, variables and metrics that a layer's attributes hold, in the order in which they were set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kjax.keras.core.variable import Variable

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})


def may_hold(value: Any) -> bool:
    """Whether a look into an attribute's value may find something: most attributes are plain values, or empty."""
    kind = type(value)
    return kind not in _PLAIN and (kind not in (dict, list, tuple, set) or bool(value))


def members(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The variables and holders of state in an attribute's value: itself, or members of lists and dicts.

    A holder of state is a layer, a metric or a random generator: a class with ``tracked_state = True`` and ``variables``.
    """

    def walk(value: Any, *path: Any) -> Iterator[tuple[str, Any]]:
        # Names are put together for what is found only: the repr of a key may take long.
        if isinstance(value, Variable) or getattr(type(value), "tracked_state", False):
            yield "_".join(map(str, path)), value
        elif isinstance(value, (list, tuple, set, frozenset)):
            for i, item in enumerate(value):
                if may_hold(item):
                    yield from walk(item, *path, i)
        elif isinstance(value, dict):
            for key, item in value.items():
                if may_hold(item):
                    yield from walk(item, *path, key)

    yield from walk(value, name)

"""Finding the layers and variables that a layer's attributes hold, in the order in which they were set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kjax.keras.core.variable import Variable


def members(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The layers and variables in an attribute's value: itself, or members of lists, tuples and dicts."""
    from kjax.keras.core.layer import Layer

    if isinstance(value, (Layer, Variable)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from members(item, f"{name}_{i}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from members(item, f"{name}_{key}")

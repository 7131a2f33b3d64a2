"""What callbacks know and a resumed run needs: the attributes that their classes name as ``lasting``."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def names_of(callback: Any) -> list[str]:
    """The lasting attributes of a callback, those of its base classes too."""
    found = [name for cls in type(callback).__mro__ for name in vars(cls).get("lasting", ())]
    return list(dict.fromkeys(found))


def collect(callbacks: Iterable[Any]) -> tuple[list[Any], dict[str, np.ndarray]]:
    """What the callbacks know.

    Args:
        callbacks: the callbacks.

    Returns:
        For each callback with such attributes its class and their values, as JSON can hold them, and the arrays, by name.
    """
    rows: list[Any] = []
    arrays: dict[str, np.ndarray] = {}
    for i, callback in enumerate(_knowing(callbacks)):
        values: dict[str, Any] = {}
        for name in names_of(callback):
            values[name] = _packed(getattr(callback, name), f"{i}:{name}", arrays)
        rows.append([type(callback).__name__, values])
    return rows, arrays


def restore(callbacks: Iterable[Any], rows: list[Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Give callbacks what :func:`collect` found; where they are others, say so and leave them alone."""
    present = _knowing(callbacks)
    if [type(c).__name__ for c in present] != [name for name, _ in rows]:
        warnings.warn(
            "the training goes on with other callbacks than those that it was interrupted with, which were "
            f"{', '.join(name for name, _ in rows)}; they begin anew",
            stacklevel=2,
        )
        return
    for callback, (_, values) in zip(present, rows, strict=True):
        for name, value in values.items():
            setattr(callback, name, _unpacked(value, arrays))


def _knowing(callbacks: Iterable[Any]) -> list[Any]:
    return [callback for callback in callbacks if names_of(callback)]


def _packed(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, (list, tuple)):
        return {"list": [_packed(item, f"{place}:{i}", arrays) for i, item in enumerate(value)]}
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        array = np.asarray(value)
        if not array.ndim:
            return array.item()
        arrays[place] = array
        return {"array": place}
    return value


def _unpacked(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, Mapping) and set(value) == {"list"}:
        return [_unpacked(item, arrays) for item in value["list"]]
    if isinstance(value, Mapping) and set(value) == {"array"}:
        return arrays[value["array"]]
    return value

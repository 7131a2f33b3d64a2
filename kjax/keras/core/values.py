"""Values of many variables at once: each crossing between host and device costs more than a small array's bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core.settings import settings
from kjax.keras.core.variable import Variable, own_memory


def read(boxes: Sequence[Variable]) -> list[Any]:
    """The values of variables, as :meth:`Variable.numpy` gives each.

    Args:
        boxes: the variables.
    """
    if scopes.current() is not None:
        return [box.numpy() for box in boxes]
    values: dict[int, Any] = {}
    for live, held in _by_holder(boxes):
        found = [np.array(box.stored_value()) for box in held] if live is None else live.numpy(held)
        values.update((id(box), value) for box, value in zip(held, found, strict=True))
    found = [values[id(box)] for box in boxes]
    return found if settings.era != "tf" else [value if value.shape else value[()] for value in found]


def write(boxes: Sequence[Variable], values: Sequence[Any]) -> None:
    """Set variables to values that fit, as :meth:`Variable.assign` does one by one.

    Args:
        boxes: the variables.
        values: an array for each, of its shape.
    """
    if scopes.current() is not None or scopes.is_drawing():
        for box, value in zip(boxes, values, strict=True):
            box.assign(value)
        return
    moved = jax.device_put([_ready(box, value) for box, value in zip(boxes, values, strict=True)])
    arrays = {id(box): array for box, array in zip(boxes, moved, strict=True)}
    for live, held in _by_holder(boxes):
        if live is not None:
            live.write(held, [arrays[id(box)] for box in held])
            continue
        for box in held:
            box.store(arrays[id(box)])


def _by_holder(boxes: Sequence[Variable]) -> list[tuple[Any, list[Variable]]]:
    """The variables by who has their values: a running training, or None for themselves."""
    groups: dict[int, tuple[Any, list[Variable]]] = {}
    for box in boxes:
        groups.setdefault(id(box._live), (box._live, []))[1].append(box)
    return list(groups.values())


def _ready(box: Variable, value: Any) -> Any:
    """A value in the variable's type: an array of JAX, or memory of its own that JAX can go on using."""
    value = value.value if isinstance(value, Variable) else value
    dtype = box.stored_dtype
    return jnp.asarray(value, dtype) if isinstance(value, jax.Array) else own_memory(value, dtype)

"""Abstract arrays in place of symbolic tensors, arrays and shapes: what a module is traced with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from kjax.keras.core.tensor import KerasTensor, stand_in
from kjax.nn.dtypes import abstract


def stand_in_leaf(leaf: Any, variant: int = 0) -> Any:
    """An abstract array for a symbolic tensor, with sizes for its free axes, or for an array; other things as they are."""
    if isinstance(leaf, KerasTensor):
        return stand_in(leaf, variant)
    if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
        return abstract(leaf)
    return leaf


def symbolic_of_shape(shape: Any, dtype: str) -> Any:
    """Symbolic tensors for a shape, or for a structure of shapes."""
    if isinstance(shape, Mapping):
        return {key: symbolic_of_shape(value, dtype) for key, value in shape.items()}
    if isinstance(shape, (list, tuple)) and shape and isinstance(shape[0], (list, tuple)):
        return [symbolic_of_shape(item, dtype) for item in shape]
    return KerasTensor(shape, dtype, name="spec")


def of_shape(shape: Any, dtype: str, variant: int = 0) -> Any:
    """Abstract arrays for a shape, or for a structure of shapes."""
    return jax.tree.map(lambda tensor: stand_in(tensor, variant), symbolic_of_shape(shape, dtype))


def key_of_leaf(leaf: Any) -> Any:
    """What tells an argument from others when descriptions are kept."""
    return (leaf.shape, str(leaf.dtype)) if isinstance(leaf, jax.ShapeDtypeStruct) else leaf

"""Arrays of files and of JAX in the same memory: nothing is copied on the way from one to the other, where that is possible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_ALIGNMENT = 64
"""XLA:CPU uses the memory of an array as it is if its address is a multiple of this."""

_LARGE = 1 << 20
"""Bytes for which it is worth while to see that they are free."""


def empty(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """A new array, not filled, in memory that JAX can go on using.

    Args:
        shape: its shape.
        dtype: its type.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(tuple(shape))


def raw_bytes(array: Any) -> memoryview:
    """The bytes of an array; those of a NumPy array, or of one of JAX on the CPU, where they lie."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def give(box: Any, array: np.ndarray) -> None:
    """Set a variable to an array that nobody else uses.

    Args:
        box: the variable.
        array: its value, in any type.
    """
    # As an array of JAX, which may use the memory as it is; a NumPy array would be copied for safety.
    box.assign(jnp.asarray(jax.device_put(array), box.stored_dtype))
    if array.nbytes > _LARGE:
        # JAX lets go of a NumPy array, as the value before may be, when it takes the next one; let that be now.
        jax.device_put(np.uint8(0))

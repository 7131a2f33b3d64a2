"""Types of 64 bits, which JAX has in a context alone: eager tensors of scripts keep them, compiled models do not."""

from __future__ import annotations

import contextlib
from typing import Any

import jax
import numpy as np

NARROW = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}
"""The types of 64 bits, and those that take their places elsewhere."""

_NOTHING = contextlib.nullcontext()


def is_wide(thing: Any) -> bool:
    """Whether a type, or what has one, is of 64 bits.

    Args:
        thing: an array, a type or its name.
    """
    dtype = getattr(thing, "dtype", thing)
    if isinstance(dtype, np.dtype):
        return dtype.name in NARROW
    return isinstance(dtype, str) and str.__str__(dtype) in NARROW


def types_of(*things: Any) -> Any:
    """A context in which arrays may be of 64 bits, if any of some arrays or types is."""
    return jax.enable_x64(True) if any(map(is_wide, things)) else _NOTHING


def narrowed(array: Any) -> Any:
    """An array of 64 bits in the type that takes its place; other things as they are."""
    return array.astype(NARROW[array.dtype.name]) if is_wide(getattr(array, "dtype", None)) else array

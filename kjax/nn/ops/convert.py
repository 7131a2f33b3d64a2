"""What the operations do with arguments: lists and numbers become arrays, integers become floats where Keras says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


def array(x: Any) -> Array:
    """``x`` as a JAX array; Python numbers stay weakly typed, so that they never widen the other operand."""
    return x if isinstance(x, jax.Array) else jnp.asarray(x)


def arrays(xs: Any) -> list[Array]:
    """Each of a sequence of array-likes; one array is the sequence of its slices."""
    return [array(x) for x in xs]


def is_floating(x: Any) -> bool:
    """Whether an array holds floating-point or complex numbers."""
    return jnp.issubdtype(x.dtype, jnp.inexact)


def floating(x: Any) -> Array:
    """``x`` as an array of floats: integers and booleans become float32."""
    x = array(x)
    return x if is_floating(x) else x.astype(jnp.float32)


def together(*xs: Any) -> list[Array]:
    """Arrays in one common floating-point type; a Python float is float32 here, as in Keras."""
    found = [jnp.asarray(x, jnp.float32) if type(x) is float else array(x) for x in xs]
    kind = jnp.result_type(*found)
    kind = kind if jnp.issubdtype(kind, jnp.inexact) else jnp.float32
    return [x.astype(kind) for x in found]


def axes(axis: Any) -> Any:
    """An axis argument in the form that JAX takes: lists as tuples."""
    return tuple(axis) if isinstance(axis, list) else axis


def check_axes(name: str, x: Any, axis: Any) -> None:
    """Check that one axis or several are axes of an array.

    Raises:
        ValueError: one is out of range, or no integer.
    """
    rank = np.ndim(x) if not hasattr(x, "ndim") else x.ndim
    for one in axis if isinstance(axis, (list, tuple)) else () if axis is None else (axis,):
        if not hasattr(one, "__index__") or not (-max(rank, 1) <= one < max(rank, 1)):
            raise ValueError(f"{name}: `axis` {one!r} is out of bounds for an array with {rank} axes")


def shape_of(shape: Any) -> tuple[Any, ...]:
    """A shape argument as a tuple: an integer is a shape of one axis."""
    if isinstance(shape, (np.ndarray, jax.Array)):
        shape = np.asarray(shape).tolist()
    sizes = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
    return tuple(int(s) if isinstance(s, (np.ndarray, np.generic)) else s for s in sizes)


def named(function: Callable[..., Any], name: str, doc: str) -> Callable[..., Any]:
    """Give a function its public name and description."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function

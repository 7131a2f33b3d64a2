"""Random arrays of any number of axes, drawn in forms for which XLA:CPU compiles the generator quickly; the values are the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike
from jaxtyping import Array

_SHARED = 2**22
"""The longest vector that is drawn in place of shorter ones: above, drawing takes longer than compiling."""


def in_rows(draw: Callable[..., Array], key: Array, shape: Sequence[int], *args: Any, **kwargs: Any) -> Array:
    """What a function of ``jax.random`` draws for a shape, drawn as a matrix.

    For an array of four axes XLA:CPU takes three to five times as long to compile the generator. The first axis stays, so
    that a batch that is spread over devices stays so.

    Args:
        draw: ``jax.random.normal``, ``bits`` or another function that draws each number by its place.
        key: random key.
        shape: shape of the result.
        *args: further arguments of the function, numbers and types.
        **kwargs: the same by name.
    """
    shape = tuple(shape)
    if len(shape) < 3:
        return draw(key, shape, *args, **kwargs)
    return draw(key, (shape[0], math.prod(shape[1:])), *args, **kwargs).reshape(shape)


_DRAWS: dict[str, Callable[..., Array]] = {
    "uniform": jax.random.uniform,
    "normal": jax.random.normal,
    "truncated_normal": lambda key, shape, dtype, low, high: jax.random.truncated_normal(key, low, high, shape, dtype),
}
_BOUNDS = {"truncated_normal": (-2.0, 2.0)}


def _vector(kind: str, key: Array, size: int, dtype: str, bounds: tuple[float, ...]) -> Array:
    return _DRAWS[kind](key, (size,), dtype, *bounds)


_compiled_vector = jax.jit(_vector, static_argnums=(0, 2, 3))


def drawn(kind: str, key: Array, shape: Sequence[int], dtype: DTypeLike, *bounds: float) -> Any:
    """What a function of ``jax.random`` draws for a shape, as an array of JAX, or outside of compiled programs of NumPy.

    The first numbers of a longer vector are those of a shorter one, so that on CPU one program serves vectors of many
    lengths: to compile one takes as long as to draw ten million numbers.

    Args:
        kind: ``'uniform'``, ``'normal'`` or ``'truncated_normal'`` (from -2 to 2).
        key: random key.
        shape: shape of the result.
        dtype: its type.
        *bounds: of a uniform distribution.
    """
    size, name = math.prod(shape), jnp.dtype(dtype).name
    bounds = bounds or _BOUNDS.get(kind, ())
    flat = None if isinstance(key, Tracer) else _compiled_vector(kind, key, _room(size, key), name, bounds)
    if flat is None or isinstance(flat, Tracer):  # a program is being compiled, into which a known key came
        return _vector(kind, key, size, name, bounds).reshape(tuple(shape))
    return np.asarray(flat)[:size].copy().reshape(tuple(shape))


def scaled(sample: Any, factor: Any, offset: Any = 0.0) -> Any:
    """``sample * factor + offset``, numbers both, in the type of the sample and where it is."""
    if isinstance(sample, np.ndarray):
        factor, offset = np.asarray(factor, sample.dtype), np.asarray(offset, sample.dtype)
    return sample * factor + offset if offset else sample * factor


def on_device(array: Any) -> Array:
    """An array of JAX; one of NumPy goes there as it is, for which, unlike for ``jnp.asarray``, nothing is compiled."""
    return jax.device_put(array) if isinstance(array, np.ndarray) else array


def _room(size: int, key: Array) -> int:
    """The length of the vector that is drawn for ``size`` numbers."""
    is_threefry = jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and str(jax.random.key_impl(key)) == "threefry2x32"
    # Where the setting is gone, numbers are drawn by their place always.
    by_place = is_threefry and getattr(jax.config, "jax_threefry_partitionable", True)
    if not by_place or size > _SHARED or jax.default_backend() != "cpu":
        return size
    power = max(10, (size - 1).bit_length())
    return 2 ** (power + power % 2 if power < 20 else power)

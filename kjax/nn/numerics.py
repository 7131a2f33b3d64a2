"""Arithmetic that losses, metrics and constraints share, defined as Keras defines it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array

# Keras' default fuzz factor: probabilities are clipped to [EPSILON, 1 - EPSILON] before a logarithm.
EPSILON = 1e-7


def divide_no_nan(numerator: Array, denominator: Array) -> Array:
    """The quotient, 0 where the denominator is 0; its gradient is finite there too."""
    zero = denominator == 0
    return jnp.where(zero, 0, numerator / jnp.where(zero, 1, denominator))


def l2_normalize(x: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """``x`` divided by its Euclidean norm along ``axis``, or by 1e-7 where the norm is smaller."""
    squares = jnp.sum(jnp.square(x), axis, keepdims=True)
    # The bound is inside the root, so that the gradient at a zero vector is 0 and not NaN.
    return x * jax.lax.rsqrt(jnp.maximum(squares, EPSILON**2))


def argmax(x: Array, axis: int = -1) -> Array:
    """Index of the first largest value along ``axis`` (of the first NaN, if there is one), as ``jnp.argmax``.

    Two plain reductions: XLA's reduction of pairs (value, index) is 5 to 8 times slower on CPU for 1000 classes.
    """
    axis %= x.ndim
    largest = jnp.max(x, axis, keepdims=True)
    index = jax.lax.broadcasted_iota(jnp.int32, x.shape, axis)
    return jnp.min(jnp.where((x == largest) | (x != x), index, x.shape[axis]), axis)


def match_ranks(x: Array, y: Array, *, expand_vectors: bool = True) -> tuple[Array, Array]:
    """Two arrays in the same rank, where their ranks differ by a last axis of size 1.

    Args:
        x: one array.
        y: the other.
        expand_vectors: a vector against a matrix of one column becomes a column; False: the matrix a vector.

    Returns:
        Both arrays; unchanged where the difference is any other.
    """
    if x.ndim == y.ndim + 1 and x.shape[-1] == 1:
        return (x, y[..., None]) if y.ndim == 1 and expand_vectors else (x[..., 0], y)
    if y.ndim == x.ndim + 1 and y.shape[-1] == 1:
        return (x[..., None], y) if x.ndim == 1 and expand_vectors else (x, y[..., 0])
    return x, y


def align_ranks(x: Array, y: Array) -> tuple[Array, Array]:
    """Give two arrays the same rank by axes of size 1, so that their product broadcasts.

    The array of lower rank is matched to the leading axes of the other if they agree (one weight a sample, for
    losses of several steps a sample), else to the trailing axes, as numpy does it.
    """
    if x.ndim > y.ndim:
        return x, _expand(y, x)
    return _expand(x, y), y


def _expand(low: Array, high: Array) -> Array:
    missing = (1,) * (high.ndim - low.ndim)
    if low.shape == high.shape[: low.ndim]:
        return low.reshape(low.shape + missing)
    return low.reshape(missing + low.shape)

"""Quantization as pure functions: small integers and short floats for large arrays, and what training needs of them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.numerics import EPSILON
from kjax.nn.ops.convert import array, axes


def abs_max_quantize(
    inputs: Any,
    axis: Any,
    value_range: tuple[int, int] = (-127, 127),
    dtype: Any = "int8",
    epsilon: float = EPSILON,
    to_numpy: bool = False,
) -> tuple[Array, Array]:
    """Integers proportional to the inputs, the largest absolute value along axes at the end of the range.

    Args:
        inputs: array of floats.
        axis: axis or axes that share a scale.
        value_range: smallest and largest integer.
        dtype: type of the integers.
        epsilon: added to the largest absolute value.
        to_numpy: accepted for compatibility.

    Returns:
        The integers, and the scale: integers divided by it are near the inputs.
    """
    del to_numpy
    x = array(inputs)
    largest = jnp.max(jnp.abs(x), axis=axes(axis), keepdims=True)
    scale = (value_range[1] / (largest + epsilon)).astype(x.dtype)
    return jnp.clip(jnp.round(x * scale), *value_range).astype(dtype), scale


def quantize_and_dequantize(inputs: Any, scale: Any, quantized_dtype: Any, compute_dtype: Any) -> Array:
    """``inputs / scale`` rounded to a short float type, times ``scale``."""
    factor = array(scale).astype(compute_dtype)
    limit = jnp.asarray(float(jnp.finfo(quantized_dtype).max), compute_dtype)
    x = jnp.clip(array(inputs) / factor, -limit, limit).astype(quantized_dtype)
    return x.astype(compute_dtype) * factor


def compute_float8_scale(amax: Any, scale: Any, dtype_max: float, margin: int = 0) -> Array:
    """The next scale of a short float type, from the largest recent absolute value (NVIDIA's Transformer Engine).

    Args:
        amax: largest recent absolute value.
        scale: present scale, which stays where ``amax`` is 0 or not finite.
        dtype_max: largest number of the type.
        margin: binary digits of room.
    """
    amax = array(amax)
    wanted = dtype_max / amax / 2**margin
    return jnp.reciprocal(jnp.where((amax > 0) & jnp.isfinite(amax), wanted, jnp.reciprocal(array(scale))))


def compute_float8_amax_history(x: Any, amax_history: Any) -> Array:
    """The largest absolute values of recent steps, moved on by one, with that of ``x`` at place 0."""
    history = jnp.roll(array(amax_history), -1)
    return history.at[0].set(jnp.max(jnp.abs(array(x))).astype(history.dtype))


def _nibble_type(name: str, dtype: str) -> None:
    if dtype not in ("int8", "uint8"):
        raise ValueError(f"{name}: `dtype` must be 'int8' or 'uint8', received {dtype!r}")


def pack_int4(arr: Any, axis: int = 0, dtype: str = "int8") -> tuple[Array, tuple[int, ...], int]:
    """Two integers of four bits in each byte: pairs along an axis, the first in the low half.

    Args:
        arr: integers from -8 to 7, or 0 to 15 for ``'uint8'``.
        axis: the axis; a missing last one is 0.
        dtype: type of ``arr`` and of the result.

    Returns:
        The bytes, their shape, and the length of the axis before.

    Raises:
        TypeError: ``arr`` is of another type.
    """
    _nibble_type("pack_int4", dtype)
    x = array(arr)
    if x.dtype != dtype:
        raise TypeError(f"pack_int4: expected an array of {dtype}, received one of {x.dtype}")
    x = jnp.moveaxis(x, axis, 0)
    length = x.shape[0]
    if length % 2:
        x = jnp.concatenate([x, jnp.zeros_like(x[:1])])
    bits = x.astype(jnp.uint8) & 0x0F
    packed = jnp.moveaxis(bits[::2] | (bits[1::2] << 4), 0, axis).astype(dtype)
    return packed, tuple(packed.shape), length


def unpack_int4(packed: Any, orig_len: int, axis: int = 0, dtype: str = "int8") -> Array:
    """The inverse of :func:`pack_int4`.

    Args:
        packed: bytes.
        orig_len: length of the axis before it was packed.
        axis: the axis.
        dtype: type of the result: ``'int8'`` gives -8 to 7, ``'uint8'`` 0 to 15.

    Raises:
        TypeError: ``packed`` is of another type.
    """
    _nibble_type("unpack_int4", dtype)
    x = array(packed)
    if x.dtype not in (jnp.int8, jnp.uint8):
        raise TypeError(f"unpack_int4: expected an array of int8 or uint8, received one of {x.dtype}")
    bits = jnp.moveaxis(x, axis, 0).astype(jnp.uint8)
    both = jnp.stack([bits & 0x0F, bits >> 4], axis=1).reshape(-1, *bits.shape[1:])[:orig_len]
    values = both.astype(jnp.int8)
    values = (values ^ 8) - 8 if dtype == "int8" else values
    return jnp.moveaxis(values.astype(dtype), 0, axis)


def fake_quant_with_min_max_vars(
    inputs: Any,
    min_vals: Any,
    max_vals: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Array:
    """Inputs rounded to the levels of a quantization of a range; gradients pass inside of the range.

    Args:
        inputs: array of floats.
        min_vals: lower end of the range, a scalar or one for each place along ``axis``; moved a little, so that 0 is a level.
        max_vals: upper end.
        num_bits: number of bits of a level.
        narrow_range: whether the lowest level is left out.
        axis: axis of the channels, or None.
    """
    x = array(inputs)
    shape = [1] * x.ndim
    if axis is not None:
        shape[axis] = -1
    low, high = (array(v).reshape(shape) for v in (min_vals, max_vals))
    return _fake_quant(x, low, high, 1 if narrow_range else 0, 2**num_bits - 1)


def _levels(low: Array, high: Array, first: int, last: int) -> tuple[Array, Array, Array]:
    wide = jnp.promote_types(low.dtype, jnp.float32)
    low, high = low.astype(wide), high.astype(wide)
    step = (high - low) / (last - first)
    zero = jnp.round(jnp.clip(first - low / step, first, last))
    return (first - zero) * step, (last - zero) * step, (last - first) / (high - low)


def _fake_quant_value(x: Array, low: Array, high: Array, first: int, last: int) -> Array:
    bottom, top, inverse = _levels(low, high, first, last)
    zero = jnp.floor(-bottom * inverse + 0.5)
    clamped = jnp.clip(x.astype(bottom.dtype), bottom, top) - bottom
    return (jnp.floor(clamped * inverse - zero + 0.5) / inverse).astype(x.dtype)


_fake_quant = jax.custom_vjp(_fake_quant_value, nondiff_argnums=(3, 4))


def _forward(x: Array, low: Array, high: Array, first: int, last: int) -> Any:
    return _fake_quant_value(x, low, high, first, last), (x, low, high)


def _backward(first: int, last: int, kept: Any, upstream: Array) -> tuple[Array, Array, Array]:
    x, low, high = kept
    bottom, top, _ = _levels(low, high, first, last)
    inside = (x >= bottom) & (x <= top)
    over = tuple(i for i, s in enumerate(low.shape) if s == 1)
    below = jnp.sum(jnp.where(x < bottom, upstream, 0), axis=over, keepdims=True)
    above = jnp.sum(jnp.where(x > top, upstream, 0), axis=over, keepdims=True)
    return jnp.where(inside, upstream, 0), below.astype(low.dtype), above.astype(high.dtype)


_fake_quant.defvjp(_forward, _backward)

"""Quantization as pure functions: small integers and short floats for large arrays, and what training needs of them."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
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
        to_numpy: compute on the host, which takes no memory of the device.

    Returns:
        The integers, and the scale: integers divided by it are near the inputs.
    """
    xp, x = _on(inputs, to_numpy)
    largest = xp.max(xp.abs(x), axis=axes(axis), keepdims=True)
    scale = (value_range[1] / (largest + epsilon)).astype(x.dtype)
    return jnp.asarray(xp.clip(xp.round(x * scale), *value_range).astype(dtype)), jnp.asarray(scale)


def _on(inputs: Any, host: bool) -> tuple[Any, Any]:
    """NumPy or JAX, and the inputs as its array."""
    return (np, np.asarray(inputs)) if host else (jnp, array(inputs))


def abs_max_quantize_grouped_with_zero_point(
    inputs: Any,
    block_size: int,
    value_range: tuple[int, int] = (-8, 7),
    dtype: Any = "int8",
    epsilon: float = EPSILON,
    to_numpy: bool = False,
) -> tuple[Array, Array, Array]:
    """Integers whose range is that of a group of rows, from its smallest to its largest value.

    Args:
        inputs: matrix (rows, columns).
        block_size: rows in a group; the last may have fewer.
        value_range: smallest and largest integer.
        dtype: type of the integers.
        epsilon: added to the width of each range.
        to_numpy: compute on the host, which takes no memory of the device.

    Returns:
        The integers (rows, columns), the scale (groups, columns), and the integer that stands for 0 (groups, columns):
        ``(integers - zero) * scale`` is near the inputs.
    """
    xp, x = _on(inputs, to_numpy)
    rows, columns = x.shape
    low, high = value_range
    groups = -(-rows // block_size)
    padded = xp.pad(x, ((0, groups * block_size - rows), (0, 0))).reshape(groups, block_size, columns)
    if to_numpy:
        bottom, top = padded.min(axis=1), padded.max(axis=1)
        scale = (top - bottom + epsilon) / (high - low)
        zero = np.clip(np.round(-bottom / scale) + low, low, high)
    else:
        scale, zero, _ = compute_quantization_parameters(
            x.T,
            bits=int(math.log2(high - low + 1)),
            per_channel=True,
            group_size=block_size,
            compute_dtype=x.dtype,
            epsilon=epsilon,
            signed=True,
        )
        scale, zero = scale.T, zero.T
    values = xp.clip(xp.round(padded / scale[:, None]) + zero[:, None], low, high).astype(dtype)
    values = values.reshape(groups * block_size, columns)[:rows]
    return jnp.asarray(values), jnp.asarray(scale, x.dtype), jnp.asarray(zero.astype("int8"))


def compute_quantization_parameters(
    x: Any,
    *,
    bits: int,
    symmetric: bool = False,
    per_channel: bool = False,
    group_size: int = -1,
    compute_dtype: Any = "float32",
    epsilon: float = 0.0,
    signed: bool = False,
) -> tuple[Array, Array, Array]:
    """The scale and the zero of the integers that stand for weights.

    Args:
        x: weights (outputs, inputs).
        bits: bits of an integer.
        symmetric: give the range of the integers the same width on both sides of 0.
        per_channel: one range for each output; otherwise one for all.
        group_size: with ``per_channel``, inputs that share a range; -1: all.
        compute_dtype: type of the largest integer.
        epsilon: added to the width of a range.
        signed: integers around 0, not from 0.

    Returns:
        Scale and zero (outputs, groups), and the largest integer (that of unsigned ones).

    Raises:
        ValueError: no matrix, or an empty one.
    """
    if x is None:
        raise ValueError("compute_quantization_parameters: Input tensor None cannot be None: give the weights")
    x = array(x)
    if x.ndim < 2:
        raise ValueError(
            "compute_quantization_parameters: Input weight tensor must have a rank of at least 2, but got rank "
            f"{x.ndim}"
        )
    if x.size == 0:
        raise ValueError(
            f"compute_quantization_parameters: Input tensor 'x' cannot be empty, received one of shape {x.shape}"
        )
    outputs, inputs = x.shape[:2]
    groups = -(-inputs // group_size) if per_channel and group_size > 0 else 1
    if groups > 1:
        ranges = jnp.pad(x, ((0, 0), (0, groups * group_size - inputs))).reshape(outputs, groups, group_size)
    else:
        ranges = x.reshape(outputs if per_channel else 1, 1, -1)
    low, high = ranges.min(axis=2), ranges.max(axis=2)
    if symmetric:
        largest = jnp.maximum(jnp.abs(low), high)
        low, high = jnp.where(low < 0, -largest, low), largest
    empty = low == high
    low, high = jnp.where(empty, low - 1, low), jnp.where(empty, high + 1, high)
    last = jnp.asarray(2**bits - 1, compute_dtype)
    scale = (high - low + epsilon) / last
    scale = jnp.where(scale <= 0, 1e-8, scale)
    first = -(2 ** (bits - 1)) if signed else 0
    zero = jnp.full_like(scale, 2 ** (bits - 1)) if symmetric else jnp.round(-low / scale)
    if signed:
        zero = jnp.clip(zero + first, first, -first - 1)
    scale, zero = (jnp.broadcast_to(v, (outputs, groups)) for v in (scale, zero))
    return scale, zero.astype("int8" if signed else "uint8"), last


def quantize_with_zero_point(x: Any, scale: Any, zero: Any, last: Any) -> Array:
    """``round(x / scale + zero)``, between 0 and ``last``; still floats."""
    scale = jnp.where(scale == 0, jnp.asarray(1e-8, scale.dtype), scale)
    return jnp.clip(jnp.round(x / scale + zero.astype(scale.dtype)), 0, last)


def dequantize_with_zero_point(values: Any, scale: Any, zero: Any) -> Array:
    """``(values - zero) * scale``."""
    return scale * (values - zero.astype(scale.dtype))


def of_groups(per_group: Any, groups: Any, axis: int = -1) -> Array:
    """The numbers of groups as numbers of their members: ``groups`` has the group of each place along the axis."""
    return jnp.take(per_group, groups.astype("int32"), axis=axis)


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

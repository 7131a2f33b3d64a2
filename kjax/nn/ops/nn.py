"""The part of ``keras.ops`` for networks: activations, encodings, losses, normalization, attention."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import activations
from kjax.nn.numerics import EPSILON
from kjax.nn.ops import sparse as sparse_arrays
from kjax.nn.ops.convert import array, axes, check_axes, floating, named


def _activation(name: str) -> Any:
    target = getattr(activations, name)

    def function(x: Any) -> Array:
        return target(array(x))

    return named(function, name, target.__doc__)


ACTIVATIONS = (
    "relu relu6 sigmoid sparse_sigmoid softplus softsign sparse_plus silu log_sigmoid hard_sigmoid hard_silu selu "
    "tanh_shrink hard_tanh"
)
"""Activations without parameters: those of :mod:`kjax.nn.activations`."""

globals().update({name: _activation(name) for name in ACTIVATIONS.split()})
swish = named(lambda x: activations.silu(array(x)), "swish", activations.silu.__doc__ or "")
hard_swish = named(lambda x: activations.hard_silu(array(x)), "hard_swish", activations.hard_silu.__doc__ or "")


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Array:
    """``x`` where it is positive, ``negative_slope * x`` elsewhere."""
    return activations.leaky_relu(array(x), negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Array:
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere."""
    return activations.elu(array(x), alpha)


def celu(x: Any, alpha: float = 1.0) -> Array:
    """``x`` where it is positive, ``alpha * (exp(x / alpha) - 1)`` elsewhere."""
    return activations.celu(array(x), alpha)


def gelu(x: Any, approximate: bool = True) -> Array:
    """``x`` times the normal distribution function at ``x``; by ``tanh`` where ``approximate``."""
    return activations.gelu(array(x), approximate)


def glu(x: Any, axis: int = -1) -> Array:
    """First half along ``axis`` times the sigmoid of the second half.

    Raises:
        ValueError: the size of the axis is odd.
    """
    check_axes("glu", x, axis)
    if jnp.ndim(x) and jnp.shape(x)[axis] % 2:
        raise ValueError(f"glu: the size of axis {axis} must be even, received shape {jnp.shape(x)}")
    return activations.glu(array(x), axis)


def squareplus(x: Any, b: float = 4) -> Array:
    """``(x + sqrt(x ** 2 + b)) / 2``."""
    return activations.squareplus(array(x), b)


def soft_shrink(x: Any, threshold: float = 0.5) -> Array:
    """``x`` moved towards 0 by ``threshold``, 0 where it would cross it."""
    return activations.soft_shrink(array(x), threshold)


def hard_shrink(x: Any, threshold: float = 0.5) -> Array:
    """``x`` where ``|x|`` exceeds ``threshold``, 0 elsewhere."""
    return activations.hard_shrink(floating(x), threshold)


def threshold(x: Any, threshold: float, default_value: float) -> Array:
    """``x`` where it exceeds ``threshold``, ``default_value`` elsewhere."""
    return activations.threshold(array(x), threshold, default_value)


def softmax(x: Any, axis: Any = -1) -> Array:
    """``exp(x) / sum(exp(x))`` along an axis or several, all of them for None; warns where there is one element only."""
    check_axes("softmax", x, axis)
    if isinstance(axis, int) and jnp.ndim(x) and jnp.shape(x)[axis] == 1:
        warnings.warn(
            f"softmax over axis {axis} of an array of shape {jnp.shape(x)}: the axis has size 1, so the result is 1 "
            "everywhere; for a probability use sigmoid",
            stacklevel=2,
        )
    return jax.nn.softmax(floating(x), axes(axis))


def log_softmax(x: Any, axis: Any = -1) -> Array:
    """``log(softmax(x))`` along an axis or several, all of them for None."""
    check_axes("log_softmax", x, axis)
    return jax.nn.log_softmax(floating(x), axes(axis))


def sparsemax(x: Any, axis: int = -1) -> Array:
    """Euclidean projection onto the probability simplex along ``axis``."""
    return activations.sparsemax(floating(x), axis)


# -- encodings --------------------------------------------------------------------------------------------------------


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Array:
    """1 at the place of each integer along a new axis, 0 elsewhere; integers outside give zeros.

    With ``sparse=True`` a ``BCOO`` array with one stored value for each integer.

    Raises:
        ValueError: ``sparse`` is True and the new axis is not the last.
    """
    if sparse:
        return sparse_arrays.one_hot(array(x), num_classes, axis, dtype or jnp.float32)
    return jax.nn.one_hot(array(x), num_classes, axis=axis, dtype=dtype or jnp.float32)


def multi_hot(
    inputs: Any,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Array:
    """1 at the places of all integers of a row, 0 elsewhere.

    Args:
        inputs: integers of shape (n,) or (batch, n).
        num_classes: size of the new axis; ``num_tokens`` in older scripts.
        axis: where the new axis goes.
        dtype: type of the result, float32 by default.
        sparse: whether the result is a ``BCOO`` array, with one stored value for each integer.
        **kwargs: ``num_tokens``.

    Raises:
        ValueError: no ``num_classes``; ``sparse`` is True and the new axis is not the last.
    """
    num_classes = kwargs.pop("num_tokens", None) if num_classes is None else num_classes
    if num_classes is None or kwargs:
        raise ValueError(f"multi_hot: the argument `num_classes` is needed; unknown arguments: {sorted(kwargs)}")
    x = array(inputs)
    if sparse:
        return sparse_arrays.multi_hot(x, num_classes, axis, dtype or jnp.float32)
    encoded = one_hot(x.astype(jnp.int32), num_classes, axis, dtype)
    return jnp.max(encoded, axis=1 if x.ndim > 1 else 0)


# -- losses -----------------------------------------------------------------------------------------------------------


def _same_shape(name: str, target: Array, output: Array) -> None:
    if target.shape != output.shape:
        raise ValueError(
            f"{name}: `target` and `output` must have the same shape, received {target.shape} and {output.shape}"
        )


def _log_probabilities(output: Array, from_logits: bool, axis: int) -> Array:
    if from_logits:
        return jax.nn.log_softmax(output, axis)
    return jnp.log(jnp.clip(output / jnp.sum(output, axis, keepdims=True), EPSILON, 1 - EPSILON))


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Array:
    """``-sum(target * log(output))`` over the classes.

    Args:
        target: distributions.
        output: probabilities (brought to the sum 1 and clipped) or logits, of the same shape.
        from_logits: whether ``output`` are logits.
        axis: axis of the classes.

    Raises:
        ValueError: other shapes.
    """
    target, output = array(target), array(output)
    _same_shape("categorical_crossentropy", target, output)
    if target.ndim < 1:
        raise ValueError(
            "categorical_crossentropy: `target` and `output` must have at least one axis, received scalars"
        )
    return -jnp.sum(target * _log_probabilities(output, from_logits, axis), axis=axis)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Array:
    """``-log(output[target])``: :func:`categorical_crossentropy` for integer targets.

    Args:
        target: integers of the shape of ``output`` without its last axis, or with one of size 1.
        output: probabilities or logits.
        from_logits: whether ``output`` are logits.
        axis: axis of the classes.

    Raises:
        ValueError: other shapes.
    """
    target, output = array(target).astype(jnp.int32), array(output)
    if output.ndim < 1:
        raise ValueError("sparse_categorical_crossentropy: `output` must have at least one axis, received a scalar")
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = jnp.squeeze(target, -1)
    if target.shape != output.shape[:-1]:
        raise ValueError(
            "sparse_categorical_crossentropy: `target` must have the shape of `output` without its last axis, received "
            f"{target.shape} and {output.shape}"
        )
    chosen = jax.nn.one_hot(target, output.shape[axis], axis=axis)
    return -jnp.sum(chosen * _log_probabilities(output, from_logits, axis), axis=axis)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Array:
    """``-(target * log(output) + (1 - target) * log(1 - output))`` for each element.

    Args:
        target: numbers from 0 to 1.
        output: probabilities (clipped) or logits, of the same shape.
        from_logits: whether ``output`` are logits.

    Raises:
        ValueError: other shapes.
    """
    target, output = array(target), array(output)
    _same_shape("binary_crossentropy", target, output)
    if from_logits:
        target = target.astype(jnp.result_type(target, output.dtype))
        return -target * jax.nn.log_sigmoid(output) - (1.0 - target) * jax.nn.log_sigmoid(-output)
    output = jnp.clip(output, EPSILON, 1.0 - EPSILON)
    return -(target * jnp.log(output) + (1.0 - target) * jnp.log(1.0 - output))


def psnr(x1: Any, x2: Any, max_val: float) -> Array:
    """Peak signal-to-noise ratio in decibels: ``20 log10(max_val) - 10 log10(mean((x1 - x2) ** 2))``.

    Raises:
        ValueError: other shapes.
    """
    x1, x2 = array(x1), array(x2)
    if x1.shape != x2.shape:
        raise ValueError(f"psnr: `x1` and `x2` must have the same shape, received {x1.shape} and {x2.shape}")
    return 20 * jnp.log10(jnp.asarray(max_val, x2.dtype)) - 10 * jnp.log10(jnp.mean(jnp.square(x1 - x2)))


# -- normalization ----------------------------------------------------------------------------------------------------


def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple[Array, Array]:
    """Mean and variance over axes, computed in float32 for the short types.

    Raises:
        NotImplementedError: ``synchronized`` is True: one program sees the whole batch here.
    """
    if synchronized:
        raise NotImplementedError(
            "moments: `synchronized=True` is not needed: a sharded batch is one array, whose statistics are those of all "
            "devices; leave it at False"
        )
    x = array(x)
    short = x.dtype in (jnp.float16, jnp.bfloat16)
    over = tuple(axes) if isinstance(axes, (list, tuple)) else axes
    wide = x.astype(jnp.float32) if short else x
    results = jnp.mean(wide, over, keepdims=keepdims), jnp.var(wide, over, keepdims=keepdims)
    if not short:
        return results
    limits = jnp.finfo(jnp.float16)
    mean, variance = (jnp.clip(r, limits.min, limits.max).astype(x.dtype) for r in results)
    return mean, variance


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Array:
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset``, all vectors along ``axis``.

    Raises:
        ValueError: one of them is no vector as long as the axis.
    """
    x = array(x)
    check_axes("batch_normalization", x, axis)
    for name, vector in (("mean", mean), ("variance", variance), ("offset", offset), ("scale", scale)):
        if vector is not None and jnp.shape(vector) != (x.shape[axis],):
            raise ValueError(
                f"batch_normalization: `{name}` must be a vector of the {x.shape[axis]} places of axis {axis}, received shape "
                f"{jnp.shape(vector)}"
            )
    shape = [1] * x.ndim
    shape[axis] = -1
    factor = jax.lax.rsqrt(array(variance) + epsilon).reshape(shape)
    if scale is not None:
        factor = factor * array(scale).reshape(shape)
    shift = -array(mean).reshape(shape) * factor
    if offset is not None:
        shift = shift + array(offset).reshape(shape)
    return x * factor + shift


def _wide(x: Array) -> Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None, **kwargs: Any
) -> Array:
    """``x`` with mean 0 and variance 1 along axes, times ``gamma`` plus ``beta`` (https://arxiv.org/abs/1607.06450).

    Args:
        x: array.
        gamma: factor, of the shape of the normalized axes.
        beta: shift, of the same shape.
        axis: axis or axes.
        epsilon: added to the variance; 1e-7 by default.
        **kwargs: ``rms_scaling=True`` divides by the standard deviation without shifting anything.
    """
    rms_scaling = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"layer_normalization: unknown arguments {sorted(kwargs)}")
    x = array(x)
    wide = _wide(x)
    epsilon = EPSILON if epsilon is None else epsilon
    over = sorted(a % x.ndim for a in (axis if isinstance(axis, (list, tuple)) else [axis]))
    shape = [x.shape[a] if a in over else 1 for a in range(x.ndim)]

    def along(v: Any) -> Array:
        v = array(v).astype(wide.dtype)
        return v if v.ndim == x.ndim else v.reshape(shape)

    variance = jnp.var(wide, tuple(over), keepdims=True)
    factor = jax.lax.rsqrt(variance + epsilon)
    if gamma is not None:
        factor = factor * along(gamma)
    if rms_scaling:
        return (wide * factor).astype(x.dtype)
    shift = -jnp.mean(wide, tuple(over), keepdims=True) * factor
    if beta is not None:
        shift = shift + along(beta)
    return (wide * factor + shift).astype(x.dtype)


def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Array:
    """``x / sqrt(mean(x ** 2) + epsilon) * scale`` along axes (https://arxiv.org/abs/1910.07467)."""
    x = jnp.atleast_1d(array(x))
    wide = _wide(x)
    epsilon = EPSILON if epsilon is None else epsilon
    result = wide * jax.lax.rsqrt(jnp.mean(jnp.square(wide), axes(axis), keepdims=True) + epsilon)
    if scale is not None:
        factor = array(scale).astype(wide.dtype)
        result = result * factor.reshape((1,) * (x.ndim - factor.ndim) + factor.shape)
    return result.astype(x.dtype)


def normalize(x: Any, axis: Any = -1, order: int = 2, epsilon: float | None = None) -> Array:
    """``x`` divided by its norm of an order along axes, or by ``epsilon`` where the norm is smaller.

    Raises:
        ValueError: ``order`` is no integer of at least 1.
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize: `order` must be an integer of at least 1, received {order!r}")
    x = jnp.atleast_1d(array(x))
    epsilon = EPSILON if epsilon is None else epsilon
    if order == 2:
        factor = jax.lax.rsqrt(jnp.sum(jnp.square(x), axes(axis), keepdims=True))
        return x * jnp.minimum(factor, 1.0 / epsilon)
    norm = jnp.linalg.norm(floating(x), order, axes(axis), keepdims=True)
    return x / jnp.maximum(norm, epsilon)


# -- attention, complex numbers ---------------------------------------------------------------------------------------


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Array:
    """Scaled dot-product attention with several heads (https://arxiv.org/abs/1706.03762).

    Args:
        query: (batch, queries, heads, size).
        key: (batch, keys, heads, size); fewer heads are shared by groups of query heads.
        value: as ``key``.
        bias: added to the scores, of a shape that broadcasts to (batch, heads, queries, keys).
        mask: True where a query may look, of such a shape.
        scale: factor of the scores; 1 / sqrt(size) by default.
        is_causal: whether a query sees no later keys.
        flash_attention: True asks for the fused kernel of the GPU (cuDNN), None and False leave it to XLA.
        attn_logits_soft_cap: bounds the scores by ``cap * tanh(score / cap)``.

    Raises:
        ValueError: an array without four axes.
    """
    query, key, value = array(query), array(key), array(value)
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.ndim != 4:
            raise ValueError(
                f"dot_product_attention: `{name}` must have shape (batch, length, heads, size), received {x.shape}"
            )
    bias = None if bias is None else _four_axes(array(bias))
    mask = None if mask is None else _four_axes(array(mask).astype(bool))
    if attn_logits_soft_cap is not None:
        return _capped_attention(query, key, value, bias, mask, scale, is_causal, attn_logits_soft_cap)
    kernel = "cudnn" if flash_attention else "xla"
    return jax.nn.dot_product_attention(
        query, key, value, bias=bias, mask=mask, scale=scale, is_causal=is_causal, implementation=kernel
    )


def _four_axes(x: Array) -> Array:
    return x[:, None] if x.ndim == 3 else x.reshape((1,) * (4 - x.ndim) + x.shape)


def _capped_attention(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None,
    mask: Array | None,
    scale: float | None,
    is_causal: bool,
    cap: float,
) -> Array:
    groups = query.shape[2] // key.shape[2]
    key, value = (jnp.repeat(x, groups, axis=2) for x in (key, value))
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key, preferred_element_type=jnp.float32) * factor
    scores = cap * jnp.tanh(scores / cap)
    if bias is not None:
        scores = scores + bias
    hidden = jnp.zeros((1, 1, 1, 1), bool) if mask is None else ~mask
    if is_causal:
        hidden = hidden | ~jnp.tril(jnp.ones(scores.shape[-2:], bool))[None, None]
    weights = jax.nn.softmax(jnp.where(hidden, -0.7 * jnp.finfo(scores.dtype).max, scores), axis=-1)
    return jnp.einsum("bhqk,bkhd->bqhd", weights.astype(value.dtype), value)


def polar(abs_: Any, angle: Any) -> Array:
    """Complex numbers from their absolute values and angles."""
    abs_, angle = array(abs_), array(angle)
    for name, x in (("abs_", abs_), ("angle", angle)):
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise ValueError(f"polar: `{name}` must hold floats, received {x.dtype}")
    return jax.lax.complex(abs_ * jnp.cos(angle), abs_ * jnp.sin(angle))


# -- blocks -----------------------------------------------------------------------------------------------------------


def _block(name: str, block_size: Any, sizes: dict[str, int], unit: int) -> int:
    """Check a block size and that what it divides is a multiple of ``unit``."""
    if not isinstance(block_size, int) or block_size < 2:
        raise ValueError(f"{name}: `block_size` must be an integer of at least 2, received {block_size!r}")
    for what, size in sizes.items():
        if size % unit:
            raise ValueError(f"{name}: the {what} {size} must be a multiple of {unit} (`block_size` is {block_size})")
    return block_size


def depth_to_space(x: Any, block_size: int, data_format: str | None = "channels_last") -> Array:
    """Channels moved into blocks of pixels: (N, H, W, C) to (N, H * b, W * b, C / b ** 2)."""
    x = array(x)
    channels = x.shape[1 if data_format == "channels_first" else -1]
    unit = block_size**2 if isinstance(block_size, int) and block_size > 1 else 1
    b = _block("depth_to_space", block_size, {"number of channels": channels}, unit)
    if data_format == "channels_first":
        n, c, h, w = x.shape
        parts = x.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
        return parts.reshape(n, c // b**2, h * b, w * b)
    n, h, w, c = x.shape
    return x.reshape(n, h, w, b, b, c // b**2).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, c // b**2)


def space_to_depth(x: Any, block_size: int, data_format: str | None = "channels_last") -> Array:
    """Blocks of pixels moved into channels: (N, H, W, C) to (N, H / b, W / b, C * b ** 2)."""
    x = array(x)
    height, width = x.shape[2:] if data_format == "channels_first" else x.shape[1:3]
    unit = block_size if isinstance(block_size, int) and block_size > 1 else 1
    b = _block("space_to_depth", block_size, {"height": height, "width": width}, unit)
    if data_format == "channels_first":
        n, c, h, w = x.shape
        parts = x.reshape(n, c, h // b, b, w // b, b).transpose(0, 1, 3, 5, 2, 4)
        return parts.reshape(n, c * b**2, h // b, w // b)
    n, h, w, c = x.shape
    return x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, c * b**2)


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Array:
    """Sliding windows of images as columns: (N, C, H, W) to (N, C * kh * kw, windows)."""
    x = array(x)
    if x.ndim != 4:
        raise ValueError(f"unfold: expected a 4D array (batch, channels, height, width), received shape {x.shape}")
    pads = [(p, p) for p in _pair(padding)]
    patches = jax.lax.conv_general_dilated_patches(
        x,
        _pair(kernel_size),
        _pair(stride),
        pads,
        rhs_dilation=_pair(dilation),
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
    )
    return patches.reshape(*patches.shape[:2], -1)


def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Array:
    """The transpose of :func:`unfold`: columns added up to images, (N, C * kh * kw, windows) to (N, C, H, W)."""
    x = array(x)
    if x.ndim != 3:
        raise ValueError(f"fold: expected a 3D array (batch, channels * window, windows), received shape {x.shape}")
    (height, width), (kh, kw) = _pair(output_size), _pair(kernel_size)
    spans = zip((height, width), (kh, kw), _pair(dilation), _pair(padding), _pair(stride), strict=True)
    rows, columns = ((size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, d, p, s in spans)
    if x.shape[1] % (kh * kw) or x.shape[2] != rows * columns:
        raise ValueError(
            f"fold: expected shape (batch, multiple of {kh * kw}, {rows * columns}) for output_size={output_size!r} and "
            f"kernel_size={kernel_size!r}, received {x.shape}"
        )
    like = jax.ShapeDtypeStruct((x.shape[0], x.shape[1] // (kh * kw), height, width), x.dtype)
    transposed = jax.linear_transpose(lambda image: unfold(image, kernel_size, dilation, padding, stride), like)
    return transposed(x)[0]

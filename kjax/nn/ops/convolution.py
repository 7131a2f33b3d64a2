"""Convolutions and pooling of ``keras.ops``, in both data formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from kjax.nn import lowering
from kjax.nn.ops.convert import array

Sizes = int | Sequence[int]


def _sizes(value: Sizes | None, rank: int, name: str) -> tuple[int, ...]:
    if value is None and name == "dilation_rate":
        return (1,) * rank
    if value is None:
        raise ValueError(f"`{name}` must be one integer or {rank}, received None")
    sizes = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(sizes) != rank:
        raise ValueError(f"`{name}` must be one integer or {rank}, received {value!r}")
    return sizes


def _padding(padding: str) -> str:
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        raise ValueError(f"`padding` must be 'valid' or 'same', received {padding!r}")
    return padding.lower()


def _last(x: Array, data_format: str | None) -> Array:
    return jnp.moveaxis(x, 1, -1) if data_format == "channels_first" else x


def _back(x: Array, data_format: str | None) -> Array:
    return jnp.moveaxis(x, -1, 1) if data_format == "channels_first" else x


def conv(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Convolution over one to three spatial axes.

    Args:
        inputs: (batch, *spatial, channels), or with the channels second.
        kernel: (*window, channels / groups, filters); the groups follow from its shape.
        strides: distance between windows.
        padding: ``'valid'`` or ``'same'``.
        data_format: ``'channels_last'`` or ``'channels_first'``.
        dilation_rate: distance between the points of a window.

    Raises:
        ValueError: channels that the kernel's do not divide, or inputs smaller than the window.
    """
    kernel = array(kernel)
    x = _last(array(inputs).astype(kernel.dtype), data_format)
    rank = x.ndim - 2
    if kernel.ndim != x.ndim or rank < 1:
        raise ValueError(
            f"conv: the kernel must have as many axes as the inputs, received shapes {kernel.shape} and {jnp.shape(inputs)}"
        )
    if x.shape[-1] % kernel.shape[-2]:
        raise ValueError(
            f"conv: the inputs have {x.shape[-1]} channels, which is no multiple of the kernel's {kernel.shape[-2]} "
            f"(kernel shape {kernel.shape})"
        )
    outputs = lowering.conv(
        x,
        kernel,
        strides=_sizes(strides, rank, "strides"),
        padding=_padding(padding),
        dilation=_sizes(dilation_rate, rank, "dilation_rate"),
        groups=x.shape[-1] // kernel.shape[-2],
    )
    if outputs.size == 0 and x.size:
        raise ValueError(
            f"conv: inputs of shape {jnp.shape(inputs)} are too small for a kernel of shape {kernel.shape} with "
            f"padding={padding!r}: the outputs would be empty"
        )
    return _back(outputs, data_format)


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Convolution of each channel by itself; ``kernel`` is (*window, channels, depth_multiplier)."""
    kernel, inputs = array(kernel), array(inputs)
    if kernel.ndim != inputs.ndim or inputs.ndim < 3:
        raise ValueError(
            f"depthwise_conv: the kernel must have as many axes as the inputs, received shapes {kernel.shape} and "
            f"{inputs.shape}"
        )
    channels = inputs.shape[1 if data_format == "channels_first" else -1]
    if kernel.shape[-2] != channels:
        raise ValueError(
            f"depthwise_conv: the inputs have {channels} channels, the kernel of shape {kernel.shape} is for "
            f"{kernel.shape[-2]}"
        )
    apart = kernel.reshape(*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1])
    return conv(inputs, apart, strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """:func:`depthwise_conv`, then a convolution with windows of one point that mixes the channels."""
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "valid", data_format)


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """The transpose of a convolution; ``kernel`` is (*window, filters, channels).

    Without ``output_padding`` an axis of size ``n`` becomes ``n * stride`` for ``'same'``, and
    ``n * stride + max(reach - stride, 0)`` for ``'valid'``, where the reach of a window is ``(k - 1) * dilation + 1``.
    """
    kernel = array(kernel)
    x = _last(array(inputs), data_format)
    rank = x.ndim - 2
    if x.shape[-1] != kernel.shape[-1]:
        raise ValueError(
            f"conv_transpose: the inputs have {x.shape[-1]} channels, the kernel of shape {kernel.shape} is for "
            f"{kernel.shape[-1]}"
        )
    steps, dilation = _sizes(strides, rank, "strides"), _sizes(dilation_rate, rank, "dilation_rate")
    extra = (None,) * rank if output_padding is None else _sizes(output_padding, rank, "output_padding")
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape[:rank], dilation, strict=True)]
    pads = [lowering.transposed_pads(r, s, _padding(padding), e) for r, s, e in zip(reach, steps, extra, strict=True)]
    outputs = lowering.conv_transpose(x, kernel, strides=steps, padding=pads, dilation=dilation)
    return _back(outputs, data_format)


def max_pool(
    inputs: Any, pool_size: Sizes, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Array:
    """Largest value of each window; the distance between windows is their size by default."""
    x = _last(array(inputs), data_format)
    size = _sizes(pool_size, x.ndim - 2, "pool_size")
    steps = size if strides is None else _sizes(strides, x.ndim - 2, "strides")
    return _back(lowering.max_pool(x, size, strides=steps, padding=_padding(padding)), data_format)


def average_pool(
    inputs: Any, pool_size: Sizes, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Array:
    """Mean of each window, without padded places; the distance between windows is their size by default."""
    x = _last(array(inputs), data_format)
    size = _sizes(pool_size, x.ndim - 2, "pool_size")
    steps = size if strides is None else _sizes(strides, x.ndim - 2, "strides")
    return _back(lowering.avg_pool(x, size, strides=steps, padding=_padding(padding)), data_format)


def _adaptive(inputs: Any, output_size: Sizes, data_format: str | None, pool: Callable[..., Array]) -> Array:
    x = _last(array(inputs), data_format)
    for axis, count in enumerate(_sizes(output_size, x.ndim - 2, "output_size"), start=1):
        size = x.shape[axis]
        windows = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
        parts = [pool(lax.slice_in_dim(x, a, b, axis=axis), axis=axis, keepdims=True) for a, b in windows]
        x = jnp.concatenate(parts, axis=axis)
    return _back(x, data_format)


def adaptive_average_pool(inputs: Any, output_size: Sizes, data_format: str | None = None) -> Array:
    """Mean of a given number of windows: ``floor(i * s / n)`` to ``ceil((i + 1) * s / n)`` on each spatial axis."""
    return _adaptive(inputs, output_size, data_format, jnp.mean)


def adaptive_max_pool(inputs: Any, output_size: Sizes, data_format: str | None = None) -> Array:
    """Largest value of a given number of windows, see :func:`adaptive_average_pool`."""
    return _adaptive(inputs, output_size, data_format, jnp.max)

"""TensorFlow's convolutions and pooling: functions of pictures whose channels come last, or first (``data_format='NCHW'``)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.legacy.tensorflow.door import define
from kjax.nn.ops import nn

_PER_AXIS = frozenset("strides stride ksize dilations rates padding output_shape".split())
"""Arguments that may have an entry for each axis."""


def _of_format(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function for channels that come last take those that come first, too."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        if not str(given.get("data_format") or "").startswith("NC"):
            return function(**given)
        name, x = next(iter(given.items()))
        rank = jnp.ndim(x)
        moved = {k: _channels_last(v, rank) if k in _PER_AXIS else v for k, v in given.items()}
        found = function(**{**moved, name: jnp.moveaxis(x, 1, -1)})
        return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 1), found)

    return call


def _channels_last(value: Any, rank: int) -> Any:
    """Entries for the axes of pictures with channels first, for pictures with channels last."""
    if isinstance(value, str) or np.ndim(value) == 0 or len(value) != rank:
        return value
    entries = list(value)
    return [entries[0], *entries[2:], entries[1]]


def _spatial(value: Any, dims: int) -> tuple[int, ...]:
    if isinstance(value, (int, np.integer)):
        return (int(value),) * dims
    value = tuple(int(v) for v in value)
    return value[1:-1] if len(value) == dims + 2 else value * dims if len(value) == 1 else value


_PLACES = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC"), 3: ("NDHWC", "DHWIO", "NDHWC")}


def _convolution(x: Any, filters: Any, strides: Any, padding: Any, dilations: Any, dims: int, groups: int = 1) -> Any:
    if not isinstance(padding, str) and len(padding) == dims + 2:  # with those of batch and channels, which are none
        padding = [tuple(map(int, pair)) for pair in padding[1:-1]]
    return jax.lax.conv_general_dilated(
        x,
        filters,
        _spatial(1 if strides is None else strides, dims),
        padding,
        rhs_dilation=_spatial(1 if dilations is None else dilations, dims),
        dimension_numbers=_PLACES[dims],
        feature_group_count=groups,
    )


@define
@_of_format
def conv2d(
    input: Any, filters: Any, strides: Any = 1, padding: str = "VALID", data_format: str = "NHWC", dilations: Any = None
) -> Any:
    return _convolution(input, filters, strides, padding, dilations, 2)


@define
@_of_format
def conv1d(
    input: Any, filters: Any, stride: Any = 1, padding: str = "VALID", data_format: str = "NWC", dilations: Any = None
) -> Any:
    return _convolution(input, filters, stride, padding, dilations, 1)


@define
@_of_format
def conv3d(
    input: Any,
    filters: Any,
    strides: Any = 1,
    padding: str = "VALID",
    data_format: str = "NDHWC",
    dilations: Any = None,
) -> Any:
    return _convolution(input, filters, strides, padding, dilations, 3)


@define
@_of_format
def convolution(
    input: Any,
    filters: Any,
    strides: Any = None,
    padding: str = "VALID",
    data_format: Any = None,
    dilations: Any = None,
) -> Any:
    return _convolution(input, filters, strides, padding, dilations, input.ndim - 2)


@define
@_of_format
def separable_conv2d(
    input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: str, data_format: Any = None,
    dilations: Any = None,
) -> Any:  # fmt: skip
    rows, columns, channels, multiplier = depthwise_filter.shape
    kernel = jnp.reshape(depthwise_filter, (rows, columns, 1, channels * multiplier))
    middle = _convolution(input, kernel, strides, padding, dilations, 2, channels)
    return _convolution(middle, pointwise_filter, 1, "VALID", None, 2)


@define
@_of_format
def depthwise_conv2d(
    input: Any, filter: Any, strides: Any, padding: str, data_format: Any = None, dilations: Any = None
) -> Any:
    rows, columns, channels, multiplier = filter.shape
    kernel = jnp.reshape(filter, (rows, columns, 1, channels * multiplier))
    return _convolution(input, kernel, strides, padding, dilations, 2, channels)


@define
@_of_format
def conv_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: Any = "SAME", data_format: Any = None, dilations: Any = None
) -> Any:  # fmt: skip
    dims = input.ndim - 2
    steps, rates = _spatial(strides, dims), _spatial(1 if dilations is None else dilations, dims)
    pads = []
    for axis, wanted in enumerate(_sizes(output_shape, dims)):
        size, step, reach = input.shape[axis + 1], steps[axis], (filters.shape[axis] - 1) * rates[axis] + 1
        same = padding == "SAME"
        out = wanted or (size * step if same else (size - 1) * step + reach)
        if -(-(out if same else out - reach + 1) // step) != size:
            raise ValueError(
                f"conv_transpose: output_shape {output_shape} does not fit: a convolution with strides {steps} and padding "
                f"{padding} makes no {size} of {out}"
            )
        before = max((size - 1) * step + reach - out, 0) // 2 if same else 0
        pads.append((reach - 1 - before, out - (size - 1) * step - 1 + before))
    return jax.lax.conv_transpose(
        input, jnp.asarray(filters), steps, pads, rhs_dilation=rates, dimension_numbers=_PLACES[dims], transpose_kernel=True
    )  # fmt: skip


conv1d_transpose = conv2d_transpose = conv3d_transpose = conv_transpose


def _sizes(output_shape: Any, dims: int) -> list[int | None]:
    """The sizes of the output without batch and channels; None for those that are not known beforehand."""
    if output_shape is None or isinstance(output_shape, Tracer):
        return [None] * dims
    found = [None if isinstance(n, Tracer) or n is None or int(n) < 1 else int(n) for n in output_shape]
    return found[1:-1] if len(found) == dims + 2 else found


def _pool(x: Any, ksize: Any, strides: Any, padding: Any, reduce: Any, rates: Any = None) -> Any:
    axes = x.ndim - 2
    window = (1, *_spatial(ksize, axes), 1)
    steps = (1, *_spatial(ksize if strides is None else strides, axes), 1)
    holes = None if rates is None else (1, *_spatial(rates, axes), 1)
    if reduce is jax.lax.add:
        start: Any = np.zeros((), x.dtype)
    else:
        start = -np.inf if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo(x.dtype).min
    padding = padding if isinstance(padding, str) else [tuple(map(int, pair)) for pair in padding]
    return jax.lax.reduce_window(x, jnp.asarray(start, x.dtype), reduce, window, steps, padding, window_dilation=holes)


def _mean_pool(x: Any, ksize: Any, strides: Any, padding: Any, rates: Any = None) -> Any:
    sums = _pool(x, ksize, strides, padding, jax.lax.add, rates)
    return sums / _pool(jnp.ones_like(x), ksize, strides, padding, jax.lax.add, rates)


@define
@_of_format
def max_pool(input: Any, ksize: Any, strides: Any = None, padding: Any = "VALID", data_format: Any = None) -> Any:
    return _pool(input, ksize, strides, padding, jax.lax.max)


@define
@_of_format
def avg_pool(input: Any, ksize: Any, strides: Any = None, padding: Any = "VALID", data_format: Any = None) -> Any:
    return _mean_pool(input, ksize, strides, padding)


max_pool2d, avg_pool2d = max_pool, avg_pool


@define
@_of_format
def pool(
    input: Any, window_shape: Any, pooling_type: str, strides: Any = None, padding: Any = "VALID", data_format: Any = None,
    dilations: Any = None,
) -> Any:  # fmt: skip
    steps = 1 if strides is None else strides
    if pooling_type == "MAX":
        return _pool(input, window_shape, steps, padding, jax.lax.max, dilations)
    return _mean_pool(input, window_shape, steps, padding, dilations)


@define
@_of_format
def depth_to_space(input: Any, block_size: int, data_format: str = "NHWC") -> Any:
    return nn.depth_to_space(input, block_size)


@define
@_of_format
def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC") -> Any:
    return nn.space_to_depth(input, block_size)


def _windows(x: Any, ksize: Any, strides: Any, padding: str, rates: Any, fill: float) -> Any:
    """The windows of pictures: (batch, rows, columns, window, channels)."""
    rates = _spatial(1 if rates is None else rates, 2)
    rows, columns, pads = [], [], []
    for size, k, stride, rate in zip(x.shape[1:3], ksize, strides, rates, strict=True):
        reach = (k - 1) * rate + 1
        out = -(-size // stride) if padding == "SAME" else (size - reach) // stride + 1
        more = max((out - 1) * stride + reach - size, 0) if padding == "SAME" else 0
        pads.append((more // 2, more - more // 2))
        (columns if rows else rows).append(np.arange(out)[:, None] * stride + np.arange(k)[None] * rate)
    padded = jnp.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    found = padded[:, rows[0][:, None, :, None], columns[0][None, :, None, :]]
    return found.reshape(*found.shape[:3], -1, found.shape[-1])


@define
def max_pool_with_argmax(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NHWC", output_dtype: Any = "int64",
    include_batch_in_index: bool = False,
) -> Any:  # fmt: skip
    x = jnp.asarray(input)
    batch, height, width, channels = x.shape
    if data_format != "NHWC":
        raise ValueError(
            f"max_pool_with_argmax: places are counted with channels last, received data_format {data_format!r}"
        )
    places = jnp.arange(height * width * channels, dtype=jnp.int32).reshape(1, height, width, channels)
    arguments = (_spatial(ksize, 2), _spatial(strides, 2), padding, None)
    values = _windows(x, *arguments, -jnp.inf)
    numbers = jnp.broadcast_to(_windows(places, *arguments, 0), values.shape)
    best = jnp.argmax(values, 3)[:, :, :, None]
    chosen = jnp.take_along_axis(numbers, best, 3)[:, :, :, 0]
    if include_batch_in_index:
        chosen = chosen + jnp.arange(batch, dtype=jnp.int32)[:, None, None, None] * (height * width * channels)
    return jnp.max(values, 3), chosen


@define
def dilation2d(input: Any, filters: Any, strides: Any, padding: str, data_format: str, dilations: Any) -> Any:
    filters = jnp.asarray(filters)
    found = _windows(jnp.asarray(input), filters.shape[:2], _spatial(strides, 2), padding, dilations, -jnp.inf)
    return jnp.max(found + filters.reshape(1, 1, 1, -1, filters.shape[-1]), 3)


@define
def erosion2d(value: Any, filters: Any, strides: Any, padding: str, data_format: str, dilations: Any) -> Any:
    filters = jnp.asarray(filters)[::-1, ::-1]
    found = _windows(-jnp.asarray(value), filters.shape[:2], _spatial(strides, 2), padding, dilations, -jnp.inf)
    return -jnp.max(found + filters.reshape(1, 1, 1, -1, filters.shape[-1]), 3)

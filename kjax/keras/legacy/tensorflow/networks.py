"""TensorFlow's functions for networks: activations, losses, convolutions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.legacy.tensorflow.door import define, fresh_key


@define
def softmax(logits: Any, axis: int | None = None, dim: int | None = None) -> Any:
    return jax.nn.softmax(logits, _axis(axis, dim))


@define
def log_softmax(logits: Any, axis: int | None = None, dim: int | None = None) -> Any:
    return jax.nn.log_softmax(logits, _axis(axis, dim))


def _axis(axis: int | None, dim: int | None) -> int:
    """The axis by its name of today, or by that of TensorFlow 1."""
    return next((given for given in (axis, dim) if given is not None), -1)


@define
def leaky_relu(features: Any, alpha: float = 0.2) -> Any:
    return jax.nn.leaky_relu(features, alpha)


@define
def crelu(features: Any, axis: int = -1) -> Any:
    return jnp.concatenate([jax.nn.relu(features), jax.nn.relu(-features)], axis)


@define
def gelu(features: Any, approximate: bool = False) -> Any:
    return jax.nn.gelu(features, approximate)


@define
def bias_add(value: Any, bias: Any, data_format: Any = None) -> Any:
    channels_first = data_format is not None and data_format.startswith("NC")
    return value + (bias.reshape(-1, *[1] * (value.ndim - 2)) if channels_first else bias)


@define
def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None) -> Any:
    labels = jnp.asarray(labels, logits.dtype)
    return jax.nn.relu(logits) - logits * labels + jnp.log1p(jnp.exp(-jnp.abs(logits)))


@define
def softmax_cross_entropy_with_logits(labels: Any = None, logits: Any = None, axis: int = -1) -> Any:
    return -jnp.sum(jnp.asarray(labels, logits.dtype) * jax.nn.log_softmax(logits, axis), axis)


def classes_for(labels: Any, scores: Any) -> Any:
    """Classes as integers; a placeholder of any shape, which is drawn as a number, gets the shape that fits."""
    classes = jnp.asarray(labels, jnp.int32)
    return jnp.broadcast_to(classes, scores.shape[:-1]) if classes.ndim == 0 else classes


@define
def sparse_softmax_cross_entropy_with_logits(labels: Any = None, logits: Any = None) -> Any:
    chosen = classes_for(labels, logits)[..., None]
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), chosen, -1)[..., 0]


@define
def batch_normalization(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float) -> Any:
    scaled = (x - mean) * jax.lax.rsqrt(variance + variance_epsilon)
    scaled = scaled if scale is None else scaled * scale
    return scaled if offset is None else scaled + offset


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
def conv2d(
    input: Any, filters: Any, strides: Any = 1, padding: str = "VALID", data_format: str = "NHWC", dilations: Any = None
) -> Any:
    return _convolution(input, filters, strides, padding, dilations, 2)


@define
def conv1d(
    input: Any, filters: Any, stride: Any = 1, padding: str = "VALID", data_format: str = "NWC", dilations: Any = None
) -> Any:
    return _convolution(input, filters, stride, padding, dilations, 1)


@define
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
def separable_conv2d(
    input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: str, data_format: Any = None,
    dilations: Any = None,
) -> Any:  # fmt: skip
    rows, columns, channels, multiplier = depthwise_filter.shape
    kernel = jnp.reshape(depthwise_filter, (rows, columns, 1, channels * multiplier))
    middle = _convolution(input, kernel, strides, padding, dilations, 2, channels)
    return _convolution(middle, pointwise_filter, 1, "VALID", None, 2)


@define
def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False) -> Any:
    loss = jnp.exp(log_input) - log_input * targets
    if not compute_full_loss:
        return loss
    stirling = targets * jnp.log(targets) - targets + 0.5 * jnp.log(2 * jnp.pi * targets)
    return loss + jnp.where(targets > 1, stirling, 0)


@define
def depthwise_conv2d(
    input: Any, filter: Any, strides: Any, padding: str, data_format: Any = None, dilations: Any = None
) -> Any:
    rows, columns, channels, multiplier = filter.shape
    kernel = jnp.reshape(filter, (rows, columns, 1, channels * multiplier))
    return _convolution(input, kernel, strides, padding, dilations, 2, channels)


@define
def conv2d_transpose(
    input: Any, filters: Any, output_shape: Any, strides: Any, padding: str = "SAME", data_format: str = "NHWC"
) -> Any:
    return jax.lax.conv_transpose(
        input, filters, _spatial(strides, 2), padding, dimension_numbers=_PLACES[2], transpose_kernel=True
    )


def _pool(x: Any, ksize: Any, strides: Any, padding: str, start: Any, reduce: Any) -> Any:
    axes = x.ndim - 2
    window = (1, *_spatial(ksize, axes), 1)
    steps = (1, *_spatial(ksize if strides is None else strides, axes), 1)
    return jax.lax.reduce_window(x, start, reduce, window, steps, padding)


@define
def max_pool2d(input: Any, ksize: Any, strides: Any = None, padding: str = "VALID", data_format: str = "NHWC") -> Any:
    return _pool(input, ksize, strides, padding, -jnp.inf, jax.lax.max)


@define
def avg_pool2d(input: Any, ksize: Any, strides: Any = None, padding: str = "VALID", data_format: str = "NHWC") -> Any:
    sums = _pool(input, ksize, strides, padding, 0.0, jax.lax.add)
    return sums / _pool(jnp.ones_like(input), ksize, strides, padding, 0.0, jax.lax.add)


@define
def pool(
    input: Any, window_shape: Any, pooling_type: str, strides: Any = None, padding: str = "VALID", data_format: Any = None,
    dilations: Any = None,
) -> Any:  # fmt: skip
    start, reduce = (-jnp.inf, jax.lax.max) if pooling_type == "MAX" else (0.0, jax.lax.add)
    found = _pool(input, window_shape, strides or 1, padding, start, reduce)
    if pooling_type == "MAX":
        return found
    return found / _pool(jnp.ones_like(input), window_shape, strides or 1, padding, 0.0, jax.lax.add)


max_pool, avg_pool = max_pool2d, avg_pool2d


@define
def dropout(x: Any, rate: float = 0.5, noise_shape: Any = None, seed: Any = None) -> Any:
    if not rate:
        return x
    keep = jax.random.bernoulli(fresh_key(), 1 - rate, noise_shape or jnp.shape(x))
    return jnp.where(keep, x / (1 - rate), 0)

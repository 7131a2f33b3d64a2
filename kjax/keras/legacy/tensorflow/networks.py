"""TensorFlow's functions for networks: activations, losses, statistics."""

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


@define
def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False) -> Any:
    targets, log_input = jnp.asarray(targets), jnp.asarray(log_input)
    loss = jnp.exp(log_input) - log_input * targets
    if not compute_full_loss:
        return loss
    stirling = targets * jnp.log(targets) - targets + 0.5 * jnp.log(2 * jnp.pi * targets)
    return loss + jnp.where(targets > 1, stirling, 0)


@define
def dropout(x: Any, rate: float = 0.5, noise_shape: Any = None, seed: Any = None) -> Any:
    if not rate:
        return x
    keep = jax.random.bernoulli(fresh_key(seed), 1 - rate, noise_shape or jnp.shape(x))
    return jnp.where(keep, x / (1 - rate), 0)


@define
def sufficient_statistics(x: Any, axes: Any, shift: Any = None, keepdims: bool = False) -> Any:
    x = jnp.asarray(x)
    axes = tuple(int(a) for a in np.ravel(axes))
    moved = x if shift is None else x - shift
    count = jnp.float32(np.prod([x.shape[a] for a in axes]))
    return count, jnp.sum(moved, axes, keepdims=keepdims), jnp.sum(moved**2, axes, keepdims=keepdims), shift


@define
def normalize_moments(counts: Any, mean_ss: Any, variance_ss: Any, shift: Any = None) -> Any:
    mean = jnp.asarray(mean_ss) / counts
    return (mean if shift is None else mean + shift), jnp.asarray(variance_ss) / counts - mean**2


@define
def isotonic_regression(inputs: Any, decreasing: bool = True, axis: int = -1) -> Any:
    from sklearn.isotonic import isotonic_regression as fitted

    array = np.moveaxis(np.asarray(inputs), axis, -1)
    rows = array.reshape(-1, array.shape[-1])
    found = np.stack([fitted(row, increasing=not decreasing) for row in rows]).reshape(array.shape).astype(array.dtype)
    number = np.concatenate([np.zeros((len(rows), 1), int), np.diff(found.reshape(rows.shape)) != 0], 1).cumsum(1)
    return jnp.asarray(np.moveaxis(found, -1, axis)), jnp.asarray(
        np.moveaxis(number.reshape(array.shape), -1, axis), jnp.int32
    )

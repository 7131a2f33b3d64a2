"""Accuracies, similarities, correlations: functions from targets and predictions to sample values."""

from __future__ import annotations

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.losses.crossentropy import sparse_labels
from kjax.nn.losses.regression import cosine_similarity as negative_cosine
from kjax.nn.losses.targets import as_pair
from kjax.nn.numerics import EPSILON, argmax, match_ranks


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """1 where prediction and target are equal, else 0; the shape stays."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return jnp.asarray(y_true == y_pred, jnp.float32)


def binary_accuracy(y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5) -> Array:
    """1 where the target is 1 and the prediction exceeds ``threshold``, or neither; the shape stays."""
    y_true, y_pred = match_ranks(jnp.asarray(y_true), jnp.asarray(y_pred))
    return jnp.asarray(y_true == (y_pred > threshold).astype(y_true.dtype), jnp.float32)


def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """1 where the largest prediction is that of the true class.

    Args:
        y_true: one-hot targets of shape (..., classes).
        y_pred: predictions of the same shape.
    """
    return jnp.asarray(argmax(jnp.asarray(y_true)) == argmax(jnp.asarray(y_pred)), jnp.float32)


def _sparse_pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
    y_pred = jnp.asarray(y_pred)
    labels = sparse_labels(y_true, y_pred.ndim)
    if labels.shape != y_pred.shape[:-1]:
        raise ValueError(
            f"the labels have shape {jnp.shape(y_true)}, the predictions {y_pred.shape}; expected an integer "
            "for each vector of predictions (one-hot targets go with categorical_accuracy)"
        )
    return labels, y_pred


def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """:func:`categorical_accuracy` for integer labels of shape (...) or (..., 1)."""
    labels, y_pred = _sparse_pair(y_true, y_pred)
    return jnp.asarray(labels == argmax(y_pred), jnp.float32)


def _in_top_k(labels: Array, y_pred: Array, k: int) -> Array:
    """1 where fewer than ``k`` predictions exceed that of the label; NaN exceeds nothing."""
    chosen = jnp.take_along_axis(y_pred, labels[..., None], axis=-1)
    chosen = jnp.where(jnp.isnan(chosen), -jnp.inf, chosen)
    return jnp.asarray(jnp.sum(y_pred > chosen, axis=-1) < k, jnp.float32)


def top_k_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike, k: int = 5) -> Array:
    """1 where the prediction for the true class is among the ``k`` largest.

    Args:
        y_true: one-hot targets of shape (..., classes).
        y_pred: predictions of the same shape.
        k: how many predictions count.
    """
    return _in_top_k(argmax(jnp.asarray(y_true)), jnp.asarray(y_pred), k)


def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    """:func:`top_k_categorical_accuracy` for integer labels.

    Args:
        y_true: labels of shape (...) or (..., 1).
        y_pred: predictions of shape (..., classes).
        k: how many predictions count.
        from_sorted_ids: the predictions are class numbers already, the best first.
    """
    labels, y_pred = _sparse_pair(y_true, y_pred)
    if from_sorted_ids:
        return jnp.asarray(jnp.any(labels[..., None] == y_pred[..., :k], axis=-1), jnp.float32)
    return _in_top_k(labels, y_pred, k)


def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int | tuple[int, ...] = -1) -> Array:
    """Cosine of the angle between target and prediction along ``axis``: 1 is the best."""
    return -negative_cosine(y_true, y_pred, axis)


def cosine_proximity(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Minus the cosine of the angle between target and prediction: the metric of this name of Keras 2."""
    return negative_cosine(y_true, y_pred)


def _moments(x: Array, axis: int) -> tuple[Array, Array, Array]:
    mean = jnp.mean(x, axis, keepdims=True)
    return x - mean, mean, jnp.var(x, axis, keepdims=True)


def pearson_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Covariance of target and prediction along ``axis`` over the product of their standard deviations."""
    y_true, y_pred = as_pair(y_true, y_pred)
    (true, _, true_variance), (pred, _, pred_variance) = _moments(y_true, axis), _moments(y_pred, axis)
    return jnp.mean((true / jnp.sqrt(true_variance)) * (pred / jnp.sqrt(pred_variance)), axis)


def concordance_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """Lin's concordance ``2 cov / (var_true + var_pred + (mean_true - mean_pred) ** 2 + 1e-7)``.

    Source: https://en.wikipedia.org/wiki/Concordance_correlation_coefficient
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    true, true_mean, true_variance = _moments(y_true, axis)
    pred, pred_mean, pred_variance = _moments(y_pred, axis)
    norm = true_variance + pred_variance + jnp.square(true_mean - pred_mean)
    return jnp.mean(2 * true * pred / (norm + EPSILON), axis)

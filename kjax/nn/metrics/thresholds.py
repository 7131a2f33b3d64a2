"""Counts of right and wrong decisions at thresholds, which precision, recall and areas are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.arguments import hashable
from kjax.nn.numerics import EPSILON, match_ranks

# Score of predictions that are not among the top k; also the threshold that all others exceed.
NEVER = -1e10


class Counts(NamedTuple):
    """Weighted numbers of decisions at each threshold; shape (thresholds,) or (thresholds, labels)."""

    true_positives: Array
    false_positives: Array
    true_negatives: Array
    false_negatives: Array


def thresholds_argument(value: Any) -> float | tuple[float, ...] | None:
    """Converter of ``thresholds`` arguments: None, a number from 0 to 1, or several."""
    if value is None:
        return None
    several = isinstance(value, (list, tuple, np.ndarray))
    numbers = tuple(float(v) for v in value) if several else (float(value),)
    if not numbers or not all(0 <= n <= 1 for n in numbers):
        raise ValueError(f"Threshold values must be in [0, 1], expected numbers from 0 to 1, received {value!r}")
    return hashable(numbers) if several else numbers[0]


def as_tuple(thresholds: float | tuple[float, ...] | None, default: float) -> tuple[float, ...]:
    """The thresholds of a converted argument."""
    if thresholds is None:
        return (default,)
    return thresholds if isinstance(thresholds, tuple) else (thresholds,)


def even_thresholds(number: int) -> tuple[float, ...]:
    """``number`` thresholds from 0 to 1 in equal steps."""
    return tuple(i / (number - 1) for i in range(number))


def are_even(thresholds: Sequence[float]) -> bool:
    """Whether three or more thresholds go from 0 to 1 in equal steps."""
    if len(thresholds) < 3:
        return False
    return bool(np.allclose(thresholds, np.linspace(0, 1, len(thresholds)), atol=EPSILON))


def top_k_only(y_pred: Array, k: int) -> Array:
    """The predictions with all but the ``k`` largest of each row replaced by ``NEVER``."""
    _, best = jax.lax.top_k(y_pred, k)
    chosen = jnp.any(best[..., None] == jnp.arange(y_pred.shape[-1])[(None,) * y_pred.ndim], axis=-2)
    return jnp.where(chosen, y_pred, NEVER)


def count_decisions(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    thresholds: tuple[float, ...],
    *,
    even: bool,
    dtype: Any,
    sample_weight: ArrayLike | None = None,
    top_k: int | None = None,
    class_id: int | None = None,
    multi_label: bool = False,
    label_weights: Sequence[float] | None = None,
) -> Counts:
    """Count the decisions ``y_pred > threshold`` of a batch against ``y_true``.

    Args:
        y_true: targets, 0 or not, of shape (samples,) or (samples, labels).
        y_pred: predictions of the same shape.
        thresholds: the thresholds, upwards.
        even: the thresholds go from 0 to 1 in equal steps, so that predictions can be sorted into bins.
        dtype: type of the counts.
        sample_weight: factors on the samples, or on each of their labels.
        top_k: only the ``k`` largest predictions of a sample can be positive.
        class_id: count only this label.
        multi_label: count each label by itself.
        label_weights: factors on the labels.

    Raises:
        ValueError: ``class_id`` was given, but the predictions are no matrix.
    """
    true, pred = jnp.asarray(y_true, dtype), jnp.asarray(y_pred, dtype)
    pred, true = match_ranks(pred, true)
    if top_k is not None:
        pred = top_k_only(pred, top_k)
    if class_id is not None:
        if pred.ndim == 1:
            raise ValueError(f"`class_id` needs predictions of shape (samples, classes), received {pred.shape}")
        true, pred = true[..., class_id, None], pred[..., class_id, None]
    weights = jnp.ones((), dtype)
    if sample_weight is not None:
        weights = _sample_weights(jnp.asarray(sample_weight, dtype), true)
    if label_weights is not None and not multi_label:
        per_label = jnp.asarray(label_weights, dtype)
        weights = weights * per_label.reshape((1,) * (pred.ndim - per_label.ndim) + per_label.shape)
    weights = jnp.broadcast_to(weights, pred.shape)
    flat = (-1, math.prod(pred.shape[1:])) if multi_label else (-1, 1)
    true, pred, weights = true.reshape(flat) != 0, pred.reshape(flat), weights.reshape(flat)
    positives, negatives = jnp.where(true, weights, 0), jnp.where(true, 0, weights)
    if even:
        counts = _by_bins(positives, negatives, pred, len(thresholds), low=thresholds[0] < 0)
    else:
        counts = _by_comparison(positives, negatives, pred, jnp.asarray(thresholds, dtype))
    return counts if multi_label else Counts(*(c[:, 0] for c in counts))


def _sample_weights(weights: Array, like: Array) -> Array:
    """Weights in the rank of ``like``: one a sample, or one a sample and label."""
    weights = weights[..., None]
    if weights.ndim == like.ndim + 1:
        return weights[..., 0]
    return weights.reshape(weights.shape + (1,) * (like.ndim - weights.ndim))


def _by_bins(positives: Array, negatives: Array, pred: Array, number: int, low: bool) -> Counts:
    """Counts for even thresholds: sort the predictions into bins, then sum the bins from the top.

    Args:
        positives: weights of the true samples, shape (samples, labels).
        negatives: weights of the others.
        pred: predictions.
        number: how many thresholds.
        low: the first threshold is below 0, so that a prediction of 0 exceeds it.
    """
    # Prediction p exceeds the thresholds 0 to ceil(p * (number - 1)) - 1.
    bins = jnp.ceil(jnp.clip(pred, 0, 1) * (number - 1)).astype(jnp.int32)
    bins = jnp.maximum(bins, 1) if low else bins

    def from_top(weights: Array, bins: Array) -> Array:
        sums = jax.ops.segment_sum(weights, bins, number + 1)
        return jnp.cumsum(sums[:0:-1], axis=0)[::-1]

    tp, fp = (jax.vmap(from_top, in_axes=1, out_axes=1)(w, bins) for w in (positives, negatives))
    return Counts(tp, fp, jnp.sum(negatives, 0, keepdims=True) - fp, jnp.sum(positives, 0, keepdims=True) - tp)


def _by_comparison(positives: Array, negatives: Array, pred: Array, thresholds: Array) -> Counts:
    above = pred[None] > thresholds[:, None, None]

    def total(weights: Array, where: Array) -> Array:
        return jnp.sum(jnp.where(where, weights[None], 0), axis=1)

    return Counts(total(positives, above), total(negatives, above), total(negatives, ~above), total(positives, ~above))

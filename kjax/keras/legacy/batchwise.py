"""Metrics of Keras 1 that were means over batches of what they gave for each, and a loss that was another one.

F scores and their like are functions of the rounded entries of a whole batch, all classes together. Keras 2 took them out
because the mean of such scores is not the score of the data; ``keras.metrics.Precision`` and ``Recall`` count over all of
them.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.keras.core.namespace import on_tensors

_EPSILON = 1e-7

Batch = Float[Array, "batch ..."]


def _rounded(values: Any) -> Any:
    return jnp.round(jnp.clip(values, 0, 1))


def _matthews_correlation(y_true: Batch, y_pred: Batch) -> Float[Array, ""]:
    """The correlation coefficient of two classes (Matthews, 1975)."""
    predicted, actual = _rounded(y_pred), _rounded(y_true)
    hits, rejections = jnp.sum(actual * predicted), jnp.sum((1 - actual) * (1 - predicted))
    alarms, misses = jnp.sum((1 - actual) * predicted), jnp.sum(actual * (1 - predicted))
    scale = jnp.sqrt((hits + alarms) * (hits + misses) * (rejections + alarms) * (rejections + misses))
    return (hits * rejections - alarms * misses) / (scale + _EPSILON)


def _precision(y_true: Batch, y_pred: Batch) -> Float[Array, ""]:
    """The share of what is predicted that is true."""
    return jnp.sum(_rounded(y_true * y_pred)) / (jnp.sum(_rounded(y_pred)) + _EPSILON)


def _recall(y_true: Batch, y_pred: Batch) -> Float[Array, ""]:
    """The share of what is true that is predicted."""
    return jnp.sum(_rounded(y_true * y_pred)) / (jnp.sum(_rounded(y_true)) + _EPSILON)


def _fbeta_score(y_true: Batch, y_pred: Batch, beta: float = 1) -> Float[Array, ""]:
    """The weighted harmonic mean of precision and recall.

    Args:
        y_true: true entries, 0 or 1.
        y_pred: predicted entries, between 0 and 1.
        beta: weight of the recall, of at least 0.

    Raises:
        ValueError: a negative ``beta``.
    """
    if beta < 0:
        raise ValueError(f"fbeta_score: `beta` must be at least 0, which is the precision alone; received {beta}")
    precision, recall = _precision(y_true, y_pred), _recall(y_true, y_pred)
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall + _EPSILON)


def _fmeasure(y_true: Batch, y_pred: Batch) -> Float[Array, ""]:
    """The harmonic mean of precision and recall."""
    return _fbeta_score(y_true, y_pred)


def _cosine_proximity(y_true: Batch, y_pred: Batch) -> Float[Array, "batch ..."]:
    """Minus the mean, and not the sum, of the products of entries that are divided by the length of their rows."""
    true, given = (
        jnp.asarray(v) / jnp.sqrt(jnp.maximum(jnp.sum(v**2, -1, keepdims=True), 1e-12)) for v in (y_true, y_pred)
    )
    return -jnp.mean(true * given, axis=-1)


def _public(function: Any) -> Any:
    function.__name__ = function.__qualname__ = function.__name__.lstrip("_")
    return on_tensors(function)


matthews_correlation, precision, recall, fbeta_score, fmeasure, cosine_proximity = map(
    _public, (_matthews_correlation, _precision, _recall, _fbeta_score, _fmeasure, _cosine_proximity)
)
fscore = f1score = fmeasure
cosine = cosine_proximity

_LOSSES = ("cosine_proximity", "cosine")
_METRICS = ("matthews_correlation", "precision", "recall", "fbeta_score", "fmeasure", "fscore", "f1score", *_LOSSES)


def find_metric(name: Any) -> Any:
    """The function that ``metrics=[name]`` meant in Keras 1; anything else as it is."""
    return globals()[name] if isinstance(name, str) and name in _METRICS else name


def find_loss(name: Any) -> Any:
    """The function that ``loss=name`` meant in Keras 1 where it is another today; anything else as it is."""
    return globals()[name] if isinstance(name, str) and name in _LOSSES else name

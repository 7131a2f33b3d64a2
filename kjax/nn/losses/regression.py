"""Losses for numbers: functions from targets and predictions to one value for each vector."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.losses.targets import as_pair
from kjax.nn.numerics import EPSILON, l2_normalize


def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean((y_true - y_pred) ** 2, axis=-1)``.

    Args:
        y_true: targets of shape (..., d).
        y_pred: predictions of the same shape.

    Returns:
        One value for each vector, shape (...).
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return jnp.mean(jnp.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean(|y_true - y_pred|, axis=-1)``; shapes as in :func:`mean_squared_error`."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``100 * mean(|y_true - y_pred| / max(|y_true|, 1e-7), axis=-1)``."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return 100.0 * jnp.mean(jnp.abs((y_true - y_pred) / jnp.maximum(jnp.abs(y_true), EPSILON)), axis=-1)


def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean((log(1 + y_true) - log(1 + y_pred)) ** 2, axis=-1)``; values below 1e-7 count as 1e-7."""
    y_true, y_pred = as_pair(y_true, y_pred)
    difference = jnp.log(jnp.maximum(y_pred, EPSILON) + 1.0) - jnp.log(jnp.maximum(y_true, EPSILON) + 1.0)
    return jnp.mean(jnp.square(difference), axis=-1)


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> Array:
    """Mean of ``e ** 2 / 2`` for errors up to ``delta`` and ``delta * (|e| - delta / 2)`` for larger ones.

    Source: https://en.wikipedia.org/wiki/Huber_loss
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    error = y_pred - y_true
    size = jnp.abs(error)
    return jnp.mean(jnp.where(size <= delta, 0.5 * jnp.square(error), delta * size - 0.5 * delta**2), axis=-1)


def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean(log(cosh(y_pred - y_true)), axis=-1)``, safe from overflow."""
    y_true, y_pred = as_pair(y_true, y_pred)
    error = y_pred - y_true
    return jnp.mean(error + jax.nn.softplus(-2.0 * error) - math.log(2.0), axis=-1)


def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int | tuple[int, ...] = -1) -> Array:
    """Minus the cosine of the angle between target and prediction: -1 is the best, 0 orthogonal, 1 opposite.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.
        axis: axis of the vectors.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return -jnp.sum(l2_normalize(y_true, axis) * l2_normalize(y_pred, axis), axis)

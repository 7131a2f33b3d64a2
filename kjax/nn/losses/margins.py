"""Maximum-margin losses: functions from targets and predictions to one value for each vector."""

from __future__ import annotations

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.losses.targets import as_pair


def _signs(y_true: Array) -> Array:
    """Targets of which each is 0 or 1 as -1 or 1; others as they are."""
    binary = jnp.all((y_true == 0) | (y_true == 1))
    return jnp.where(binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean(max(1 - y_true * y_pred, 0), axis=-1)``.

    Args:
        y_true: targets -1 or 1 of shape (..., d); if all are 0 or 1, 0 stands for -1.
        y_pred: predictions of the same shape.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return jnp.mean(jnp.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean(max(1 - y_true * y_pred, 0) ** 2, axis=-1)``; targets as in :func:`hinge`."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return jnp.mean(jnp.square(jnp.maximum(1.0 - _signs(y_true) * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``max(1 + n - p, 0)``: ``p`` is the prediction for the true class, ``n`` the largest of the others.

    Args:
        y_true: one-hot targets of shape (..., classes).
        y_pred: predictions of the same shape.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    right = jnp.sum(y_true * y_pred, axis=-1)
    wrong = jnp.max((1.0 - y_true) * y_pred, axis=-1)
    return jnp.maximum(wrong - right + 1.0, 0.0)

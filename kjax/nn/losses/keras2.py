"""Losses as Keras 1 and 2 computed them, where Keras 3 does it in another way; for their models and files.

Where a loss has a corner, its slope there is that of TensorFlow.

Formulas: https://github.com/keras-team/keras/blob/2.2.4/keras/losses.py and ``keras/backend/tensorflow_backend.py``.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.losses.crossentropy import sparse_categorical_crossentropy as todays
from kjax.nn.losses.targets import as_pair
from kjax.nn.regularizers import absolute

EPSILON = 1e-7


def _margin(x: Array) -> Array:
    """``max(x, 0)``, with slope 1 at 0."""
    return jnp.where(x >= 0, x, 0.0)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean(|y_true - y_pred|, axis=-1)``, with slope 0 where both are equal."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return jnp.mean(absolute(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``100 * mean(|y_true - y_pred| / max(|y_true|, 1e-7), axis=-1)``, with slope 0 where both are equal."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return 100.0 * jnp.mean(absolute((y_true - y_pred) / jnp.maximum(jnp.abs(y_true), EPSILON)), axis=-1)


def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``sum(y_true * log(y_true / y_pred), axis=-1)`` of values clipped to [1e-7, 1], with their slopes at these bounds."""
    y_true, y_pred = as_pair(y_true, y_pred)
    inside = (y_pred >= EPSILON) & (y_pred <= 1.0)
    y_true, y_pred = jnp.clip(y_true, EPSILON, 1.0), jnp.where(inside, y_pred, jnp.clip(y_pred, EPSILON, 1.0))
    return jnp.sum(y_true * jnp.log(y_true / y_pred), axis=-1)


def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``max(1 + n - p, 0)`` as today, with slope 0 where that is 0."""
    y_true, y_pred = as_pair(y_true, y_pred)
    right = jnp.sum(y_true * y_pred, axis=-1)
    return jax.nn.relu(jnp.max((1.0 - y_true) * y_pred, axis=-1) - right + 1.0)


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean(max(1 - y_true * y_pred, 0), axis=-1)``; targets 0 are no -1."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return jnp.mean(_margin(1.0 - y_true * y_pred), axis=-1)


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean(max(1 - y_true * y_pred, 0) ** 2, axis=-1)``; targets 0 are no -1."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return jnp.mean(jnp.square(_margin(1.0 - y_true * y_pred)), axis=-1)


def sparse_categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Array:
    """As today, of probabilities that are clipped to [1e-7, 1 - 1e-7] before they are divided by their sum, not after."""
    if not from_logits:
        y_pred = jnp.log(jnp.clip(jnp.asarray(y_pred), EPSILON, 1.0 - EPSILON))
    return todays(y_true, y_pred, True, ignore_class, axis)

"""Losses as Keras 1 and 2 computed them, where Keras 3 does it in another way; for their models and files.

Formulas: https://github.com/keras-team/keras/blob/2.2.4/keras/losses.py and ``keras/backend/tensorflow_backend.py``.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.losses.crossentropy import sparse_categorical_crossentropy as todays
from kjax.nn.losses.targets import as_pair

EPSILON = 1e-7


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean(max(1 - y_true * y_pred, 0), axis=-1)``; targets 0 are no -1."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return jnp.mean(jnp.maximum(1.0 - y_true * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean(max(1 - y_true * y_pred, 0) ** 2, axis=-1)``; targets 0 are no -1."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return jnp.mean(jnp.square(jnp.maximum(1.0 - y_true * y_pred, 0.0)), axis=-1)


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

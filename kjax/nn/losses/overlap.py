"""Losses for segmentation: how little a predicted region overlaps with the true one."""

from __future__ import annotations

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.losses.targets import as_pair
from kjax.nn.numerics import EPSILON

Axes = int | tuple[int, ...] | None


def dice(y_true: ArrayLike, y_pred: ArrayLike, axis: Axes = None) -> Array:
    """``1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred) + 1e-7)``.

    Args:
        y_true: targets from 0 to 1.
        y_pred: predictions of the same shape.
        axis: axes of the sums; None is all of them, which makes one number.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    overlap = jnp.sum(y_true * y_pred, axis)
    return 1 - 2.0 * overlap / (jnp.sum(y_true, axis) + jnp.sum(y_pred, axis) + EPSILON)


def tversky(y_true: ArrayLike, y_pred: ArrayLike, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None) -> Array:
    """:func:`dice` with weights on the two kinds of error; 0.5 and 0.5 make the Dice loss.

    Source: https://arxiv.org/abs/1706.05721

    Args:
        y_true: targets from 0 to 1.
        y_pred: predictions of the same shape.
        alpha: weight of ``sum(y_true * (1 - y_pred))``.
        beta: weight of ``sum((1 - y_true) * y_pred)``.
        axis: axes of the sums; None is all of them.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    overlap = jnp.sum(y_true * y_pred, axis)
    missed = jnp.sum(y_true * (1 - y_pred), axis)
    invented = jnp.sum((1 - y_true) * y_pred, axis)
    return 1 - overlap / (overlap + alpha * missed + beta * invented + EPSILON)

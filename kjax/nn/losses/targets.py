"""Targets and predictions as arrays that fit each other: the first line of every loss function."""

from __future__ import annotations

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.numerics import match_ranks


def as_pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
    """Both as arrays of the type of the predictions and of the same rank.

    The target of a single sample may stand for all its outputs, as in Keras, where it broadcasts.

    Raises:
        ValueError: the ranks differ by more than a last axis of size 1.
    """
    y_pred = jnp.asarray(y_pred)
    y_true, y_pred = match_ranks(jnp.asarray(y_true, y_pred.dtype), y_pred)
    if y_true.shape == (1,) and y_pred.shape[:1] == (1,):
        y_true = y_true.reshape((1,) * y_pred.ndim)
    if y_true.ndim != y_pred.ndim:
        raise ValueError(
            f"the targets have shape {y_true.shape} and the predictions {y_pred.shape}: the ranks differ. "
            "Integer class labels go with the sparse_categorical_... losses and metrics"
        )
    return y_true, y_pred


def as_probabilities(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
    """Like :func:`as_pair`, with equal shapes, in float32 at least: 1 - 1e-7 is 1 in half precision.

    Raises:
        ValueError: the shapes differ.
    """
    y_pred = jnp.asarray(y_pred)
    y_pred = y_pred.astype(jnp.promote_types(y_pred.dtype, jnp.float32))
    y_true, y_pred = as_pair(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        hint = ""
        if y_true.shape[-1:] == (1,):
            hint = "; integer class labels go with sparse_categorical_crossentropy"
        raise ValueError(
            f"Arguments `target` and `output` must have the same shape: the targets have shape {y_true.shape}, the predictions "
            f"{y_pred.shape}{hint}"
        )
    return y_true, y_pred


def not_boolean(axis: int) -> int:
    """The axis.

    Raises:
        ValueError: it is a bool: an old call that passed ``from_logits`` by position.
    """
    if isinstance(axis, bool):
        raise ValueError(f"`axis` must be an integer, received {axis}")
    return axis

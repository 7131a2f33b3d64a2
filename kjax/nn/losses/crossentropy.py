"""Losses for probabilities: functions from targets and predictions to one value for each distribution."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.losses.targets import as_pair, as_probabilities, not_boolean
from kjax.nn.numerics import EPSILON


def _clip(probabilities: Array) -> Array:
    return jnp.clip(probabilities, EPSILON, 1.0 - EPSILON)


def _like(values: Array, y_pred: ArrayLike) -> Array:
    """Values in the type of the predictions, where these are floats."""
    dtype = jnp.asarray(y_pred).dtype
    return values.astype(dtype) if jnp.issubdtype(dtype, jnp.floating) else values


def _smooth(y_true: Array, label_smoothing: float, classes: int) -> Array:
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / classes


def _warn_single_class(name: str, y_pred: Array) -> None:
    if y_pred.shape[-1:] == (1,):
        warnings.warn(
            f"{name}: the predictions have shape {y_pred.shape}, so there is only one class; "
            "for two classes with one output use binary_crossentropy",
            SyntaxWarning,
            stacklevel=3,
        )


def categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """``-sum(y_true * log(p))`` over the classes.

    Args:
        y_true: target distributions, one-hot for instance, of shape (..., classes).
        y_pred: predictions of the same shape. Probabilities are divided by their sum and clipped to
            [1e-7, 1 - 1e-7].
        from_logits: the predictions are logits, to which the softmax is still to be applied.
        label_smoothing: share of the targets that is spread evenly over the classes.
        axis: axis of the classes.
    """
    y_true, predicted = as_probabilities(y_true, y_pred)
    _warn_single_class("categorical_crossentropy", predicted)
    y_true = _smooth(y_true, label_smoothing, y_true.shape[-1])
    return _like(-jnp.sum(y_true * _log_probabilities(predicted, from_logits, not_boolean(axis)), axis), y_pred)


def _log_probabilities(y_pred: Array, from_logits: bool, axis: int) -> Array:
    if from_logits:
        return jax.nn.log_softmax(y_pred, axis)
    return jnp.log(_clip(y_pred / jnp.sum(y_pred, axis, keepdims=True)))


def sparse_labels(y_true: ArrayLike, rank: int, axis: int = -1) -> Array:
    """Integer labels without the axis of size 1 in place of the classes.

    Args:
        y_true: labels of shape (...) or (..., 1).
        rank: rank of the predictions.
        axis: axis of the classes in the predictions.
    """
    labels = jnp.asarray(y_true)
    if labels.ndim == rank and labels.shape[axis] == 1:
        labels = jnp.squeeze(labels, axis)
    elif labels.ndim == rank and labels.shape[-1] == 1:
        labels = jnp.squeeze(labels, -1)
    return labels.astype(jnp.int32)


def sparse_categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Array:
    """``-log(p[label])``: :func:`categorical_crossentropy` for integer labels.

    Args:
        y_true: labels of shape (...) or (..., 1). A label that is no class (-1, say) has the loss 0.
        y_pred: predictions of shape (..., classes).
        from_logits: the predictions are logits.
        ignore_class: label whose samples have the loss 0.
        axis: axis of the classes.

    Raises:
        ValueError: labels and predictions do not fit.
    """
    y_pred = jnp.asarray(y_pred)
    y_pred = y_pred.astype(jnp.promote_types(y_pred.dtype, jnp.float32))
    if not -y_pred.ndim <= not_boolean(axis) < y_pred.ndim:
        raise ValueError(
            f"sparse_categorical_crossentropy: axis {axis} is out of bounds for predictions of shape {y_pred.shape}"
        )
    axis %= y_pred.ndim
    labels = sparse_labels(y_true, y_pred.ndim, axis)
    if labels.shape != y_pred.shape[:axis] + y_pred.shape[axis + 1 :]:
        raise ValueError(
            f"sparse_categorical_crossentropy: Arguments `target` and `output` must have the same shape up until the last "
            f"dimension: the labels have shape {jnp.shape(y_true)}, the predictions "
            f"{y_pred.shape}; expected one integer for each vector along axis {axis} (one-hot targets go "
            "with categorical_crossentropy)"
        )
    classes = jax.lax.broadcasted_iota(jnp.int32, y_pred.shape, axis)
    chosen = classes == jnp.expand_dims(labels, axis)
    # A sum over a selection, where a gather would do: its gradient is a selection too, not a scatter.
    picked = jnp.sum(jnp.where(chosen, jax.nn.log_softmax(y_pred, axis) if from_logits else y_pred, 0), axis)
    loss = -picked if from_logits else -jnp.log(_clip(picked / jnp.sum(y_pred, axis)))
    counts = (labels >= 0) & (labels < y_pred.shape[axis])
    if ignore_class is not None:
        counts &= labels != ignore_class
    return jnp.where(counts, loss, 0.0)


def binary_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """``-mean(y_true * log(p) + (1 - y_true) * log(1 - p))`` along ``axis``.

    Args:
        y_true: targets from 0 to 1, of shape (..., d).
        y_pred: predictions of the same shape. Probabilities are clipped to [1e-7, 1 - 1e-7].
        from_logits: the predictions are logits, to which the sigmoid is still to be applied.
        label_smoothing: share by which the targets are drawn towards 0.5.
        axis: axis of the mean.
    """
    y_true, predicted = as_probabilities(y_true, y_pred)
    y_true = _smooth(y_true, label_smoothing, 2)
    return _like(jnp.mean(_binary_terms(y_true, predicted, from_logits), axis), y_pred)


def _binary_terms(y_true: Array, y_pred: Array, from_logits: bool = False) -> Array:
    if from_logits:
        return -y_true * jax.nn.log_sigmoid(y_pred) - (1.0 - y_true) * jax.nn.log_sigmoid(-y_pred)
    y_pred = _clip(y_pred)
    return -(y_true * jnp.log(y_pred) + (1.0 - y_true) * jnp.log(1.0 - y_pred))


def _power(base: Array, exponent: float) -> Array:
    """``base ** exponent`` for a base of at least 0, with a gradient of 0 at a base of 0."""
    positive = base > 0
    return jnp.where(positive, jnp.power(jnp.where(positive, base, 1), exponent), 0.0**exponent)


def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """:func:`binary_crossentropy` with the factor ``(1 - p_true) ** gamma`` on each term.

    Source: https://arxiv.org/abs/1708.02002

    Args:
        y_true: targets from 0 to 1, of shape (..., d).
        y_pred: predictions of the same shape.
        apply_class_balancing: weigh the terms of class 1 by ``alpha``, those of class 0 by ``1 - alpha``.
        alpha: see ``apply_class_balancing``.
        gamma: how much well classified samples are played down.
        from_logits: the predictions are logits.
        label_smoothing: share by which the targets are drawn towards 0.5.
        axis: axis of the mean.
    """
    y_true, predicted = as_probabilities(y_true, y_pred)
    y_true = _smooth(y_true, label_smoothing, 2)
    if from_logits:
        predicted = jax.nn.sigmoid(predicted)
    right = y_true * predicted + (1 - y_true) * (1 - predicted)
    terms = _power(1.0 - right, gamma) * _binary_terms(y_true, predicted)
    if apply_class_balancing:
        terms = (y_true * alpha + (1 - y_true) * (1 - alpha)) * terms
    return _like(jnp.mean(terms, axis), y_pred)


def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """:func:`categorical_crossentropy` with the factor ``alpha * (1 - p) ** gamma`` on each term.

    Source: https://arxiv.org/abs/1708.02002

    Args:
        y_true: target distributions of shape (..., classes).
        y_pred: predictions of the same shape.
        alpha: factor on the loss.
        gamma: how much well classified samples are played down.
        from_logits: the predictions are logits.
        label_smoothing: share of the targets that is spread evenly over the classes.
        axis: axis of the classes.
    """
    y_true, predicted = as_probabilities(y_true, y_pred)
    _warn_single_class("categorical_focal_crossentropy", predicted)
    axis = not_boolean(axis)
    y_true = _smooth(y_true, label_smoothing, y_true.shape[-1])
    if from_logits:
        predicted = jax.nn.softmax(predicted, axis)
    predicted = _clip(predicted / jnp.sum(predicted, axis, keepdims=True))
    return _like(jnp.sum(alpha * _power(1.0 - predicted, gamma) * -y_true * jnp.log(predicted), axis), y_pred)


def categorical_generalized_cross_entropy(y_true: ArrayLike, y_pred: ArrayLike, q: float) -> Array:
    """``(1 - p[label] ** q) / q``: between the mean absolute error (q = 1) and the cross-entropy (q = 0).

    Source: https://arxiv.org/abs/1805.07836

    Args:
        y_true: integer labels of shape (...) or (..., 1).
        y_pred: probabilities of shape (..., classes).
        q: number between 0 and 1.
    """
    y_pred = jnp.asarray(y_pred)
    labels = sparse_labels(y_true, y_pred.ndim)
    classes = jax.lax.broadcasted_iota(jnp.int32, y_pred.shape, y_pred.ndim - 1)
    picked = jnp.sum(jnp.where(classes == labels[..., None], y_pred, 0), -1)
    return (1 - _power(picked, q)) / q


def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``sum(y_true * log(y_true / y_pred), axis=-1)``; both are clipped to [1e-7, 1]."""
    y_true, y_pred = as_pair(y_true, y_pred)
    y_true, y_pred = jnp.clip(y_true, EPSILON, 1), jnp.clip(y_pred, EPSILON, 1)
    return jnp.sum(y_true * jnp.log(y_true / y_pred), axis=-1)


def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """``mean(y_pred - y_true * log(y_pred + 1e-7), axis=-1)``, for positive predictions."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + EPSILON), axis=-1)

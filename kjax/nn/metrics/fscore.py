"""F-scores: weighted harmonic means of precision and recall."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.arguments import choice, optional
from kjax.nn.metrics.base import Metric, dtype_field, register
from kjax.nn.numerics import EPSILON
from kjax.nn.value import field


def _beta(value: Any) -> float:
    number = float(value)
    if not number > 0:
        raise ValueError(f"expected a positive number, received {value!r}")
    return number


def _threshold(value: Any) -> float:
    number = float(value)
    if not 0 < number <= 1:
        raise ValueError(f"expected a number above 0 and up to 1, received {value!r}")
    return number


def matrix_shape(owner: Metric, y_pred: Any) -> tuple[int, int]:
    """The shape (samples, outputs) of predictions.

    Raises:
        ValueError: there are none, or they are no matrix.
    """
    shape = None if y_pred is None else tuple(jnp.shape(y_pred))
    if shape is None or len(shape) != 2:
        name = type(owner).__name__
        raise ValueError(
            f"{name} expects 2D inputs with shape (batch_size, output_dim), also in `init`; received {shape}"
        )
    return shape[0], shape[1]


@register("fbeta_score")
@dataclasses.dataclass(frozen=True, eq=False)
class FBetaScore(Metric):
    """``(1 + beta ** 2) * precision * recall / (beta ** 2 * precision + recall)`` of each class.

    ``init`` needs the shape of the predictions, (samples, classes), unless ``average`` is ``'micro'``. The
    state has the rows true positives, false positives, false negatives and number of true samples.

    Attributes:
        average: None: one score a class. ``'micro'``: one score of all decisions. ``'macro'``: the mean of
            the classes. ``'weighted'``: the mean weighted by the number of true samples.
        beta: weight of the recall against the precision.
        threshold: predictions above it are positive; by default the largest of each sample is.
    """

    direction: ClassVar[str | None] = "up"

    average: str | None = field(None, convert=optional(choice("micro", "macro", "weighted")))
    beta: float = field(1.0, convert=_beta)
    threshold: float | None = field(None, convert=optional(_threshold))
    name: str = "fbeta_score"
    dtype: str | None = dtype_field()

    def init(self, y_true: Any = None, y_pred: Any = None) -> Array:
        """Zeros."""
        shape = (4,) if self.average == "micro" else (4, matrix_shape(self, y_pred)[1])
        return jnp.zeros(shape, self.dtype)

    def update(
        self,
        state: Array,
        y_true: Any,
        y_pred: Any,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> Array:
        """The state after a batch, see :meth:`Metric.update`."""
        del mask
        true, pred = jnp.asarray(y_true, self.dtype), jnp.asarray(y_pred, self.dtype)
        matrix_shape(self, pred)
        if self.threshold is None:
            chosen = (pred >= jnp.max(pred, axis=-1, keepdims=True)) & (jnp.abs(pred) > 1e-9)
        else:
            chosen = pred > self.threshold
        chosen = chosen.astype(self.dtype)
        weights = jnp.ones((1, 1), self.dtype)
        if sample_weight is not None:
            weights = jnp.asarray(sample_weight, self.dtype)
            weights = weights[:, None] if weights.ndim == 1 else weights
        kinds = (chosen * true, chosen * (1 - true), (1 - chosen) * true, true)
        axis = None if self.average == "micro" else 0
        return state + jnp.stack([jnp.sum(kind * weights, axis) for kind in kinds])

    def compute(self, state: Array) -> Array:
        """One score, or one a class."""
        true_positives, false_positives, false_negatives, support = state
        precision = true_positives / (true_positives + false_positives + EPSILON)
        recall = true_positives / (true_positives + false_negatives + EPSILON)
        score = precision * recall / (self.beta**2 * precision + recall + EPSILON) * (1 + self.beta**2)
        if self.average == "weighted":
            return jnp.sum(score * support / (jnp.sum(support) + EPSILON))
        return score if self.average is None else jnp.mean(score)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class F1Score(FBetaScore):
    """:class:`FBetaScore` with ``beta`` 1: the harmonic mean of precision and recall."""

    beta: float = field(1.0, init=False, repr=False)
    name: str = "f1_score"

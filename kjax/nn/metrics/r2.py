"""Coefficient of determination."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.arguments import choice, integer, optional
from kjax.nn.metrics.base import Metric, dtype_field, register
from kjax.nn.metrics.fscore import matrix_shape
from kjax.nn.numerics import match_ranks
from kjax.nn.value import field


def _not_negative(value: Any) -> int:
    number = integer(value)
    if number < 0:
        raise ValueError(f"expected an integer of at least 0, received {value!r}")
    return number


@register("r2_score")
@dataclasses.dataclass(frozen=True, eq=False)
class R2Score(Metric):
    """``1 - sum((y_true - y_pred) ** 2) / sum((y_true - mean) ** 2)`` of each output.

    ``init`` needs the shape of the predictions, (samples, outputs). The state has the rows number of all values
    seen, and the sums of squared targets, of targets, of squared errors and of weights: the variables of Keras in their order.

    Attributes:
        class_aggregation: ``'uniform_average'`` of the outputs, ``'variance_weighted_average'``, or None for
            all.
        num_regressors: number of independent variables: the score is adjusted for it, unless it is 0 or there
            are too few values.
    """

    direction: ClassVar[str | None] = "up"

    class_aggregation: str | None = field(
        "uniform_average", convert=optional(choice("uniform_average", "variance_weighted_average"))
    )
    num_regressors: int = field(0, convert=_not_negative)
    name: str = "r2_score"
    dtype: str | None = dtype_field()

    def init(self, y_true: Any = None, y_pred: Any = None) -> Array:
        """Zeros."""
        shape = None if y_pred is None else tuple(jnp.shape(y_pred))
        outputs = 1 if shape is not None and len(shape) == 1 else matrix_shape(self, y_pred)[1]
        return jnp.zeros((5, outputs), self.dtype)

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
        true, pred = match_ranks(jnp.asarray(y_true, self.dtype), jnp.asarray(y_pred, self.dtype))
        if true.ndim == pred.ndim == 1:
            true, pred = true[:, None], pred[:, None]
        matrix_shape(self, pred)
        weights = jnp.ones((1, 1), self.dtype)
        if sample_weight is not None:
            weights = jnp.asarray(sample_weight, self.dtype)
            weights = weights[:, None] if weights.ndim == 1 else weights
        weights = jnp.broadcast_to(weights, true.shape)
        weighted = true * weights
        rows = (true * weighted, weighted, jnp.square(true - pred) * weights, weights)
        sums = [jnp.sum(row, axis=0) for row in rows]
        return state + jnp.stack([jnp.full_like(sums[0], true.size), *sums])

    def compute(self, state: Array) -> Array:
        """The score; NaN before any data."""
        values, squares, total_true, errors, count = state
        variation = squares - total_true * (total_true / count)
        scores = 1 - errors / variation
        score = jnp.where(jnp.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            score = jnp.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = jnp.sum(variation * score) / jnp.sum(variation)
        if self.num_regressors == 0:
            return score
        free = values[0] - self.num_regressors - 1
        adjusted = 1 - (1 - score) * (values[0] - 1) / jnp.where(free > 0, free, 1)
        return jnp.where(free > 0, adjusted, score)

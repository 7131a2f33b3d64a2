"""Metrics on counted decisions: true and false positives and negatives, precision, recall."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.arguments import fraction, integer, optional, positive
from kjax.nn.metrics.base import Metric, counting_dtype, dtype_field, register
from kjax.nn.metrics.thresholds import (
    NEVER,
    Counts,
    are_even,
    as_tuple,
    count_decisions,
    even_thresholds,
    thresholds_argument,
)
from kjax.nn.numerics import divide_no_nan
from kjax.nn.value import field


class DecisionCount(Metric):
    """A number of decisions at each threshold. The state has the shape (kinds of decision, thresholds).

    Attributes:
        counted: the kinds of decision, fields of :class:`Counts`, that a subclass keeps.
    """

    counted: ClassVar[tuple[str, ...]]

    @property
    def _thresholds(self) -> tuple[float, ...]:
        default = 0.5 if getattr(self, "top_k", None) is None else NEVER
        return as_tuple(getattr(self, "thresholds", None), default)

    def init(self, y_true: Any = None, y_pred: Any = None) -> Array:
        """Zeros."""
        return jnp.zeros((len(self.counted), len(self._thresholds)), counting_dtype(self.dtype))

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
        counts = count_decisions(
            y_true,
            y_pred,
            self._thresholds,
            even=are_even(self._thresholds),
            dtype=counting_dtype(self.dtype),
            sample_weight=sample_weight,
            top_k=getattr(self, "top_k", None),
            class_id=getattr(self, "class_id", None),
        )
        return state + jnp.stack([getattr(counts, name) for name in self.counted])

    def compute(self, state: Array) -> Array:
        """One number, or one a threshold where there are several."""
        value = self._value(state)
        return value[0] if len(self._thresholds) == 1 else value

    def _value(self, state: Array) -> Array:
        """The metric at each threshold; here the number itself."""
        return state[0]


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class TruePositives(DecisionCount):
    """Weighted number of true samples with a prediction above the threshold (0.5, or those given)."""

    counted = ("true_positives",)

    thresholds: float | Sequence[float] | None = field(None, convert=thresholds_argument)
    name: str | None = None
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class FalsePositives(DecisionCount):
    """Weighted number of false samples with a prediction above the threshold (0.5, or those given)."""

    counted = ("false_positives",)

    thresholds: float | Sequence[float] | None = field(None, convert=thresholds_argument)
    name: str | None = None
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class TrueNegatives(DecisionCount):
    """Weighted number of false samples with a prediction up to the threshold (0.5, or those given)."""

    counted = ("true_negatives",)

    thresholds: float | Sequence[float] | None = field(None, convert=thresholds_argument)
    name: str | None = None
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class FalseNegatives(DecisionCount):
    """Weighted number of true samples with a prediction up to the threshold (0.5, or those given)."""

    counted = ("false_negatives",)

    thresholds: float | Sequence[float] | None = field(None, convert=thresholds_argument)
    name: str | None = None
    dtype: str | None = dtype_field()


class _Share(DecisionCount):
    """The first kind of decision as a share of both."""

    def _value(self, state: Array) -> Array:
        return divide_no_nan(state[0], state[0] + state[1])


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class Precision(_Share):
    """Share of true samples among those predicted positive.

    Attributes:
        thresholds: number or numbers from 0 to 1 that a positive prediction exceeds; 0.5 by default.
        top_k: instead, the ``k`` largest predictions of a sample are positive.
        class_id: label that counts; all by default.
    """

    counted = ("true_positives", "false_positives")
    direction: ClassVar[str | None] = "up"

    thresholds: float | Sequence[float] | None = field(None, convert=thresholds_argument)
    top_k: int | None = field(None, convert=optional(positive))
    class_id: int | None = field(None, convert=optional(integer))
    name: str | None = None
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class Recall(_Share):
    """Share of samples predicted positive among the true ones; arguments as in :class:`Precision`."""

    counted = ("true_positives", "false_negatives")
    direction: ClassVar[str | None] = "up"

    thresholds: float | Sequence[float] | None = field(None, convert=thresholds_argument)
    top_k: int | None = field(None, convert=optional(positive))
    class_id: int | None = field(None, convert=optional(integer))
    name: str | None = None
    dtype: str | None = dtype_field()


class _BestUnderCondition(DecisionCount):
    """The largest value of one share over the thresholds at which another is at least as asked."""

    counted = Counts._fields
    direction: ClassVar[str | None] = "up"
    num_thresholds: int

    @property
    def _thresholds(self) -> tuple[float, ...]:
        return even_thresholds(self.num_thresholds) if self.num_thresholds > 1 else (0.5,)

    def compute(self, state: Array) -> Array:
        """One number, 0 where no threshold fulfils the condition."""
        condition, value, least = self._shares(Counts(*state))
        return jnp.max(jnp.where(condition >= least, value, 0), initial=0)

    def _shares(self, counts: Counts) -> tuple[Array, Array, float]:
        """The share that is asked for, the share that is returned, and how much is asked for."""
        raise NotImplementedError


def _sensitivity(counts: Counts) -> Array:
    return divide_no_nan(counts.true_positives, counts.true_positives + counts.false_negatives)


def _specificity(counts: Counts) -> Array:
    return divide_no_nan(counts.true_negatives, counts.true_negatives + counts.false_positives)


def _precision(counts: Counts) -> Array:
    return divide_no_nan(counts.true_positives, counts.true_positives + counts.false_positives)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class SensitivityAtSpecificity(_BestUnderCondition):
    """Best sensitivity (true positive rate) at a specificity of at least ``specificity``.

    Attributes:
        specificity: from 0 to 1.
        num_thresholds: number of thresholds tried.
        class_id: label that counts; all by default.
    """

    specificity: float = field(convert=fraction)
    num_thresholds: int = field(200, convert=positive)
    class_id: int | None = field(None, convert=optional(integer))
    name: str | None = None
    dtype: str | None = dtype_field()

    def _shares(self, counts: Counts) -> tuple[Array, Array, float]:
        return _specificity(counts), _sensitivity(counts), self.specificity


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class SpecificityAtSensitivity(_BestUnderCondition):
    """Best specificity (true negative rate) at a sensitivity of at least ``sensitivity``."""

    sensitivity: float = field(convert=fraction)
    num_thresholds: int = field(200, convert=positive)
    class_id: int | None = field(None, convert=optional(integer))
    name: str | None = None
    dtype: str | None = dtype_field()

    def _shares(self, counts: Counts) -> tuple[Array, Array, float]:
        return _sensitivity(counts), _specificity(counts), self.sensitivity


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class PrecisionAtRecall(_BestUnderCondition):
    """Best precision at a recall of at least ``recall``."""

    recall: float = field(convert=fraction)
    num_thresholds: int = field(200, convert=positive)
    class_id: int | None = field(None, convert=optional(integer))
    name: str | None = None
    dtype: str | None = dtype_field()

    def _shares(self, counts: Counts) -> tuple[Array, Array, float]:
        return _sensitivity(counts), _precision(counts), self.recall


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class RecallAtPrecision(_BestUnderCondition):
    """Best recall at a precision of at least ``precision``."""

    precision: float = field(convert=fraction)
    num_thresholds: int = field(200, convert=positive)
    class_id: int | None = field(None, convert=optional(integer))
    name: str | None = None
    dtype: str | None = dtype_field()

    def _shares(self, counts: Counts) -> tuple[Array, Array, float]:
        return _precision(counts), _sensitivity(counts), self.precision

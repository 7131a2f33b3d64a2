"""Intersection over union of predicted and true regions, from a confusion matrix."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.arguments import axes, integer, optional, positive
from kjax.nn.losses.base import compute_dtype
from kjax.nn.metrics.base import Metric, register
from kjax.nn.numerics import EPSILON, align_ranks, argmax, match_ranks
from kjax.nn.value import ArgumentError, field


def _matrix_dtype(value: Any) -> str:
    return "int32" if value is None or value == "int" else compute_dtype(value)


def _class_ids(value: Any) -> tuple[int, ...]:
    return tuple(integer(item) for item in (value if isinstance(value, Iterable) else (value,)))


class ConfusionMatrixMetric(Metric):
    """A metric on the confusion matrix, which is the state: rows are true classes, columns predicted ones.

    The counts are int32 by default, as a batch of images holds more pixels than float32 counts exactly;
    sample weights are then cut to integers, as in Keras. ``dtype='float32'`` keeps fractions.
    """

    direction: ClassVar[str | None] = "up"
    num_classes: int
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1

    @property
    def _targets(self) -> tuple[int, ...]:
        """The classes whose mean is returned."""
        return tuple(range(self.num_classes))

    def init(self, y_true: Any = None, y_pred: Any = None) -> Array:
        """Zeros."""
        return jnp.zeros((self.num_classes, self.num_classes), self.dtype)

    def update(
        self,
        state: Array,
        y_true: Any,
        y_pred: Any,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> Array:
        """The state after a batch, see :meth:`Metric.update`. Labels that are no class are left out."""
        del mask
        true = jnp.asarray(y_true) if self.sparse_y_true else argmax(jnp.asarray(y_true), self.axis)
        pred = jnp.asarray(y_pred) if self.sparse_y_pred else argmax(jnp.asarray(y_pred), self.axis)
        true, pred = true.astype(jnp.int32), pred.astype(jnp.int32)
        weights = jnp.ones((), self.dtype)
        if sample_weight is not None:
            _, weights = align_ranks(*match_ranks(true, jnp.asarray(sample_weight).astype(self.dtype)))
        weights = jnp.broadcast_to(weights, true.shape).reshape(-1)
        true, pred = true.reshape(-1), pred.reshape(-1)
        counts = (true >= 0) & (true < self.num_classes) & (pred >= 0) & (pred < self.num_classes)
        if self.ignore_class is not None:
            counts &= true != self.ignore_class
        cell = jnp.where(counts, true * self.num_classes + pred, 0)
        cells = jax.ops.segment_sum(jnp.where(counts, weights, 0), cell, self.num_classes**2)
        return state + cells.reshape(state.shape)

    def compute(self, state: Array) -> Array:
        """The mean over the classes that occur of ``intersection / (union + 1e-7)``."""
        wanted = jnp.asarray(self._targets)
        intersection = jnp.diagonal(state)
        union = jnp.sum(state, 0) + jnp.sum(state, 1) - intersection
        intersection, union = (x[wanted].astype(jnp.float32) for x in (intersection, union))
        occurs = union > 1e-9
        return jnp.sum(jnp.where(occurs, intersection / (union + EPSILON), 0)) / (jnp.sum(occurs) + EPSILON)


class _TargetClasses(ConfusionMatrixMetric):
    """The mean over some classes."""

    target_class_ids: Sequence[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.target_class_ids or max(self.target_class_ids) >= self.num_classes:
            raise ArgumentError(
                f"{type(self).__name__}: argument `target_class_ids`: Target class id {max(self.target_class_ids, default=None)} "
                f"is out of range, expected classes from 0 to {self.num_classes - 1}, received {self.target_class_ids}"
            )

    @property
    def _targets(self) -> tuple[int, ...]:
        return tuple(self.target_class_ids)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class IoU(_TargetClasses):
    """Mean intersection over union of some classes.

    Attributes:
        num_classes: number of classes.
        target_class_ids: classes that count.
        name: name of the metric.
        dtype: type of the confusion matrix.
        ignore_class: true label of positions that do not count.
        sparse_y_true: the targets are labels; False: distributions along ``axis``.
        sparse_y_pred: the predictions are labels; False: distributions along ``axis``.
        axis: axis of the classes in distributions.
    """

    num_classes: int = field(convert=positive)
    target_class_ids: Sequence[int] = field(convert=_class_ids)
    name: str | None = None
    dtype: str | None = field(None, convert=_matrix_dtype)
    ignore_class: int | None = field(None, convert=optional(integer))
    sparse_y_true: bool = field(True, convert=bool)
    sparse_y_pred: bool = field(True, convert=bool)
    axis: int = field(-1, convert=axes)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class BinaryIoU(_TargetClasses):
    """Mean intersection over union of the classes 0 and 1; predictions of ``threshold`` or more are 1."""

    num_classes = 2

    target_class_ids: Sequence[int] = field((0, 1), convert=_class_ids)
    threshold: float = field(0.5, convert=float)
    name: str | None = None
    dtype: str | None = field(None, convert=_matrix_dtype)

    def update(
        self,
        state: Array,
        y_true: Any,
        y_pred: Any,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> Array:
        """The state after a batch, see :meth:`Metric.update`."""
        chosen = jnp.asarray(y_pred, jnp.float32) >= self.threshold
        return super().update(state, y_true, chosen, sample_weight, mask)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class MeanIoU(ConfusionMatrixMetric):
    """Mean intersection over union of all classes; arguments as in :class:`IoU`."""

    num_classes: int = field(convert=positive)
    name: str | None = None
    dtype: str | None = field(None, convert=_matrix_dtype)
    ignore_class: int | None = field(None, convert=optional(integer))
    sparse_y_true: bool = field(True, convert=bool)
    sparse_y_pred: bool = field(True, convert=bool)
    axis: int = field(-1, convert=axes)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class OneHotIoU(_TargetClasses):
    """:class:`IoU` of one-hot targets."""

    sparse_y_true = False

    num_classes: int = field(convert=positive)
    target_class_ids: Sequence[int] = field(convert=_class_ids)
    name: str | None = None
    dtype: str | None = field(None, convert=_matrix_dtype)
    ignore_class: int | None = field(None, convert=optional(integer))
    sparse_y_pred: bool = field(False, convert=bool)
    axis: int = field(-1, convert=axes)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class OneHotMeanIoU(ConfusionMatrixMetric):
    """:class:`MeanIoU` of one-hot targets."""

    sparse_y_true = False

    num_classes: int = field(convert=positive)
    name: str | None = None
    dtype: str | None = field(None, convert=_matrix_dtype)
    ignore_class: int | None = field(None, convert=optional(integer))
    sparse_y_pred: bool = field(False, convert=bool)
    axis: int = field(-1, convert=axes)

"""Area under a curve of decisions: receiver operating characteristic, precision-recall, or its gain."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.activations import sigmoid
from kjax.nn.arguments import choice, integer, optional
from kjax.nn.metrics.base import Metric, counting_dtype, dtype_field, register
from kjax.nn.metrics.thresholds import Counts, are_even, count_decisions, even_thresholds, thresholds_argument
from kjax.nn.numerics import EPSILON, divide_no_nan
from kjax.nn.value import ArgumentError, field

_curve = choice("roc", "pr", "prgain")


def _two_or_more(value: Any) -> int:
    number = integer(value)
    if number < 2:
        raise ValueError(f"expected an integer of at least 2, received {value!r}")
    return number


def _inner_thresholds(value: Any) -> tuple[float, ...] | None:
    numbers = thresholds_argument(value if value is None else tuple(value))
    assert numbers is None or isinstance(numbers, tuple)
    return None if numbers is None else tuple(sorted(numbers))


def _floats(value: Any) -> tuple[float, ...]:
    return tuple(float(v) for v in np.asarray(value).tolist())


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class AUC(Metric):
    """Area under a curve, from counts at thresholds. The state has the shape (4, thresholds[, labels]).

    Attributes:
        num_thresholds: number of thresholds, from 0 to 1 in equal steps.
        curve: ``'ROC'``, ``'PR'`` or ``'PRGAIN'``
            (https://papers.nips.cc/paper/5867-precision-recall-gain-curves).
        summation_method: ``'interpolation'`` (for PR the one of
            https://dl.acm.org/doi/10.1145/1143844.1143874), or the ``'minoring'`` or ``'majoring'`` sum of
            rectangles.
        name: name of the metric.
        dtype: type that it computes in.
        thresholds: thresholds between 0 and 1 to use in place of even ones.
        multi_label: the mean of the areas of the labels, in place of one area of all decisions. Then ``init``
            needs the predictions' shape, or ``num_labels``.
        num_labels: number of labels, with ``multi_label``.
        label_weights: factors on the labels.
        from_logits: the predictions are logits.
    """

    direction: ClassVar[str | None] = "up"

    num_thresholds: int = field(200, convert=integer)
    curve: str = field("ROC", convert=lambda value: _curve(getattr(value, "value", value)).upper())
    summation_method: str = field(
        "interpolation",
        convert=lambda value: choice("interpolation", "majoring", "minoring")(getattr(value, "value", value)),
    )
    name: str | None = None
    dtype: str | None = dtype_field()
    thresholds: Sequence[float] | None = field(None, convert=_inner_thresholds)
    multi_label: bool = field(False, convert=bool)
    num_labels: int | None = field(None, convert=optional(integer))
    label_weights: Sequence[float] | None = field(None, convert=optional(_floats))
    from_logits: bool = field(False, convert=bool)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.thresholds is not None:
            object.__setattr__(self, "num_thresholds", len(self.thresholds) + 2)
        elif self.num_thresholds < 2:
            raise ArgumentError(
                f"AUC: Argument `num_thresholds` must be an integer > 1, received {self.num_thresholds}"
            )
        if self.num_labels and not self.multi_label:
            raise ArgumentError("AUC: argument `num_labels` is for `multi_label=True`")

    def _inner(self) -> tuple[float, ...]:
        return even_thresholds(self.num_thresholds)[1:-1] if self.thresholds is None else tuple(self.thresholds)

    @property
    def all_thresholds(self) -> tuple[float, ...]:
        """The thresholds; the first and the last just outside of [0, 1], so that the curve has both its ends."""
        return (-EPSILON, *self._inner(), 1.0 + EPSILON)

    def init(self, y_true: Any = None, y_pred: Any = None) -> Array:
        """Zeros; ``y_pred`` is needed with ``multi_label`` where ``num_labels`` is not given."""
        if not self.multi_label:
            return jnp.zeros((4, self.num_thresholds), counting_dtype(self.dtype))
        labels = self.num_labels
        if labels is None:
            if y_pred is None or len(jnp.shape(y_pred)) != 2:
                shape = None if y_pred is None else jnp.shape(y_pred)
                raise ValueError(
                    "AUC with `multi_label` needs `num_labels`, or predictions of shape (samples, labels) "
                    f"in `init`; received shape {shape}"
                )
            labels = jnp.shape(y_pred)[1]
        return jnp.zeros((4, self.num_thresholds, labels), counting_dtype(self.dtype))

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
        inner = self._inner()
        counts = count_decisions(
            y_true,
            sigmoid(y_pred) if self.from_logits else y_pred,
            self.all_thresholds,
            even=self.thresholds is None or are_even((0.0, *inner, 1.0)),
            dtype=counting_dtype(self.dtype),
            sample_weight=sample_weight,
            multi_label=self.multi_label,
            label_weights=self.label_weights,
        )
        return state + jnp.stack(counts)

    def compute(self, state: Array) -> Array:
        """The area."""
        counts = Counts(*state)
        if self.curve == "PR" and self.summation_method == "interpolation":
            terms = _interpolated_precision(counts)
        else:
            x, y = _curve_points(self.curve, counts)
            left, right = y[:-1], y[1:]
            if self.summation_method == "interpolation":
                heights = (left + right) / 2
            elif self.summation_method == "minoring":
                heights = jnp.minimum(left, right)
            else:
                heights = jnp.maximum(left, right)
            terms = (x[:-1] - x[1:]) * heights
        return self._average(jnp.sum(terms, axis=0))

    def interpolate_pr_auc(self, state: Array) -> Array:
        """The area under the precision-recall curve, whatever ``curve`` is, interpolated between thresholds."""
        return self._average(jnp.sum(_interpolated_precision(Counts(*state)), axis=0))

    def _average(self, areas: Array) -> Array:
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return jnp.mean(areas)
        weights = jnp.asarray(self.label_weights, areas.dtype)
        return divide_no_nan(jnp.sum(areas * weights), jnp.sum(weights))


def _curve_points(curve: str, counts: Counts) -> tuple[Array, Array]:
    tp, fp, tn, fn = counts
    recall = divide_no_nan(tp, tp + fn)
    if curve == "ROC":
        return divide_no_nan(fp, fp + tn), recall
    if curve == "PR":
        return recall, divide_no_nan(tp, tp + fp)
    odds = divide_no_nan(tp + fn, tn + fp)
    recall_gain = jnp.where(tp == 0, 0.0, 1.0 - odds * divide_no_nan(fn, tp))
    precision_gain = jnp.where(tp == 0, 1.0, 1.0 - odds * divide_no_nan(fp, tp))
    return jnp.maximum(recall_gain, 0.0), precision_gain


def _interpolated_precision(counts: Counts) -> Array:
    """Area of each step of the precision-recall curve, where counts change linearly between two thresholds.

    Between two thresholds true positives are ``slope * positives + intercept``; the precision, their quotient
    by the positives, integrates to a linear and a logarithmic term.
    """
    tp, fp, _, fn = counts
    positives = tp + fp
    change = tp[:-1] - tp[1:]
    slope = divide_no_nan(change, jnp.maximum(positives[:-1] - positives[1:], 0))
    intercept = tp[1:] - slope * positives[1:]
    both = (positives[:-1] > 0) & (positives[1:] > 0)
    ratio = jnp.where(both, divide_no_nan(positives[:-1], jnp.maximum(positives[1:], 0)), 1)
    return divide_no_nan(slope * (change + intercept * jnp.log(ratio)), jnp.maximum(tp[1:] + fn[1:], 0))

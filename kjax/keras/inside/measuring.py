"""What Keras' modules of losses and metrics are made of inside: weights and masks, thresholds, counts of decisions."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from kjax.keras import ops
from kjax.nn.losses import base
from kjax.nn.metrics import thresholds as counting
from kjax.nn.metrics.base import reduce_to_samples
from kjax.nn.numerics import align_ranks, match_ranks

NEG_INF = -1e10

# -- losses ---------------------------------------------------------------------------------------------------------------


def standardize_reduction(reduction: Any) -> Any:
    """The reduction as it is.

    Raises:
        ValueError: an unknown one.
    """
    allowed = (None, *(name for name in base.REDUCTIONS if name != "keras2"))
    if reduction not in allowed:
        raise ValueError(f"Invalid value for argument `reduction`: expected one of {allowed}, received {reduction!r}")
    return reduction


def squeeze_or_expand_to_same_rank(x1: Any, x2: Any, expand_rank_1: bool = True) -> tuple[Any, Any]:
    """Two tensors in one rank, where their ranks differ by a last axis of size 1.

    Args:
        x1: one tensor, which may be symbolic.
        x2: the other.
        expand_rank_1: a vector against a matrix of one column becomes a column; False: the matrix a vector.
    """
    long, short = (x1, x2) if len(x1.shape) > len(x2.shape) else (x2, x1)
    if len(long.shape) == len(short.shape) + 1 and long.shape[-1] == 1:
        if len(short.shape) == 1 and expand_rank_1:
            short = ops.expand_dims(short, -1)
        else:
            long = ops.squeeze(long, -1)
    return (long, short) if len(x1.shape) > len(x2.shape) else (short, long)


def apply_mask(sample_weight: Any, mask: Any, dtype: Any, reduction: Any) -> Any:
    """Sample weights and a mask as one tensor of weights, None where there is neither.

    Args:
        sample_weight: weights, or None.
        mask: what counts, or None.
        dtype: type of the result.
        reduction: for means the weights of what counts are scaled to the number of all places.
    """
    return sample_weight if mask is None else base.merge_mask(sample_weight, mask, dtype, reduction or "none")


def reduce_values(values: Any, sample_weight: Any = None, reduction: Any = "sum_over_batch_size") -> Any:
    """Values that are weighted already as one number; the weights matter to ``'mean_with_sample_weight'`` alone."""
    values = jnp.asarray(values)
    if reduction == "mean_with_sample_weight" and sample_weight is not None and values.shape not in ((), (0,)):
        return ops.divide_no_nan(jnp.sum(values), jnp.sum(jnp.asarray(sample_weight, values.dtype)))
    return base.reduce_values(values, reduction=base.reduction_name(reduction))


def reduce_weighted_values(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Any = "sum_over_batch_size",
    dtype: Any = None,
) -> Any:
    """Values of a batch as one number.

    Args:
        values: one for each sample (and step).
        sample_weight: factors on them.
        mask: which count.
        reduction: as of losses.
        dtype: type of the result; that of the values by default.
    """
    name = base.reduction_name(standardize_reduction(reduction))
    return base.reduce_values(jnp.asarray(values, dtype), sample_weight, mask, name)


def scale_loss_for_distribution(value: Any) -> Any:
    """The value as it is: losses of several devices are one mean here."""
    return value


unscale_loss_for_distribution = scale_loss_for_distribution


def convert_binary_labels_to_hinge(y_true: Any) -> Any:
    """Targets 0 and 1 as -1 and 1; others as they are."""
    y_true = jnp.asarray(y_true)
    return jnp.where(jnp.all((y_true == 0) | (y_true == 1)), 2 * y_true - 1, y_true)


# -- metrics --------------------------------------------------------------------------------------------------------------


def reduce_to_samplewise_values(values: Any, sample_weight: Any, reduce_fn: Any, dtype: Any) -> tuple[Any, Any]:
    """Weighted values and weights with no axis but that of the samples.

    Args:
        values: values of any shape (samples, ...).
        sample_weight: factors on them, or None.
        reduce_fn: what becomes of the other axes, such as ``keras.ops.mean``.
        dtype: type of the results.
    """
    weights = None if sample_weight is None else jnp.asarray(sample_weight, dtype)
    return reduce_to_samples(jnp.asarray(values, dtype), weights, reduce_fn)


def assert_thresholds_range(thresholds: Any) -> None:
    """Check thresholds.

    Raises:
        ValueError: one is not from 0 to 1.
    """
    outside = [t for t in thresholds or () if t is None or not 0 <= t <= 1]
    if outside:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {outside}")


def parse_init_thresholds(thresholds: Any, default_threshold: float = 0.5) -> list[float]:
    """Thresholds as a list; the default where there are none.

    Raises:
        ValueError: one is not from 0 to 1.
    """
    if thresholds is None:
        return [default_threshold]
    given = list(thresholds) if isinstance(thresholds, (list, tuple)) else [thresholds]
    assert_thresholds_range(given)
    return given


def is_evenly_distributed_thresholds(thresholds: Sequence[float]) -> bool:
    """Whether thresholds, three at least, go from 0 to 1 in equal steps."""
    return len(thresholds) > 2 and counting.are_even(tuple(thresholds))


class ConfusionMatrix(enum.Enum):
    """The four kinds of decisions."""

    TRUE_POSITIVES = "tp"
    FALSE_POSITIVES = "fp"
    TRUE_NEGATIVES = "tn"
    FALSE_NEGATIVES = "fn"


class AUCCurve(enum.Enum):
    """Curves that :class:`keras.metrics.AUC` integrates."""

    ROC = "ROC"
    PR = "PR"
    PRGAIN = "PRGAIN"

    @staticmethod
    def from_str(key: str) -> AUCCurve:
        """The curve of a name in capital or in small letters.

        Raises:
            ValueError: no such curve.
        """
        for curve in AUCCurve:
            if key in (curve.value, curve.value.lower()):
                return curve
        raise ValueError(f"Invalid AUC curve value: {key!r}; the curves are {[curve.value for curve in AUCCurve]}")


class AUCSummationMethod(enum.Enum):
    """Ways of integrating a curve (https://en.wikipedia.org/wiki/Riemann_sum)."""

    INTERPOLATION = "interpolation"
    MAJORING = "majoring"
    MINORING = "minoring"

    @staticmethod
    def from_str(key: str) -> AUCSummationMethod:
        """The method of a name in small letters or with a capital.

        Raises:
            ValueError: no such method.
        """
        for method in AUCSummationMethod:
            if key in (method.value, method.value.capitalize()):
                return method
        raise ValueError(
            f"Invalid AUC summation method: {key!r}; the methods are {[method.value for method in AUCSummationMethod]}"
        )


def update_confusion_matrix_variables(
    variables_to_update: Mapping[ConfusionMatrix, Any],
    y_true: Any,
    y_pred: Any,
    thresholds: Any,
    top_k: int | None = None,
    class_id: int | None = None,
    sample_weight: Any = None,
    multi_label: bool = False,
    label_weights: Any = None,
    thresholds_distributed_evenly: bool = False,
) -> None:
    """Add the decisions of a batch at some thresholds to variables.

    Args:
        variables_to_update: variable of each kind of decision that is counted.
        y_true: targets.
        y_pred: predictions from 0 to 1, of the same shape.
        thresholds: a threshold, or several.
        top_k: only so many predictions of a sample can be positive.
        class_id: count this class alone.
        sample_weight: factors on the samples.
        multi_label: count each label by itself.
        label_weights: factors on the labels.
        thresholds_distributed_evenly: whether they go from 0 to 1 in equal steps.

    Raises:
        ValueError: a key that is no kind of decision.
    """
    unknown = [key for key in variables_to_update if key not in list(ConfusionMatrix)]
    if unknown:
        raise ValueError(f"variables are for {[kind.name for kind in ConfusionMatrix]}, received the keys {unknown}")
    if not variables_to_update:
        return
    several = tuple(float(t) for t in (thresholds if hasattr(thresholds, "__iter__") else (thresholds,)))
    counts = counting.count_decisions(
        y_true,
        y_pred,
        several,
        even=thresholds_distributed_evenly,
        dtype=next(iter(variables_to_update.values())).dtype,
        sample_weight=sample_weight,
        top_k=top_k,
        class_id=class_id,
        multi_label=multi_label,
        label_weights=label_weights,
    )
    for kind, variable in variables_to_update.items():
        variable.assign(variable.value + getattr(counts, kind.name.lower()))


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: int | None, weights: Any = None, dtype: str = "int32"
) -> Any:
    """How often each label (rows) was predicted as each class (columns).

    Args:
        labels: integers.
        predictions: integers of the same shape.
        num_classes: number of rows and columns; by the largest integer for None.
        weights: what each prediction counts.
        dtype: type of the result.
    """
    rows, columns = match_ranks(jnp.asarray(labels, jnp.int32), jnp.asarray(predictions, jnp.int32))
    if num_classes is None:
        num_classes = int(max(jnp.max(rows), jnp.max(columns))) + 1
    values = jnp.ones((), dtype) if weights is None else align_ranks(jnp.asarray(weights, dtype), columns)[0]
    values = jnp.broadcast_to(values, columns.shape)
    return jnp.zeros((num_classes, num_classes), dtype).at[rows, columns].add(values)

"""Keras' loss classes: values whose fields are the constructor arguments, made of the loss functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Array

from kjax.nn.arguments import axes, integer, optional
from kjax.nn.losses import crossentropy, keras2, margins, overlap, regression, structured
from kjax.nn.losses.base import compute_dtype, reduction_name
from kjax.nn.losses.wrapper import FunctionLoss, register
from kjax.nn.value import field


def _reduction() -> Any:
    return field("sum_over_batch_size", convert=reduction_name)


def _dtype() -> Any:
    return field(None, convert=compute_dtype, unwritten="float32")


def _axis(default: Any, convert: Callable[[Any], Any] = axes, **kwargs: Any) -> Any:
    return field(default, convert=optional(convert) if default is None else convert, **kwargs)


def _between_0_and_1(value: Any) -> float:
    number = float(value)
    if not 0 < number < 1:
        raise ValueError(f"expected a number between 0 and 1, received {value!r}")
    return number


@register("mse", "MSE")
@dataclasses.dataclass(frozen=True, eq=False)
class MeanSquaredError(FunctionLoss):
    """Mean of the squared errors. See :func:`mean_squared_error`."""

    function = staticmethod(regression.mean_squared_error)

    reduction: str | None = _reduction()
    name: str = "mean_squared_error"
    dtype: str | None = _dtype()


@register("mae", "MAE")
@dataclasses.dataclass(frozen=True, eq=False)
class MeanAbsoluteError(FunctionLoss):
    """Mean of the absolute errors. See :func:`mean_absolute_error`."""

    function = staticmethod(regression.mean_absolute_error)
    keras2 = staticmethod(keras2.mean_absolute_error)

    reduction: str | None = _reduction()
    name: str = "mean_absolute_error"
    dtype: str | None = _dtype()


@register("mape", "MAPE")
@dataclasses.dataclass(frozen=True, eq=False)
class MeanAbsolutePercentageError(FunctionLoss):
    """Mean of the absolute errors in percent of the targets. See :func:`mean_absolute_percentage_error`."""

    function = staticmethod(regression.mean_absolute_percentage_error)
    keras2 = staticmethod(keras2.mean_absolute_percentage_error)

    reduction: str | None = _reduction()
    name: str = "mean_absolute_percentage_error"
    dtype: str | None = _dtype()


@register("msle", "MSLE")
@dataclasses.dataclass(frozen=True, eq=False)
class MeanSquaredLogarithmicError(FunctionLoss):
    """Mean of the squared differences of the logarithms. See :func:`mean_squared_logarithmic_error`."""

    function = staticmethod(regression.mean_squared_logarithmic_error)

    reduction: str | None = _reduction()
    name: str = "mean_squared_logarithmic_error"
    dtype: str | None = _dtype()


@register("cosine_proximity", "cosine")
@dataclasses.dataclass(frozen=True, eq=False)
class CosineSimilarity(FunctionLoss):
    """Minus the cosine of the angle between target and prediction. See :func:`cosine_similarity`."""

    function = staticmethod(regression.cosine_similarity)

    axis: int | Sequence[int] = _axis(-1, unwritten=-1)
    reduction: str | None = _reduction()
    name: str = "cosine_similarity"
    dtype: str | None = _dtype()


@register("huber_loss")
@dataclasses.dataclass(frozen=True, eq=False)
class Huber(FunctionLoss):
    """Squared errors up to ``delta``, absolute errors beyond. See :func:`huber`."""

    function = staticmethod(regression.huber)

    delta: float = field(1.0, convert=float, unwritten=1.0)
    reduction: str | None = _reduction()
    name: str = "huber_loss"
    dtype: str | None = _dtype()


@register("logcosh")
@dataclasses.dataclass(frozen=True, eq=False)
class LogCosh(FunctionLoss):
    """Mean of the logarithm of the hyperbolic cosine of the errors. See :func:`log_cosh`."""

    function = staticmethod(regression.log_cosh)

    reduction: str | None = _reduction()
    name: str = "log_cosh"
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class Hinge(FunctionLoss):
    """Mean distance to the margin, for targets -1 and 1. See :func:`hinge`."""

    function = staticmethod(margins.hinge)
    keras2 = staticmethod(keras2.hinge)

    reduction: str | None = _reduction()
    name: str = "hinge"
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class SquaredHinge(FunctionLoss):
    """Mean squared distance to the margin, for targets -1 and 1. See :func:`squared_hinge`."""

    function = staticmethod(margins.squared_hinge)
    keras2 = staticmethod(keras2.squared_hinge)

    reduction: str | None = _reduction()
    name: str = "squared_hinge"
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class CategoricalHinge(FunctionLoss):
    """Distance to the margin between the true class and the best other. See :func:`categorical_hinge`."""

    function = staticmethod(margins.categorical_hinge)
    keras2 = staticmethod(keras2.categorical_hinge)

    reduction: str | None = _reduction()
    name: str = "categorical_hinge"
    dtype: str | None = _dtype()


@register("kld", "KLD", "kullback_leibler_divergence")
@dataclasses.dataclass(frozen=True, eq=False)
class KLDivergence(FunctionLoss):
    """Kullback-Leibler divergence from prediction to target. See :func:`kl_divergence`."""

    function = staticmethod(crossentropy.kl_divergence)
    keras2 = staticmethod(keras2.kl_divergence)

    reduction: str | None = _reduction()
    name: str = "kl_divergence"
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class Poisson(FunctionLoss):
    """Negative log-likelihood of counts, but for a constant. See :func:`poisson`."""

    function = staticmethod(crossentropy.poisson)

    reduction: str | None = _reduction()
    name: str = "poisson"
    dtype: str | None = _dtype()


@register("bce", "BCE")
@dataclasses.dataclass(frozen=True, eq=False)
class BinaryCrossentropy(FunctionLoss):
    """Cross-entropy of independent yes-or-no targets. See :func:`binary_crossentropy`."""

    function = staticmethod(crossentropy.binary_crossentropy)

    from_logits: bool = field(False, convert=bool)
    label_smoothing: float = field(0.0, convert=float)
    axis: int = _axis(-1, integer)
    reduction: str | None = _reduction()
    name: str = "binary_crossentropy"
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class BinaryFocalCrossentropy(FunctionLoss):
    """Binary cross-entropy that plays down what is classified well. See :func:`binary_focal_crossentropy`."""

    function = staticmethod(crossentropy.binary_focal_crossentropy)

    apply_class_balancing: bool = field(False, convert=bool)
    alpha: float = field(0.25, convert=float)
    gamma: float = field(2.0, convert=float)
    from_logits: bool = field(False, convert=bool)
    label_smoothing: float = field(0.0, convert=float)
    axis: int = _axis(-1, integer)
    reduction: str | None = _reduction()
    name: str = "binary_focal_crossentropy"
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class CategoricalCrossentropy(FunctionLoss):
    """Cross-entropy of one-hot targets. See :func:`categorical_crossentropy`."""

    function = staticmethod(crossentropy.categorical_crossentropy)

    from_logits: bool = field(False, convert=bool)
    label_smoothing: float = field(0.0, convert=float)
    axis: int = _axis(-1, integer)
    reduction: str | None = _reduction()
    name: str = "categorical_crossentropy"
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class CategoricalFocalCrossentropy(FunctionLoss):
    """Cross-entropy that plays down what is classified well. See :func:`categorical_focal_crossentropy`."""

    function = staticmethod(crossentropy.categorical_focal_crossentropy)

    alpha: float = field(0.25, convert=float)
    gamma: float = field(2.0, convert=float)
    from_logits: bool = field(False, convert=bool)
    label_smoothing: float = field(0.0, convert=float)
    axis: int = _axis(-1, integer)
    reduction: str | None = _reduction()
    name: str = "categorical_focal_crossentropy"
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class CategoricalGeneralizedCrossEntropy(FunctionLoss):
    """Cross-entropy that bears wrong labels. See :func:`categorical_generalized_cross_entropy`."""

    function = staticmethod(crossentropy.categorical_generalized_cross_entropy)

    q: float = field(0.5, convert=_between_0_and_1)
    reduction: str | None = _reduction()
    name: str = "categorical_generalized_cross_entropy"
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class Dice(FunctionLoss):
    """One minus twice the overlap over the sum of both regions. See :func:`dice`."""

    function = staticmethod(overlap.dice)

    reduction: str | None = _reduction()
    name: str = "dice"
    axis: int | Sequence[int] | None = _axis(None)
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class Tversky(FunctionLoss):
    """Like Dice, with weights on missed and on invented parts. See :func:`tversky`."""

    function = staticmethod(overlap.tversky)

    alpha: float = field(0.5, convert=float)
    beta: float = field(0.5, convert=float)
    reduction: str | None = _reduction()
    name: str = "tversky"
    axis: int | Sequence[int] | None = _axis(None)
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class CTC(FunctionLoss):
    """Connectionist temporal classification. See :func:`ctc`."""

    function = staticmethod(structured.ctc)

    reduction: str | None = _reduction()
    name: str = "ctc"
    dtype: str | None = _dtype()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class SparseCategoricalCrossentropy(FunctionLoss):
    """Cross-entropy of integer labels. See :func:`sparse_categorical_crossentropy`.

    With ``ignore_class`` the samples of that label are masked: they do not count in a mean either.
    """

    function = staticmethod(crossentropy.sparse_categorical_crossentropy)
    keras2 = staticmethod(keras2.sparse_categorical_crossentropy)

    from_logits: bool = field(False, convert=bool)
    ignore_class: int | None = field(None, convert=optional(integer))
    reduction: str | None = _reduction()
    axis: int = _axis(-1, integer, unwritten=-1)
    name: str = "sparse_categorical_crossentropy"
    dtype: str | None = _dtype()

    def valid(self, y_true: Any, values: Array) -> Array | None:
        """The samples whose label is not ``ignore_class``."""
        if self.ignore_class is None:
            return None
        return (y_true != self.ignore_class).reshape(values.shape)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class Circle(FunctionLoss):
    """Distance of embeddings of one label, nearness of those of others. See :func:`circle`.

    Samples of loss 0, such as those without a partner in the batch, are masked.
    """

    function = staticmethod(structured.circle)

    gamma: float = field(80.0, convert=float)
    margin: float = field(0.4, convert=float)
    remove_diagonal: bool = field(True, convert=bool)
    reduction: str | None = _reduction()
    name: str = "circle"
    dtype: str | None = _dtype()

    def valid(self, y_true: Any, values: Array) -> Array | None:
        """The samples whose loss is positive."""
        del y_true
        return values > 0

"""Metrics that are means: values whose fields are Keras' constructor arguments, made of the functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import losses
from kjax.nn.arguments import axes, integer, optional, positive
from kjax.nn.losses.targets import as_pair
from kjax.nn.metrics import functions
from kjax.nn.metrics.base import FunctionMetric, MeanMetric, dtype_field, register
from kjax.nn.numerics import divide_no_nan
from kjax.nn.value import field


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class Accuracy(FunctionMetric):
    """How often predictions equal targets."""

    function = staticmethod(functions.accuracy)
    direction: ClassVar[str | None] = "up"

    name: str = "accuracy"
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class BinaryAccuracy(FunctionMetric):
    """How often predictions are on the targets' side of ``threshold``."""

    function = staticmethod(functions.binary_accuracy)
    direction: ClassVar[str | None] = "up"

    name: str = "binary_accuracy"
    dtype: str | None = dtype_field()
    threshold: float = field(0.5, convert=float)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class CategoricalAccuracy(FunctionMetric):
    """How often the largest prediction is that of the true class."""

    function = staticmethod(functions.categorical_accuracy)
    direction: ClassVar[str | None] = "up"

    name: str = "categorical_accuracy"
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class SparseCategoricalAccuracy(FunctionMetric):
    """How often the largest prediction is at the integer label."""

    function = staticmethod(functions.sparse_categorical_accuracy)
    direction: ClassVar[str | None] = "up"

    name: str = "sparse_categorical_accuracy"
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class TopKCategoricalAccuracy(FunctionMetric):
    """How often the true class is among the ``k`` best."""

    function = staticmethod(functions.top_k_categorical_accuracy)
    direction: ClassVar[str | None] = "up"

    k: int = field(5, convert=positive)
    name: str = "top_k_categorical_accuracy"
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class SparseTopKCategoricalAccuracy(FunctionMetric):
    """How often the integer label is among the ``k`` best."""

    function = staticmethod(functions.sparse_top_k_categorical_accuracy)
    direction: ClassVar[str | None] = "up"

    k: int = field(5, convert=positive)
    name: str = "sparse_top_k_categorical_accuracy"
    dtype: str | None = dtype_field()
    from_sorted_ids: bool = field(False, convert=bool)


@register("mse", "MSE")
@dataclasses.dataclass(frozen=True, eq=False)
class MeanSquaredError(FunctionMetric):
    """Mean of the squared errors."""

    function = staticmethod(losses.mean_squared_error)
    direction: ClassVar[str | None] = "down"

    name: str = "mean_squared_error"
    dtype: str | None = dtype_field()


@register("mae", "MAE")
@dataclasses.dataclass(frozen=True, eq=False)
class MeanAbsoluteError(FunctionMetric):
    """Mean of the absolute errors."""

    function = staticmethod(losses.mean_absolute_error)
    direction: ClassVar[str | None] = "down"

    name: str = "mean_absolute_error"
    dtype: str | None = dtype_field()


@register("mape", "MAPE")
@dataclasses.dataclass(frozen=True, eq=False)
class MeanAbsolutePercentageError(FunctionMetric):
    """Mean of the absolute errors in percent of the targets."""

    function = staticmethod(losses.mean_absolute_percentage_error)
    direction: ClassVar[str | None] = "down"

    name: str = "mean_absolute_percentage_error"
    dtype: str | None = dtype_field()


@register("msle", "MSLE")
@dataclasses.dataclass(frozen=True, eq=False)
class MeanSquaredLogarithmicError(FunctionMetric):
    """Mean of the squared differences of the logarithms."""

    function = staticmethod(losses.mean_squared_logarithmic_error)
    direction: ClassVar[str | None] = "down"

    name: str = "mean_squared_logarithmic_error"
    dtype: str | None = dtype_field()


@register("logcosh", "log_cosh")
@dataclasses.dataclass(frozen=True, eq=False)
class LogCoshError(FunctionMetric):
    """Mean of the logarithm of the hyperbolic cosine of the errors."""

    function = staticmethod(losses.log_cosh)
    direction: ClassVar[str | None] = "down"

    name: str = "logcosh"
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class CosineSimilarity(FunctionMetric):
    """Mean cosine of the angle between target and prediction."""

    function = staticmethod(functions.cosine_similarity)
    direction: ClassVar[str | None] = "up"

    name: str = "cosine_similarity"
    dtype: str | None = dtype_field()
    axis: int | Sequence[int] = field(-1, convert=axes)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class PearsonCorrelation(FunctionMetric):
    """Mean Pearson correlation of targets and predictions along ``axis``."""

    function = staticmethod(functions.pearson_correlation)
    direction: ClassVar[str | None] = "up"

    name: str = "pearson_correlation"
    dtype: str | None = dtype_field()
    axis: int = field(-1, convert=integer)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class ConcordanceCorrelation(FunctionMetric):
    """Mean concordance of targets and predictions along ``axis``."""

    function = staticmethod(functions.concordance_correlation)
    direction: ClassVar[str | None] = "up"

    name: str = "concordance_correlation"
    dtype: str | None = dtype_field()
    axis: int = field(-1, convert=integer)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class Hinge(FunctionMetric):
    """Mean distance to the margin, for targets -1 and 1."""

    function = staticmethod(losses.hinge)
    direction: ClassVar[str | None] = "down"

    name: str = "hinge"
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class SquaredHinge(FunctionMetric):
    """Mean squared distance to the margin, for targets -1 and 1."""

    function = staticmethod(losses.squared_hinge)
    direction: ClassVar[str | None] = "down"

    name: str = "squared_hinge"
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class CategoricalHinge(FunctionMetric):
    """Mean distance to the margin between the true class and the best other."""

    function = staticmethod(losses.categorical_hinge)
    direction: ClassVar[str | None] = "down"

    name: str = "categorical_hinge"
    dtype: str | None = dtype_field()


@register("kld", "KLD", "kullback_leibler_divergence")
@dataclasses.dataclass(frozen=True, eq=False)
class KLDivergence(FunctionMetric):
    """Mean Kullback-Leibler divergence from prediction to target."""

    function = staticmethod(losses.kl_divergence)
    direction: ClassVar[str | None] = "down"

    name: str = "kl_divergence"
    dtype: str | None = dtype_field()


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class Poisson(FunctionMetric):
    """Mean negative log-likelihood of counts, but for a constant."""

    function = staticmethod(losses.poisson)
    direction: ClassVar[str | None] = "down"

    name: str = "poisson"
    dtype: str | None = dtype_field()


@register("bce", "BCE")
@dataclasses.dataclass(frozen=True, eq=False)
class BinaryCrossentropy(FunctionMetric):
    """Mean cross-entropy of independent yes-or-no targets."""

    function = staticmethod(losses.binary_crossentropy)
    direction: ClassVar[str | None] = "down"

    name: str = "binary_crossentropy"
    dtype: str | None = dtype_field()
    from_logits: bool = field(False, convert=bool)
    label_smoothing: float = field(0.0, convert=float)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class CategoricalCrossentropy(FunctionMetric):
    """Mean cross-entropy of one-hot targets."""

    function = staticmethod(losses.categorical_crossentropy)
    direction: ClassVar[str | None] = "down"

    name: str = "categorical_crossentropy"
    dtype: str | None = dtype_field()
    from_logits: bool = field(False, convert=bool)
    label_smoothing: float = field(0.0, convert=float)
    axis: int = field(-1, convert=integer)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class SparseCategoricalCrossentropy(FunctionMetric):
    """Mean cross-entropy of integer labels.

    Samples of the label ``ignore_class`` have the value 0. As in Keras, they leave the mean only where there
    are sample weights; without, they count as samples of loss 0.
    """

    function = staticmethod(losses.sparse_categorical_crossentropy)
    direction: ClassVar[str | None] = "down"

    name: str = "sparse_categorical_crossentropy"
    dtype: str | None = dtype_field()
    from_logits: bool = field(False, convert=bool)
    ignore_class: int | None = field(None, convert=optional(integer))
    axis: int = field(-1, convert=integer)

    def valid(self, y_true: Any, values: Array) -> Array | None:
        """The samples whose label is not ``ignore_class``."""
        return None if self.ignore_class is None else (jnp.asarray(y_true) != self.ignore_class).reshape(values.shape)


@register()
@dataclasses.dataclass(frozen=True, eq=False)
class RootMeanSquaredError(MeanMetric):
    """Square root of the mean of the squared errors."""

    direction: ClassVar[str | None] = "down"

    name: str = "root_mean_squared_error"
    dtype: str | None = dtype_field()

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """The squared errors."""
        y_true, y_pred = as_pair(jnp.asarray(y_true, self.dtype), jnp.asarray(y_pred, self.dtype))
        return jnp.square(y_pred - y_true)

    def compute(self, state: Array) -> Array:
        """The root of the mean, 0 before any data."""
        return jnp.sqrt(divide_no_nan(state[0], state[1]))

"""The base of metrics: pure ``init``, ``update`` and ``compute`` over a small state that adds up."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.equality import ContentValue, snake_case
from kjax.nn.losses.base import compute_dtype, merge_mask, reduce_values
from kjax.nn.losses.wrapper import function_arguments, object_name
from kjax.nn.numerics import align_ranks, divide_no_nan, match_ranks
from kjax.nn.value import Registry, field

State = Any


class Metric(ContentValue):
    """Base of metrics. A subclass writes ``init``, ``update`` and ``compute``.

    The state is an array, or a tree of few. The states of parts of the data add up to the state of the whole.

    Args:
        dtype: type that the metric computes in; float32 by default.
        name: name of the metric; by default that of the class in lower case.

    Attributes:
        direction: ``'up'`` where larger is better, ``'down'`` where smaller is, None where that is not known.
        cumulative: whether the value for a batch counts the batches before it too, so that no mean over batches is taken.
    """

    name: Any
    dtype: Any
    direction: ClassVar[str | None] = None
    cumulative: ClassVar[bool] = False

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = compute_dtype(dtype)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name is None:
            object.__setattr__(self, "name", snake_case(type(self).__name__))

    def _content(self) -> tuple[tuple[str, Any], ...] | None:
        # Names take no part in equality: they change nothing in what is computed, and Keras counts them up.
        content = super()._content()
        return None if content is None else tuple(item for item in content if item[0] != "name")

    def init(self, y_true: Any = None, y_pred: Any = None) -> State:
        """The state before any data.

        Args:
            y_true: targets of a batch, or anything of their shape: needed by metrics that say so.
            y_pred: predictions likewise.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `init` method")

    def update(
        self,
        state: State,
        y_true: Any,
        y_pred: Any,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> State:
        """The state after a batch.

        Args:
            state: the state before it.
            y_true: targets.
            y_pred: predictions.
            sample_weight: factors on the samples (and steps).
            mask: boolean array of the values that count. Only metrics that are means heed it, as in Keras.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `update` method")

    def compute(self, state: State) -> Array:
        """The metric's value over all data that the state has seen."""
        raise NotImplementedError(f"{type(self).__name__} has no `compute` method")

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, by name."""
        if dataclasses.is_dataclass(self):
            return super().get_config()
        return {"name": self.name, "dtype": self.dtype}


T = TypeVar("T", bound=type[Metric])

registry = Registry("metric", Metric)


def dtype_field() -> Any:
    """Declaration of the field ``dtype``."""
    return field(None, convert=compute_dtype)


def reduce_to_samples(values: Array, weights: Array | None, reduce: Callable[..., Array]) -> tuple[Array, Array | None]:
    """Weighted values and weights with no axis but that of the samples.

    Args:
        values: values of any shape (samples, ...).
        weights: factors on them, of a leading part of their shape, or None.
        reduce: ``jnp.mean`` or ``jnp.sum``: what becomes of the other axes.

    Raises:
        ValueError: weights that do not broadcast to the values.
    """
    if weights is not None:
        values, weights = match_ranks(values, weights)
        if values.ndim > weights.ndim:
            values = reduce(values, axis=tuple(range(weights.ndim, values.ndim)))
        shapes = values.shape, weights.shape
        values, weights = align_ranks(values, weights)
        if len(shapes[1]) > len(shapes[0]) or any(
            w not in (1, v) for v, w in zip(values.shape, weights.shape, strict=True)
        ):
            raise ValueError(f"`sample_weight` of shape {shapes[1]} does not go with values of shape {shapes[0]}")
        values, weights = jnp.broadcast_arrays(values * weights, weights)
        if weights.ndim > 1:
            weights = reduce(weights, axis=tuple(range(1, weights.ndim)))
    if values.ndim > 1:
        values = reduce(values, axis=tuple(range(1, values.ndim)))
    return values, weights


def counting_dtype(dtype: Any) -> Any:
    """The type that decisions are counted in: float32 for a metric of half precision, which ends counting at 2048."""
    return jnp.promote_types(dtype, jnp.float32)


def mean_terms(values: Array, weights: Array | None) -> Array:
    """What a batch adds to the state of a mean: the weighted sum of the values and the sum of the weights."""
    values, weights = reduce_to_samples(values, weights, jnp.mean)
    count = (values.shape[0] if values.ndim else 1) if weights is None else jnp.sum(weights)
    return jnp.stack([jnp.sum(values), jnp.asarray(count, values.dtype)])


@registry.add("sum")
@dataclasses.dataclass(frozen=True, eq=False)
class Sum(Metric):
    """The weighted sum of all values. ``update`` takes the values in place of targets and predictions."""

    name: str = "sum"
    dtype: str | None = dtype_field()

    def init(self, y_true: Any = None, y_pred: Any = None) -> Array:
        return jnp.zeros((), self.dtype)

    def update(  # type: ignore[override]
        self, state: Array, values: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Array:
        weights = None if sample_weight is None else jnp.asarray(sample_weight, self.dtype)
        return state + jnp.sum(reduce_to_samples(jnp.asarray(values, self.dtype), weights, jnp.sum)[0])

    def compute(self, state: Array) -> Array:
        return state


@registry.add("mean")
@dataclasses.dataclass(frozen=True, eq=False)
class Mean(Metric):
    """The weighted mean of all values. ``update`` takes the values in place of targets and predictions.

    The state is (weighted sum, sum of the weights).
    """

    name: str = "mean"
    dtype: str | None = dtype_field()

    def init(self, y_true: Any = None, y_pred: Any = None) -> Array:
        return jnp.zeros(2, self.dtype)

    def update(  # type: ignore[override]
        self, state: Array, values: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Array:
        weights = None if sample_weight is None else jnp.asarray(sample_weight, self.dtype)
        return state + mean_terms(jnp.asarray(values, self.dtype), weights)

    def compute(self, state: Array) -> Array:
        return divide_no_nan(state[0], state[1])


class MeanMetric(Metric):
    """A metric that is the weighted mean of values of the samples. A subclass writes ``values``.

    The state is (weighted sum, sum of the weights).
    """

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """The values of a batch, of a shape (samples, ...)."""
        raise NotImplementedError(f"{type(self).__name__} has no `values(self, y_true, y_pred)` method")

    def valid(self, y_true: Any, values: Array) -> Array | None:
        """Boolean mask of the values that count where there are weights too, or None for all."""
        del y_true, values

    def init(self, y_true: Any = None, y_pred: Any = None) -> Array:
        """Zeros."""
        return jnp.zeros(2, self.dtype)

    def update(
        self,
        state: Array,
        y_true: Any,
        y_pred: Any,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> Array:
        """The state after a batch, see :meth:`Metric.update`."""
        values = jnp.asarray(self.values(y_true, y_pred), self.dtype)
        weights = merge_mask(sample_weight, mask, self.dtype, "sum")
        if weights is not None:
            weights = merge_mask(weights, self.valid(y_true, values), self.dtype, "sum")
        return state + mean_terms(values, weights)

    def compute(self, state: Array) -> Array:
        """The mean, 0 before any data."""
        return divide_no_nan(state[0], state[1])


class MeanAsKeras2(MeanMetric):
    """A mean with sample weights of Keras 1 and 2: of each batch the loss that its values would be there, see
    :class:`kjax.nn.losses.base.Loss` (``reduction='keras2'``).

    Args:
        metric: a mean: a metric with ``values``.
    """

    def __init__(self, metric: Any) -> None:
        super().__init__(metric.dtype, metric.name)
        self.metric = metric

    def update(
        self,
        state: Array,
        y_true: Any,
        y_pred: Any,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> Array:
        """The state after a batch, see :meth:`Metric.update`."""
        values = jnp.asarray(self.metric.values(y_true, y_pred), self.dtype)
        samples = jnp.asarray(jnp.shape(y_pred)[0], self.dtype)
        return state + jnp.stack([reduce_values(values, sample_weight, mask, "keras2") * samples, samples])


# The metric class of each built-in function, so that the function itself may stand for a metric.
classes: dict[Callable[..., Any], type[Metric]] = {}


class FunctionMetric(MeanMetric):
    """The mean of the values of ``function``; fields with the names of its arguments are passed to it.

    Subclasses are frozen dataclasses that list the constructor arguments in Keras' order.
    """

    function: ClassVar[Callable[..., Array]]

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """The function's values."""
        function = type(self).function
        return function(y_true, y_pred, **function_arguments(function, self))


def register(*names: str) -> Callable[[T], T]:
    """Class decorator: makes a metric known by its class name, that in lower case, and ``names``."""

    def add(cls: T) -> T:
        if issubclass(cls, FunctionMetric):
            classes[cls.function] = cls
        return registry.register(cls, snake_case(cls.__name__), *names)

    return add


@registry.add("mean_metric_wrapper")
class MeanMetricWrapper(MeanMetric):
    """The mean of a user's function ``fn(y_true, y_pred, **kwargs)``; equal when ``fn`` and the rest are.

    Args:
        fn: function from targets and predictions to values of the samples, or to one number.
        name: name of the metric; by default that of the function.
        dtype: type that the metric computes in.
        **kwargs: further arguments of every call of ``fn``.
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        super().__init__(dtype, name or object_name(fn))
        self.fn = fn
        self.arguments = tuple(sorted(kwargs.items()))

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """The function's values."""
        return self.fn(y_true, y_pred, **dict(self.arguments))

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, by name."""
        return {**super().get_config(), "fn": self.fn, **dict(self.arguments)}

"""Metrics whose meaning follows from the shapes of targets and predictions: what 'accuracy' stands for."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import arguments
from kjax.nn.metrics.base import MeanMetricWrapper, Metric
from kjax.nn.metrics.resolve import get, resolve, resolve_accuracy, resolve_crossentropy
from kjax.nn.value import field

_KINDS = {"accuracy": resolve_accuracy, "crossentropy": resolve_crossentropy}
_ALIASES = {"acc": "accuracy", "accuracy": "accuracy", "ce": "crossentropy", "crossentropy": "crossentropy"}


@dataclasses.dataclass(frozen=True)
class Automatic(Metric):
    """Accuracy or cross-entropy: binary, categorical or sparse, whichever the shapes of the first batch say.

    Which one it is is known when a step is traced, so it costs nothing in the step.

    Args:
        kind: ``'accuracy'`` or ``'crossentropy'``.
        name: name of the metric.
        dtype: type that the metric computes in.
    """

    kind: str = field("accuracy", convert=arguments.choice(*_KINDS))
    name: str | None = None
    dtype: Any = None

    def __post_init__(self) -> None:
        if self.name is None:
            object.__setattr__(self, "name", self.kind)
        super().__post_init__()

    def _resolve(self, y_true: Any, y_pred: Any) -> Metric:
        return _KINDS[self.kind](jnp.shape(y_true), jnp.shape(y_pred))

    def init(self, y_true: Any = None, y_pred: Any = None) -> Array:
        """The state of a mean: the same whichever metric it turns out to be."""
        return MeanMetricWrapper(_nothing, "mean").init()

    def update(self, state: Any, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Any:
        """The state after a batch."""
        return self._resolve(y_true, y_pred).update(state, y_true, y_pred, sample_weight, mask)

    def values(self, y_true: Any, y_pred: Any) -> Array:
        """The values whose mean it is."""
        metric: Any = self._resolve(y_true, y_pred)
        return metric.values(y_true, y_pred)

    def compute(self, state: Any) -> Array:
        """The mean."""
        return MeanMetricWrapper(_nothing, "mean").compute(state)


def _nothing(y_true: Any, y_pred: Any) -> Any:
    raise NotImplementedError("only the state of a mean is asked of this metric")


def of_compile(identifier: Any) -> Metric | None:
    """The metric for an entry of ``compile(metrics=...)``: a string is also its name in the logs, as in Keras 3."""
    if isinstance(identifier, str):
        if identifier.lower() in _ALIASES:
            return Automatic(_ALIASES[identifier.lower()], identifier)
        return resolve(identifier, (), ())
    return get(identifier)

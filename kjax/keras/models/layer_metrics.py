"""Metrics of Keras 2 that are layers: they keep their values in variables that they update with ``add_update``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike

from kjax.keras.core.layer import Layer
from kjax.keras.core.metric import Metric
from kjax.keras.core.variable import Variable
from kjax.nn import metrics


def is_stateful_layer(thing: Any) -> bool:
    """Whether a metric is a layer that goes on from batch to batch."""
    return isinstance(thing, Layer) and bool(getattr(thing, "stateful", False))


def stateful_layers(given: Any) -> list[Any]:
    """The metrics of ``compile(metrics=given)`` that are such layers, in the order of outputs where they are listed."""
    if isinstance(given, Mapping):
        given = list(given.values())
    if isinstance(given, (list, tuple)):
        return [layer for entry in given for layer in stateful_layers(entry)]
    return [given] if is_stateful_layer(given) else []


class Latest(metrics.Metric):
    """The value that a function gave for the last batch.

    Args:
        function: from targets and predictions to a value that counts all data so far.
        name: its name.
    """

    cumulative = True

    def __init__(self, function: Any, name: str) -> None:
        super().__init__(name=name)
        self.function = function

    def init(self, y_true: Any = None, y_pred: Any = None) -> Any:
        """Zero."""
        return jnp.zeros((), self.dtype)

    def update(
        self,
        state: Any,
        y_true: Any,
        y_pred: Any,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> Any:
        """The value for this batch."""
        return jnp.mean(jnp.asarray(self.function(y_true, y_pred), self.dtype))

    def compute(self, state: Any) -> Any:
        """The value."""
        return state


class LayerState(Metric):
    """What such a layer keeps, as a metric of the model that is measured by it.

    Args:
        layer: the layer.
        variables: its variables.
    """

    def __init__(self, layer: Any, variables: Sequence[Variable]) -> None:
        super().__init__(name=layer.name)
        self.layer = layer
        self._variables = list(variables)
        self.goes_on = False

    @property
    def variables(self) -> list[Variable]:
        """The variables of the layer."""
        return list(self._variables)

    def result(self) -> dict[str, Any]:
        """Nothing: the value is that of the function itself."""
        return {}

    def reset_state(self) -> None:
        """As the layer says."""
        if not self.goes_on:
            self.layer.reset_states()


@contextlib.contextmanager
def going_on(states: Sequence[LayerState]) -> Iterator[None]:
    """Inside, the layers keep what they have: ``train_on_batch`` of Keras 2 went on from call to call."""
    for state in states:
        state.goes_on = True
    try:
        yield
    finally:
        for state in states:
            state.goes_on = False

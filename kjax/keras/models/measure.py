"""Layers that measure, or store, the tensor they are called on: what ``add_metric`` and ``add_update`` put into a graph."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.layer import Layer
from kjax.keras.core.metric import PureMetric
from kjax.keras.core.variable import Variable
from kjax.nn import metrics
from kjax.nn.module import STATE


class Aside(Layer):
    """A layer that a model has beside its graph; what it does is none of the layer's own updates."""

    def _drawn_effects(self, kind: str, of_calls: bool = True) -> list[tuple[Any, Any]]:
        return []


class Store(Aside):
    """Passes its input on and, in training, gives it to a variable: what ``add_update`` puts into a graph.

    Args:
        target: the variable.
    """

    def __init__(self, target: Variable, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.autocast = False
        self._track(target, STATE)

    @property
    def weights(self) -> list[Variable]:
        """None: the variable belongs to whoever made it."""
        return []

    def call(self, value: Any, training: bool = False) -> Any:
        """Store."""
        ((_, _, target),) = self._own_variables
        if training:
            target.assign(value)
        return value


class Measure(Aside):
    """Passes its input on and averages it over the batches.

    Args:
        label: name of the metric.
    """

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.metric = PureMetric.wrap(metrics.Mean(label))

    def call(self, value: Any) -> Any:
        """Measure."""
        self.metric.update_state(value)
        return value

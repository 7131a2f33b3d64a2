"""A layer that measures the tensor it is called on: what ``model.add_metric`` puts into a graph."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.layer import Layer
from kjax.keras.core.metric import PureMetric
from kjax.nn import metrics


class Measure(Layer):
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

"""All variables of a model, its optimizer and its metrics, by their paths."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.layer import Layer
from kjax.keras.core.metric import Metric
from kjax.keras.core.optimizer import Optimizer


def map_saveable_variables(saveable: Any, store: dict[str, Any], visited_saveables: set[int]) -> None:
    """Put the variables of a thing, and of what it holds, into a dict by path.

    Args:
        saveable: layer, model, metric or optimizer.
        store: the dict.
        visited_saveables: ``id`` of the things that are in it already.

    Raises:
        ValueError: two variables have one path.
    """
    if id(saveable) in visited_saveables:
        return
    visited_saveables.add(id(saveable))
    if isinstance(saveable, Layer):
        own = [variable for layer in saveable._flatten_layers() for variable in layer.weights]
        held = [*saveable.metrics, getattr(saveable, "optimizer", None)]
    else:
        own = saveable.variables if isinstance(saveable, (Metric, Optimizer)) else []
        held = []
    for variable in {id(v): v for v in own}.values():
        known = store.setdefault(variable.path, variable)
        if known is not variable:
            raise ValueError(
                f"two variables have the path {variable.path!r}: {variable} and {known}; give their layers names of their own"
            )
    for thing in held:
        map_saveable_variables(thing, store, visited_saveables)

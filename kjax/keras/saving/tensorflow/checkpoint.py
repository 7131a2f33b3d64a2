"""Weights and the optimizer's state from a checkpoint that TensorFlow wrote."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from kjax.keras.core.optimizer import Optimizer
from kjax.keras.core.variable import Variable
from kjax.keras.models.model import Model
from kjax.keras.saving import eras, hdf5
from kjax.keras.saving.errors import loading
from kjax.keras.saving.tensorflow.bundle import Bundle
from kjax.keras.saving.tensorflow.object_graph import (
    KEY,
    Matching,
    ObjectGraph,
    by_names,
    listed_state,
    of_optimizer,
    optimizer_plan,
)
from kjax.keras.saving.weights_h5 import is_built


def load_weights(model: Any, prefix: str, skip_mismatch: bool = False) -> tuple[list[str], list[str]]:
    """Set a model's weights, and the state of its optimizer where it is compiled and the checkpoint has one.

    Args:
        model: a model; one that is not built takes its weights when it is.
        prefix: the checkpoint's name.
        skip_mismatch: keep, with a warning, the weights that do not fit.

    Returns:
        What is in the checkpoint and not in the model, and what is in the model and not in the checkpoint.

    Raises:
        FileFormatError: the checkpoint is damaged, or does not fit the model, which is unchanged then.
    """
    with loading(f"{prefix}.index"):
        bundle = Bundle(prefix)
        if not is_built(model):
            model._when_built = (*model._when_built, lambda: load_weights(model, prefix, skip_mismatch))
            return [], []
        if KEY in bundle.keys:
            graph = ObjectGraph(bundle)
            matching = Matching(graph)
            matching.match(model, 0)
            plan, problems = matching.plan, matching.problems
        else:
            graph = matching = None
            plan, problems, _ = by_names(model, bundle)
        if problems and not skip_mismatch:
            raise ValueError(f"it does not fit model {model.name!r}: {'; '.join(problems[:8])}")
        if not plan and model.weights:
            raise ValueError(
                f"it has no values for any weight of model {model.name!r}; it has: {', '.join(bundle.keys[:8]) or 'nothing'}"
            )
        assignments = [(variable, bundle.read(key)) for variable, key in plan.values()]
        state = _state(model, graph, matching)
    if problems:
        warnings.warn(f"not loaded: {'; '.join(problems)}", stacklevel=4)
    for variable, array in [*assignments, *(state or ())]:
        hdf5.assign(variable, array)
    used = {key for _, key in plan.values()}
    unused = [
        key for key in bundle.keys if key not in used and key != KEY and not (state and of_optimizer(key, "optimizer"))
    ]
    return unused, [w.path for w in model.weights if id(w) not in plan]


def _state(model: Any, graph: ObjectGraph | None, matching: Matching | None) -> list[tuple[Any, Any]] | None:
    node = graph.children(0).get("optimizer") if graph is not None else None
    if node is None or graph is None or matching is None or not model.compiled or model.optimizer is None:
        return []
    with eras.reading("2.15.0"):
        state = optimizer_plan(model, matching, node)
    if state is None:
        warnings.warn(
            f"the checkpoint's state of an optimizer is none of the optimizer {model.optimizer.name!r} of model "
            f"{model.name!r}: it starts anew",
            stacklevel=5,
        )
    return state


def restore(things: Mapping[str, Any], prefix: str) -> tuple[list[str], list[str]]:
    """Set the variables of objects by their names in a ``tf.train.Checkpoint``.

    Args:
        things: the objects by name; where there is a model that is not built, all is restored once more when it is.
        prefix: the checkpoint's name.

    Returns:
        What is in the checkpoint and in no object, and what is in the objects and not in the checkpoint.

    Raises:
        FileFormatError: the checkpoint is damaged, or does not fit; nothing is changed then.
    """
    with loading(f"{prefix}.index"):
        bundle = Bundle(prefix)
        if KEY not in bundle.keys:
            raise ValueError("it has names and no objects: read its arrays by tf.train.load_checkpoint")
        graph = ObjectGraph(bundle)
        matching, children, state = Matching(graph), graph.children(0), []
        wanted: list[Any] = []
        everything, late = things, [t for t in things.values() if isinstance(t, Model) and not is_built(t)]
        for model in late:
            model._when_built = (*model._when_built, lambda: restore(everything, prefix))
        if late:
            things = {name: thing for name, thing in things.items() if not isinstance(thing, (Model, Optimizer))}
        for name, thing in things.items():
            wanted += _variables(thing)
            if name in children or name == "root":
                matching.match(thing, children.get(name, 0))
        for name, thing in things.items():
            if isinstance(thing, Optimizer) and name in children:
                state += _state_of(thing, things, matching, children[name])
        if matching.problems:
            raise ValueError(f"it does not fit the objects: {'; '.join(matching.problems[:8])}")
        assignments = [(variable, bundle.read(key)) for variable, key in matching.plan.values()]
    for variable, array in [*assignments, *state]:
        hdf5.assign(variable, array)
    used = {key for _, key in matching.plan.values()}
    done = set(matching.plan) | {id(variable) for variable, _ in state}
    missing = [v.path for v in wanted if id(v) not in done]
    restored = [name for name, thing in things.items() if isinstance(thing, Optimizer) and state]
    unused = [
        key
        for key in bundle.keys
        if key not in used and key != KEY and not any(of_optimizer(key, name) for name in restored)
    ]
    return unused, missing


def _state_of(optimizer: Any, things: Mapping[str, Any], matching: Matching, node: int) -> list[tuple[Any, Any]]:
    """What an optimizer gets; one that no model was compiled with is built for the model beside it first."""
    model = next((t for t in things.values() if getattr(t, "optimizer", None) is optimizer), None)
    with eras.reading("2.15.0"):
        if model is not None:
            return optimizer_plan(model, matching, node) or []
        arrays = listed_state(matching.graph, node)
        for thing in things.values():
            weights = list(getattr(thing, "trainable_variables", ()))
            if not optimizer.built and weights and not isinstance(thing, Optimizer) and len(arrays) > 2:
                optimizer.build(weights)
    boxes = list(optimizer.variables)
    if [tuple(box.shape) for box in boxes] == [array.shape for array in arrays]:
        return list(zip(boxes, arrays, strict=True))
    warnings.warn(
        f"the checkpoint's state of the optimizer {optimizer.name!r} cannot be restored: it starts anew; compile the model with "
        "the optimizer before restoring",
        stacklevel=5,
    )
    return []


def _variables(thing: Any) -> list[Any]:
    if isinstance(thing, Variable):
        return [thing]
    if isinstance(thing, (list, tuple, Mapping)):
        return [v for item in (thing.values() if isinstance(thing, Mapping) else thing) for v in _variables(item)]
    return list(thing.weights if hasattr(thing, "weights") else getattr(thing, "variables", ()))

"""Which array of a checkpoint belongs to which variable: by the graph of objects that it holds, or by names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from kjax.keras.core.layer import Layer
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.variable import Variable
from kjax.keras.models.model import Model
from kjax.keras.saving import eras, legacy_training, legacy_weights, optimizer_state
from kjax.keras.saving.tensorflow.bundle import Bundle
from kjax.keras.saving.tensorflow.wire import Message, parse

KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The entry of a checkpoint that holds the graph (``trackable_object_graph.proto``)."""

_CHILD: Message = {1: ("node", int), 2: ("name", str)}
_ATTRIBUTE: Message = {1: ("name", str), 2: ("full_name", str), 3: ("key", str)}
_SLOT: Message = {1: ("variable", int), 2: ("name", str), 3: ("node", int)}
_NODE: Message = {1: ("children", [_CHILD]), 2: ("attributes", [_ATTRIBUTE]), 3: ("slots", [_SLOT])}
_GRAPH: Message = {1: ("nodes", [_NODE])}

LISTS = ("variables", "trainable_variables", "non_trainable_variables", "regularization_losses")
BESIDE = frozenset(("keras_api", "optimizer", "keras_losses", "signatures", *LISTS))
"""Children of an object that hold none of its attributes: a SavedModel lists the variables of each layer once more."""

Plan = dict[int, tuple[Variable, str]]
"""Variables and the keys of their arrays, by the variables' identity."""


class ObjectGraph:
    """The objects in a checkpoint.

    Args:
        bundle: the checkpoint.

    Raises:
        ValueError: it holds no graph, or a damaged one.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        text = bundle.read(KEY)
        if text.shape or not isinstance(text.item(), bytes):
            raise ValueError("its graph of objects is damaged")
        self.nodes = parse(text.item(), _GRAPH)["nodes"]
        known = range(len(self.nodes))
        if not self.nodes or any(child["node"] not in known for node in self.nodes for child in node["children"]):
            raise ValueError("its graph of objects is damaged: it refers to objects that are not there")

    def children(self, node: int) -> dict[str, int]:
        """What an object has, by attribute."""
        return {child["name"]: child["node"] for child in self.nodes[node]["children"]}

    def key(self, node: int) -> str | None:
        """The key of a variable's array; None for what is no variable."""
        for attribute in self.nodes[node]["attributes"]:
            if attribute["name"] == "VARIABLE_VALUE" and attribute["key"] in self.bundle.keys:
                return attribute["key"]
        return None

    def variables(self, node: int) -> Iterator[tuple[str, int]]:
        """The variables below an object with the names under which they are found, each once, in order."""
        seen, stack = {node}, [("", node)]
        while stack:
            name, here = stack.pop()
            if self.key(here) is not None:
                yield name, here
            # Backward layers come after the forward ones, whatever the order of attributes.
            inside = [(n, c) for n, c in self.children(here).items() if n not in BESIDE and c not in seen]
            inside.sort(key=lambda entry: entry[0].startswith("backward"))
            seen.update(c for _, c in inside)
            stack += reversed(inside)


class Matching:
    """The variables of objects and where their arrays lie.

    Args:
        graph: the objects of the checkpoint.
    """

    def __init__(self, graph: ObjectGraph) -> None:
        self.graph = graph
        self.plan: Plan = {}
        self.nodes: dict[int, int] = {}
        self.missing: list[str] = []
        self.problems: list[str] = []

    def match(self, thing: Any, node: int) -> None:
        """Match an object of any kind, and what it holds, with one of the checkpoint."""
        children = self.graph.children(node)
        if isinstance(thing, Variable):
            self._variable(thing, node)
        elif isinstance(thing, Model) and (thing.is_functional or hasattr(thing, "_stack")):
            self._layers(thing, node)
        elif isinstance(thing, PureLayer):
            self._leaf(thing, node)
        elif isinstance(thing, Layer):
            self._attributes(thing, children)
        elif isinstance(thing, Mapping):
            self._items({str(key): item for key, item in thing.items()}, children)
        elif isinstance(thing, (list, tuple)):
            self._items({str(i): item for i, item in enumerate(thing)}, children)

    def _items(self, items: Mapping[str, Any], children: Mapping[str, int]) -> None:
        for name, item in items.items():
            if name in children:
                self.match(item, children[name])

    def _variable(self, variable: Variable, node: int) -> None:
        key = self.graph.key(node)
        if key is None:
            return
        self.nodes.setdefault(id(variable), node)
        shape = self.graph.bundle.shape(key)
        if shape != tuple(variable.shape):
            self.problems.append(f"{variable.path!r} has shape {tuple(variable.shape)}, the checkpoint has {shape}")
        else:
            self.plan.setdefault(id(variable), (variable, key))

    def _layers(self, model: Any, node: int) -> None:
        ours = [layer for layer in model.layers if legacy_weights.listed(layer)]
        found = {
            int(match[1]): child
            for name, child in self.graph.children(node).items()
            if (match := re.fullmatch(r"layer_with_weights-(\d{1,9})", name))
        }
        theirs = [found[i] for i in sorted(found) if next(self.graph.variables(found[i]), None) is not None]
        if len(ours) != len(theirs):
            self.problems.append(
                f"model {model.name!r} has {len(ours)} layers with weights, the checkpoint has {len(theirs)} for it"
            )
            return
        names = {self._name(child): child for child in theirs}
        named = set(names) == {layer.name for layer in ours}
        for layer, child in zip(ours, theirs, strict=True):
            self.match(layer, names[layer.name] if named else child)
        self._attributes(model, {k: v for k, v in self.graph.children(node).items() if not k.startswith("layer")})

    def _name(self, node: int) -> str:
        """What a layer was called: how the full names of its weights begin."""
        for _, variable in self.graph.variables(node):
            return self.graph.nodes[variable]["attributes"][0]["full_name"].partition("/")[0]
        return ""

    def _attributes(self, layer: Any, children: Mapping[str, int]) -> None:
        """A user's layer or model: what has the same attribute in both, then its own variables by name."""
        own = {variable.short_name: variable for variable in layer.own_variables()}
        for name, child in children.items():
            if name in BESIDE or name.startswith("_self_") or name == "layers":
                continue
            thing = layer.__dict__.get(name)
            if thing is None and self.graph.key(child) is not None:
                thing = own.get(name)
            if thing is not None and id(thing) not in self.nodes:
                self.match(thing, child)

    def _leaf(self, layer: Any, node: int) -> None:
        """A layer of Keras: its weights by name, those of the same name in order."""
        theirs: dict[str, list[int]] = {}
        for name, variable in self.graph.variables(node):
            theirs.setdefault(name, []).append(variable)
        ours: dict[str, list[Variable]] = {}
        for variable in legacy_weights.listed(layer):
            ours.setdefault(variable.short_name, []).append(variable)
        for name, variables in ours.items():
            nodes = theirs.get(name, [])
            if nodes and len(nodes) != len(variables):
                self.problems.append(
                    f"layer {layer.name!r} has {len(variables)} weights {name!r}, the checkpoint has {len(nodes)}"
                )
                continue
            for variable, child in zip(variables, nodes, strict=False):
                self._variable(variable, child)
        # A weight may have another name today (`depthwise_kernel`): what is left is paired in order.
        spare = [child for name, nodes in theirs.items() if name not in ours for child in nodes]
        lacking = [v for name, variables in ours.items() if name not in theirs for v in variables]
        if len(spare) == len(lacking):
            for variable, child in zip(lacking, spare, strict=True):
                self._variable(variable, child)

    def unmatched(self, variables: Any) -> list[str]:
        """Paths of those variables that got no array."""
        return [variable.path for variable in variables if id(variable) not in self.plan]


def optimizer_plan(model: Any, matching: Matching, node: int) -> list[tuple[Variable, Any]] | None:
    """The variables of a compiled model's optimizer with their arrays; None where they do not fit.

    Args:
        model: the model, whose own variables are matched.
        matching: which they are.
        node: the optimizer in the checkpoint. Since TensorFlow 2.11 it keeps a list; before, slots that refer to variables.
    """
    graph, optimizer = matching.graph, model.optimizer
    children = graph.children(node)
    values = {name: graph.bundle.read(key) for name, child in children.items() if (key := graph.key(child))}
    if "_iterations" in children:
        listed = graph.children(children["_variables"]) if "_variables" in children else {}
        keys = [graph.key(listed[name]) for name in sorted(listed, key=lambda n: int(n) if n.isdigit() else -1)]
        first = graph.key(children["_iterations"])
        arrays = [first, *(key for key in keys if key != first)]
        stored = {f"iteration:{i}": _Array(graph.bundle.read(key)) for i, key in enumerate(arrays) if key}
        plan = legacy_training._plan(model, stored)  # type: ignore[arg-type]
    elif "iter" in values:
        stored = {"optimizer/iter:0": _Array(values["iter"])}
        trained = model._partition()["params"]
        leaves = jax.tree.leaves(trained, is_leaf=lambda leaf: isinstance(leaf, Variable))
        order = [leaves[i] for i in optimizer_state.order_of(model, trained)]
        slots = {(s["variable"], s["name"]): s["node"] for n in graph.nodes for s in n["slots"]}
        known = eras.OPTIMIZER_SLOTS_OF_TENSORFLOW.get(type(optimizer.rule).__name__, {})
        for slot in known:
            for i, variable in enumerate(order):
                place = slots.get((matching.nodes.get(id(variable), -1), slot))
                key = graph.key(place) if place is not None and place < len(graph.nodes) else None
                if key is not None:
                    stored[f"{i}/{slot}:0"] = _Array(graph.bundle.read(key))
        plan = legacy_training._named_plan(model, stored)  # type: ignore[arg-type]
    else:
        return []
    rate = values.get("_learning_rate", values.get("learning_rate"))
    if plan is not None and rate is not None and rate.shape == () and isinstance(optimizer._rate, Variable):
        plan = [*plan, (optimizer._rate, _Array(rate))]
    return None if plan is None else [(box, _value(array)) for box, array in plan]


def of_optimizer(key: str, name: str) -> bool:
    """Whether an array is part of an optimizer's state.

    Args:
        key: the key of the array.
        name: the optimizer's name in the checkpoint.
    """
    return key.startswith(f"{name}/") or f"/.OPTIMIZER_SLOT/{name}/" in key


def listed_state(graph: ObjectGraph, node: int) -> list[np.ndarray]:
    """The state of an optimizer of TensorFlow 2.11 and later as Keras 3 lists it: iterations, learning rate, slots.

    Args:
        graph: the objects of the checkpoint.
        node: the optimizer.
    """
    children = graph.children(node)
    listed = graph.children(children["_variables"]) if "_variables" in children else {}
    nodes = [children.get("_iterations"), children.get("_learning_rate")]
    nodes += [listed[name] for name in sorted(listed, key=lambda n: int(n) if n.isdigit() else -1)]
    keys = dict.fromkeys(graph.key(place) for place in nodes if place is not None)
    return [graph.bundle.read(key) for key in keys if key is not None]


class _Array:
    """An array as entries of files are: with ``shape`` and ``read``."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape = array, tuple(array.shape)

    def read(self) -> np.ndarray:
        """The array."""
        return self.array


def _value(array: Any) -> Any:
    return array.read() if isinstance(array, _Array) else array


def by_names(model: Any, bundle: Bundle) -> tuple[Plan, list[str], list[str]]:
    """Match a checkpoint of names alone, as ``tf.train.Saver`` writes it: by the names of layers and weights.

    Args:
        model: a built model.
        bundle: the checkpoint.

    Returns:
        The plan, what does not fit, and the names of layers that have nothing in the checkpoint.
    """
    plan: Plan = {}
    problems, missing = [], []
    for layer in model._flatten_layers(include_self=False):
        for variable in layer.own_variables() if not isinstance(layer, PureLayer) else legacy_weights.listed(layer):
            pattern = rf"(?:.*/)?{re.escape(layer.name)}/(?:.*/)?{re.escape(variable.short_name)}"
            keys = [key for key in bundle.keys if re.fullmatch(pattern, key)]
            inner = [key for key in keys if key == f"{layer.name}/{variable.short_name}"] or keys
            if len(inner) > 1:
                direction = [part for part in variable.path.split("/") if part.startswith(("forward_", "backward_"))]
                inner = [key for key in inner if direction and f"/{direction[0]}" in key] or inner
            if len(inner) != 1:
                missing.append(variable.path)
            elif bundle.shape(inner[0]) != tuple(variable.shape):
                problems.append(
                    f"{variable.path!r} has shape {tuple(variable.shape)}, the checkpoint has {bundle.shape(inner[0])}"
                )
            else:
                plan.setdefault(id(variable), (variable, inner[0]))
    return plan, problems, missing


__all__ = ["KEY", "Matching", "ObjectGraph", "by_names", "of_optimizer", "optimizer_plan"]

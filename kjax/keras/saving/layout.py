"""Where each variable of a model lies in a weights file: the walk through layers and attributes that Keras 3 does."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from kjax.keras.core.handle import Handle
from kjax.keras.core.layer import Layer
from kjax.keras.core.operation import Operation
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.quantized import Entry, in_file_order
from kjax.keras.core.saved import Saved
from kjax.keras.core.settings import to_snake_case
from kjax.keras.core.variable import Variable
from kjax.keras.models.model import Model
from kjax.keras.models.sequential import Sequential
from kjax.keras.saving import names
from kjax.nn.graph import Graph, Op
from kjax.nn.layers.recurrent.sequence import CARRIED
from kjax.nn.module import PARAMS, rank_of

SUBGROUPS: dict[str, dict[str, str]] = {
    name: {PARAMS: "cell"} for name in ("LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
}
"""Built-in classes whose variables of a collection belong, in Keras, to an object inside the layer."""

_PROJECTIONS = {"query": "query", "key": "key", "value": "value", "attention_output": "output", "gate": "gate"}

INSIDE: dict[str, dict[str, str]] = {
    "Bidirectional": {"layer": "forward_layer"},
    "MultiHeadAttention": {f: f"{t}_dense" for f, t in _PROJECTIONS.items()},
    "GroupQueryAttention": {f: f"_{t}_dense" for f, t in _PROJECTIONS.items()},
}
"""Built-in classes whose layers inside have another name here than in Keras' files."""

HANDLES = {"Pipeline": "layers", "TextVectorization": "_lookup_layer"}
"""Built-in classes without a module, and the attribute with the layers inside."""


@dataclasses.dataclass(frozen=True)
class Place:
    """What is stored at one path of a weights file.

    Attributes:
        path: names joined by ``/``; empty for the model itself.
        name: name that is noted there.
        owner: the layer, model or optimizer.
        variables: its variables in the order of the file; None where the owner reads and writes its values itself.
        optional: variables that are read where the file has them, and not written.
        merged: gives the values that are written in the place of those of variables, by their ids: sums with corrections.
        cleared: variables that are set to zero when the others are read: the corrections.
    """

    path: str
    name: str | None
    owner: Any
    variables: list[Variable] | None
    optional: tuple[Variable, ...] = ()
    merged: Callable[[], Mapping[int, Any]] = dict
    cleared: tuple[Variable, ...] = ()


def places(model: Any, skip: Iterable[Any] = (), *, backwards: bool = False) -> Iterator[Place]:
    """All places of a model and, where it was compiled, of its optimizer.

    Args:
        model: a model or layer.
        skip: layers or an optimizer that are passed over, with all that is in them.
        backwards: walk as tf.keras 2.12 to 2.15 did, through attributes from the last name to the first; in lists, layers
            that were met before are not counted.
    """
    yield from _walk(model, "", {id(thing) for thing in skip}, backwards)


def _walk(owner: Any, path: str, visited: set[int], backwards: bool) -> Iterator[Place]:
    if id(owner) in visited:
        return
    visited.add(id(owner))
    if not isinstance(owner, Layer):
        yield Place(path, getattr(owner, "name", None), owner, None)
        return
    yield from _own(owner, path)
    for name, child in _children(owner, backwards):
        yield from _descend(child, _join(path, name), visited, backwards)


def _descend(
    child: Any, path: str, visited: set[int], backwards: bool, seen: frozenset[int] = frozenset()
) -> Iterator[Place]:
    """A layer, an optimizer, or a list, tuple or dict of layers at a path."""
    if _has_state(child):
        yield from _walk(child, path, visited, backwards)
    elif isinstance(child, (list, tuple, dict)) and id(child) not in seen:
        counts: collections.Counter[str] = collections.Counter()
        for item in child.values() if isinstance(child, dict) else child:
            nested = isinstance(item, (list, tuple, dict))
            if not nested and (not _has_state(item) or (backwards and id(item) in visited)):
                continue
            label = "container" if nested else class_label(item)
            name = f"{label}_{counts[label]}" if counts[label] else label
            counts[label] += 1
            yield from _descend(item, _join(path, name), visited, backwards, seen | {id(child)})


def _has_state(thing: Any) -> bool:
    from kjax.keras.core.optimizer import Optimizer

    return isinstance(thing, (Layer, Optimizer)) and not isinstance(thing, Operation)


def class_label(layer: Any) -> str:
    """The class of a layer as it stands in paths."""
    known = names.keras_name(type(layer))
    return _label(known[1] if known is not None else type(layer).__name__)


def _label(name: str) -> str:
    return to_snake_case(name, era="3")  # in whatever era a file is written, it is one of today


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path and name else path or name


def _own(layer: Layer, path: str) -> Iterator[Place]:
    """The places of a layer's own variables: usually one."""
    if is_custom(layer):
        yield Place(path, layer.name, layer, None)
        return
    groups: dict[str, list[Variable]] = {"": []}
    unstored = unstored_variables(layer)
    merged: Callable[[], Mapping[int, Any]] = dict
    cleared: tuple[Variable, ...] = ()
    if isinstance(layer, PureLayer):
        cls = built_in_class(type(layer)).__name__
        layer._follow_held()
        entries = sorted(layer._boxes, key=lambda entry: rank_of(entry[0]))
        merged, cleared = _corrections(layer, entries)
        entries = _ordered([e for e in entries if all(e[2] is not v for v in (*unstored, *cleared))])
        for collection, steps, variable in entries:
            # Some layers keep weights of the layer inside a second time, as their own.
            if len(steps) > 1 and steps[-1] in getattr(layer._module, "also_own", ()):
                groups[""].append(variable)
            inside = _group_inside(layer._module, cls, steps, collection)
            groups.setdefault(inside, []).append(variable)
    groups[""].extend(layer.own_variables())
    for inside, variables in groups.items():
        if inside:
            yield Place(_join(path, inside), None, layer, variables)
        else:
            yield Place(path, layer.name, layer, variables, unstored, merged, cleared)


def _corrections(layer: Any, entries: Sequence[Entry]) -> tuple[Callable[[], Mapping[int, Any]], tuple[Variable, ...]]:
    """Values for the weights that have a correction (LoRA), as Keras writes them, and the variables of the correction."""
    if not getattr(layer, "lora_enabled", False):
        return dict, ()

    def merged() -> Mapping[int, Any]:
        values = layer.merged_values()
        return {id(v): values[path[-1]] for _, path, v in entries if len(path) == 1 and path[-1] in values}

    return merged, tuple(layer._factors())


def _ordered(entries: Sequence[Entry]) -> list[Entry]:
    """The variables of each layer inside in the order of files."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry[1][:-1], []).append(entry)
    return [entry for group in groups.values() for entry in in_file_order(group)]


def _group_inside(module: Any, cls: str, steps: tuple[str, ...], collection: str) -> str:
    """Where in a layer's group a variable of its module lies.

    Args:
        module: the module; None where it is not known.
        cls: its class.
        steps: path of the variable in the module.
        collection: its collection.
    """
    if len(steps) == 1:
        return SUBGROUPS.get(cls, {}).get(collection, "")
    if isinstance(module, Graph):
        label, child = _layer_of_graph(module, steps[0])
    else:
        label, child = _child(module, steps[0])
        label = INSIDE.get(cls, {}).get(label, label)
    return _join(label, _group_inside(child, type(child).__name__, steps[1:], collection))


def _child(module: Any, step: str) -> tuple[str, Any]:
    """Label in Keras' paths, and the module, of a module inside another."""
    child = getattr(module, step, None)
    if child is None and step == "backward_layer":
        child = module.layer
    stem, _, number = step.rpartition("_")
    if child is None and number.isdigit() and isinstance(getattr(module, stem, None), (list, tuple)):
        items = getattr(module, stem)
        labels = _numbered([_module_label(item) for item in items])
        return f"{stem}/{labels[int(number)]}", items[int(number)]
    return step, child


def _module_label(module: Any) -> str:
    """The class of a module as it stands in paths: that of the user's layer where it stands for one."""
    return class_label(module.owner.layer) if isinstance(module, Handle) else _label(type(module).__name__)


def module_at(module: Any, steps: Sequence[str]) -> Any:
    """The module that a path in another leads to; None where it is not known."""
    for step in steps:
        module = _layer_of_graph(module, step)[1] if isinstance(module, Graph) else _child(module, step)[1]
    return module


def _layer_of_graph(graph: Graph, name: str) -> tuple[str, Any]:
    layers = [(label, module) for label, module in graph.layers if not isinstance(module, Op)]
    labels = _numbered([_module_label(module) for _, module in layers])
    place = [label for label, _ in layers].index(name)
    return f"layers/{labels[place]}", layers[place][1]


def _numbered(labels: Sequence[str]) -> list[str]:
    """``dense``, ``dense_1``, ... for labels that occur again."""
    counts: collections.Counter[str] = collections.Counter()
    result = []
    for label in labels:
        result.append(f"{label}_{counts[label]}" if counts[label] else label)
        counts[label] += 1
    return result


def unstored_variables(layer: Any) -> tuple[Variable, ...]:
    """The variables of a layer that are no part of files: states that are carried from call to call."""
    if not isinstance(layer, PureLayer):
        return ()
    return tuple(variable for _, path, variable in layer._boxes if path[-1].startswith(CARRIED))


def built_in_class(cls: type) -> type:
    """The built-in class that a user's class derives from, or itself."""
    return next((base for base in cls.__mro__ if base.__module__ == "kjax.keras.layers"), cls)


def is_custom(layer: Any) -> bool:
    """Whether a user's class stores its values itself."""
    cls = type(layer)
    return (
        cls.save_own_variables is not Saved.save_own_variables or cls.load_own_variables is not Saved.load_own_variables
    )


def _children(layer: Layer, backwards: bool) -> Iterator[tuple[str, Any]]:
    """Attributes of a layer that may hold layers, in Keras' order: those of a graph first, private ones last."""
    is_graph = isinstance(layer, Model) and (layer.is_functional or hasattr(layer, "_stack"))
    if isinstance(layer, Model) and is_graph:
        yield "layers", graph_layers(layer)
    if type(layer).__module__ == "kjax.keras.layers" or names.is_older(type(layer)):
        if type(layer).__name__ in HANDLES:
            yield (name := HANDLES[type(layer).__name__]), getattr(layer, name)
        return
    known = _known_attributes(isinstance(layer, PureLayer))
    attributes = {name for name in dir(layer) if not name.startswith("__") and name not in known}
    if isinstance(layer, Model):
        attributes |= {"optimizer"} | (set() if is_graph else {"layers"})
    ordered = sorted(attributes, key=lambda name: f"~{name}" if name.startswith("_") and not backwards else name)
    for name in reversed(ordered) if backwards else ordered:
        try:
            value = getattr(layer, name)
        except Exception:
            continue
        if isinstance(value, Mapping) and not isinstance(value, dict):
            value = dict(value)
        yield name, value


def graph_layers(model: Any) -> list[Any]:
    """The layers of a model that files list; those of models that Keras 1's ``Merge`` joins, one by one."""
    return list(model._plan.layers if getattr(model, "is_joined", False) else model.layers)


@functools.cache
def _known_attributes(is_pure: bool) -> frozenset[str]:
    """The attributes that every layer or model has, in which no layers of the user lie."""
    from kjax.keras.layers import InputLayer, Layer

    found = (
        set(dir(Layer(name="reference"))) | set(dir(Model(name="reference"))) | set(dir(Sequential(name="reference")))
    )
    found |= {"batch_shape", "_input_type"} | set(dir(InputLayer))
    if is_pure:
        from kjax.keras import layers

        found |= set(dir(layers.Activation("linear", name="reference")))  # type: ignore[attr-defined]
    return frozenset(found)

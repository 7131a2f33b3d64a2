"""Functional and Sequential models as configs in Keras 3's format, and back."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kjax.keras.core.layer import Layer
from kjax.keras.core.operation import InputLayer, Operation
from kjax.keras.core.tensor import KerasTensor, Node
from kjax.keras.models.model import Model
from kjax.keras.models.sequential import Sequential, joined
from kjax.keras.saving import legacy_config, operations, tensorflow_ops
from kjax.keras.saving.registration import CustomObjectScope
from kjax.keras.saving.serialization import (
    RevivedTensor,
    _revive,
    serialize_argument,
    serialize_keras_object,
)

# -- writing -----------------------------------------------------------------------------------------------------


def functional_config(model: Any) -> dict[str, Any]:
    """The config of a functional model.

    Args:
        model: the model.

    Raises:
        ValueError: a function on symbolic tensors that real Keras has no operation for.
    """
    plan = model._plan
    numbers = _node_numbers(model)
    begins = _input_entries(plan, numbers)
    return {
        "name": model.name,
        "trainable": model._trainable,
        "layers": begins + [_layer_entry(layer, numbers) for layer in plan.layers],
        "input_layers": _map_tensors(plan.input_structure, lambda t: _place(t, numbers, outside=True)),
        "output_layers": _map_tensors(plan.arranged(plan.outputs), lambda t: _place(t, numbers, outside=True)),
    }


def _node_numbers(model: Any) -> dict[int, Any]:
    """Number of each call of the model among the calls of its layer that belong to the model, by ``id``."""
    own = {id(node) for node in model._nodes}
    numbers = {}
    for layer in model._plan.layers:
        kept = [node for node in layer._inbound_nodes if id(node) in own]
        numbers |= {id(node): i for i, node in enumerate(kept)}
    return numbers


def _input_entries(plan: Any, numbers: dict[int, Any]) -> list[dict[str, Any]]:
    """Input layers for a model that begins in the middle of another; their names are noted for the tensors.

    Args:
        plan: the model.
        numbers: as of :func:`_node_numbers`; the name of such an input by ``id`` of its tensor is added.
    """
    found = []
    taken = {layer.name for layer in plan.layers}
    for tensor in plan.inputs:
        if isinstance(tensor._keras_history[0], InputLayer):
            continue
        name = next(
            n
            for n in (tensor.short_name, *(f"{tensor.short_name}_{i}" for i in range(1, len(taken) + 2)))
            if n not in taken
        )
        taken.add(name)
        numbers[id(tensor)] = name
        entry = serialize_keras_object(InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype, name=name))
        found.append({**entry, "name": name, "inbound_nodes": []})
    return found


def _node_of(tensor: KerasTensor) -> Node:
    layer, index, _ = tensor._keras_history
    return layer._inbound_nodes[index]


def _place(tensor: KerasTensor, numbers: Mapping[int, Any], outside: bool = False) -> list[Any]:
    """Layer name, number of the call and number of the output that make a tensor."""
    if isinstance(numbers.get(id(tensor)), str):
        return [numbers[id(tensor)], 0, 0]
    layer, _, position = tensor._keras_history
    # Keras counts a functional model's own graph as its first call, in the lists of inputs and outputs only.
    shift = 1 if outside and _is_functional(layer) else 0
    return [layer.name, numbers[id(_node_of(tensor))] + shift, position]


def _is_functional(layer: Any) -> bool:
    return isinstance(layer, Model) and layer.is_functional and not isinstance(layer, Sequential)


def _layer_entry(layer: Layer, numbers: Mapping[int, Any]) -> dict[str, Any]:
    nodes = [node for node in layer._inbound_nodes if id(node) in numbers and not node.is_input]
    if isinstance(layer, Operation):
        entry, args, kwargs = operations.operation_config(layer, nodes[0].args, nodes[0].kwargs)
        calls = [_call_entry(args, kwargs, numbers)]
    else:
        entry = serialize_keras_object(layer)
        # The call of a graph has a mask, which Keras writes even where there is none.
        further = {"mask": None} if isinstance(layer, Model) and layer.is_functional else {}
        calls = [_call_entry(node.args, further | dict(node.kwargs), numbers) for node in nodes]
    return {**entry, "name": layer.name, "inbound_nodes": calls}


def _call_entry(args: Any, kwargs: Any, numbers: Mapping[int, Any]) -> dict[str, Any]:
    def write(tree: Any) -> Any:
        if isinstance(tree, KerasTensor):
            entry = serialize_keras_object(tree)
            entry["config"]["keras_history"] = _place(tree, numbers)
            return entry
        if isinstance(tree, Mapping):
            return {key: write(value) for key, value in tree.items()}
        if isinstance(tree, (list, tuple)):
            return type(tree)(write(item) for item in tree) if type(tree) in (list, tuple) else [write(i) for i in tree]
        return serialize_argument(tree)

    return {"args": write(tuple(args)), "kwargs": write(dict(kwargs))}


def _map_tensors(tree: Any, function: Callable[[KerasTensor], Any]) -> Any:
    if isinstance(tree, KerasTensor):
        return function(tree)
    if isinstance(tree, Mapping):
        return {key: _map_tensors(value, function) for key, value in tree.items()}
    return [_map_tensors(item, function) for item in tree]


def sequential_config(model: Any) -> dict[str, Any]:
    """The config of a sequential model.

    Args:
        model: the model.
    """
    layers = [model._input_layer] if model._input_layer is not None else []
    config = {
        "name": model.name,
        "trainable": model._trainable,
        "dtype": serialize_argument(model._dtype_policy),
        "layers": [serialize_keras_object(layer) for layer in (*layers, *model._stack)],
    }
    if model._plan is not None:
        config["build_input_shape"] = model._plan.inputs[0].shape
    return config


# -- reading -----------------------------------------------------------------------------------------------------


def layer_from_config(entry: Any) -> Layer:
    """A layer from its entry in a model's config, of Keras 3 or older.

    Raises:
        ValueError: not an entry of a layer.
    """
    if not isinstance(entry, Mapping) or "class_name" not in entry or "config" not in entry:
        raise ValueError(f"an entry of a model's layers must have 'class_name' and 'config', received {entry!r}"[:300])
    if "module" not in entry:
        return legacy_config.layer_from_config(entry)
    # The graph builds the layers when it calls them.
    layer = _revive({key: value for key, value in entry.items() if key != "build_config" or _builds_by_itself(entry)})
    if not isinstance(layer, Layer):
        raise ValueError(f"the config names {entry['class_name']!r} among the layers, which is no layer")
    return layer


def _builds_by_itself(entry: Mapping[str, Any]) -> bool:
    """Whether a layer is a user's, which may need the shapes of the file to make its weights."""
    return str(entry.get("module") or "").split(".")[0] != "keras"


def functional_from_config(cls: Any, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
    """A functional model from its config, of Keras 3 or older.

    Args:
        cls: class of the model.
        config: what :func:`functional_config`, or any real Keras, wrote.
        custom_objects: a user's classes and functions by name.

    Raises:
        ValueError: unknown layers, calls on tensors that do not exist, loops.
    """
    config = dict(config)
    missing = [key for key in ("layers", "input_layers", "output_layers") if key not in config]
    if missing:
        raise ValueError(f"the config of a functional model has no {missing[0]!r}")
    with CustomObjectScope(custom_objects):
        builder = _Builder(config.pop("layers"))
        builder.run()
    inputs, outputs = (
        builder.tensors(config.pop("input_layers")),
        builder.tensors(config.pop("output_layers")),
    )
    trainable = config.pop("trainable", None)
    config.pop("dtype", None)
    if builder.is_legacy:
        # Older configs hold lists even for a single input or output.
        inputs, outputs = _unpack(inputs), _unpack(outputs)
    model = cls(inputs=inputs, outputs=outputs, name=config.pop("name", None), **config)
    if trainable is False:
        model.trainable = False
    return model


def _unpack(tree: Any) -> Any:
    return tree[0] if isinstance(tree, list) and len(tree) == 1 else tree


class _Builder:
    """Makes the layers of a config and repeats their calls.

    Args:
        entries: the config's layers.
    """

    def __init__(self, entries: Any) -> None:
        if not isinstance(entries, (list, tuple)):
            raise ValueError(f"'layers' of a model's config must be a list, received {type(entries).__name__}")
        self.layers: dict[str, Layer] = {}
        self.kwargs: dict[str, dict[str, Any]] = {}
        self.functions: dict[str, Mapping[str, Any]] = {}
        self.pending: collections.deque[tuple[str, Any]] = collections.deque()
        self.calls: dict[str, list[Node]] = collections.defaultdict(list)
        self.is_legacy = False
        for entry in entries:
            if not isinstance(entry, Mapping):
                raise ValueError(f"an entry of a model's layers must be a dict, received {entry!r}"[:300])
            self._add(entry)

    def _add(self, entry: Mapping[str, Any]) -> None:
        if entry.get("class_name") in tensorflow_ops.CLASSES:
            layer, kwargs = tensorflow_ops.operation_from_config(entry), {}
            self.functions[entry.get("name") or layer.name] = entry
        elif operations.is_operation(entry):
            layer, kwargs = operations.operation_from_config(entry)
        else:
            layer, kwargs = layer_from_config(entry), {}
        name = entry.get("name") or layer.name
        if name in self.layers:
            raise ValueError(f"two layers of the config are called {name!r}")
        self.layers[name], self.kwargs[name] = layer, kwargs
        if isinstance(layer, InputLayer):
            self.calls[name].append(layer._inbound_nodes[0])
        for node in entry.get("inbound_nodes") or []:
            if isinstance(node, (list, tuple)):
                self.is_legacy = True
            self.pending.append((name, node))

    def run(self) -> None:
        """Repeat the calls in an order in which every tensor exists before it is used.

        A layer's calls keep their order, so a call that has to wait holds back the later ones of the same layer.
        """
        while self.pending:
            waiting: list[tuple[str, Any]] = []
            blocked: set[str] = set()
            for name, node in self.pending:
                if name in blocked or not all(self._exists(place) for place in self._places(node)):
                    blocked.add(name)
                    waiting.append((name, node))
                    continue
                self._call(name, node)
            if len(waiting) == len(self.pending):
                names = sorted({name for name, _ in waiting})
                raise ValueError(
                    f"the config's graph cannot be built: it has a loop, or calls are missing, at layers {names}"
                )
            self.pending = collections.deque(waiting)

    def _call(self, name: str, node: Any) -> None:
        layer = self.layers[name]
        if isinstance(node, (list, tuple)):
            args, kwargs = legacy_config.call_arguments(layer, node, self._tensor)
            if name in self.functions:
                args, kwargs = tensorflow_ops.arguments(self.functions[name], args, kwargs)
        else:
            args, kwargs = self._call_arguments(layer, node)
        before = len(layer._inbound_nodes)
        layer(*args, **kwargs, **self.kwargs[name])
        self.calls[name].extend(layer._inbound_nodes[before:])

    def _call_arguments(self, layer: Layer, node: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        args = tuple(self._link(_revive(item)) for item in node.get("args") or [])
        kwargs = {key: self._link(_revive(value)) for key, value in (node.get("kwargs") or {}).items()}
        if isinstance(layer, Operation):
            return operations.positional(layer, args), kwargs
        # Keras records the mode it was drawn in, and overrides it whenever the model runs.
        kwargs.pop("training", None)
        if kwargs.get("mask", 0) is None:
            del kwargs["mask"]
        return args, kwargs

    def _link(self, tree: Any) -> Any:
        if isinstance(tree, RevivedTensor):
            return self._tensor(tree.history)
        if isinstance(tree, Mapping):
            return {key: self._link(value) for key, value in tree.items()}
        if isinstance(tree, (list, tuple)):
            return type(tree)(self._link(item) for item in tree)
        return tree

    def _places(self, node: Any) -> Iterator[Sequence[Any]]:
        """The tensors that a call needs."""
        if isinstance(node, (list, tuple)):
            yield from legacy_config.call_places(node)
            return
        stack: list[Any] = [node]
        while stack:
            item = stack.pop()
            if isinstance(item, Mapping):
                if item.get("class_name") == "__keras_tensor__":
                    yield item["config"]["keras_history"]
                else:
                    stack.extend(item.values())
            elif isinstance(item, (list, tuple)):
                stack.extend(item)

    def _exists(self, place: Sequence[Any]) -> bool:
        name, index = self._split(place)
        return index < len(self.calls[name])

    def _split(self, place: Sequence[Any]) -> tuple[str, int]:
        if not isinstance(place, (list, tuple)) or len(place) < 3 or place[0] not in self.layers:
            raise ValueError(f"the config's graph refers to {place!r}, which is no output of one of its layers")
        if not isinstance(place[1], int) or not isinstance(place[2], int) or place[1] < 0 or place[2] < 0:
            raise ValueError(f"the config's graph refers to {place!r}: the numbers must be integers of at least 0")
        shift = legacy_config.first_call(self.layers[place[0]]) if self.is_legacy else 0
        return place[0], max(place[1] - shift, 0)

    def _tensor(self, place: Sequence[Any], shift: int = 0) -> KerasTensor:
        name, index = self._split(place)
        nodes = self.calls[name]
        index = max(index - shift, 0)
        if index >= len(nodes) or place[2] >= len(nodes[index].outputs):
            raise ValueError(f"the config's graph refers to {list(place[:3])}, an output that does not exist")
        return nodes[index].outputs[place[2]]

    def tensors(self, tree: Any) -> Any:
        """The tensors of the config's ``input_layers`` or ``output_layers``."""
        if isinstance(tree, (list, tuple)) and len(tree) == 3 and isinstance(tree[0], str):
            shift = 1 if not self.is_legacy and tree[0] in self.layers and _is_functional(self.layers[tree[0]]) else 0
            return self._tensor(tree, shift)
        if isinstance(tree, Mapping):
            return {key: self.tensors(value) for key, value in tree.items()}
        if isinstance(tree, (list, tuple)):
            return [self.tensors(item) for item in tree]
        raise ValueError(f"the config's inputs and outputs must be lists [layer, call, output], received {tree!r}")


def sequential_from_config(cls: Any, config: Any, custom_objects: Any = None) -> Any:
    """A sequential model from its config, of Keras 3 or older (up to Keras 2.2.2 the config is the list of layers).

    Args:
        cls: class of the model.
        config: what :func:`sequential_config`, or any real Keras, wrote.
        custom_objects: a user's classes and functions by name.

    Raises:
        ValueError: unknown layers, or no list of layers.
    """
    config = {"layers": config} if isinstance(config, (list, tuple)) else dict(config)
    entries = config.get("layers")
    if not isinstance(entries, (list, tuple)):
        raise ValueError("the config of a sequential model has no list 'layers'")
    with CustomObjectScope(custom_objects):
        if entries and legacy_config.is_joining(entries[0]):
            return _joined_from_config(entries, config.get("name"))
        model = cls(name=config.get("name"))
        for entry in entries:
            model.add(layer_from_config(entry), rebuild=False)
    model._rebuild()
    shape = config.get("build_input_shape")
    if model._plan is None and isinstance(shape, (list, tuple)) and model._stack:
        model.build(tuple(None if s is None else int(s) for s in shape))
    if config.get("trainable") is False:
        model.trainable = False
    return model


def _joined_from_config(entries: Sequence[Any], name: Any) -> Any:
    """The functional model that a sequential model of Keras 1 was whose first layer merges models."""
    config = dict(entries[0]["config"])
    inputs, tensors = joined([layer_from_config(entry) for entry in config.pop("layers")])
    output: Any = tensors
    for entry in ({**entries[0], "config": config}, *entries[1:]):
        output = layer_from_config(entry)(output)
    return Model(inputs, output, name=name)


def plain(config: Any) -> Any:
    """A config as JSON would give it back: tuples as lists, NumPy's numbers as Python's."""
    if isinstance(config, Mapping):
        return {key: plain(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [plain(item) for item in config]
    return config.item() if isinstance(config, np.generic) else config

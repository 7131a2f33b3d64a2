"""From symbolic tensors to a graph: which layers are called, in which order, and how they are named and listed."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import jax

from kjax.keras.core import codes
from kjax.keras.core.handle import Handle
from kjax.keras.core.layer import Layer
from kjax.keras.core.operation import InputLayer, Operation
from kjax.keras.core.settings import settings, to_snake_case
from kjax.keras.core.tensor import KerasTensor, Node, is_symbolic
from kjax.keras.core.variable import Variable
from kjax.nn.graph import Graph, Ref, TensorSpec, Weight, freeze
from kjax.nn.graph import Node as ModuleNode
from kjax.nn.order import in_order_of


@dataclasses.dataclass
class Plan:
    """A functional model, taken apart.

    Attributes:
        inputs: symbolic inputs, flat.
        outputs: symbolic outputs, flat.
        input_structure: the inputs as they were given (a tensor, list or dict).
        output_structure: how the outputs unflatten; None for a single tensor.
        nodes: calls in an order in which every tensor exists before it is used, without those of inputs.
        layers: all layers, inputs too, in Keras' order.
        names: key of each layer in the variables, by ``id``.
        given_outputs: the outputs as they were given (a tensor, list or dict).
        losses: tensors that are added to the loss.
        measures: tensors of layers that measure something.
        aside: calls that only losses and measures need, after those of ``nodes``.
        aside_layers: layers that only these call.
        drawn_from_data: whether the sizes are those of the first data, and others but the last may come too.
    """

    inputs: list[KerasTensor]
    outputs: list[KerasTensor]
    input_structure: Any
    output_structure: Any
    nodes: list[Node]
    layers: list[Layer]
    names: dict[int, str]
    given_outputs: Any = None
    losses: tuple[KerasTensor, ...] = ()
    measures: tuple[KerasTensor, ...] = ()
    aside: tuple[Node, ...] = ()
    aside_layers: tuple[Layer, ...] = ()
    drawn_from_data: bool = False

    def with_added(self, model_name: str, losses: Any = (), measures: Any = ()) -> Plan:
        """The same model with further losses and measures.

        Args:
            model_name: for messages.
            losses: symbolic tensors that are added to the loss.
            measures: symbolic tensors whose layers measure something.

        Raises:
            ValueError: they do not depend on the model's inputs.
        """
        all_losses, all_measures = (*self.losses, *losses), (*self.measures, *measures)
        known = {id(node) for node in self.nodes}
        order, _ = _walk(self.inputs, [*self.outputs, *all_losses, *all_measures], model_name)
        aside = tuple(node for node in order if id(node) not in known)
        own = {id(layer) for layer in self.layers}
        further = tuple({id(n.layer): n.layer for n in aside if id(n.layer) not in own}.values())
        called = [layer for layer in self.layers if id(layer) in self.names]
        return dataclasses.replace(
            self,
            names=variable_names([*called, *further]),
            losses=all_losses,
            measures=all_measures,
            aside=aside,
            aside_layers=further,
        )

    def arranged(self, outputs: list[Any]) -> Any:
        """Something for each output, in the structure of the outputs and in the order in which dicts were written."""
        if self.output_structure is None:
            return outputs[0]
        return self.in_order(jax.tree.unflatten(self.output_structure, outputs))

    def in_order(self, outputs: Any) -> Any:
        """What is structured like the outputs, in the order in which dicts were written."""
        return in_order_of(self.given_outputs, outputs)

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs: keys of a dict input, otherwise (in dicts inside of it, too) the input layers' names."""
        if isinstance(self.input_structure, dict) and len(self.input_structure) == len(self.inputs):
            return sorted(self.input_structure)
        return [t._keras_history[0].name for t in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs: keys of a dict of outputs, otherwise the layers' names, made unique."""
        names = [t._keras_history[0].name for t in self.outputs]
        keys = jax.tree_util.tree_unflatten(self.output_structure, names) if self.output_structure else None
        if isinstance(keys, dict) and len(keys) == len(names):
            return sorted(keys)
        seen: collections.Counter[str] = collections.Counter()
        result = []
        for name in names:
            result.append(name if not seen[name] else f"{name}_{seen[name]}")
            seen[name] += 1
        return result

    @property
    def named_outputs(self) -> Any:
        """The outputs' names in the structure of the outputs."""
        names = self.output_names
        return names[0] if self.output_structure is None else jax.tree.unflatten(self.output_structure, names)

    def size_of(self, tensor: KerasTensor) -> tuple[int | None, ...]:
        """What the shape of an input must be."""
        shape = tensor.shape
        if settings.era == "3":  # a batch may have any size, whatever was declared
            shape = (None, *shape[1:])
        return (*[None] * (len(shape) - 1), *shape[-1:]) if self.drawn_from_data else shape

    def _lasting_names(self) -> list[str]:
        """Names of the inputs as parts of the model's value: automatic ones, which count up, are replaced."""
        names = self.input_names
        if isinstance(self.input_structure, dict):
            return names
        layers = [t._keras_history[0] for t in self.inputs]
        return [
            name if layer._explicit_name else f"input_{i}"
            for i, (name, layer) in enumerate(zip(names, layers, strict=True))
        ]

    @property
    def readers(self) -> dict[int, dict[int, Weight]]:
        """Operations whose variables are all those of layers of the model, by ``id``: where each variable, by ``id``, lies."""
        called = [layer for layer in (*self.layers, *self.aside_layers) if id(layer) in self.names]
        reading = [layer for layer in called if isinstance(layer, Operation) and layer._own_variables]
        if not reading:
            return {}
        places: dict[int, Weight] = {}
        for layer in called:
            if isinstance(layer, Operation):
                continue
            for path, box in jax.tree_util.tree_leaves_with_path(layer.variable_tree(), is_leaf=is_variable):
                collection, *rest = (entry.key for entry in path)
                weight = Weight((collection, self.names[id(layer)], *rest), box.shape, box.stored_dtype)
                places.setdefault(id(box), weight)
        found = {id(layer): {id(v): places.get(id(v)) for _, _, v in layer._own_variables} for layer in reading}
        return {layer: rest for layer, rest in found.items() if all(w is not None for w in rest.values())}  # type: ignore[misc]

    def graph(self) -> Graph:
        """The model as a Flax module, with each layer's present module."""
        readers = self.readers
        called = [layer for layer in (*self.layers, *self.aside_layers) if id(layer) in self.names]
        position = {id(layer): i for i, layer in enumerate(called)}
        tensors = {id(t): i for i, t in enumerate(self.inputs)}
        nodes: list[ModuleNode] = []
        recomputed: list[tuple[int, int]] = []
        for node in (*self.nodes, *self.aside):
            leaves, structure = jax.tree.flatten((node.args, node.kwargs), is_leaf=is_symbolic)
            weights = readers.get(id(node.layer), {})
            leaves = [weights.get(id(x), x) for x in leaves]
            frozen = tuple(Ref(tensors[id(x)]) if is_symbolic(x) else freeze(x) for x in leaves)
            made = []
            for tensor in node.outputs:
                tensors[id(tensor)] = len(tensors)
                made.append(tensors[id(tensor)])
            least = node.layer.recomputed_above(node.outputs)
            seen_to = weights or isinstance(node.layer.module, (Handle, Graph))  # these see to it themselves
            if least is not None and not seen_to:
                recomputed.append((len(nodes), least))
            nodes.append(ModuleNode(position[id(node.layer)], frozen, structure, tuple(made)))
        specs = tuple(
            TensorSpec(
                self.size_of(t),
                codes.array_type(t.dtype),
                name,
                t.sparse,
                codes.DONE if t.dtype == codes.STRING else None,
            )
            for t, name in zip(self.inputs, self._lasting_names(), strict=True)
        )
        layers = tuple((self.names[id(x)], x._op if id(x) in readers else x.module) for x in called)  # type: ignore[attr-defined]
        outputs = tuple(tensors[id(t)] for t in self.outputs)
        losses = tuple(tensors[id(t)] for t in self.losses)
        aside = len(self.aside)
        return Graph(layers, tuple(nodes), specs, outputs, self.output_structure, losses, aside, tuple(recomputed))


def is_variable(thing: Any) -> bool:
    """Whether a leaf is a variable."""
    return isinstance(thing, Variable)


def make_plan(inputs: Any, outputs: Any, model_name: str) -> Plan:
    """Walk back from the outputs to the inputs.

    Raises:
        ValueError: something other than symbolic tensors, an output that does not depend on the inputs, or two layers
            of one name.
    """
    flat_in = _symbolic(inputs, "inputs", model_name)
    flat_out = _symbolic(outputs, "outputs", model_name)
    structure = jax.tree.structure(outputs, is_leaf=is_symbolic)
    order, first_seen = _walk(flat_in, flat_out, model_name)
    layers = _keras_order(order, first_seen, flat_in, flat_out)
    given = [layer.name for layer in layers]
    doubled = [name for name, count in collections.Counter(given).items() if count > 1]
    if doubled:
        raise ValueError(
            f"The name {doubled[0]!r} is used {given.count(doubled[0])} times in the model {model_name!r}. All operation names "
            "should be unique"
        )
    single = structure == jax.tree.structure(0)
    calling = {id(node.layer) for node in order}
    called = [layer for layer in layers if id(layer) in calling]
    names = variable_names(called)
    return Plan(flat_in, flat_out, inputs, None if single else structure, order, layers, names, outputs)


def variable_names(layers: list[Layer]) -> dict[int, str]:
    """Key of each layer in the variables: its explicit name, otherwise its class and number within the model.

    Automatic names count up for as long as the session lasts; these do not, so that equal models are equal values.
    """
    taken = {layer.name for layer in layers if layer._explicit_name}
    counts: collections.Counter[str] = collections.Counter()
    names: dict[int, str] = {}
    for layer in layers:
        if layer._explicit_name:
            names[id(layer)] = layer.name
            continue
        prefix = to_snake_case(type(layer).__name__)
        while True:
            name = prefix if not counts[prefix] else f"{prefix}_{counts[prefix]}"
            counts[prefix] += 1
            if name not in taken:
                break
        names[id(layer)] = name
    return names


def _symbolic(tree: Any, what: str, model_name: str) -> list[KerasTensor]:
    leaves = jax.tree.leaves(tree, is_leaf=is_symbolic)
    for leaf in leaves:
        if not is_symbolic(leaf):
            raise ValueError(
                f"All `{what}` values must be KerasTensors (keras.Input or outputs of layers called on them): model "
                f"{model_name!r} received {type(leaf).__name__}: {leaf!r}"
            )
    if not leaves:
        raise ValueError(f"model {model_name!r}: no {what} were given")
    return leaves


def _node_of(tensor: KerasTensor) -> Node | None:
    if tensor._keras_history is None:
        return None
    layer, index, _ = tensor._keras_history
    return layer._inbound_nodes[index]


def _walk(inputs: list[KerasTensor], outputs: list[KerasTensor], model_name: str) -> tuple[list[Node], dict[int, int]]:
    """Calls between inputs and outputs, parents first, and when each layer was first met (depth first)."""
    order: list[Node] = []
    done: set[int] = set()
    available = {id(t) for t in inputs}
    first_seen: dict[int, int] = {}
    # An explicit stack: recursion would end at a thousand layers.
    stack: list[tuple[KerasTensor, bool]] = [(t, False) for t in reversed(outputs)]
    while stack:
        tensor, ready = stack.pop()
        node = _node_of(tensor)
        if node is None or (node.is_input and id(tensor) not in available):
            name = tensor.name if node is None else node.layer.name
            raise ValueError(
                f"model {model_name!r}: the outputs depend on {name!r} ({tensor}), which is not among the inputs"
            )
        if ready:
            if id(node) not in done:
                done.add(id(node))
                order.append(node)
            continue
        first_seen.setdefault(id(node.layer), len(first_seen))
        if id(node) in done or id(tensor) in available:
            continue
        stack.append((tensor, True))
        stack.extend((t, False) for t in reversed(node.sources))
    return order, first_seen


def _keras_order(
    order: list[Node], first_seen: dict[int, int], inputs: list[KerasTensor], outputs: list[KerasTensor]
) -> list[Layer]:
    """Layers as Keras lists them: by distance from the outputs, then by when they were met."""
    node_depth: dict[int, int] = {}
    layer_depth: dict[int, int] = {}
    layers: dict[int, Layer] = {}
    nodes = {id(n): n for n in order}
    input_nodes = [n for n in (_node_of(t) for t in inputs) if n is not None]
    for node in reversed(order):
        depth = max(node_depth.get(id(node), 0), layer_depth.get(id(node.layer), 0))
        node_depth[id(node)] = layer_depth[id(node.layer)] = depth
        layers[id(node.layer)] = node.layer
        for parent in node.parent_nodes:
            node_depth[id(parent)] = max(depth + 1, node_depth.get(id(parent), 0))
    for node in input_nodes:
        if id(node) in nodes or not isinstance(node.layer, InputLayer):
            continue
        depth = max(node_depth.get(id(node), 0), layer_depth.get(id(node.layer), 0))
        layer_depth[id(node.layer)] = depth
        layers[id(node.layer)] = node.layer
        first_seen.setdefault(id(node.layer), -1)
    return sorted(layers.values(), key=lambda layer: (-layer_depth[id(layer)], first_seen[id(layer)]))

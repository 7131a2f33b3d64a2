"""Nodes, functions and arguments of graphs, as Keras has them inside."""

from __future__ import annotations

from typing import Any

import jax

from kjax.keras.core.stateless import Function as Function
from kjax.keras.core.stateless import Operation as Operation
from kjax.keras.core.tensor import KerasHistory as KerasHistory
from kjax.keras.core.tensor import KerasTensor, is_symbolic
from kjax.keras.core.tensor import Node as CoreNode
from kjax.keras.core.tensor import SymbolicArguments as SymbolicArguments
from kjax.keras.models import clone_model as clone_model
from kjax.keras.utils.layer_utils import get_source_inputs as get_source_inputs


class Node(CoreNode):
    """One call of an operation on symbolic tensors.

    Args:
        operation: what was called.
        call_args: positional arguments.
        call_kwargs: keyword arguments.
        outputs: what the call returned.

    Raises:
        ValueError: an output that is no symbolic tensor.
    """

    def __init__(self, operation: Any, call_args: Any = None, call_kwargs: Any = None, outputs: Any = None) -> None:
        flat, structure = jax.tree.flatten(outputs, is_leaf=is_symbolic)
        for output in flat:
            if not is_symbolic(output):
                raise ValueError(f"All operation outputs must be tensors: {operation} returned {output!r}")
        super().__init__(operation, tuple(call_args or ()), dict(call_kwargs or {}), flat, structure)

    @property
    def is_input(self) -> bool:
        """Whether nothing symbolic goes into the call."""
        return not self.sources


def is_keras_tensor(obj: Any) -> bool:
    """Whether a thing comes from a graph."""
    return hasattr(obj, "_keras_history")


def make_node_key(op: Any, node_index: int) -> str:
    """The name of a node in a graph: its operation, and which of its calls it is."""
    return f"{id(op)}_ib-{node_index}"


def is_input_keras_tensor(tensor: KerasTensor) -> bool:
    """Whether a symbolic tensor is an input itself.

    Raises:
        ValueError: it comes from nowhere.
    """
    if not tensor._keras_history:
        raise ValueError(f"the tensor {tensor} comes from no layer")
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index].is_input


def map_graph(inputs: Any, outputs: Any) -> tuple[set[str], dict[int, list[Any]], list[Any], dict[int, list[Any]]]:
    """The nodes and operations between symbolic tensors, by their distance from the outputs.

    Args:
        inputs: symbolic tensors.
        outputs: symbolic tensors that depend on them.

    Returns:
        The keys of the nodes, the nodes by depth, the operations, and the operations by depth.

    Raises:
        ValueError: outputs that depend on something else.
    """
    function = Function(inputs, outputs)
    begin = {id(t._keras_history[0]): _node_of(t) for t in function.inputs if t._keras_history}
    nodes = [*begin.values(), *(n for n in function._nodes if id(n.layer) not in begin)]
    depths: dict[int, int] = {id(node): 0 for node in nodes}
    of_operation: dict[int, int] = {}
    for node in reversed(nodes):
        depth = max(depths[id(node)], of_operation.get(id(node.layer), 0))
        depths[id(node)] = of_operation[id(node.layer)] = depth
        for parent in node.parent_nodes if not node.is_input else ():
            if id(parent) in depths:
                depths[id(parent)] = max(depths[id(parent)], depth + 1)
    operations = list({id(node.layer): node.layer for node in nodes}.values())
    for operation in operations:  # inputs stand at the head, whatever they lead to
        if getattr(operation, "begins_graphs", False):
            of_operation[id(operation)] = max(of_operation.values())
    keys = {make_node_key(node.layer, node.layer._inbound_nodes.index(node)) for node in nodes}
    by_depth = _grouped(nodes, [depths[id(node)] for node in nodes])
    operations_by_depth = _grouped(operations, [of_operation[id(operation)] for operation in operations])
    flat = [
        operation for depth in sorted(operations_by_depth, reverse=True) for operation in operations_by_depth[depth]
    ]
    return keys, by_depth, flat, operations_by_depth


def _node_of(tensor: KerasTensor) -> CoreNode:
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def _grouped(things: list[Any], numbers: list[int]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for thing, number in zip(things, numbers, strict=True):
        found.setdefault(number, []).append(thing)
    return found

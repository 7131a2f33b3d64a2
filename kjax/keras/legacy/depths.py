"""Nodes and layers of a graph by their distance from its outputs, as models of Keras 1 and 2 kept them."""

from __future__ import annotations

from typing import Any


def depths_of(inputs: list[Any], outputs: list[Any]) -> tuple[dict[int, list[Any]], dict[int, list[Any]]]:
    """The nodes and the layers of a graph by depth: that of an output is 0, that of any other is one more than those after it.

    Args:
        inputs: the graph's symbolic inputs.
        outputs: its symbolic outputs.

    Returns:
        Two dicts: nodes by depth, layers by depth.
    """
    ends = {id(_node(tensor)) for tensor in inputs}
    nodes: dict[int, Any] = {}
    stack = [_node(tensor) for tensor in outputs]
    while stack:
        node = stack.pop()
        if id(node) not in nodes:
            nodes[id(node)] = node
            stack += [] if id(node) in ends else node.parent_nodes
    depth = dict.fromkeys(nodes, 0)
    layers: dict[int, tuple[int, Any]] = {}
    for node in sorted(
        nodes.values(), key=lambda node: -node.order
    ):  # what uses a tensor was called after what made it
        here = depth[id(node)] = max(depth[id(node)], layers.get(id(node.layer), (0, None))[0])
        layers[id(node.layer)] = (here, node.layer)
        for parent in [] if id(node) in ends else node.parent_nodes:
            depth[id(parent)] = max(depth[id(parent)], here + 1)
    by_depth: dict[int, list[Any]] = {}
    for node in sorted(nodes.values(), key=lambda node: node.order):
        by_depth.setdefault(depth[id(node)], []).append(node)
    layers_by_depth: dict[int, list[Any]] = {}
    for here, layer in sorted(layers.values(), key=lambda entry: entry[1]._inbound_nodes[0].order):
        layers_by_depth.setdefault(here, []).append(layer)
    return dict(sorted(by_depth.items())), dict(sorted(layers_by_depth.items()))


def _node(tensor: Any) -> Any:
    layer, index, _ = tensor._keras_history
    return layer._inbound_nodes[index]

"""Drawing a graph by hand on floor 1: call layers on references, get a module."""

from __future__ import annotations

import collections
import re
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax

from kjax.nn.graph import Graph, Node, Ref, TensorSpec, freeze


class GraphBuilder:
    """Collects layers and calls of them.

    Example:

        >>> from kjax import nn
        >>> net = nn.GraphBuilder()
        >>> x = net.input((28, 28, 1))
        >>> x = net(nn.Flatten(), x)
        >>> model = net.build(net(nn.Dense(10), x))
        >>> [name for name, _ in model.layers]
        ['flatten', 'dense']
    """

    def __init__(self) -> None:
        self._layers: list[tuple[str, nn.Module]] = []
        self._specs: list[TensorSpec] = []
        self._nodes: list[Node] = []
        self._count = 0
        self._names: collections.Counter[str] = collections.Counter()

    def input(self, shape: Sequence[int | None], dtype: str | None = "float32", name: str | None = None) -> Ref:
        """Add an input.

        Args:
            shape: shape of one sample.
            dtype: type that the data are cast to; None leaves them as they are.
            name: its name.

        Raises:
            ValueError: a layer was called already.
        """
        if self._nodes:
            raise ValueError("inputs come first: a layer was called already")
        self._specs.append(TensorSpec((None, *shape), dtype, name or self._name("input")))
        return self._new()

    def __call__(self, layer: nn.Module, *args: Any, name: str | None = None, **kwargs: Any) -> Ref:
        """Call a layer with one output; the same layer object called again shares its weights.

        Args:
            layer: a module.
            *args: references (or lists of them) and constants.
            name: key of the layer in the variables.
            **kwargs: further arguments of the call.
        """
        index = next((i for i, (_, known) in enumerate(self._layers) if known is layer), len(self._layers))
        if index == len(self._layers):
            self._layers.append((name or self._name(type(layer).__name__), layer))
        leaves, structure = jax.tree.flatten((args, kwargs))
        result = self._new()
        self._nodes.append(Node(index, tuple(freeze(leaf) for leaf in leaves), structure, (result.index,)))
        return result

    def build(self, *outputs: Ref) -> Graph:
        """The module with these outputs."""
        return Graph(tuple(self._layers), tuple(self._nodes), tuple(self._specs), tuple(o.index for o in outputs))

    def _new(self) -> Ref:
        self._count += 1
        return Ref(self._count - 1)

    def _name(self, class_name: str) -> str:
        prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", class_name).lower()
        number = self._names[prefix]
        self._names[prefix] += 1
        return f"{prefix}_{number}" if number else prefix

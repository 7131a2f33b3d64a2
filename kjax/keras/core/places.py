"""A layer's place in graphs: the symbolic tensors of its calls, as Keras' attributes give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax

from kjax.keras.core.tensor import KerasTensor, Node, is_symbolic

_KINDS = ("input", "output")


class Placed:
    """The part of a layer that knows its calls on symbolic tensors."""

    if TYPE_CHECKING:
        name: str
        _inbound_nodes: list[Node]

    def _tensors_at(self, kind: str, index: int) -> list[KerasTensor]:
        if not self._inbound_nodes:
            raise AttributeError(
                f"layer {self.name!r} has no {kind}: it was never called on a symbolic tensor (keras.Input or the "
                "output of another layer)"
            )
        if not -len(self._inbound_nodes) <= index < len(self._inbound_nodes):
            raise ValueError(
                f"layer {self.name!r} was called {len(self._inbound_nodes)} time(s); there is no {kind} of call {index}"
            )
        node = self._inbound_nodes[index]
        return node.input_tensors if kind == "input" and node.input_tensors else node.outputs

    def get_input_at(self, node_index: int) -> Any:
        """Symbolic input of a call."""
        return _one(self._tensors_at("input", node_index))

    def get_output_at(self, node_index: int) -> Any:
        """Symbolic output of a call."""
        return _one(self._tensors_at("output", node_index))

    def get_input_shape_at(self, node_index: int) -> Any:
        """Shape of the input of a call."""
        return _one([t.shape for t in self._tensors_at("input", node_index)])

    def get_output_shape_at(self, node_index: int) -> Any:
        """Shape of the output of a call."""
        return _one([t.shape for t in self._tensors_at("output", node_index)])

    def get_input_mask_at(self, node_index: int) -> Any:
        """Mask of the input of a call, a symbolic tensor or None."""
        return _one([symbolic_mask(t) for t in self._tensors_at("input", node_index)])

    def get_output_mask_at(self, node_index: int) -> Any:
        """Mask of the output of a call, a symbolic tensor or None."""
        return _one([symbolic_mask(t) for t in self._tensors_at("output", node_index)])

    @property
    def input(self) -> Any:
        """Symbolic input of the first call."""
        return self.get_input_at(0)

    @property
    def output(self) -> Any:
        """Symbolic output of the first call."""
        return self.get_output_at(0)

    @property
    def input_shape(self) -> Any:
        """Shape of the symbolic input, or the list of the shapes of several."""
        return _shapes(self.input)

    @property
    def output_shape(self) -> Any:
        """Shape of the symbolic output, or the list of the shapes of several."""
        return _shapes(self.output)

    @property
    def input_mask(self) -> Any:
        """Mask of the symbolic input, or None."""
        return self.get_input_mask_at(0)

    @property
    def output_mask(self) -> Any:
        """Mask of the symbolic output, or None."""
        return self.get_output_mask_at(0)


def symbolic_mask(tensor: Any) -> KerasTensor | None:
    """The mask that travels with a symbolic tensor."""
    return getattr(tensor, "_keras_mask", None)


def _shapes(tensors: Any) -> Any:
    return _one([tensor.shape for tensor in jax.tree.leaves(tensors, is_leaf=is_symbolic)])


def _one(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items

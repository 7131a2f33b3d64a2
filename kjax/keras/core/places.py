"""A layer's place in graphs: the symbolic tensors of its calls, as Keras' attributes give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax

from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import KerasTensor, Node, computed_mask, is_symbolic

_KINDS = ("input", "output")


class NoCallError(AttributeError, RuntimeError, ValueError):
    """There is no such call of a layer: Keras raised all three, by generation and by what was asked for."""


class Placed:
    """The part of a layer that knows its calls on symbolic tensors."""

    if TYPE_CHECKING:
        name: str
        _inbound_nodes: list[Node]

    def _tensors_at(self, kind: str, index: int) -> list[KerasTensor]:
        if not self._inbound_nodes:
            raise NoCallError(
                f"The layer {self.name!r} has never been called and thus has no defined {kind}: that takes a call on a "
                "symbolic tensor (keras.Input or the output of another layer)"
            )
        if not -len(self._inbound_nodes) <= index < len(self._inbound_nodes):
            raise NoCallError(
                f"layer {self.name!r} was called {len(self._inbound_nodes)} time(s); there is no {kind} of call {index}"
            )
        node = self._inbound_nodes[index]
        return node.sources if kind == "input" and node.sources else node.outputs

    def get_input_at(self, node_index: int) -> Any:
        """Symbolic input of a call."""
        return _one(self._tensors_at("input", node_index))

    def get_output_at(self, node_index: int) -> Any:
        """Symbolic output of a call."""
        return _one(self._tensors_at("output", node_index))

    def get_input_shape_at(self, node_index: int) -> Any:
        """Shape of the input of a call."""
        return _one([plain_shape(t) for t in self._tensors_at("input", node_index)])

    def get_output_shape_at(self, node_index: int) -> Any:
        """Shape of the output of a call."""
        return _one([plain_shape(t) for t in self._tensors_at("output", node_index)])

    def get_input_mask_at(self, node_index: int) -> Any:
        """Mask of the input of a call, a symbolic tensor or None."""
        return _one([computed_mask(t) for t in self._tensors_at("input", node_index)])

    def get_output_mask_at(self, node_index: int) -> Any:
        """Mask of the output of a call, a symbolic tensor or None."""
        return _one([computed_mask(t) for t in self._tensors_at("output", node_index)])

    def _check_single(self, what: str) -> None:
        if settings.era != "3" and len(self._inbound_nodes) > 1:
            raise AttributeError(
                f"layer {self.name!r} was called {len(self._inbound_nodes)} times, so that it has no single {what}; use "
                f"get_{what.replace(' ', '_')}_at(node_index)"
            )

    def _shape_of_calls(self, kind: str) -> Any:
        if settings.era == "3" or len(self._inbound_nodes) < 2:
            return _shapes(getattr(self, kind))
        found = [_one([plain_shape(t) for t in self._tensors_at(kind, i)]) for i in range(len(self._inbound_nodes))]
        if any(shape != found[0] for shape in found):
            raise AttributeError(
                f"layer {self.name!r} was called on several shapes, so that it has no single {kind} shape; use "
                f"get_{kind}_shape_at(node_index)"
            )
        return found[0]

    @property
    def input(self) -> Any:
        """Symbolic input of the first call; before Keras 3 a layer with several calls had none."""
        self._check_single("input")
        return self.get_input_at(0)

    @property
    def output(self) -> Any:
        """Symbolic output of the first call; before Keras 3 a layer with several calls had none."""
        self._check_single("output")
        return self.get_output_at(0)

    @property
    def input_shape(self) -> Any:
        """Shape of the symbolic input, or the list of the shapes of several."""
        return self._shape_of_calls("input")

    @property
    def output_shape(self) -> Any:
        """Shape of the symbolic output, or the list of the shapes of several."""
        return self._shape_of_calls("output")

    @property
    def input_mask(self) -> Any:
        """Mask of the symbolic input, or None."""
        self._check_single("input mask")
        return self.get_input_mask_at(0)

    @property
    def output_mask(self) -> Any:
        """Mask of the symbolic output, or None."""
        self._check_single("output mask")
        return self.get_output_mask_at(0)


def symbolic_mask(tensor: Any) -> KerasTensor | None:
    """The mask that travels with a symbolic tensor."""
    return getattr(tensor, "_keras_mask", None)


def _shapes(tensors: Any) -> Any:
    return _one([plain_shape(tensor) for tensor in jax.tree.leaves(tensors, is_leaf=is_symbolic)])


def _one(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def plain_shape(tensor: Any) -> Any:
    """The shape of a tensor as layers give it: in tf.keras a plain tuple, not that of TensorFlow."""
    return tuple(tensor.shape) if settings.era == "tf" else tensor.shape

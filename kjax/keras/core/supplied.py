"""Tensors that get new values from outside whenever a graph is computed, such as the next batch of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kjax.keras.core.operation import InputLayer
from kjax.keras.core.tensor import KerasTensor


class Supplied(InputLayer):
    """The place where values enter a graph that nobody feeds.

    Args:
        pull: gives the next values of all tensors of its group.
        place: which of these is this one.
        shape: shape of the values, None for free axes.
        dtype: name of their type.
    """

    def __init__(self, pull: Callable[[], Sequence[Any]], place: int, shape: Sequence[int | None], dtype: str) -> None:
        super().__init__(batch_shape=tuple(shape), dtype=dtype)
        self._pull, self.place = pull, place

    @property
    def is_placeholder(self) -> bool:
        """False: nothing is fed."""
        return False


def supplied(pull: Callable[[], Sequence[Any]], specs: Sequence[tuple[Sequence[int | None], str]]) -> list[KerasTensor]:
    """Symbolic tensors whose values come from a function, which is called once whenever some of them are computed.

    Args:
        pull: gives a value for each.
        specs: shape and type of each.
    """
    layers = [Supplied(pull, i, shape, dtype) for i, (shape, dtype) in enumerate(specs)]
    return [layer._inbound_nodes[0].outputs[0] for layer in layers]


def is_supplied(tensor: Any) -> bool:
    """Whether a symbolic tensor is one of :func:`supplied`."""
    return tensor._keras_history is not None and isinstance(tensor._keras_history[0], Supplied)


def pulled(tensors: Sequence[KerasTensor]) -> list[Any]:
    """The next values of tensors of :func:`supplied`."""
    values: dict[int, Sequence[Any]] = {}
    layers = [tensor._keras_history[0] for tensor in tensors]
    for layer in layers:
        if id(layer._pull) not in values:
            values[id(layer._pull)] = layer._pull()
    return [values[id(layer._pull)][layer.place] for layer in layers]

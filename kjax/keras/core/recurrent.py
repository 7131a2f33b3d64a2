"""What Keras' recurrent layers, cells and wrappers have beyond arguments and weights: states, cells, directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core.copying import copy_layer
from kjax.keras.core.derived import class_of
from kjax.keras.core.input_spec import InputSpec
from kjax.keras.core.layer import Layer
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.settings import next_key, settings
from kjax.keras.core.symbolic import call_signature
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.nn.layers import StackedRNNCells
from kjax.nn.layers.recurrent.rnn import initial_states
from kjax.nn.layers.regularization import dropout
from kjax.nn.module import PARAMS, STATE
from kjax.nn.ops.convolution import conv


def batch_of(given: Any) -> int:
    """The batch size, from a number or from inputs.

    Raises:
        ValueError: it is not known.
    """
    size = given.shape[0] if hasattr(given, "shape") and not isinstance(given, np.integer) else given
    if size is None:
        raise ValueError("get_initial_state: give the `batch_size`; it is not known here")
    return int(size)


class ConvolutionCellMembers(PureLayer):
    """The two convolutions of a convolutional cell, which Keras 2 let subclasses call."""

    if TYPE_CHECKING:
        strides: Any
        padding: str
        data_format: str
        dilation_rate: Any

    def input_conv(self, x: Any, w: Any, b: Any = None, padding: str = "valid") -> Any:
        """The convolution of an input.

        Args:
            x: (batch, *spatial, channels).
            w: (*window, channels, filters).
            b: (filters,), or None.
            padding: ``'valid'`` or ``'same'``.
        """
        outputs = conv(_value(x), _value(w), self.strides, padding, self.data_format, self.dilation_rate)
        if b is None:
            return outputs
        shape = [1] * outputs.ndim
        shape[1 if self.data_format == "channels_first" else -1] = -1
        return outputs + _value(b).reshape(shape)

    def recurrent_conv(self, x: Any, w: Any) -> Any:
        """The convolution of a state, whose size stays the same; arguments as those of :meth:`input_conv`."""
        return conv(_value(x), _value(w), 1, "same", self.data_format)


def _value(thing: Any) -> Any:
    return thing.value if isinstance(thing, Variable) else thing


class CellMembers(PureLayer):
    """Members of the built-in cells."""

    @property
    def state_size(self) -> Any:
        """Length of the state vector, or a list of lengths."""
        size = self._module.state_size  # type: ignore[attr-defined]
        if settings.era in OLD_ERAS and isinstance(size, tuple):  # stacked cells had one flat tuple
            return tuple(jax.tree.leaves(size))
        return list(size) if isinstance(size, tuple) else size

    @property
    def output_size(self) -> Any:
        """Length of the output vector."""
        return self._module.output_size  # type: ignore[attr-defined]

    def get_initial_state(self, batch_size: Any = None, inputs: Any = None, dtype: Any = None) -> list[Any]:
        """Zeros, for a number of samples or for inputs."""
        del dtype
        return initial_states(self._module, batch_of(inputs if batch_size is None else batch_size), self.compute_dtype)

    def _drawn_mask(self, kept: str, rate: float, like: Any) -> Any:
        if rate and self.__dict__.get(kept) is None:
            object.__setattr__(self, kept, dropout(next_key(), jnp.ones(like.shape), rate))
        return self.__dict__.get(kept)

    def get_dropout_mask(self, step_input: Any) -> Any:
        """A mask for inputs, already scaled, the same until it is reset; None where nothing is dropped."""
        return self._drawn_mask("_dropout_mask", self.dropout, step_input)

    def get_recurrent_dropout_mask(self, step_input: Any) -> Any:
        """A mask for states, already scaled, the same until it is reset; None where nothing is dropped."""
        return self._drawn_mask("_recurrent_dropout_mask", self.recurrent_dropout, step_input)

    def reset_dropout_mask(self) -> None:
        """Forget the mask of :meth:`get_dropout_mask`."""
        object.__setattr__(self, "_dropout_mask", None)

    def reset_recurrent_dropout_mask(self) -> None:
        """Forget the mask of :meth:`get_recurrent_dropout_mask`."""
        object.__setattr__(self, "_recurrent_dropout_mask", None)


class StackedMembers(CellMembers):
    """Members of stacked cells."""

    def get_initial_state(self, batch_size: Any = None, inputs: Any = None, dtype: Any = None) -> list[Any]:
        """The initial states of all cells."""
        return super().get_initial_state(batch_size, inputs, dtype)


class PlainCell(Layer):
    """An object that is no layer but has a ``state_size`` and a ``call(inputs, states)``, as a cell.

    Args:
        cell: the object; the variables among its attributes are the cell's weights.
    """

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plain = cell
        self.state_size = cell.state_size
        for variable in [value for value in vars(cell).values() if isinstance(value, Variable)]:
            self._track(variable, PARAMS)

    def build(self, input_shape: Any = None) -> None:
        """Let the object make its weights."""
        if hasattr(self.plain, "build"):
            self.plain.build(input_shape)
        self.built = True

    def call(self, inputs: Any, states: Any, **kwargs: Any) -> Any:
        """One step of the object."""
        names, free = call_signature(type(self.plain).call)
        return self.plain.call(inputs, states, **{k: v for k, v in kwargs.items() if free or k in names})


def _is_plain_cell(thing: Any) -> bool:
    return not isinstance(thing, Layer) and hasattr(thing, "state_size") and callable(getattr(thing, "call", None))


class StatefulMembers(PureLayer):
    """Members of layers that may carry states from batch to batch."""

    @property
    def states(self) -> Any:
        """The carried states, as variables; None where none are carried."""
        return [v for c, _, v in self._boxes if c == STATE] or None

    def reset_states(self, states: Any = None) -> None:
        """Set the carried states.

        Args:
            states: arrays; zeros by default.

        Raises:
            AttributeError: the layer is not stateful.
            ValueError: it is not built, or another number of states was given.
        """
        if not self.stateful:
            raise AttributeError(f"{type(self).__name__} layer {self.name!r} carries no states: it is not `stateful`")
        boxes = self.states
        if boxes is None:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} has no states yet: call it, or give its model a batch size"
            )
        if states is None:
            states = [np.zeros(box.shape, box.stored_dtype) for box in boxes]
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        if len(states) != len(boxes):
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} has {len(boxes)} states, received {len(states)}"
            )
        for box, state in zip(boxes, states, strict=True):
            box.assign(state)

    def reset_state(self) -> None:
        """Set the carried states to zeros."""
        self.reset_states()

    def _check_first(self, first: Any) -> None:
        """A list holds the sequences and, as Keras 2 takes them, the first states."""
        super()._check_first(first[0] if isinstance(first, (list, tuple)) and first else first)

    def _ensure_built(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        first: Any = args[0] if args else None
        if isinstance(first, (list, tuple)) and first:
            first = first[0]
        free = is_symbolic(first) and getattr(first, "shape", (0,))[0] is None
        if free and getattr(self._module, "layer", self._module).stateful and not self.built:  # type: ignore[union-attr]
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} is stateful: When using `stateful=True` in a RNN, the batch size must be static: "
                f"use "
                "keras.Input(batch_shape=(batch, time, features)) or, in a first layer, batch_input_shape=(...)"
            )
        super()._ensure_built(args, kwargs)


class RecurrentMembers(StatefulMembers):
    """Members of layers that run a cell over time."""

    implementation = 2
    """Which of Keras' ways to compute it is: always all gates in one product."""

    cell_class: ClassVar[type[PureLayer]]
    """The class of :attr:`cell`, where the layer has no argument for it."""

    def adapt_arguments(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Several cells become one that stacks them."""
        cell = fields.get("cell")
        if isinstance(cell, (list, tuple)) and all(isinstance(one, Layer) for one in cell):
            return fields | {"cell": class_of(StackedRNNCells)(list(cell))}
        if not isinstance(cell, Layer) and _is_plain_cell(cell):
            return fields | {"cell": PlainCell(cell)}
        if isinstance(cell, (list, tuple)) and cell and all(map(_is_plain_cell, cell)):
            return self.adapt_arguments(fields | {"cell": [PlainCell(one) for one in cell]})
        if isinstance(cell, Layer) and getattr(cell, "state_size", None) is None:
            raise ValueError(
                f"RNN: argument `cell`: {type(cell).__name__} is no cell; The RNN cell should have a `state_size` attribute and a "
                "`call(inputs, states)` that returns the output and the new states"
            )
        return fields

    @property
    def cell(self) -> Any:
        """The cell: a layer that makes one step, with the same weights."""
        if hasattr(self._module, "cell"):
            return self._given_layers.get("cell", self._module.cell)
        return self.part("cell", self.cell_class, self._module.one_step())  # type: ignore[attr-defined]

    @property
    def state_size(self) -> Any:
        """Length of the state vector, or a list of lengths."""
        return self.cell.state_size

    @property
    def output_size(self) -> Any:
        """Length of the output vector."""
        return self.cell.output_size

    @property
    def state_spec(self) -> Any:
        """What the states must be like, as Keras 2 kept it: one specification, or a list of them."""
        sizes = self.state_size
        sizes = list(sizes) if isinstance(sizes, (list, tuple)) else [sizes]
        return [InputSpec(shape=(None, *(size if isinstance(size, (list, tuple)) else (size,)))) for size in sizes]

    def get_initial_state(self, batch_size: Any = None, inputs: Any = None) -> list[Any]:
        """The states to start from, for a number of samples or for inputs."""
        cell: Any = self._module.cell if hasattr(self._module, "cell") else self._module
        states = initial_states(cell, batch_of(inputs if batch_size is None else batch_size), self.compute_dtype)
        return list(states) if isinstance(states, (list, tuple)) else [states]

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Run over sequences: the last output, the outputs at all times, and the last states."""
        whole = self._module.clone(return_sequences=True, return_state=True, stateful=False)  # type: ignore[call-arg]
        results: Any = whole.apply(
            self.variables_tree, sequences, initial_state=initial_state, mask=mask, training=training
        )
        outputs, *states = results
        return outputs[:, -1], outputs, list(states)


_DIRECTIONS = {"forward_layer": "layer", "backward_layer": "backward_layer"}
"""Attributes of Keras' layer and the arguments of the module."""


class BidirectionalMembers(StatefulMembers):
    """Members of the layer that runs another in both directions."""

    if TYPE_CHECKING:
        forward_layer: Any
        backward_layer: Any

    @property
    def constraints(self) -> dict[Any, Any]:
        """The constraint of each weight that has one."""
        return {box: box.constraint for box in self.weights if box.constraint is not None}

    def adapt_arguments(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The two directions are copies of the layer, each with weights of its own."""
        layer: Any = fields.get("layer")
        backward: Any = fields.get("backward_layer")
        object.__setattr__(self, "_original", (layer, backward))
        if not hasattr(layer, "return_sequences") or not isinstance(layer, Layer):
            return fields
        stem = layer.name.removeprefix("forward_")
        forward = copy_layer(layer, name=f"forward_{stem}")
        if backward is None:
            backward = copy_layer(layer, name=f"backward_{stem}", go_backwards=not forward.go_backwards)
        for direction in (forward, backward):
            if getattr(direction, "zero_output_for_mask", None) is not None and not fields.get("keras2"):
                direction.zero_output_for_mask = direction.return_sequences
            if "consume_less" in vars(layer):
                direction.consume_less = vars(layer)["consume_less"]
        return fields | {"layer": forward, "backward_layer": backward}

    def __getattr__(self, name: str) -> Any:
        if name == "layer" and "_original" in self.__dict__:
            return self._original[0]
        if name in _DIRECTIONS and "_given_layers" in self.__dict__:
            return self._given_layers.get(_DIRECTIONS[name])
        if (
            name in ("stateful", "return_sequences", "return_state", "go_backwards")
            and "_given_layers" in self.__dict__
        ):
            return getattr(self._given_layers["layer"], name)
        return super().__getattr__(name)

    def reset_states(self, states: Any = None) -> None:
        """Set the carried states of both directions."""
        count = None if states is None else len(states) // 2
        self.forward_layer.reset_states(None if states is None else states[:count])
        self.backward_layer.reset_states(None if states is None else states[count:])


def carried(layer: Any) -> list[Variable]:
    """The carried states of a layer, if it has any."""
    return list(getattr(layer, "states", None) or [])

"""``Recurrent`` of Keras 1 and 2: the base of recurrent layers that users write by their step."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras import backend, layers
from kjax.keras.core.layer import Layer
from kjax.keras.core.variable import Variable

_backend: Any = backend
_layers: Any = layers


class Recurrent(Layer, metaclass=abc.ABCMeta):
    """A layer over time: a subclass has a width, ``units`` (or ``output_dim``), and writes ``build`` and :meth:`step`.

    As many states as ``self.states`` is long (one, unless ``build`` says otherwise) go from step to step, from zeros. The
    built-in recurrent layers count as its subclasses.

    Args:
        return_sequences: return the outputs of all steps, not of the last alone.
        return_state: return the last states too.
        go_backwards: from the last step to the first.
        stateful: carry the states on to the next batch; the size of batches has to be known.
        unroll: write out the steps.
        implementation: accepted; what it chooses between is up to the subclass.
        **kwargs: arguments of every layer.
    """

    def __init__(
        self,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        implementation: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, bool(stateful), unroll
        self.implementation = implementation
        self.supports_masking = True
        self.states: list[Any] = [None]
        self.state_spec: Any = None

    # -- what a subclass writes ----------------------------------------------------------------------------------

    def step(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
        """One step.

        Args:
            inputs: what :meth:`preprocess_input` made of the inputs at that time.
            states: the states, and behind them what :meth:`get_constants` returned.

        Returns:
            The output, and the new states.
        """
        raise NotImplementedError(f"{type(self).__name__} has to write `step(inputs, states)`")

    def preprocess_input(self, inputs: Any, training: Any = None) -> Any:
        """What is computed for all times at once, before the steps: the inputs as they are, by default."""
        del training
        return inputs

    def get_constants(self, inputs: Any, training: Any = None) -> list[Any]:
        """Arrays that every step gets behind its states."""
        del inputs, training
        return []

    def get_initial_state(self, inputs: Any) -> list[Any]:
        """The states before the first step: zeros of shape (batch, units)."""
        earlier: Any = getattr(self, "get_initial_states", None)  # its name in Keras 1
        if earlier is not None:
            return list(earlier(inputs))
        return [jnp.zeros((inputs.shape[0], self._width()), inputs.dtype) for _ in self.states]

    def _width(self) -> int:
        width = getattr(self, "units", None) or getattr(self, "output_dim", None)
        if width is None:
            raise ValueError(f"{type(self).__name__}: the width of the states is not known: set `self.units`")
        return int(width)

    # -- the layer -----------------------------------------------------------------------------------------------

    def call(self, inputs: Any, mask: Any = None, training: Any = None, initial_state: Any = None) -> Any:
        """Run the steps.

        Args:
            inputs: (batch, time, features); or a list of that and of the first states.
            mask: (batch, time); steps at which it is False keep the states.
            training: the mode.
            initial_state: the first states.
        """
        if isinstance(inputs, (list, tuple)):
            inputs, *given = inputs
            initial_state = given or initial_state
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        carried = [state for state in self.states if isinstance(state, Variable)]
        if initial_state is None:
            initial_state = carried or self.get_initial_state(inputs)
        states = list(initial_state)
        last, outputs, new = _backend.rnn(
            self.step,
            _asked(self.preprocess_input, inputs, training),
            states,
            go_backwards=self.go_backwards,
            mask=mask,
            constants=list(_asked(self.get_constants, inputs, training)),
            unroll=self.unroll,
        )
        for state, value in zip(carried, new, strict=False):
            state.assign(value)
        found = outputs if self.return_sequences else last
        return [found, *new] if self.return_state else found

    def _ensure_built(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        first = args[0] if args else next(iter(kwargs.values()), None)
        first = first[0] if isinstance(first, (list, tuple)) else first
        if self.stateful and self._batch_size is None:
            self._batch_size = getattr(first, "shape", (None,))[0]
        super()._ensure_built(args, kwargs)
        if self.stateful and not isinstance(self.states[0], Variable):
            self.reset_states()

    _batch_size: int | None = None

    @property
    def weights(self) -> list[Variable]:
        """The weights; carried states are none."""
        return [v for v in super().weights if all(v is not state for state in self.states)]

    def reset_states(self, states: Any = None) -> None:
        """Set the carried states.

        Args:
            states: an array for each, or one; zeros by default.

        Raises:
            AttributeError: the layer is not stateful.
            ValueError: the size of batches is not known, or other numbers or shapes of arrays than there are states.
        """
        if not self.stateful:
            raise AttributeError(
                f"{type(self).__name__} layer {self.name!r} is not stateful: it carries no states to reset"
            )
        batch = self._batch_size or (self._batch_input_shape or (None,))[0]
        if batch is None:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} is stateful, so that it has to know the size of batches: give "
                "it a `batch_input_shape`, or the model an Input with a `batch_shape`"
            )
        if not isinstance(self.states[0], Variable):
            shape = (int(batch), self._width())
            self.states = [
                Variable("zeros", shape, self.compute_dtype, False, name=f"state_{i}")
                for i, _ in enumerate(self.states)
            ]
        given = [None] * len(self.states) if states is None else states
        given = list(given) if isinstance(given, (list, tuple)) else [given]
        if len(given) != len(self.states):
            raise ValueError(f"{self.name!r} has {len(self.states)} state(s), received {len(given)} array(s)")
        for state, value in zip(self.states, given, strict=True):
            state.assign(np.zeros(state.shape) if value is None else value)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask goes on where the outputs of all steps do."""
        mask = previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask
        mask = mask if self.return_sequences else None
        return [mask, *[None] * len(self.states)] if self.return_state else mask

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer; a subclass adds its own."""
        names = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "implementation")
        return super().get_config() | {name: getattr(self, name) for name in names}


Recurrent.register(_layers.RNN)


class ConvRecurrent2D(Recurrent):
    """The base of convolutional recurrent layers of Keras 2.

    Args:
        filters: number of filters.
        kernel_size: size of the window, or a pair.
        strides: distance between windows, or a pair.
        padding: ``'valid'`` or ``'same'``.
        data_format: ``'channels_last'`` or ``'channels_first'``.
        dilation_rate: distance between the points of a window.
        return_sequences: as of :class:`Recurrent`.
        go_backwards: as of :class:`Recurrent`.
        stateful: as of :class:`Recurrent`.
        **kwargs: as of :class:`Recurrent`.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        return_sequences: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(return_sequences, go_backwards=go_backwards, stateful=stateful, **kwargs)
        self.filters = self.units = filters
        self.kernel_size, self.strides, self.dilation_rate = map(_pair, (kernel_size, strides, dilation_rate))
        self.padding = padding
        self.data_format = data_format or _backend.image_data_format()

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer."""
        names = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _pair(value: Any) -> tuple[int, int]:
    first, second = value if isinstance(value, (tuple, list)) else (value, value)
    return int(first), int(second)


def _asked(method: Callable[..., Any], inputs: Any, training: Any) -> Any:
    """A hook's answer; in Keras 1 hooks did not take the mode."""
    return method(inputs, training=training) if "training" in inspect.signature(method).parameters else method(inputs)


def time_distributed_dense(
    x: Any, w: Any, b: Any = None, dropout: float | None = None, input_dim: int | None = None,
    output_dim: int | None = None, timesteps: int | None = None, training: Any = None,
) -> Any:  # fmt: skip
    """``y = x w + b`` at each step (Keras 1 and 2.0); where layers drop inputs, the same ones at all steps.

    Args:
        x: (samples, steps, features).
        w: (features, width).
        b: (width,), or None.
        dropout: share of the features that are dropped in training.
        input_dim: accepted, as are the sizes after it.
        output_dim: accepted.
        timesteps: accepted.
        training: the mode; by default that of the model.
    """
    if dropout:
        ones = _backend.ones_like(x[:, :1, :])
        x = x * _backend.in_train_phase(lambda: _backend.dropout(ones, dropout), ones, training=training)
    x = _backend.dot(x, w)
    return x if b is None else x + b

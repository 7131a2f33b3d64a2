"""Long short-term memory whose products are convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from kjax.nn import arguments as arg
from kjax.nn import lowering
from kjax.nn.layers import base
from kjax.nn.layers.recurrent import engine
from kjax.nn.layers.recurrent.cells import Scan
from kjax.nn.layers.recurrent.engine import States
from kjax.nn.layers.recurrent.lstm import ForgetBias, gates_of
from kjax.nn.layers.recurrent.sequence import SequenceLayer
from kjax.nn.layers.regularization import dropout
from kjax.nn.module import Layer
from kjax.nn.value import ArgumentError, field


class _Cell(Layer):
    """What the cells ConvLSTM1DCell, ... and the layers ConvLSTM1D, ... have in common.

    Inputs and outputs are images (of ``rank`` spatial axes), or sequences of them. The input convolution has the given strides,
    padding and dilation, the recurrent one keeps the size of the state.

    Weights: ``kernel`` (*kernel_size, channels, 4 * filters), ``recurrent_kernel`` (*kernel_size, filters, 4 *
    filters), ``bias`` (4 * filters,).

    Attributes:
        filters: number of output channels.
        kernel_size: size of both windows.
        strides: distance between windows of the inputs.
        padding: ``'valid'`` or ``'same'``.
        data_format: where the channels are.
        dilation_rate: distance between the points of a window of the inputs.

    The others are those of :class:`kjax.nn.layers.LSTM`.

    Source: Shi et al., 2015, "Convolutional LSTM network", without the peephole connections.
    """

    filters: int = field(convert=arg.positive)
    kernel_size: Any = field(convert=arg.sizes, ranked=True)
    strides: Any = field(1, convert=arg.sizes, ranked=True)
    padding: str = field("valid", convert=arg.padding)
    data_format: str = base.data_format()
    dilation_rate: Any = field(1, convert=arg.sizes, ranked=True)
    activation: Any = base.activation("tanh")
    recurrent_activation: Any = base.activation("sigmoid")
    use_bias: bool = base.flag(True)
    kernel_initializer: Any = base.initializer("glorot_uniform")
    recurrent_initializer: Any = base.initializer("orthogonal")
    bias_initializer: Any = base.initializer("zeros")
    unit_forget_bias: bool = base.flag(True)
    kernel_regularizer: Any = base.regularizer()
    recurrent_regularizer: Any = base.regularizer()
    bias_regularizer: Any = base.regularizer()
    kernel_constraint: Any = base.constraint()
    recurrent_constraint: Any = base.constraint()
    bias_constraint: Any = base.constraint()
    dropout: float = field(0.0, convert=arg.limited)
    recurrent_dropout: float = field(0.0, convert=arg.limited)
    seed: int | None = base.seed()

    rank: ClassVar[int]
    state_count: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"{type(self).__name__}: arguments `strides` {self.strides} and `dilation_rate` "
                f"{self.dilation_rate} cannot both be greater than 1"
            )

    def states_for(self, inputs: Float[Array, "batch *image"]) -> list[Array]:
        """The states to start from for inputs of one time: zeros, images as the outputs."""
        shape = jax.eval_shape(self._one_image, inputs).shape
        return [jnp.zeros(shape, self.compute_dtype)] * 2

    def _one_image(self, inputs: Array) -> Array:
        x = base.to_channels_last(self, inputs)
        kernel = jnp.zeros((*self.kernel_size, x.shape[-1], self.filters), x.dtype)
        return base.from_channels_last(self, self._input_conv(x, kernel))

    def _input_conv(self, x: Array, kernel: Array) -> Array:
        return lowering.conv(
            x, kernel, strides=self.strides, padding=self.padding, dilation=self.dilation_rate, groups=1
        )

    def _recurrent_conv(self, h: Array, kernel: Array) -> Array:
        ones = (1,) * self.rank
        return lowering.conv(h, kernel, strides=ones, padding="same", dilation=ones, in_loop=True)

    def run(
        self,
        inputs: Float[Array, "time batch *image"],
        states: States,
        mask: Bool[Array, "time batch"] | None,
        training: bool,
        unroll: int,
    ) -> tuple[Array, States]:
        """Run over time; see :meth:`BuiltInCell.run`."""
        first = self.data_format == "channels_first"
        inputs = jnp.moveaxis(inputs, 2, -1) if first else inputs
        h, c = (base.to_channels_last(self, s) for s in states)
        channels = inputs.shape[-1]
        width = 4 * self.filters
        kernel = base.declared_weight(self, "kernel", (*self.kernel_size, channels, width))
        recurrent = base.declared_weight(
            self, "recurrent_kernel", (*self.kernel_size, self.filters, width), "recurrent"
        )
        start = ForgetBias(self.bias_initializer, self.filters) if self.unit_forget_bias else self.bias_initializer
        bias = base.declared_weight(self, "bias", (width,), initializer=start) if self.use_bias else None

        input_masks, state_masks = self._draw_masks(inputs[0], h, training)
        times, batch = inputs.shape[:2]

        def many(x: Array, kernel: Array) -> Array:
            y = self._input_conv(x.reshape(times * batch, *x.shape[2:]), kernel)
            return y.reshape(times, batch, *y.shape[1:])

        x = base.add_bias(_by_gate(many, inputs, kernel, input_masks), bias)
        gates = gates_of(self)

        def step(x: Array, states: States) -> States:
            return gates(x + _by_gate(self._recurrent_conv, states[0], recurrent, state_masks), None, states)

        outputs, (h, c) = engine.scan(step, x, (h, c), mask, unroll)
        outputs = jnp.moveaxis(outputs, -1, 2) if first else outputs
        return outputs, (base.from_channels_last(self, h), base.from_channels_last(self, c))

    def _draw_masks(self, x: Array, h: Array, training: bool) -> tuple[Array | None, Array | None]:
        if not training or (self.dropout == 0 and self.recurrent_dropout == 0):
            return None, None
        keys = jax.random.split(base.random_key(self))

        def draw(key: Array, rate: float, like: Array) -> Array | None:
            return dropout(key, jnp.ones((4, *like.shape), self.compute_dtype), rate) if rate else None

        return draw(keys[0], self.dropout, x), draw(keys[1], self.recurrent_dropout, h)


def _by_gate(conv: Callable[[Array, Array], Array], x: Array, kernel: Array, masks: Array | None) -> Array:
    """The convolution; with masks, that of each gate's kernel with inputs of its own."""
    if masks is None:
        return conv(x, kernel)
    parts = jnp.split(kernel, 4, axis=-1)
    return jnp.concatenate(
        [conv(x * m.reshape((1,) * (x.ndim - m.ndim) + m.shape), k) for m, k in zip(masks, parts, strict=True)],
        axis=-1,
    )


class _OneStep(_Cell):
    """The cells: one time step."""

    runs_sequences: ClassVar[bool] = True

    @property
    def state_size(self) -> tuple[int, ...]:
        """Channels of the two states, which are images."""
        return (self.filters,) * 2

    @property
    def output_size(self) -> int:
        """Channels of the output."""
        return self.filters

    def call(
        self, inputs: Float[Array, "batch *image"], states: Any, training: bool = False, scan: Scan | None = None
    ) -> tuple[Array, Any]:
        """One time step.

        Args:
            inputs: images of one time.
            states: the output and the content before.
            training: whether dropout acts.
            scan: run over all times of ``inputs``, which come first, instead.

        Returns:
            The output, and the list of the new states.
        """
        if scan is not None:
            outputs, new = self.run(inputs, tuple(states), scan.mask, training, scan.unroll)
            return outputs, list(new)
        base.require_rank(self, inputs, self.rank + 2)
        outputs, new = self.run(inputs[None], tuple(states), None, training, 1)
        return outputs[0], list(new)


class _Sequence(SequenceLayer, _Cell):
    """The layers: a cell run over time."""

    return_sequences: bool = base.flag(False)
    return_state: bool = base.flag(False)
    go_backwards: bool = base.flag(False)
    stateful: bool = base.flag(False)
    unroll: bool = field(False, convert=bool, kw_only=True)
    zero_output_for_mask: bool = field(False, convert=bool, kw_only=True)

    @property
    def input_rank(self) -> int:  # type: ignore[override]
        """Number of axes of the inputs."""
        return self.rank + 3

    def zero_states(self, sequences: Array) -> list[Array]:
        return self.states_for(sequences[:, 0])


class ConvLSTM1DCell(_OneStep):
    """One step of :class:`ConvLSTM1D`."""

    rank = 1


class ConvLSTM2DCell(_OneStep):
    """One step of :class:`ConvLSTM2D`."""

    rank = 2


class ConvLSTM3DCell(_OneStep):
    """One step of :class:`ConvLSTM3D`."""

    rank = 3


class ConvLSTM1D(_Sequence):
    """Convolutional LSTM over sequences of signals, (batch, time, steps, channels)."""

    rank = 1
    cell_type = ConvLSTM1DCell


class ConvLSTM2D(_Sequence):
    """Convolutional LSTM over sequences of images, (batch, time, height, width, channels)."""

    rank = 2
    cell_type = ConvLSTM2DCell


class ConvLSTM3D(_Sequence):
    """Convolutional LSTM over sequences of volumes, (batch, time, depth, height, width, channels)."""

    rank = 3
    cell_type = ConvLSTM3DCell

"""The fully connected recurrent network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxtyping import Array

from kjax.nn import arguments as arg
from kjax.nn.layers import base
from kjax.nn.layers.recurrent import engine
from kjax.nn.layers.recurrent.cells import BuiltInCell, OneStep
from kjax.nn.layers.recurrent.engine import States
from kjax.nn.layers.recurrent.sequence import SequenceLayer
from kjax.nn.value import field


@dataclasses.dataclass(frozen=True)
class _Output(engine.Pointwise):
    """The element-wise part of a step, from the sum of input part and recurrent part."""

    activation: Callable[[Array], Array] | None

    def __call__(self, x: Array, r: Array | None, states: States) -> States:
        return (base.activate(self.activation, x),)


class _SimpleRNN(BuiltInCell):
    units: int = field(convert=arg.positive)
    activation: Any = base.activation("tanh")
    use_bias: bool = base.flag(True)
    kernel_initializer: Any = base.initializer("glorot_uniform")
    recurrent_initializer: Any = base.initializer("orthogonal")
    bias_initializer: Any = base.initializer("zeros")
    kernel_regularizer: Any = base.regularizer()
    recurrent_regularizer: Any = base.regularizer()
    bias_regularizer: Any = base.regularizer()
    kernel_constraint: Any = base.constraint()
    recurrent_constraint: Any = base.constraint()
    bias_constraint: Any = base.constraint()
    dropout: float = field(0.0, convert=arg.limited)
    recurrent_dropout: float = field(0.0, convert=arg.limited)

    def pointwise(self) -> engine.Pointwise:
        return _Output(self.activation)


class SimpleRNNCell(OneStep, _SimpleRNN):
    """One step ``output = activation(inputs @ kernel + output @ recurrent_kernel + bias)``.

    Weights: ``kernel`` (features, units), ``recurrent_kernel`` (units, units), ``bias`` (units,).
    """

    seed: int | None = base.seed()


class SimpleRNN(SequenceLayer, _SimpleRNN):
    """:class:`SimpleRNNCell` run over time; arguments as :class:`kjax.nn.layers.LSTM`."""

    return_sequences: bool = base.flag(False)
    return_state: bool = base.flag(False)
    go_backwards: bool = base.flag(False)
    stateful: bool = base.flag(False)
    unroll: bool = base.flag(False)
    seed: int | None = base.seed()
    zero_output_for_mask: bool = field(False, convert=bool, kw_only=True)

    cell_type = SimpleRNNCell
    cell_label = "simple_rnn_cell"

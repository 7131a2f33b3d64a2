"""Long short-term memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kjax.nn import activations
from kjax.nn import arguments as arg
from kjax.nn.layers import base
from kjax.nn.layers.recurrent import engine
from kjax.nn.layers.recurrent.cells import BuiltInCell, OneStep, parts_of
from kjax.nn.layers.recurrent.engine import States
from kjax.nn.layers.recurrent.sequence import SequenceLayer, use_cudnn
from kjax.nn.value import field


@dataclasses.dataclass(frozen=True)
class ForgetBias:
    """Ones for the forget gate, another initializer for the other gates."""

    others: Callable[..., Array]
    units: int

    def __call__(self, key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        keys = jax.random.split(key)
        first, last = (
            self.others(keys[0], (self.units,), dtype),
            self.others(keys[1], (2 * self.units,), dtype),
        )
        return jnp.concatenate([first, jnp.ones(self.units, dtype), last])


@dataclasses.dataclass(frozen=True)
class Gates(engine.Pointwise):
    """The element-wise part of an LSTM step, from the sum of input part and recurrent part."""

    activation: Callable[[Array], Array] | None
    recurrent_activation: Callable[[Array], Array] | None

    def __call__(self, x: Array, r: Array | None, states: States) -> States:
        i, f, g, o = parts_of(x, 4)
        carry = base.activate(self.recurrent_activation, f) * states[1]
        carry += base.activate(self.recurrent_activation, i) * base.activate(self.activation, g)
        return base.activate(self.recurrent_activation, o) * base.activate(self.activation, carry), carry


class StandardGates(Gates):
    """The same with sigmoid and tanh, whose derivatives follow from their values."""

    def save(self, x: Array, r: Array | None, states: States) -> tuple[States, Any]:
        gates = _gates(x)
        i, f, g, o = parts_of(gates, 4)
        carry = f * states[1] + i * g
        return (o * jnp.tanh(carry), carry), gates

    def prepare(self, saved: Any, before: States, after: States) -> Any:
        i, f, g, o = parts_of(saved, 4)
        content = jnp.tanh(after[1])
        by_carry = [g * i * (1 - i), before[1] * f * (1 - f), i * (1 - g * g)]
        factors = jnp.concatenate([*by_carry, content * o * (1 - o)], axis=-1)
        return factors, o * (1 - content * content), f

    def pull(self, prepared: Any, d_states: States) -> tuple[Array, None, States]:
        factors, carry_by_output, forget = prepared
        d_output, d_carry = d_states
        d_carry = d_carry + d_output * carry_by_output
        d_gates = jnp.concatenate([d_carry, d_carry, d_carry, d_output], axis=-1) * factors
        return d_gates, None, (jnp.zeros_like(d_output), d_carry * forget)


def _gates(x: Array) -> Array:
    """Sigmoids of the parts i, f and o and the tanh of g, in one array: XLA computes each once, not for each of its uses.

    As ``sigmoid(x) = tanh(x / 2) / 2 + 1 / 2``, one tanh over all parts gives them all, which XLA:CPU runs faster than four
    loops. The sum rounds to a unit in the last place of 1, too coarse for the small values of types shorter than float32.
    """
    if jnp.finfo(x.dtype).bits < 32:
        i, f, g, o = parts_of(x, 4)
        return jnp.concatenate([jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g), jax.nn.sigmoid(o)], axis=-1)
    units = x.shape[-1] // 4
    scale = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], x.dtype), units).reshape(*[1] * (x.ndim - 1), -1)
    return jnp.tanh(x * scale) * scale + (1 - scale)


def gates_of(layer: Any) -> Gates:
    """The element-wise part of the steps of a layer with the two activations."""
    standard = layer.activation is activations.tanh and layer.recurrent_activation is activations.sigmoid
    return (StandardGates if standard else Gates)(layer.activation, layer.recurrent_activation)


class _LSTM(BuiltInCell):
    units: int = field(convert=arg.positive)
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

    gates = 4
    state_count = 2

    def pointwise(self) -> engine.Pointwise:
        return gates_of(self)

    def bias_start(self) -> Callable[..., Array]:
        return ForgetBias(self.bias_initializer, self.units) if self.unit_forget_bias else self.bias_initializer


class LSTMCell(OneStep, _LSTM):
    """One step of long short-term memory.

    ``z = inputs @ kernel + h @ recurrent_kernel + bias``, split into the gates i, f, g, o;
    ``c = sigmoid(f) * c + sigmoid(i) * tanh(g)``; ``h = sigmoid(o) * tanh(c)``.

    Weights: ``kernel`` (features, 4 * units), ``recurrent_kernel`` (units, 4 * units), ``bias`` (4 * units,).

    Source: Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000.
    """


class LSTM(SequenceLayer, _LSTM):
    """:class:`LSTMCell` run over time.

    Attributes:
        units: length of the output vector.
        activation: of the candidate and of the cell's content.
        recurrent_activation: of the gates.
        use_bias: whether there is a bias.
        unit_forget_bias: start the forget gate's bias at 1.
        dropout: part of the inputs that is dropped, the same at all times.
        recurrent_dropout: part of the state that is dropped, the same at all times.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        return_sequences: return the outputs of all times instead of the last.
        return_state: return the last states too.
        go_backwards: run from the last time to the first; outputs come in that order.
        stateful: keep the last states, in the ``state`` collection, as initial states of the next call.
        unroll: no loop but one copy of the step for each time.
        use_cudnn: ``'auto'``, True or False.
        zero_output_for_mask: the output at masked times is 0 and not that of the time before; without effect with ``unroll``.
    """

    return_sequences: bool = base.flag(False)
    return_state: bool = base.flag(False)
    go_backwards: bool = base.flag(False)
    stateful: bool = base.flag(False)
    unroll: bool = base.flag(False)
    use_cudnn: Any = use_cudnn()
    zero_output_for_mask: bool = field(False, convert=bool, kw_only=True)

    cell_type = LSTMCell
    cell_label = "lstm_cell"

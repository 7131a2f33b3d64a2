"""Gated recurrent units."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import activations
from kjax.nn import arguments as arg
from kjax.nn.layers import base
from kjax.nn.layers.recurrent import engine
from kjax.nn.layers.recurrent.cells import BuiltInCell, Masks, OneStep, Weights, masked_product, parts_of
from kjax.nn.layers.recurrent.engine import States
from kjax.nn.layers.recurrent.sequence import SequenceLayer, use_cudnn
from kjax.nn.value import field


@dataclasses.dataclass(frozen=True)
class _ResetAfter(engine.Pointwise):
    """The element-wise part of a step, where the reset gate acts on the recurrent part."""

    activation: Callable[[Array], Array] | None
    recurrent_activation: Callable[[Array], Array] | None

    additive = False

    def __call__(self, x: Array, r: Array | None, states: States) -> States:
        assert r is not None
        (h,) = states
        (x_update, x_reset, x_new), (r_update, r_reset, r_new) = parts_of(x, 3), parts_of(r, 3)
        update = base.activate(self.recurrent_activation, x_update + r_update)
        reset = base.activate(self.recurrent_activation, x_reset + r_reset)
        new = base.activate(self.activation, x_new + reset * r_new)
        return (update * h + (1 - update) * new,)


class _StandardResetAfter(_ResetAfter):
    """The same with sigmoid and tanh, whose derivatives follow from their values."""

    def save(self, x: Array, r: Array | None, states: States) -> tuple[States, Any]:
        assert r is not None
        (h,) = states
        units = h.shape[-1]
        gates = jax.nn.sigmoid(x[..., : 2 * units] + r[..., : 2 * units])
        update, reset = parts_of(gates, 2)
        r_new = r[..., 2 * units :]
        new = jnp.tanh(x[..., 2 * units :] + reset * r_new)
        return (update * h + (1 - update) * new,), (gates, new, r_new)

    def prepare(self, saved: Any, before: States, after: States) -> Any:
        gates, new, r_new = saved
        update, reset = parts_of(gates, 2)
        by_update = (before[0] - new) * update * (1 - update)
        by_new = (1 - update) * (1 - new * new)
        by_reset = by_new * r_new * reset * (1 - reset)
        x_factors = jnp.concatenate([by_update, by_reset, by_new], axis=-1)
        return x_factors, by_new * reset, update

    def pull(self, prepared: Any, d_states: States) -> tuple[Array, Array, States]:
        x_factors, r_new_factor, update = prepared
        (d_h,) = d_states
        d_x = jnp.concatenate([d_h, d_h, d_h], axis=-1) * x_factors
        d_r = jnp.concatenate([d_x[..., : 2 * d_h.shape[-1]], d_h * r_new_factor], axis=-1)
        return d_x, d_r, (d_h * update,)


class _GRU(BuiltInCell):
    units: int = field(convert=arg.positive)
    activation: Any = base.activation("tanh")
    recurrent_activation: Any = base.activation("sigmoid")
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

    gates = 3

    @property
    def one_product(self) -> bool:
        layer: Any = self
        return layer.reset_after

    def own_weights(self, features: int) -> Weights:
        width = 3 * self.units
        kernel = base.declared_weight(self, "kernel", (features, width))
        recurrent = base.declared_weight(self, "recurrent_kernel", (self.units, width), "recurrent")
        if not self.use_bias:
            return Weights(kernel, recurrent, None)
        if not self.one_product:
            return Weights(kernel, recurrent, base.declared_weight(self, "bias", (width,)))
        bias = base.declared_weight(self, "bias", (2, width))
        return Weights(kernel, recurrent, bias[0], bias[1])

    def pointwise(self) -> engine.Pointwise:
        standard = self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        return (_StandardResetAfter if standard else _ResetAfter)(self.activation, self.recurrent_activation)

    def step(self, x: Array, states: States, weights: Weights, masks: Masks) -> States:
        if self.one_product:
            return super().step(x, states, weights, masks)
        (h,) = states
        x_gates, x_new = x[..., : 2 * self.units], x[..., 2 * self.units :]
        gate_masks, new_mask = (None, None) if masks.recurrent is None else (masks.recurrent[:2], masks.recurrent[2])
        gates = masked_product(h, weights.recurrent_kernel[:, : 2 * self.units], gate_masks)
        update, reset = parts_of(base.activate(self.recurrent_activation, x_gates + gates), 2)
        before = reset * (h if new_mask is None else h * new_mask)
        product = jnp.matmul(before, weights.recurrent_kernel[:, 2 * self.units :])
        new = base.activate(self.activation, x_new + product)
        return (update * h + (1 - update) * new,)


class GRUCell(OneStep, _GRU):
    """One step of a gated recurrent unit.

    ``z``, ``r`` are the update and reset gates: sigmoids of ``inputs @ kernel + h @ recurrent_kernel + biases``;
    ``h = z * h + (1 - z) * tanh(...)``, where the reset gate multiplies the recurrent part of the candidate after the
    product with the recurrent kernel (``reset_after``), or ``h`` before it.

    Weights: ``kernel`` (features, 3 * units), ``recurrent_kernel`` (units, 3 * units), ``bias``: (2, 3 * units) for
    input and recurrent part with ``reset_after``, else (3 * units,).

    Source: Cho et al., 2014, "Learning phrase representations using RNN encoder-decoder".
    """

    reset_after: bool = base.flag(True)
    seed: int | None = base.seed()


class GRU(SequenceLayer, _GRU):
    """:class:`GRUCell` run over time; arguments as :class:`kjax.nn.layers.LSTM`."""

    seed: int | None = base.seed()
    return_sequences: bool = base.flag(False)
    return_state: bool = base.flag(False)
    go_backwards: bool = base.flag(False)
    stateful: bool = base.flag(False)
    unroll: bool = base.flag(False)
    reset_after: bool = base.flag(True)
    use_cudnn: Any = use_cudnn()
    zero_output_for_mask: bool = field(False, convert=bool, kw_only=True)

    cell_type = GRUCell
    cell_label = "gru_cell"

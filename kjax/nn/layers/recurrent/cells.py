"""What the built-in recurrent cells have in common: their weights, dropout, a step, and a whole sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from kjax.nn.layers import base
from kjax.nn.layers.recurrent import engine
from kjax.nn.layers.recurrent.engine import States
from kjax.nn.layers.regularization import dropout
from kjax.nn.lowering import product
from kjax.nn.module import Layer


class Weights(NamedTuple):
    """The weights of a cell.

    Attributes:
        kernel: (features, gates * units).
        recurrent_kernel: (units, gates * units).
        bias: (gates * units,), or None.
        recurrent_bias: bias of the recurrent part apart, or None.
    """

    kernel: Array
    recurrent_kernel: Array
    bias: Array | None
    recurrent_bias: Array | None = None


class Masks(NamedTuple):
    """Dropout masks, one set for all time steps, already scaled; None where nothing is dropped.

    Attributes:
        inputs: (sets, batch, features): one set for all gates, or one for each.
        recurrent: (gates, batch, units).
    """

    inputs: Array | None = None
    recurrent: Array | None = None


class BuiltInCell(Layer):
    """Base of the built-in cells, and of the layers that are one of them run over time.

    A subclass declares the fields, ``gates`` and ``state_count``, and writes ``pointwise``.
    """

    runs_sequences: ClassVar[bool] = True
    """Whether the call takes ``scan`` and then runs over a whole sequence by itself."""
    gates: ClassVar[int] = 1
    state_count: ClassVar[int] = 1

    @property
    def one_product(self) -> bool:
        """Whether a step is one product of output and recurrent kernel followed by ``pointwise``."""
        return True

    @property
    def state_size(self) -> Any:
        """Length of the state vector, or a tuple of lengths."""
        units = self._units
        return units if self.state_count == 1 else (units,) * self.state_count

    @property
    def output_size(self) -> int:
        """Length of the output vector."""
        return self._units

    @property
    def _units(self) -> int:
        layer: Any = self
        return layer.units

    def get_initial_state(self, batch_size: int) -> list[Array]:
        """Zeros."""
        return [jnp.zeros((batch_size, self._units), self.compute_dtype) for _ in range(self.state_count)]

    def own_weights(self, features: int) -> Weights:
        """Declare the weights for inputs of so many features."""
        layer: Any = self
        width = self.gates * self._units
        kernel = base.declared_weight(self, "kernel", (features, width))
        recurrent = base.declared_weight(self, "recurrent_kernel", (self._units, width), "recurrent")
        bias = None
        if layer.use_bias:
            bias = base.declared_weight(self, "bias", (width,), initializer=self.bias_start())
        return Weights(kernel, recurrent, bias)

    def bias_start(self) -> Callable[..., Array]:
        """The initializer of the bias."""
        layer: Any = self
        return layer.bias_initializer

    def draw_masks(self, batch: int, features: int, training: bool) -> Masks:
        """The dropout masks for one batch of sequences."""
        layer: Any = self
        if not training or (layer.dropout == 0 and layer.recurrent_dropout == 0):
            return Masks()
        keys = jax.random.split(base.random_key(self))
        # Keras draws a mask for each gate only if the states are dropped too.
        sets = self.gates if layer.recurrent_dropout else 1

        def draw(key: Array, rate: float, shape: tuple[int, ...]) -> Array | None:
            return dropout(key, jnp.ones(shape, self.compute_dtype), rate) if rate else None

        return Masks(
            draw(keys[0], layer.dropout, (sets, batch, features)),
            draw(keys[1], layer.recurrent_dropout, (sets, batch, self._units)),
        )

    def project(self, inputs: Float[Array, "*time batch features"], weights: Weights, masks: Masks) -> Array:
        """The input parts of all gates, ``inputs @ kernel + bias``, at one time or many."""
        return base.add_bias(masked_product(inputs, weights.kernel, masks.inputs), weights.bias)

    def step(self, x: Array, states: States, weights: Weights, masks: Masks) -> States:
        """One step from the input part."""
        r = masked_product(states[0], weights.recurrent_kernel, masks.recurrent)
        r = base.add_bias(r, weights.recurrent_bias)
        pointwise = self.pointwise()
        return pointwise(x + r, None, states) if pointwise.additive else pointwise(x, r, states)

    def pointwise(self) -> engine.Pointwise:
        """The element-wise part of a step."""
        raise NotImplementedError

    def run(
        self,
        inputs: Float[Array, "time batch features"],
        states: States,
        mask: Bool[Array, "time batch"] | None,
        training: bool,
        unroll: int | bool,
    ) -> tuple[Array, States]:
        """Run the cell over time.

        Returns:
            The outputs at all times, and the last states.
        """
        weights = self.own_weights(inputs.shape[-1])
        masks = self.draw_masks(inputs.shape[1], inputs.shape[-1], training)
        x = self.project(inputs, weights, masks)
        if masks.recurrent is None and self.one_product:
            return engine.recur(
                self.pointwise(),
                unroll,
                x,
                states,
                weights.recurrent_kernel,
                weights.recurrent_bias,
                mask,
            )
        return engine.scan(lambda x, s: self.step(x, s, weights, masks), x, states, mask, unroll)


class Scan(NamedTuple):
    """Asks a cell to run over a whole sequence, time first.

    Attributes:
        mask: (time, batch), or None.
        unroll: as :func:`jax.lax.scan` takes it.
    """

    mask: Any
    unroll: int


class OneStep:
    """The ``call`` of the cells, which makes one time step; mixed into a :class:`BuiltInCell`."""

    def call(
        self: Any,
        inputs: Float[Array, "*time batch features"],
        states: Any,
        training: bool = False,
        scan: Scan | None = None,
    ) -> tuple[Array, Any]:
        """One time step.

        Args:
            inputs: inputs of one time.
            states: one array or a list of them.
            training: whether dropout acts.
            scan: run over all times of ``inputs`` instead.

        Returns:
            The output, and the new states: a list if a list was given, else one array.
        """
        nested = isinstance(states, (list, tuple))
        given = tuple(states) if nested else (states,)
        if scan is not None:
            output, new = self.run(inputs, given, scan.mask, training, scan.unroll)
        else:
            base.require_rank(self, inputs, 2)
            weights = self.own_weights(inputs.shape[-1])
            masks = self.draw_masks(inputs.shape[0], inputs.shape[-1], training)
            new = self.step(self.project(inputs, weights, masks), given, weights, masks)
            output = new[0]
        return output, list(new) if nested else new[0]


def masked_product(x: Array, kernel: Array, masks: Array | None) -> Array:
    """``x @ kernel``; with one mask for each gate, each gate's part of it from inputs of its own."""
    if masks is None:
        return product(x, kernel)
    scaled = [x * mask.reshape((1,) * (x.ndim - mask.ndim) + mask.shape) for mask in masks]
    if len(scaled) == 1:
        return product(scaled[0], kernel)
    parts = jnp.split(kernel, len(scaled), axis=1)
    return jnp.concatenate([product(a, b) for a, b in zip(scaled, parts, strict=True)], axis=-1)


def parts_of(x: Array, count: int) -> Sequence[Array]:
    """The last axis in equal parts, one for each gate."""
    return jnp.split(x, count, axis=-1)

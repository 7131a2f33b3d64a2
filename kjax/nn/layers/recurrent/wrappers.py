"""Layers around layers of sequences: both directions at once, one layer at every time."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Num

from kjax.nn import arguments as arg
from kjax.nn.layers import base
from kjax.nn.layers.recurrent.sequence import first_mask
from kjax.nn.layers.wrapping import call_with, wrapped
from kjax.nn.module import LOSSES, PARAMS, Layer
from kjax.nn.value import ArgumentError, field


def _direction(value: Any) -> Any:
    layer: Any = wrapped(value)
    if not hasattr(layer, "return_sequences"):
        raise TypeError(f"expected a recurrent layer, received a {type(layer).__name__}")
    return layer


def _silent_where_masked(layer: Any) -> Any:
    """At masked times the outputs of both directions must be 0, or merging would mix those of different times."""
    wanted = getattr(layer, "return_sequences", None)
    if wanted is None or not hasattr(layer, "clone") or getattr(layer, "zero_output_for_mask", wanted) == wanted:
        return layer
    return layer.clone(zero_output_for_mask=wanted)


class Bidirectional(Layer):
    """A recurrent layer run forwards and, with weights of its own, backwards.

    Weights: those of the layer under ``layer``, then those of the other direction under ``backward_layer``.

    Attributes:
        layer: a recurrent layer.
        merge_mode: how the two outputs become one: ``'concat'``, ``'sum'``, ``'mul'``, ``'ave'``, or None: both.
        weights: accepted at None only.
        backward_layer: the layer of the other direction; by default ``layer`` with ``go_backwards``.
        keras2: as in Keras 1 and 2: the outputs at masked times are those of the layers.
    """

    layer: Any = field(convert=_direction)
    merge_mode: str | None = field("concat", convert=arg.choice("concat", "sum", "mul", "ave", None))
    weights: None = base.unsupported()
    backward_layer: Any = field(None, convert=arg.optional(_direction))
    keras2: bool = field(False, convert=bool, unknown_to_keras=True)

    supports_masking = True

    def __post_init__(self) -> None:
        for name in () if self.keras2 else ("layer", "backward_layer"):
            object.__setattr__(self, name, _silent_where_masked(getattr(self, name)))
        super().__post_init__()
        if self.backward_layer is None:
            return
        for name, wanted in (
            ("go_backwards", False),
            ("stateful", True),
            ("return_sequences", True),
            ("return_state", True),
        ):
            if (getattr(self.layer, name) == getattr(self.backward_layer, name)) != wanted:
                raise ArgumentError(
                    f"{type(self).__name__}: arguments `layer` and `backward_layer` must have "
                    f"{'the same' if wanted else 'different'} values of `{name}`"
                )

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        if isinstance(sequences, (list, tuple)):
            sequences, *given = sequences
            initial_state = given if given and initial_state is None else initial_state
        forward, backward = self._both()
        states: Any = (None, None)
        if initial_state is not None:
            half = len(initial_state) // 2
            states = initial_state[:half], initial_state[half:]
        mask = first_mask(mask)
        y = forward(sequences, initial_state=states[0], mask=mask, training=training)
        z = backward(sequences, initial_state=states[1], mask=mask, training=training)
        last: tuple[Any, ...] = ()
        if forward.return_state:
            (y, *y_states), (z, *z_states) = y, z
            last = (*y_states, *z_states)
        if forward.return_sequences:
            z = jnp.flip(z, axis=1)
        merged = self._merge(y, z)
        if not last:
            return merged
        return (*merged, *last) if self.merge_mode is None else (merged, *last)

    def _both(self) -> tuple[Any, Any]:
        if self.backward_layer is not None:
            return self.layer, self.backward_layer
        opposite = not self.layer.go_backwards
        return self.layer, self.layer.clone(parent=self, name="backward_layer", go_backwards=opposite)

    def _merge(self, y: Array, z: Array) -> Any:
        match self.merge_mode:
            case "concat":
                return jnp.concatenate([y, z], axis=-1)
            case "sum":
                return y + z
            case "mul":
                return y * z
            case "ave":
                return (y + z) / 2
            case _:
                return y, z

    def compute_mask(self, inputs: Any, mask: Any) -> Any:
        """The mask of the inputs where sequences are returned, twice without a merge; returned states have none."""
        del inputs
        output = first_mask(mask) if self.layer.return_sequences else None
        return (output, output) if self.merge_mode is None else output


class TimeDistributed(Layer):
    """One layer applied at every time, as if the times were more samples.

    Weights: those of the layer.

    Attributes:
        layer: any layer.
    """

    layer: Any = field(convert=wrapped)

    supports_masking = True

    def call(self, inputs: Num[Array, "batch time *features"], mask: Any = None, training: bool = False) -> Any:
        base.require_rank(self, inputs, 3, at_least=True)
        batch, times = inputs.shape[:2]
        if mask is not None and mask.shape[:2] != (batch, times):
            raise ValueError(
                f"{base.describe(self)}: argument `mask` of shape {mask.shape} must start with (batch, time) "
                f"{(batch, times)}"
            )

        def together(x: Array) -> Array:
            return x.reshape((batch * times, *x.shape[2:]))

        if training and self._keeps_state():
            # Such as moving statistics: each time is a batch of its own, one after the other.
            steps = [
                call_with(self.layer, inputs[:, t], mask=None if mask is None else mask[:, t], training=True)
                for t in range(times)
            ]
            return jax.tree.map(lambda *ys: jnp.stack(ys, axis=1), *steps)
        outputs = call_with(
            self.layer, together(inputs), mask=None if mask is None else together(mask), training=training
        )
        return jax.tree.map(lambda y: y.reshape((batch, times, *y.shape[1:])), outputs)

    def _keeps_state(self) -> bool:
        """Whether calls of the layer inside change it."""
        return any(values for collection, values in self.layer.variables.items() if collection not in (PARAMS, LOSSES))

"""Running a cell over a sequence: initial and carried states, masks, direction, what is returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from kjax.nn import arguments as arg
from kjax.nn.initializers import Zeros
from kjax.nn.layers import base
from kjax.nn.value import field


def use_cudnn() -> Any:
    """The field ``use_cudnn``."""
    return field("auto", convert=arg.choice("auto", True, False))


def first_mask(mask: Any) -> Any:
    """The mask of the sequence, where masks of the initial states came along with it."""
    while isinstance(mask, (list, tuple)):
        mask = mask[0] if mask else None
    return mask


class SequenceLayer:
    """The methods of layers that run a cell over time; mixed into a :class:`kjax.nn.module.Layer`.

    The class it is mixed into has the fields ``return_sequences``, ``return_state``, ``go_backwards``, ``stateful``,
    ``unroll`` and ``zero_output_for_mask``, and the methods ``run`` and ``get_initial_state``.
    """

    supports_masking = True

    def call(
        self: Any,
        sequences: Float[Array, "batch time *features"],
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        """Run over the sequences.

        Args:
            sequences: inputs, batch first.
            initial_state: one array or a list of them; zeros, or the carried states, by default.
            mask: True at the times that count; elsewhere the states stay what they were.
            training: whether dropout acts.

        Returns:
            The last output, or that of all times; with ``return_state`` a tuple of it and the last states.
        """
        base.require_rank(self, sequences, 3 if not hasattr(self, "input_rank") else self.input_rank, argument="sequences")
        batch, times = sequences.shape[:2]
        mask = self._time_mask(first_mask(mask), sequences)
        states = self._initial_states(initial_state, sequences)
        inputs = jnp.swapaxes(sequences, 0, 1)
        if self.go_backwards:
            inputs = jnp.flip(inputs, axis=0)
            mask = None if mask is None else jnp.flip(mask, axis=0)
        unroll = max(times, 1) if self.unroll else 1
        outputs, last = self.run(inputs, states, mask, training, unroll)
        if self.stateful:
            for i, leaf in enumerate(jax.tree.leaves(last)):
                self.set_state(f"rnn_state_{i}", leaf)
        if mask is not None and self.zero_output_for_mask:
            outputs = jnp.where(base.expand_mask(mask, outputs.ndim), outputs, jnp.zeros((), outputs.dtype))
        output = jnp.swapaxes(outputs, 0, 1) if self.return_sequences else outputs[-1]
        del batch
        return (output, *last) if self.return_state else output

    def _time_mask(self: Any, mask: Any, sequences: Array) -> Bool[Array, "time batch"] | None:
        if mask is None:
            return None
        if mask.ndim == 3 and mask.shape[-1] == 1:
            mask = mask[..., 0]
        if mask.shape != sequences.shape[:2]:
            raise ValueError(
                f"{base.describe(self)}: argument `mask` must have the shape (batch, time) {sequences.shape[:2]}, "
                f"received {mask.shape}"
            )
        return jnp.swapaxes(jnp.asarray(mask, bool), 0, 1)

    def _initial_states(self: Any, given: Any, sequences: Array) -> tuple[Any, ...]:
        zeros = list(self.get_initial_state(sequences.shape[0]))
        structure = jax.tree.structure(zeros)
        if self.stateful:
            leaves = [
                self.state(f"rnn_state_{i}", leaf.shape, Zeros(), self.variable_dtype)
                for i, leaf in enumerate(jax.tree.leaves(zeros))
            ]
            carried = jax.tree.unflatten(structure, leaves)
        else:
            carried = zeros
        if given is None:
            states: Any = carried
        else:
            states = list(given) if isinstance(given, Sequence) else [given]
            shapes = jax.tree.map(jnp.shape, states), jax.tree.map(jnp.shape, zeros)
            if jax.tree.leaves(shapes[0]) != jax.tree.leaves(shapes[1]):
                raise ValueError(
                    f"{base.describe(self)}: argument `initial_state` must have the shapes {shapes[1]}, "
                    f"received {shapes[0]}"
                )
            states = jax.tree.unflatten(structure, jax.tree.leaves(states))
        return tuple(jax.tree.map(lambda s: jnp.asarray(s, self.compute_dtype), states))

    def compute_mask(self: Any, inputs: Any, mask: Any) -> Any:
        """The mask of the inputs where sequences are returned, and None for each returned state."""
        del inputs
        output = first_mask(mask) if self.return_sequences else None
        if not self.return_state:
            return output
        return [output] + [None] * len(self.get_initial_state(1))

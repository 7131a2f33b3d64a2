"""Running a cell over a sequence: initial and carried states, masks, direction, what is returned."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from kjax.nn import arguments as arg
from kjax.nn.initializers import Zeros
from kjax.nn.layers import base
from kjax.nn.module import STATE
from kjax.nn.value import field

CARRIED = "rnn_state_"
"""How the names begin under which layers with ``stateful=True`` keep their states. They are no weights in Keras."""


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
    ``unroll`` and ``zero_output_for_mask``, and a method ``run`` (see :meth:`BuiltInCell.run`).
    """

    supports_masking = True
    input_rank: ClassVar[int] = 3
    any_more_axes: ClassVar[bool] = False
    cell_type: ClassVar[Any] = None
    cell_label: ClassVar[str] = "conv_lstm_cell"
    """Name of the object inside that has the weights in Keras."""
    """The class of :meth:`one_step`, where there is one."""

    def call(
        self: Any,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        r"""Run over the sequences.

        Args:
            sequences: inputs (batch, time, \*features), or a list of these and the initial states.
            initial_state: one array or a list of them; zeros, or the carried states, by default.
            mask: True at the times that count; elsewhere the states stay what they were.
            training: whether dropout acts.

        Returns:
            The last output, or that of all times; with ``return_state`` a tuple of it and the last states.
        """
        return self.over_time(self.run, sequences, initial_state, mask, training)

    def over_time(self: Any, run: Any, sequences: Any, initial_state: Any, mask: Any, training: bool) -> Any:
        """What :meth:`call` does, with ``run`` as the function that runs over time (see :meth:`BuiltInCell.run`)."""
        if isinstance(sequences, (list, tuple)) and not self.is_nested(sequences):
            sequences, *states = sequences
            initial_state = states if states and initial_state is None else initial_state
        for part in jax.tree.leaves(sequences):
            base.require_rank(self, part, self.input_rank, at_least=self.any_more_axes, argument="sequences")
            if part.shape[1] == 0:
                raise ValueError(f"{base.describe(self)}: argument `sequences` has no time steps: {part.shape}")
        first = jax.tree.leaves(sequences)[0]
        mask = self._time_mask(first_mask(mask), first)
        states = self._initial_states(initial_state, sequences)
        inputs = jax.tree.map(lambda part: jnp.swapaxes(part, 0, 1), sequences)
        if self.go_backwards:
            inputs = jax.tree.map(lambda part: jnp.flip(part, axis=0), inputs)
            mask = None if mask is None else jnp.flip(mask, axis=0)
        unroll = first.shape[1] if self.unroll else 1
        outputs, last = run(inputs, states, mask, training, unroll)
        if self.stateful:
            for i, leaf in enumerate(jax.tree.leaves(last)):
                self.set_state(f"{CARRIED}{i}", leaf)
        if mask is not None and self.zero_output_for_mask and not self.unroll:  # Keras zeroes in its loop alone
            outputs = jax.tree.map(
                lambda part: jnp.where(base.expand_mask(mask, part.ndim), part, jnp.zeros((), part.dtype)), outputs
            )
        output = jax.tree.map(lambda part: jnp.swapaxes(part, 0, 1) if self.return_sequences else part[-1], outputs)
        # Stacked cells keep a list for each cell; one with a single state gives that, as models of Keras do.
        states = (state[0] if isinstance(state, (list, tuple)) and len(state) == 1 else state for state in last)
        return (output, *states) if self.return_state else output

    @nn.nowrap
    def is_nested(self: Any, sequences: Any) -> bool:
        """Whether a list or tuple is one input that has parts, and not sequences with initial states."""
        del sequences
        return False

    @nn.nowrap
    def one_step(self: Any) -> Any:
        """The cell that makes one of the layer's steps, with the same arguments."""
        names = {f.name for f in dataclasses.fields(self.cell_type) if f.init} - {"parent", "name"}
        given = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name in names}
        return self.cell_type(**given)

    def zero_states(self: Any, sequences: Array) -> list[Any]:
        """The states to start from where nothing else is given."""
        return list(self.get_initial_state(sequences.shape[0]))

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
        states: Any = tuple(self.zero_states(sequences))
        leaves, structure = jax.tree.flatten(states)
        if self.stateful:
            self._check_carried(leaves)
            leaves = [
                self.state(f"{CARRIED}{i}", leaf.shape, Zeros(), self.variable_dtype) for i, leaf in enumerate(leaves)
            ]
        if given is not None:
            wanted, leaves = [leaf.shape for leaf in leaves], jax.tree.leaves(given)
            if [jnp.shape(leaf) for leaf in leaves] != wanted:
                raise ValueError(
                    f"{base.describe(self)}: argument `initial_state` must hold arrays of the shapes {wanted}, "
                    f"received {[jnp.shape(leaf) for leaf in leaves]}"
                )
        return jax.tree.unflatten(structure, [jnp.asarray(leaf, self.compute_dtype) for leaf in leaves])

    def _check_carried(self: Any, fresh: list[Any]) -> None:
        for i, leaf in enumerate(fresh):
            name = f"{CARRIED}{i}"
            kept = jnp.shape(self.get_variable(STATE, name)) if self.has_variable(STATE, name) else leaf.shape
            if kept != leaf.shape:
                raise ValueError(
                    f"{base.describe(self)} is stateful: it carries the states of {kept[0]} samples from batch to batch, "
                    f"but received a batch of {leaf.shape[0]}; give it batches of {kept[0]} samples only"
                )

    def compute_mask(self: Any, inputs: Any, mask: Any) -> Any:
        """The mask of the inputs where sequences are returned, and None for each returned state."""
        del inputs
        output = first_mask(mask) if self.return_sequences else None
        return [output] + [None] * self.state_arrays if self.return_state else output

    @property
    def state_arrays(self: Any) -> int:
        """Number of arrays that the states are: of stacked cells more than there are cells."""
        return self.state_count

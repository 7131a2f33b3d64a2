"""Any cell run over time, and several cells as one."""

from __future__ import annotations

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.layers import base
from kjax.nn.layers.recurrent.cells import BuiltInCell, Scan
from kjax.nn.layers.recurrent.sequence import SequenceLayer
from kjax.nn.layers.wrapping import accepted
from kjax.nn.module import DROPOUT, LOSSES, PARAMS, STATE, Layer
from kjax.nn.value import field


def check_cell(cell: Any) -> Any:
    """The cell itself.

    Raises:
        TypeError: it is no Flax module, or has no ``state_size``.
    """
    if not isinstance(cell, nn.Module):
        raise TypeError(f"expected a cell (a layer with a `state_size`), received {cell!r}")
    if getattr(cell, "state_size", None) is None:
        raise TypeError(f"the cell {type(cell).__name__} needs an attribute `state_size`")
    return cell


def initial_states(cell: Any, batch: int, dtype: str) -> Any:
    """Zeros of the cell's ``state_size``, or what its ``get_initial_state`` gives."""
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(batch_size=batch)

    def zeros(size: Any) -> Any:
        return jnp.zeros((batch, *(size if isinstance(size, (list, tuple)) else (size,))), dtype)

    sizes = cell.state_size
    return [zeros(size) for size in sizes] if isinstance(sizes, (list, tuple)) else zeros(sizes)


def step(cell: Any, inputs: Any, states: Any, training: bool, **extra: Any) -> tuple[Any, Any]:
    """Call the cell, with ``training`` if it takes that."""
    return cell(inputs, states, **accepted(cell, training=training), **extra)


def _cells(value: Any) -> tuple[Any, ...]:
    cells = tuple(check_cell(cell) for cell in value)
    if not cells:
        raise ValueError("expected at least one cell")
    return cells


class StackedRNNCells(Layer):
    """Several cells as one: each takes the output of the one before.

    Attributes:
        cells: the cells, first to last.
    """

    cells: Any = field(convert=_cells)

    @property
    def state_size(self) -> tuple[Any, ...]:
        """The state sizes of all cells."""
        return tuple(cell.state_size for cell in self.cells)

    @property
    def output_size(self) -> Any:
        """Length of the last cell's output."""
        last = self.cells[-1]
        size = getattr(last, "output_size", None) or last.state_size
        return size[0] if isinstance(size, (list, tuple)) else size

    @property
    def built_in(self) -> bool:
        """Whether all cells can run over whole sequences by themselves."""
        return all(isinstance(cell, BuiltInCell) for cell in self.cells)

    @property
    def runs_sequences(self) -> bool:
        """Whether the call takes ``scan``: where all cells do."""
        return self.built_in

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """The initial states of all cells."""
        return [initial_states(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def call(self, inputs: Any, states: Any, training: bool = False, scan: Scan | None = None) -> tuple[Any, Any]:
        new = []
        for cell, before in zip(self.cells, states, strict=True):
            nested = isinstance(before, (list, tuple))
            given = list(before) if nested else [before]  # cells take lists
            if scan is None:
                inputs, after = step(cell, inputs, given, training)
            else:
                inputs, after = cell(inputs, given, training=training, scan=scan)
            new.append(after[0] if not nested and isinstance(after, (list, tuple)) else after)
        return inputs, new


def _one_cell(value: Any) -> Any:
    return check_cell(StackedRNNCells(tuple(value)) if isinstance(value, (list, tuple)) else value)


def _count_states(cell: Any) -> int:
    """Number of arrays that the states of a cell are."""
    if isinstance(cell, StackedRNNCells):
        return sum(map(_count_states, cell.cells))
    size = cell.state_size
    return len(size) if isinstance(size, (list, tuple)) else 1


class RNN(SequenceLayer, Layer):
    """A cell run over time.

    Attributes:
        cell: a module whose call ``(inputs, states)`` returns the output and the new states (an array for an array, a
            list for a list), with an attribute ``state_size`` (an integer, a shape or a list of them) and, if it has
            other initial states than zeros, a method ``get_initial_state(batch_size)``; or a list of cells.
            Its random numbers are the same at all times.
        return_sequences: return the outputs of all times instead of the last.
        return_state: return the last states too.
        go_backwards: run from the last time to the first; outputs come in that order.
        stateful: keep the last states, in the ``state`` collection, as initial states of the next call.
        unroll: no loop but one copy of the step for each time.
        zero_output_for_mask: the output at masked times is 0 and not that of the time before; without effect with ``unroll``.
    """

    cell: Any = field(convert=_one_cell)
    return_sequences: bool = base.flag(False)
    return_state: bool = base.flag(False)
    go_backwards: bool = base.flag(False)
    stateful: bool = base.flag(False)
    unroll: bool = base.flag(False)
    zero_output_for_mask: bool = base.flag(False)

    any_more_axes = True

    @property
    def state_count(self) -> int:
        """Number of states of the cell (of cells, for stacked ones)."""
        size = self.cell.state_size
        return len(size) if isinstance(size, (list, tuple)) else 1

    @property
    def state_arrays(self) -> int:
        return _count_states(self.cell)

    @nn.nowrap
    def is_nested(self, sequences: Any) -> bool:
        """A tuple of sequences goes to the cell as tuples of one step each, as cells of users may ask for."""
        return isinstance(sequences, tuple) and len(sequences) > 1 and min(map(jnp.ndim, sequences)) > 2

    def zero_states(self, sequences: Any) -> list[Any]:
        first = jax.tree.leaves(sequences)[0]
        if hasattr(self.cell, "states_for"):  # states whose shape depends on that of the inputs
            return list(self.cell.states_for(first[:, 0]))
        states = initial_states(self.cell, first.shape[0], self.compute_dtype)
        return list(states) if isinstance(states, (list, tuple)) else [states]

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        constants: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        """Run over the sequences.

        Args:
            sequences: inputs, or a list of these and the initial states; a tuple of inputs (each batch, time, ...) for a
                cell whose inputs are tuples.
            initial_state: one array or a list of them; zeros, or the carried states, by default.
            constants: arrays that the cell gets as its argument ``constants`` at all times.
            mask: True at the times that count; elsewhere the states stay what they were.
            training: whether dropout acts.

        Returns:
            The last output, or that of all times; with ``return_state`` a tuple of it and the last states.
        """
        run = self.run if constants is None else functools.partial(self.run, constants=constants)
        return self.over_time(run, sequences, initial_state, mask, training)

    def run(
        self, inputs: Array, states: Any, mask: Any, training: bool, unroll: int, constants: Any = None
    ) -> tuple[Array, Any]:
        """Run the cell over time; see :meth:`BuiltInCell.run`."""
        extra = {} if constants is None else {"constants": constants}
        if getattr(self.cell, "runs_sequences", False) and not extra:
            outputs, last = self.cell(inputs, list(states), training=training, scan=Scan(mask, unroll))
            return outputs, tuple(last)

        def body(cell: Any, states: Any, at: Any) -> tuple[Any, Any]:
            x, m = at
            output, new = step(cell, x, list(states), training, **extra)
            new = tuple(new) if isinstance(new, (list, tuple)) else (new,)
            if m is not None:
                before = _output_before(states) if not isinstance(output, (list, tuple)) else tuple(states)
                output = jax.tree.map(lambda n, o: _choose(m, n, o), output, before)
                new = jax.tree.map(lambda n, o: _choose(m, n, o), new, _like(states, new))
            return _like(new, states), output

        if self.is_initializing():
            step(self.cell, _first(inputs), list(states), training, **extra)  # makes the weights, which the loop shares
        elif self.is_mutable_collection(LOSSES):
            self._penalties(_first(inputs), list(states), training, extra)
        changes = self.is_mutable_collection(STATE)
        loop = nn.scan(
            body,
            variable_broadcast=PARAMS if changes else (PARAMS, STATE),
            variable_carry=STATE if changes else False,
            split_rngs={PARAMS: False, DROPOUT: False},
            unroll=unroll,
        )
        last, outputs = loop(self.cell, tuple(states), (inputs, mask))
        return outputs, last

    def _penalties(self, inputs: Array, states: list[Any], training: bool, extra: dict[str, Any]) -> None:
        """Collect the cell's penalties once, from a step apart: those in the loop would be lost."""
        bare = self.cell.clone(parent=None, name=None)
        rngs = {DROPOUT: jax.random.key(0)}
        kwargs = accepted(bare, training=training) | extra
        _, updates = bare.apply(self.cell.variables, inputs, states, rngs=rngs, mutable=[LOSSES], **kwargs)
        for name, value in updates.get(LOSSES, {}).items():
            self.cell.put_variable(LOSSES, name, value)


def _first(inputs: Any) -> Any:
    """The inputs at the first time."""
    return jax.tree.map(lambda part: part[0], inputs)


def _choose(mask: Array, new: Array, old: Array) -> Array:
    return jnp.where(base.expand_mask(mask, new.ndim), new, old)


def _like(tree: Any, pattern: Any) -> Any:
    """The same leaves in lists and tuples like those of ``pattern``."""
    return jax.tree.unflatten(jax.tree.structure(pattern), jax.tree.leaves(tree))


def _output_before(states: Any) -> Array:
    """The output of the time before: the first state, of the last cell if there are several."""
    return states[-1][0] if isinstance(states[-1], (list, tuple)) else states[0]

"""``tf.nn.rnn_cell``, ``tf.contrib.rnn`` and the loops around cells: recurrent networks of TensorFlow 1.

A cell makes its variables when it first meets inputs (``build``); what it computes is a function of arrays (``step``), which
loops run in a ``scan``. Formulas: https://github.com/tensorflow/tensorflow/blob/v1.15.0/tensorflow/python/ops/rnn_cell_impl.py
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kjax.keras.legacy.tensorflow.door import fresh_key
from kjax.keras.legacy.tensorflow.graph_variables import get_variable, variable_scope
from kjax.keras.legacy.tensorflow.tensor import apply, unwrap


class LSTMStateTuple(NamedTuple):
    """The state of an LSTM: its memory and its output."""

    c: Any
    h: Any


class RNNCell:
    """One step of a recurrent network; users' own write ``state_size``, ``output_size`` and ``call`` or ``__call__``.

    Args:
        _reuse: accepted, like ``**kwargs``.
        name: the variable scope.
    """

    scope = "rnn_cell"
    has_step = False
    """Whether the cell is a function of arrays, so that loops can run it compiled."""

    def __init__(self, _reuse: Any = None, name: str | None = None, **kwargs: Any) -> None:
        self._name, self._weights = name, None

    @property
    def state_size(self) -> Any:
        """Length of the state, or a tree of lengths."""
        raise NotImplementedError(f"{type(self).__name__} has no `state_size`")

    @property
    def output_size(self) -> int:
        """Length of the output."""
        raise NotImplementedError(f"{type(self).__name__} has no `output_size`")

    def zero_state(self, batch_size: Any, dtype: Any = "float32") -> Any:
        """A state of zeros.

        Args:
            batch_size: a number, or a tensor.
            dtype: accepted: it is that of floats.
        """
        if isinstance(batch_size, int):
            return jax.tree.map(lambda size: apply(jnp.zeros, ((batch_size, size),), {}, "zeros"), self.state_size)
        return jax.tree.map(
            lambda size: apply(lambda n: jnp.zeros((int(n), size)), (batch_size,), {}, "zeros"), self.state_size
        )

    def weights_for(self, depth: int) -> Any:
        """The variables, which are made for inputs of a length at the first call."""
        if self._weights is None:
            with variable_scope(self._name, default_name=self.scope):
                self._weights = self.build_for(depth)
        return self._weights

    def build_for(self, depth: int) -> Any:
        """Make the variables, a tree of them."""
        return ()

    def step(self, weights: Any, x: Any, state: Any, key: Any) -> tuple[Any, Any]:
        """(output, state) as functions of arrays."""
        raise NotImplementedError(f"{type(self).__name__} has no `call`")

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        if not self.has_step:
            with variable_scope(scope or self._name, default_name=self.scope):
                return self.call(inputs, state)
        weights = self.weights_for(int(inputs.shape[-1]))

        def run(w: Any, x: Any, s: Any) -> Any:
            return self.step(w, x, s, fresh_key())

        return apply(run, (weights, inputs, state), {}, "cell")

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step of a user's cell, on tensors."""
        raise NotImplementedError(f"{type(self).__name__} has no `call`")


def _dense(name: str, depth: int, units: int, initializer: Any = None, bias: Any = "zeros") -> tuple[Any, Any]:
    head = f"{name}/" if name else ""
    return (
        get_variable(f"{head}kernel", (depth, units), initializer=initializer),
        get_variable(f"{head}bias", (units,), initializer=bias),
    )


def _product(weights: tuple[Any, Any], *inputs: Any) -> Any:
    kernel, bias = weights
    return jnp.concatenate(inputs, -1) @ kernel + bias[None]


class BasicRNNCell(RNNCell):
    """``activation(W [x, h] + b)``.

    Args:
        num_units: length of the state.
        activation: tanh by default.
    """

    scope, has_step = "basic_rnn_cell", True

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, name: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(reuse, name)
        self.num_units, self.activation = int(num_units), activation or jnp.tanh

    @property
    def state_size(self) -> Any:
        """Length of the state."""
        return self.num_units

    @property
    def output_size(self) -> int:
        """Length of the output."""
        return self.num_units

    def build_for(self, depth: int) -> Any:
        """Make the variables."""
        return _dense("", depth + self.num_units, self.num_units)

    def step(self, weights: Any, x: Any, state: Any, key: Any) -> tuple[Any, Any]:
        """(output, state)."""
        output = unwrap(self.activation(_product(weights, x, state)))
        return output, output


class GRUCell(BasicRNNCell):
    """A gated unit whose gate is applied to the state before the product; arguments as of :class:`BasicRNNCell`."""

    scope = "gru_cell"

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, kernel_initializer: Any = None,
        bias_initializer: Any = None, name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(num_units, activation, reuse, name)
        self._initializers = kernel_initializer, bias_initializer

    def build_for(self, depth: int) -> Any:
        """Make the variables."""
        kernel, bias = self._initializers
        gates = _dense("gates", depth + self.num_units, 2 * self.num_units, kernel, bias or "ones")
        return gates, _dense("candidate", depth + self.num_units, self.num_units, kernel, bias or "zeros")

    def step(self, weights: Any, x: Any, state: Any, key: Any) -> tuple[Any, Any]:
        """(output, state)."""
        r, u = jnp.split(jax.nn.sigmoid(_product(weights[0], x, state)), 2, -1)
        new = unwrap(self.activation(_product(weights[1], x, r * state)))
        output = u * state + (1 - u) * new
        return output, output


class LSTMCell(RNNCell):
    """An LSTM.

    Args:
        num_units: length of the memory.
        use_peepholes: whether gates see the memory.
        initializer: of the kernels.
        num_proj: length of a projection of the output.
        forget_bias: added to the forget gate.
        state_is_tuple: accepted where True.
        activation: tanh by default.
        **kwargs: accepted.

    Raises:
        NotImplementedError: ``state_is_tuple=False``.
    """

    scope, has_step = "lstm_cell", True

    def __init__(
        self, num_units: int, use_peepholes: bool = False, cell_clip: Any = None, initializer: Any = None,
        num_proj: int | None = None, proj_clip: Any = None, num_unit_shards: Any = None, num_proj_shards: Any = None,
        forget_bias: float = 1.0, state_is_tuple: bool = True, activation: Any = None, reuse: Any = None, name: Any = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(reuse, name)
        if not state_is_tuple:
            raise NotImplementedError(f"{type(self).__name__}: states are tuples (c, h); leave `state_is_tuple` out")
        self.num_units, self.peepholes, self.clip = int(num_units), use_peepholes, cell_clip
        self.initializer, self.projected, self.forget_bias = initializer, num_proj, forget_bias
        self.activation = activation or jnp.tanh

    @property
    def state_size(self) -> LSTMStateTuple:
        """Lengths of memory and output."""
        return LSTMStateTuple(self.num_units, self.output_size)

    @property
    def output_size(self) -> int:
        """Length of the output."""
        return int(self.projected or self.num_units)

    def build_for(self, depth: int) -> Any:
        """Make the variables."""
        weights = {"gates": _dense("", depth + self.output_size, 4 * self.num_units, self.initializer)}
        if self.peepholes:
            for gate in "fio":
                weights[gate] = get_variable(
                    f"w_{gate}_diag", (self.num_units,), initializer=self.initializer or "uniform"
                )
        if self.projected:
            shape = (self.num_units, int(self.projected))
            weights["projection"] = get_variable("projection/kernel", shape, initializer=self.initializer)
        return weights

    def step(self, weights: Any, x: Any, state: Any, key: Any) -> tuple[Any, Any]:
        """(output, state)."""
        c, h = state
        i, j, f, o = jnp.split(_product(weights["gates"], x, h), 4, -1)
        if self.peepholes:
            i, f = i + weights["i"][None] * c, f + weights["f"][None] * c
        new = unwrap(self.activation(j))
        c = jax.nn.sigmoid(f + self.forget_bias) * c + jax.nn.sigmoid(i) * new
        if self.clip is not None:
            c = jnp.clip(c, -self.clip, self.clip)
        o = o + weights["o"][None] * c if self.peepholes else o
        h = jax.nn.sigmoid(o) * unwrap(self.activation(c))
        h = h @ weights["projection"] if self.projected else h
        return h, LSTMStateTuple(c, h)


class BasicLSTMCell(LSTMCell):
    """An LSTM without peepholes.

    Args:
        num_units: length of the state.
        forget_bias: added to the forget gate.
        state_is_tuple: accepted where True.
        activation: tanh by default.
        **kwargs: accepted.
    """

    scope = "basic_lstm_cell"

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, state_is_tuple: bool = True, activation: Any = None,
        reuse: Any = None, name: Any = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            num_units,
            forget_bias=forget_bias,
            state_is_tuple=state_is_tuple,
            activation=activation,
            reuse=reuse,
            name=name,
        )


class MultiRNNCell(RNNCell):
    """Cells one on top of the other.

    Args:
        cells: the cells.
        state_is_tuple: accepted.
    """

    scope = "multi_rnn_cell"

    def __init__(self, cells: Sequence[Any], state_is_tuple: bool = True) -> None:
        super().__init__()
        self.cells = list(cells)
        self.has_step = all(cell.has_step for cell in self.cells)

    @property
    def state_size(self) -> Any:
        """States of the cells."""
        return tuple(cell.state_size for cell in self.cells)

    @property
    def output_size(self) -> int:
        """Length of the output of the last."""
        return self.cells[-1].output_size

    def build_for(self, depth: int) -> Any:
        """Make the variables."""
        found = []
        for number, cell in enumerate(self.cells):
            with variable_scope(f"cell_{number}"):
                found.append(cell.weights_for(depth))
            depth = cell.output_size
        return found

    def step(self, weights: Any, x: Any, state: Any, key: Any) -> tuple[Any, Any]:
        """(output, states)."""
        states = []
        for cell, own, before, part in zip(
            self.cells, weights, state, jax.random.split(key, len(self.cells)), strict=True
        ):
            x, after = cell.step(own, x, before, part)
            states.append(after)
        return x, tuple(states)

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step with users' cells."""
        states = []
        for number, (cell, before) in enumerate(zip(self.cells, state, strict=True)):
            with variable_scope(f"cell_{number}"):
                inputs, after = cell(inputs, before)
            states.append(after)
        return inputs, tuple(states)


class _Wrapper(RNNCell):
    """A cell around another."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell, self.has_step = cell, cell.has_step
        if not cell.has_step:
            raise NotImplementedError(f"{type(self).__name__} goes around cells of TensorFlow, not around users' own")

    @property
    def state_size(self) -> Any:
        """State of the cell."""
        return self.cell.state_size

    @property
    def output_size(self) -> int:
        """Length of the output."""
        return self.cell.output_size


class DropoutWrapper(_Wrapper):
    """Entries of inputs, outputs and states left out.

    Args:
        cell: the cell.
        input_keep_prob: share of the inputs that is kept, a number or a tensor.
        output_keep_prob: that of the outputs.
        state_keep_prob: that of the states; the memory of an LSTM is kept whole.
        **options: accepted.
    """

    def __init__(
        self,
        cell: Any,
        input_keep_prob: Any = 1.0,
        output_keep_prob: Any = 1.0,
        state_keep_prob: Any = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(cell)
        self.kept = input_keep_prob, output_keep_prob, state_keep_prob

    def weights_for(self, depth: int) -> Any:
        """The variables of the cell, and the shares."""
        return self.cell.weights_for(depth), self.kept

    def step(self, weights: Any, x: Any, state: Any, key: Any) -> tuple[Any, Any]:
        """(output, state)."""
        own, shares = weights
        keys = jax.random.split(key, 4)

        def kept(array: Any, share: Any, place: int) -> Any:
            if isinstance(share, float) and share == 1.0:
                return array
            return jnp.where(jax.random.bernoulli(keys[place], share, array.shape), array / share, 0)

        output, new = self.cell.step(own, kept(x, shares[0], 0), state, keys[3])
        if isinstance(new, LSTMStateTuple):
            new = LSTMStateTuple(new.c, kept(new.h, shares[2], 2))
        elif not isinstance(new, tuple):
            new = kept(new, shares[2], 2)
        return kept(output, shares[1], 1), new


class ResidualWrapper(_Wrapper):
    """The inputs added to the outputs."""

    def weights_for(self, depth: int) -> Any:
        """The variables of the cell."""
        return self.cell.weights_for(depth)

    def step(self, weights: Any, x: Any, state: Any, key: Any) -> tuple[Any, Any]:
        """(output, state)."""
        output, new = self.cell.step(weights, x, state, key)
        return output + x, new


class OutputProjectionWrapper(_Wrapper):
    """A product with a matrix behind the cell.

    Args:
        cell: the cell.
        output_size: length of the output.
        activation: a function of it, or None.
    """

    scope = "output_projection_wrapper"

    def __init__(self, cell: Any, output_size: int, activation: Any = None, reuse: Any = None) -> None:
        super().__init__(cell)
        self.size, self.activation = int(output_size), activation

    @property
    def output_size(self) -> int:
        """Length of the output."""
        return self.size

    def build_for(self, depth: int) -> Any:
        """Make the variables."""
        return self.cell.weights_for(depth), _dense("", self.cell.output_size, self.size)

    def step(self, weights: Any, x: Any, state: Any, key: Any) -> tuple[Any, Any]:
        """(output, state)."""
        output, new = self.cell.step(weights[0], x, state, key)
        output = _product(weights[1], output)
        return output if self.activation is None else unwrap(self.activation(output)), new


def _scanned(cell: Any, reverse: bool = False) -> Callable[..., Any]:
    """A cell along the second axis of arrays: (weights, inputs, lengths or None, first state or None) to outputs and state."""

    def run(weights: Any, inputs: Any, lengths: Any, state: Any) -> Any:
        count, steps = inputs.shape[:2]
        if state is None:
            state = jax.tree.map(lambda size: jnp.zeros((count, size), inputs.dtype), cell.state_size)
        lengths = jnp.full((count,), steps) if lengths is None else jnp.asarray(lengths)
        places = jnp.arange(steps)[None]
        turned = jnp.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)[..., None]
        inputs = jnp.take_along_axis(inputs, turned, 1) if reverse else inputs

        def step(state: Any, given: Any) -> tuple[Any, Any]:
            x, number, key = given
            output, new = cell.step(weights, x, state, key)
            runs = (number < lengths)[:, None]
            return jax.tree.map(lambda a, b: jnp.where(runs, a, b), new, state), jnp.where(runs, output, 0)

        keys = jax.random.split(fresh_key(), steps)
        state, outputs = jax.lax.scan(step, state, (jnp.swapaxes(inputs, 0, 1), jnp.arange(steps), keys))
        outputs = jnp.swapaxes(outputs, 0, 1)
        return jnp.take_along_axis(outputs, turned, 1) if reverse else outputs, state

    return run


def _swapped(inputs: Any) -> Any:
    return apply(lambda x: jnp.swapaxes(x, 0, 1), (inputs,), {}, "transpose")


def dynamic_rnn(
    cell: Any, inputs: Any, sequence_length: Any = None, initial_state: Any = None, dtype: Any = None,
    parallel_iterations: Any = None, swap_memory: bool = False, time_major: bool = False, scope: Any = None,
    reverse: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """``tf.nn.dynamic_rnn``: a cell along the time axis.

    Args:
        cell: the cell.
        inputs: ``(batch, time, depth)``, or ``(time, batch, depth)`` where ``time_major``.
        sequence_length: length of each row: outputs behind it are 0, and the state stays what it was there.
        initial_state: zeros by default.
        dtype: accepted, like ``parallel_iterations`` and ``swap_memory``.
        time_major: see ``inputs``.
        scope: the variable scope, ``rnn`` by default.
        reverse: whether rows are run backwards.

    Returns:
        The outputs of all steps, and the last state.
    """
    with variable_scope(scope or "rnn"):
        inputs = _swapped(inputs) if time_major else inputs
        if cell.has_step:
            weights = cell.weights_for(int(inputs.shape[-1]))
            outputs, state = apply(
                _scanned(cell, reverse), (weights, inputs, sequence_length, initial_state), {}, "rnn"
            )
        else:
            outputs, state = _unrolled(cell, inputs, initial_state)
        return _swapped(outputs) if time_major else outputs, _as_state(cell.state_size, state)


def _unrolled(cell: Any, inputs: Any, state: Any) -> tuple[Any, Any]:
    """A user's cell step by step."""
    if inputs.shape[1] is None:
        raise NotImplementedError(
            f"dynamic_rnn: {type(cell).__name__} is run step by step, so the number of steps must be known"
        )
    rows = [inputs[:, number] for number in range(inputs.shape[1])]
    outputs, state = _row(cell, rows, state)
    return apply(lambda parts: jnp.stack(parts, 1), (outputs,), {}, "stack"), state


def _row(cell: Any, rows: Sequence[Any], state: Any) -> tuple[list[Any], Any]:
    if state is None:
        state = jax.tree.map(
            lambda size: apply(lambda x: jnp.zeros((x.shape[0], size), x.dtype), (rows[0],), {}, "zeros"),
            cell.state_size,
        )
    outputs = []
    for x in rows:
        output, state = cell(x, state)
        outputs.append(output)
    return outputs, state


def _as_state(sizes: Any, state: Any) -> Any:
    """A tree of states with the classes of the sizes."""
    return jax.tree.unflatten(jax.tree.structure(sizes), jax.tree.leaves(state, is_leaf=lambda x: hasattr(x, "shape")))


def static_rnn(
    cell: Any,
    inputs: Sequence[Any],
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """``tf.nn.static_rnn``: a cell along a list of inputs; arguments as of :func:`dynamic_rnn`."""
    if sequence_length is not None:
        stacked = apply(lambda parts: jnp.stack(parts, 1), (list(inputs),), {}, "stack")
        outputs, state = dynamic_rnn(cell, stacked, sequence_length, initial_state, scope=scope)
        return [outputs[:, number] for number in range(len(inputs))], state
    with variable_scope(scope or "rnn"):
        outputs, state = _row(cell, list(inputs), initial_state)
        return outputs, _as_state(cell.state_size, state)


def bidirectional_dynamic_rnn(
    cell_fw: Any, cell_bw: Any, inputs: Any, sequence_length: Any = None, initial_state_fw: Any = None,
    initial_state_bw: Any = None, dtype: Any = None, time_major: bool = False, scope: Any = None, **options: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """``tf.nn.bidirectional_dynamic_rnn``: (outputs forwards, backwards), (states forwards, backwards)."""
    with variable_scope(scope or "bidirectional_rnn"):
        found = [
            dynamic_rnn(cell, inputs, sequence_length, state, time_major=time_major, scope=name, reverse=name == "bw")
            for cell, state, name in ((cell_fw, initial_state_fw, "fw"), (cell_bw, initial_state_bw, "bw"))
        ]
    return (found[0][0], found[1][0]), (found[0][1], found[1][1])

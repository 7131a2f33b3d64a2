"""Prediction on the loop engine: outputs of many batches a call, gathered on the host."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.data.arrays import Resident, Single, Stack
from kjax.data.reader import Feed
from kjax.nn.lowering import has_slow_loop_ops
from kjax.nn.module import PARAMS
from kjax.nn.randomness import STREAM, moved_on
from kjax.train import cache
from kjax.train.loop import STACK_BYTES, Listener, pace


class Predictor:
    """A prediction step, compiled for one batch and for a stack of them.

    Args:
        step: pure ``(variables, inputs) -> outputs``, or ``-> (outputs, state)``.
        carries: whether it is the latter; the state goes into the variables of the next batch.
    """

    def __init__(self, step: Callable[[Any, Any], Any], carries: bool = False) -> None:
        def both(variables: Any, inputs: Any) -> tuple[Any, Any]:
            return step(variables, inputs) if carries else (step(variables, inputs), {})

        def stacked(variables: Any, stack: Any, first: Any, count: Any) -> Any:
            batch = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), stack)
            room = jax.tree.leaves(stack)[0].shape[0]
            shapes, state = jax.eval_shape(both, variables, batch)
            state = {name: variables[name] for name in state}
            outputs = jax.tree.map(lambda s: jnp.zeros((room, *s.shape), s.dtype), shapes)

            def one(i: Any, carry: Any) -> Any:
                outputs, state = carry
                batch = jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, i, keepdims=False), stack)
                result, state = both(moved_on({**variables, **state}, i), batch)
                return jax.tree.map(lambda out, new: out.at[i].set(new), outputs, result), state

            return jax.lax.fori_loop(first, first + count, one, (outputs, state))

        self.single = jax.jit(both)
        self.stacked = jax.jit(stacked)
        self._rooms: dict[Any, int] = {}

    def room(self, variables: Any, batch: Any, batch_bytes: int) -> int:
        """Batches of one stacked call; 0 where they have to be run one by one."""
        key = jax.tree.map(lambda a: (a.shape, str(a.dtype)), batch)
        key = (str(key), batch_bytes)
        if key not in self._rooms:
            traced = self.single.trace(variables, batch)
            slow = jax.default_backend() == "cpu" and has_slow_loop_ops(traced.jaxpr)
            out = sum(int(np.prod(s.shape)) * s.dtype.itemsize for s in jax.tree.leaves(traced.out_info))
            fit = max(1, min(256, STACK_BYTES // max(batch_bytes + out, 1)))
            self._rooms[key] = 0 if slow or fit == 1 else 1 << (fit.bit_length() - 1)
        return self._rooms[key]


@functools.lru_cache(maxsize=128)
def predictor(step: Callable[[Any, Any], Any], carries: bool = False) -> Predictor:
    """The compiled forms of a prediction step."""
    return Predictor(step, carries)


def run_predict(
    step: Callable[[Any, Any], Any],
    variables: Any,
    feed: Feed,
    *,
    samples: int | None,
    batch_bytes: int,
    steps: int | None,
    listener: Listener | None = None,
    keep: Callable[[Any], None] | None = None,
) -> tuple[Any, int]:
    """Outputs for all batches of a feed of (inputs, None, None).

    Args:
        step: the pure prediction step.
        variables: the model's variables.
        feed: the batches.
        samples: how many samples there are, if that is known: the outputs are then written where they end up.
        batch_bytes: size of one batch of inputs.
        steps: stop after so many batches; None runs to the end.
        listener: who follows.
        keep: given for a step that carries state from batch to batch; called with the last state.

    Returns:
        The outputs as numpy arrays (None if there was no batch), and the number of batches.
    """
    cache.enable()
    program = predictor(step, keep is not None)
    room: int | None = None
    pieces: list[Any] = []
    whole: Any = None
    at = done = 0
    pending: list[tuple[Any, int, slice | None]] = []

    def collect() -> None:
        nonlocal whole, at
        outputs, rows, part = pending.pop(0)
        arrays = jax.tree.map(np.asarray, outputs)
        if part is not None:
            arrays = jax.tree.map(lambda a: a[part].reshape(-1, *a.shape[2:]), arrays)
        if samples is None:
            pieces.append(arrays)
            return
        if whole is None:
            whole = jax.tree.map(lambda a: np.empty((samples or 0, *a.shape[1:]), a.dtype), arrays)
        jax.tree.map(lambda w, a: w.__setitem__(slice(at, at + rows), a), whole, arrays)
        at += rows

    while steps is None or done < steps:
        limit = pace(None) if room is None else max(room, 1)
        if steps is not None:
            limit = min(limit, steps - done)
        if listener is not None:
            limit = min(limit, listener.limit(done))
        chunk = feed.take(1 if room is None else limit, room or 0)
        if chunk is None:
            break
        assert not isinstance(chunk, Resident)
        if listener is not None:
            listener.before(done, chunk.count, chunk.batch_size)
        if isinstance(chunk, Single):
            inputs = chunk.tree[0]
            outputs, state = program.single(variables, inputs)
            pending.append((outputs, chunk.batch_size, None))
            if room is None:
                room = program.room(variables, inputs, batch_bytes)
        else:
            bounds = jax.device_put((np.int32(chunk.first), np.int32(chunk.count)))
            outputs, state = program.stacked(variables, chunk.tree[0], *bounds)
            part = slice(chunk.first, chunk.first + chunk.count)
            pending.append((outputs, chunk.count * chunk.batch_size, part))
        variables = moved_on({**variables, **state}, chunk.count)
        done += chunk.count
        if listener is not None:
            listener.after(done, functools.partial(_last_batch, outputs, chunk))
        if len(pending) > 1:
            collect()
            if listener is not None:
                listener.show(done - chunk.count, ())
    while pending:
        collect()
    if keep is not None:
        keep({name: value for name, value in variables.items() if name not in (PARAMS, STREAM)})
    if pieces:
        whole = jax.tree.map(lambda *a: np.concatenate(a), *pieces)
    return whole, done


def _last_batch(outputs: Any, chunk: Single | Stack) -> Any:
    """The outputs of the last batch of a call, as numpy arrays."""
    last = outputs if isinstance(chunk, Single) else jax.tree.map(lambda a: a[chunk.first + chunk.count - 1], outputs)
    return jax.tree.map(np.asarray, last)

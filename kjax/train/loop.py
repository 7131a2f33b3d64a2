"""The loop engine: decides how many steps one compiled call runs, and runs them without waiting for the device."""

from __future__ import annotations

import contextvars
import functools
import threading
import time
import warnings
from collections.abc import Callable, Hashable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from kjax.data.arrays import Chunk, Resident, Single, Stack
from kjax.data.reader import Feed
from kjax.nn.lowering import SLOW_IN_LOOPS, primitives_in
from kjax.train import cache
from kjax.train.interrupt import deferred_interrupt
from kjax.train.objective import Objective

CHUNK_SECONDS = 0.2
"""Aim for a compiled call: the progress bar moves about four times a second and Ctrl-C is heard soon."""

STACK_BYTES = 64 * 2**20
"""Most memory of one stack of batches. On CPU only the part that is filled is ever touched."""

MOST_STEPS = 8192
"""Most batches of one stack, however small they are."""

MANY_SHAPES = 8
"""Different shapes of batches after which a program says that it compiles anew for each."""

RESIDENT_SHARE = 0.4
"""Largest share of an accelerator's memory that data which stay on it may take."""


class Holder:
    """The one place of a state that is donated from call to call: always the latest valid one.

    Attributes:
        carry: a :class:`TrainState`, or the accumulators of an evaluation.
        lock: held while a carry is donated and until its successor is here; who reads the carry in another thread (a
            generator of data that asks the model something) takes it.
        lender: where the carry is a part of a larger one, as several runs have together, that one; see
            :mod:`kjax.train.joint`. The part is cut out when it is read.
        news: the accumulators of an epoch that has begun since.
        lends: whether calls may take over the memory of the carry. Where they may not, batches come one by one: for a
            single step that costs less than to begin with a copy.
    """

    def __init__(self, carry: Any, lends: bool = True) -> None:
        self.lends = lends
        self.lock = threading.RLock()
        self.lender: Any = None
        self.news: Any = None
        self._shapes: Hashable = None
        self._cut: Callable[[], Any] | None = None
        self._carry = carry

    @property
    def carry(self) -> Any:
        """The state."""
        if self._cut is not None:
            part, self._cut = self._cut(), None
            self._carry = part if self.news is None else begun(part, self.news)
        return self._carry

    @carry.setter
    def carry(self, value: Any) -> None:
        self.lender = self._cut = self.news = self._shapes = None
        self._carry = value

    @property
    def shapes(self) -> Hashable:
        """Structure, shapes and types of the carry."""
        if self._shapes is None:
            self._shapes = shapes_of(self.carry)
        return self._shapes

    def borrow(self, lender: Any, cut: Callable[[], Any]) -> None:
        """Have a part of a larger carry, of the same shapes as the one before.

        Args:
            lender: what has it.
            cut: cuts the part out.
        """
        self.lender, self._cut, self.news, self._carry = lender, cut, None, None

    def begin_epoch(self, metrics: Any) -> None:
        """Count one more epoch and start its accumulators, which become the holder's own."""
        if self.lender is None or self.news is not None:
            self.carry = begun(self.carry, metrics)
            return
        self.news = metrics
        if self._cut is None:
            self._carry = begun(self._carry, metrics)


def begun(state: Any, metrics: Any) -> Any:
    """A state whose next epoch has begun."""
    return state.replace(metrics=metrics, epoch=state.epoch + 1)


class Program:
    """One step, compiled in the forms that the engine needs: many steps of a stack, many of resident data, one.

    Args:
        body: pure ``(carry, constant, batch) -> carry``.
    """

    def __init__(self, body: Callable[[Any, Any, Any], Any]) -> None:
        self.body = body

        def stacked(carry: Any, constant: Any, stack: Any, first: Any, count: Any) -> Any:
            def one(i: Any, carry: Any) -> Any:
                batch = jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, i, keepdims=False), stack)
                return body(carry, constant, batch)

            return jax.lax.fori_loop(first, first + count, one, carry)

        def resident(carry: Any, constant: Any, data: Any, order: Any, first: Any, count: Any) -> Any:
            def one(i: Any, carry: Any) -> Any:
                rows = jax.lax.dynamic_index_in_dim(order, i, keepdims=False)
                batch = jax.tree.map(lambda a: jnp.take(a, rows, axis=0, mode="clip"), data)
                return body(carry, constant, batch)

            return jax.lax.fori_loop(first, first + count, one, carry)

        self.stacked = jax.jit(stacked, donate_argnums=0)
        self.resident = jax.jit(resident, donate_argnums=0)
        self.single = jax.jit(body, donate_argnums=0)
        self.once = jax.jit(body)
        self.seconds_per_step: dict[Any, float] = {}
        self._primitives: dict[Any, frozenset[str]] = {}
        self._shapes: dict[Any, None] = {}  # a dict keeps the order

    def note_shape(self, chunk: Chunk) -> None:
        """Say once that each new shape of a batch is compiled anew, when there are many."""
        if isinstance(chunk, Resident):
            return
        skip = 1 if isinstance(chunk, Stack) else 0
        shapes = tuple(leaf.shape[skip:] for leaf in jax.tree.leaves(chunk.tree))
        if shapes in self._shapes:
            return
        self._shapes[shapes] = None
        if len(self._shapes) == MANY_SHAPES:
            listed = ", ".join(" and ".join(map(str, each)) for each in list(self._shapes)[-4:])
            warnings.warn(
                f"the step was compiled for {MANY_SHAPES} different shapes of batches, lately {listed}; each new one takes "
                "as long as the first. Pad the data to one length or to a few (keras.utils.pad_sequences), and "
                "keep the batch size",
                stacklevel=3,
            )

    def primitives(self, carry: Any, constant: Any, batch: Any) -> frozenset[str]:
        """Names of the operations of which the step is made, for these shapes."""
        key = shapes_of(batch), shapes_of(constant), shapes_of(carry)
        if key not in self._primitives:
            self._primitives[key] = primitives_in(self.single.trace(carry, constant, batch).jaxpr)
        return self._primitives[key]

    def slow_in_loop(self, carry: Any, constant: Any, batch: Any) -> bool:
        """Whether the step holds operations that XLA:CPU runs many times slower inside a loop (jax issue 12868)."""
        return jax.default_backend() == "cpu" and bool(SLOW_IN_LOOPS & self.primitives(carry, constant, batch))

    def run(self, holder: Holder, constant: Any, chunk: Chunk) -> None:
        """Start the steps of a chunk; the holder has the new state at once, the device works on it."""
        self.note_shape(chunk)
        with deferred_interrupt(), holder.lock:
            if isinstance(chunk, Single):
                step = self.single if holder.lends else self.once
                holder.carry = step(holder.carry, constant, chunk.tree)
                return
            bounds = jax.device_put((np.int32(chunk.first), np.int32(chunk.count)))
            if isinstance(chunk, Stack):
                holder.carry = self.stacked(holder.carry, constant, chunk.tree, *bounds)
            else:
                holder.carry = self.resident(holder.carry, constant, chunk.data, chunk.order, *bounds)


class EagerProgram:
    """One step, run uncompiled and batch by batch, for debugging: stands where a :class:`Program` stands.

    Args:
        body: ``(carry, constant, batch) -> carry``.
    """

    def __init__(self, body: Callable[[Any, Any, Any], Any]) -> None:
        self.once = body
        self.seconds_per_step: dict[Any, float] = {}

    def slow_in_loop(self, carry: Any, constant: Any, batch: Any) -> bool:
        """True: batches come one by one."""
        del carry, constant, batch
        return True

    def run(self, holder: Holder, constant: Any, chunk: Chunk) -> None:
        """Run the steps of a chunk."""
        if isinstance(chunk, Single):
            batches = [chunk.tree]
        elif isinstance(chunk, Stack):
            batches = [
                jax.tree.map(lambda a, i=i: a[i], chunk.tree) for i in range(chunk.first, chunk.first + chunk.count)
            ]
        else:
            rows = np.asarray(chunk.order)[chunk.first : chunk.first + chunk.count]
            batches = [jax.tree.map(lambda a, r=r: a[r], chunk.data) for r in rows]
        for batch in batches:
            holder.carry = self.once(holder.carry, constant, jax.device_put(batch))


def shapes_of(tree: Any) -> Hashable:
    """Structure, shapes and types of a tree of arrays."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)


@functools.lru_cache(maxsize=128)
def train_program(step: Callable[..., Any], eager: bool = False) -> Program | EagerProgram:
    """The compiled forms of a training step, or one that is run uncompiled."""
    return (EagerProgram if eager else Program)(lambda state, _, batch: step(state, batch))


@functools.lru_cache(maxsize=128)
def eval_program(step: Callable[..., Any], eager: bool = False) -> Program | EagerProgram:
    """The compiled forms of an evaluation step, or one that is run uncompiled."""
    return (EagerProgram if eager else Program)(step)


@functools.lru_cache(maxsize=128)
def predict_program(step: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled: one batch of predictions."""
    return jax.jit(step)


@functools.lru_cache(maxsize=128)
def report_program(objective: Objective) -> Callable[[Any], Any]:
    """Compiled: the values of the logs from the accumulators."""
    return jax.jit(objective.compute)


@functools.lru_cache(maxsize=128)
def batch_report_program(objective: Objective) -> Callable[[Any], Any]:
    """Compiled: the values of the last batch, where the accumulators have them."""
    return jax.jit(objective.compute_batch)


class Listener(Protocol):
    """Who follows a run; every method is optional to act on."""

    def limit(self, step: int) -> int:
        """At most so many batches in the next call (1 for a listener of every batch)."""
        ...

    def before(self, step: int, count: int, size: int) -> None:
        """Called before batches ``step .. step + count - 1`` of ``size`` samples each are started."""
        ...

    def after(self, step: int, report: Any) -> bool:
        """Called when the batches up to ``step`` were started; ``report`` are device arrays. True stops the run."""
        ...

    def show(self, step: int, report: Any) -> None:
        """Called one chunk late, when the report up to ``step`` is there."""
        ...


partner: contextvars.ContextVar[Callable[..., int] | None] = contextvars.ContextVar("partner", default=None)
"""Who runs the calls of :func:`run_epoch` that are made here; see :mod:`kjax.train.together`."""


def run_epoch(
    program: Program | EagerProgram,
    holder: Holder,
    constant: Any,
    feed: Feed,
    *,
    report: Callable[[Any], Any],
    batch_bytes: int,
    steps: int | None,
    resident_bytes: int | None = None,
    listener: Listener | None = None,
    done: int = 0,
) -> int:
    """Run the batches of a feed.

    Args:
        program: the compiled step.
        holder: holds the carry; after every call, and after an exception, the latest one.
        constant: what the step reads besides (the variables, in an evaluation).
        feed: the batches.
        report: from the carry to the log values (compiled; it is only started here).
        batch_bytes: size of one batch.
        steps: stop after so many batches (counted with ``done``); None runs to the end of the feed.
        resident_bytes: size of all data, if they can stay on the device.
        listener: who follows.
        done: batches of this epoch that were done before.

    Returns:
        Number of batches done, ``done`` included.
    """
    elsewhere = partner.get()
    if elsewhere is not None and isinstance(program, Program):
        return elsewhere(
            program=program,
            holder=holder,
            constant=constant,
            feed=feed,
            report=report,
            batch_bytes=batch_bytes,
            steps=steps,
            resident_bytes=resident_bytes,
            listener=listener,
            done=done,
        )
    cache.enable()
    capacity = choose_capacity(batch_bytes, steps, resident_bytes)
    if not holder.lends or (steps == 1 and capacity > 0):
        capacity = 0
    pending: tuple[int, Any, int] | None = None
    key: Any = None
    last_time = 0.0
    step = done
    while steps is None or step < steps:
        limit = pace(program.seconds_per_step.get(key)) if key is not None else 1
        if listener is not None:
            limit = min(limit, listener.limit(step))
        if steps is not None:
            limit = min(limit, steps - step)
        chunk = feed.take(limit, capacity)
        if chunk is None:
            break
        if key is None:
            key = _chunk_key(chunk)
            if capacity and not isinstance(chunk, Single):
                if program.slow_in_loop(holder.carry, constant, first_batch(chunk)):
                    capacity = 0
                    chunk = _as_single(chunk)
        if listener is not None:
            listener.before(step, chunk.count, chunk.batch_size)
        program.run(holder, constant, chunk)
        step += chunk.count
        values = report(holder.carry)
        stop = listener is not None and listener.after(step, values)
        if pending is not None:
            jax.block_until_ready(pending[1])
            now = time.perf_counter()
            if last_time and pending[2]:
                measured = (now - last_time) / pending[2]
                before = program.seconds_per_step.get(key)
                program.seconds_per_step[key] = measured if before is None else 0.5 * (before + measured)
            last_time = now
            if listener is not None:
                listener.show(pending[0], pending[1])
        pending = (step, values, chunk.count)
        del chunk
        if stop:
            break
    if pending is not None:
        jax.block_until_ready(pending[1])
        if listener is not None:
            listener.show(pending[0], pending[1])
    return step


def choose_capacity(batch_bytes: int, steps: int | None, resident_bytes: int | None) -> int:
    """How batches travel: -1 data stay on the device, otherwise the room of a stack in batches."""
    if jax.default_backend() != "cpu" and resident_bytes is not None:
        stats = jax.local_devices()[0].memory_stats() or {}
        if resident_bytes <= RESIDENT_SHARE * stats.get("bytes_limit", 2**33):
            return -1
    room = max(1, min(MOST_STEPS, STACK_BYTES // max(batch_bytes, 1)))
    if jax.default_backend() != "cpu":
        room = min(room, 32)  # here the whole stack is copied, filled or not
    wanted = room if steps is None else min(room, steps)
    # Powers of two, so that data sets of nearly the same size share a compiled program.
    return 1 << (max(wanted, 1) - 1).bit_length() if wanted <= room // 2 else room


def pace(seconds_per_step: float | None) -> int:
    """Number of steps of the next call."""
    if seconds_per_step is None or seconds_per_step <= 0:
        return 4
    return max(1, min(100_000, int(CHUNK_SECONDS / seconds_per_step)))


def _chunk_key(chunk: Chunk) -> Any:
    return (type(chunk).__name__, chunk.batch_size)


def first_batch(chunk: Chunk) -> Any:
    """Shapes and types of one of the batches of a chunk."""
    if isinstance(chunk, Single):
        return chunk.tree
    tree = chunk.tree if isinstance(chunk, Stack) else chunk.data
    stacked = isinstance(chunk, Stack)
    tree, lead = (chunk.tree, ()) if stacked else (chunk.data, chunk.order.shape[1:])
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct((*lead, *a.shape[1:]), a.dtype), tree)


def _as_single(chunk: Stack | Resident) -> Single:
    assert isinstance(chunk, Stack) and chunk.count == 1
    return Single(jax.tree.map(lambda a: a[chunk.first], chunk.tree), chunk.batch_size)

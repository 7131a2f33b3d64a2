"""Several runs as one: calls of the loop engine that run the same step on other weights and data, under one ``vmap``."""

from __future__ import annotations

import dataclasses
import functools
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.data.arrays import Chunk, Resident, Single, Stack
from kjax.train import loop

UNJOINED = {"pure_callback", "io_callback", "debug_callback"}
"""Primitives that leave the device, which ``vmap`` would call once for each run, or not at all."""

UNJOINED_ON_CPU = {"conv_general_dilated"}
"""Under ``vmap`` a convolution is one in groups, which XLA:CPU runs many times slower than one run after the other."""


@dataclasses.dataclass(eq=False)
class Call:
    """The arguments of a call of :func:`kjax.train.loop.run_epoch`, and how far it has come.

    Attributes:
        chunk: taken from the feed and not yet run.
        ended: whether it has come to its end.
        error: what its listener or its data raised.
    """

    program: loop.Program
    holder: loop.Holder
    constant: Any
    feed: Any
    report: Callable[[Any], Any]
    batch_bytes: int
    steps: int | None
    resident_bytes: int | None = None
    listener: Any = None
    done: int = 0
    chunk: Chunk | None = None
    ended: bool = False
    error: Exception | None = None

    def take(self, limit: int, capacity: int) -> Chunk | None:
        """The next chunk of the feed; the one that was taken before, if there is one."""
        chunk, self.chunk = self.chunk, None
        return self.feed.take(limit, capacity) if chunk is None else chunk

    def alone(self) -> None:
        """Run to the end, or to an error."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)[:10]}
        try:
            self.done = loop.run_epoch(**{**fields, "feed": self})
        except Exception as error:  # delivered to whoever made the call
            self.error = error
        self.ended = True

    def guarded(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call what belongs to this run; what it raises ends this run and no other."""
        try:
            return function(*args)
        except Exception as error:  # delivered to whoever made the call
            self.error = error
            self.ended = True
            return None


def run_jointly(calls: Sequence[Call], data: dict[Any, Any]) -> None:
    """Bring calls to their end: those of the same step and the same shapes together, each other one by itself.

    Args:
        calls: the calls.
        data: keeps, from one call to the next, data of several runs that lie on the device as one.
    """
    waiting = list(calls)
    while waiting:
        groups: dict[Hashable, list[Call]] = {}
        for call in waiting:
            groups.setdefault(_kind(call), []).append(call)
        for group in groups.values():
            if len(group) == 1 or not _can_join(group[0]):
                for call in group:
                    call.alone()
            else:
                _Joint(group, data).run()
        waiting = [call for call in waiting if not call.ended]


def _kind(call: Call) -> Hashable:
    """What calls must have in common to be run together."""
    chunk = None if call.chunk is None else _signature(call.chunk)
    return call.program, call.done, call.holder.shapes, loop.shapes_of(call.constant), chunk


def _signature(chunk: Chunk) -> Hashable:
    tree = chunk.data if isinstance(chunk, Resident) else chunk.tree
    skip = 1 if isinstance(chunk, Resident) else 0  # of resident data the number of samples does not matter
    leaves, structure = jax.tree.flatten(tree)
    first = 0 if isinstance(chunk, Single) else chunk.first
    shapes = tuple((leaf.shape[skip:], leaf.dtype) for leaf in leaves)
    return type(chunk), first, chunk.count, chunk.batch_size, structure, shapes


def _can_join(call: Call) -> bool:
    """Whether the step does well under ``vmap``, as far as is known before its first batch is here."""
    return _verdicts.get(call.program, {}).get(call.holder.shapes, True)


def _judge(call: Call, chunk: Chunk) -> bool:
    """Whether the step does well under ``vmap``."""
    verdicts = _verdicts.setdefault(call.program, {})
    if call.holder.shapes not in verdicts:
        carry = call.holder.carry
        leaves = jax.tree.leaves(carry)
        spread = not leaves or any(len(leaf.devices()) > 1 for leaf in leaves)
        found = call.program.primitives(carry, call.constant, loop.first_batch(chunk))
        unjoined = UNJOINED | (UNJOINED_ON_CPU if jax.default_backend() == "cpu" else set())
        verdicts[call.holder.shapes] = not spread and not found & unjoined
    return verdicts[call.holder.shapes]


_verdicts: weakref.WeakKeyDictionary[loop.Program, dict[Hashable, bool]] = weakref.WeakKeyDictionary()
"""Whether a step does well under ``vmap``, by the shapes of its carry."""


class _JointProgram(loop.Program):
    """A step of several runs, compiled for few numbers of runs.

    Args:
        program: the step of one run.
        report: from its carry to what it reports.
    """

    def __init__(self, program: loop.Program, report: Callable[[Any], Any]) -> None:
        super().__init__(jax.vmap(program.body))
        self.report = jax.jit(jax.vmap(report))
        self._widths: set[int] = set()

    def width(self, count: int) -> int:
        """For how many runs to compile; where fewer are left of what was compiled, the rest idles along."""
        fitting = [width for width in self._widths if count <= width <= 2 * count]
        self._widths.add(min(fitting, default=count))
        return min(fitting, default=count)

    def note_shape(self, chunk: Chunk) -> None:
        """Nothing to say: other numbers of runs are other shapes."""


_joint_programs: weakref.WeakKeyDictionary[loop.Program, _JointProgram] = weakref.WeakKeyDictionary()


@functools.partial(jax.jit, static_argnums=0)
def _stack(axis: int, *trees: Any) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves, axis), *trees)


@functools.partial(jax.jit, static_argnums=0)
def _unstack(count: int, tree: Any) -> list[Any]:
    return [jax.tree.map(lambda leaf, i=i: leaf[i], tree) for i in range(count)]


@jax.jit
def _regroup(index: Any, *trees: Any) -> Any:
    """The listed parts of stacks that lie one after the other."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[index], *trees)


@jax.jit
def _begin(carry: Any, *metrics: Any) -> Any:
    return loop.begun(carry, jax.tree.map(lambda *leaves: jnp.stack(leaves), *metrics))


def _filled(things: list[Any], width: int) -> list[Any]:
    return things + things[-1:] * (width - len(things))


class _Bundle:
    """The carries of several runs as one, lent to their holders in parts that are cut out when somebody looks.

    Attributes:
        carry: the joint carry.
    """

    def __init__(self, carry: Any, holders: Sequence[loop.Holder]) -> None:
        self.carry = carry
        self.holders = list(holders)
        self.width = len(jax.tree.leaves(carry)[0])
        self._parts: list[Any] | None = None
        for i, holder in enumerate(holders):
            holder.borrow(self, functools.partial(self.part, i))

    def part(self, i: int) -> Any:
        """The carry of one run."""
        parts = self._parts or _unstack(self.width, self.carry)
        self._parts = parts
        return parts[i]

    def lends_besides(self, holders: Sequence[loop.Holder]) -> bool:
        """Whether a part belongs to somebody else, who has yet to cut it out."""
        return any(h.lender is self and not any(h is other for other in holders) for h in self.holders)

    @staticmethod
    def joint(holders: Sequence[loop.Holder], width: int) -> Any:
        """The carries of these holders as one, from bundles where they have been in bundles; the last repeated."""
        bundles: dict[int, _Bundle] = {id(h.lender): h.lender for h in holders if h.lender is not None}
        news = [holder.news for holder in holders]
        if any(holder.lender is None for holder in holders) or len({new is None for new in news}) == 2:
            return _stack(0, *_filled([holder.carry for holder in holders], width))
        sources = list(bundles.values())
        starts = dict(zip(bundles, np.cumsum([0, *(b.width for b in sources)]), strict=False))
        index = [starts[id(holder.lender)] + holder.lender.holders.index(holder) for holder in holders]
        index = _filled(index, width)
        in_order = index[: len(holders)] == list(range(len(holders))) and width == sources[0].width
        if len(sources) == 1 and in_order and not sources[0].lends_besides(holders):
            carry = sources[0].carry
        else:
            carry = _regroup(np.asarray(index, np.int32), *(bundle.carry for bundle in sources))
        return carry if news[0] is None else _begin(carry, *_filled(news, width))


def _failed(error: Exception) -> RuntimeError:
    failure = RuntimeError("the step that this run shared with others failed")
    failure.__cause__ = error
    return failure


class _Joint:
    """Calls that run together until one of them has ended or needs another shape.

    Stands to the loop engine as one call: its carry, its feed and its listener.
    """

    def __init__(self, calls: Sequence[Call], data: dict[Any, Any]) -> None:
        self.calls = list(calls)
        self.holders = [call.holder for call in calls]
        self.holder = loop.Holder(None)
        self._bundle: _Bundle | None = None
        self._data = data
        program = calls[0].program
        if program not in _joint_programs:
            _joint_programs[program] = _JointProgram(program, calls[0].report)
        self._program = _joint_programs[program]
        self._width = self._program.width(len(calls))

    def run(self) -> None:
        """Run the calls as far as they go together."""
        calls = self.calls
        steps = [call.steps for call in calls if call.steps is not None]
        bytes_ = [call.resident_bytes for call in calls]
        try:
            self._gather()
            done = loop.run_epoch(
                self._program,
                self.holder,
                None if calls[0].constant is None else self._stack(0, [call.constant for call in calls]),
                self,  # type: ignore[arg-type]
                report=self.report,
                batch_bytes=sum(call.batch_bytes for call in calls),
                steps=min(steps, default=None),
                resident_bytes=None if None in bytes_ else sum(b for b in bytes_ if b is not None),
                listener=self,
                done=calls[0].done,
            )
        except Exception as error:
            for call in calls:
                if call.error is None:
                    call.error = error if call is calls[0] else _failed(error)
                call.ended = True
            return
        for call in calls:
            call.done = done
            call.ended = call.ended or done == call.steps

    def _stack(self, axis: int, trees: list[Any]) -> Any:
        return _stack(axis, *_filled(trees, self._width))

    def _gather(self) -> None:
        """Make one carry of those of the calls."""
        self.holder.carry = _Bundle.joint(self.holders, self._width)
        self._bundle = _Bundle(self.holder.carry, self.holders)

    # -- the feed ------------------------------------------------------------------------------------------------

    def take(self, limit: int, capacity: int) -> Chunk | None:
        """The next chunks of all calls as one; None where they part."""
        chunks = [call.guarded(call.take, limit, capacity) for call in self.calls]
        kinds = {None if chunk is None else _signature(chunk) for chunk in chunks}
        if len(kinds) == 1 and None not in kinds and _judge(self.calls[0], chunks[0]):
            return self._together(chunks)
        for call, chunk in zip(self.calls, chunks, strict=True):
            call.chunk = chunk
            call.ended = call.ended or chunk is None
        return None

    def _together(self, chunks: list[Any]) -> Chunk:
        first = chunks[0]
        if isinstance(first, Resident):
            return dataclasses.replace(first, data=self._resident(chunks), order=self._order(chunks))
        axis = 1 if isinstance(first, Stack) else 0
        return dataclasses.replace(first, tree=self._stack(axis, [chunk.tree for chunk in chunks]))

    def _resident(self, chunks: list[Resident]) -> Any:
        """All data one after the other; kept for the next epoch."""
        parts = [chunk.data for chunk in chunks]
        key = tuple(id(part) for part in parts)
        if key not in self._data:
            self._data.clear()
            self._data[key] = parts, jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)
        return self._data[key][1]

    def _order(self, chunks: list[Resident]) -> Any:
        """Where in them the samples of each batch are: [steps, runs, batch]."""
        steps = max(len(chunk.order) for chunk in chunks)
        sizes = [len(jax.tree.leaves(chunk.data)[0]) for chunk in chunks]
        starts = np.cumsum([0, *sizes[:-1]])
        orders = [
            jnp.pad(chunk.order, ((0, steps - len(chunk.order)), (0, 0))) + start
            for chunk, start in zip(chunks, starts.astype(np.int32), strict=True)
        ]
        return jnp.stack(_filled(orders, self._width), axis=1)

    # -- the listener --------------------------------------------------------------------------------------------

    def report(self, carry: Any) -> list[Any]:
        """Lend each call its part of the carry; what each of them reports."""
        self._bundle = _Bundle(carry, self.holders)
        return _unstack(self._width, self._program.report(carry))[: len(self.calls)]

    def limit(self, step: int) -> int:
        """The smallest limit of all."""
        limits = [call.guarded(call.listener.limit, step) for call in self.calls if call.listener is not None]
        return min((limit for limit in limits if limit is not None), default=2**31)

    def before(self, step: int, count: int, size: int) -> None:
        """Tell all; what they change in their carries goes into the joint one."""
        for call in self.calls:
            if call.listener is not None and not call.ended:
                call.guarded(call.listener.before, step, count, size)
        if any(holder.lender is not self._bundle for holder in self.holders):
            self._gather()

    def after(self, step: int, report: list[Any]) -> bool:
        """Tell all; the joint run is left when one of them stops."""
        for call, own in zip(self.calls, report, strict=True):
            if call.listener is not None and not call.ended:
                call.ended = bool(call.guarded(call.listener.after, step, own)) or call.ended
        return any(call.ended for call in self.calls)

    def show(self, step: int, report: list[Any]) -> None:
        """Tell all."""
        for call, own in zip(self.calls, report, strict=True):
            if call.listener is not None and call.error is None:
                call.guarded(call.listener.show, step, own)

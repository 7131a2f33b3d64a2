"""Batches that come one after another, as a source for the loop engine: fetched ahead, several stacked for one call."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from kjax.data.arrays import Chunk, Pool, Single, Stack, device_dtype, to_device
from kjax.data.batches import Batches, Item
from kjax.data.host import whole
from kjax.data.prefetch import Block, Fetcher, Packed

BLOCK_BYTES = 16 * 2**20
"""Most memory of one block of batches; up to four are in use at a time."""

BLOCK_STEPS = 1024
"""Most batches of one block, however small they are."""


def unpack(batch: Any) -> tuple[Any, Any, Any]:
    """``(x, y, sample_weight)`` of a batch that is ``x``, ``(x,)``, ``(x, y)`` or all three; also as a list.

    Raises:
        ValueError: a tuple of another length.
    """
    if not isinstance(batch, (list, tuple)):
        return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise ValueError(
            f"Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, received a {type(batch).__name__} of {len(batch)}"
        )
    x, y, weights = (*batch, None, None)[:3]
    return x, y, weights


class Pass:
    """One pass over a source.

    Args:
        key: seed and number of the pass.
        items: what is left of it.
        position: batches that were used.
        state: what came with the last of them.
    """

    def __init__(self, key: tuple[int, int], items: Iterator[Item], position: int, state: Any) -> None:
        self.key = key
        self.items = items
        self._opened = items
        self.position = position
        self.state = state
        self.left: list[Block] = []
        """Fetched and not used."""

    def close(self) -> None:
        """End the workers behind it. ``items`` may be in the middle of a batch, in a thread that hangs."""
        with contextlib.suppress(ValueError):  # what a generator raises that is running
            self._opened.close()  # type: ignore[attr-defined]


class Stream:
    """A source of batches that come one after another.

    Args:
        batches: where they come from; see :func:`kjax.data.recognise.batches_of`.
        prepare: from a batch as the source gives it to the tree that a step takes, by default
            ``(inputs, targets, weights)``. It runs in the background.

    Attributes:
        place: how batches get to the devices; see :func:`kjax.data.arrays.to_device`.

    Raises:
        ValueError: the source gives nothing.
    """

    samples = None
    bytes = None

    def __init__(self, batches: Batches, prepare: Callable[[Any], Any] = unpack) -> None:
        self.batches = batches
        self.prepare = prepare
        self.place = to_device
        self.memory = Pool()
        self._pass: Pass | None = None
        self._sample: Any = None
        self._begun = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.batches.name

    @property
    def again(self) -> bool:
        """Whether a second pass can begin."""
        return self.batches.again

    @property
    def steps(self) -> int | None:
        """Batches of a pass; None where that is not known."""
        return self.batches.steps

    def first(self, seed: int = 0, number: int = 0) -> Any:
        """The first batch of a pass as the source gives it. It is not lost: the pass begins with it.

        Args:
            seed: the run's seed.
            number: number of the pass.
        """
        if not self._begun:
            self.epoch_begin()
            self._begun = True
        current = self._open(seed, number, 0, None)
        item = next(current.items, None)
        if item is None:
            raise ValueError(f"the {self.name} gave no batch: there are no data")
        current.items = itertools.chain([item], current.items)
        return item[0]

    @property
    def sample(self) -> Any:
        """Shapes and types of the first batch."""
        if self._sample is None:
            packed = pack(self.prepare(self.first()))
            shapes = [jax.ShapeDtypeStruct(leaf.shape, device_dtype(leaf.dtype)) for leaf in packed.leaves]
            self._sample = jax.tree.unflatten(packed.structure, shapes)
        return self._sample

    @property
    def batch_size(self) -> int:
        """Samples of the first batch; batches of another size are trained one a call."""
        return jax.tree.leaves(self.sample)[0].shape[0]

    @property
    def batch_bytes(self) -> int:
        """Bytes of one batch on the device."""
        return sum(int(np.prod(s.shape, dtype=np.int64)) * s.dtype.itemsize for s in jax.tree.leaves(self.sample))

    def _open(self, seed: int, number: int, start: int | None, state: Any) -> Pass:
        """The pass that goes on at a batch: the one that stands there, or a new one."""
        current = self._pass
        if current is not None:
            same = current.key == (seed, number) and start in (None, current.position)
            if same or not self.again:
                return current
            current.close()
        start = start or 0
        self._pass = Pass((seed, number), self.batches.open(seed, number, start, state), start, state)
        return self._pass

    def feed(
        self, seed: int = 0, epoch: int = 0, start: int | None = 0, *, most: int | None = None, state: Any = None
    ) -> StreamFeed:
        """The batches of a pass; close it when it is not needed any more.

        Args:
            seed: the run's seed.
            epoch: number of the pass; the order is derived from both.
            start: go on from this batch; None goes on where the pass stands.
            most: at most so many batches will be used: no more are fetched.
            state: what came with the last batch that was used, if the source cannot be set to a number.
        """
        _ = self.sample  # the first batch says how large the others should be
        return StreamFeed(self, self._open(seed, epoch, start, state), most)

    def epoch_begin(self) -> None:
        """Tell the source that an epoch begins."""
        if self._begun:  # to look at the first batch
            self._begun = False
            return
        self.batches.epoch_begin()

    def epoch_end(self) -> None:
        """Tell the source that an epoch has ended."""
        if self.batches.numbered and self._pass is not None:
            # Batches that workers computed ahead are as old as the data set was before this.
            self._pass.close()
            self._pass = None
        self.batches.epoch_end()

    def close(self) -> None:
        """End the workers. An iterator that was handed in stays open."""
        if self._pass is not None and self.again:
            self._pass.close()
            self._pass = None


def pack(tree: Any) -> Packed:
    """The leaves of a prepared batch as host arrays.

    Raises:
        ValueError: a leaf without an axis of samples, or leaves of different numbers of samples.
    """
    leaves, structure = jax.tree.flatten(tree)
    arrays = [leaf if type(leaf) is np.ndarray else whole(leaf) for leaf in leaves]
    for array in arrays:
        if array.ndim == 0:
            raise ValueError(f"a batch holds the number {array!r}, where arrays with an axis of samples are expected")
        if len(array) != len(arrays[0]):
            sizes = [len(a) for a in arrays]
            raise ValueError(f"all arrays of a batch must have the same number of samples, received {sizes}")
    if not arrays:
        raise ValueError("a batch holds no arrays")
    return Packed(arrays, structure)


class StreamFeed:
    """Batches of a pass, in chunks; see :meth:`Stream.feed`.

    Attributes:
        over: whether the pass is known to have no more batches; settled when the feed is closed.
    """

    def __init__(self, stream: Stream, current: Pass, most: int | None) -> None:
        self.stream = stream
        self.over = self._all_fetched = False
        self._pass = current
        self._most = most
        self._block: Block | None = None
        self._device: Any = None
        self._fetcher = Fetcher(self._packed(), stream.batch_size, current.left, stream.memory)
        current.left = []

    @property
    def position(self) -> int:
        """Batches of the pass that were used."""
        return self._pass.position

    @property
    def state(self) -> Any:
        """What is needed besides the position to go on from there."""
        return self._pass.state

    def _packed(self) -> Iterator[tuple[Packed, Any]]:
        """What the background does: fetch and prepare."""
        waiting = sum(block.count - block.used for block in self._pass.left)
        number = self._pass.position + waiting
        left = None if self._most is None else max(0, self._most - waiting)
        while left is None or left > 0:
            try:
                item = next(self._pass.items, None)
                if item is None:
                    self._all_fetched = True
                    return
                packed = pack(self.stream.prepare(item[0]))
            except Exception as error:
                error.add_note(f"raised for batch {number} (counted from 0) of the {self.stream.name}")
                raise
            yield packed, item[1]
            number += 1
            left = None if left is None else left - 1

    def take(self, limit: int, capacity: int) -> Chunk | None:
        """The next chunk; see :meth:`kjax.data.arrays.ArrayFeed.take`. Here ``capacity`` only tells 0 from more."""
        block = self._block
        if block is None or block.used == block.count:
            room = max(1, min(abs(capacity) or 8, BLOCK_STEPS, BLOCK_BYTES // max(self.stream.batch_bytes, 1)))
            if (self._pass.position == 0 and block is None) or not self.stream.batches.prefetch:
                # The engine has not decided how batches travel before it has seen one.
                self._fetcher.fetch(1 if block is None else limit, room)
            else:
                self._fetcher.start(room)
            block = self._block = self._fetcher.get()
            self._device = None
            if block is None:
                return None
        first = block.used
        alone = capacity == 0 or not block.stacks
        count = 1 if alone else min(limit, block.count - first)
        block.used += count
        self._pass.position += count
        self._pass.state = block.states[block.used - 1]
        if alone:
            tree = jax.tree.unflatten(block.structure, [array[first] for array in block.arrays])
            return Single(self.stream.place(tree, 0), block.batch_size)
        if self._device is None:
            self._device = self.stream.place(jax.tree.unflatten(block.structure, block.arrays), 1)
        return Stack(self._device, count, block.batch_size, first)

    def close(self) -> None:
        """End the background; what was fetched and not used is kept for the next feed of the pass."""
        left = [block for block in (self._block, *self._fetcher.close()) if block is not None]
        self._pass.left = [block for block in left if block.used < block.count]
        self.over = self._all_fetched and not self._pass.left
        self._block = self._device = None

"""A thread that fetches batches ahead and lays them side by side, so that one compiled call can run several."""

from __future__ import annotations

import collections
import dataclasses
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from kjax.data.arrays import Pool, device_dtype

READY = 2
"""Full blocks that wait at most."""

PATIENCE = 10.0
"""Seconds that closing waits for a source that is in the middle of a batch."""


@dataclasses.dataclass
class Packed:
    """A batch as the leaves of its tree, on the host."""

    leaves: list[np.ndarray]
    structure: Any


class Block:
    """Batches of equal shapes side by side.

    Attributes:
        arrays: ``[room, batch, ...]``, of the types that they have on the device.
        structure: of the batch's tree.
        batch_size: samples in a batch.
        room: how many batches there is room for.
        stacks: whether they are run several in a call; batches of an odd size are not.
        count: how many there are.
        used: how many of them were used.
        states: what came with each.
    """

    def __init__(self, packed: Packed, room: int, stacks: bool, memory: Pool) -> None:
        self.key = _key(packed)
        self.arrays = [memory.empty((room, *leaf.shape), device_dtype(leaf.dtype)) for leaf in packed.leaves]
        self.structure = packed.structure
        self.batch_size = len(packed.leaves[0])
        self.room = room
        self.stacks = stacks
        self.count = 0
        self.used = 0
        self.states: list[Any] = []

    def fill(self, slot: int, packed: Packed) -> None:
        """Copy a batch into its place. The source may use its own arrays again."""
        for array, leaf in zip(self.arrays, packed.leaves, strict=True):
            np.copyto(array[slot], leaf, casting="same_kind")


def _key(packed: Packed) -> Any:
    """What batches that lie side by side have in common."""
    return packed.structure, [(leaf.shape, leaf.dtype) for leaf in packed.leaves]


class Fetcher:
    """Fetches batches into blocks, in a thread once it is started.

    Args:
        source: batches, and what comes with each.
        batch_size: size of the batches that are run several in a call.
        blocks: what was fetched before and comes first.
        memory: for the blocks.
    """

    def __init__(
        self, source: Iterator[tuple[Packed, Any]], batch_size: int, blocks: list[Block], memory: Pool
    ) -> None:
        self._source = source
        self._batch_size = batch_size
        self._memory = memory
        self._blocks = collections.deque(blocks)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = self._ended = False
        self._error: BaseException | None = None
        self._room = 1

    def start(self, room: int) -> None:
        """Fetch in the background from now on.

        Args:
            room: batches in a block.
        """
        if self._thread is None and not self._ended:
            self._room = room
            self._thread = threading.Thread(target=self._run, name="kjax-prefetch", daemon=True)
            self._thread.start()

    def fetch(self, count: int, room: int) -> None:
        """Fetch some batches here and now, unless some are waiting.

        Args:
            count: at most so many.
            room: batches in a block.
        """
        self._room = room
        while count > 0 and not self._ended and sum(block.count for block in self._blocks) < min(count, room):
            self._step()

    def get(self) -> Block | None:
        """The next batches, as many as there are; waits for one.

        Returns:
            A block that nobody adds to any more; None at the end.

        Raises:
            BaseException: what the source raised, when all batches before it were taken.
        """
        with self._changed:
            while not (self._blocks and self._blocks[0].count) and not self._ended:
                self._changed.wait()
            if self._blocks and self._blocks[0].count:
                block = self._blocks.popleft()
                self._changed.notify_all()
                return block
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return None

    def _run(self) -> None:
        while not self._ended:
            with self._changed:
                while not self._closed and len(self._blocks) > READY:
                    self._changed.wait()
                if self._closed:
                    return
            self._step()

    def _step(self) -> None:
        """Fetch one batch."""
        try:
            packed, state = next(self._source, (None, None))
            if packed is not None:
                self._add(packed, state)
                return
        except BaseException as error:  # raised in the thread that asks for this batch
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _add(self, packed: Packed, state: Any) -> None:
        key, size = _key(packed), len(packed.leaves[0])
        while True:
            with self._changed:
                block = self._blocks[-1] if self._blocks else None
                if block is None or block.key != key or block.count == block.room:
                    stacks = size == self._batch_size
                    block = Block(packed, self._room if stacks else 1, stacks, self._memory)
                    self._blocks.append(block)
                slot = block.count
            block.fill(slot, packed)
            with self._changed:
                # Meanwhile the block may have been taken, as far as it was filled.
                if self._blocks and self._blocks[-1] is block:
                    block.count += 1
                    block.states.append(state)
                    self._changed.notify_all()
                    return

    def close(self) -> list[Block]:
        """End the thread, and return what was fetched and not taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(PATIENCE)
            if self._thread.is_alive():
                warnings.warn(
                    f"the source of the data did not give its next batch within {PATIENCE:.0f} s; its thread is left "
                    "behind and ends with that batch",
                    ResourceWarning,
                    stacklevel=2,
                )
                return []
        left = [block for block in self._blocks if block.count]
        self._blocks.clear()
        return left

"""Arrays as a source of batches: shuffled by a derived order, cut into stacks of batches without a second copy."""

from __future__ import annotations

import dataclasses
import math
import mmap
import weakref
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from kjax.data.host import host_array

ALIGNMENT = 64
"""Bytes; JAX on CPU uses a host buffer in place, without a copy, when it is aligned like this."""

SMALL = 2**16
"""Bytes from which a :class:`Pool` keeps memory."""


@dataclasses.dataclass(frozen=True)
class Stack:
    """Several batches of one size.

    Attributes:
        tree: arrays ``[capacity, batch, ...]``.
        count: how many batches this chunk is.
        batch_size: samples in a batch.
        first: where they begin in the arrays.
    """

    tree: Any
    count: int
    batch_size: int
    first: int = 0


@dataclasses.dataclass(frozen=True)
class Resident:
    """Several batches of data that are on the device already.

    Attributes:
        data: arrays ``[samples, ...]``.
        order: int32 ``[steps, batch]``: which samples make each batch of the epoch.
        first: first batch of this chunk.
        count: number of batches.
        batch_size: samples in a batch.
    """

    data: Any
    order: Any
    first: int
    count: int
    batch_size: int


@dataclasses.dataclass(frozen=True)
class Single:
    """One batch, of any size.

    Attributes:
        tree: arrays ``[batch, ...]``.
        batch_size: samples in it.
    """

    tree: Any
    batch_size: int
    count: int = 1


Chunk = Stack | Resident | Single


def aligned_empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An uninitialised array that JAX on CPU can use without copying it."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    offset = -memory.__array_interface__["data"][0] % ALIGNMENT
    return memory[offset : offset + size].view(dtype).reshape(shape)


class Pool:
    """Memory that is used again when nobody, JAX included, refers to it any more.

    Fresh pages cost several times what it takes to fill them. And large arrays that one thread makes and another drops
    pile up in the allocator's own pools, a little more with each epoch's thread.
    """

    def __init__(self) -> None:
        self._free: dict[int, list[mmap.mmap]] = {}

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Like :func:`aligned_empty`."""
        dtype = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if size < SMALL:
            return aligned_empty(shape, dtype)
        free = self._free.setdefault(size, [])
        memory = free.pop() if free else mmap.mmap(-1, size)
        owner = np.frombuffer(memory, np.uint8)
        weakref.finalize(owner, free.append, memory).atexit = False
        return owner.view(dtype).reshape(shape)


def device_dtype(dtype: Any) -> np.dtype:
    """The type that an array of ``dtype`` has on the device (float64 becomes float32 unless x64 is on)."""
    return np.dtype(jax.dtypes.canonicalize_dtype(dtype))


def permutation(seed: int, number: int, count: int) -> np.ndarray:
    """A permutation of ``count`` numbers that is derived from a seed and the number of a pass over the data.

    Drawn on the host: on a CPU device a permutation by sorting random keys takes 30 times as long.
    """
    return np.random.Generator(np.random.Philox(key=[seed % 2**64, number])).permutation(count)


def to_device(tree: Any, axis: int | None) -> Any:
    """Put a batch on the default device.

    Args:
        tree: arrays on the host.
        axis: which axis counts the samples; None for what is no batch. Of interest where there are several devices.
    """
    del axis
    return jax.device_put(tree)


class Arrays:
    """A tree of arrays whose first axis counts the samples.

    Args:
        tree: arrays or array-likes that can be sliced and indexed by an index array; None leaves are left out.
        batch_size: samples in a batch.
        shuffle: False keeps the order; True shuffles the samples in each epoch; ``'batch'`` the batches.
        transform: function on the tree of a batch (after stacking, leading axes are kept), or None.

    Raises:
        ValueError: no arrays, no samples, different numbers of samples, or a batch size below 1.
    """

    def __init__(
        self,
        tree: Any,
        batch_size: int = 32,
        shuffle: bool | str = False,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        leaves, self.structure = jax.tree.flatten(tree)
        leaves = [host_array(leaf) for leaf in leaves]
        if not leaves:
            raise ValueError("no arrays were given")
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"batch_size must be a positive integer, received {batch_size!r}")
        counts = [len(leaf) for leaf in leaves]
        if len(set(counts)) > 1:
            raise ValueError(f"all arrays must have the same number of samples, received {counts}")
        if counts[0] == 0:
            raise ValueError("the arrays are empty: there are no samples to work on")
        self.leaves = leaves
        self.samples = counts[0]
        self.batch_size = min(int(batch_size), self.samples)
        self.shuffle = shuffle
        self.transform = transform
        self.place = to_device
        """How batches get to the devices; see :func:`to_device`."""
        self._resident: Any = None

    name = "arrays"
    again = True

    @property
    def tree(self) -> Any:
        """All the arrays."""
        return jax.tree.unflatten(self.structure, self.leaves)

    @property
    def sample(self) -> Any:
        """Shapes and types of a batch."""
        shapes = [
            jax.ShapeDtypeStruct((self.batch_size, *leaf.shape[1:]), device_dtype(leaf.dtype)) for leaf in self.leaves
        ]
        return jax.tree.unflatten(self.structure, shapes)

    @property
    def steps(self) -> int:
        """Batches in an epoch, a partial last one included."""
        return -(-self.samples // self.batch_size)

    @property
    def batch_bytes(self) -> int:
        """Bytes of one batch on the device."""
        per_sample = sum(
            int(np.prod(leaf.shape[1:], dtype=np.int64)) * device_dtype(leaf.dtype).itemsize for leaf in self.leaves
        )
        return per_sample * self.batch_size

    @property
    def bytes(self) -> int | None:
        """Bytes of all samples on the device; None where they are spread over several, and better sent in parts."""
        if self.place is not to_device:
            return None
        return self.batch_bytes // self.batch_size * self.samples

    def order(self, seed: int, epoch: int) -> np.ndarray | None:
        """The order of the samples in one epoch, derived from the seed; None is the order as given."""
        if not self.shuffle:
            return None
        if self.shuffle == "batch":
            starts = permutation(seed, epoch, self.samples // self.batch_size) * self.batch_size
            whole = (starts[:, None] + np.arange(self.batch_size)).ravel()
            return np.concatenate([whole, np.arange(len(whole), self.samples)])
        return permutation(seed, epoch, self.samples)

    def feed(
        self, seed: int = 0, epoch: int = 0, start: int = 0, *, most: int | None = None, state: Any = None
    ) -> ArrayFeed:
        """The batches of one pass over the data, from batch ``start`` on; see :meth:`kjax.data.Stream.feed`."""
        del most, state
        return ArrayFeed(self, self.order(seed, epoch), start)

    def epoch_begin(self) -> None:
        """Nothing to tell."""

    def epoch_end(self) -> None:
        """Nothing to tell."""

    def close(self) -> None:
        """Nothing to close."""

    def gather(self, order: np.ndarray | None, low: int, high: int, shape: tuple[int, ...]) -> Any:
        """Samples ``low`` to ``high`` of an epoch, in new arrays of leading ``shape`` (room for more is not filled)."""
        out = []
        for leaf in self.leaves:
            array = aligned_empty((*shape, *leaf.shape[1:]), device_dtype(leaf.dtype))
            flat = array.reshape(-1, *leaf.shape[1:])[: high - low]
            if order is None:
                flat[...] = np.asarray(leaf[low:high])
            elif isinstance(leaf, np.ndarray) and leaf.dtype == array.dtype:
                np.take(leaf, order[low:high], axis=0, out=flat, mode="clip")
            else:
                flat[...] = np.asarray(leaf[order[low:high]])
            out.append(array)
        tree = jax.tree.unflatten(self.structure, out)
        return self.transform(tree) if self.transform else tree

    def resident(self) -> Any:
        """The whole tree on the device; put there once."""
        if self._resident is None:
            self._resident = self.place(self.gather(None, 0, self.samples, (self.samples,)), None)
        return self._resident


class ArrayFeed:
    """The batches of one epoch of :class:`Arrays`, in chunks.

    Args:
        source: the arrays.
        order: order of the samples, or None.
        start: first batch.
    """

    def __init__(self, source: Arrays, order: np.ndarray | None, start: int) -> None:
        self.source = source
        self.order = order
        self.position = start
        self.state: Any = None
        """What is needed besides the position to go on from there: nothing."""
        self._device_order: Any = None

    @property
    def full_steps(self) -> int:
        """Batches of full size in an epoch."""
        return self.source.samples // self.source.batch_size

    def take(self, limit: int, capacity: int) -> Chunk | None:
        """The next chunk.

        Args:
            limit: at most so many batches.
            capacity: 0 asks for one batch; a positive number for a stack with room for so many; -1 for data that
                stay on the device.

        Returns:
            A chunk, or None at the end of the epoch.
        """
        source, first = self.source, self.position
        size = source.batch_size
        if first >= source.steps:
            return None
        if first >= self.full_steps or capacity == 0:
            low, high = first * size, min((first + 1) * size, source.samples)
            self.position += 1
            tree = source.gather(self.order, low, high, (high - low,))
            return Single(source.place(tree, 0), high - low)
        count = min(limit, self.full_steps - first)
        if capacity < 0:
            if self._device_order is None:
                order = np.arange(source.samples) if self.order is None else self.order
                whole = order[: self.full_steps * size].astype(np.int32).reshape(self.full_steps, size)
                self._device_order = source.place(whole, None)
            self.position += count
            return Resident(source.resident(), self._device_order, first, count, size)
        count = min(count, capacity)
        tree = source.gather(self.order, first * size, (first + count) * size, (capacity, size))
        self.position += count
        return Stack(source.place(tree, 1), count, size)

    @property
    def over(self) -> bool:
        """Whether the pass has no more batches."""
        return self.position >= self.source.steps

    def close(self) -> None:
        """Nothing to close."""

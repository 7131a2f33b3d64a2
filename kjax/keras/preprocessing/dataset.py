"""A data set that can be read again and again, with the conveniences of ``tf.data``: map, batch, shuffle, take, ..."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

AUTOTUNE = -1


class HostArray(np.ndarray):
    """A NumPy array that also answers ``.numpy()``, as scripts written for TensorFlow ask."""

    def numpy(self) -> np.ndarray:
        """The array without this."""
        return np.asarray(self)


def _element(thing: Any) -> Any:
    def wrap(leaf: Any) -> Any:
        array = np.asarray(leaf)
        return array.view(HostArray) if not isinstance(array, HostArray) else array

    return jax.tree.map(wrap, thing)


def stacked(elements: list[Any], pad: bool = False) -> Any:
    """Elements as one batch.

    Args:
        elements: arrays, or tuples and dicts of them.
        pad: fill up arrays of different lengths with zeros at the end of their first axis.
    """

    def stack(*leaves: Any) -> np.ndarray:
        arrays = [np.asarray(leaf) for leaf in leaves]
        if pad and arrays[0].ndim:
            length = max(len(a) for a in arrays)
            arrays = [np.pad(a, [(0, length - len(a))] + [(0, 0)] * (a.ndim - 1)) for a in arrays]
        return np.stack(arrays)

    return jax.tree.map(stack, *elements)


class Dataset:
    """Elements (samples or batches) in the order in which an epoch reads them; ``fit`` takes it as it is.

    Args:
        make: gives a fresh iterator for each epoch.
        length: number of elements, or None where nobody knows.
        class_names: names of the classes, for data sets made from folders.
        file_paths: paths of the files, for data sets made from folders.
    """

    def __init__(
        self,
        make: Callable[[], Iterator[Any]],
        length: int | None = None,
        class_names: list[str] | None = None,
        file_paths: list[str] | None = None,
    ) -> None:
        self._make = make
        self._length = length
        self.class_names = class_names
        self.file_paths = file_paths

    def _derived(self, make: Callable[[], Iterator[Any]], length: int | None) -> Dataset:
        return Dataset(make, length, self.class_names, self.file_paths)

    def __iter__(self) -> Iterator[Any]:
        return map(_element, self._make())

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements of one epoch."""
        return iter(self)

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("the length of the data set is not known")
        return self._length

    def cardinality(self) -> int:
        """Number of elements; -2 where nobody knows."""
        return -2 if self._length is None else self._length

    def map(self, map_func: Callable[..., Any], num_parallel_calls: Any = None, deterministic: Any = None) -> Dataset:
        """A function applied to each element: to its parts, where it is a tuple.

        Args:
            map_func: the function.
            num_parallel_calls: accepted for compatibility: ``fit`` reads ahead in the background.
            deterministic: accepted for compatibility.
        """
        del num_parallel_calls, deterministic

        def apply(element: Any) -> Any:
            return map_func(*element) if isinstance(element, tuple) else map_func(element)

        return self._derived(lambda: map(apply, iter(self)), self._length)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """The elements for which a function is true."""

        def keep(element: Any) -> bool:
            return bool(predicate(*element) if isinstance(element, tuple) else predicate(element))

        return self._derived(lambda: filter(keep, iter(self)), None)

    def batch(self, batch_size: int, drop_remainder: bool = False, **kwargs: Any) -> Dataset:
        """Elements put together in batches.

        Args:
            batch_size: elements in a batch.
            drop_remainder: leave out a last batch that is smaller.
            **kwargs: accepted for compatibility.
        """
        del kwargs

        def make() -> Iterator[Any]:
            elements = iter(self)
            while chunk := list(itertools.islice(elements, batch_size)):
                if len(chunk) == batch_size or not drop_remainder:
                    yield stacked(chunk)

        rounding = math.floor if drop_remainder else math.ceil
        return self._derived(make, None if self._length is None else rounding(self._length / batch_size))

    def unbatch(self) -> Dataset:
        """The elements of batches, one by one."""

        def make() -> Iterator[Any]:
            for batch in self:
                for i in range(len(jax.tree.leaves(batch)[0])):
                    yield jax.tree.map(lambda leaf, i=i: leaf[i], batch)

        return self._derived(make, None)

    def shuffle(self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True) -> Dataset:
        """Elements in random order, each drawn from a buffer of the next ones.

        Args:
            buffer_size: size of the buffer.
            seed: makes the orders repeatable.
            reshuffle_each_iteration: another order in each epoch.
        """
        seeds = np.random.SeedSequence(seed)
        epoch = itertools.count()

        def make() -> Iterator[Any]:
            number = next(epoch) if reshuffle_each_iteration else 0
            rng = np.random.default_rng([*seeds.generate_state(4), number])
            buffer: list[Any] = []
            for element in self:
                buffer.append(element)
                if len(buffer) >= buffer_size:
                    yield buffer.pop(int(rng.integers(len(buffer))))
            for i in rng.permutation(len(buffer)):
                yield buffer[i]

        return self._derived(make, self._length)

    def take(self, count: int) -> Dataset:
        """The first elements; -1 takes all."""
        if count < 0:
            return self
        length = None if self._length is None else min(self._length, count)
        return self._derived(lambda: itertools.islice(iter(self), count), length)

    def skip(self, count: int) -> Dataset:
        """All elements but the first ones."""
        length = None if self._length is None else max(self._length - count, 0)
        return self._derived(lambda: itertools.islice(iter(self), count, None), length)

    def repeat(self, count: int | None = None) -> Dataset:
        """The epoch several times; without a number for ever."""
        endless = count is None or count < 0
        rounds = range(0 if count is None else count)

        def make() -> Iterator[Any]:
            times: Iterable[int] = itertools.count() if endless else rounds
            return itertools.chain.from_iterable(iter(self) for _ in times)

        return self._derived(make, None if endless or self._length is None else self._length * len(rounds))

    def cache(self, filename: str = "") -> Dataset:
        """Elements kept in memory after they were read once.

        Args:
            filename: accepted for compatibility.
        """
        del filename
        kept: list[Any] = []
        complete = False

        def make() -> Iterator[Any]:
            nonlocal complete
            if complete:
                yield from kept
                return
            fresh = []
            for element in self:
                fresh.append(element)
                yield element
            kept[:], complete = fresh, True

        return self._derived(make, self._length)

    def prefetch(self, buffer_size: Any = AUTOTUNE) -> Dataset:
        """The data set itself: ``fit`` reads ahead in the background."""
        del buffer_size
        return self

    def enumerate(self, start: int = 0) -> Dataset:
        """Pairs of a number and an element."""
        return self._derived(lambda: enumerate(iter(self), start), self._length)

    @staticmethod
    def zip(*datasets: Any) -> Dataset:
        """Tuples of the elements of several data sets."""
        parts = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], (tuple, list)) else datasets
        lengths = [part._length for part in parts]
        known = [length for length in lengths if length is not None]
        return Dataset(lambda: zip(*parts, strict=False), min(known) if len(known) == len(lengths) else None)

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """The rows of arrays, or of a tuple or dict of them."""
        arrays = jax.tree.map(np.asarray, tensors, is_leaf=lambda x: isinstance(x, list))
        count = len(jax.tree.leaves(arrays)[0])

        def make() -> Iterator[Any]:
            return (jax.tree.map(lambda a, i=i: a[i], arrays) for i in range(count))

        return Dataset(make, count)


def read_in_batches(
    read: Callable[[np.ndarray], Any],
    count: int,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    **attributes: Any,
) -> Dataset:
    """A data set of numbered samples, in an order that is drawn anew for each epoch.

    Args:
        read: gives the batch of the samples with the given numbers.
        count: number of samples.
        batch_size: samples in a batch; None gives single samples.
        shuffle: whether the order is drawn.
        seed: makes the orders repeatable.
        **attributes: names of classes and paths of files.
    """
    seeds = np.random.SeedSequence(seed)
    epoch = itertools.count()

    def make() -> Iterator[Any]:
        order = np.arange(count)
        if shuffle:
            order = np.random.default_rng([*seeds.generate_state(4), next(epoch)]).permutation(count)
        if batch_size is None:
            for i in order:
                yield jax.tree.map(lambda leaf: leaf[0], read(np.array([i])))
            return
        for start in range(0, count, batch_size):
            yield read(order[start : start + batch_size])

    return Dataset(make, count if batch_size is None else -(-count // batch_size), **attributes)

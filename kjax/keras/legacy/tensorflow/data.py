"""`tf.data.Dataset` as a re-iterable of batches, small but real: made from arrays, generators and ranges."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

AUTOTUNE = -1


def cardinality(dataset: Dataset) -> int:
    """Number of elements; -1 infinite, -2 unknown."""
    return dataset.cardinality()


class Dataset:
    """Elements that can be iterated over again and again.

    Args:
        elements: gives a fresh iterator over the elements.
        length: number of elements, None where it is not known, ``inf`` where it has no end.
    """

    def __init__(self, elements: Callable[[], Iterator[Any]], length: float | None = None) -> None:
        self._elements = elements
        self._length = length

    # -- making --------------------------------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """The rows of an array, or of a tuple or dict of arrays of the same length."""
        leaves, structure = jax.tree.flatten(tensors, is_leaf=lambda x: isinstance(x, list))
        arrays = [np.asarray(leaf) for leaf in leaves]
        count = len(arrays[0])
        if any(len(a) != count for a in arrays):
            raise ValueError(f"from_tensor_slices: arrays of different lengths: {[len(a) for a in arrays]}")

        def elements() -> Iterator[Any]:
            return (jax.tree.unflatten(structure, [a[i] for a in arrays]) for i in range(count))

        return Dataset(elements, count)

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """One element."""
        return Dataset(lambda: iter([tensors]), 1)

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable[Any]], *signature: Any, args: Any = (), **kwargs: Any
    ) -> Dataset:
        """What a generator function gives."""
        return Dataset(lambda: iter(generator(*args)))

    @staticmethod
    def range(*bounds: int, **kwargs: Any) -> Dataset:
        """Integers."""
        numbers = range(*bounds)
        return Dataset(lambda: (np.int64(i) for i in numbers), len(numbers))

    @staticmethod
    def zip(*datasets: Any) -> Dataset:
        """Elements of several sets side by side."""
        sets = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], (tuple, list)) else datasets
        lengths = [s._length for s in sets]
        known = min(float("inf") if n is None else n for n in lengths)
        return Dataset(lambda: zip(*(s._elements() for s in sets), strict=False), None if None in lengths else known)

    # -- changing ------------------------------------------------------------------------------------------------

    def map(self, map_func: Callable[..., Any], *args: Any, **kwargs: Any) -> Dataset:
        """A function of each element; a tuple's parts are its arguments."""

        def call(element: Any) -> Any:
            found = map_func(*element) if isinstance(element, tuple) else map_func(element)
            return tuple(found) if isinstance(found, list) else found

        return Dataset(lambda: map(call, self._elements()), self._length)

    def filter(self, predicate: Callable[..., Any], **kwargs: Any) -> Dataset:
        """The elements for which a function is true."""

        def holds(element: Any) -> bool:
            return bool(predicate(*element) if isinstance(element, tuple) else predicate(element))

        return Dataset(lambda: filter(holds, self._elements()))

    def batch(self, batch_size: int, drop_remainder: bool = False, *args: Any, **kwargs: Any) -> Dataset:
        """So many elements at a time, stacked."""
        batch_size = int(batch_size)

        def elements() -> Iterator[Any]:
            rows = self._elements()
            while chunk := list(itertools.islice(rows, batch_size)):
                if len(chunk) < batch_size and drop_remainder:
                    return
                yield jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *chunk)

        length = self._length
        if length is not None and length != float("inf"):
            length = int(length) // batch_size if drop_remainder else -(-int(length) // batch_size)
        return Dataset(elements, length)

    def unbatch(self) -> Dataset:
        """The rows of the batches."""

        def elements() -> Iterator[Any]:
            for batch in self._elements():
                leaves, structure = jax.tree.flatten(batch)
                yield from (jax.tree.unflatten(structure, list(row)) for row in zip(*leaves, strict=True))

        return Dataset(elements)

    def shuffle(
        self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True, **kwargs: Any
    ) -> Dataset:
        """The elements in a random order: each is drawn from the next ``buffer_size``."""
        from kjax.keras.core.settings import next_seed

        first = next_seed() if seed is None else seed
        rounds = itertools.count() if reshuffle_each_iteration else itertools.repeat(0)

        def elements() -> Iterator[Any]:
            draw = np.random.default_rng([first, next(rounds)])
            buffer: list[Any] = []
            for element in self._elements():
                buffer.append(element)
                if len(buffer) > buffer_size:
                    yield buffer.pop(int(draw.integers(len(buffer))))
            order = draw.permutation(len(buffer))
            yield from (buffer[i] for i in order)

        return Dataset(elements, self._length)

    def repeat(self, count: int | None = None) -> Dataset:
        """The elements again and again; without a count for ever."""
        endless = count is None or count < 0

        def elements() -> Iterator[Any]:
            for _ in itertools.count() if endless else range(count or 0):
                yield from self._elements()

        if endless:
            return Dataset(elements, float("inf"))
        return Dataset(elements, None if self._length is None else self._length * (count or 0))

    def take(self, count: int) -> Dataset:
        """The first elements."""
        count = int(count)
        length = None if self._length is None else min(self._length, count)
        return Dataset(lambda: itertools.islice(self._elements(), count), length)

    def skip(self, count: int) -> Dataset:
        """All but the first elements."""
        length = None if self._length is None else max(self._length - count, 0)
        return Dataset(lambda: itertools.islice(self._elements(), int(count), None), length)

    def concatenate(self, dataset: Dataset) -> Dataset:
        """The elements of this set, then those of another."""
        length = None if self._length is None or dataset._length is None else self._length + dataset._length
        return Dataset(lambda: itertools.chain(self._elements(), dataset._elements()), length)

    def enumerate(self, start: int = 0) -> Dataset:
        """Elements with their numbers."""
        return Dataset(lambda: enumerate(self._elements(), start), self._length)

    def cache(self, *args: Any, **kwargs: Any) -> Dataset:
        """The elements, computed once."""
        kept: list[Any] = []
        complete = False

        def elements() -> Iterator[Any]:
            nonlocal complete
            if complete:
                yield from kept
                return
            kept.clear()
            for element in self._elements():
                kept.append(element)
                yield element
            complete = True

        return Dataset(elements, self._length)

    def prefetch(self, *args: Any, **kwargs: Any) -> Dataset:
        """The same set: `fit` reads ahead by itself."""
        return self

    with_options = prefetch

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """A function of the set."""
        return transformation_func(self)

    def shard(self, num_shards: int, index: int) -> Dataset:
        """Each ``num_shards``-th element."""
        return Dataset(lambda: itertools.islice(self._elements(), index, None, num_shards))

    # -- reading -------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        from kjax.keras.legacy.tensorflow.tape import Tensor

        def wrap(leaf: Any) -> Any:
            return Tensor(np.asarray(leaf)) if hasattr(leaf, "dtype") and not isinstance(leaf, Tensor) else leaf

        return (jax.tree.map(wrap, element) for element in self._elements())

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements as NumPy arrays."""
        return (jax.tree.map(np.asarray, element) for element in self._elements())

    def cardinality(self) -> int:
        """Number of elements; -1 infinite, -2 unknown."""
        if self._length is None:
            return -2
        return -1 if self._length == float("inf") else int(self._length)

    def __len__(self) -> int:
        number = self.cardinality()
        if number < 0:
            raise TypeError("the dataset is infinite" if number == -1 else "the dataset length is unknown")
        return number

    @property
    def element_spec(self) -> Any:
        """Shapes and types of the first element."""
        from kjax.keras.legacy.tensorflow.session import TensorSpec

        return jax.tree.map(lambda a: TensorSpec(np.shape(a), str(np.asarray(a).dtype)), next(self._elements()))

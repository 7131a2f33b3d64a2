"""`tf.data.Dataset` as a re-iterable of batches, small but real: made from arrays, generators and ranges."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from kjax.keras.legacy.tensorflow.data_elements import (
    Elements,
    GraphElements,
    Options,
    as_numpy,
    call_with,
    column,
    filled,
    for_each,
    is_sequence,
    is_shape,
    kept,
    shown,
    stacked,
)
from kjax.keras.legacy.tensorflow.data_kinds import name_kinds
from kjax.keras.legacy.tensorflow.data_sources import Sources
from kjax.keras.legacy.tensorflow.ragged import RaggedTensor
from kjax.keras.legacy.tensorflow.specs import DatasetSpec, TensorSpec
from kjax.keras.legacy.tensorflow.tensor import Tensor, is_leaf, unwrap

AUTOTUNE = -1
INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = -1, -2


def cardinality(dataset: Dataset) -> Any:
    """Number of elements; -1 infinite, -2 unknown."""
    return dataset.cardinality()


def _ragged_rows(*leaves: Any) -> Any:
    arrays = [np.asarray(leaf) for leaf in leaves]
    return RaggedTensor(arrays) if arrays[0].ndim else np.stack(arrays)


class Dataset(Sources):
    """Elements that can be iterated over again and again.

    Args:
        elements: gives a fresh iterator over the elements.
        length: number of elements, None where it is not known, ``inf`` where it has no end.
    """

    @staticmethod
    def of(dataset: Any) -> Dataset:
        """A data set of Keras' functions as one of ``tf.data``; it keeps ``class_names`` and ``file_paths``."""
        made = Dataset(lambda: map(kept, dataset._make()), dataset._length)
        made.class_names, made.file_paths = dataset.class_names, dataset.file_paths  # type: ignore[attr-defined]
        return made

    # -- making --------------------------------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """The rows of an array, or of a tuple or dict of arrays of the same length."""
        if hasattr(tensors, "to_dict") and hasattr(tensors, "columns"):
            tensors = {name: tensors[name].to_numpy() for name in tensors.columns}
        leaves, structure = jax.tree.flatten(tensors, is_leaf=lambda x: is_leaf(x) or is_sequence(x))
        arrays = [leaf.rows if isinstance(leaf, RaggedTensor) else kept(column(leaf)) for leaf in leaves]
        count = len(arrays[0])
        if any(len(a) != count for a in arrays):
            raise ValueError(f"from_tensor_slices: arrays of different lengths: {[len(a) for a in arrays]}")

        def elements() -> Iterator[Any]:
            return (jax.tree.unflatten(structure, [a[i] for a in arrays]) for i in range(count))

        return Dataset(elements, count)

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """One element."""
        return Dataset(lambda: iter([kept(tensors)]), 1)

    @staticmethod
    def range(*bounds: int, **kwargs: Any) -> Dataset:
        """Integers."""
        numbers = range(*bounds)
        return Dataset(lambda: (np.int64(i) for i in numbers), len(numbers))

    @staticmethod
    def zip(*datasets: Any) -> Dataset:
        """Elements of several sets side by side."""
        sets = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], (tuple, list, dict)) else datasets
        leaves, structure = jax.tree.flatten(sets)
        if isinstance(sets, dict) or len(leaves) != len(sets):  # sets inside of tuples and dicts
            rows = Dataset.zip(*leaves)
            return Dataset(lambda: (jax.tree.unflatten(structure, row) for row in rows._elements()), rows._length)
        lengths = [s._length for s in sets]
        known = min(float("inf") if n is None else n for n in lengths)
        return Dataset(lambda: zip(*(s._elements() for s in sets), strict=False), None if None in lengths else known)

    # -- changing ------------------------------------------------------------------------------------------------

    def map(self, map_func: Callable[..., Any], *args: Any, **kwargs: Any) -> Dataset:
        """A function of each element; a tuple's parts are its arguments."""

        def mapped(element: Any) -> Any:
            found = call_with(map_func, element)
            return kept(tuple(found) if isinstance(found, list) else found)  # as TensorFlow takes several results

        return Dataset(lambda: map(mapped, self._elements()), self._length)

    def flat_map(self, map_func: Callable[..., Any], **kwargs: Any) -> Dataset:
        """The elements of the sets that a function makes of each element."""

        def elements() -> Iterator[Any]:
            for element in self._elements():
                yield from call_with(map_func, element)._elements()

        return Dataset(elements)

    def interleave(
        self, map_func: Callable[..., Any], cycle_length: int | None = None, block_length: int = 1, *args: Any, **kwargs: Any
    ) -> Dataset:  # fmt: skip
        """The elements of the sets that a function makes of each element, ``cycle_length`` of them side by side."""
        side = cycle_length if cycle_length and cycle_length > 0 else 4

        def elements() -> Iterator[Any]:
            waiting = self._elements()
            fresh = itertools.islice(waiting, side)
            active = [call_with(map_func, element)._elements() for element in fresh]
            while active:
                still = []
                for source in active:
                    block = list(itertools.islice(source, block_length))
                    yield from block
                    if len(block) == block_length:
                        still.append(source)
                    else:
                        still += [call_with(map_func, e)._elements() for e in itertools.islice(waiting, 1)]
                active = still

        return Dataset(elements)

    def filter(self, predicate: Callable[..., Any], **kwargs: Any) -> Dataset:
        """The elements for which a function is true."""
        return Dataset(lambda: (e for e in self._elements() if bool(unwrap(call_with(predicate, e)))))

    def take_while(self, predicate: Callable[..., Any], **kwargs: Any) -> Dataset:
        """The elements before the first for which a function is false."""
        return Dataset(lambda: itertools.takewhile(lambda e: bool(unwrap(call_with(predicate, e))), self._elements()))

    def scan(self, initial_state: Any, scan_func: Callable[..., Any], **kwargs: Any) -> Dataset:
        """What a function gives for a state, which it renews, and each element."""

        def elements() -> Iterator[Any]:
            state = initial_state
            for element in self._elements():
                state, given = scan_func(state, shown(element))
                yield kept(given)

        return Dataset(elements, self._length)

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any], name: str | None = None) -> Any:
        """The state after a function has taken in all elements."""
        state = shown(kept(initial_state))
        for element in self._elements():
            state = reduce_func(state, shown(element))
        return state

    def window(self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False) -> Dataset:
        """Sets of ``size`` elements, each begins ``shift`` elements after the one before."""
        size, step = int(size), int(shift or size)
        span = (size - 1) * int(stride) + 1

        def elements() -> Iterator[Any]:
            source, buffer = self._elements(), []
            while True:
                buffer += itertools.islice(source, max(span - len(buffer), 0))
                rows = buffer[:span:stride]
                if not rows or (drop_remainder and len(rows) < size):
                    return
                leaves = [jax.tree.flatten(row) for row in rows]
                parts = [
                    Dataset(functools.partial(iter, [row[0][i] for row in leaves]), len(rows))
                    for i in range(len(leaves[0][0]))
                ]
                yield jax.tree.unflatten(leaves[0][1], parts)
                if step > len(buffer):
                    skipped = len(list(itertools.islice(source, step - len(buffer))))
                    if skipped < step - len(buffer):
                        return
                buffer = buffer[step:]

        count = None
        if self._length is not None and self._length != float("inf"):
            over = int(self._length) - span
            count = (over // step + 1 if over >= 0 else 0) if drop_remainder else -(-int(self._length) // step)
        return Dataset(elements, count)

    def batch(self, batch_size: int, drop_remainder: bool = False, *args: Any, **kwargs: Any) -> Dataset:
        """So many elements at a time, stacked."""
        batch_size = int(batch_size)

        def elements() -> Iterator[Any]:
            rows = self._elements()
            while chunk := list(itertools.islice(rows, batch_size)):
                if len(chunk) < batch_size and drop_remainder:
                    return
                yield stacked(chunk)

        length = self._length
        if length is not None and length != float("inf"):
            length = int(length) // batch_size if drop_remainder else -(-int(length) // batch_size)
        return Dataset(elements, length)

    def rebatch(self, batch_size: Any, drop_remainder: bool = False, name: str | None = None) -> Dataset:
        """Batches of another size; of sizes that a list gives in turn."""
        if not isinstance(batch_size, (list, tuple)):
            return self.unbatch().batch(batch_size, drop_remainder)
        turns = [int(size) for size in batch_size]

        def elements() -> Iterator[Any]:
            rows = self.unbatch()._elements()
            for size in itertools.cycle(turns):
                chunk = list(itertools.islice(rows, size))
                if not chunk or (len(chunk) < size and drop_remainder):
                    return
                yield stacked(chunk)

        return Dataset(elements, None)

    def ragged_batch(self, batch_size: int, drop_remainder: bool = False, **kwargs: Any) -> Dataset:
        """So many elements at a time, as ragged tensors."""

        def elements() -> Iterator[Any]:
            rows = self._elements()
            while chunk := list(itertools.islice(rows, int(batch_size))):
                if len(chunk) == batch_size or not drop_remainder:
                    yield jax.tree.map(_ragged_rows, *chunk)

        return Dataset(elements, self.batch(batch_size, drop_remainder)._length)

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """So many elements at a time, filled up to the largest, or to given sizes.

        Args:
            batch_size: number of elements.
            padded_shapes: sizes, with None for those of the largest element.
            padding_values: what is filled in; 0 or the empty string by default.
            drop_remainder: leave out a last, smaller batch.
            name: accepted.
        """

        def padded(chunk: list[Any]) -> Any:
            columns = [jax.tree.leaves(row) for row in chunk]
            structure = jax.tree.structure(chunk[0])
            number = len(columns[0])
            shapes = for_each(padded_shapes, number, is_shape)
            values = for_each(padding_values, number, lambda v: not isinstance(v, (tuple, dict, list)))
            parts = [filled([row[i] for row in columns], shapes[i], values[i]) for i in range(number)]
            return jax.tree.unflatten(structure, parts)

        def elements() -> Iterator[Any]:
            rows = self._elements()
            while chunk := list(itertools.islice(rows, int(batch_size))):
                if len(chunk) == batch_size or not drop_remainder:
                    yield padded(chunk)

        return Dataset(elements, self.batch(batch_size, drop_remainder)._length)

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        **options: Any,
    ) -> Dataset:
        """Batches of elements of like lengths, filled up to the longest of each."""

        def elements() -> Iterator[Any]:
            buckets: list[list[Any]] = [[] for _ in bucket_batch_sizes]

            def batch(rows: list[Any]) -> Iterator[Any]:
                return Dataset(lambda: iter(rows)).padded_batch(len(rows), padded_shapes, padding_values)._elements()

            for element in self._elements():
                length = int(unwrap(call_with(element_length_func, element)))
                number = int(np.searchsorted(bucket_boundaries, length, side="right"))
                buckets[number].append(element)
                if len(buckets[number]) == bucket_batch_sizes[number]:
                    yield from batch(buckets[number])
                    buckets[number] = []
            if not drop_remainder:
                for rows in buckets:
                    if rows:
                        yield from batch(rows)

        return Dataset(elements)

    def group_by_window(
        self, key_func: Callable[..., Any], reduce_func: Callable[..., Any], window_size: int, **options: Any
    ) -> Dataset:
        """Elements of the same key, ``window_size`` at a time, as a function makes a set of them."""

        def elements() -> Iterator[Any]:
            groups: dict[int, list[Any]] = {}
            for element in self._elements():
                key = int(unwrap(call_with(key_func, element)))
                rows = groups.setdefault(key, [])
                rows.append(element)
                if len(rows) == window_size:
                    del groups[key]
                    yield from reduce_func(key, Dataset(functools.partial(iter, rows), len(rows)))._elements()
            for key, rows in groups.items():
                yield from reduce_func(key, Dataset(functools.partial(iter, rows), len(rows)))._elements()

        return Dataset(elements)

    def unique(self, name: str | None = None) -> Dataset:
        """Each element once."""

        def elements() -> Iterator[Any]:
            seen = set()
            for element in self._elements():
                key = np.asarray(element).item()
                if key not in seen:
                    seen.add(key)
                    yield element

        return Dataset(elements)

    def unbatch(self) -> Dataset:
        """The rows of the batches."""

        def elements() -> Iterator[Any]:
            for batch in self._elements():
                leaves, structure = jax.tree.flatten(batch)
                leaves = [leaf.rows if isinstance(leaf, RaggedTensor) else leaf for leaf in leaves]
                yield from (jax.tree.unflatten(structure, list(row)) for row in zip(*leaves, strict=True))

        return Dataset(elements)

    def shuffle(
        self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True, **kwargs: Any
    ) -> Dataset:
        """The elements in a random order: each is drawn from the next ``buffer_size``."""
        from kjax.keras.core.settings import next_seed

        first = next_seed() if seed is None else int(seed)
        buffer_size = int(buffer_size)
        rounds = itertools.count() if reshuffle_each_iteration else itertools.repeat(0)

        def elements() -> Iterator[Any]:
            draw = np.random.default_rng([first, next(rounds)])
            buffer: list[Any] = []
            for element in self._elements():
                buffer.append(element)
                if len(buffer) >= buffer_size:
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
        if count < 0:
            return self
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
        rows: list[Any] = []
        complete = False

        def elements() -> Iterator[Any]:
            nonlocal complete
            if complete:
                yield from rows
                return
            fresh = []
            for element in self._elements():
                fresh.append(element)
                yield element
            rows[:], complete = fresh, True

        return Dataset(elements, self._length)

    def prefetch(self, *args: Any, **kwargs: Any) -> Dataset:
        """The same elements: `fit` reads ahead by itself."""
        return Dataset(self._elements, self._length)

    with_options = snapshot = ignore_errors = prefetch

    def options(self) -> Any:
        """The options."""
        return Options()

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """A function of the set."""
        return transformation_func(self)

    def shard(self, num_shards: int, index: int) -> Dataset:
        """Each ``num_shards``-th element."""
        length = self._length
        if length is not None and length != float("inf"):
            length = len(range(index, int(length), num_shards))
        return Dataset(lambda: itertools.islice(self._elements(), index, None, num_shards), length)

    def rejection_resample(
        self, class_func: Callable[..., Any], target_dist: Any, initial_dist: Any = None, seed: int | None = None, **kw: Any
    ) -> Dataset:  # fmt: skip
        """Pairs of class and element, with elements left out so that classes come as often as wanted."""
        target = np.asarray(unwrap(target_dist), float)

        def elements() -> Iterator[Any]:
            draw = np.random.default_rng(0 if seed is None else seed)
            seen = np.zeros(len(target)) if initial_dist is None else np.asarray(unwrap(initial_dist), float) * 1000
            for element in self._elements():
                number = int(unwrap(call_with(class_func, element)))
                if initial_dist is None:
                    seen[number] += 1
                share = target / np.maximum(seen / seen.sum(), 1e-9)
                if draw.random() < share[number] / share[seen > 0].max():
                    yield np.int64(number), element

        return Dataset(elements)

    # -- reading -------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        return Elements(map(shown, self._elements()), self)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements as NumPy arrays."""
        return (jax.tree.map(as_numpy, element) for element in self._elements())

    def make_one_shot_iterator(self) -> Any:
        """An iterator whose ``get_next`` gives, in graphs of TensorFlow 1, tensors that are the next element each time."""
        return GraphElements(self._elements, started=True)

    def make_initializable_iterator(self, shared_name: str | None = None) -> Any:
        """The same, once its ``initializer`` has run."""
        return GraphElements(self._elements, started=False)

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element."""
        return shown(next(self._elements()))

    def cardinality(self) -> Any:
        """Number of elements; -1 infinite, -2 unknown."""
        known = UNKNOWN_CARDINALITY if self._length is None else self._length
        return Tensor(np.array(-1 if known == float("inf") else int(known), np.int64))

    def __len__(self) -> int:
        number = self.cardinality()
        if number < 0:
            raise TypeError("the dataset is infinite" if number == -1 else "the dataset length is unknown")
        return int(number)

    @property
    def element_spec(self) -> Any:
        """Shapes and types of the elements: as they were declared, or those of the first."""
        from kjax.keras.core.shapes import TensorShape
        from kjax.keras.legacy.tensorflow.ragged import RaggedTensorSpec

        if self._declared is not None:
            return self._declared

        def spec(leaf: Any) -> Any:
            if isinstance(leaf, RaggedTensor):
                return RaggedTensorSpec(TensorShape((None, *leaf.shape[1:])), leaf.dtype, leaf.ragged_rank)
            if isinstance(leaf, Dataset):
                return DatasetSpec(leaf.element_spec, TensorShape(()))
            sizes = np.shape(leaf)
            free = self._open and bool(sizes)
            return TensorSpec(TensorShape((None, *sizes[1:]) if free else sizes), Tensor(np.asarray(leaf)).dtype)

        return jax.tree.map(spec, next(self._elements()), is_leaf=lambda leaf: isinstance(leaf, RaggedTensor))

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{self._kind} element_spec={self.element_spec}>" if self._length != 0 else f"<{self._kind}>"


name_kinds(Dataset)

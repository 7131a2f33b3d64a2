"""Examples by number, as a source of batches: shuffled by a derived order, shared among hosts, decoded by workers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from kjax.data.arrays import permutation
from kjax.data.batches import Item, Plain, without_state
from kjax.data.workers import ordered


class Examples(Plain):
    """Batches of examples that can be read by number: a data source of tensorflow-datasets or grain, a list, ...

    ``fit``, ``evaluate``, ``predict`` and :func:`kjax.data.source` take it. A run that is resumed goes on exactly.

    Args:
        examples: has ``__len__`` and ``__getitem__``; ``__getitems__(numbers)`` is used where there is one.
        batch_size: examples in a batch.
        shuffle: draw the order of the examples anew in each pass.
        seed: the orders are derived from it; by default from the seed of the run.
        transform: function of one example, applied by the workers before examples are put together.
        drop_remainder: leave out a last batch that is not full.
        shard: ``(index, count)``: use each ``count``-th example from ``index`` on, equally many in each shard; by default
            the index and the number of this process in JAX.
        workers: batches that are put together at the same time; 0 does it in the thread that trains.
        use_multiprocessing: in processes instead of threads.
        max_queue_size: how many batches workers are ahead.

    Raises:
        ValueError: a batch size below 1, a shard that there is not, or no examples.

    Example:

        >>> data = Examples([(np.ones(3), i) for i in range(10)], batch_size=4)
        >>> [y.tolist() for _, y in data]
        [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    """

    numbered = True

    def __init__(
        self,
        examples: Any,
        batch_size: int = 32,
        *,
        shuffle: bool = False,
        seed: int | None = None,
        transform: Callable[[Any], Any] | None = None,
        drop_remainder: bool = False,
        shard: tuple[int, int] | None = None,
        workers: int = 2,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"batch_size must be a positive integer, received {batch_size!r}")
        index, count = (jax.process_index(), jax.process_count()) if shard is None else shard
        if not 0 <= index < count:
            raise ValueError(f"shard must be (index, count) with 0 <= index < count, received {shard!r}")
        self.examples = examples
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.seed = seed
        self.transform = transform
        self.drop_remainder = drop_remainder
        self.shard = (index, count)
        self.workers = workers
        self.processes = use_multiprocessing
        self.ahead = max_queue_size
        self.prefetch = workers > 0
        self.name = getattr(examples, "name", None) or type(examples).__name__
        if len(self) == 0:
            raise ValueError(f"there is no batch of {batch_size} in {self.count} examples of {self.name}")

    @property
    def count(self) -> int:
        """Examples of this shard in a pass."""
        return len(self.examples) // self.shard[1]

    def __len__(self) -> int:
        """Batches of a pass."""
        return self.count // self.batch_size if self.drop_remainder else -(-self.count // self.batch_size)

    @property
    def steps(self) -> int:
        """Batches of a pass."""
        return len(self)

    def order(self, seed: int, number: int) -> np.ndarray:
        """Which examples make a pass, in order.

        Args:
            seed: the seed of the run, for an object without its own.
            number: number of the pass.
        """
        index, shards = self.shard
        total = self.count * shards
        if self.shuffle:
            # Every shard draws the same permutation of all examples and takes its own part of it.
            everything = permutation(seed if self.seed is None else self.seed, number, len(self.examples))[:total]
        else:
            everything = np.arange(total)
        return everything[index::shards]

    def batch(self, numbers: np.ndarray) -> Any:
        """The examples of these numbers, put together."""
        chosen = [int(i) for i in numbers]
        if hasattr(self.examples, "__getitems__"):
            found = self.examples.__getitems__(chosen)
        else:
            found = [self.examples[i] for i in chosen]
        if self.transform is not None:
            found = [self.transform(example) for example in found]
        return collate(found)

    def open(self, seed: int, number: int, start: int, state: Any) -> Iterator[Item]:
        """The batches of a pass; see :class:`kjax.data.batches.Batches`."""
        del state
        task = functools.partial(self._task, self.order(seed, number))
        numbers = range(start, len(self))
        if self.workers > 1 or (self.workers > 0 and self.processes):
            found: Iterator[Any] = ordered(task, numbers, self.workers, self.processes, self.ahead)
        else:
            found = (task(i) for i in numbers)
        return without_state(found)

    def _task(self, order: np.ndarray, i: int) -> Any:
        return self.batch(order[i * self.batch_size : (i + 1) * self.batch_size])

    def __iter__(self) -> Iterator[Any]:
        """The batches of the first pass."""
        return (batch for batch, _ in self.open(self.seed or 0, 0, 0, None))


def collate(examples: list[Any]) -> Any:
    """Examples of one structure as arrays with one more axis.

    Raises:
        ValueError: examples of different structures or shapes.
    """

    def stack(*leaves: Any) -> np.ndarray:
        shapes = {np.shape(leaf) for leaf in leaves}
        if len(shapes) > 1:
            raise ValueError(
                f"examples of different shapes cannot be put together: {sorted(shapes)}; bring them to one shape with "
                "`transform`, a function of one example"
            )
        return np.stack([np.asarray(leaf) for leaf in leaves])

    return jax.tree.map(stack, *examples)

"""Where batches come from: data sets with numbered batches, iterables, iterators that know their position, generators."""

from __future__ import annotations

import functools
import itertools
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from kjax.data.arrays import permutation
from kjax.data.py_dataset import PyDataset
from kjax.data.workers import ordered

Item = tuple[Any, Any]
"""A batch as the source gives it, and what is needed to go on after it (JSON, a function that gives it, or None)."""


class Batches(Protocol):
    """A source of batches, in passes.

    Attributes:
        name: what messages call it.
        steps: batches of a pass; None where that is not known, or where a pass has no end.
        prefetch: whether batches may be fetched in a thread of their own.
        again: whether a second pass can begin.
        numbered: whether a pass can be opened at any batch without a loss.
    """

    name: str
    prefetch: bool
    again: bool
    numbered: bool

    @property
    def steps(self) -> int | None: ...

    def open(self, seed: int, number: int, start: int, state: Any) -> Iterator[Item]:
        """The batches of a pass.

        Args:
            seed: the run's seed.
            number: number of the pass; the order is derived from both.
            start: batches that are left out at the beginning.
            state: what came with the last batch that was used; None at the beginning of a pass.
        """
        ...

    def epoch_begin(self) -> None:
        """An epoch begins."""
        ...

    def epoch_end(self) -> None:
        """An epoch has ended."""
        ...

    def catch_up(self, ended: int) -> None:
        """A run is resumed after so many epochs: repeat what they did to the source itself."""
        ...


def without_state(found: Iterator[Any]) -> Iterator[Item]:
    """Batches that nothing comes with. Closing it closes ``found``, and so ends its workers."""
    try:
        for batch in found:
            yield batch, None
    finally:
        found.close()  # type: ignore[attr-defined]


class Plain:
    """What most sources have in common."""

    name = "source"
    prefetch = True
    again = True
    numbered = False
    ended = 0
    """Epochs that have ended."""

    def epoch_begin(self) -> None:
        """An epoch begins."""

    def epoch_end(self) -> None:
        """An epoch has ended."""
        self.ended += 1

    def catch_up(self, ended: int) -> None:
        """Only count."""
        self.ended = ended


class Numbered(Plain):
    """A data set whose batches have numbers: a :class:`kjax.data.PyDataset`, or an object with the same methods.

    Args:
        dataset: has ``__getitem__``; perhaps ``num_batches`` or ``__len__``, ``workers``, ``use_multiprocessing``,
            ``max_queue_size``, ``on_epoch_begin``, ``on_epoch_end``.
        shuffle: draw the order of the batches anew in each pass.
        workers: instead of the data set's own.
        processes: instead of the data set's own ``use_multiprocessing``.
        ahead: instead of the data set's own ``max_queue_size``.
    """

    numbered = True

    def __init__(
        self,
        dataset: Any,
        shuffle: bool = False,
        workers: int | None = None,
        processes: bool | None = None,
        ahead: int | None = None,
    ) -> None:
        self.dataset = dataset
        self.name = type(dataset).__name__
        self.shuffle = bool(shuffle)
        self.workers = int(getattr(dataset, "workers", 1) if workers is None else workers)
        self.processes = bool(getattr(dataset, "use_multiprocessing", False) if processes is None else processes)
        self.ahead = int(getattr(dataset, "max_queue_size", 10) if ahead is None else ahead)
        self.prefetch = self.workers > 0
        self._ended = 0

    @property
    def steps(self) -> int | None:
        """Batches of a pass."""
        count = getattr(self.dataset, "num_batches", None) if hasattr(type(self.dataset), "num_batches") else None
        if count is None and hasattr(self.dataset, "__len__"):
            count = len(self.dataset)
        return None if count is None or count >= sys.maxsize // 2 else int(count)

    def open(self, seed: int, number: int, start: int, state: Any) -> Iterator[Item]:
        """The batches of a pass; see :class:`Batches`."""
        del state
        count = self.steps
        if count is None:
            numbers: Iterable[int] = itertools.count(start)
        elif self.shuffle:
            numbers = permutation(seed, number, count)[start:].tolist()
        else:
            numbers = range(start, count)
        if self.workers > 1 or (self.workers > 0 and self.processes):
            found: Iterator[Any] = ordered(
                self.dataset.__getitem__, numbers, self.workers, self.processes, max(1, self.ahead)
            )
        else:
            found = (self.dataset[i] for i in numbers)
        return without_state(found)

    def epoch_begin(self) -> None:
        """Tell the data set."""
        if hasattr(self.dataset, "on_epoch_begin"):
            self.dataset.on_epoch_begin()

    def epoch_end(self) -> None:
        """Tell the data set."""
        if hasattr(self.dataset, "on_epoch_end"):
            self.dataset.on_epoch_end()
        self.ended += 1

    def catch_up(self, ended: int) -> None:
        """Give a data set that shuffles itself after each epoch the order that it had."""
        while self.ended < ended:
            self.epoch_begin()
            self.epoch_end()

    @property
    def ended(self) -> int:  # type: ignore[override]
        """Epochs that the data set has seen, in earlier runs too."""
        return getattr(self.dataset, "_epochs_ended", self._ended)

    @ended.setter
    def ended(self, count: int) -> None:
        self._ended = count
        if isinstance(self.dataset, PyDataset):
            self.dataset._epochs_ended = count


class Prepared:
    """Batches with a function applied to each.

    Args:
        batches: where they come from.
        prepare: the function.
    """

    def __init__(self, batches: Batches, prepare: Callable[[Any], Any]) -> None:
        self._batches = batches
        self._prepare = prepare

    def open(self, seed: int, number: int, start: int, state: Any) -> Iterator[Item]:
        """The batches of a pass; see :class:`Batches`."""
        found = self._batches.open(seed, number, start, state)
        try:
            for batch, after in found:
                yield self._prepare(batch), after
        finally:
            found.close()  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batches, name)


class Repeated(Plain):
    """Something that can be iterated over again and again: a ``tf.data.Dataset``, a PyTorch ``DataLoader``, a list.

    Args:
        iterate: makes a new iterator.
        count: gives the number of batches, or None.
        name: what messages call it.
    """

    def __init__(self, iterate: Callable[[], Iterable[Any]], count: Callable[[], int | None], name: str) -> None:
        self.iterate = iterate
        self.count = count
        self.name = name

    @property
    def steps(self) -> int | None:
        """Batches of a pass."""
        return self.count()

    def open(self, seed: int, number: int, start: int, state: Any) -> Iterator[Item]:
        """The batches of a pass; see :class:`Batches`."""
        del seed, number, state
        found = iter(self.iterate())
        if start:
            warnings.warn(
                f"the {self.name} is iterated anew and its first {start} batches are left out: the resumed run is exact "
                "if each iteration gives the same batches",
                stacklevel=2,
            )
        return ((batch, None) for batch in itertools.islice(found, start, None))


class Positioned(Plain):
    """Something whose iterators have ``get_state`` and ``set_state``: grain's data sets and loaders.

    Args:
        dataset: can be iterated over again and again.
        count: gives the number of batches, or None.
        name: what messages call it.
    """

    def __init__(self, dataset: Any, count: Callable[[], int | None], name: str) -> None:
        self.dataset = dataset
        self.count = count
        self.name = name

    @property
    def steps(self) -> int | None:
        """Batches of a pass."""
        return self.count()

    def open(self, seed: int, number: int, start: int, state: Any) -> Iterator[Item]:
        """The batches of a pass; see :class:`Batches`."""
        del seed, number
        found: Any = iter(self.dataset)
        if state is not None:
            found.set_state(_decode(state() if callable(state) else state))
        else:
            for _ in itertools.islice(found, start):
                pass
        # Few states are ever written down.
        return ((batch, functools.partial(_encode, found.get_state())) for batch in found)


def _encode(state: Any) -> Any:
    """An iterator's state as JSON can hold it."""
    return {"bytes": state.decode()} if isinstance(state, bytes) else {"json": json.dumps(state)}


def _decode(state: Any) -> Any:
    return state["bytes"].encode() if "bytes" in state else json.loads(state["json"])


class Once(Plain):
    """An iterator or generator: what it gave is gone, and nobody can set it back.

    Args:
        iterator: gives batches.
    """

    again = False

    def __init__(self, iterator: Iterator[Any]) -> None:
        self.iterator = iterator
        self.name = "generator" if hasattr(iterator, "gi_frame") else type(iterator).__name__

    @property
    def steps(self) -> int | None:
        """Not known."""
        return None

    def open(self, seed: int, number: int, start: int, state: Any) -> Iterator[Item]:
        """What is left; see :class:`Batches`."""
        del seed, number, start, state
        return ((batch, None) for batch in self.iterator)

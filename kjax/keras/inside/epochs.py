"""Passes over data, in pieces of several batches."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Iterator
from typing import Any

from kjax.keras.core.settings import settings
from kjax.keras.inside.adapters import get_data_adapter


class EpochIterator:
    """Passes over data, in pieces of ``steps_per_execution`` batches.

    Args:
        x: see :func:`get_data_adapter`.
        y: likewise.
        sample_weight: likewise.
        batch_size: likewise.
        steps_per_epoch: batches of a pass; the next pass goes on where it ended.
        shuffle: likewise.
        class_weight: likewise.
        steps_per_execution: batches of a piece.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        steps_per_epoch: int | None = None,
        shuffle: bool | str = False,
        class_weight: Any = None,
        steps_per_execution: int = 1,
    ) -> None:
        most = settings.max_steps_per_epoch
        if most and (not steps_per_epoch or most < steps_per_epoch):
            warnings.warn(f"keras.config limits a pass to {most} batches", stacklevel=2)
            steps_per_epoch = most
        self.steps_per_epoch = steps_per_epoch
        self.steps_per_execution = steps_per_execution
        self.data_adapter = get_data_adapter(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)
        self.reset(end=False)

    def reset(self, end: bool = True) -> None:
        """Begin anew.

        Args:
            end: whether the data are told that a pass ended.
        """
        self._current_iterator: Iterator[Any] | None = None
        self._num_batches = self.data_adapter.num_batches
        self._steps_seen = 0
        if end:
            self.data_adapter.on_epoch_end()

    def _get_iterator(self) -> Iterator[Any]:
        return self.data_adapter.get_numpy_iterator()

    def __iter__(self) -> Iterator[tuple[int, int, list[Any]]]:
        self._pieces = self._pass()
        return self._pieces

    def __next__(self) -> tuple[int, int, list[Any]]:
        return next(self._pieces)

    def _pass(self) -> Iterator[tuple[int, int, list[Any]]]:
        self.data_adapter.on_epoch_begin()
        steps = self.steps_per_epoch or self._num_batches
        if self._current_iterator is None or self.steps_per_epoch is None:
            self._current_iterator, self._steps_seen = iter(self._get_iterator()), 0
        for step in (
            itertools.count(0, self.steps_per_execution) if steps is None else range(0, steps, self.steps_per_execution)
        ):
            if self._num_batches and self._steps_seen >= self._num_batches:
                if self.steps_per_epoch:
                    self._warn()
                break
            piece = list(itertools.islice(self._current_iterator, self.steps_per_execution))
            self._steps_seen += self.steps_per_execution
            if piece:
                yield step, step + self.steps_per_execution - 1, piece
            if len(piece) < self.steps_per_execution:
                if self._num_batches is None:
                    self._num_batches = step + len(piece)
                if steps is None or step + len(piece) < steps:
                    self._warn()
                self._current_iterator = None
                break
        if self._num_batches and self._steps_seen >= self._num_batches:
            self._current_iterator = None
        self.data_adapter.on_epoch_end()

    def _warn(self) -> None:
        warnings.warn(
            "the data ran out before the pass was over: they must give `steps_per_epoch * epochs` batches, or repeat",
            stacklevel=3,
        )

    def enumerate_epoch(self) -> Iterator[tuple[int, int, list[Any]]]:
        """(number of the first batch, of the last one, batches) of each piece of a pass."""
        yield from self

    @contextlib.contextmanager
    def catch_stop_iteration(self) -> Iterator[None]:
        """Inside, data that end are no error."""
        try:
            yield
        except StopIteration:
            if self._num_batches is None:
                self._num_batches = self._steps_seen
            self._warn()
            self._current_iterator = None
            self.data_adapter.on_epoch_end()

    @property
    def num_batches(self) -> int | None:
        """Number of batches of a pass, once it is known."""
        return self.steps_per_epoch or self._num_batches

"""PyDataset: a data set as numbered batches that are computed when they are needed; Keras 2 called it Sequence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any


class PyDataset:
    """Base class of data sets whose batches have numbers. Write ``__getitem__``, and ``__len__`` or ``num_batches``.

    ``fit`` computes batches ahead in the background. Their order is derived from the run's seed, whatever the number
    of workers. An error in ``__getitem__`` is raised by ``fit`` when it comes to that batch.

    Args:
        workers: batches that are computed at the same time; 0 computes them in the thread that calls ``fit``.
        use_multiprocessing: compute them in processes instead of threads. A process sees the data set as it was when
            the epoch began, and must not use JAX.
        max_queue_size: how many batches workers compute ahead.

    Example:

        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 3
        ...
        ...     def __getitem__(self, index):
        ...         return index**2
        >>> list(Squares())
        [0, 1, 4]
    """

    # A class that does not call ``super().__init__`` has these.
    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10
    _epochs_ended = 0

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """The batch of this number: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index), which returns a batch")

    @property
    def num_batches(self) -> int | None:
        """Batches in an epoch; None for a data set without an end, which ``fit`` cuts by ``steps_per_epoch``."""
        if hasattr(self, "__len__"):
            return len(self)  # type: ignore[arg-type]
        raise NotImplementedError(f"{type(self).__name__} must define __len__, or the property num_batches")

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch; a place to shuffle."""

    def __iter__(self) -> Iterator[Any]:
        count = self.num_batches
        for index in itertools.count() if count is None else range(count):
            yield self[index]

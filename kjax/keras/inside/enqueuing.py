"""The reader ahead of ``keras.src.trainers.data_adapters.py_dataset_adapter``."""

from __future__ import annotations

from typing import Any

from kjax.keras.utils.enqueuers import OrderedEnqueuer


class PyDatasetEnqueuer(OrderedEnqueuer):
    """Reads the batches of a ``PyDataset`` ahead, in order.

    Args:
        py_dataset: the data set.
        workers: how many threads or processes read.
        use_multiprocessing: whether they are processes.
        max_queue_size: number of batches that are kept at most.
        shuffle: read the batches of each epoch in random order.
    """

    def __init__(
        self,
        py_dataset: Any,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
        shuffle: bool = False,
    ) -> None:
        super().__init__(py_dataset, use_multiprocessing, shuffle)
        self.py_dataset = py_dataset
        self.workers, self.max_queue_size = workers, max_queue_size

    def start(self, workers: int | None = None, max_queue_size: int | None = None) -> None:
        """Begin to read."""
        super().start(self.workers if workers is None else workers, max_queue_size or self.max_queue_size)

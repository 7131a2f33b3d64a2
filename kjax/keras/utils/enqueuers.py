"""Queues that read ahead, as Keras 2 scripts drive them by hand: ``OrderedEnqueuer`` and ``GeneratorEnqueuer``.

``fit`` does not need them: it reads ahead by itself.
"""

from __future__ import annotations

import collections
import concurrent.futures
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

_POLL_SECONDS = 0.05
"""How long a thread waits for room before it looks whether it shall stop."""


class SequenceEnqueuer:
    """Base: starts and stops the thread that fills the queue, and hands out what is in it.

    Args:
        sequence: what is read.
        use_multiprocessing: work in processes instead of threads.
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False) -> None:
        self.sequence = sequence
        self.use_multiprocessing = use_multiprocessing
        self._ready = threading.Condition()
        self._queue: collections.deque[Callable[[], Any]] = collections.deque()
        self._room = 10
        self._stop = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def is_running(self) -> bool:
        """Whether the queue is being filled."""
        return self._thread is not None and not self._stop.is_set()

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Begin to read ahead.

        Args:
            workers: threads or processes.
            max_queue_size: most items that wait.

        Raises:
            ValueError: a number below 1.
            RuntimeError: it runs already.
        """
        if workers < 1 or max_queue_size < 1:
            raise ValueError(f"workers and max_queue_size must be at least 1, received {workers} and {max_queue_size}")
        if self.is_running():
            raise RuntimeError("this enqueuer is running already: call stop() first")
        self._queue.clear()
        self._stop.clear()
        self._ended, self._room = False, max_queue_size
        self._thread = threading.Thread(target=self._run, args=(workers,), name="kjax-enqueuer", daemon=True)
        self._thread.start()

    def _run(self, workers: int) -> None:
        raise NotImplementedError

    def _put(self, item: Callable[[], Any]) -> bool:
        """Wait for room and add an item; False when the enqueuer was stopped."""
        with self._ready:
            while len(self._queue) >= self._room and not self._stop.is_set():
                self._ready.wait(_POLL_SECONDS)
            if self._stop.is_set():
                return False
            self._queue.append(item)
            self._ready.notify_all()
        return True

    def _end(self) -> None:
        with self._ready:
            self._ended = True
            self._ready.notify_all()

    def get(self) -> Iterator[Any]:
        """The items in order; an error in a worker is raised here, with its own traceback."""
        while True:
            with self._ready:
                while not self._queue and not self._ended and self.is_running():
                    self._ready.wait(_POLL_SECONDS)
                if not self._queue:
                    return
                item = self._queue.popleft()
                self._ready.notify_all()
            try:
                value = item()
            except BaseException:
                self.stop()
                raise
            if value is not None:
                yield value

    def stop(self, timeout: float | None = None) -> None:
        """Stop reading and wait for the workers.

        Args:
            timeout: seconds to wait at most.
        """
        self._stop.set()
        with self._ready:
            self._ready.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        self._thread = None
        self._queue.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.stop()


class OrderedEnqueuer(SequenceEnqueuer):
    """Reads the batches of a ``Sequence`` ahead, epoch after epoch, in order.

    Args:
        sequence: a ``keras.utils.Sequence``.
        use_multiprocessing: work in processes; the sequence is copied into each of them for every epoch.
        shuffle: read the batches of each epoch in random order (by NumPy's global generator, as in Keras 2).
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False, shuffle: bool = False) -> None:
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle

    def _pool(self, workers: int) -> concurrent.futures.Executor:
        if self.use_multiprocessing:
            # A forked child of a process with JAX's threads can lock up, so processes start anew.
            return concurrent.futures.ProcessPoolExecutor(
                workers, multiprocessing.get_context("spawn"), _keep_sequence, (self.sequence,)
            )
        return concurrent.futures.ThreadPoolExecutor(workers, "kjax-enqueuer-worker")

    def _run(self, workers: int) -> None:
        try:
            pool = self._pool(workers)
            try:
                while not self._stop.is_set():
                    order = np.arange(len(self.sequence))
                    if self.shuffle:
                        np.random.shuffle(order)
                    pending = []
                    for index in order.tolist():
                        pending.append(
                            pool.submit(_batch_of_kept, index, None if self.use_multiprocessing else self.sequence)
                        )
                        if not self._put(pending[-1].result):
                            return
                    concurrent.futures.wait(pending)
                    if hasattr(self.sequence, "on_epoch_end"):
                        self.sequence.on_epoch_end()
                    if self.use_multiprocessing:  # the copies do not know what on_epoch_end changed
                        pool.shutdown()
                        pool = self._pool(workers)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        except Exception as error:  # belongs to whoever reads
            self._put(_raiser(error))
        finally:
            self._end()


class GeneratorEnqueuer(SequenceEnqueuer):
    """Reads a generator ahead in one thread: a generator cannot be advanced by two at once.

    Args:
        sequence: a generator or iterator.
        use_multiprocessing: accepted for Keras 2; a generator cannot be sent to a process, so it stays a thread.
        wait_time: accepted for Keras 2.
        random_seed: accepted for Keras 2, where it seeded the processes.
    """

    def __init__(
        self,
        sequence: Any,
        use_multiprocessing: bool = False,
        wait_time: float | None = None,
        random_seed: int | None = None,
    ) -> None:
        super().__init__(sequence, use_multiprocessing)
        del wait_time
        self.random_seed = random_seed

    def _run(self, workers: int) -> None:
        del workers
        try:
            for item in self.sequence:
                if not self._put(_returner(item)):
                    return
        except Exception as error:  # belongs to whoever reads
            self._put(_raiser(error))
        finally:
            self._end()


_kept: Any = None


def _keep_sequence(sequence: Any) -> None:
    """In a new process: the sequence that its tasks read."""
    global _kept
    _kept = sequence


def _batch_of_kept(index: int, sequence: Any) -> Any:
    return (_kept if sequence is None else sequence)[index]


def _returner(value: Any) -> Callable[[], Any]:
    return lambda: value


def _raiser(error: Exception) -> Callable[[], Any]:
    def throw() -> Any:
        raise error

    return throw

"""Workers: a function of numbers computed ahead by threads or processes, its results in order."""

from __future__ import annotations

import collections
import concurrent.futures
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_task: Any = None
"""In a worker process: the function; set once when the process starts."""


def _start(task: Any) -> None:
    global _task
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of the process that trains


def _run(number: int) -> Any:
    return _task(number)


def ordered(
    task: Callable[[int], Any], numbers: Iterable[int], workers: int, processes: bool = False, ahead: int = 10
) -> Iterator[Any]:
    """``task(number)`` for each number, in their order, computed by several workers.

    The workers end when the iterator is closed or exhausted.

    Args:
        task: in processes it is as it was when the first result was asked for.
        numbers: may be endless.
        workers: computed at the same time.
        processes: compute in processes.
        ahead: how many results are computed before they are asked for.

    Raises:
        Exception: what ``task`` raised, when its result is due; from a process, with the process' traceback as cause.
        RuntimeError: a process died.
    """
    pool = _executor(task, workers, processes)
    call = _run if processes else task
    waiting: collections.deque[Any] = collections.deque()
    try:
        for number in numbers:
            waiting.append((number, _submit(pool, call, number, processes)))
            if len(waiting) >= max(ahead, workers):
                yield _result(waiting)
        while waiting:
            yield _result(waiting)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _executor(task: Any, workers: int, processes: bool) -> concurrent.futures.Executor:
    workers = max(1, workers)
    if not processes:
        return concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="kjax-worker")
    # Scripts without `if __name__ == "__main__"` work with forked processes only, and so do data sets that cannot be
    # pickled. Where the system cannot fork (Windows), or does not by default (macOS), its own way is taken.
    method = "fork" if sys.platform.startswith("linux") else None
    context = multiprocessing.get_context(method)
    return concurrent.futures.ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(task,))


def _submit(pool: Any, call: Callable[[int], Any], number: int, processes: bool) -> Any:
    if not processes:
        return pool.submit(call, number)
    with warnings.catch_warnings():
        # JAX warns of every fork, as a child that used JAX would hang. These compute batches, and use no JAX.
        warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called", category=RuntimeWarning)
        # Python 3.12 warns likewise of forks beside threads.
        warnings.filterwarnings(
            "ignore", message=r".*use of fork\(\) may lead to deadlocks", category=DeprecationWarning
        )
        return pool.submit(call, number)


def _result(waiting: collections.deque[Any]) -> Any:
    from concurrent.futures.process import BrokenProcessPool

    number, future = waiting.popleft()
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"a worker process died while batch {number} was computed (killed for want of memory, or crashed); "
            "use_multiprocessing=False computes in threads and may show why"
        ) from error

"""A backend of joblib under which the models that scikit-learn fits are trained together: ``parallel_config("kjax")``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from joblib.parallel import ParallelBackendBase, SequentialBackend, register_parallel_backend

from kjax.train.together import MOST, Task, Together

NAME = "kjax"


class _Job:
    """What joblib holds of a function that it has handed in."""

    def __init__(self, group: Together, task: Task) -> None:
        self._group = group
        self._task = task

    def get(self, timeout: float | None = None) -> Any:
        """The result, once it is there."""
        del timeout
        return self._group.wait(self._task)


class TogetherBackend(ParallelBackendBase):
    """Runs the calls of a ``joblib.Parallel`` side by side in this process; see :func:`kjax.train.together`.

    ``n_jobs`` is how many of them are begun before the first has ended, 64 by default.
    """

    supports_sharedmem: ClassVar[bool] = True
    uses_threads: ClassVar[bool] = True
    default_n_jobs: ClassVar[int] = MOST

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Number of calls that run side by side.

        Raises:
            ValueError: ``n_jobs`` is 0.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        return MOST if n_jobs is None or n_jobs < 0 else n_jobs

    def start_call(self) -> None:
        """A ``Parallel`` begins."""
        self._group = Together()

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None) -> _Job:
        """Hand in a function."""
        return _Job(self._group, self._group.submit(func, callback))

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """One of the functions has failed: the others end where they are."""
        self._group.stop()

    def get_nested_backend(self) -> tuple[Any, None]:
        """What is parallel inside of a function runs one after the other."""
        return SequentialBackend(nesting_level=(self.nesting_level or 0) + 1), None


register_parallel_backend(NAME, TogetherBackend)

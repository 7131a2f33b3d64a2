"""Functions that train side by side: one at a time in Python, and together on the device wherever they train alike."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kjax.train import loop
from kjax.train.joint import Call, run_jointly

T = TypeVar("T")

MOST = 64
"""Functions that are begun before the first of them has ended."""


class Task:
    """A function that was handed in, in a thread of its own that runs only when it is its turn.

    Attributes:
        call: the call of the loop engine that it waits for, or None.
        done: whether it has ended.
    """

    def __init__(self, function: Callable[[], Any], callback: Callable[[Any], None] | None = None) -> None:
        self.call: Call | None = None
        self.done = False
        self.error: BaseException | None = None
        self.kept: list[Any] = [None] * len(surroundings)
        """Its own of each of the :data:`surroundings`, between its turns."""
        self._function = function
        self._callback = callback
        self._result: Any = None
        self._turn, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._stopped: BaseException | None = None
        context = contextvars.copy_context()
        context.run(loop.partner.set, self._wait_for)
        self._thread = threading.Thread(target=context.run, args=(self._work,), name="kjax-together", daemon=True)

    @property
    def result(self) -> Any:
        """What the function returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self._result

    def go_on(self) -> None:
        """Run until the function trains next, or ends."""
        if not self._thread.ident:
            self._thread.start()
        self._turn.release()
        self._back.acquire()
        if self.done:
            self._thread.join()
            if self._callback is not None:
                self._callback(self)

    def stop(self, error: BaseException) -> None:
        """Have a task that waits end with an error."""
        self._stopped = error
        if self._thread.ident and not self.done:
            self._callback = None
            self.go_on()

    def _work(self) -> None:
        self._turn.acquire()
        try:
            if self._stopped is not None:
                raise self._stopped
            self._result = self._function()
        except BaseException as error:  # raised again by `result`
            self.error = error
        self.done = True
        self._back.release()

    def _wait_for(self, **call: Any) -> int:
        """What :func:`kjax.train.loop.run_epoch` does inside of a task: leave the call to others."""
        self.call = Call(**call)
        self._back.release()
        self._turn.acquire()
        served, self.call = self.call, None
        if self._stopped is not None:
            raise self._stopped
        if served.error is not None:
            raise served.error
        return served.done


class Together:
    """Runs functions side by side; see :func:`together`."""

    def __init__(self) -> None:
        self._tasks: list[Task] = []
        self._data: dict[Any, Any] = {}

    def submit(self, function: Callable[[], Any], callback: Callable[[Any], None] | None = None) -> Task:
        """Hand in a function; it runs when somebody waits for a task.

        Args:
            function: called without arguments.
            callback: called with the task when it has ended.
        """
        task = Task(function, callback)
        self._tasks.append(task)
        return task

    def wait(self, task: Task) -> Any:
        """Run all tasks until this one has ended; what it returned, or the error that it raised."""
        try:
            while not task.done:
                self._round()
        except BaseException as error:  # Ctrl-C: all of them hear it, with their weights as they are now
            self.stop(error)
            raise
        return task.result

    def stop(self, error: BaseException | None = None) -> None:
        """Have all tasks end where they are.

        Args:
            error: an error of its kind is raised in them.
        """
        tasks, self._tasks = self._tasks, []
        for each in tasks:
            each.stop(KeyboardInterrupt() if error is None else type(error)(*error.args))

    def _round(self) -> None:
        """A turn for each task, then one stretch of training for all."""
        for task in self._tasks[:MOST]:
            leaves = [enter(kept) for enter, kept in zip(surroundings, task.kept, strict=True)]
            task.go_on()
            task.kept = [leave() for leave in leaves]
        self._tasks = [task for task in self._tasks if not task.done]
        run_jointly([task.call for task in self._tasks if task.call is not None], self._data)


surroundings: list[Callable[[Any], Callable[[], Any]]] = []
"""What tasks have of their own of the state of the process. Each of these is called when a task's turn begins, with
what is kept for the task (None the first time); what it returns is called at the turn's end and gives what to keep."""


def together(functions: Sequence[Callable[[], T]]) -> list[T]:
    """Run functions that train, and train together what is trained alike.

    Each function runs as it would by itself: builds its network, reads its data, trains, has its callbacks called. But
    where several have come to an epoch of the same step (equal networks, losses and kinds of optimizers; weights,
    learning rates, data and seeds may differ), their steps are one program under :func:`jax.vmap`. The numbers are those
    of one run after the other, up to rounding. What trains differently, holds convolutions on a CPU, or is spread over
    several devices runs by itself.

    Args:
        functions: called without arguments. They take turns, in threads, but no two run at the same time.

    Returns:
        What the functions returned.

    Raises:
        Exception: the first that one of them raised, when all have ended.
    """
    group = Together()
    tasks = [group.submit(function) for function in functions]
    failed: BaseException | None = None
    for i, task in enumerate(tasks):
        try:
            group.wait(task)
        except Exception as error:
            if failed is None:
                error.add_note(f"raised by function {i} of {len(tasks)} that ran together")
                failed = error
    if failed is not None:
        raise failed
    return [task.result for task in tasks]

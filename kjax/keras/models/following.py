"""Who follows a run: callbacks and the progress bar, told what they want to know and nothing more."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from kjax.keras.callbacks.logs import Logs, in_shown_order
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.legacy.printing import make_progress
from kjax.keras.models.on_batch import number_of


def _in_order(callbacks: Callable[[], None], progress: Callable[[], None]) -> None:
    """Let callbacks act, then show the progress, with what they added; in Keras 2 the bar was the first of them."""
    for act in (progress, callbacks) if settings.era == "2" else (callbacks, progress):
        act()


class Follower:
    """Listens to the loop engine for callbacks and the progress bar.

    Args:
        model: the model.
        callbacks: the callback list.
        names: names of the log values.
        verbose: as in ``fit``.
        epochs: index of the last epoch.
        steps: batches in an epoch.
        kind: ``'train'``, ``'test'`` or ``'predict'``.
        quiet: no progress of its own (a validation inside ``fit``).
    """

    def __init__(
        self,
        model: Any,
        callbacks: Any,
        names: Sequence[str],
        verbose: Any,
        epochs: int,
        steps: int | None,
        kind: str = "train",
        quiet: bool = False,
    ) -> None:
        self.model = model
        self.callbacks = callbacks
        self.names = tuple(names)
        self.kind = kind
        if verbose == "auto" and kind == "predict" and settings.era in ("1", "2"):
            verbose = 0
        shown = not quiet and not callbacks.shows_progress
        self.progress = make_progress(verbose if shown else 0, epochs, steps, names, kind)
        self._last: Any = None
        self.session: Any = None
        self._epoch = 0
        self.done = 0
        self._every = model.steps_per_execution
        self._told = 0
        self._size = 0
        self.batch_report: Any = None
        """From the accumulators to the values of the last batch, where these are kept."""
        self.counts_steps = False
        """Whether Keras 1 and 2 told callbacks of steps, and not of samples."""

    # -- what the engine asks and tells --------------------------------------------------------------------------

    def limit(self, step: int) -> int:
        """Batches until a callback has to be called."""
        limit = self.callbacks.batch_limit(self.kind, step)
        return limit if self._every == 1 else max(limit, self._every) - step % self._every

    def before(self, step: int, count: int, size: int) -> None:
        """A chunk begins."""
        self._size = size
        if step % self._every == 0:
            logs = self._of_batch(step) if settings.era in OLD_ERAS else None
            getattr(self.callbacks, f"on_{self.kind}_batch_begin")(step, logs)

    def after(self, step: int, report: Any) -> bool:
        """A chunk was started; callbacks read its logs if they want to."""
        self._last = report
        if self.session is not None:
            self.session.position = (self._epoch, step)
        if step % self._every == 0:
            self._tell(step, report)
        return self.kind == "train" and bool(self.model.stop_training)

    def _tell(self, step: int, report: Any) -> None:
        self._told = step
        hook = f"on_{self.kind}_batch_end"
        if settings.era in OLD_ERAS and self.callbacks.listens(hook):
            # There the logs of a batch were its own, and not those of the epoch so far.
            of_batch = self.batch_report(self.session.holder.carry.metrics) if self.batch_report else report
            logs = self._logs(of_batch, self._of_batch(step - 1), np.float32)
        else:
            logs = self._logs(report)
        getattr(self.callbacks, hook)(step - 1, logs)

    def _of_batch(self, batch: int) -> dict[str, int]:
        return {"batch": batch, "size": 1 if self.counts_steps else self._size}

    def end_of_data(self, done: int) -> None:
        """The batches are over; with several batches for a call of the hooks the last ones are told now."""
        if self._last is not None and done % self._every and self._told < done:
            self._tell(done, self._last)
        self._told = 0

    def show(self, step: int, report: Any) -> None:
        """A chunk is done."""
        self.done = step
        self.progress.show(step, self._logs(report))

    def _logs(self, report: Any, more: Mapping[str, Any] | None = None, number: Any = number_of) -> Logs:
        if self.kind == "predict":  # here the report is a function that returns the outputs of the last batch
            return Logs(("outputs",), lambda: [report()]) if callable(report) else Logs()

        def fetch() -> list[Any]:
            values = [number(v) for v in jax.device_get(report)]
            return [*values, *(more or {}).values()]

        names = (*self.names, *(more or {}))
        return Logs(names, fetch if names else list)

    # -- the phases of fit ---------------------------------------------------------------------------------------

    def train_begin(self) -> None:
        """Training begins."""
        self.callbacks.on_train_begin()

    def epoch_begin(self, epoch: int) -> None:
        """An epoch begins."""
        self._epoch = epoch
        self.done = 0
        _in_order(lambda: self.callbacks.on_epoch_begin(epoch), lambda: self.progress.epoch_begin(epoch))

    def resume(self, report: Any) -> None:
        """An epoch goes on that an earlier run began; perhaps all its batches are done."""
        self._last = report

    def learn_steps(self, done: int) -> None:
        """An epoch had so many batches; the next ones are shown with a bar, should the number not have been known."""
        if self.progress.steps is None:
            self.progress.steps = done

    def logs(self) -> Logs:
        """The logs of the epoch so far."""
        return self._logs(self._last) if self._last is not None else Logs((), list)

    def inner(self, steps: int | None, names: Sequence[str]) -> Follower:
        """A follower for the validation inside ``fit``, whose logs have ``names``."""
        self.callbacks.on_test_begin()
        return Follower(self.model, self.callbacks, names, 0, 1, steps, kind="test", quiet=True)

    def add_validation(self, logs: Logs, found: dict[str, Any]) -> None:
        """Add those of a validation to the logs."""
        self.callbacks.on_test_end({k: found[k] for k in in_shown_order(found)})
        if settings.era in OLD_ERAS:  # there they came first, and nothing was sorted
            before = dict(logs.items())
            logs.clear()
            logs.update({f"val_{name}": value for name, value in found.items()} | before)
            return
        for name in in_shown_order(found):
            logs[f"val_{name}"] = found[name]

    def epoch_end(self, epoch: int, logs: Logs) -> None:
        """An epoch ends."""
        _in_order(
            lambda: self.callbacks.on_epoch_end(epoch, logs),
            lambda: self.progress.epoch_end(logs, done_batches=self.done),
        )

    def train_end(self, logs: Any) -> None:
        """Training ends."""
        self.progress.finish()
        self.callbacks.on_train_end(None if settings.era in OLD_ERAS else logs)

    # -- evaluate and predict ------------------------------------------------------------------------------------

    def phase_begin(self) -> None:
        """An evaluation or prediction begins."""
        self._started = time.perf_counter()
        getattr(self.callbacks, f"on_{self.kind}_begin")()

    def phase_end(self, logs: dict[str, Any]) -> None:
        """An evaluation or prediction ends."""
        self.progress.epoch_end({k: logs[k] for k in in_shown_order(logs)})
        self.progress.finish()
        getattr(self.callbacks, f"on_{self.kind}_end")(logs)

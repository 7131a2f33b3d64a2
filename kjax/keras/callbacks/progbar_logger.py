"""ProgbarLogger: the progress bar as a callback."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kjax.keras.callbacks.base import Callback
from kjax.keras.progress import Progress


class ProgbarLogger(Callback):
    """Shows the progress of ``fit``, ``evaluate`` or ``predict``.

    These show it without this callback. Passing it chooses its place among the callbacks; whether it shows
    anything still is the matter of ``verbose``.

    Args:
        count_mode: taken for old scripts; what is counted are batches.
        stateful_metrics: taken for old scripts; all metrics are shown as they stand in the logs.
    """

    def __init__(self, count_mode: str = "steps", stateful_metrics: Iterable[str] | None = None) -> None:
        super().__init__()
        if count_mode not in ("steps", "samples"):
            raise ValueError(f"ProgbarLogger: count_mode must be 'steps' or 'samples', received {count_mode!r}")
        self.count_mode = count_mode
        self.stateful_metrics = set(stateful_metrics or ())
        self.progress: Progress | None = None
        self._in_fit = False

    def batches_until(self, step: int) -> None:
        """No batch has to be shown: whenever the compiled loop comes back is often enough."""

    def _start(self, epochs: int | None = None) -> Progress:
        params = self.params or {}
        verbose = params.get("verbose", 1)
        return Progress(
            verbose, epochs=params.get("epochs") or 1 if epochs is None else epochs, steps=params.get("steps")
        )

    def on_train_begin(self, logs: Any = None) -> None:
        self._in_fit = True
        self.progress = self._start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self.progress is None:
            self.progress = self._start()
        self.progress.epoch_begin(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._show(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.progress is not None:
            self.progress.epoch_end(logs)

    def on_train_end(self, logs: Any = None) -> None:
        self._in_fit = False
        self._finish()

    def on_test_begin(self, logs: Any = None) -> None:
        if not self._in_fit:
            self._begin_alone()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        if not self._in_fit:
            self._show(batch, logs)

    def on_test_end(self, logs: Any = None) -> None:
        if not self._in_fit:
            self._end_alone(logs)

    def on_predict_begin(self, logs: Any = None) -> None:
        self._begin_alone()

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self._show(batch, None)  # the logs of predict are predictions

    def on_predict_end(self, logs: Any = None) -> None:
        self._end_alone(None)

    def _begin_alone(self) -> None:
        self.progress = self._start(epochs=1)
        self.progress.epoch_begin(0)

    def _end_alone(self, logs: Any) -> None:
        if self.progress is not None:
            self.progress.epoch_end(logs)
        self._finish()

    def _show(self, batch: int, logs: Any) -> None:
        if self.progress is not None:
            self.progress.show(batch + 1, logs)

    def _finish(self) -> None:
        if self.progress is not None:
            self.progress.finish()
        self.progress = None

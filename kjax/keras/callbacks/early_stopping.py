"""EarlyStopping: ends the training when a number has stopped to improve."""

from __future__ import annotations

import warnings
from typing import Any

from kjax.keras.callbacks.monitor import MonitorCallback
from kjax.keras.console import print_message
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.legacy.printing import epoch_label, waits_longer


class EarlyStopping(MonitorCallback):
    """Ends the training when the monitored number has not improved for ``patience`` epochs.

    Args:
        monitor: name of the number in the logs.
        min_delta: smallest change that counts as an improvement.
        patience: number of epochs without improvement after which to stop.
        verbose: 1 prints when it acts.
        mode: ``'min'``: smaller is better; ``'max'``: larger is better; ``'auto'``: known by the name.
        baseline: value that has to be beaten; an epoch that does not beat it uses up patience.
        restore_best_weights: end with the weights of the best epoch, not with the last ones. The best epoch
            is the best of those that were run, whether or not it beat ``baseline``.
        start_from_epoch: number of epochs to wait before watching.

    Raises:
        ValueError: after the first epoch, where ``mode='auto'`` cannot be decided.

    Attributes:
        wait: epochs since the last improvement.
        stopped_epoch: index of the epoch that ended the training; 0 where it was not ended.
        best: best value, None before the first.
        best_epoch: index of the best epoch.
        best_weights: its weights, where they are to be restored.

    Example:

        >>> callback = EarlyStopping(monitor="val_accuracy", patience=3, restore_best_weights=True)
    """

    lasting = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.wait = 0
        self.stopped_epoch = 0
        self.restore_best_weights = restore_best_weights
        self.best_weights: Any = None
        self.best_epoch = 0
        self.start_from_epoch = start_from_epoch

    def on_train_begin(self, logs: Any = None) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_weights = None
        self.best_epoch = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.monitor_op is None:
            self._set_monitor_op()
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if settings.era in OLD_ERAS:
            self._judge_as_keras2(epoch, current)
            return
        # A NaN in the first epoch is no improvement on anything; those weights still are the best there are.
        if self.restore_best_weights and self.best_weights is None:
            self._remember(epoch)
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self._remember(epoch)
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience + waits_longer() and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _judge_as_keras2(self, epoch: int, current: Any) -> None:
        """The baseline was the best value to begin with, and weights were restored at once, where training was stopped."""
        best = self.baseline if self.best is None else self.best
        if self._is_improvement(current, best):
            self.best = current
            self.wait = 0
            self._remember(epoch)
            return
        self.wait += 1
        if self.wait < self.patience + waits_longer():
            return
        self.stopped_epoch = epoch
        self.model.stop_training = True
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print_message("Restoring model weights from the end of the best epoch")
            self.model.set_weights(self.best_weights)

    def on_train_end(self, logs: Any = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_message(f"{epoch_label(self.stopped_epoch + 1)}: early stopping")
        if self.restore_best_weights and self.best_weights is not None and settings.era not in OLD_ERAS:
            if self.verbose > 0:
                print_message(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs: Any) -> Any:
        """The monitored number, or None, with a warning, where the logs do not have it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs or {})}",
                stacklevel=2,
            )
        return value

    def _remember(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

"""Callbacks that change the learning rate: LearningRateScheduler and ReduceLROnPlateau."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kjax.keras.callbacks.base import Callback
from kjax.keras.callbacks.monitor import MonitorCallback
from kjax.keras.console import print_message
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.legacy.printing import epoch_label, waits_longer


def _optimizers(model: Any) -> Iterator[tuple[str, Any]]:
    """(name, optimizer) of the model's optimizer; of each one where it consists of several."""
    optimizer = model.optimizer
    several = getattr(optimizer, "optimizers", None)
    if several is None:
        yield "", optimizer
        return
    for each in several:
        yield each.name, each


def _record(model: Any, logs: dict[str, Any]) -> None:
    """Write the learning rate into the logs, so that History and others show it."""
    label = "learning_rate" if settings.era == "3" else "lr"
    for name, optimizer in _optimizers(model):
        rate = float(optimizer.learning_rate)
        logs[f"{label}_{name}" if name else label] = np.float32(rate) if settings.era in OLD_ERAS else rate


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    The rate of each epoch is added to its logs as ``learning_rate``.

    Args:
        schedule: function of the index of the epoch (from 0) and the present learning rate, or of the epoch
            alone; returns the new learning rate.
        verbose: 1 prints each setting.

    Raises:
        ValueError: when an epoch begins, where ``schedule`` returns no number, or the optimizer has no
            learning rate.

    Example:

        >>> callback = LearningRateScheduler(lambda epoch, rate: rate if epoch < 10 else 0.9 * rate)
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        for name, optimizer in _optimizers(self.model):
            rate = self._next_rate(optimizer, epoch)
            optimizer.learning_rate = rate
            if self.verbose > 0:
                name = f"{name} " if name else ""
                print_message(
                    f"\n{epoch_label(epoch + 1)}: LearningRateScheduler setting {name}learning rate to {rate}."
                )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        _record(self.model, {} if logs is None else logs)

    def _next_rate(self, optimizer: Any, epoch: int) -> Any:
        if not hasattr(optimizer, "learning_rate"):
            raise ValueError(
                'LearningRateScheduler: the optimizer must have a "learning_rate" attribute; '
                f"{type(optimizer).__name__} has none"
            )
        present = float(optimizer.learning_rate)
        rate = self.schedule(epoch, present) if _takes_two(self.schedule) else self.schedule(epoch)
        if getattr(rate, "ndim", None) == 0 and not isinstance(rate, np.generic):
            rate = float(rate)
        numbers = (float, np.floating) if settings.era in OLD_ERAS else (float, int, np.floating, np.integer)
        if isinstance(rate, bool) or not isinstance(rate, numbers):
            raise ValueError(
                f"LearningRateScheduler: the output of the `schedule` function should be a float, received {rate!r}"
            )
        return rate


def _takes_two(schedule: Callable[..., Any]) -> bool:
    """Whether a schedule takes the present rate as its second argument."""
    try:
        signature = inspect.signature(schedule)
    except (TypeError, ValueError):  # no signature to be had: some functions written in C
        return True
    try:
        signature.bind(0, 0.0)
    except TypeError:
        return False
    return True


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by ``factor`` when the monitored number has stopped to improve.

    The learning rate is added to the logs of each epoch as ``learning_rate``.

    Args:
        monitor: name of the number in the logs.
        factor: below 1.
        patience: number of epochs without improvement after which to reduce the rate.
        verbose: 1 prints each reduction.
        mode: ``'min'``: smaller is better; ``'max'``: larger is better; ``'auto'``: known by the name.
        min_delta: smallest change that counts as an improvement.
        cooldown: number of epochs after a reduction in which patience is not used up.
        min_lr: lower bound of the learning rate.
        epsilon: old name of ``min_delta``.

    Raises:
        ValueError: ``factor`` is 1 or more; or, after the first epoch, ``mode='auto'`` cannot be decided.

    Example:

        >>> callback = ReduceLROnPlateau(factor=0.2, patience=5, min_lr=1e-4)
    """

    lasting = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        *,
        epsilon: float | None = None,
    ) -> None:
        if epsilon is not None:
            warnings.warn("ReduceLROnPlateau: `epsilon` is called `min_delta` today", FutureWarning, stacklevel=2)
            min_delta = epsilon
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0, received factor={factor}")
        self.factor = factor
        self.min_lr = min_lr
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Any = None) -> None:
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.monitor_op is None:
            self._set_monitor_op()
        logs = {} if logs is None else logs
        _record(self.model, logs)
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}.",
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            # Every optimizer is asked, so a list and not a generator.
            if self.wait >= self.patience + waits_longer() and any(
                [self._reduce(optimizer, epoch, name) for name, optimizer in _optimizers(self.model)]
            ):
                self.cooldown_counter = self.cooldown
                self.wait = int(waits_longer())

    def in_cooldown(self) -> bool:
        """Whether a reduction was less than ``cooldown`` epochs ago."""
        return self.cooldown_counter > 0

    def _reduce(self, optimizer: Any, epoch: int, name: str) -> bool:
        """Reduce the rate of one optimizer; False where it is at its lower bound."""
        old = float(optimizer.learning_rate)
        # The rate is kept in float32, where a bound such as 0.001 is a slightly different number; Keras 2 did not mind.
        if old <= (self.min_lr if settings.era in OLD_ERAS else float(np.float32(self.min_lr))):
            return False
        new = max(old * self.factor, self.min_lr)
        optimizer.learning_rate = new
        if self.verbose > 0:
            name = f" {name}" if name else ""
            print_message(f"\n{epoch_label(epoch + 1)}: ReduceLROnPlateau reducing{name} learning rate to {new}.")
        return True

"""History: what `fit` returns."""

from __future__ import annotations

from typing import Any

from kjax.keras.callbacks.base import Callback
from kjax.keras.callbacks.logs import Named


class History(Callback):
    """Records the logs of every epoch. Part of every ``fit``, which returns it.

    Attributes:
        epoch: indices of the epochs.
        history: a list of values, one an epoch, by name of the metric.

    Example:

        >>> history = History()
        >>> history.on_train_begin()
        >>> history.on_epoch_end(0, {"loss": 0.5})
        >>> history.epoch, history.history
        ([0], {'loss': [0.5]})
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = Named()

    def on_train_begin(self, logs: Any = None) -> None:
        self.epoch = []
        if self.model is not None:
            self.model.history = self

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            dict.setdefault(self.history, name, []).append(value)
        if self.model is not None:
            self.model.history = self

"""Drives callbacks without a model that trains: the hook calls of `fit` on a model that only records."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kjax.keras import callbacks as ours

LOSSES = [{"loss": v, "val_loss": v + 0.25, "val_accuracy": 1 - v} for v in (0.75, 0.5, 0.625, 0.375, 0.5)]
"""Logs of five epochs."""


class Optimizer:
    """Keeps the learning rate in float32, as Keras does."""

    def __init__(self, rate: float = 0.1, name: str = "sgd") -> None:
        self.name = name
        self.learning_rate = rate

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, np.float32(value) if name == "learning_rate" else value)


class Model:
    """Its weights count the epochs; what is saved is a text."""

    metrics: tuple[Any, ...] = ()

    def __init__(self, optimizer: Any = None) -> None:
        self.optimizer = optimizer or Optimizer()
        self.stop_training = False
        self.history: Any = None
        self.weights = [np.zeros(2)]

    def get_weights(self) -> list[np.ndarray]:
        return [w.copy() for w in self.weights]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weights = [w.copy() for w in weights]

    def save(self, path: str, overwrite: bool = True) -> None:
        Path(path).write_text(f"model {self.weights[0][0]} {overwrite}")

    def save_weights(self, path: str, overwrite: bool = True) -> None:
        Path(path).write_text(f"weights {self.weights[0][0]} {overwrite}")


def fit(
    callback: Any,
    epochs: list[dict[str, float]],
    *,
    batches: list[dict[str, float]] | None = None,
    model: Model | None = None,
    watch: tuple[str, ...] = (),
) -> tuple[Model, list[Any]]:
    """The hook calls of a training; returns the model and what ``watch`` was after each epoch."""
    model = model or Model()
    callback.set_params({"verbose": 1, "epochs": len(epochs), "steps": len(batches or [])})
    callback.set_model(model)
    trace: list[Any] = []
    callback.on_train_begin({})
    for epoch, logs in enumerate(epochs):
        callback.on_epoch_begin(epoch, {})
        for batch, batch_logs in enumerate(batches or []):
            callback.on_train_batch_begin(batch, {})
            callback.on_train_batch_end(batch, dict(batch_logs))
        model.weights = [w + 1 for w in model.weights]
        logs = dict(logs)
        callback.on_epoch_end(epoch, logs)
        state = {name: getattr(callback, name) for name in watch}
        trace.append((state, model.stop_training, model.optimizer.learning_rate, logs))
        if model.stop_training:
            break
    callback.on_train_end(dict(epochs[-1]))
    return model, trace


def same(make: Callable[[Any], Any], theirs: Any, capsys: Any, epochs: list[dict[str, float]], **kwargs: Any) -> str:
    """Run the callback of both; all that can be seen must be equal. Returns what was printed."""
    seen = []
    for module in (theirs, ours):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model, trace = fit(make(module), epochs, **kwargs)
        printed = capsys.readouterr().out
        seen.append((trace, [w.tolist() for w in model.weights], printed, [str(w.message) for w in caught]))
    np.testing.assert_equal(seen[1], seen[0])
    return seen[0][2]

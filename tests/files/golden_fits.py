"""Calls of ``fit`` and ``fit_generator`` that were recorded from Keras 2.2.4: how each was called, by name of the recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kjax import keras

Data = dict[str, np.ndarray]


class Numbered(keras.utils.Sequence):
    """Batches of arrays by number."""

    def __init__(self, size: int, *arrays: np.ndarray) -> None:
        super().__init__()
        self.size, self.arrays = size, arrays

    def __len__(self) -> int:
        return -(-len(self.arrays[0]) // self.size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return tuple(array[index * self.size : (index + 1) * self.size] for array in self.arrays)


def endless(size: int, *arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Batches of arrays in order, again and again."""
    while True:
        for start in range(0, len(arrays[0]), size):
            yield tuple(array[start : start + size] for array in arrays)


@dataclasses.dataclass(frozen=True)
class Fit:
    """One row: the data, and the other arguments of ``fit``.

    Attributes:
        data: x and y, or a source, from the recorded arrays; further arguments that are made of them.
        arguments: the rest. Batch size and epochs are those that were recorded.
        callbacks: makes the callbacks, from a folder for their files.
    """

    data: Callable[[Data], dict[str, Any]] = lambda d: {"x": d["x"], "y": d["y"]}
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    callbacks: Callable[[Path], list[Any]] = lambda folder: []


C = keras.callbacks

FITS: dict[str, Fit] = {
    "fit_basic": Fit(),
    "fit_initial_epoch": Fit(arguments={"initial_epoch": 2}),
    "fit_adam_20": Fit(arguments={"validation_split": 0.25}),
    "fit_callback_log": Fit(arguments={"validation_split": 0.2}),
    "fit_class_weight": Fit(arguments={"validation_split": 0.2, "class_weight": {0: 1.0, 1: 3.0, 2: 0.5}}),
    "fit_early_stopping": Fit(
        arguments={"validation_split": 0.2}, callbacks=lambda folder: [C.EarlyStopping(patience=2)]
    ),
    "fit_early_stopping_restore": Fit(
        arguments={"validation_split": 0.2},
        callbacks=lambda folder: [C.EarlyStopping(patience=3, restore_best_weights=True)],
    ),
    "fit_reduce_lr": Fit(
        arguments={"validation_split": 0.2}, callbacks=lambda folder: [C.ReduceLROnPlateau(factor=0.3, patience=2)]
    ),
    "fit_model_checkpoint": Fit(
        arguments={"validation_split": 0.2},
        callbacks=lambda folder: [
            C.ModelCheckpoint(
                folder / "best-ep{epoch:03d}-loss{loss:.3f}-val_loss{val_loss:.3f}.h5", save_best_only=True
            ),
            C.ModelCheckpoint(folder / "p5-ep{epoch:03d}.h5", period=5),
        ],
    ),
    "fit_validation_data": Fit(
        lambda d: {
            "x": d["x"][:40],
            "y": d["y"][:40],
            "validation_data": (d["x"][40:], d["y"][40:]),
        }
    ),
    "fit_dict_io": Fit(
        lambda d: {"x": {k: d[k] for k in "ab"}, "y": {k: d[k] for k in "pq"}, "sample_weight": {"p": d["swp"]}},
        {"validation_split": 0.25},
    ),
    "fit_generator_sequence": Fit(
        lambda d: {"x": Numbered(16, d["x"], d["y"]), "validation_data": Numbered(16, d["x"][:20], d["y"][:20])}
    ),
    "fit_generator_function": Fit(
        lambda d: {
            "x": endless(16, d["x"], d["y"], d["sw"]),
            "validation_data": endless(16, d["x"], d["y"], d["sw"]),
        },
        {"steps_per_epoch": 4, "validation_steps": 2},
    ),
    "saved_legacy_optimizer_attrs": Fit(),
}
"""What the recordings' ``fit.json`` does not say follows from the histories in it."""


def run(
    name: str, model: Any, params: dict[str, Any], data: Data, folder: Path
) -> tuple[dict[str, list[float]], list[Any]]:
    """Train as it was recorded.

    Args:
        name: the recording.
        model: the model before.
        params: what callbacks were told then: epochs, batch size, ...
        data: the recorded arrays.
        folder: for the callbacks' files.

    Returns:
        The logs under the names of then, and the callbacks.
    """
    row, names = FITS[name], {"learning_rate": "lr"}
    given, callbacks = row.data(data), row.callbacks(folder)
    if "y" in given:
        given["batch_size"] = params["batch_size"]
    how = {"epochs": params["epochs"], "shuffle": False, "verbose": 0, "callbacks": callbacks}
    logs = model.fit(**given, **how, **row.arguments).history
    return {names.get(key) or key.replace("accuracy", "acc"): values for key, values in logs.items()}, callbacks

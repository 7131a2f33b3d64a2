"""What callbacks cost: `fit` with EarlyStopping, ModelCheckpoint, CSVLogger and TensorBoard, against `fit` without.

All four act at the end of an epoch. The share is the speed with them, in percent of the speed without. Saving costs the
same whatever the epoch does, so the share of a model whose epochs take milliseconds says how long saving takes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import environment, report, timing

BATCH = {"mlp": 32, "mnist": 128}
SIZES = {"mlp": (100, [64]), "mnist": (784, [512, 512])}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--models", nargs="+", choices=sorted(SIZES), default=sorted(SIZES), help="models")
    parser.add_argument("--steps", type=report.positive, default=200, help="batches in an epoch")
    parser.add_argument("--epochs", type=report.positive, default=5, help="epochs of one measurement")
    parser.add_argument(
        "--repeat", type=report.positive, default=5, help="rounds in which every candidate has its turn"
    )
    parser.add_argument("--json", metavar="FILE", help="write all numbers here, too")


def model_of(keras: Any, name: str) -> Any:
    """A multilayer perceptron."""
    features, hidden = SIZES[name]
    layers = [keras.layers.Dense(units, activation="relu") for units in hidden]
    model = keras.Sequential([keras.Input((features,)), *layers, keras.layers.Dense(10, activation="softmax")])
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def callbacks_in(keras: Any, folder: Path) -> list[Any]:
    """The four callbacks."""
    return [
        keras.callbacks.EarlyStopping(monitor="loss", patience=10**6),
        keras.callbacks.ModelCheckpoint(folder / "model.keras"),
        keras.callbacks.CSVLogger(folder / "log.csv", append=True),
        keras.callbacks.TensorBoard(folder / "logs"),
    ]


def run(options: argparse.Namespace) -> int:
    """Measure, print, write."""
    from kjax import keras

    about = environment.describe()
    rows, numbers = [], {}
    with tempfile.TemporaryDirectory(prefix="kjax-benchmarks-") as folder:
        for name in options.models:
            features, samples = SIZES[name][0], options.steps * BATCH[name]
            rng = np.random.default_rng(0)
            x, y = rng.random((samples, features), dtype=np.float32), rng.integers(10, size=samples)
            model = model_of(keras, name)

            def fit(callbacks: Any, model: Any = model, x: Any = x, y: Any = y, batch: int = BATCH[name]) -> None:
                model.fit(x, y, batch_size=batch, epochs=options.epochs, verbose=0, callbacks=callbacks)

            candidates = {
                "without": lambda: fit(None),
                "with": lambda: fit(callbacks_in(keras, Path(folder))),
            }
            for candidate in candidates.values():
                candidate()  # compiles
            turns = timing.interleave(
                candidates,
                options.repeat,
                lambda number, name=name: environment.note(f"{name}: round {number + 1} of {options.repeat}"),
            )
            seconds = {key: statistics.median(values) / options.epochs for key, values in turns.wall.items()}
            share = timing.ratio(turns.wall["without"], turns.wall["with"])
            numbers[name] = {"seconds": turns.wall, "share": share}
            each = [report.number(1e3 * seconds[key]) for key in ("without", "with")]
            rows.append([name, *each, report.number(1e3 * (seconds["with"] - seconds["without"])), f"{share:.0%}"])
    print(environment.headline(about) + "\n")
    header = [f"ms an epoch of {options.steps} steps", "without", "with", "callbacks", "speed kept"]
    print(report.table(header, rows))
    if options.json:
        report.write_json(options.json, {"command": "callbacks", "environment": about, "models": numbers})
    return 0

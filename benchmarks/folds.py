"""Ten-fold cross-validation of a small network: fold after fold in Keras 3 and in kjax, and all folds together in kjax.

The network is the 8-12-8-1 of many tutorials, on 768 samples in batches of 10. Each number is a whole process's work from
the first model to the last score; the first of kjax counts compilation, the second does not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import environment, report, timing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--folds", type=report.positive, default=10, help="folds")
    parser.add_argument("--epochs", type=report.positive, default=150, help="epochs of each")
    parser.add_argument("--json", metavar="FILE", help="write all numbers here, too")


def fold_of(keras: Any, epochs: int) -> Callable[[np.ndarray], float]:
    """The function that trains on the samples of one fold and scores on all others."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(768, 8)).astype("float32")
    y = (x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=768) > 0).astype("float32")

    def fold(test: np.ndarray) -> float:
        model = keras.Sequential(
            [
                keras.Input((8,)),
                keras.layers.Dense(12, activation="relu"),
                keras.layers.Dense(8, activation="relu"),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
        train = np.setdiff1d(np.arange(len(x)), test)
        model.fit(x[train], y[train], epochs=epochs, batch_size=10, verbose=0)
        return model.evaluate(x[test], y[test], verbose=0)[1]

    return fold


def run(options: argparse.Namespace) -> int:
    """Measure, print, write."""
    import keras

    import kjax.keras
    from kjax import train

    about = environment.describe()
    parts = np.array_split(np.random.default_rng(1).permutation(768), options.folds)
    theirs, ours = fold_of(keras, options.epochs), fold_of(kjax.keras, options.epochs)
    candidates: dict[str, Callable[[], list[float]]] = {
        "Keras 3, fold after fold": lambda: [theirs(part) for part in parts],
        "kjax, fold after fold": lambda: [ours(part) for part in parts],
        "kjax, together": lambda: train.together([lambda part=part: ours(part) for part in parts]),
    }
    scores = {name: [] for name in candidates}
    works = {name: lambda name=name, work=work: scores[name].append(work()) for name, work in candidates.items()}
    turns = timing.interleave(works, 2, lambda number: environment.note(f"round {number + 1} of 2"))
    first = next(iter(candidates))
    rows = []
    for name, seconds in turns.wall.items():
        ratios = [f"{a / b:.1f}" for a, b in zip(turns.wall[first], seconds, strict=True)]
        rows.append([name, *(report.number(s) for s in seconds), *ratios, f"{np.mean(scores[name]):.3f}"])
    print(environment.headline(about) + "\n")
    header = [
        f"{options.folds} folds of {options.epochs} epochs, s",
        "first",
        "again",
        "Keras 3 / it",
        "again",
        "accuracy",
    ]
    print(report.table(header, rows))
    if options.json:
        numbers = {"seconds": turns.wall, "accuracy": {name: np.mean(scores[name]) for name in scores}}
        report.write_json(options.json, {"command": "folds", "environment": about, **numbers})
    return 0

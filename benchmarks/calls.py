"""Milliseconds of single calls of a model, kjax next to Keras 3 on JAX: the loops of reinforcement learning and research.

Batches of one row, of networks so small that what is timed is the work around the compiled programs. Both libraries have the
same networks with equal weights, in one process, and their predictions are compared first. They take turns, and ratios are
those within a round.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import environment, report, timing


def _deep(keras: Any) -> Any:
    inputs = keras.Input((32,))
    x = inputs
    for _ in range(29):
        x = keras.layers.Dense(32, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def _small(keras: Any) -> Any:
    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((8,)), dense(16, activation="relu"), dense(16, activation="relu"), dense(1)])


def _convolutional(keras: Any) -> Any:
    layers = keras.layers
    blocks = [(layers.Conv2D(8, 3), layers.BatchNormalization(), layers.ReLU()) for _ in range(2)]
    rest = [layers.GlobalAveragePooling2D(), layers.Dense(1)]
    return keras.Sequential([keras.Input((16, 16, 3)), *blocks[0], layers.MaxPooling2D(), *blocks[1], *rest])


def _of_a_class(keras: Any) -> Any:
    class Network(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = keras.layers.Dense(16, activation="relu")
            self.second = keras.layers.Dense(16, activation="relu")
            self.last = keras.layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.last(self.second(self.first(inputs)))

    return Network()


MODELS: dict[str, tuple[str, Callable[[Any], Any], tuple[int, ...]]] = {
    "deep": ("30 Dense layers", _deep, (32,)),
    "small": ("Sequential of 3 Dense layers", _small, (8,)),
    "cnn": ("2 convolutions with BatchNormalization", _convolutional, (16, 16, 3)),
    "class": ("a class of 3 Dense layers", _of_a_class, (8,)),
}
"""Title, maker (from ``keras`` of a library) and input shape, by the name on the command line."""

CALLS: dict[str, Callable[[Any, np.ndarray, np.ndarray], Any]] = {
    "model(x)": lambda model, x, y: np.asarray(model(x)),
    "predict": lambda model, x, y: model.predict(x, verbose=0),
    "predict_on_batch": lambda model, x, y: model.predict_on_batch(x),
    "train_on_batch": lambda model, x, y: model.train_on_batch(x, y),
    "test_on_batch": lambda model, x, y: model.test_on_batch(x, y),
    "evaluate": lambda model, x, y: model.evaluate(x, y, verbose=0),
    "fit": lambda model, x, y: model.fit(x, y, verbose=0),
    "get_weights": lambda model, x, y: model.get_weights(),
    "set_weights": lambda model, x, y: model.set_weights(model.get_weights()),
}
"""What is called, by its name in the table; each waits for its result."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), help="which networks")
    parser.add_argument("--repeat", type=report.positive, default=7, help="rounds in which both have their turn")
    parser.add_argument("--calls", type=report.positive, default=20, help="calls of a candidate in a round")
    parser.add_argument("--json", metavar="FILE", help="write all numbers here, too")


def candidates(name: str) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """The compiled models of both libraries with equal weights, and a batch of one row.

    Args:
        name: of :data:`MODELS`.

    Raises:
        BenchmarkError: the two do not predict the same.
    """
    import keras

    from kjax import keras as ours

    _, make, shape = MODELS[name]
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((1, *shape), np.float32), rng.standard_normal((1, 1), np.float32)
    models = {"kjax": make(ours), "keras": make(keras)}
    for model in models.values():
        model(x)
        model.compile("sgd", "mse")
    models["kjax"].set_weights(models["keras"].get_weights())
    if not np.allclose(models["kjax"].predict(x, verbose=0), models["keras"].predict(x, verbose=0), atol=1e-5):
        raise environment.BenchmarkError(f"{name}: kjax and Keras 3 do not predict the same")
    return models, x, y


def _several(call: Callable[..., Any], times: int, *args: Any) -> Callable[[], None]:
    def run_all() -> None:
        for _ in range(times):
            call(*args)

    return run_all


def _pair(found: timing.Turns, calls: int) -> dict[str, Any]:
    medians = {name: 1e3 * statistics.median(values) / calls for name, values in found.wall.items()}
    cpu = timing.ratio(found.cpu["keras"], found.cpu["kjax"])
    return {"milliseconds": medians, "keras/kjax": timing.ratio(found.wall["keras"], found.wall["kjax"]), "cpu": cpu}


def run(options: argparse.Namespace) -> int:
    """Measure, print, write."""
    about = environment.describe()
    results: dict[str, dict[str, Any]] = {}
    for key in options.models:
        environment.note(MODELS[key][0])
        models, x, y = candidates(key)
        results[key] = {}
        for name, call in CALLS.items():
            work = {library: _several(call, options.calls, model, x, y) for library, model in models.items()}
            for each in work.values():
                each()
            results[key][name] = _pair(timing.interleave(work, options.repeat), options.calls)
    print(environment.headline(about))
    for key, rows in results.items():
        header = [f"{MODELS[key][0]}, ms", "kjax", "Keras 3", "Keras 3 / kjax", "CPU time, Keras 3 / kjax"]
        lines = [
            [
                name,
                *(report.number(row["milliseconds"][library]) for library in ("kjax", "keras")),
                report.number(row["keras/kjax"]),
                report.number(row["cpu"]),
            ]
            for name, row in rows.items()
        ]
        print("\n" + report.table(header, lines))
    if options.json:
        report.write_json(options.json, {"command": "calls", "environment": about, "results": results})
    return 0

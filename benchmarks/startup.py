"""Seconds that a fresh Python process takes, start to end: imports, and the first step of a small model.

Compiled programs are not kept between the processes, except for the row that says so: there kjax finds those
of an earlier run, as it does by default. The times include the start of Python itself, the first row.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile

from benchmarks import environment, report, timing

FIRST_STEP = """
import numpy as np
{import_keras}
model = keras.Sequential([
    keras.layers.Input((100,)),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
x, y = np.ones((32, 100), "float32"), np.eye(10, dtype="float32")[np.arange(32) % 10]
model.fit(x, y, batch_size=32, verbose=0)
"""
KJAX_STEP = FIRST_STEP.format(import_keras="from kjax import keras")
KERAS_STEP = FIRST_STEP.format(import_keras="import keras")

PROGRAMS = {
    "python": ("python -c pass", "pass"),
    "jax": ("import jax", "import jax"),
    "flax": ("import jax, flax.linen, optax", "import jax, flax.linen, optax"),
    "kjax": ("import kjax.keras", "import kjax.keras"),
    # The line above loads nothing yet: kjax.keras imports its parts when they are named.
    "kjax parts": ("from kjax.keras import layers, models", "from kjax.keras import layers, models"),
    "keras": ("import keras", "import keras"),
    "kjax step": ("MLP, first step, kjax", KJAX_STEP),
    "keras step": ("MLP, first step, Keras 3", KERAS_STEP),
    "kjax step again": ("MLP, first step, kjax, second run of the script", KJAX_STEP),
}
"""Name: (title, program)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--repeat", type=report.positive, default=5, help="rounds in which every program has its turn")
    parser.add_argument("--json", metavar="FILE", help="write all numbers here, too")


def run(options: argparse.Namespace) -> int:
    """Measure, print, write."""
    about = environment.describe()
    with tempfile.TemporaryDirectory(prefix="kjax-benchmarks-") as cache:

        def start(name: str) -> None:
            variables = {"KJAX_COMPILATION_CACHE": cache} if name.endswith("again") else {}
            environment.run_python(["-c", PROGRAMS[name][1]], **variables)

        environment.note("warming up the disk")
        for name in PROGRAMS:
            start(name)
        turns = timing.interleave(
            {name: lambda name=name: start(name) for name in PROGRAMS},
            options.repeat,
            lambda number: environment.note(f"round {number + 1} of {options.repeat}"),
        )
    samples = turns.wall
    medians = {name: statistics.median(values) for name, values in samples.items()}
    print(environment.headline(about) + "\n")
    print(
        report.table(
            ["a fresh process", "seconds"],
            [[title, report.number(medians[name])] for name, (title, _) in PROGRAMS.items()],
        )
    )
    ratio = timing.ratio(samples["keras step"], samples["kjax step"])
    again = timing.ratio(samples["keras step"], samples["kjax step again"])
    print(f"\nKeras 3 / kjax to the first step: {ratio:.2f}; from the second run on: {again:.2f}")
    if options.json:
        rows = [
            {"name": name, "title": title, "seconds": medians[name], "rounds": samples[name]}
            for name, (title, _) in PROGRAMS.items()
        ]
        ratios = {"keras/kjax": ratio, "keras/kjax again": again}
        result = {"command": "startup", "environment": about, "rows": rows, "ratios": ratios}
        report.write_json(options.json, result)
    return 0

"""Samples per second of `fit` from every kind of source, for kjax and Keras 3; with --memory what a run leaves in memory.

All candidates take their turns in one process; the ratios are medians of the ratios within a turn. The sources cost next
to nothing themselves, but for tfds: what is measured is how they are read.

``python -m benchmarks.data SOURCE LIBRARY`` is a process that measures memory; it prints its numbers as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import warnings
from typing import Any

import numpy as np

from benchmarks import environment, report, timing
from benchmarks.memory import resident_bytes
from benchmarks.sources import NAMES, Sources
from benchmarks.workloads import WORKLOADS, api

LIBRARIES = ("kjax", "keras")
MEMORY_EPOCHS = (4, 20)
"""Memory is compared between the ends of these epochs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    positive = report.positive
    parser.add_argument("--model", choices=[*WORKLOADS], default="mnist_mlp", help="what is trained")
    parser.add_argument(
        "--sources", nargs="+", choices=NAMES, default=list(NAMES), metavar="SOURCE", help=", ".join(NAMES)
    )
    parser.add_argument("--repeat", type=positive, default=5, help="rounds in which every candidate has its turn")
    parser.add_argument("--steps", type=positive, default=150, help="batches in an epoch")
    parser.add_argument("--epochs", type=positive, default=2, help="epochs in one turn")
    parser.add_argument("--memory", action="store_true", help="memory over 20 epochs instead of speed")
    parser.add_argument("--json", metavar="FILE", help="write all numbers here, too")


def run(options: argparse.Namespace) -> int:
    """Measure, print, write."""
    about = environment.describe()
    rows = memory_rows(options) if options.memory else speed_rows(options)
    print(environment.headline(about) + "\n")
    print(memory_text(rows) if options.memory else speed_text(rows, WORKLOADS[options.model]().title))
    if options.json:
        report.write_json(options.json, {"command": "data", "environment": about, "rows": rows})
    return 0


def speed_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """For each source the samples per second of both libraries, and ratios."""
    workload = WORKLOADS[options.model]()
    samples = options.steps * workload.batch_size
    sources = Sources(workload.data(samples, np.random.default_rng(0)), workload.batch_size, options.steps)
    turns = {}
    for source in dict.fromkeys(["arrays", *options.sources]):
        for library in LIBRARIES:
            keras = api(library)
            model = workload.build(keras)
            environment.note(f"warming up {library} from {source}")
            fit(model, sources, source, keras, 1)

            def turn(model: Any = model, source: str = source, keras: Any = keras) -> None:
                fit(model, sources, source, keras, options.epochs)

            turns[f"{source} {library}"] = turn
    found = timing.interleave(
        turns, options.repeat, lambda number: environment.note(f"round {number + 1} of {options.repeat}")
    )
    rows = []
    for source in options.sources:
        wall = {library: found.wall[f"{source} {library}"] for library in LIBRARIES}
        rows.append(
            {
                "source": source,
                "samples_per_second": {
                    name: samples * options.epochs / statistics.median(values) for name, values in wall.items()
                },
                "keras/kjax": timing.ratio(wall["keras"], wall["kjax"]),
                "share_of_arrays": {
                    name: timing.ratio(found.wall[f"arrays {name}"], values) for name, values in wall.items()
                },
                "cpu_keras/kjax": timing.ratio(found.cpu[f"{source} keras"], found.cpu[f"{source} kjax"]),
                "spread": {name: timing.spread(values) for name, values in wall.items()},
            }
        )
    return rows


def fit(model: Any, sources: Sources, source: str, keras: Any, epochs: int, **options: Any) -> None:
    """Train, silently; that a source of unknown length ends is nothing to warn of here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(**sources.arguments(source, keras), epochs=epochs, verbose=0, **options)


def speed_text(rows: list[dict[str, Any]], title: str) -> str:
    """The table for people."""
    header = [
        title,
        "kjax, samples/s",
        "Keras 3",
        "kjax / Keras 3",
        "kjax, of arrays",
        "Keras 3, of arrays",
        "CPU, Keras / kjax",
    ]
    return report.table(
        header,
        [
            [
                row["source"],
                *(f"{row['samples_per_second'][name]:,.0f}" for name in LIBRARIES),
                report.number(row["keras/kjax"]),
                *(f"{row['share_of_arrays'][name]:.0%}" for name in LIBRARIES),
                report.number(row["cpu_keras/kjax"]),
            ]
            for row in rows
        ],
    )


def memory_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """For each source the memory of kjax at the ends of two epochs, each in a fresh process."""
    rows = []
    for source in options.sources:
        for library in LIBRARIES:
            environment.note(f"memory of {library} from {source}")
            rows.append(environment.run_json("benchmarks.data", source, library, options.model, str(options.steps)))
    return rows


def memory_text(rows: list[dict[str, Any]]) -> str:
    """The table for people."""
    first, last = MEMORY_EPOCHS
    return report.table(
        ["resident (MB)", "library", f"after epoch {first}", f"after epoch {last}", "grown"],
        [
            [
                row["source"],
                row["library"],
                *(f"{n / 1e6:,.1f}" for n in (*row["bytes"], row["bytes"][1] - row["bytes"][0])),
            ]
            for row in rows
        ],
    )


def measure_memory(source: str, library: str, model_name: str, steps: int) -> dict[str, Any]:
    """Fit in this process and look at its memory after some epochs."""
    keras = api(library)
    workload = WORKLOADS[model_name]()
    data = workload.data(steps * workload.batch_size, np.random.default_rng(0))
    sources = Sources(data, workload.batch_size, steps)
    found: list[int] = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch + 1 in MEMORY_EPOCHS:
                found.append(resident_bytes(peak=False))

    fit(workload.build(keras), sources, source, keras, MEMORY_EPOCHS[-1], callbacks=[Look()])
    return {"source": source, "library": library, "bytes": found}


if __name__ == "__main__":
    environment.prepare()
    source, library, model_name, steps = sys.argv[1:]
    print(json.dumps(measure_memory(source, library, model_name, int(steps))))

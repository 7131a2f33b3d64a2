"""Microseconds per training step: `fit` of kjax and of Keras 3, a jitted step in a loop, and a scanned epoch.

Everything is measured in one process, in turns; the numbers are medians over the turns, and the ratios are
medians of the ratios within a turn. Nothing compiles while it is timed, but for the columns "cold": build a
model and fit one epoch of it, in a fresh process without any compiled programs (imports not counted).
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import environment, memory, report, timing
from benchmarks.workloads import ON_CPU, WORKLOADS, Workload, api

SLOW_SCAN_STEPS = 2
"""Steps of a scanned epoch with convolutions on a CPU, where one takes nearly a second (jax issue 12868)."""

LIBRARIES = ("kjax", "keras")
RATIOS = (("keras", "kjax"), ("kjax", "loop"), ("kjax", "scan"), ("kjax", "scan_ordered"))
TIMES = (
    "microseconds per step",
    "kjax fit",
    "Keras 3 fit",
    "jitted step, Python loop",
    "scanned epoch",
    "the same, unshuffled",
    "Keras / kjax",
    "kjax / scan",
    "kjax / unshuffled",
)
OTHERS = (
    "",
    "cold, kjax (s)",
    "cold, Keras (s)",
    "fit of one batch, kjax (ms)",
    "Keras (ms)",
    "samples/s, kjax",
    "Keras",
    "CPU time, Keras / kjax",
    "kjax / scan",
)
COLD_STARTS = 3
"""Most rounds of cold starts."""

BUSY = 0.15
"""Spread of a candidate's rounds from which a table is said to come from a busy machine."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    positive = report.positive
    parser.add_argument("--models", nargs="+", choices=[*WORKLOADS], metavar="MODEL", help=f"of {', '.join(WORKLOADS)}")
    parser.add_argument("--repeat", type=positive, default=7, help="rounds in which every candidate has its turn")
    parser.add_argument("--steps", type=positive, help="batches in an epoch (default: by model)")
    parser.add_argument("--epochs", type=positive, help="epochs in one turn (default: by model)")
    parser.add_argument("--no-cold", action="store_true", help="leave out the first fits in fresh processes")
    parser.add_argument("--memory", action="store_true", help="measure the memory of fit instead of its speed")
    parser.add_argument("--megabytes", type=positive, default=400, help="size of the training data for --memory")
    parser.add_argument("--json", metavar="FILE", help="write all numbers here, too")


def chosen(options: argparse.Namespace) -> list[str]:
    """The models to measure: those named, else those that suit the device."""
    import jax

    return list(options.models or (ON_CPU if jax.default_backend() == "cpu" else WORKLOADS))


def run(options: argparse.Namespace) -> int:
    """Measure, print, write."""
    if options.memory:
        return memory.run(options)
    names = chosen(options)
    about = environment.describe()
    environment.note(environment.headline(about))
    if about["load_average"] > os.cpu_count():
        environment.note(f"The machine is busy (load {about['load_average']:.1f}): trust the ratios, not the times.")
    compilations = timing.Compilations()
    rows = [measure(WORKLOADS[name](), options, compilations) for name in names]
    print(environment.headline(about) + "\n")
    print(text(rows))
    if options.json:
        about["load_average_after"] = os.getloadavg()[0]
        report.write_json(options.json, {"command": "fit", "environment": about, "rows": rows})
    return 0


@dataclasses.dataclass(frozen=True)
class Entrant:
    """A candidate in a turn.

    Attributes:
        train: trains for a number of epochs.
        steps: batches in its epoch.
        epochs: epochs in a turn.
    """

    train: Callable[[int], float]
    steps: int
    epochs: int

    def turn(self) -> float:
        """One turn; returns the loss."""
        return self.train(self.epochs)


def line_up(workload: Workload, steps: int, epochs: int) -> dict[str, Entrant]:
    """The candidates that a workload has, by name; all start from the same weights."""
    import jax

    from benchmarks import candidates

    size = workload.batch_size
    x, y = workload.data(steps * size, np.random.default_rng(0))
    models = {name: workload.build(api(name)) for name in LIBRARIES}
    weights = [np.array(w) for w in models["keras"].get_weights()]
    if workload.by_hand is not None:
        models["kjax"].set_weights(weights)
    entrants = {name: Entrant(candidates.fit(model, (x, y), size), steps, epochs) for name, model in models.items()}
    if workload.by_hand is not None:
        train = candidates.jitted_step(workload.by_hand, weights, (x, y), size)
        entrants["loop"] = Entrant(train, steps, epochs)
        if workload.convolutional and jax.default_backend() == "cpu":
            steps, epochs = min(steps, SLOW_SCAN_STEPS), 1
        part = x[: steps * size], y[: steps * size]
        for name, shuffle in (("scan", True), ("scan_ordered", False)):
            train = candidates.scanned_epoch(workload.by_hand, weights, part, size, shuffle=shuffle)
            entrants[name] = Entrant(train, steps, epochs)
    for name, model in models.items():
        entrants[f"{name} call"] = Entrant(candidates.fit(model, (x[:size], y[:size]), size), 1, 1)
    return entrants


def measure(workload: Workload, options: argparse.Namespace, compilations: timing.Compilations) -> dict[str, Any]:
    """All numbers of one workload."""
    import jax

    usual = workload.steps if jax.default_backend() == "cpu" else workload.accelerator_steps
    steps = options.steps or usual
    entrants = line_up(workload, steps, options.epochs or workload.epochs)
    losses = {}
    for name, entrant in entrants.items():
        environment.note(f"{workload.name}: warming up {name}")
        losses[name] = entrant.turn()
        if not np.isfinite(losses[name]):
            raise environment.BenchmarkError(f"{workload.name}: the loss of {name} is {losses[name]}")
    before = compilations.count
    turns = timing.interleave(
        {name: entrant.turn for name, entrant in entrants.items()},
        options.repeat,
        lambda number: environment.note(f"{workload.name}: round {number + 1} of {options.repeat}"),
    )
    # A release of JAX that names its events otherwise: better no number than a wrong 0.
    compiled = compilations.count - before if before else None
    if compiled:
        environment.note(f"{workload.name}: {compiled} programs were compiled while the clock ran")

    named = {name: entrant for name, entrant in entrants.items() if not name.endswith(" call")}
    wall, cpu = (
        {n: [s / (e.steps * e.epochs) * 1e6 for s in seconds[n]] for n, e in named.items()}
        for seconds in (turns.wall, turns.cpu)
    )
    medians = {n: statistics.median(values) for n, values in wall.items()}
    cold = {} if options.no_cold else cold_starts(workload, steps, min(options.repeat, COLD_STARTS))
    return {
        "model": workload.name,
        "title": workload.title,
        "batch_size": workload.batch_size,
        "steps": {n: e.steps for n, e in named.items()},
        "epochs": {n: e.epochs for n, e in named.items()},
        "microseconds_per_step": medians,
        "samples_per_second": {n: workload.batch_size / value * 1e6 for n, value in medians.items()},
        "ratios": ratios(wall),
        "cpu_microseconds_per_step": {n: statistics.median(values) for n, values in cpu.items()},
        "cpu_ratios": ratios(cpu),
        "call_milliseconds": {n: statistics.median(turns.wall[f"{n} call"]) * 1e3 for n in LIBRARIES},
        "cold_seconds": {n: statistics.median(values) for n, values in cold.items()},
        "spread": {n: timing.spread(values) for n, values in wall.items()},
        "compilations_while_timed": compiled,
        "loss_after_warm_up": losses,
        "rounds": wall,
        "cpu_rounds": cpu,
        "cold_rounds": cold,
    }


def ratios(rounds: timing.Samples) -> dict[str, float]:
    """The ratios that tell something, by name."""
    pairs = ((a, b) for a, b in RATIOS if a in rounds and b in rounds)
    return {f"{a}/{b}": timing.ratio(rounds[a], rounds[b]) for a, b in pairs}


def cold_starts(workload: Workload, steps: int, rounds: int) -> timing.Samples:
    """Seconds of first fits, each in a fresh process; see :mod:`benchmarks.cold`."""
    samples: timing.Samples = {name: [] for name in LIBRARIES}
    for number in range(rounds):
        environment.note(f"{workload.name}: cold start {number + 1} of {rounds}")
        for name, values in samples.items():
            values.append(environment.run_json("benchmarks.cold", workload.name, name, str(steps))["seconds"])
    return samples


def text(rows: list[dict[str, Any]]) -> str:
    """The tables for people."""

    def cells(numbers: dict[str, float], *names: str) -> list[str]:
        return [report.number(numbers.get(name)) for name in names]

    times = [
        [
            row["title"],
            *cells(row["microseconds_per_step"], "kjax", "keras", "loop", "scan", "scan_ordered"),
            *cells(row["ratios"], "keras/kjax", "kjax/scan", "kjax/scan_ordered"),
        ]
        for row in rows
    ]
    others = [
        [
            row["title"],
            *cells(row["cold_seconds"], *LIBRARIES),
            *cells(row["call_milliseconds"], *LIBRARIES),
            *(f"{row['samples_per_second'][name]:,.0f}" for name in LIBRARIES),
            *cells(row["cpu_ratios"], "keras/kjax", "kjax/scan"),
        ]
        for row in rows
    ]
    parts = [report.table(TIMES, times), report.table(OTHERS, others)]
    busy = [f"{row['model']} {n} ±{s:.0%}" for row in rows for n, s in row["spread"].items() if s > BUSY]
    if busy:
        parts.append(f"The machine was busy, these varied from round to round: {', '.join(busy)}.")
    return "\n\n".join(parts)

"""Microseconds per training step: `fit` of kjax and of Keras 3, a jitted step in a loop, and a scanned epoch.

Everything is measured in one process, in turns; the numbers are medians over the turns, and the ratios are
medians of the ratios within a turn. Nothing compiles while it is timed, but for the columns "cold": build a
model and fit one epoch of it, in a fresh process without any compiled programs (imports not counted).
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import environment, memory, report, timing
from benchmarks.workloads import ON_CPU, WORKLOADS, Workload, api

SLOW_SCAN_STEPS = 2
"""Steps of a scanned epoch with convolutions on a CPU, where one takes nearly a second (jax issue 12868)."""

RATIOS = (("keras", "kjax"), ("kjax", "loop"), ("kjax", "scan"), ("kjax", "scan_ordered"))
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


def run(options: argparse.Namespace) -> int:
    """Measure, print, write."""
    if options.memory:
        return memory.run(options)
    import jax

    names = options.models or (ON_CPU if jax.default_backend() == "cpu" else [*WORKLOADS])
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


def measure(workload: Workload, options: argparse.Namespace, compilations: timing.Compilations) -> dict[str, Any]:
    """All numbers of one workload."""
    import jax

    from benchmarks import candidates

    on_cpu = jax.default_backend() == "cpu"
    steps = options.steps or (workload.steps if on_cpu else workload.accelerator_steps)
    epochs = options.epochs or workload.epochs
    size = workload.batch_size
    x, y = workload.data(steps * size, np.random.default_rng(0))
    # Name: (what trains, batches in its epoch, epochs).
    timed: dict[str, tuple[Callable[[int], float], int, int]] = {}
    weights: list[np.ndarray] = []
    for name in ("kjax", "keras"):
        keras = api(name)
        keras.utils.set_random_seed(0)
        model = workload.build(keras)
        weights = [np.array(w) for w in model.get_weights()]
        timed[name] = candidates.fit(model, (x, y), size), steps, epochs
        timed[f"{name} call"] = candidates.fit(model, (x[:size], y[:size]), size), 1, 1
    if workload.by_hand is not None:
        timed["loop"] = candidates.jitted_step(workload.by_hand, weights, (x, y), size), steps, epochs
        slow = on_cpu and workload.convolutional
        scan_steps, scan_epochs = (min(steps, SLOW_SCAN_STEPS), 1) if slow else (steps, epochs)
        part = x[: scan_steps * size], y[: scan_steps * size]
        for name, shuffle in (("scan", True), ("scan_ordered", False)):
            train = candidates.scanned_epoch(workload.by_hand, weights, part, size, shuffle=shuffle)
            timed[name] = train, scan_steps, scan_epochs

    losses = {}
    for name, (train, _, count) in timed.items():
        environment.note(f"{workload.name}: warming up {name}")
        losses[name] = train(count)
        if not np.isfinite(losses[name]):
            raise environment.BenchmarkError(f"{workload.name}: the loss of {name} is {losses[name]}")
    before = compilations.count
    samples = timing.interleave(
        {name: lambda train=train, count=count: train(count) for name, (train, _, count) in timed.items()},
        options.repeat,
        lambda number: environment.note(f"{workload.name}: round {number + 1} of {options.repeat}"),
    )
    # A release of JAX that names its events otherwise: better no number than a wrong 0.
    compiled = compilations.count - before if before else None
    if compiled:
        environment.note(f"{workload.name}: {compiled} programs were compiled while the clock ran")

    main = [name for name in timed if not name.endswith(" call")]
    per_step = {n: [s / (timed[n][1] * timed[n][2]) * 1e6 for s in samples[n]] for n in main}
    medians = {n: statistics.median(values) for n, values in per_step.items()}
    cold = {} if options.no_cold else cold_starts(workload, steps, min(options.repeat, COLD_STARTS))
    return {
        "model": workload.name,
        "title": workload.title,
        "batch_size": size,
        "steps": {n: timed[n][1] for n in main},
        "epochs": {n: timed[n][2] for n in main},
        "microseconds_per_step": medians,
        "samples_per_second": {n: size / value * 1e6 for n, value in medians.items()},
        "ratios": {
            f"{a}/{b}": timing.ratio(per_step[a], per_step[b]) for a, b in RATIOS if a in medians and b in medians
        },
        "call_milliseconds": {n: statistics.median(samples[f"{n} call"]) * 1e3 for n in ("kjax", "keras")},
        "cold_seconds": {n: statistics.median(values) for n, values in cold.items()},
        "spread": {n: timing.spread(values) for n, values in per_step.items()},
        "compilations_while_timed": compiled,
        "loss_after_warm_up": losses,
        "rounds": per_step,
        "cold_rounds": cold,
    }


def cold_starts(workload: Workload, steps: int, rounds: int) -> timing.Samples:
    """Seconds of first fits, each in a fresh process; see :mod:`benchmarks.cold`."""
    samples: timing.Samples = {"kjax": [], "keras": []}
    for number in range(rounds):
        environment.note(f"{workload.name}: cold start {number + 1} of {rounds}")
        for name, values in samples.items():
            values.append(environment.run_json("benchmarks.cold", workload.name, name, str(steps))["seconds"])
    return samples


def text(rows: list[dict[str, Any]]) -> str:
    """The tables for people."""
    times = report.table(
        [
            "microseconds per step",
            "kjax fit",
            "Keras 3 fit",
            "jitted step, Python loop",
            "scanned epoch",
            "the same, unshuffled",
            "Keras / kjax",
            "kjax / scan",
            "kjax / unshuffled",
        ],
        [
            [
                row["title"],
                *(report.number(row["microseconds_per_step"].get(n)) for n in ("kjax", "keras", "loop", "scan")),
                report.number(row["microseconds_per_step"].get("scan_ordered")),
                *(report.number(row["ratios"].get(n)) for n in ("keras/kjax", "kjax/scan", "kjax/scan_ordered")),
            ]
            for row in rows
        ],
    )
    calls = report.table(
        [
            "",
            "cold, kjax (s)",
            "cold, Keras (s)",
            "fit of one batch, kjax (ms)",
            "Keras (ms)",
            "samples/s, kjax",
            "Keras",
        ],
        [
            [
                row["title"],
                *(report.number(row["cold_seconds"].get(n)) for n in ("kjax", "keras")),
                *(report.number(row["call_milliseconds"][n]) for n in ("kjax", "keras")),
                *(f"{row['samples_per_second'][n]:,.0f}" for n in ("kjax", "keras")),
            ]
            for row in rows
        ],
    )
    parts = [times, calls]
    busy = [f"{row['model']} {n} ±{s:.0%}" for row in rows for n, s in row["spread"].items() if s > BUSY]
    if busy:
        parts.append(f"The machine was busy, these varied from round to round: {', '.join(busy)}.")
    return "\n\n".join(parts)

"""Peak memory of `fit` on a large array, for kjax and Keras 3, each in a fresh process.

``python -m benchmarks.memory kjax|keras MEGABYTES`` is such a process; it prints its numbers as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import environment, report
from benchmarks.workloads import api

BATCH_SIZE = 512
FEATURES = 784
LIBRARIES = {"kjax": "kjax fit", "keras": "Keras 3 fit"}

_STATUS = Path("/proc/self/status")
_FORGET_PEAK = Path("/proc/self/clear_refs")


def reset_peak() -> bool:
    """Make the kernel forget the largest resident size so far; False where it cannot."""
    try:
        _FORGET_PEAK.write_text("5")
    except OSError:
        return False
    return True


def resident_bytes(peak: bool) -> int:
    """Resident size of this process: its peak, or the present one (where that is not to be had, the peak)."""
    field = "VmHWM:" if peak else "VmRSS:"
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(library: str, megabytes: int) -> dict[str, Any]:
    """Fit one epoch in this process.

    The model is trained on a small array before, so that most of what the libraries load and compile is not
    taken for a copy of the data.
    """
    keras = api(library)
    rng = np.random.default_rng(0)
    samples = max(megabytes * 10**6 // (4 * FEATURES) // BATCH_SIZE, 1) * BATCH_SIZE
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    few = 4 * BATCH_SIZE
    x, y = rng.random((few, FEATURES), dtype=np.float32), rng.integers(10, size=few)
    model.fit(x, y, batch_size=BATCH_SIZE, verbose=0)

    x, y = rng.random((samples, FEATURES), dtype=np.float32), rng.integers(10, size=samples)
    before = resident_bytes(peak=False)
    reset = reset_peak()
    model.fit(x, y, batch_size=BATCH_SIZE, verbose=0)
    peak = resident_bytes(peak=True)
    return {
        "library": library,
        "data_bytes": x.nbytes,
        "before_bytes": before,
        "peak_bytes": peak,
        "extra_bytes": max(peak - before, 0),
        "copies": max(peak - before, 0) / x.nbytes,
        "peak_was_reset": reset,
    }


def run(options: argparse.Namespace) -> int:
    """Measure both, print a table, write the JSON."""
    about = environment.describe()
    rows = []
    for library in LIBRARIES:
        environment.note(f"{library}: fit on {options.megabytes} MB")
        rows.append(environment.run_json("benchmarks.memory", library, str(options.megabytes)))
    print(environment.headline(about) + "\n")
    print(
        report.table(
            ["memory (MB)", "training data", "resident before fit", "peak in fit", "added", "added / data"],
            [
                [
                    LIBRARIES[row["library"]],
                    *(f"{row[n] / 1e6:,.0f}" for n in ("data_bytes", "before_bytes", "peak_bytes", "extra_bytes")),
                    f"{row['copies']:.2f}",
                ]
                for row in rows
            ],
        )
    )
    if not all(row["peak_was_reset"] for row in rows):
        print("\nThe kernel could not reset the peak: it may be that of the start, before fit.")
    if options.json:
        report.write_json(options.json, {"command": "fit --memory", "environment": about, "rows": rows})
    return 0


if __name__ == "__main__":
    environment.prepare()
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))

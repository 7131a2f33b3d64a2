"""Seconds to save and to load a large model in each format, beside writing and reading the same bytes, and peak memory.

Each row is a process of its own, which makes a model of Dense layers, saves it, and loads its weights into a second
one. Extra memory is how far the peak of the process rises while it saves or loads.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks import environment, report

FORMATS = {"raw": "raw bytes", **{name: name for name in (".keras", ".weights.h5", ".h5", ".npz", ".safetensors")}}
"""What is measured, and how it is called."""

PROGRAM = """
import json, os, resource, sys, time
import numpy as np
from kjax import keras

path, ending, width, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
layers = lambda: [keras.layers.Dense(width, use_bias=False, kernel_initializer="zeros") for _ in range(count)]
model, other = (keras.Sequential([keras.Input((width,)), *layers()]) for _ in range(2))
arrays = [np.random.default_rng(i).random((width, width), "float32") for i in range(count)]
model.set_weights(arrays)
other.set_weights(arrays)
if ending != "raw":
    del arrays

def measured(work):
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

def write_raw():
    with open(path, "wb") as file:
        for array in arrays:
            file.write(array.data)
        file.flush()
        os.fsync(file.fileno())

def read_raw():
    with open(path, "rb") as file:
        for array in arrays:
            file.readinto(array.data)

if ending == "raw":
    write, read = write_raw, read_raw
else:
    whole = ending in (".keras", ".h5")
    write = lambda: (model.save if whole else model.save_weights)(path + ending)
    read = lambda: other.load_weights(path + ending)
saved = measured(write)
loaded = measured(read)
print(json.dumps({"save": saved[0], "save memory": saved[1], "load": loaded[0], "load memory": loaded[1]}))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--width", type=report.positive, default=5000, help="units of a layer")
    parser.add_argument(
        "--layers", type=report.positive, default=4, help="layers; 4 of width 5000 hold 100 million weights"
    )
    parser.add_argument(
        "--repeat", type=report.positive, default=3, help="processes for each format; the fastest counts"
    )
    parser.add_argument("--json", metavar="FILE", help="write all numbers here, too")


def run(options: argparse.Namespace) -> int:
    """Measure, print, write."""
    about = environment.describe()
    found = {}
    with tempfile.TemporaryDirectory(prefix="kjax-benchmarks-") as folder:
        for ending, title in FORMATS.items():
            environment.note(title)
            runs = []
            for _ in range(options.repeat):
                arguments = [str(Path(folder) / "file"), ending, str(options.width), str(options.layers)]
                runs.append(json.loads(environment.run_python(["-c", PROGRAM, *arguments]).splitlines()[-1]))
                for path in Path(folder).iterdir():
                    path.unlink()
            found[ending] = {key: min(row[key] for row in runs) for key in runs[0]}
    raw = found["raw"]
    rows = [
        [
            title,
            report.number(found[ending]["save"]),
            f"{found[ending]['save'] / raw['save']:.2f}",
            report.number(found[ending]["save memory"]),
            report.number(found[ending]["load"]),
            f"{found[ending]['load'] / raw['load']:.2f}",
            report.number(found[ending]["load memory"]),
        ]
        for ending, title in FORMATS.items()
    ]
    print(environment.headline(about) + "\n")
    heads = ["format", "save, s", "/ raw", "extra MiB", "load, s", "/ raw", "extra MiB"]
    print(report.table(heads, rows))
    if options.json:
        report.write_json(options.json, {"environment": about, "rows": found})
    return 0

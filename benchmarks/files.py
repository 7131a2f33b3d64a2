"""Time to save and to load a large model in each format, beside writing and reading the same bytes, and peak memory.

Each row is a process of its own, which makes a model of Dense layers, saves it, and loads its weights into a second one.
It takes turns with raw bytes: written and synced to the disk as files are, and read into new memory, which a load needs since
arrays of JAX do not change. So both are measured under the same load; ratios of CPU time hold on a busy machine, too.
Extra memory is how far the peak of the process rises while it saves or loads.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from typing import Any

from benchmarks import environment, report

FORMATS = (".keras", ".weights.h5", ".h5", ".npz", ".safetensors", "orbax")
"""What is measured; ``orbax`` is a folder that the callback OrbaxCheckpoint writes."""

OF_KERAS = FORMATS[:3]
"""The formats of which real Keras is measured, too."""

PROGRAM = """
import json, os, shutil, sys, time
import jax
import numpy as np

folder, ending, library, width, count, repeat = *sys.argv[1:4], *map(int, sys.argv[4:])
if library == "keras":
    import keras
else:
    from kjax import keras

path, raw = os.path.join(folder, f"file{ending}"), os.path.join(folder, "raw")
dense = lambda i: keras.layers.Dense(width, use_bias=False, kernel_initializer="zeros", name=f"dense{i}")
model, other = (keras.Sequential([keras.Input((width,)), *map(dense, range(count))], name="net") for _ in range(2))
for net in (model, other):
    for layer in net.layers:  # one array at a time
        layer.set_weights([np.random.default_rng(0).random((width, width), "float32")])
settle = lambda: jax.block_until_ready([w.value for net in (model, other) for w in net.weights])

def kilobytes(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))

def measured(work):
    if os.path.exists("/proc/self/clear_refs"):
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak starts at what is used now
    before = kilobytes("VmRSS") if os.path.exists("/proc/self/status") else float("nan")
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    settle()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = kilobytes("VmHWM") if os.path.exists("/proc/self/status") else float("nan")
    return {"wall": wall, "cpu": cpu, "memory": (peak - before) / 1024}

def write_raw():
    with open(raw + ".tmp", "wb") as file:
        for weight in model.weights:
            file.write(np.asarray(weight.value).data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(raw + ".tmp", raw)

def read_raw():
    arrays = []
    with open(raw, "rb") as file:
        for weight in model.weights:
            arrays.append(np.empty(weight.shape, "float32"))
            file.readinto(arrays[-1].data)

if ending == "orbax":
    callback = keras.callbacks.OrbaxCheckpoint(path, save_on_background=False, save_weights_only=True, max_to_keep=None)
    callback.set_model(model)
    epochs = iter(range(repeat))
    write = lambda: callback.on_epoch_end(next(epochs), {})
else:
    write = lambda: (model.save if ending in (".keras", ".h5") else model.save_weights)(path)
works = {"raw write": write_raw, "raw read": read_raw, "save": write, "load": lambda: other.load_weights(path)}
rounds = [{name: measured(work) for name, work in works.items()} for _ in range(repeat)]
print(json.dumps({name: {key: min(r[name][key] for r in rounds) for key in rounds[0][name]} for name in works}))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--width", type=report.positive, default=5000, help="units of a layer")
    parser.add_argument(
        "--layers", type=report.positive, default=4, help="layers; 4 of width 5000 hold 100 million weights"
    )
    parser.add_argument("--repeat", type=report.positive, default=3, help="turns in each process; the fastest counts")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS, help="only these")
    parser.add_argument("--json", metavar="FILE", help="write all numbers here, too")


def run(options: argparse.Namespace) -> int:
    """Measure, print, write."""
    about = environment.describe()
    found: dict[str, dict[str, Any]] = {}
    for ending in options.formats:
        for library in ("kjax", "keras") if ending in OF_KERAS else ("kjax",):
            environment.note(f"{ending} by {library}")
            with tempfile.TemporaryDirectory(prefix="kjax-benchmarks-") as folder:
                numbers = [str(n) for n in (options.width, options.layers, options.repeat)]
                lines = environment.run_python(["-c", PROGRAM, folder, ending, library, *numbers]).splitlines()
            found[f"{ending} {library}"] = json.loads(lines[-1])
    print(environment.headline(about) + "\n")
    for work, raw, title in (
        ("save", "raw write", "Saving, beside writing the bytes and syncing them to the disk"),
        ("load", "raw read", "Loading into a model that has weights, beside reading the bytes into new memory"),
    ):
        heads = ["format", "", "wall, s", "raw, s", "/ raw", "CPU, s", "raw, s", "/ raw", "extra MiB"]
        print(f"{title}:\n\n{report.table(heads, [_row(name, row[work], row[raw]) for name, row in found.items()])}\n")
    if options.json:
        report.write_json(options.json, {"environment": about, "rows": found})
    return 0


def _row(name: str, own: dict[str, float], raw: dict[str, float]) -> list[str]:
    cells = [
        text for k in ("wall", "cpu") for text in (*map(report.number, (own[k], raw[k])), f"{own[k] / raw[k]:.2f}")
    ]
    return [*name.split(), *cells, report.number(own["memory"])]

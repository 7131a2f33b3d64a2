"""Broken files: every one is refused by an error of kjax, or loads.

``python -m tests.files.fuzz [COUNT [SEED]]`` tries COUNT (2,000) mutations of a file of each format in processes of their own,
and says which of them crashed, hung, took more than 1 GiB, or ended in another error.
"""

from __future__ import annotations

import functools
import io
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kjax import keras
from kjax.keras.saving import FileFormatError, load_exported

NAMES = ["a.keras", "a.h5", "a.weights.h5", "a.npz", "a.safetensors", "a.export"]
NAMES += ["a.index", "a.data", "a.graph", "a.metadata"]
"""The files that are broken."""

SECONDS = 30
"""How long one file may take."""

MEMORY = 1 << 30
"""Bytes that loading may take."""


def net() -> Any:
    """A model with several kinds of layers and with the state of an optimizer."""
    L = keras.layers
    layers = [keras.Input((6, 4)), L.Conv1D(3, 2), L.BatchNormalization(), L.GRU(2), L.Dense(2, activation="softmax")]
    model = keras.Sequential(layers, name="net")
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(np.ones((2, 6, 4), "float32"), np.ones((2, 2), "float32"))
    return model


def formats(model: Any, folder: Path) -> dict[str, Callable[[Path], Any]]:
    """Write a file of each format; how each is read, by file name."""
    model.save(folder / "a.keras")
    model.save(folder / "a.h5")
    for name in ("a.weights.h5", "a.npz", "a.safetensors"):
        model.save_weights(folder / name)
    model.export(folder / "a.export", platforms=("cpu",))
    weights = functools.partial(_load_weights, model)
    load = keras.models.load_model
    return {
        **tensorflow_formats(folder),
        "a.keras": load,
        "a.h5": load,
        "a.weights.h5": weights,
        "a.npz": weights,
        "a.safetensors": weights,
        "a.export": load_exported,
    }


TENSORFLOW = Path(__file__).parents[1] / "data" / "tensorflow" / "saved"

MEMBERS = {
    "index": "variables/variables.index",
    "data": "variables/variables.data-00000-of-00001",
    "graph": "saved_model.pb",
    "metadata": "keras_metadata.pb",
}
"""Parts of a folder of TensorFlow, by what their mutations are called."""


SOURCES = {"graph": "module"}
"""Which folder they are of, where it is not that of a recurrent model: this one has no metadata of Keras."""


def tensorflow_formats(folder: Path) -> dict[str, Callable[[Path], Any]]:
    """The parts of a folder that TensorFlow wrote; how the folder is read with one of them in its place, by file name."""
    readers = {}
    for name in MEMBERS:
        shutil.copy(TENSORFLOW / SOURCES.get(name, "rnn") / MEMBERS[name], folder / f"a.{name}")
        readers[f"a.{name}"] = functools.partial(_load_saved, TENSORFLOW / SOURCES.get(name, "rnn"), MEMBERS[name])
    return readers


def _load_saved(source: Path, member: str, path: Path) -> None:
    whole = path.with_name(f"{path.name}.saved")  # its name says which file it was
    shutil.rmtree(whole, ignore_errors=True)
    shutil.copytree(source, whole)
    shutil.copy(path, whole / member)
    keras.models.load_model(whole)


def _load_weights(model: Any, path: Path) -> None:
    model.load_weights(path)


# -- mutations ---------------------------------------------------------------------------------------------------


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Broken bytes: flipped bits, other bytes, an end that is missing, a piece twice or of zeros; inside archives too."""
    if data[:2] == b"PK" and rng.random() < 0.7:
        return _inside_archive(data, rng)
    return _broken(data, rng)


def _broken(data: bytes, rng: np.random.Generator) -> bytes:
    raw = np.frombuffer(data, np.uint8).copy()
    kind = rng.integers(5)
    if kind == 0:
        for place in rng.integers(len(raw), size=rng.integers(1, 9)):
            raw[place] ^= 1 << rng.integers(8)
    elif kind == 1:
        raw = raw[: rng.integers(len(raw))]
    else:
        # Most of what says how a file is to be read stands at its start.
        limit = len(raw) if rng.random() < 0.5 else min(len(raw), 2048)
        start = int(rng.integers(limit))
        stop = min(start + int(rng.integers(1, 65)), len(raw))
        if kind == 2:
            raw[start:stop] = rng.integers(256, size=stop - start)
        elif kind == 3:
            raw[start:stop] = rng.choice([0, 255])
        else:
            raw = np.concatenate([raw[:stop], raw[start:]])
    return raw.tobytes()


def _inside_archive(data: bytes, rng: np.random.Generator) -> bytes:
    """One member changed, with a checksum that is right."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = str(rng.choice(sorted(members)))
    if name.endswith(".json") and rng.random() < 0.8:
        members[name] = json.dumps(_other(json.loads(members[name]), rng)).encode()
    elif members[name]:
        members[name] = _broken(members[name], rng)
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as archive:
        for key, value in members.items():
            archive.writestr(key, value)
    return result.getvalue()


STRANGE: list[Any] = [
    None, True, -1, 0, 10**12, 1e300, "", "x", "../../x", [], [[]], {}, {"class_name": "Dense", "config": {}},
    {"class_name": "__tensor__", "config": {"value": [1], "dtype": "O"}}, [None, 10**9, 10**9],
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}, "linear", "Lambda",
]  # fmt: skip


def _other(tree: Any, rng: np.random.Generator) -> Any:
    """The tree with a value somewhere that does not belong there, or without something."""
    path: list[tuple[Any, Any]] = []
    node = tree
    while isinstance(node, (dict, list)) and node and (not path or rng.random() < 0.85):
        key = rng.choice(sorted(node)) if isinstance(node, dict) else int(rng.integers(len(node)))
        path.append((node, str(key) if isinstance(node, dict) else key))
        node = node[path[-1][1]]
    if not path:
        return STRANGE[rng.integers(len(STRANGE))]
    parent, key = path[-1]
    if rng.random() < 0.2:
        del parent[key]
    else:
        parent[key] = STRANGE[rng.integers(len(STRANGE))]
    return tree


def attempt(read: Callable[[Path], Any], path: Path) -> str | None:
    """None if a file was refused or loaded, otherwise what went wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)
    except FileFormatError as error:
        return None if path.name in str(error) else f"the message does not name the file: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


# -- by hand -----------------------------------------------------------------------------------------------------


def _worker(seed: int, name: str, start: int, stop: int, pipe: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        read = formats(net(), Path(folder))[name]
        data = (Path(folder) / name).read_bytes()
        attempt(read, Path(folder) / name)
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2 * MEMORY, used + 2 * MEMORY))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for i in range(start, stop):
            pipe.send(("begin", i, ""))
            path = Path(folder) / f"b{name}"
            path.write_bytes(mutate(data, np.random.default_rng([seed, i])))
            signal.alarm(SECONDS)
            problem = attempt(read, path)
            signal.alarm(0)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
            if grown > MEMORY:
                problem, before = f"{grown >> 20} MiB of memory", before + grown // 1024
            if problem:
                pipe.send(("problem", i, problem[:200]))
        pipe.send(("end", stop, ""))


def main(count: int, seed: int) -> int:
    """Try the mutations; the number of problems."""
    context, problems = multiprocessing.get_context("spawn"), 0
    for name in NAMES:
        start, found = 0, []
        while start < count:
            ours, theirs = context.Pipe(False)
            process = context.Process(target=_worker, args=(seed, name, start, count, theirs))
            process.start()
            theirs.close()
            kind = ""
            try:
                while kind != "end":
                    kind, start, text = ours.recv()
                    if kind == "problem":
                        found.append(f"{start}: {text}")
            except EOFError:
                process.join()
                found.append(f"{start}: the process ended with {process.exitcode} (hung if -{signal.SIGALRM.value})")
                start += 1
            process.join()
        problems += len(found)
        print(f"{name:14} {count} mutations, {len(found)} problems", *found, sep="\n    ", flush=True)
    return problems


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    numbers = [int(argument) for argument in sys.argv[1:]]
    raise SystemExit(main(*{0: (2000, 0), 1: (numbers[0] if numbers else 0, 0)}.get(len(numbers), tuple(numbers))) > 0)

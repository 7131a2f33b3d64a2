"""Broken files: every one is refused by an error of kjax, or loads.

``python -m tests.files.fuzz [COUNT [SEED [NAME ...]]]`` tries COUNT (2,000) mutations of a file of each format in processes of
their own, and says which of them crashed, hung, took more than 1 GiB, or ended in another error.
"""

from __future__ import annotations

import functools
import io
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kjax import keras
from kjax.keras.saving import FileFormatError, load_exported
from tests.files import mutations

NAMES = ["a.keras", "a.h5", "a.weights.h5", "a.npz", "a.safetensors", "a.export"]
NAMES += ["a.archive", "a.plain", "a.orbax", "a.shards", "a.json", "a.yaml"]
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
        **other_formats(model, folder),
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
    before = model.get_weights()
    try:
        model.load_weights(path)
    except Exception as error:
        same = zip(model.get_weights(), before, strict=True)
        if not all(np.array_equal(a, b, equal_nan=True) for a, b in same):
            raise AssertionError("the model is not what it was before") from error
        raise


# -- folders and configs -----------------------------------------------------------------------------------------


def other_formats(model: Any, folder: Path) -> dict[str, Callable[[Path], Any]]:
    """Files beside those that the model's own methods write; how each is read, by file name. Folders are packed."""
    model.save(folder / "plain", zipped=False)
    save = keras.callbacks.OrbaxCheckpoint(folder / "orbax", save_on_background=False)
    save.set_model(model)
    save.on_epoch_end(0, {})
    save.close()
    (folder / "shards").mkdir()
    model.save_weights(folder / "shards" / "x.weights.json", max_shard_size=4e-7)
    readers: dict[str, Callable[[Path], Any]] = {}
    for name, read in {
        "plain": keras.models.load_model,
        "orbax": keras.models.load_model,
        "shards": lambda path: _load_weights(model, path / "x.weights.json"),
    }.items():
        with zipfile.ZipFile(folder / f"a.{name}", "w") as archive:
            for path in sorted((folder / name).rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder / name))
        readers[f"a.{name}"] = functools.partial(_load_unpacked, read)
    (folder / "a.json").write_text(model.to_json())
    (folder / "a.yaml").write_text(model.to_yaml())
    readers["a.json"] = lambda path: keras.models.model_from_json(_text(path))
    readers["a.yaml"] = lambda path: keras.models.model_from_yaml(_text(path))
    archive = keras.export.ExportArchive(platforms=("cpu",))
    archive.track_and_add_endpoint("serve", model, [keras.InputSpec(shape=(None, 6, 4))])
    archive.write_out(folder / "a.archive", verbose=False)
    readers["a.archive"] = load_exported
    return readers


FOLDERS = ("a.plain", "a.orbax", "a.shards")
"""Files that are unpacked before they are read: only what is in them is changed."""

CONFIGS = ("a.json", "a.yaml")
"""Texts, which have no name."""


def _load_unpacked(read: Callable[[Path], Any], path: Path) -> None:
    whole = path.with_name(f"{path.name}.saved")  # its name says which file it was
    shutil.rmtree(whole, ignore_errors=True)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(whole)
    read(whole)


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def change(name: str, data: bytes, rng: np.random.Generator) -> bytes:
    """A broken file instead of one of those of :data:`NAMES`."""
    if name not in FOLDERS:
        return mutations.mutate(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {key: archive.read(key) for key in archive.namelist()}
    key = str(rng.choice(sorted(members)))
    members[key] = mutations.inside(key, members[key], rng)
    if rng.random() < 0.1:
        del members[key]
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as archive:
        for member, value in members.items():
            archive.writestr(member, value)
    return result.getvalue()


def attempt(read: Callable[[Path], Any], path: Path) -> str | None:
    """None if a file was refused or loaded, otherwise what went wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(path)
        except FileFormatError as error:
            named = path.name in str(error) or path.name.endswith(CONFIGS)
            return None if named else f"the message does not name the file: {error}"
        except Exception as error:
            if path.name.endswith(CONFIGS) and isinstance(error, (ValueError, TypeError)):
                return None
            if path.name.endswith(FOLDERS) and isinstance(error, OSError) and path.name in str(error):
                return None  # without the file that says what it is it is another folder, or none
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
            path.write_bytes(change(name, data, np.random.default_rng([seed, i])))
            signal.alarm(SECONDS)
            problem = attempt(read, path)
            signal.alarm(0)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
            if grown > MEMORY:
                problem, before = f"{grown >> 20} MiB of memory", before + grown // 1024
            if problem:
                pipe.send(("problem", i, problem[:200]))
        pipe.send(("end", stop, ""))


def main(count: int = 2000, seed: int = 0, names: Sequence[str] = NAMES) -> int:
    """Try the mutations; the number of problems."""
    context, problems = multiprocessing.get_context("spawn"), 0
    for name in names:
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
    given: dict[str, Any] = dict(zip(("count", "seed"), map(int, sys.argv[1:3]), strict=False))
    raise SystemExit(main(**given, names=sys.argv[3:] or NAMES) > 0)

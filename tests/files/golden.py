"""Recordings of real Keras 2.2.4 replayed: what kjax makes of a folder of files, compared with what was recorded.

``python -m tests.files.golden FOLDER [NAME ...]`` prints a table of all recordings in a folder.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kjax import keras
from tests.files import golden_fits


class Recording:
    """One folder: a model before and after training, its data, and what Keras computed.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.name
        described = folder / "meta.json"
        self.meta: dict[str, Any] = json.loads(described.read_text()) if described.exists() else {}
        self.inputs = self._arrays("inputs.npz", "x")
        self.outputs = self._arrays("outputs.npz", "y")
        self.batch = self.meta.get("batch") or 32
        found = folder / "train.npz"
        self.train: dict[str, np.ndarray] = dict(np.load(found)) if found.exists() else {}

    def _arrays(self, file: str, letter: str) -> list[np.ndarray]:
        data = np.load(self.folder / file)
        return [data[f"{letter}{i}"] for i in range(len(data.files))]

    def path(self, name: str) -> Path | None:
        """A file of the folder, if it is there."""
        found = self.folder / name
        return found if found.exists() else None

    def load(self, name: str = "model.h5") -> Any:
        """A model from a file."""
        return keras.models.load_model(self.folder / name)

    def data(self, letter: str, rows: slice = slice(None)) -> Any:
        """Rows of the inputs (``x``), targets (``t``) or weights (``sw``), as Keras takes them; None where there are none."""
        if letter == "x":
            arrays = self.inputs
        else:
            arrays = [self.train[f"{letter}{i}"] for i in range(len(self.outputs)) if f"{letter}{i}" in self.train]
        cut = [array[rows] for array in arrays]
        return None if not cut else cut[0] if len(cut) == 1 else cut

    def step(self, model: Any, number: int) -> np.ndarray:
        """Losses and metrics of a call of ``train_on_batch``."""
        rows = slice(number * self.batch, (number + 1) * self.batch)
        weights = {int(key): value for key, value in (self.meta.get("class_weight") or {}).items()} or None
        values = model.train_on_batch(
            self.data("x", rows), self.data("t", rows), sample_weight=self.data("sw", rows), class_weight=weights
        )
        return _in_order_of_keras2(model, values)


def _in_order_of_keras2(model: Any, values: Any) -> np.ndarray:
    """What a method returned, in the order of Keras 2, where the metrics came output by output."""
    values, names, outputs = np.atleast_1d(np.asarray(values, "float64")), model.metrics_names, model.output_names
    if len(outputs) == 1:
        return values
    losses = ["loss", *(f"{output}_loss" for output in outputs)]

    def place(name: str) -> tuple[int, int]:
        owner = next((i for i, output in enumerate(outputs) if name.startswith(f"{output}_")), 0)
        return (0, losses.index(name)) if name in losses else (1, owner)

    return values[sorted(range(len(names)), key=lambda i: place(names[i]))]


def error(got: Any, want: Any) -> float:
    """The largest difference, relative to values above 1."""
    got, want = np.asarray(got, "float64"), np.asarray(want, "float64")
    if got.shape != want.shape:
        raise ValueError(f"shape {got.shape} instead of {want.shape}")
    if not np.array_equal(np.isfinite(got), np.isfinite(want)):
        return float("inf")
    kept = np.isfinite(want)
    return float(np.max(np.abs(got - want)[kept] / np.maximum(np.abs(want[kept]), 1.0), initial=0.0))


def _outputs(model: Any, recording: Recording) -> float:
    got = model.predict(recording.data("x"), batch_size=recording.batch, verbose=0)
    got = got if isinstance(got, list) else [got]
    return max(error(a, b) for a, b in zip(got, recording.outputs, strict=True))


def compare(recording: Recording) -> Iterator[tuple[str, float]]:
    """Each thing that was recorded, and how far kjax is from it.

    Args:
        recording: the recording.
    """
    model = recording.load()
    yield "model.h5", _outputs(model, recording)
    for name, read in (("model.json", keras.models.model_from_json), ("model.yaml", keras.models.model_from_yaml)):
        if text := recording.path(name):
            copy = read(text.read_text())
            copy.load_weights(recording.path("weights.h5") or recording.folder / "model.h5")
            yield name, _outputs(copy, recording)
    if "losses" in recording.train:
        yield from _training(model, recording)
    if recording.path("model_after.h5"):
        resumed = recording.load("model_after.h5")
        want = recording.train["resume_losses"]
        yield "resumed", error([recording.step(resumed, i) for i in range(len(want))], want)
    if recording.path("fit.json"):
        yield from _fit(recording)


def _fit(recording: Recording) -> Iterator[tuple[str, float]]:
    """Calls of ``fit``: histories, weights, and what else was noted of them."""
    recorded = json.loads((recording.folder / "fit.json").read_text())
    data = dict(np.load(recording.folder / "fit_data.npz"))
    mid = recording.path("model_mid.h5")
    if mid:  # trained, saved, loaded, and trained further
        recorded = recorded["resumed"]
    model = recording.load("model_mid.h5" if mid else "model.h5")
    with tempfile.TemporaryDirectory() as folder:
        got, used = golden_fits.run(recording.name, model, recorded["params"], data, Path(folder))
        files = sorted(path.name for path in Path(folder).iterdir())
    if files != recorded.get("files", []):
        raise ValueError(f"files {files} instead of {recorded['files']}")
    want = recorded["history"]
    if set(got) != set(want):
        raise ValueError(f"logs {sorted(got)} instead of {sorted(want)}")
    yield "history", max(error(got[name], want[name]) for name in want)
    found = {key: getattr(c, key) for c in used for key in ("best", "stopped_epoch") if hasattr(c, key)}
    found["final_lr"] = model.optimizer.learning_rate
    for key in found.keys() & recorded.keys():
        yield key, error(found[key], recorded[key])
    if "predict_generator" in recorded:
        source = golden_fits.Numbered(16, data["x"], data["y"])
        yield "evaluate_generator", error(model.evaluate_generator(source), recorded["evaluate_generator"])
        yield "predict_generator", error(model.predict_generator(source), recorded["predict_generator"])
    trained = [w.numpy() for w in model.weights]
    model.load_weights(recording.folder / ("weights_resumed.h5" if mid else "weights_after_fit.h5"))
    yield "fit weights", max(error(a, b.numpy()) for a, b in zip(trained, model.weights, strict=True))


def _training(model: Any, recording: Recording) -> Iterator[tuple[str, float]]:
    train = recording.train
    plain = "plain_losses" in train
    x, t, w = (recording.data(letter) for letter in ("x", "t", "sw"))
    size = recording.meta.get("eval_batch") or recording.batch

    def evaluated() -> np.ndarray:
        return _in_order_of_keras2(model, model.evaluate(x, t, batch_size=size, sample_weight=w, verbose=0))

    yield "evaluate", error(evaluated(), train["eval_before"])
    want = train["plain_losses" if plain else "losses"]
    yield "losses", error([recording.step(model, i) for i in range(len(want))], want)
    yield "eval after", error(evaluated(), train["plain_eval_after" if plain else "eval_after"])
    file = recording.path("weights_after_plain_ema.h5") or recording.folder / "weights_after.h5"
    trained = [w.numpy() for w in model.weights]
    model.load_weights(file)
    yield "weights", max((error(a, b.numpy()) for a, b in zip(trained, model.weights, strict=True)), default=0.0)


def recordings(folder: Path) -> list[Path]:
    """The folders that hold a recording."""
    return sorted(path.parent for path in folder.glob("*/outputs.npz"))


def main(folder: Path, names: list[str]) -> int:
    """Print the table; the number of recordings that are not followed."""
    failed = 0
    for case in recordings(folder):
        if names and case.name not in names:
            continue
        parts = []
        try:
            for what, distance in compare(Recording(case)):
                parts.append(f"{what} {distance:.0e}{'' if distance <= limit(what) else ' !!'}")
        except Exception as problem:
            parts.append(f"!! {type(problem).__name__}: {str(problem)[:300]}")
        bad = any("!!" in part for part in parts)
        failed += bad
        print(f"{'FAIL' if bad else 'ok  '} {case.name:36} {'; '.join(parts)}", flush=True)
    print(f"{failed} recordings are not followed")
    return failed


def limit(what: str) -> float:
    """The largest difference: 1e-5 for predictions, 1e-4 for everything that training changes."""
    return 1e-5 if what.startswith("model.") else 1e-4


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]) > 0)

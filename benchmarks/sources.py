"""The same data through every kind of source, for kjax and for Keras 3."""

from __future__ import annotations

import atexit
import contextlib
import io
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workloads import Data

NAMES = ("arrays", "sequence", "workers", "generator", "tfds", "grain")
"""Arrays in memory; a ``PyDataset``; the same with two workers; an endless generator; a prepared data set of
tensorflow-datasets (Keras 3 without TensorFlow gets it as a ``PyDataset``); a ``MapDataset`` of grain."""


class Sources:
    """Data, and the arguments of ``fit`` that hand them over.

    Args:
        data: inputs and targets, a whole number of batches.
        batch_size: samples in a batch.
        steps: batches.
    """

    def __init__(self, data: Data, batch_size: int, steps: int) -> None:
        self.x, self.y = data
        self.batch_size = batch_size
        self.steps = steps
        self._folder: str | None = None

    def arguments(self, name: str, keras: Any) -> dict[str, Any]:
        """Arguments of one call of ``fit``.

        Args:
            name: one of :data:`NAMES`.
            keras: the library.
        """
        if name == "arrays":
            return {"x": self.x, "y": self.y, "batch_size": self.batch_size}
        if name in ("sequence", "workers"):
            return {"x": numbered(keras, self.batch, self.steps, workers=2 if name == "workers" else 1)}
        if name == "generator":
            return {"x": self.endless(), "steps_per_epoch": self.steps, "shuffle": False}
        if name == "grain":
            import grain

            return {"x": grain.MapDataset.range(self.steps).map(self.batch), "shuffle": False}
        examples = self.examples()
        if keras.__name__.startswith("kjax"):
            return {"x": examples}
        order = examples.order(0, 0)
        size = self.batch_size
        return {
            "x": numbered(keras, lambda i: examples.batch(order[i * size : (i + 1) * size]), self.steps, workers=2),
            "shuffle": False,
        }

    def batch(self, i: int) -> Data:
        """One batch, as views of the arrays: a source that costs nothing itself."""
        part = slice(i * self.batch_size, (i + 1) * self.batch_size)
        return self.x[part], self.y[part]

    def endless(self) -> Any:
        """The batches over and over."""
        while True:
            for i in range(self.steps):
                yield self.batch(i)

    def examples(self) -> Any:
        """The data as a data set that tensorflow-datasets has prepared."""
        from kjax.data import tfds

        if self._folder is None:
            self._folder = tempfile.mkdtemp(prefix="kjax-benchmarks-")
            atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
            with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
                _prepare(self.x, self.y, self._folder)
        return tfds.load("bench", "train", data_dir=self._folder, batch_size=self.batch_size, download=False)


def numbered(keras: Any, batch: Callable[[int], Any], steps: int, workers: int) -> Any:
    """A ``PyDataset`` of a library."""

    class Numbered(keras.utils.PyDataset):
        def __len__(self) -> int:
            return steps

        def __getitem__(self, index: int) -> Any:
            return batch(index)

    return Numbered(workers=workers)


def _prepare(x: np.ndarray, y: np.ndarray, folder: str) -> None:
    import tensorflow_datasets

    core, features = tensorflow_datasets.core, tensorflow_datasets.features

    class Bench(core.GeneratorBasedBuilder):
        """The samples of a benchmark."""

        VERSION = core.Version("1.0.0")

        def _info(self) -> Any:
            tensors = {
                "x": features.Tensor(shape=x.shape[1:], dtype=x.dtype),
                "y": features.Tensor(shape=y.shape[1:], dtype=y.dtype),
            }
            return core.DatasetInfo(builder=self, features=features.FeaturesDict(tensors), supervised_keys=("x", "y"))

        def _split_generators(self, dl_manager: Any) -> Any:
            return {"train": self._generate_examples()}

        def _generate_examples(self) -> Any:
            for i in range(len(x)):
                yield i, {"x": x[i], "y": y[i]}

    Bench(data_dir=folder, file_format="array_record").download_and_prepare()

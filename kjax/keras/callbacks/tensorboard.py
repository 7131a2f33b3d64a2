"""TensorBoard: logs of a training that the program ``tensorboard`` shows."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kjax.keras.callbacks import events
from kjax.keras.callbacks.base import Callback
from kjax.keras.core import doors

_IGNORED = ("batch_size", "write_grads")
"""Arguments of Keras 2 without a meaning here."""


class TensorBoard(Callback):
    """Writes logs for TensorBoard: metrics, and if asked histograms and pictures of weights, embeddings, a profile.

    Metrics of training go to the folder ``train``, those of validation to ``validation``, under the names that Keras
    uses: ``epoch_loss``, ``batch_loss``, ``evaluation_loss_vs_iterations``. Needs the package ``tensorboard``, but not
    TensorFlow. Show them with ``tensorboard --logdir LOG_DIR``.

    Args:
        log_dir: folder of the logs.
        histogram_freq: write the distribution of each weight every so many epochs; 0 never.
        write_graph: write the graph of a functional or sequential model.
        write_images: write weights as pictures too, as often as histograms.
        write_steps_per_second: write the speed too.
        update_freq: ``'epoch'``, ``'batch'``, or after how many batches the metrics are written besides; the loop
            runs compiled between.
        profile_batch: number of a batch (from 1), or the first and last of some, that the profiler of JAX records.
        embeddings_freq: write the tables of embedding layers for the projector every so many epochs; 0 never.
        embeddings_metadata: file with a label for each row, or a dict of such by name of the layer.
        embeddings_layer_names: Keras 2: names of the layers; all embedding layers by default.
        embeddings_data: Keras 2: inputs of the model; what the layers make of them is written, not their tables.
        **kwargs: ``batch_size`` and ``write_grads`` of Keras 2, which are not used.

    Raises:
        ImportError: ``tensorboard`` is not installed.
        ValueError: an argument that cannot be used; with ``embeddings_metadata``, when the training begins.

    Example:

        >>> callback = TensorBoard("logs", update_freq=100)  # doctest: +SKIP
    """

    lasting = ("_before_epoch", "_done", "_epoch")

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
        *,
        embeddings_layer_names: Sequence[str] | None = None,
        embeddings_data: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        for name in kwargs:
            if name not in _IGNORED:
                raise TypeError(f"TensorBoard: unknown argument {name!r}")
        if kwargs.get("write_grads"):
            warnings.warn("TensorBoard: write_grads is not supported; no gradients are written", stacklevel=2)
        events.need_tensorboard()
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        is_count = isinstance(self.update_freq, int) and not isinstance(self.update_freq, bool) and self.update_freq > 0
        if self.update_freq != "epoch" and not is_count:
            raise ValueError(
                f"TensorBoard: update_freq is 'epoch', 'batch' or a positive integer, received {update_freq!r}"
            )
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self.embeddings_layer_names = embeddings_layer_names
        self.embeddings_data = embeddings_data
        self._start_batch, self._stop_batch = _range_of(profile_batch)
        self._files: dict[str, events.EventFile] = {}
        self._is_tracing = False
        self._before_epoch = 0  # batches of the epochs before
        self._done = 0  # batches of this one
        self._epoch = -1
        self._clock = (0.0, 0)  # when the speed was written last, and how many batches were done then

    # -- when ----------------------------------------------------------------------------------------------------

    def batches_until(self, step: int) -> int | None:
        """How many batches may run before this has to be called."""
        done = self._before_epoch + step
        waits = [self.update_freq - done % self.update_freq] if isinstance(self.update_freq, int) else []
        waits += [batch - done for batch in (self._start_batch - 1, self._stop_batch) if batch > done]
        return min(waits, default=None)

    @property
    def summary(self) -> Any:
        """The functions of ``tf.summary``, which write event files without TensorFlow here: ``summary.scalar(...)``."""
        return doors.summaries.functions()

    def _file(self, part: str) -> events.EventFile:
        if part not in self._files:
            self._files[part] = events.EventFile(os.path.join(self.log_dir, part))
        return self._files[part]

    # -- training ------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: Any = None) -> None:
        self._files = {}
        self._before_epoch = self._done = 0
        self._epoch = -1
        self._clock = (time.perf_counter(), 0)
        if self.write_graph:
            nodes = list(_graph_of(self.model))
            if nodes:
                self._file("train").add_graph(nodes)
        if self.embeddings_freq:
            self._describe_embeddings()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch != self._epoch:  # otherwise it goes on in the middle
            self._before_epoch += self._done
            self._done = 0
        self._epoch = epoch
        self._epoch_clock = (time.perf_counter(), self._before_epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._start_batch and self._before_epoch + batch + 1 == self._start_batch:
            self._start_trace()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._done = batch + 1
        done = self._before_epoch + self._done
        if self._is_tracing and done >= self._stop_batch:
            self._stop_trace()
        if isinstance(self.update_freq, str) or done % self.update_freq:
            return
        summaries = [events.scalar(f"batch_{name}", value) for name, value in (logs or {}).items()]
        if self.write_steps_per_second:
            summaries.append(events.scalar("batch_steps_per_second", self._speed(self._clock, done)))
            self._clock = (time.perf_counter(), done)
        self._file("train").add(summaries, done)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = logs or {}
        train = {f"epoch_{k}": v for k, v in logs.items() if not k.startswith("val_")} | self._learning_rates(logs)
        if self.write_steps_per_second:
            self._done = max(self._done, self._steps_of_epoch())
            done = self._before_epoch + self._done
            train["epoch_steps_per_second"] = self._speed(self._epoch_clock, done)
        summaries = [events.scalar(name, value) for name, value in train.items()]
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            summaries += self._weights()
        self._file("train").add(summaries, epoch)
        validation = [events.scalar(f"epoch_{k[4:]}", v) for k, v in logs.items() if k.startswith("val_")]
        if validation:
            self._file("validation").add(validation, epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        self._done = max(self._done, self._steps_of_epoch())

    def on_train_end(self, logs: Any = None) -> None:
        if self._is_tracing:
            self._stop_trace()

    def on_test_end(self, logs: Any = None) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            summaries = [events.scalar(f"evaluation_{k}_vs_iterations", v) for k, v in (logs or {}).items()]
            self._file("validation").add(summaries, int(optimizer.iterations))

    def _steps_of_epoch(self) -> int:
        params = self.params or {}
        if params.get("steps") is None and params.get("batch_size"):  # what Keras 2 told of arrays
            return -(-int(params["samples"]) // int(params["batch_size"]))
        return int(params.get("steps") or 0)

    @staticmethod
    def _speed(since: tuple[float, int], done: int) -> float:
        return (done - since[1]) / max(time.perf_counter() - since[0], 1e-9)

    def _learning_rates(self, logs: Mapping[str, Any]) -> dict[str, float]:
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        several = getattr(optimizer, "optimizers", None)
        if several:
            found = {f"learning_rate_{part.name}": _rate_of(part) for part in several}
        else:
            found = {"learning_rate": _rate_of(self.model.optimizer)}
        return {f"epoch_{k}": float(np.asarray(v)) for k, v in found.items() if v is not None and k not in logs}

    # -- weights -------------------------------------------------------------------------------------------------

    def _weights(self) -> Iterator[Any]:
        for layer in self.model.layers:
            for weight in layer.weights:
                value = weight.numpy()
                yield events.histogram(f"{weight.path}/histogram", value)
                picture = events.picture_of(value) if self.write_images else None
                if picture is not None:
                    yield events.images(f"{weight.path}/image", picture)

    def _embedding_layers(self) -> list[Any]:
        from kjax.keras.layers import Embedding  # pyright: ignore[reportAttributeAccessIssue]

        if self.embeddings_layer_names is not None:
            return [self.model.get_layer(name) for name in self.embeddings_layer_names]
        return [layer for layer in self.model.layers if isinstance(layer, Embedding)]

    def _describe_embeddings(self) -> None:
        from google.protobuf import text_format
        from tensorboard.plugins.projector import projector_config_pb2

        layers = self._embedding_layers()
        metadata = self.embeddings_metadata
        if isinstance(metadata, Mapping):
            unknown = [name for name in metadata if name not in [layer.name for layer in layers]]
            if unknown:
                raise ValueError(
                    f"TensorBoard: embeddings_metadata names {unknown[0]!r}, which is not among the embedding layers "
                    f"{[layer.name for layer in layers]}"
                )
        config: Any = vars(projector_config_pb2)["ProjectorConfig"]()
        for layer in layers:
            entry = config.embeddings.add()
            entry.tensor_name = layer.name
            entry.tensor_path = f"{layer.name}.tsv"
            path = metadata.get(layer.name) if isinstance(metadata, Mapping) else metadata
            if path is not None:
                entry.metadata_path = os.fspath(path)
        os.makedirs(self.log_dir, exist_ok=True)
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w") as file:
            file.write(text_format.MessageToString(config))

    def _write_embeddings(self) -> None:
        for layer in self._embedding_layers():
            if self.embeddings_data is None:
                table = layer.get_weights()[0]
            else:
                table = self.model._up_to(layer.output).predict(self.embeddings_data, verbose=0)
            rows = table.reshape(len(table), -1)
            np.savetxt(os.path.join(self.log_dir, f"{layer.name}.tsv"), rows, fmt="%.8g", delimiter="\t")

    # -- profile -------------------------------------------------------------------------------------------------

    def _start_trace(self) -> None:
        import jax

        folder = os.path.join(self.log_dir, "train")
        os.makedirs(folder, exist_ok=True)
        jax.profiler.start_trace(folder)
        self._is_tracing = True

    def _stop_trace(self) -> None:
        import jax

        self._is_tracing = False
        jax.block_until_ready([v.value for v in self.model.weights])  # the last batch is still being worked on
        jax.profiler.stop_trace()


def _rate_of(optimizer: Any) -> Any:
    """The learning rate; None for an Optax transformation that does not tell it."""
    try:
        return getattr(optimizer, "learning_rate", None)
    except ValueError:
        return None


def _range_of(batches: Any) -> tuple[int, int]:
    """First and last batch to profile."""
    given = batches
    if isinstance(batches, str):  # "5" or "10,20"
        batches = tuple(int(part) if part.strip().isdigit() else -1 for part in batches.split(","))
    if isinstance(batches, (list, tuple)) and len(batches) == 1:
        batches = batches[0]
    first, last = batches if isinstance(batches, (list, tuple)) and len(batches) == 2 else (batches, batches)
    if not isinstance(first, int) or not isinstance(last, int) or not 0 <= first <= last or (first == 0 and last > 0):
        raise ValueError(
            "TensorBoard: profile_batch is 0, the number of a batch (from 1), or two, the first and the last one; "
            f"received {given!r}"
        )
    return first, last


def _graph_of(model: Any, scope: str = "", sources: Any = None) -> Iterator[tuple[str, str, list[str], Any]]:
    """Nodes of a functional or sequential model: name, kind, what it takes from, shape; models inside are scopes."""
    plan = getattr(model, "_plan", None)
    if plan is None:
        return
    names: dict[int, str] = {}
    for i, tensor in enumerate(plan.inputs):
        names[id(tensor)] = scope + tensor._keras_history[0].name
        yield names[id(tensor)], "InputLayer", [sources[i]] if sources else [], tensor.shape
    calls: dict[int, int] = {}
    for node in plan.nodes:
        layer = node.layer
        count = calls[id(layer)] = calls.get(id(layer), 0) + 1
        name = f"{scope}{layer.name}" + (f"_{count - 1}" if count > 1 else "")
        taken = [names[id(t)] for t in node.sources]
        inner = getattr(layer, "_plan", None)
        if inner is None:
            names.update((id(t), name) for t in node.outputs)
            kind = getattr(layer, "_class_label", type(layer).__name__)
            yield name, kind, taken, node.outputs[0].shape
            continue
        ends: dict[int, str] = {}
        for entry in _graph_of(layer, f"{name}/", taken):
            ends[len(ends)] = entry[0]
            yield entry
        # The outputs of the model inside are those of its last calls.
        last = ends[len(ends) - 1]
        names.update((id(t), last) for t in node.outputs)

"""The TensorBoard callback: what it writes, read back by TensorBoard itself."""

from __future__ import annotations

import builtins
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import optax
import pytest

from kjax import keras
from kjax.keras.callbacks import events

pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")

X = np.random.default_rng(0).integers(0, 10, (40, 6))
Y = np.random.default_rng(1).standard_normal((40, 1)).astype("float32")


def build():
    layers = keras.layers
    tensor = keras.Input((6,), name="in")
    table = layers.Embedding(10, 3, name="table")(tensor)
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="wide")], name="inner")
    hidden = inner(layers.GlobalAveragePooling1D(name="mean")(table))
    model = keras.Model(tensor, layers.Dense(1, name="out")(hidden))
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def read(folder):
    """Scalars as {tag: [(step, value)]}, and tags of the other kinds."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder))
    reader.Reload()
    scalars, others = {}, {}
    for tag in reader.Tags()["tensors"]:
        kind = reader.SummaryMetadata(tag).plugin_data.plugin_name
        if kind == "scalars":
            scalars[tag] = [(e.step, float(np.ravel(e.tensor_proto.float_val)[0])) for e in reader.Tensors(tag)]
        else:
            others[tag] = kind
    return scalars, others, reader


def test_metrics_of_epochs_and_batches(tmp_path):
    model = build()
    board = keras.callbacks.TensorBoard(tmp_path, update_freq=3, write_steps_per_second=True)
    seen = []
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    run = model.fit(X, Y, epochs=2, batch_size=10, verbose=0, validation_data=(X, Y), callbacks=[board, watch])
    train, _, reader = read(tmp_path / "train")
    validation, _, _ = read(tmp_path / "validation")
    for name in ("loss", "mae"):
        assert [s for s, _ in train[f"epoch_{name}"]] == [0, 1]
        np.testing.assert_allclose([v for _, v in train[f"epoch_{name}"]], run.history[name], rtol=1e-6)
        np.testing.assert_allclose([v for _, v in validation[f"epoch_{name}"]], run.history[f"val_{name}"], rtol=1e-6)
        assert [s for s, _ in validation[f"evaluation_{name}_vs_iterations"]] == [4, 8]
    # Eight batches in two epochs: every third is written.
    assert [s for s, _ in train["batch_loss"]] == [3, 6]
    np.testing.assert_allclose([v for _, v in train["batch_loss"]], [seen[2], seen[5]], rtol=1e-6)
    assert [v for _, v in train["epoch_learning_rate"]] == pytest.approx([0.01, 0.01])
    assert all(v > 0 for tag in ("batch", "epoch") for _, v in train[f"{tag}_steps_per_second"])
    nodes = {node.name: (node.op, list(node.input)) for node in _graph(reader).node}
    assert nodes["table"] == ("Embedding", ["in"])
    assert nodes["inner/wide"][0] == "Dense"
    assert nodes["out"] == ("Dense", ["inner/wide"])


def _graph(reader):
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    graph = GraphDef()
    graph.ParseFromString(reader.Graph().SerializeToString())
    return graph


def test_the_loop_runs_compiled_between_the_batches_that_are_written(tmp_path):
    board = keras.callbacks.TensorBoard(tmp_path, update_freq=5, profile_batch=(8, 9))
    assert [board.batches_until(step) for step in (0, 4, 5, 7, 8, 9)] == [5, 1, 2, 2, 1, 1]
    assert keras.callbacks.TensorBoard(tmp_path).batches_until(0) is None


def test_weights_pictures_and_embeddings(tmp_path):
    model = build()
    board = keras.callbacks.TensorBoard(
        tmp_path, histogram_freq=2, write_images=True, embeddings_freq=1, embeddings_metadata="labels.tsv"
    )
    model.fit(X, Y, epochs=3, verbose=0, callbacks=board)
    _, others, reader = read(tmp_path / "train")
    assert others["table/embeddings/histogram"] == "histograms"
    assert others["out/kernel/image"] == "images"
    assert [e.step for e in reader.Tensors("out/kernel/histogram")] == [0, 2]
    np.testing.assert_allclose(np.loadtxt(tmp_path / "table.tsv"), model.layers[1].get_weights()[0], rtol=1e-6)
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "table.tsv"' in config and 'metadata_path: "labels.tsv"' in config
    wrong = keras.callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"tabel": "x.tsv"})
    with pytest.raises(ValueError, match="tabel"):
        model.fit(X, Y, verbose=0, callbacks=wrong)


def test_embeddings_of_data_as_in_keras_2(tmp_path):
    model = build()
    board = keras.callbacks.TensorBoard(
        tmp_path, embeddings_freq=1, embeddings_layer_names=["mean"], embeddings_data=X[:7], batch_size=32
    )
    model.fit(X, Y, verbose=0, callbacks=board)
    expected = keras.Model(model.inputs, model.get_layer("mean").output).predict(X[:7], verbose=0)
    np.testing.assert_allclose(np.loadtxt(tmp_path / "mean.tsv"), expected, rtol=1e-5)


def test_a_picture_is_a_png_that_others_read():
    image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra 'plot'")
    levels = np.random.default_rng(0).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(image.open(io.BytesIO(events.png(levels)))), levels)


@pytest.mark.parametrize(
    ("shape", "pictures"),
    [((5,), (1, 1, 5, 1)), ((7, 2), (1, 2, 7, 1)), ((2, 7), (1, 2, 7, 1)), ((3, 4, 6), (6, 3, 4, 1)),
     ((3, 3, 3, 8), (8, 3, 3, 3)), ((3, 3, 5, 8), None), ((), (1, 1, 1, 1))],
)  # fmt: skip
def test_weights_as_pictures(shape, pictures):
    made = events.picture_of(np.random.default_rng(0).standard_normal(shape))
    assert (None if made is None else made.shape) == pictures
    assert made is None or (made.min() >= 0 and made.max() <= 1)


def test_a_profile(tmp_path):
    board = keras.callbacks.TensorBoard(tmp_path, profile_batch="2,3")
    build().fit(X, Y, batch_size=10, verbose=0, callbacks=board)
    assert list((tmp_path / "train").rglob("*.xplane.pb"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"update_freq": 0}, "update_freq"),
        ({"update_freq": "often"}, "update_freq"),
        ({"profile_batch": (5, 2)}, "profile_batch"),
        ({"profile_batch": "2,x"}, "profile_batch"),
        ({"histogram_frequency": 1}, "histogram_frequency"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        keras.callbacks.TensorBoard("logs", **arguments)


def test_without_tensorboard(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("tensorboard"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr("importlib.import_module", lambda name: refuse(name))
    with pytest.raises(ImportError, match=r"kjax\[tensorboard\]"):
        keras.callbacks.TensorBoard("logs")


def _get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/data/{path}", timeout=5) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_the_program_serves_the_same_numbers(tmp_path):
    run = build().fit(X, Y, epochs=3, verbose=0, callbacks=keras.callbacks.TensorBoard(tmp_path))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [sys.executable, "-m", "tensorboard.main", "--logdir", str(tmp_path), "--port", str(port)]
    log = open(tmp_path / "log.txt", "wb")  # noqa: SIM115
    server = subprocess.Popen(program, stdout=log, stderr=log, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                if "train" in _get(port, "runs"):
                    break
            except OSError:
                pass
            assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "log.txt").read_text()
            time.sleep(0.5)
        rows = _get(port, "plugin/scalars/scalars?run=train&tag=epoch_loss")
        assert [row[1] for row in rows] == [0, 1, 2]
        np.testing.assert_allclose([row[2] for row in rows], run.history["loss"], rtol=1e-6)
        assert _get(port, "plugin/graphs/info")["train"]["run_graph"]
    finally:
        server.terminate()
        server.wait()
        log.close()


def test_an_optimizer_that_tells_no_learning_rate(tmp_path):
    model = build()
    model.compile(optax.adam(1e-3), "mse")
    model.fit(X, Y, verbose=0, callbacks=keras.callbacks.TensorBoard(tmp_path))
    train, _, _ = read(tmp_path / "train")
    assert set(train) == {"epoch_loss"}
    clone = keras.models.clone_model(model)
    assert clone.compiled and clone.optimizer is not model.optimizer

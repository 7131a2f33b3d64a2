"""Checkpoints and saved models that TensorFlow wrote: predictions, the training that goes on, and damaged files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras.core.settings import settings
from kjax.keras.legacy.tensorflow import saved, training
from kjax.keras.legacy.tensorflow.variables import Variable
from kjax.keras.saving.errors import FileFormatError
from kjax.keras.saving.tensorflow import checksum, table
from kjax.keras.saving.tensorflow.bundle import Bundle
from kjax.keras.saving.tensorflow.saved_model import _METADATA, _plain
from kjax.keras.saving.tensorflow.wire import parse
from tests.files.mutations import mutate

DATA = Path(__file__).parents[1] / "data" / "tensorflow" / "saved"
L = keras.layers


class Sub(keras.Model):
    """A class with a list of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = [L.Dense(3, activation="relu"), L.Dense(3)]
        self.head = L.Dense(1)
        self.norm = L.BatchNormalization()

    def call(self, x: Any, training: bool = False) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x, training=training))


def recorded(name: str) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Inputs, targets, outputs, and losses of the steps that followed."""
    with np.load(DATA / f"{name}.npz") as file:
        listed = [[file[k] for k in sorted(file) if k[0] == kind and k[1:].isdigit()] for kind in "xyp"]
        return listed[0], listed[1], listed[2], file["losses"] if "losses" in file else np.zeros(0)


def one(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def agrees(model: Any, name: str, steps: bool = True) -> None:
    x, y, expected, losses = recorded(name)
    outputs = model.predict(one(x), verbose=0)
    for found, wanted in zip(outputs if isinstance(outputs, list) else [outputs], expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    if steps:
        found = [float(np.ravel(model.train_on_batch(one(x), one(y)))[0]) for _ in losses]
        np.testing.assert_allclose(found, losses, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["cnn", "two", "nested", "rnn"])
def test_saved_models_predict_and_train_on(name: str):
    model = keras.models.load_model(DATA / name)
    agrees(model, name)
    other = keras.models.clone_model(model)
    assert other.load_weights(DATA / name).missing == []
    for array, kept in zip(
        other.get_weights(), keras.models.load_model(DATA / name, compile=False).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(array, kept)


@pytest.mark.parametrize(("era", "name"), [("tf", "two"), ("tf", "rnn"), ("2", "cnn")])
def test_scripts_of_older_generations_open_them_too(era: str, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settings, "era", era)  # where weights are called `dense/kernel:0`
    model = keras.models.load_model(DATA / name)
    agrees(model, name, steps=era == "tf")  # the steps were recorded by tf.keras
    status = model.load_weights(DATA / name)
    assert (status.missing, [key for key in status.unused if "optimizer" in key.lower()]) == ([], [])


def test_a_checkpoint_of_a_class_with_its_optimizer():
    model = Sub()
    model.build((None, 4))
    model.compile(keras.optimizers.RMSprop(0.01), "mse")
    latest = training.latest_checkpoint(DATA)  # the folder was moved since
    assert latest == str(DATA / "sub.ckpt")
    model.load_weights(latest).expect_partial().assert_existing_objects_matched()
    agrees(model, "sub")


def test_attention_by_a_checkpoint():
    inputs = keras.Input((3, 4))
    x = L.GlobalAveragePooling1D()(L.MultiHeadAttention(2, 2)(inputs, inputs))
    model = keras.Model(inputs, L.Dense(1)(x))
    model.compile(keras.optimizers.SGD(0.3, momentum=0.9), "mse")
    model.load_weights(DATA / "attention.ckpt")
    agrees(model, "attention")  # with the learning rate of the checkpoint


def test_names_of_a_saver():
    layers = [L.LSTM(2, name="first"), L.BatchNormalization(name="norm"), L.Dense(2, name="last")]
    model = keras.Sequential([keras.Input((4, 3)), *layers])
    model.load_weights(DATA / "saver.ckpt", by_name=True).assert_existing_objects_matched()
    agrees(model, "saver", steps=False)
    shapes = dict(training.list_variables(DATA / "saver.ckpt"))
    assert shapes["first/kernel"] == [3, 8]
    np.testing.assert_array_equal(training.load_variable(DATA / "saver.ckpt", "last/bias"), model.get_weights()[-1])


def test_objects_of_a_checkpoint():
    step, values = Variable(0), [Variable([0.0, 0.0])]
    checkpoint = training.Checkpoint(step=step, values=values)
    status = checkpoint.restore(str(DATA / "objects-1"))
    assert int(step.numpy()) == 7 and int(checkpoint.save_counter) == 1
    np.testing.assert_array_equal(values[0].numpy(), [1.0, 2.0])
    assert [name for name in status.unused] == ["values/1/.ATTRIBUTES/VARIABLE_VALUE"]
    assert Bundle(str(DATA / "objects-1")).read(status.unused[0]).tolist() == [b"a", b"bc"]


def test_a_loop_of_ones_own_goes_on():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="relu"), L.Dense(1)])
    optimizer = keras.optimizers.Adam(0.5)
    status = training.Checkpoint(model=model, optimizer=optimizer).restore(str(DATA / "mgr"))
    status.assert_consumed()
    assert int(optimizer.iterations) == 3
    x, y, expected, _ = recorded("mgr")
    model.compile(optimizer, "mse")
    model.train_on_batch(x[0], y[0])
    np.testing.assert_allclose(model.predict(x[0], verbose=0), expected[0], atol=1e-6)


class Wide(keras.Model):
    """A class with arguments, which was registered in a package."""

    def __init__(self, u: int = 3, **options: Any) -> None:
        super().__init__(**options)
        self.d, self.o = L.Dense(u, activation="relu"), L.Dense(1)

    def call(self, x: Any) -> Any:
        return self.o(self.d(x))


def test_a_class_that_is_given_is_rebuilt():
    with pytest.raises(FileFormatError, match=r"class 'my>Sub'.*custom_objects"):
        keras.models.load_model(DATA / "class")
    for name in ("Sub", "my>Sub"):
        model = keras.models.load_model(DATA / "class", custom_objects={name: Wide})
        agrees(model, "class", steps=False)
        assert int(model.optimizer.iterations) == 1


def test_what_does_not_fit_is_said_and_changes_nothing():
    model = keras.Sequential([keras.Input((4,)), L.Dense(3), L.Dense(2)])
    before = model.get_weights()
    with pytest.raises(FileFormatError, match=r"cnn\.ckpt\.index.*2 layers with weights, the checkpoint has 3"):
        model.load_weights(DATA / "cnn.ckpt")
    with pytest.raises(ValueError, match="by_name is not for checkpoints"):
        model.load_weights(DATA / "cnn.ckpt", by_name=True)
    wider = keras.Sequential(
        [keras.Input((5, 5, 1)), L.Conv2D(3, 2), L.BatchNormalization(), L.Flatten(), L.Dense(4, name="wide")]
    )
    with pytest.raises(FileFormatError, match=r"wide/kernel' has shape \(48, 4\), the checkpoint has \(48, 2\)"):
        wider.load_weights(DATA / "cnn.ckpt")
    with pytest.warns(UserWarning, match="not loaded: .*wide"):
        wider.load_weights(DATA / "cnn.ckpt", skip_mismatch=True)
    np.testing.assert_array_equal(
        wider.get_weights()[0],
        Bundle(str(DATA / "cnn.ckpt")).read("layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE"),
    )
    for array, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_folders_without_a_model_of_keras(tmp_path: Path):
    with pytest.raises(FileFormatError, match=r"module.*only TensorFlow can run"):
        keras.models.load_model(DATA / "module")
    folder = tmp_path / "two"
    shutil.copytree(DATA / "two", folder)
    shutil.rmtree(folder / "variables")
    with pytest.raises(FileFormatError, match=r"two.*'variables' is missing"):
        keras.models.load_model(folder)


def field(number: int, data: bytes) -> bytes:
    """A field of a message, with its length."""
    size, left = b"", len(data)
    while left > 127:
        size, left = size + bytes([left & 127 | 128]), left >> 7
    return bytes([number << 3 | 2]) + size + bytes([left]) + data


def test_metadata_of_tensorflow_before_2_5_lie_in_the_program(tmp_path: Path):
    folder = tmp_path / "cnn"
    shutil.copytree(DATA / "cnn", folder)
    text = parse((folder / "keras_metadata.pb").read_bytes(), _METADATA)["nodes"][0]["metadata"]
    (folder / "keras_metadata.pb").unlink()
    user = field(1, b"_tf_keras_sequential") + field(3, text.encode())
    (folder / "saved_model.pb").write_bytes(field(2, field(7, field(1, field(4, user)))))
    assert saved.contains_saved_model(folder) and not saved.contains_saved_model(tmp_path)
    agrees(keras.models.load_model(folder), "cnn", steps=False)


def test_shapes_and_tuples_are_lists():
    config = {"a": {"class_name": "__tuple__", "items": [None, {"class_name": "TensorShape", "items": [3]}]}, "b": [1]}
    assert _plain(config) == {"a": [None, [3]], "b": [1]}


def test_checksums():
    assert checksum.crc32c(b"123456789") == 0xE3069283  # RFC 3720's check value
    data = np.random.default_rng(0).integers(0, 256, 10007, dtype=np.uint8).tobytes()
    assert checksum.crc32c(data) == checksum._run(data, 0xFFFFFFFF) ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "result"),
    [
        (b"\x05\x10hello", b"hello"),
        (b"\x08\x04ab\x16\x02\x00", b"abababab"),  # a copy that overlaps itself
        (b"\x04\x04ab\x16\x02\x00", None),
        (b"\x05\x10hell", None),
        (b"\x05\x05\x09", None),
        (b"\xff\xff\xff\xff\x0f\x00a", None),
    ],
)
def test_snappy(data: bytes, result: bytes | None):
    if result is None:
        with pytest.raises(ValueError, match=r"compressed|block"):
            table.unsnappy(data)
    else:
        assert table.unsnappy(data) == result


@pytest.mark.parametrize(
    "part", ["variables/variables.index", "variables/variables.data-00000-of-00001", "keras_metadata.pb"]
)
def test_damaged_files_are_refused_by_name(tmp_path: Path, part: str):
    folder = tmp_path / "two"
    shutil.copytree(DATA / "two", folder)
    data = (folder / part).read_bytes()
    refused = 0
    for i in range(25):
        (folder / part).write_bytes(mutate(data, np.random.default_rng(i)))
        try:
            keras.models.load_model(folder, compile=False)
        except FileFormatError as error:
            assert "two" in str(error)
            refused += 1
    assert refused > 5

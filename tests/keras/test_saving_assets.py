"""Vocabularies, and other things that layers keep in files of their own, in `.keras` files; one of Keras on TensorFlow."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras.saving import FileFormatError

L: Any = keras.layers
DATA = Path(__file__).parent / "data"
# Written by Keras 3.15.1 on TensorFlow 2.21: vocabularies that were learned, read from a file, and given.
RECORDED = DATA / "keras_3_15_1_vocabularies.keras"


def recorded() -> tuple[list[np.ndarray], np.ndarray]:
    row = json.loads(RECORDED.with_suffix(".json").read_text("utf-8"))
    inputs = [np.array(a, object) if isinstance(np.array(a).flat[0], str) else np.array(a) for a in row["inputs"]]
    return inputs, np.array(row["outputs"])


def assets(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {n: archive.read(n).decode() for n in archive.namelist() if n.startswith("assets/")}


def test_a_file_of_keras_is_read_and_written_alike(tmp_path: Path) -> None:
    inputs, want = recorded()
    model = keras.models.load_model(RECORDED)
    np.testing.assert_allclose(model.predict(inputs, verbose=0), want, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "again.keras")
    assert assets(tmp_path / "again.keras") == assets(RECORDED)
    for path in (RECORDED, tmp_path / "again.keras"):
        with zipfile.ZipFile(path) as archive:
            entries = json.loads(archive.read("config.json"))["config"]["layers"]
        found = {e["config"]["name"]: e["config"].get("vocabulary") for e in entries if "vocabulary" in e["config"]}
        assert {k for k, v in found.items() if v is not None} == {"given"}, "what was learned is no part of the config"
    again = keras.models.load_model(tmp_path / "again.keras")
    np.testing.assert_allclose(again.predict(inputs, verbose=0), want, rtol=1e-5, atol=1e-6)
    copy = keras.models.clone_model(model)
    assert copy.get_layer("texts").get_vocabulary() == ["", "[UNK]", "b", "a", "c"], "a config alone has all of it"


@keras.saving.register_keras_serializable("assets_test")
class Notes(L.Layer):
    """A user's layer with a folder of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.notes: dict[str, int] = {}

    def call(self, inputs: Any) -> Any:
        return inputs + 1

    def save_assets(self, dir_path: str) -> None:
        inside = Path(dir_path) / "inside"
        inside.mkdir()
        (inside / "notes.json").write_text(json.dumps(self.notes))

    def load_assets(self, dir_path: str) -> None:
        self.notes = json.loads((Path(dir_path) / "inside" / "notes.json").read_text())


def test_assets_of_a_users_layer(tmp_path: Path) -> None:
    inner = keras.Sequential([keras.Input((2,)), Notes(name="a"), Notes(name="b")])
    model = keras.Sequential([keras.Input((2,)), inner, L.Dense(1)])
    for i, layer in enumerate(inner.layers):
        layer.notes = {"number": i}
    model.save(tmp_path / "m.keras")
    assert set(assets(tmp_path / "m.keras")) == {
        "assets/layers/sequential/layers/notes/inside/notes.json",
        "assets/layers/sequential/layers/notes_1/inside/notes.json",
    }
    again = keras.models.load_model(tmp_path / "m.keras")
    assert [layer.notes for layer in again.layers[0].layers] == [{"number": 0}, {"number": 1}]


@pytest.mark.parametrize("name", ["assets/../../evil.txt", "assets//etc/evil.txt", "assets/C:/evil", "assets/..\\evil"])
def test_assets_outside_of_their_folder_are_refused(tmp_path: Path, name: str) -> None:
    model = keras.Sequential([keras.Input((1,), dtype="int32"), L.IntegerLookup(name="l")])
    model.layers[0].adapt(np.array([3, 4]))
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras", "a") as archive:
        archive.writestr(name, "x")
    if name == "assets//etc/evil.txt":  # an empty part of a path leads nowhere
        assert keras.models.load_model(tmp_path / "m.keras").layers[0].get_vocabulary() == [-1, 4, 3]
    else:
        with pytest.raises(FileFormatError, match="outside of its folder"):
            keras.models.load_model(tmp_path / "m.keras")
    assert not list(tmp_path.rglob("evil*")) and not (tmp_path.parent / "evil.txt").exists()


def test_compressed_bombs_among_the_assets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kjax.keras.saving.asset_files.MAX_BYTES", 1 << 20)
    model = keras.Sequential([keras.Input((1,), dtype="int32"), L.IntegerLookup()])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets/bomb", b"\0" * (1 << 22))
    with pytest.raises(FileFormatError, match=r"only .* are stored"):
        keras.models.load_model(tmp_path / "m.keras")


def test_layers_in_a_pipeline_keep_their_weights(tmp_path: Path) -> None:
    pipeline = L.Pipeline([L.Normalization(), L.Rescaling(2.0)])
    pipeline.layers[0].adapt(np.arange(12.0).reshape(4, 3))
    model = keras.Sequential([keras.Input((3,)), pipeline])
    model.save(tmp_path / "m.keras")
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(model(x), keras.models.load_model(tmp_path / "m.keras")(x))
    assert np.abs(np.asarray(model(x))).max() > 0.1


def test_a_shape_is_known_before_the_vocabulary() -> None:
    config = {"vocabulary": None, "vocabulary_size": 5, "output_mode": "multi_hot"}
    layer = L.StringLookup.from_config(config)
    assert layer.compute_output_shape((None, 3)) == (None, 5)
    layer.adapt(["a", "b"])
    assert layer.compute_output_shape((None, 3)) == (None, 3)
    with pytest.raises(TypeError, match="unknown_thing"):
        L.StringLookup(unknown_thing=1)


@keras.saving.register_keras_serializable("assets_test")
class Plain(L.Layer):
    """A user's layer that leaves its config to the base class."""

    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def call(self, inputs: Any) -> Any:
        return inputs * self.units


def test_a_layer_without_a_config_of_its_own(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), Plain(4, dtype="bfloat16")])
    model.save(tmp_path / "m.keras")
    layer = keras.models.load_model(tmp_path / "m.keras").layers[0]
    assert layer.units == 4 and layer.compute_dtype == "bfloat16"


def test_a_model_that_begins_in_the_middle_of_another(tmp_path: Path) -> None:
    inputs = keras.Input((2,))
    middle = L.Dense(3, name="first")(inputs)
    rest = keras.Model(middle, L.Dense(1)(L.Concatenate()([middle, middle])), name="rest")
    whole = keras.Model(inputs, rest(middle))
    x, between = np.ones((4, 2), np.float32), np.ones((4, 3), np.float32)
    for model, data in ((rest, between), (whole, x)):
        model.save(tmp_path / "m.keras")
        again = keras.models.load_model(tmp_path / "m.keras")
        np.testing.assert_array_equal(again.predict(data, verbose=0), model.predict(data, verbose=0))
    assert type(again.get_layer("rest").layers[0]).__name__ == "InputLayer"

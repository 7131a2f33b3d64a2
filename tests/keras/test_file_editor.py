"""KerasFileEditor: what files hold, comparing, changing and writing; next to the editor of real Keras 3."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras.saving import FileFormatError

L: Any = keras.layers
Editor: Any = keras.saving.KerasFileEditor


def model(library: Any = keras, last: int = 3, trained: bool = False) -> Any:
    inside = [library.layers.Dense(4, name="first"), library.layers.BatchNormalization(), library.layers.Dense(last)]
    made = library.Sequential([library.Input((2,)), *inside])
    if trained:
        made.compile("adam", "mse")
        made.fit(np.ones((4, 2), np.float32), np.ones((4, last), np.float32), verbose=0)
    return made


def nested() -> Any:
    inputs = keras.Input((3, 2))
    return keras.Model(inputs, model()(L.Bidirectional(L.LSTM(1))(inputs)))


@pytest.fixture
def editor(tmp_path: Path) -> Any:
    model().save_weights(tmp_path / "m.weights.h5")
    return Editor(tmp_path / "m.weights.h5")


def shapes(content: dict[str, Any]) -> Any:
    return {k: shapes(v) if isinstance(v, dict) else np.shape(v) for k, v in content.items()}


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_the_same_as_in_keras(name: str, tmp_path: Path, keras3: Any) -> None:
    made = model(trained=True)
    made.save_weights(tmp_path / "m.weights.h5")
    made.save(tmp_path / "m.keras")
    # That of Keras 3.15.1 cannot open any `.keras` file on Python 3.13.
    ours, theirs = Editor(tmp_path / name), keras3.saving.KerasFileEditor(str(tmp_path / "m.weights.h5"))
    assert shapes(ours.weights_dict) == shapes(theirs.weights_dict)
    for path, entry in theirs.object_metadata.items():
        assert ours.object_metadata[path]["name"] == entry["name"]
    if name == "m.keras":
        with zipfile.ZipFile(tmp_path / name) as archive:
            assert ours.config == json.loads(archive.read("config.json"))
        assert ours.metadata["keras_version"] == "3.15.1"
    for other in (made, model(last=5)):
        assert ours.compare(other)["status"] == ("success" if other is made else "error")
    assert ours.compare(made)["match_count"] == 8 + 14, "each once; Keras 3.15.1 counts those of later layers again"
    assert theirs.compare(model(keras3, trained=True))["status"] == "success"
    ours.delete_object("optimizer")
    ours.rename_object("layers/dense_1", "dense_7")
    ours.rename_object("dense_7", "dense_1")
    ours.save(tmp_path / "again.weights.h5")
    fresh = model(keras3)
    fresh.load_weights(tmp_path / "again.weights.h5")
    for a, b in zip(fresh.get_weights(), made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nested_objects_keep_all_they_have(tmp_path: Path) -> None:
    made = nested()
    made.save_weights(tmp_path / "n.weights.h5")
    editor = Editor(tmp_path / "n.weights.h5")
    assert editor.list_object_paths() == [
        "layers/bidirectional/backward_layer/cell",
        "layers/bidirectional/forward_layer/cell",
        "layers/sequential/layers/batch_normalization",
        "layers/sequential/layers/dense",
        "layers/sequential/layers/dense_1",
    ]
    result = editor.compare(made)
    assert result == {"status": "success", "error_count": 0, "match_count": len(made.weights)}
    editor.resave_weights(tmp_path / "again.weights.h5")
    again = nested()
    again.load_weights(tmp_path / "again.weights.h5")
    for a, b in zip(again.get_weights(), made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_summary(editor: Any, capsys: pytest.CaptureFixture[str]) -> None:
    editor.summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Weights structure", "  > layers"] and "├─ batch_normalization ('batch_norm" in lines[2]
    assert any("├─ dense ('first')" in line for line in lines)
    assert any(line.endswith("0: shape=(4, 3), dtype=float32") for line in lines)


def test_adapting_a_file_to_a_changed_model(editor: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = keras.Sequential([keras.Input((2,)), L.Dense(4), L.BatchNormalization(), L.Dense(5), L.Dense(1)])
    found = editor.compare(target)
    assert (found["status"], found["error_count"], found["match_count"]) == ("error", 3, 6)
    said = capsys.readouterr().out
    assert "Weight shape mismatch for layers/dense_1/0" in said and "missing from saved file" in said
    editor.delete_object("layers/dense_1")
    editor.add_object("layers/dense_1", {"0": np.full((4, 5), 2.0, np.float32), "1": np.zeros(5, np.float32)})
    editor.add_object("layers/dense_2", {"0": np.ones((5, 1), np.float32)})
    editor.add_weights("dense_2", {"1": np.ones(1, np.float32), "2": np.ones(1)})
    editor.delete_weight("dense_2", "2")
    assert editor.compare(target)["status"] == "success"
    editor.save(tmp_path / "new.weights.h5")
    target.load_weights(tmp_path / "new.weights.h5")
    assert np.asarray(target.layers[2].kernel).max() == 2.0 and float(target.layers[3].bias[0]) == 1.0


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda e: e.delete_object("nope"), "'nope' not found in model. It has: layers"),
        (lambda e: e.delete_object("layers/nope"), "Path 'layers/nope' not found"),
        (lambda e: e.delete_weight("dense", "9"), "Weight 9 not found in object dense"),
        (lambda e: e.rename_object("dense", "a/b"), "leaf name"),
        (lambda e: e.rename_object("dense", "dense_1"), "already"),
        (lambda e: e.add_object("a/b", {"0": np.ones(1)}), "Path 'a' not found"),
        (lambda e: e.add_object("layers/b", [np.ones(1)]), "should be a dict"),
        (lambda e: e.add_weights("dense", {"0": "text"}), "array of numbers"),
        (lambda e: e.save("x.keras"), r"expected a `\.weights\.h5` extension"),
        (lambda e: Editor("x.h5"), "Invalid filename"),
    ],
)
def test_errors(bad: Callable[[Any], Any], message: str, editor: Any) -> None:
    with pytest.raises(ValueError, match=message):
        bad(editor)


def test_names_that_occur_twice_and_broken_files(tmp_path: Path) -> None:
    nested().save_weights(tmp_path / "n.weights.h5")
    editor = Editor(tmp_path / "n.weights.h5")
    with pytest.raises(ValueError, match="more than once"):
        editor.delete_object("cell")
    editor.delete_object("layers/bidirectional/forward_layer/cell")
    assert len(editor.list_object_paths()) == 4
    (tmp_path / "bad.weights.h5").write_bytes(b"no file")
    with pytest.raises(FileFormatError, match="no HDF5 file"):
        Editor(tmp_path / "bad.weights.h5")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        Editor(tmp_path / "none.weights.h5")

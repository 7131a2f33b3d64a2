"""ExportArchive: endpoints, weights that they share, collections; errors."""

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

pytest.importorskip("flatbuffers", reason="files of jax.export are written with flatbuffers")

L: Any = keras.layers
Archive: Any = keras.export.ExportArchive
X = np.linspace(-1, 1, 15, dtype=np.float32).reshape(5, 3)
SPEC = keras.InputSpec(shape=(None, 3), dtype="float32")


def model() -> Any:
    return keras.Sequential([keras.Input((3,)), L.Dense(4, activation="relu"), L.BatchNormalization(), L.Dense(2)])


def test_several_endpoints_share_their_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made, other = model(), L.Dense(1)
    other.build((None, 2))
    made.compile("adam", "mse")
    archive = Archive()
    archive.track(made)
    first = archive.track_and_add_endpoint("serve", made, [SPEC])
    archive.add_endpoint("train", lambda x: made(x, training=True), [SPEC])
    archive.add_endpoint(
        "pair", lambda both, scale: {"out": other(made(both["a"])) * scale}, [{"a": SPEC}, np.float32(1)]
    )
    archive.add_variable_collection("optimizer_variables", made.optimizer.variables)
    archive.write_out(tmp_path / "a.stablehlo")
    assert "* Endpoint 'pair'" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "a.stablehlo") as file:
        entries = [name for name in file.namelist() if name.startswith("weights/")]
    assert len(entries) == len(made.weights) + len(other.weights) + len(made.optimizer.variables)

    loaded = keras.export.load_exported(tmp_path / "a.stablehlo")
    want = made.predict(X, verbose=0)
    for call in (loaded.serve, loaded.serving_default, first):
        np.testing.assert_allclose(call(X), want, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(loaded.serve(X[:2]), want[:2], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(loaded.train(X), made(X, training=True), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(loaded.pair({"a": X}, 2.0)["out"], 2 * other(want), rtol=1e-5, atol=1e-6)
    assert list(loaded.endpoints) == ["serve", "train", "pair", "serving_default"]
    assert [len(c) for c in (loaded.variables, loaded.trainable_variables, loaded.optimizer_variables)] == [8, 6, 2]
    np.testing.assert_array_equal(loaded.variables[0], made.weights[0].numpy())
    with pytest.raises(AttributeError, match="its endpoints are"):
        _ = loaded.nothing


def test_untracked_weights_become_constants(tmp_path: Path) -> None:
    made = [model()]
    archive = Archive()
    archive.add_endpoint("serve", lambda x: made[0](x), [keras.Input((3,), name="x")])
    archive.write_out(tmp_path / "a", verbose=False)
    np.testing.assert_allclose(keras.export.load_exported(tmp_path / "a").serve(X), made[0](X), rtol=1e-6, atol=1e-7)


def with_model() -> Any:
    archive = Archive()
    archive.track_and_add_endpoint("serve", model(), [SPEC])
    return archive


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: Archive("saved_model"), "SavedModel of TensorFlow"),
        (lambda: Archive().track("table"), "Invalid resource type"),
        (lambda: Archive().track(L.Dense(3)), "not yet been built"),
        (lambda: with_model().add_endpoint("serve", lambda x: x, [SPEC]), "already taken"),
        (lambda: with_model().add_endpoint("two words", lambda x: x, [SPEC]), "cannot be the name"),
        (lambda: with_model().add_endpoint("other", lambda x: x), "input_signature"),
        (
            lambda: with_model().add_endpoint("other", lambda x: x.reshape(2, -1), [SPEC]),
            "free axis",
        ),
        (lambda: with_model().add_variable_collection("c", 3), "list/tuple/set"),
        (lambda: with_model().add_variable_collection("c", [3]), "keras.Variable"),
        (lambda: Archive().write_out("x"), "No endpoints"),
        (lambda: with_model().write_out("x", options=1), "TensorFlow's SavedModel"),
    ],
)
def test_errors(bad: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bad()


def test_layers_of_the_host_cannot_be_exported(tmp_path: Path) -> None:
    inputs = keras.Input((1,), dtype="string")
    texts = keras.Model(inputs, L.StringLookup(vocabulary=["a"], name="words")(inputs))
    for attempt in (
        lambda: texts.export(tmp_path / "x"),
        lambda: Archive().track_and_add_endpoint("serve", texts, [keras.InputSpec(shape=(None, 1), dtype="int32")]),
    ):
        with pytest.raises(ValueError, match=r"work on the host .*: words"):
            attempt()


def test_broken_files(tmp_path: Path) -> None:
    with_model().write_out(tmp_path / "a", verbose=False)
    with zipfile.ZipFile(tmp_path / "a") as source, zipfile.ZipFile(tmp_path / "b", "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "exported.json":
                entry = json.loads(data)
                data = json.dumps({**entry, "endpoints": {"serve": entry["endpoints"]["serve"][::-1]}}).encode()
            target.writestr(name, data)
    with pytest.raises(FileFormatError, match="do not fit its code"):
        keras.export.load_exported(tmp_path / "b")

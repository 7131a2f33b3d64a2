"""Formats besides those of Keras: NumPy, safetensors, Orbax, StableHLO."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax import keras
from kjax.keras.saving import FileFormatError, load_exported

L = keras.layers
X = np.random.default_rng(0).standard_normal((5, 4)).astype("float32")


def net(units: int = 3, name: str | None = None) -> Any:
    """A model with weights, states and a short float type."""
    layers = [keras.Input((4,)), L.Dense(units), L.BatchNormalization(), L.Dense(2, dtype="bfloat16")]
    return keras.Sequential(layers, name=name)


def random(model: Any) -> Any:
    """The model with random weights."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.random(w.shape).astype(w.dtype) for w in model.weights])
    return model


def same(a: Any, b: Any) -> bool:
    """Whether two models have the same weights."""
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_flat_files(ending: str, tmp_path: Path) -> None:
    model, path = random(net()), tmp_path / f"w{ending}"
    model.save_weights(path)
    other = net()
    assert [w.path for w in other.weights] != [w.path for w in model.weights], "names that count up"
    other.load_weights(path)
    assert same(model, other)

    wide = net(units=6)
    before = wide.get_weights()
    with pytest.raises(FileFormatError, match=r"w\.\w+'.* does not fit the model"):
        wide.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, wide.get_weights(), strict=True))


def test_flat_files_by_name(tmp_path: Path) -> None:
    a = keras.Sequential([keras.Input((4,)), L.Dense(3, name="shared"), L.Dense(2, name="old")])
    b = keras.Sequential([keras.Input((4,)), L.Dense(3, name="shared"), L.Dense(5, name="new")])
    a.save_weights(tmp_path / "a.npz")
    b.load_weights(tmp_path / "a.npz", by_name=True)
    assert np.array_equal(b.layers[0].get_weights()[0], a.layers[0].get_weights()[0])
    with pytest.warns(UserWarning, match="not loaded"):
        b.load_weights(tmp_path / "a.npz", skip_mismatch=True)


def test_numpy_reads_the_file(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, name="d")])
    model.save_weights(tmp_path / "a.npz")
    arrays = np.load(tmp_path / "a.npz")
    assert sorted(arrays) == ["d/bias", "d/kernel"]
    assert np.array_equal(arrays["d/kernel"], model.get_weights()[0])


def npz(path: Path, **members: bytes) -> Path:
    """An archive of these bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def header(text: str) -> bytes:
    """The start of a NumPy file."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def test_a_shape_that_is_not_stored_is_not_allocated(tmp_path: Path) -> None:
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }\n"
    with pytest.raises(FileFormatError, match=r"says that its shape is \(1000000, 1000000\)"):
        net().load_weights(npz(tmp_path / "a.npz", a=header(text) + b"0000"))


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([object()], dtype=object))
    with pytest.raises(FileFormatError, match="holds object, not numbers"):
        net().load_weights(tmp_path / "a.npz")


def test_checkpoints_of_orbax(tmp_path: Path) -> None:
    model = random(net())
    model.compile("adam", "mse")
    callback = keras.callbacks.OrbaxCheckpoint(tmp_path / "run", save_on_background=False)
    model.fit(X, np.ones((5, 2), "float32"), epochs=2, verbose=0, callbacks=[callback])
    again = keras.models.load_model(tmp_path / "run")
    assert same(again, model)
    assert int(again.optimizer.iterations) == int(model.optimizer.iterations) == 2
    batch = X, np.zeros((5, 2), "float32")
    assert again.train_on_batch(*batch) == pytest.approx(model.train_on_batch(*batch), rel=1e-5)

    bare = keras.models.load_model(tmp_path / "run", compile=False)
    assert not bare.compiled
    wide = net(units=6, name=model.name)
    with pytest.raises(FileFormatError, match="does not fit the model"):
        wide.load_weights(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    with pytest.raises(IsADirectoryError):
        keras.models.load_model(tmp_path / "empty")


def test_checkpoints_of_orbax_that_real_keras_wrote(keras3: ModuleType, tmp_path: Path) -> None:
    inputs = keras3.Input((4, 1))
    x = keras3.layers.LSTM(2, dropout=0.1)(inputs)
    theirs = keras3.Model(inputs, keras3.layers.Dense(2)(keras3.layers.BatchNormalization()(x)))
    theirs.compile("adam", "mse")
    callback = keras3.callbacks.OrbaxCheckpoint(tmp_path / "run", save_on_background=False)
    theirs.fit(X[..., None], X[:, :2], verbose=0, callbacks=[callback])
    model = keras.models.load_model(tmp_path / "run")
    assert same(model, theirs)
    for ours, other in zip(model.optimizer.variables, theirs.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(other))


def test_an_exported_model_runs_without_its_classes(tmp_path: Path) -> None:
    a, b = keras.Input((4,), name="a"), keras.Input((None, 3), name="b")
    merged = L.Concatenate()([L.Dense(2)(a), L.GRU(2)(b)])
    model = keras.Model({"a": a, "b": b}, {"y": L.Dense(1)(merged), "z": L.Dropout(0.5)(merged)})
    inputs = {"a": X, "b": np.ones((5, 6, 3), "float32")}
    want = model.predict(inputs, verbose=0)
    model.export(tmp_path / "model")
    np.savez(tmp_path / "io.npz", a=X, b=inputs["b"], **want)
    script = f"""
import sys, numpy as np
from kjax.keras.saving import load_exported
io = np.load({str(tmp_path / "io.npz")!r})
model = load_exported({str(tmp_path / "model")!r})
got = model({{"a": io["a"], "b": io["b"]}})
assert all(np.allclose(got[k], io[k], rtol=1e-5, atol=1e-6) for k in ("y", "z"))
assert model({{"a": io["a"][:2], "b": io["b"][:2, :3]}})["y"].shape == (2, 1)
assert "kjax.nn.layers.recurrent.gru" not in sys.modules or "kjax.keras.layers" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    exported = load_exported(tmp_path / "model")
    assert exported.platforms == ["cpu", "cuda", "tpu"]
    assert sorted(exported.input_names) == ["a", "b"]
    assert "stablehlo" in exported.mlir_module()


def test_an_exported_model_is_a_pure_function(tmp_path: Path) -> None:
    model = random(keras.Sequential([keras.Input((4,)), L.Dense(2, activation="tanh")]))
    model.export(tmp_path / "m.stablehlo", platforms=("cpu",))
    exported = load_exported(tmp_path / "m.stablehlo")
    doubled = jax.jit(lambda x: 2 * exported(x))(X)
    np.testing.assert_allclose(doubled, 2 * jnp.asarray(model.predict(X, verbose=0)), rtol=1e-5)


def test_export_of_a_class(tmp_path: Path) -> None:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = L.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    model = Net()
    with pytest.raises(ValueError, match="was not called; call it on data, or give input_signature"):
        model.export(tmp_path / "a")
    want = model.predict(X, verbose=0)
    signature = [keras.layers.InputSpec(shape=(None, 4))]
    for name, given in (("a", {}), ("b", {"input_signature": signature})):  # it was called: the shapes are known
        model.export(tmp_path / name, **given)
        np.testing.assert_allclose(load_exported(tmp_path / name)(X[:3]), want[:3], rtol=1e-5, atol=1e-6)


def test_export_says_what_it_cannot_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'onnx' is not supported"):
        net().export(tmp_path / "a", format="onnx")
    (tmp_path / "b").write_bytes(b"no archive")
    with pytest.raises(FileFormatError, match="b'"):
        load_exported(tmp_path / "b")


def with_vocabulary() -> Any:
    inputs = keras.Input((3,), dtype="int64")
    lookup = L.IntegerLookup(name="lookup")
    lookup.adapt(np.array([7, 8, 8, 9]))
    x = L.Embedding(5, 2)(lookup(inputs))
    model = keras.Model(inputs, L.Dense(1)(L.Flatten()(x)))
    model.compile("adam", "mse")
    return model


def test_vocabularies_are_part_of_checkpoints_of_orbax(tmp_path: Path) -> None:
    model = with_vocabulary()
    numbers = np.array([[7, 8, 9], [9, 1, 7]])
    save = keras.callbacks.OrbaxCheckpoint(tmp_path / "run", save_on_background=False)
    model.fit(numbers, np.ones((2, 1)), verbose=0, callbacks=[save])
    want = model.predict(numbers, verbose=0)
    assert (tmp_path / "run" / "0" / "assets").is_dir()
    again = keras.models.load_model(tmp_path / "run")
    np.testing.assert_array_equal(again.predict(numbers, verbose=0), want)
    assert again.get_layer("lookup").get_vocabulary() == model.get_layer("lookup").get_vocabulary()


def test_a_damaged_checkpoint_of_orbax_changes_nothing(tmp_path: Path) -> None:
    model = random(keras.Sequential([keras.Input((64,)), *(L.Dense(64) for _ in range(6))]))
    model.compile("adam", "mse")
    save = keras.callbacks.OrbaxCheckpoint(tmp_path / "run", save_on_background=False)
    model.fit(np.ones((5, 64)), np.ones((5, 64)), verbose=0, callbacks=[save])
    parts = [path for path in (tmp_path / "run").rglob("d/*") if path.is_file()]
    largest = max(parts, key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])
    # In a process of its own: when a read fails, Orbax leaves those behind that it has not begun, which Python warns of.
    script = f"""
import numpy as np
from kjax import keras
model = keras.Sequential([keras.Input((64,)), *(keras.layers.Dense(64) for _ in range(6))])
model.compile("adam", "mse")
before = model.get_weights()
try:
    model.load_weights({str(tmp_path / "run")!r})
except keras.saving.FileFormatError as error:
    assert "it is damaged" in str(error), error
else:
    raise AssertionError("loaded")
assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def shared_in_and_outside(kind: str) -> Any:
    """A model with a layer that a model inside of it has, too."""
    layer = L.Dense(4, activation="tanh")
    entry = keras.Input((4,))
    inner = keras.Model(entry, layer(entry)) if kind == "functional" else keras.Sequential([entry, layer, L.Dense(4)])
    x = keras.Input((4,))
    return keras.Model(x, layer(inner(x)))


@pytest.mark.parametrize("kind", ["functional", "sequential"])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_layer_of_a_model_and_of_one_inside_stays_one(kind: str, suffix: str, tmp_path: Path) -> None:
    model = shared_in_and_outside(kind)
    model.save(tmp_path / f"a{suffix}")
    again = keras.models.load_model(tmp_path / f"a{suffix}")
    x = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    if suffix == ".keras":
        assert len(again.weights) == len(model.weights)


def test_inputs_in_dicts_of_dicts(keras3: ModuleType, tmp_path: Path) -> None:
    inputs = {
        "u": keras.Input((3,), name="u"),
        "v": {"w": keras.Input((2,), name="w"), "z": keras.Input((4,), name="z")},
    }
    hidden = L.Concatenate()([inputs["u"], inputs["v"]["w"], inputs["v"]["z"]])
    model = keras.Model(inputs, {"p": L.Dense(1, name="p")(hidden), "q": [L.Dense(2, name="q")(hidden)]})
    x = {"u": np.ones((6, 3)), "v": {"w": np.ones((6, 2)), "z": np.arange(24.0).reshape(6, 4)}}
    want = model.predict(x, verbose=0)
    model.save(tmp_path / "a.keras")
    for module in (keras, keras3):
        got = module.models.load_model(tmp_path / "a.keras").predict(x, verbose=0)
        np.testing.assert_allclose(got["p"], want["p"], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(got["q"][0], want["q"][0], rtol=1e-5, atol=1e-6)
    model.compile("sgd", "mse")
    targets = {"p": np.ones((6, 1)), "q": [np.ones((6, 2))]}
    before = model.evaluate(x, targets, verbose=0)[0]
    model.fit(x, targets, epochs=3, verbose=0)
    assert model.evaluate(x, targets, verbose=0)[0] != before


@pytest.mark.filterwarnings("ignore:a lambda is written")
def test_real_keras_reads_lambdas_that_kjax_wrote(keras3: ModuleType, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), L.Lambda(lambda x: x * 2 + 1)])
    model.save(tmp_path / "a.keras")
    theirs = keras3.models.load_model(tmp_path / "a.keras", safe_mode=False)
    np.testing.assert_array_equal(theirs.predict(np.ones((2, 3)), verbose=0), np.full((2, 3), 3.0))


def test_functions_in_wrappers_of_losses_and_metrics(keras3: ModuleType, tmp_path: Path) -> None:
    losses = keras3.losses
    wrapper = type(losses.MeanSquaredError()).__mro__[1]  # LossFunctionWrapper, which has no public name
    metric = keras3.metrics.MeanMetricWrapper(losses.mean_absolute_error, name="q")
    model = keras3.Sequential([keras3.Input((4,)), keras3.layers.Dense(3)])
    model.compile("sgd", wrapper(losses.mean_squared_error), metrics=[metric])
    model.save(tmp_path / "a.keras")
    x, y = np.ones((2, 4), "float32"), np.ones((2, 3), "float32")
    loaded = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(loaded.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0), rtol=1e-6)


def test_inputs_of_exported_models_by_name(tmp_path: Path) -> None:
    a, b = keras.Input((3,), name="a"), keras.Input((4,), name="b")
    model = keras.Model([a, b], L.Dense(2)(L.concatenate([a, b])))
    model.export(tmp_path / "net", platforms=("cpu",))
    exported = keras.saving.load_exported(tmp_path / "net")
    x = {"b": np.ones((5, 4), "float32"), "a": np.zeros((5, 3), "float32")}
    np.testing.assert_array_equal(exported(x), exported([x["a"], x["b"]]))
    for wrong in (x["a"], [x["a"]], {"a": x["a"]}):
        with pytest.raises(ValueError, match=r"takes .* names: a, b.*received"):
            exported(wrong)

"""Layers that two models share of which one is not inside the other: trained once, stored once, listed as each era did."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kjax import keras
from kjax.keras.legacy.install import install, uninstall

L = keras.layers
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((6, 3)).astype("float32"), RNG.standard_normal((6, 1)).astype("float32")


def block(name: str, inner: Any = None) -> Any:
    """x + relu(dense(x)) of four numbers, as a model."""
    inputs = keras.Input((4,))
    return keras.Model(inputs, L.add([inputs, (inner or L.Dense(4, activation="relu"))(inputs)]), name=name)


def shared(again: Any) -> Any:
    """A model in which `again` lies inside another model and beside it."""
    stack = keras.Sequential([again, block("other")], name="stack")
    model = keras.Sequential([keras.Input((3,)), L.Dense(4), stack, again, L.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def test_what_is_shared_is_trained_once() -> None:
    keras.utils.set_random_seed(0)
    model, flat_dense = shared(block("again")), L.Dense(4, activation="relu")
    inputs = keras.Input((3,))
    x = L.Dense(4)(inputs)
    for dense in (flat_dense, L.Dense(4, activation="relu"), flat_dense):
        x = L.add([x, dense(x)])
    flat = keras.Model(inputs, L.Dense(1)(x))
    flat.compile(keras.optimizers.Adam(0.01), "mse")
    flat.set_weights(model.get_weights())
    history = [m.fit(X, Y, epochs=4, batch_size=3, shuffle=False, verbose=0).history["loss"] for m in (model, flat)]
    np.testing.assert_allclose(*history, rtol=1e-5)
    for ours, theirs in zip(model.get_weights(), flat.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert len(model.optimizer.variables) == 2 + 2 * len(model.weights)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), flat.evaluate(X, Y, verbose=0), rtol=1e-5)


def test_a_file_says_it_of_the_second_place_only(tmp_path: Path) -> None:
    """Real Keras gives an id to entries that are met again, and not to the first one."""
    model, path, other = shared(block("again")), tmp_path / "ours.keras", tmp_path / "theirs.keras"
    model.train_on_batch(X, Y)
    model.save(path)
    met: set[int] = set()

    def without_first(entry: Any) -> Any:
        if isinstance(entry, list):
            return [without_first(item) for item in entry]
        if not isinstance(entry, dict):
            return entry
        entry, number = dict(entry), entry.get("shared_object_id")
        if number is not None and number not in met:
            met.add(number)
            del entry["shared_object_id"]
        return {key: without_first(value) for key, value in entry.items()}

    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, json.dumps(without_first(json.loads(data))) if name == "config.json" else data)
    assert met
    loaded = keras.models.load_model(other)
    assert loaded.layers[1].layers[0] is loaded.layers[2]
    for _ in range(3):
        assert loaded.train_on_batch(X, Y) == pytest.approx(model.train_on_batch(X, Y), rel=1e-6)


def names(variables: Any) -> list[str]:
    """Names without those of layers."""
    return [variable.path.rpartition("/")[2] for variable in variables]


def test_weights_of_models_inside_in_the_order_of_keras2(tmp_path: Path) -> None:
    """Those that are trained come first there, and to freeze a model does not freeze its layers."""
    install("2")
    try:
        base = keras.Sequential([L.Dense(5, input_shape=(4,)), L.BatchNormalization(), L.Dense(4)], name="base")
        model = keras.Sequential([base, L.Dense(1)])
        arrays = [RNG.standard_normal(w.shape).astype("float32") for w in model.get_weights()]
        shapes = [(4, 5), (5,), (5,), (5,), (5, 4), (4,), (5,), (5,), (4, 1), (1,)]
        assert [a.shape for a in arrays] == shapes
        model.set_weights(arrays)
        mean, variance = base.layers[1].get_weights()[2:]
        np.testing.assert_array_equal(mean, arrays[6])
        np.testing.assert_array_equal(variance, arrays[7])
        base.trainable = False
        assert [a.shape for a in model.get_weights()] == shapes
        base.trainable = True
        base.layers[0].trainable = False
        assert [a.shape for a in model.get_weights()][:4] == [(5,), (5,), (5, 4), (4,)]
    finally:
        uninstall()


def test_a_file_of_keras2_is_read_into_a_frozen_model(tmp_path: Path) -> None:
    base = keras.Sequential([keras.Input((4,)), L.Dense(5), L.BatchNormalization(), L.Dense(4)], name="base")
    arrays = [RNG.random(s).astype("float32") for s in [(4, 5), (5,), (5,), (5,), (5, 4), (4,), (5,), (5,)]]
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"], file.attrs["keras_version"], file.attrs["backend"] = (
            [b"base"],
            b"2.2.4",
            b"tensorflow",
        )
        labels = [f"w{i}:0" for i in range(len(arrays))]
        group = file.create_group("base")
        group.attrs["weight_names"] = [label.encode() for label in labels]
        for label, array in zip(labels, arrays, strict=True):
            group[label] = array
    model = keras.Sequential([keras.Input((4,)), base])
    base.trainable = False
    model.load_weights(tmp_path / "w.h5")
    found = dict(zip(names(base.weights), base.get_weights(), strict=False))
    np.testing.assert_array_equal(found["moving_variance"], arrays[7])
    np.testing.assert_array_equal(base.layers[2].get_weights()[0], arrays[4])

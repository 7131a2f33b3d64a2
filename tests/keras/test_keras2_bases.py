"""Bases of families of layers and merged masks in the eras before Keras 3; expected values are those of Keras 2.2.4."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import kjax.keras
from kjax.keras import backend as K
from kjax.keras import layers
from kjax.keras.core.settings import clear_session
from kjax.keras.models import Model, load_model, model_from_json

L: Any = layers


@pytest.fixture(autouse=True)
def era():
    kjax.keras.install(2)
    clear_session(free_memory=False)
    yield
    kjax.keras.install(3)
    kjax.keras.uninstall()
    clear_session(free_memory=False)


def base(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"keras.layers.{module}"), name)


A, B = np.array([[1, 1, 0, 1, 1], [0, 0, 0, 0, 0]]), np.array([[0, 1, 1, 1, 1], [1, 1, 1, 1, 0]])


@pytest.mark.parametrize("kind", ["Add", "Multiply", "Average", "Maximum", "Concatenate"])
def test_merged_masks_are_those_of_all(kind: str) -> None:
    a, b = L.Input((5,)), L.Input((5,))
    embedding = L.Embedding(9, 3, mask_zero=True, embeddings_initializer="ones")
    layer = getattr(L, kind)()
    merged = layer([embedding(a), embedding(b)])
    mask = K.function([a, b], [layer.output_mask])([A, B])[0]
    assert mask.astype(int).tolist() == [[0, 1, 0, 1, 1], [0, 0, 0, 0, 0]]
    if kind == "Multiply":
        assert np.all(Model([a, b], merged).predict([A, B]) == 1)  # masked values count like others
    layer = getattr(L, kind)()
    layer([embedding(a), L.Dense(3)(L.Reshape((5, 1))(b))])
    mask = K.function([a, b], [layer.output_mask])([A, B])[0]
    assert mask.astype(int).tolist() == [[1, 1, 0, 1, 1], [0, 0, 0, 0, 0]]
    ones = K.variable(np.ones((2, 5)))
    assert np.all(K.eval(layer.compute_mask([embedding(a), embedding(b)], [ones, ones])))


def test_layers_made_of_the_bases() -> None:
    class Weighed(base("merge", "_Merge")):
        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            self.weight = self.add_weight(shape=(len(input_shape),), initializer="ones", name="weight")

        def _merge_function(self, inputs: Any) -> Any:
            return sum(self.weight[i] * tensor for i, tensor in enumerate(inputs))

    a, b = L.Input((4, 3)), L.Input((3,))
    layer = Weighed()
    found = Model([a, b], layer([a, b])).predict([np.ones((2, 4, 3)), np.full((2, 3), 2.0)])
    np.testing.assert_array_equal(found, np.full((2, 4, 3), 3.0))
    assert layer.output_shape == (None, 4, 3)
    with pytest.raises(ValueError, match="at least 2"):
        Weighed()([a])
    with pytest.raises(ValueError, match="broadcast"):
        Weighed()([a, L.Input((5,))])

    class Convolution(base("convolutional", "_Conv")):
        def __init__(self, filters: int, size: int, **kwargs: Any) -> None:
            super().__init__(2, filters, size, **kwargs)

    images = L.Input((6, 5, 2))
    mine, own = (
        Convolution(3, 3, padding="same", strides=2, activation="relu"),
        L.Conv2D(3, 3, padding="same", strides=2),
    )
    outputs = Model(images, mine(images)), Model(images, own(images))
    own.set_weights(mine.get_weights())
    x = np.random.default_rng(0).random((2, 6, 5, 2))
    np.testing.assert_allclose(outputs[0].predict(x), np.maximum(outputs[1].predict(x), 0), atol=1e-6)
    assert mine.output_shape == (None, 3, 3, 3) and mine.get_config()["rank"] == 2

    class Cut(base("convolutional", "_Cropping")):
        def call(self, inputs: Any) -> Any:
            return inputs[:, self.cropping[0][0] : -self.cropping[0][1], :]

    assert K.int_shape(Cut(((1, 2),))(a)) == (None, 1, 3)


def test_layers_count_as_of_their_families() -> None:
    convolution, pooling = base("convolutional", "_Conv"), base("pooling", "_Pooling2D")
    assert isinstance(L.Conv2D(1, 1), convolution) and isinstance(L.MaxPooling2D(), pooling)
    assert not isinstance(L.MaxPooling1D(), pooling) and not isinstance(L.Dense(1), convolution)
    assert isinstance(L.add([L.Input((2,)), L.Input((2,))])._keras_history[0], base("merge", "_Merge"))
    assert not isinstance(L.Dense(1), base("merge", "_Merge"))


def test_named_functions_of_lambda_layers_are_written_as_code(tmp_path: Any) -> None:
    factor = 3

    def inner(x: Any, shift: int = 2) -> Any:
        return x * factor + shift

    layer = L.Lambda(inner)
    config = layer.get_config()
    assert config["function_type"] == "lambda" and list(config["function"][1:]) == [[2], [3]]
    inputs = L.Input((2,))
    model = Model(inputs, layer(inputs))
    again = kjax.keras.layers.deserialize({"class_name": "Lambda", "config": config})  # type: ignore[attr-defined]
    model.save(tmp_path / "model.h5")
    for other in (Model(inputs, again(inputs)), model_from_json(model.to_json()), load_model(tmp_path / "model.h5")):
        np.testing.assert_array_equal(other.predict(np.ones((1, 2))), [[5.0, 5.0]])


def test_a_script_may_call_call() -> None:
    layer = L.Dense(2, kernel_initializer="ones")
    np.testing.assert_array_equal(K.eval(layer.call(K.variable(np.ones((1, 3))))), [[3.0, 3.0]])


def test_names_of_layers_count_with_uids() -> None:
    assert (K.get_uid("foo"), K.get_uid("foo"), K.get_uid("dense")) == (1, 2, 1)
    assert L.Dense(1).name == "dense_2" and K.get_uid("dense") == 3
    K.reset_uids()
    assert L.Dense(1).name == "dense_1" and K.get_uid("foo") == 1

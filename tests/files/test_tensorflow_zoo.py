"""What tf.keras 2.15 saved of classes, of layers with other names for their weights, and of vocabularies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras.saving import legacy_config
from kjax.keras.saving.tensorflow import saved_model

L = keras.layers
pytestmark = pytest.mark.filterwarnings("ignore:the checkpoint's state of an optimizer")  # it is of another one
HERE = Path(__file__).parents[1] / "data" / "tensorflow" / "zoo"


def recorded(name: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Inputs and output of a model."""
    arrays = np.load(HERE / f"{name}.npz")
    return [arrays[key] for key in sorted(arrays.files) if key.startswith("x")], arrays["y0"]


class Built(keras.Model):
    """A model with a weight of its own, whose `build` makes all others."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.d1 = L.Dense(3, activation="tanh")
        self.d2 = L.Dense(1)

    def build(self, input_shape: Any) -> None:
        self.bias = self.add_weight(name="bias", shape=(3,), initializer="zeros")
        self.d1.build(input_shape)
        self.d2.build((input_shape[0], 3))
        self.built = True

    def call(self, x: Any) -> Any:
        return self.d2(self.d1(x) + self.bias)

    def get_config(self) -> dict[str, Any]:
        return {}


class Unbuilt(Built):
    """The same, whose layers are built when it is called."""

    def build(self, input_shape: Any) -> None:
        self.bias = self.add_weight(name="bias", shape=(3,), initializer="zeros")
        self.built = True


def test_a_folder_of_a_class_is_built_for_what_it_was_called_with() -> None:
    (x,), want = recorded("built_class")
    model = keras.models.load_model(HERE / "built_class", custom_objects={"Built": Built})
    np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", [Built, Unbuilt])
@pytest.mark.parametrize("way", ["predict", "call", "build", "fit"])
def test_a_checkpoint_is_loaded_before_the_model_is_built(cls: type[Built], way: str) -> None:
    (x,), want = recorded("built_class")
    model = cls()
    model.load_weights(HERE / "built_class")
    if way == "build":
        model.build((None, 4))
    elif way == "fit":
        model.compile(keras.optimizers.SGD(0.0), "mse")
        model.fit(x, want, verbose=0)
    found = model.predict(x, verbose=0) if way != "call" else model(x)
    np.testing.assert_allclose(np.asarray(found), want, rtol=1e-5, atol=1e-6)
    assert model._when_built == ()


def test_a_sequential_model_without_a_shape_too() -> None:
    (x,), want = recorded("cnn")
    layers = [
        L.Conv2D(4, 3, padding="same"),
        L.BatchNormalization(),
        L.ReLU(),
        L.SeparableConv2D(3, 3, strides=2),
        L.DepthwiseConv2D(2),  # whose weight is `depthwise_kernel` there
        L.Conv2DTranspose(2, 3, strides=2),
        L.GlobalAveragePooling2D(),
        L.Dense(2, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.load_weights(HERE / "cnn")
    np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-5, atol=1e-6)


def test_training_begins_with_what_was_loaded() -> None:
    x, y = np.random.default_rng(0).random((2, 8, 4)).astype("float32")
    model = Unbuilt()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.load_weights(HERE / "built_class")
    losses = [float(model.train_on_batch(x, y[:, :1])) for _ in range(2)]
    again = Built()
    again.compile(keras.optimizers.Adam(0.01), "mse")
    again.build((None, 4))
    again.load_weights(HERE / "built_class")
    assert [float(again.train_on_batch(x, y[:, :1])) for _ in range(2)] == pytest.approx(losses, rel=1e-5)


def test_vocabularies_that_were_given() -> None:
    x, want = recorded("preprocessing")
    model = keras.models.load_model(HERE / "preprocessing")
    np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-5, atol=1e-6)


def test_names_of_metrics_begin_with_those_of_their_outputs() -> None:
    def metric(name: str) -> dict[str, Any]:
        return {"class_name": "MeanSquaredError", "config": {"name": name}}

    by_name = {"p": [metric("p_r"), "mae"], "q": metric("q_q_x")}
    assert legacy_config.without_outputs(by_name, ["p", "q"]) == {"p": [metric("r"), "mae"], "q": metric("q_x")}
    assert legacy_config.without_outputs([[metric("p_r")], None], ["p", "q"]) == [[metric("r")], None]
    assert legacy_config.without_outputs(metric("p_r"), ["p", "q"]) == metric("p_r")


def test_vocabularies_that_were_learned_are_not_lost_in_silence() -> None:
    def model(**arguments: Any) -> dict[str, Any]:
        return {
            "layers": [{"class_name": "StringLookup", "config": {"name": "words", "num_oov_indices": 1, **arguments}}]
        }

    known = {"vocabulary": ["a", "b"], "vocabulary_size": 3, "mask_token": None}
    for config in (model(**known), model(vocabulary=None, vocabulary_size=1, mask_token=None), {"layers": []}, None):
        saved_model._refuse_learned(config)
    for special in (None, ""):
        learned = model(vocabulary=None, vocabulary_size=3, mask_token=special)
        with pytest.raises(ValueError, match=r"'words' \(StringLookup\) learned its vocabulary of 3 entries"):
            saved_model._refuse_learned({"layers": [{"class_name": "Functional", "config": learned}]})


def test_batches_of_strings_train() -> None:
    x = keras.Input((1,), dtype="string")
    model = keras.Model(x, L.Dense(1)(L.StringLookup(vocabulary=["red", "green"], output_mode="one_hot")(x)))
    model.compile("sgd", "mse")
    words, y = np.array([["red"], ["blue"]], object), np.ones((2, 1))
    expected = model.evaluate(words, y, verbose=0)
    assert model.test_on_batch(words, y) == pytest.approx(expected, rel=1e-6)
    assert model.train_on_batch(words, y) == pytest.approx(expected, rel=1e-6)
    assert model.train_on_batch(words, y) < expected
    np.testing.assert_array_equal(model.predict_on_batch(words), model.predict(words, verbose=0))

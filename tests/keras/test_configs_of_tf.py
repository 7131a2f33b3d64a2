"""Configs, and names of optimizers' variables, as tf.keras 2.15 gives them, and what is made of them again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

DENSE = {
    "name": "d", "trainable": True, "dtype": "float32", "batch_input_shape": (None, 3), "units": 4, "activation": "relu",
    "use_bias": True,
    "kernel_initializer": {
        "module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": None}, "registered_name": None,
    },
    "bias_initializer": {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None},
    "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None,
    "bias_constraint": None,
}  # fmt: skip
ADAM = {
    "name": "Adam", "weight_decay": None, "clipnorm": None, "global_clipnorm": None, "clipvalue": None, "use_ema": False,
    "ema_momentum": 0.99, "ema_overwrite_frequency": None, "jit_compile": False, "is_legacy_optimizer": False,
    "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-07, "amsgrad": False,
}  # fmt: skip


def test_layers_and_models(tf: Any):
    keras = tf.keras
    model = keras.Sequential([keras.layers.Dense(4, "relu", input_shape=(3,), name="d")], name="s")
    config = model.layers[0].get_config()
    assert config == DENSE and list(config) == list(DENSE)
    start = {"batch_input_shape": (None, 3), "dtype": "float32", "sparse": False, "ragged": False, "name": "d_input"}
    assert model.get_config()["layers"][0]["config"] == start
    text = json.loads(model.to_json())
    assert list(text) == ["class_name", "config", "keras_version", "backend"] and text["keras_version"] == "2.15.0"
    i = keras.Input((3,), name="i")
    x = keras.layers.Dense(2, name="a")(i)
    graph = keras.Model(i, keras.layers.Dropout(0.1, name="drop")(keras.layers.Add(name="sum")([x, x]), training=True))
    config = graph.get_config()
    assert [layer["inbound_nodes"] for layer in config["layers"]] == [
        [], [[["i", 0, 0, {}]]], [[["a", 0, 0, {}], ["a", 0, 0, {}]]], [[["sum", 0, 0, {"training": True}]]],
    ]  # fmt: skip
    assert (config["input_layers"], config["output_layers"]) == ([["i", 0, 0]], [["drop", 0, 0]])
    for made in (model, graph):
        assert keras.models.model_from_json(made.to_json()).to_json() == made.to_json()
        assert type(made).from_config(made.get_config()).get_config() == made.get_config()


@pytest.mark.parametrize(
    "name, args",
    [
        ("RNN", lambda layers: [layers.LSTMCell(3)]),
        ("MultiHeadAttention", lambda layers: [2, 3]),
        ("SeparableConv2D", lambda layers: [2, 3]),
        ("Conv3DTranspose", lambda layers: [2, 3]),
        ("Bidirectional", lambda layers: [layers.LSTM(2)]),
        ("Embedding", lambda layers: [3, 4]),
        ("GRU", lambda layers: [2]),
    ],
)
def test_layers_again_from_their_configs(tf: Any, name: str, args: Any):
    layer = getattr(tf.keras.layers, name)(*args(tf.keras.layers))
    config = layer.get_config()
    assert type(layer).from_config(config).get_config() == config


def test_a_backward_layer_of_its_own_is_written(tf: Any):
    layers = tf.keras.layers
    both = layers.Bidirectional(layers.LSTM(2), backward_layer=layers.GRU(2, go_backwards=True))
    again = layers.Bidirectional.from_config(both.get_config())
    assert type(again.backward_layer).__name__ == "GRU"
    assert "backward_layer" not in layers.Bidirectional(layers.LSTM(2)).get_config()


def test_layers_of_users(tf: Any):
    keras = tf.keras

    class Mine(keras.layers.Layer):
        def __init__(self, units=2, seed=None, **kwargs):
            super().__init__(**kwargs)
            self.units, self.seed = units, seed

        def call(self, x):
            return x

        def get_config(self):
            return {**super().get_config(), "units": self.units, "seed": self.seed}

    config = Mine(3, seed=4, name="m").get_config()
    assert config == {"name": "m", "trainable": True, "dtype": "float32", "units": 3, "seed": 4}
    assert Mine.from_config(config).seed == 4


def test_losses_metrics_and_optimizers(tf: Any):
    keras = tf.keras
    loss = keras.losses.Huber(2.0)
    assert loss.get_config() == {"reduction": "auto", "name": "huber_loss", "delta": 2.0, "fn": "huber"}
    assert keras.losses.Huber.from_config(loss.get_config()).get_config() == loss.get_config()
    assert keras.metrics.MeanSquaredError().get_config() == {"name": "mean_squared_error", "dtype": "float32"}
    adam = keras.optimizers.Adam()
    assert adam.get_config() == ADAM and list(adam.get_config()) == list(ADAM)
    adam.apply_gradients([(tf.constant([1.0]), tf.Variable([1.0], name="w"))])
    assert [v.name for v in adam.variables] == ["iteration:0", "Adam/m/w:0", "Adam/v/w:0"]
    written = keras.regularizers.serialize(keras.regularizers.L2(0.1))
    assert written["config"] == {"l2": float(np.float32(0.1))}

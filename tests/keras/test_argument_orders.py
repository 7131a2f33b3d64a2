"""Positional arguments in the order of each generation."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import kjax.keras
from kjax.keras import Sequential, layers

X, Y = np.ones((4, 3), "float32"), np.eye(2, dtype="float32")[[0, 1, 0, 1]]


@pytest.fixture(params=["1", "2", "tf"])
def era(request: Any) -> Iterator[str]:
    kjax.keras.install(request.param)
    yield request.param
    kjax.keras.uninstall()


def network() -> Any:
    return Sequential([layers.Input((3,)), layers.Dense(2, activation="softmax")])


def test_metrics_came_before_weights_of_losses(era: str):
    model = network()
    model.compile("sgd", "categorical_crossentropy", ["accuracy"], [0.5])
    half = model.evaluate(X, Y, verbose=0)
    assert len(half) == 2
    model.compile("sgd", "categorical_crossentropy", ["accuracy"])
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0)[0], 2 * half[0], rtol=1e-6)
    with pytest.raises(TypeError, match="metrics"):
        model.compile("sgd", "categorical_crossentropy", ["accuracy"], metrics=["accuracy"])


def test_weights_of_losses_come_first_in_keras_3():
    model = network()
    model.compile("sgd", "categorical_crossentropy", [0.5], ["accuracy"])
    assert len(model.evaluate(X, Y, verbose=0)) == 2


def test_the_name_of_a_sequential_model_was_its_second_argument(era: str):
    model = Sequential([layers.Dense(1)], "mine")
    assert model.name == "mine" and model.trainable


def test_convolutions_without_groups():
    kjax.keras.install("2")
    try:
        layer = layers.Conv2D(4, 3, (1, 1), "same", None, (1, 1), "relu", False)
        assert layer.activation.__name__ == "relu" and layer.use_bias is False and layer.groups == 1
        layer = layers.DepthwiseConv2D(3, (1, 1), "same", 1, None, "relu")
        assert layer.activation.__name__ == "relu"
        layer = layers.Conv3DTranspose(2, 3, 2, "same", None, "channels_last", "relu")
        assert layer.data_format == "channels_last" and layer.activation.__name__ == "relu"
        layer = layers.Embedding(5, 2, "uniform", None, None, None, True)
        assert layer.mask_zero is True
        with pytest.raises(TypeError, match="filters"):
            layers.Conv2D(4, 3, (1, 1), "same", None, (1, 1), "relu", filters=2)
    finally:
        kjax.keras.uninstall()


@pytest.mark.parametrize(
    "name",
    (
        "Dense Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose DepthwiseConv1D DepthwiseConv2D "
        "SeparableConv1D SeparableConv2D ConvLSTM1D ConvLSTM2D ConvLSTM3D SimpleRNN LSTM GRU MultiHeadAttention "
        "GroupQueryAttention Embedding EinsumDense BatchNormalization"
    ).split(),
)
def test_layers_take_arguments_in_the_order_of_keras_3(keras3: Any, name: str):
    from kjax.keras.core.fields import field_names
    from kjax.keras.legacy.spellings import positions

    parameters = inspect.signature(getattr(keras3.layers, name).__init__).parameters.values()
    wanted = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD][1:]
    order = positions(name, field_names(getattr(layers, name).module_class), "3")
    assert order[: len(wanted)] == wanted


def test_activity_regularizer_by_position():
    layer: Any = layers.Dense(2, None, True, "ones", "zeros", None, None, "l2", "non_neg")
    assert type(layer.activity_regularizer).__name__ == "L2" and type(layer.kernel_constraint).__name__ == "NonNeg"

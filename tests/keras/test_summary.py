"""The text of `model.summary()`, character by character that of real Keras for the same model."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras import console
from kjax.keras.core.settings import settings
from kjax.keras.summary import print_summary


def dense(k: Any, units: int, **kwargs: Any) -> Any:
    """A layer whose weights take no time to draw."""
    return k.layers.Dense(units, kernel_initializer="zeros", **kwargs)


def lstm(k: Any, units: int, **kwargs: Any) -> Any:
    """A layer whose weights take no time to draw."""
    return k.layers.LSTM(units, kernel_initializer="zeros", recurrent_initializer="zeros", **kwargs)


def convnet(k: Any) -> Any:
    layers = [
        k.Input((32, 32, 3)),
        k.layers.Conv2D(32, 3, kernel_initializer="zeros"),
        k.layers.BatchNormalization(),
        k.layers.MaxPooling2D(),
        k.layers.Dropout(0.25),
        k.layers.Flatten(),
        dense(k, 512),
        k.layers.Activation("relu"),
        dense(k, 10, name="d[0]"),
    ]
    return k.Sequential(layers)


def sequential_without_input(k: Any) -> Any:
    return k.Sequential([dense(k, 3), dense(k, 4)], name="not_built")


def empty(k: Any) -> Any:
    return k.Sequential(name="empty")


def chain(k: Any) -> Any:
    inputs = k.Input((8,))
    return k.Model(inputs, dense(k, 2)(dense(k, 3)(inputs)))


def branches(k: Any) -> Any:
    inputs = k.Input((8,))
    a, b = dense(k, 4)(inputs), dense(k, 4)(inputs)
    return k.Model(inputs, dense(k, 1)(k.layers.Concatenate()([k.layers.Add()([a, b]), inputs])))


def two_inputs_and_outputs(k: Any) -> Any:
    left, right = k.Input((8,), name="left"), k.Input((4,), name="right", batch_size=16)
    return k.Model([left, right], [dense(k, 1)(left), dense(k, 2)(right)], name="pair")


def output_in_the_middle(k: Any) -> Any:
    inputs = k.Input((8,))
    middle = dense(k, 4)(inputs)
    return k.Model(inputs, [middle, dense(k, 2)(middle)])


def shared_layer(k: Any) -> Any:
    inputs, layer = k.Input((8,)), dense(k, 8)
    return k.Model(inputs, layer(layer(inputs)))


def layer_shared_with_another_model(k: Any) -> Any:
    layer = dense(k, 8)
    layer(k.Input((8,)))
    inputs = k.Input((8,))
    return k.Model(inputs, k.layers.Add()([layer(inputs), inputs]))


def twice_the_same_tensor(k: Any) -> Any:
    inputs = k.Input((8,))
    return k.Model(inputs, k.layers.Add()([inputs, inputs]))


def operators(k: Any) -> Any:
    inputs = k.Input((8,))
    return k.Model(inputs, dense(k, 2)(inputs) + dense(k, 2)(inputs))


def text(k: Any) -> Any:
    inputs = k.Input((None,), dtype="int32", name="an_input_with_a_name_that_is_too_long_for_the_column")
    return k.Model(inputs, dense(k, 1)(lstm(k, 4)(k.layers.Embedding(1000, 8, "zeros")(inputs))))


def several_outputs_of_a_layer(k: Any) -> Any:
    inputs = k.Input((5, 3))
    return k.Model(inputs, lstm(k, 4, return_state=True, return_sequences=True)(inputs))


def nested(k: Any) -> Any:
    inner_inputs = k.Input((8,))
    hidden = dense(k, 3)(inner_inputs)
    inner = k.Model(inner_inputs, k.layers.Concatenate()([hidden, inner_inputs]), name="inner")
    stack = k.Sequential([k.Input((11,)), dense(k, 2), dense(k, 3)], name="stack")
    inputs = k.Input((8,))
    return k.Model(inputs, dense(k, 1)(stack(inner(inputs))), name="outer")


def frozen(k: Any) -> Any:
    model = convnet(k)
    model.layers[0].trainable = False
    return model


def half_precision(k: Any) -> Any:
    return k.Sequential([k.Input((8,)), dense(k, 100, dtype="bfloat16"), dense(k, 300)])


def compiled(k: Any) -> Any:
    model = chain(k)
    model.compile("adam", "mse")
    return model


def trained(k: Any) -> Any:
    model = chain(k)
    model.compile("adam", "mse")
    model.fit(np.zeros((4, 8), "float32"), np.zeros((4, 2), "float32"), verbose=0)
    return model


def trained_with_momentum(k: Any) -> Any:
    model = chain(k)
    model.compile(k.optimizers.SGD(momentum=0.9), "mse")
    model.fit(np.zeros((4, 8), "float32"), np.zeros((4, 2), "float32"), verbose=0)
    return model


def written_as_a_class(k: Any) -> Any:
    class Own(k.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.first = dense(k, 3)
            self.second = dense(k, 2)

        def call(self, inputs: Any) -> Any:
            return self.second(self.first(inputs))

    return Own()


MODELS: list[Callable[[Any], Any]] = [
    convnet,
    sequential_without_input,
    empty,
    chain,
    branches,
    two_inputs_and_outputs,
    output_in_the_middle,
    shared_layer,
    layer_shared_with_another_model,
    twice_the_same_tensor,
    operators,
    text,
    several_outputs_of_a_layer,
    nested,
    frozen,
    half_precision,
    compiled,
    trained,
    trained_with_momentum,
    written_as_a_class,
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"show_trainable": True},
    {"expand_nested": True, "show_trainable": True, "line_length": 130},
    {"line_length": 64},
    {"positions": [0.25, 0.5, 0.75, 1.0]},
]


def build_both(make: Callable[[Any], Any], keras3: ModuleType) -> tuple[Any, Any]:
    """The model of both, with names counted from the beginning."""
    from keras.src.utils import naming

    naming.reset_uids()
    settings.names.clear()
    return make(keras3), make(keras)


def summary_text(model: Any, **options: Any) -> str:
    """What the summary hands to `print_fn`."""
    written: list[str] = []
    model.summary(print_fn=lambda text, line_break=True: written.append(text), **options)
    assert len(written) == 1
    return written[0]


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_summary(keras3, make: Callable[[Any], Any]):
    theirs, ours = build_both(make, keras3)
    for options in OPTIONS:
        assert summary_text(ours, **options) == summary_text(theirs, **options), options


def test_layers_built_by_hand(keras3):
    """Layers that were never called symbolically: their output shape follows from their build."""
    models = build_both(written_as_a_class, keras3)
    for model in models:
        model(np.ones((1, 4), "float32"))
    expected = summary_text(models[0], show_trainable=True)
    assert summary_text(models[1], show_trainable=True) == expected and "(1, 3)" in expected
    written: list[str] = []
    print_summary(models[0], print_fn=written.append, show_trainable=True)  # of real Keras' own object
    assert written == [expected]


@pytest.mark.parametrize("columns", [30, 60, 100, 300])
def test_the_terminal_is_narrow_or_wide(keras3, monkeypatch, columns: int):
    monkeypatch.setenv("COLUMNS", str(columns))
    theirs, ours = build_both(branches, keras3)
    assert summary_text(ours) == summary_text(theirs)


def test_printed_without_a_print_function(keras3, capsys):
    texts = []
    for model in build_both(nested, keras3):
        model.summary()
        texts.append(capsys.readouterr().out)
    assert texts[1] == texts[0] and texts[0].startswith('Model: "outer"')


def test_layer_range(keras3):
    theirs, ours = build_both(convnet, keras3)
    for layer_range in (
        ["conv2d", "flatten"],
        ["flatten", "conv2d"],
        ["dense", "d.*"],
        ("dropout", "dropout"),
    ):
        assert summary_text(ours, layer_range=layer_range) == summary_text(theirs, layer_range=layer_range)
    names = re.findall(r"(\w+) \(", summary_text(ours, layer_range=["max_pooling2d", "flatten"]))
    assert names[1:4] == ["max_pooling2d", "dropout", "flatten"]


def test_a_layer_whose_output_shape_nothing_tells():
    class Data(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

        def compute_output_shape(self, input_shape: Any) -> Any:
            raise NotImplementedError

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Data(name="inner")

        def call(self, x: Any) -> Any:
            return self.inner(x)

    model = Own()
    model(np.ones((1, 4), "float32"))
    assert re.search(r"inner \(Data\) +│ \? +│ +0 ", summary_text(model))


def test_errors():
    model = chain(keras)
    with pytest.raises(ValueError, match="Insufficient console width to print summary: column 'Layer"):
        model.summary(line_length=8)
    with pytest.raises(ValueError, match="positions must hold the end of each column"):
        model.summary(positions=[0.5, 1.0])
    with pytest.raises(ValueError, match=r"must be two layer names.*received 'dense'"):
        model.summary(layer_range="dense")
    with pytest.raises(ValueError, match="no layer has a name like 'dens_x'; there are input_layer"):
        model.summary(layer_range=["dens_x", "dense"])


def test_into_the_log(monkeypatch, caplog):
    monkeypatch.setattr(console, "_interactive", False)
    model = chain(keras)
    with caplog.at_level(logging.INFO, logger="kjax"):
        model.summary()
    assert len(caplog.records) == 1 and "Total params: 35 (140.00 B)" in caplog.records[0].message


def test_colours_on_a_terminal(keras3, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    texts = []
    for model in build_both(branches, keras3):
        model.summary(show_trainable=True)
        texts.append(capsys.readouterr().out)
    assert texts[1] == texts[0] and "\x1b[38;5;34m" in texts[0]


def test_models_inside_of_a_class_show_the_shapes_of_their_outputs(capsys):
    class Pair(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            inputs = keras.Input((3,))
            self.one = keras.Model(inputs, dense(keras, 2)(inputs), name="one")
            self.two = keras.Model(inputs, [dense(keras, 4)(inputs), dense(keras, 5)(inputs)], name="two")

        def call(self, inputs: Any) -> Any:
            return self.one(inputs)

    Pair().summary()
    text = capsys.readouterr().out
    assert "(None, 2)" in text
    assert "((None, 4), (None, 5))" in text

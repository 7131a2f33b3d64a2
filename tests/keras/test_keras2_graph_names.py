"""What models of Keras 2.2.4 on TensorFlow 1 called their tensors and variables, and how they kept their graphs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from kjax import keras
from kjax.keras import backend, layers


@pytest.fixture(autouse=True)
def keras2():
    keras.install(version="2")
    keras.backend.clear_session()
    yield
    keras.uninstall()


@pytest.mark.parametrize(
    ("make", "shape", "expected"),
    [
        (lambda: layers.Dense(3), (5,), 'Tensor("dense_1/BiasAdd:0", shape=(?, 3), dtype=float32)'),
        (lambda: layers.Dense(3, use_bias=False), (5,), 'Tensor("dense_1/MatMul:0", shape=(?, 3), dtype=float32)'),
        (lambda: layers.Dense(4, activation="softmax", name="out"), (5,), 'Tensor("out/Softmax:0", shape=(?, 4), dtype=float32)'),
        (lambda: layers.Activation("relu"), (5,), 'Tensor("activation_1/Relu:0", shape=(?, 5), dtype=float32)'),
        (lambda: layers.Dropout(0.5), (5,), 'Tensor("dropout_1/cond/Merge:0", shape=(?, 5), dtype=float32)'),
        (lambda: layers.Conv2D(3, 3), (8, 8, 3), 'Tensor("conv2d_1/BiasAdd:0", shape=(?, 6, 6, 3), dtype=float32)'),
        (lambda: layers.LSTM(3), (5, 4), 'Tensor("lstm_1/TensorArrayReadV3:0", shape=(?, 3), dtype=float32)'),
    ],
)  # fmt: skip
def test_tensors_are_shown_as_tensorflow_showed_them(make, shape, expected):
    assert str(make()(layers.Input(shape))) == expected


def test_names_of_inputs_further_calls_and_functions():
    x = layers.Input((5,))
    dense = layers.Dense(5)
    first = dense(x)
    assert [x.name, first.name, dense(first).name] == ["input_1:0", "dense_1/BiasAdd:0", "dense_1_1/BiasAdd:0"]
    assert [backend.mean(x).name, backend.mean(x).name, (x * 2).name] == ["Mean:0", "Mean_1:0", "mul:0"]
    inner = keras.models.Model(x, first)
    assert inner(layers.Input((5,))).name == "model_1/dense_1/BiasAdd:0"
    assert inner.input_names == ["input_1"]


def test_names_of_variables():
    x = layers.Input((5,))
    dense = layers.Dense(3)
    dense(x)
    assert repr(dense.kernel) == "<tf.Variable 'dense_1/kernel:0' shape=(5, 3) dtype=float32_ref>"
    names = [backend.variable(1.0).name, backend.zeros((2,)).name, backend.variable(1.0, name="mine").name]
    assert names == ["Variable:0", "Variable_1:0", "mine:0"]


def test_nodes_and_layers_by_depth():
    x = layers.Input((5,))
    a = layers.Dense(4, name="a")(x)
    b = layers.Dense(4, name="b")(a)
    model = keras.models.Model(x, layers.Add(name="sum")([a, b]))
    named = {depth: [layer.name for layer in found] for depth, found in model._layers_by_depth.items()}
    assert named == {0: ["sum"], 1: ["b"], 2: ["a"], 3: ["input_1"]}
    assert {d: [n.outbound_layer.name for n in found] for d, found in model._nodes_by_depth.items()} == named
    assert model.layers_by_depth == model._layers_by_depth


def test_losses_of_batches_are_numpys():
    model = keras.models.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.ones((4, 2)), np.ones((4, 1))
    assert [type(value) for value in model.train_on_batch(x, y)] == [np.float32, np.float32]
    assert [type(value) for value in model.test_on_batch(x, y)] == [np.float32, np.float32]


def test_scripts_show_numbers_as_numpy_did_then(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import keras\nimport numpy as np\nprint([np.float32(0.5)], np.float64(1.5))\n")
    command = [sys.executable, "-m", "kjax", "--keras", "2", str(script)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[0.5] 1.5\n"

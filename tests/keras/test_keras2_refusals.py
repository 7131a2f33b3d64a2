"""What Keras 2.2.4 refused of calls of layers, and the order of arguments in its configs."""

from __future__ import annotations

import numpy as np
import pytest

from kjax import keras
from kjax.keras import backend as K
from kjax.keras import layers
from kjax.keras.models import Model


@pytest.fixture
def keras2():
    keras.install(version="2")
    yield
    keras.uninstall()


@pytest.mark.parametrize(
    "make",
    [
        layers.Flatten,
        lambda: layers.Conv1D(2, 2),
        lambda: layers.Reshape((20,)),
        layers.GlobalMaxPooling1D,
        lambda: layers.ZeroPadding1D(1),
    ],
)
def test_layers_without_masking_refuse_masks(keras2, make):
    masked = layers.Masking()(layers.Input((5, 4)))
    with pytest.raises(TypeError, match="does not support masking, but was passed an input_mask"):
        make()(masked)


@pytest.mark.parametrize(
    "make",
    [
        layers.GlobalAveragePooling1D,
        lambda: layers.Dense(2),
        lambda: layers.LSTM(2),
        lambda: layers.Lambda(lambda x: x * 2),
        lambda: layers.TimeDistributed(layers.Dense(2)),
    ],
)
def test_layers_with_masking_take_masks(keras2, make):
    assert make()(layers.Masking()(layers.Input((5, 4)))).shape[-1] in (2, 4)


def test_classes_of_scripts_say_what_they_take(keras2):
    class Plain(layers.Layer):
        def call(self, x):
            return x * 2

    class Taking(Plain):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

    class Dropping(layers.Flatten):
        def compute_mask(self, inputs, mask=None):
            return None

    masked = layers.Masking()(layers.Input((5, 4)))
    with pytest.raises(TypeError, match="does not support masking"):
        Plain()(masked)
    assert Taking()(masked).shape == (None, 5, 4)
    assert Dropping()(masked).shape == (None, 20)


@pytest.mark.parametrize("inputs", [list, lambda given: given[0]], ids=["one in a list", "a tensor"])
@pytest.mark.parametrize("make", [layers.Add, layers.Concatenate, layers.Subtract, lambda: layers.Dot(1)])
def test_merging_layers_want_several_inputs(keras2, make, inputs):
    with pytest.raises(ValueError, match=r"should be called on a list of (at least )?2 inputs"):
        make()(inputs([layers.Input((5,))]))


def test_arguments_in_configs_are_in_keras_2_s_order(keras2):
    config = layers.LSTM(2).get_config()
    assert " ".join(config) == (
        "name trainable return_sequences return_state go_backwards stateful unroll units activation recurrent_activation "
        "use_bias kernel_initializer recurrent_initializer bias_initializer unit_forget_bias kernel_regularizer "
        "recurrent_regularizer bias_regularizer activity_regularizer kernel_constraint recurrent_constraint "
        "bias_constraint dropout recurrent_dropout implementation"
    )
    assert " ".join(layers.Dense(2).get_config()) == (
        "name trainable units activation use_bias kernel_initializer bias_initializer kernel_regularizer "
        "bias_regularizer activity_regularizer kernel_constraint bias_constraint"
    )


def _double(x):
    return x * 2


def test_the_config_of_a_lambda_names_the_kinds_of_its_functions(keras2):
    config = layers.Lambda(_double, output_shape=(3,)).get_config()
    assert (config["function_type"], config["output_shape"], config["output_shape_type"]) == ("lambda", (3,), "raw")
    with pytest.warns(UserWarning, match="byte code"):
        config = layers.Lambda(lambda x: x * 2).get_config()
    assert (config["function_type"], config["output_shape"], config["output_shape_type"]) == ("lambda", None, "raw")


@pytest.mark.parametrize(("version", "rate"), [("1", 0.01), ("2", 0.01), ("tf", 0.01), ("3", 0.0)])
def test_l1_l2_had_rates_before_keras_3(version, rate):
    keras.install(version=version)
    try:
        both, one = keras.regularizers.l1_l2(), keras.regularizers.l1_l2(l1=0.5)
    finally:
        keras.uninstall()
    assert (both.l1, both.l2, one.l1, one.l2) == (rate, rate, 0.5, rate)
    assert isinstance(both, keras.regularizers.L1L2)


def test_a_layer_that_was_not_called_has_no_outputs(keras2):
    dense = layers.Dense(1)
    with pytest.raises(RuntimeError, match="no defined output"):
        dense.get_output_at(0)
    dense(layers.Input((2,)))
    with pytest.raises(ValueError, match="there is no output of call 3"):
        dense.get_output_at(3)


def test_weights_without_gradients_are_not_trained(keras2):
    """Where Keras 2.2.4 has no gradients, there are none."""
    inputs = layers.Input((2,))

    def gone(tensor, by):
        return [gradient is None for gradient in K.gradients(K.sum(tensor), by)]

    dense = layers.Dense(2)
    stopped = layers.Lambda(K.stop_gradient)(dense(inputs))
    assert gone(stopped, dense.weights) == [True, True] and gone(stopped, [inputs]) == [True]
    assert gone(K.round(inputs), [inputs]) == gone(K.cast(K.argmax(inputs), "float32"), [inputs]) == [True]
    assert gone(inputs + K.stop_gradient(inputs), [inputs]) == gone(K.sign(inputs) * inputs, [inputs]) == [False]
    variable = K.variable(2.0)
    assert gone(K.stop_gradient(variable), [variable]) == [True]
    x, two = np.ones((4, 2)), np.zeros((4, 2))
    model = Model(inputs, stopped)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="`None` for gradient"):
        model.fit(x, two, verbose=0)
    model = Model(inputs, [layers.Dense(2, name="p")(inputs), layers.Dense(3, name="q")(inputs)])
    with pytest.warns(UserWarning, match="'q' is missing"):
        model.compile("sgd", {"p": "mse"})
    with pytest.raises(ValueError, match="q/kernel"):
        model.train_on_batch(x, two)
    model.compile("sgd", {"p": "mse", "q": "mse"})
    model.train_on_batch(x, [two, np.zeros((4, 3))])
    steps = layers.Input((3, 2))
    model = Model(steps, layers.Lambda(lambda t: t * 2)(layers.GRU(2)(layers.Masking()(steps))))
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((4, 3, 2)), two)


def test_what_compile_refuses(keras2):
    inputs = layers.Input((2,))
    model = Model(inputs, [layers.Dense(2)(inputs), layers.Dense(2)(inputs)])
    with pytest.raises(ValueError, match="loss_weights"):
        model.compile("sgd", "mse", loss_weights=[0.5])
    with pytest.raises(ValueError, match="optimizer"):
        model.compile(None, "mse")

"""What scripts and tests of Keras 1 and 2 did with the library: graphs of variables, configs, logs of batches, old helpers.

The configs were recorded from Keras 2.2.4.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kjax.keras
from kjax.keras import backend as K
from kjax.keras import layers, optimizers
from kjax.keras.core.settings import clear_session
from kjax.keras.models import Model, Sequential, model_from_json

RECORDED = json.loads((Path(__file__).parent / "data/keras2/configs.json").read_text("utf-8"))

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys("Activation".split(), ("relu",)),
    **dict.fromkeys("AlphaDropout Dropout GaussianDropout GaussianNoise".split(), (0.5,)),
    **dict.fromkeys((f"SpatialDropout{n}D" for n in (1, 2, 3)), (0.5,)),
    **dict.fromkeys(
        (
            "Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose ConvLSTM2D ConvLSTM2DCell SeparableConv1D "
            "SeparableConv2D LocallyConnected1D LocallyConnected2D"
        ).split(),
        (4, 3),
    ),
    **dict.fromkeys("GRU GRUCell LSTM LSTMCell SimpleRNN SimpleRNNCell".split(), (4,)),
    **dict.fromkeys("Dense DepthwiseConv2D RepeatVector".split(), (3,)),
    "Dot": (1,),
    "Embedding": (10, 4),
    "Permute": ((2, 1),),
    "Reshape": ((2, 3),),
    **dict.fromkeys(("CuDNNGRU", "CuDNNLSTM"), (4,)),
    "InputLayer": ((4,),),
}


@pytest.fixture(autouse=True)
def era():
    kjax.keras.install(2)
    clear_session(free_memory=False)
    yield
    kjax.keras.install(3)
    kjax.keras.uninstall()
    clear_session(free_memory=False)


def plain(thing: Any) -> Any:
    return json.loads(json.dumps(thing))


def make(name: str) -> Any:
    L: Any = layers
    if name in ("Bidirectional", "TimeDistributed"):
        return getattr(L, name)(L.LSTM(2, return_sequences=True))
    if name == "RNN":
        return L.RNN(L.LSTMCell(2))
    if name == "StackedRNNCells":
        return L.StackedRNNCells([L.LSTMCell(2), L.GRUCell(2)])
    return getattr(L, name)(*ARGUMENTS.get(name, ()))


@pytest.mark.parametrize("name", sorted(RECORDED["layers"]))
def test_configs_of_layers(name: str):
    layer = make(name)
    assert plain(layer.get_config()) == RECORDED["layers"][name]
    again = type(layer).from_config(layer.get_config())
    assert plain(again.get_config()) == RECORDED["layers"][name]


@pytest.mark.parametrize("name", sorted(RECORDED["optimizers"]))
def test_configs_of_optimizers(name: str):
    cls, _, clip = name.partition(" ")
    optimizer = getattr(optimizers, cls)(**({"clipnorm": 1.0, "clipvalue": 0.5} if clip else {}))
    assert plain(optimizers.serialize(optimizer)) == RECORDED["optimizers"][name]
    assert plain(type(optimizer).from_config(optimizer.get_config()).get_config()) == plain(optimizer.get_config())


@pytest.mark.parametrize("name", sorted(RECORDED["models"]))
def test_models_as_json(name: str):
    recorded = RECORDED["models"][name]
    model = model_from_json(json.dumps(recorded))
    assert json.loads(model.to_json()) == recorded


def test_functions_of_variables_are_graphs():
    v, w = K.variable([1.0, 2.0]), K.variable([3.0, 4.0])
    total = K.sum(v * w)
    np.testing.assert_allclose([K.eval(g) for g in K.gradients(total, [v, w])], [[3, 4], [1, 2]])
    step = K.function([], [total], updates=[K.update_add(v, 1.0)])
    assert [float(step([])[0]) for _ in range(2)] == [11.0, 18.0]
    np.testing.assert_allclose(K.get_value(v), [3, 4])
    norm = K.expand_dims(w / K.sum(w), 0)  # of a variable, and used in a loss that is compiled
    model = Sequential([layers.Dense(2, input_dim=2, kernel_initializer="zeros")])
    model.compile("sgd", lambda true, pred: K.sum(norm * K.square(true - pred), axis=-1))
    np.testing.assert_allclose(model.test_on_batch(np.ones((3, 2)), np.ones((3, 2))), 1.0, rtol=1e-6)


def test_lambda_sees_the_graph():
    image = layers.Input((4, 4, 1))
    pooled = layers.MaxPooling2D()(image)
    where = layers.Lambda(lambda pair: K.gradients(K.sum(pair[1]), pair[0]), name="where")([image, pooled])
    x = np.random.default_rng(0).random((2, 4, 4, 1), "float32")
    found = Model(image, where).predict(x)
    blocks = x.reshape(2, 2, 2, 2, 2).transpose(0, 1, 3, 2, 4).reshape(2, 4, 4)
    expected = (
        (blocks == blocks.max(-1, keepdims=True)).reshape(2, 2, 2, 2, 2).transpose(0, 1, 3, 2, 4).reshape(x.shape)
    )
    np.testing.assert_array_equal(found, expected)
    a, b = layers.Input((3,)), layers.Input((3,))
    assert Model([a, b], layers.Lambda(lambda t: t + 2 * b)(a)).predict([np.ones((1, 3))] * 2).tolist() == [[3.0] * 3]


def test_layer_adds_a_loss_of_tensors_from_outside():
    x = layers.Input((3,))
    z = layers.Dense(2, kernel_initializer="ones")(x)

    class Penalty(layers.Layer):
        def call(self, inputs):
            self.add_loss(K.mean(K.square(inputs)) + K.mean(z), inputs=inputs)
            return inputs

    model = Model(x, Penalty()(x))
    model.compile("sgd", loss=None)
    np.testing.assert_allclose(model.train_on_batch(np.ones((4, 3)), None), 4.0, rtol=1e-6)
    assert model.evaluate(np.ones((4, 3)), None, verbose=0) < 4


def test_logs_of_a_batch_are_its_own():
    model = Sequential([layers.Dense(1, input_dim=1, kernel_initializer="zeros")])
    model.compile(optimizers.SGD(learning_rate=0.0), "mse")
    seen = []

    class Watch(kjax.keras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            seen.append(dict(logs))

    y = np.array([[1.0], [1.0], [3.0]])
    history = model.fit(np.ones((3, 1)), y, batch_size=2, epochs=1, shuffle=False, verbose=0, callbacks=[Watch()])
    assert seen == [{"batch": 0, "size": 2, "loss": 1.0}, {"batch": 1, "size": 1, "loss": 9.0}]
    np.testing.assert_allclose(history.history["loss"], [11 / 3], rtol=1e-6)


def test_several_devices():
    model = Sequential([layers.Dense(2, input_dim=3)])
    parallel = kjax.keras.utils.multi_gpu_model(model, gpus=4)
    parallel.compile("sgd", "mse")
    before = model.get_weights()[0].copy()
    parallel.fit(np.ones((8, 3)), np.ones((8, 2)), batch_size=8, verbose=0)
    assert not np.array_equal(before, model.get_weights()[0])
    with pytest.raises(ValueError, match="this machine has 4"):
        kjax.keras.utils.multi_gpu_model(model, gpus=5)


def test_helpers_of_tests():
    from kjax.keras.engine import training_utils
    from kjax.keras.utils.test_utils import get_test_data, layer_test

    layer_test(layers.Dropout, kwargs={"rate": 0.5}, input_shape=(3, 2))
    layer_test(layers.Dense, kwargs={"units": 3}, input_shape=(3, 4, 2))
    layer_test(layers.UpSampling2D, kwargs={"interpolation": "bilinear"}, input_shape=(2, 3, 4, 1))
    (x, y), (x_test, _) = get_test_data(num_train=4, num_test=2, input_shape=(3,))
    assert (x.shape, y.shape, x_test.shape) == ((4, 3), (4,), (2, 3))
    assert training_utils.make_batches(5, 2) == [(0, 2), (2, 4), (4, 5)]
    with pytest.raises(ValueError, match="expected shape"):
        training_utils.standardize_input_data([np.zeros((3, 4))], ["a"], [(None, 2)])


def test_cells_that_are_no_layers():
    class Cell:
        state_size = 4

        def __init__(self):
            self.kernel = K.variable(np.ones((3, 4)))

        def call(self, inputs, states):
            output = K.dot(inputs, self.kernel) + states[0]
            return output, [output]

    x = layers.Input((None, 3))
    model = Model(x, layers.RNN(Cell())(x))
    model.compile("sgd", "mse")
    assert len(model.trainable_weights) == 1
    np.testing.assert_allclose(model.predict(np.ones((1, 5, 3))), [[15.0] * 4])


def test_inputs_by_name_may_bring_others():
    a, b = layers.Input((2,), name="a"), layers.Input((2,), name="b")
    model = Model([a, b], layers.Dense(1)(layers.add([a, b])))
    model.compile("sgd", "mse")
    data = {"a": np.ones((4, 2)), "b": np.ones((4, 2)), "words": ["x"] * 4}
    model.fit(data, np.ones((4, 1)), verbose=0)
    model.fit_generator(((data, np.ones((4, 1))) for _ in range(2)), steps_per_epoch=2, verbose=0)


def test_weights_are_called_by_their_layers():
    model = Sequential([layers.Embedding(3, 4, input_length=5), layers.Bidirectional(layers.LSTM(2)), layers.Dense(1)])
    names = [weight.name for weight in model.weights]
    assert names[0] == "embedding_1/embeddings:0" and names[-2:] == ["dense_1/kernel:0", "dense_1/bias:0"]
    assert names[1] == "bidirectional_1/forward_lstm_1/kernel:0"
    assert K.variable(1.0, name="scale").name == "scale:0"
    kjax.keras.install("tf")
    layer = layers.LSTM(2, name="rnn")
    layer.build((None, 3, 4))
    assert layer.weights[0].name == "rnn/lstm_cell/kernel:0"
    kjax.keras.install(3)
    assert (layer.weights[0].name, layer.weights[0].path) == ("kernel", "rnn/lstm_cell/kernel")


def test_states_of_stateful_layers_alone_are_reset():
    inputs = layers.Input(batch_shape=(2, 3, 4))
    hidden = layers.LSTM(3, stateful=True, return_sequences=True)(inputs)
    model = Model(inputs, layers.Bidirectional(layers.GRU(2))(hidden))
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    first, second = model.predict(x), model.predict(x)
    assert np.abs(first - second).max() > 1e-4
    model.reset_states()  # the layer around that carries none is passed over
    np.testing.assert_allclose(model.predict(x), first, rtol=1e-5, atol=1e-6)


def test_losses_and_metrics_called_directly_are_those_of_keras_2():
    y, p = np.float32([[1, 0], [0, 1], [1, 1]]), np.float32([[0.8, 0.3], [0.4, 0.6], [0.2, 0.9]])
    losses: Any = kjax.keras.losses
    metrics: Any = kjax.keras.metrics
    np.testing.assert_allclose(losses.hinge(y, p), [0.6, 0.7, 0.45], rtol=1e-6)
    np.testing.assert_allclose(losses.squared_hinge(y, p), [0.52, 0.58, 0.325], rtol=1e-6)
    np.testing.assert_allclose(metrics.binary_accuracy(y, p), [1, 1, 0.5])
    np.testing.assert_allclose(K.eval(metrics.binary_accuracy(K.constant(y), K.constant(p))), [1, 1, 0.5])
    assert np.shape(metrics.top_k_categorical_accuracy(y, p, 1)) == ()
    kjax.keras.install(3)
    assert np.shape(metrics.binary_accuracy(y, p)) == (3, 2)
    np.testing.assert_allclose(losses.hinge(y, p), [0.75, 0.9, 0.45], rtol=1e-6)

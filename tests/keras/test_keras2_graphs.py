"""Trainings as graphs, in the era of Keras 2: updates, losses and train functions, and data that are tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kjax.keras
from kjax.keras import backend as K
from kjax.keras import layers, optimizers
from kjax.keras.core.settings import clear_session
from kjax.keras.models import Model, Sequential

R = np.random.default_rng(0)
X, Y = R.random((8, 3), "float32"), R.random((8, 2), "float32")


@pytest.fixture(autouse=True)
def era():
    kjax.keras.install(2)
    clear_session(free_memory=False)
    yield
    kjax.keras.install(3)
    kjax.keras.uninstall()
    clear_session(free_memory=False)


def test_updates_of_a_shared_layer():
    first, second = layers.Input((3,)), layers.Input((3,))
    norm = layers.BatchNormalization()
    y = norm(first)
    model = Model(first, y)
    assert len(norm.updates) == len(model.updates) == 2
    norm(second)
    assert [len(norm.get_updates_for(i)) for i in (first, second, None)] == [2, 2, 0]
    assert len(model.updates) == len(model.get_updates_for(first)) == 2
    K.function([first], [y], updates=model.updates)([X])
    np.testing.assert_allclose(K.get_value(norm.moving_mean), 0.01 * X.mean(0), rtol=1e-4)
    model.trainable = False
    assert model.updates == []


def test_updates_that_a_layer_adds():
    class Counting(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.total = self.add_weight("total", (), initializer="zeros", trainable=False)
            self.calls = self.add_weight("calls", (), initializer="zeros", trainable=False)
            self.built = True

        def call(self, inputs: Any) -> Any:
            self.add_update(K.update(self.total, K.sum(inputs)), inputs=inputs)
            self.add_update((self.calls, self.calls + 1.0))
            return inputs

    x = layers.Input((3,))
    layer = Counting()
    model = Model(x, layer(x))
    assert len(model.get_updates_for(x)) == len(model.get_updates_for(None)) == 1
    run = K.function([x], model.outputs, updates=model.updates)
    run([X])
    run([X])
    np.testing.assert_allclose([K.get_value(v) for v in layer.weights], [X.sum(), 2.0], rtol=1e-6)
    layer.add_update("anything", inputs=x)
    assert layer.get_updates_for(x)[0] == "anything"


def test_losses_of_weights_and_of_calls():
    x = layers.Input((3,))
    dense = layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l1")
    model = Model(x, dense(x))
    (weights,), (calls,) = dense.get_losses_for(None), dense.get_losses_for(x)
    kernel = dense.get_weights()[0]
    np.testing.assert_allclose(K.eval(weights), 0.01 * (kernel**2).sum(), rtol=1e-5)
    np.testing.assert_allclose(K.function([x], [calls])([X])[0], 0.01 * np.abs(X @ kernel).sum(), rtol=1e-5)
    assert len(model.losses) == 2
    model.compile("sgd", "mse")
    found = K.function([*model.inputs, *model.targets, *model.sample_weights], [model.total_loss])
    np.testing.assert_allclose(found([X, Y, np.ones(8)])[0], model.test_on_batch(X, Y), rtol=1e-5)


def test_loss_of_a_weight_trains_it():
    x = layers.Input((3,))
    dense = layers.Dense(2, use_bias=False)
    model = Model(x, dense(x))
    model.add_loss(0.1 * K.sum(K.square(dense.kernel)))
    model.compile(optimizers.SGD(learning_rate=1.0), "mse")
    before = dense.get_weights()[0]
    zeros = np.zeros((8, 3)), np.zeros((8, 2))
    np.testing.assert_allclose(model.train_on_batch(*zeros), 0.1 * (before**2).sum(), rtol=1e-5)
    np.testing.assert_allclose(dense.get_weights()[0], 0.8 * before, rtol=1e-5)


def test_train_functions():
    x = layers.Input((3,), name="x")
    hidden = layers.BatchNormalization()(layers.Dense(4)(x))
    model = Model(x, layers.Dense(2, name="y")(layers.Dropout(0.3)(hidden)))
    model.compile(optimizers.Adam(learning_rate=0.05), "mse", metrics=["mae"])
    assert (model._feed_input_names, model._feed_output_names) == (["x"], ["y"])
    assert model.uses_learning_phase and len(model.metrics_tensors) == 1
    model._make_train_function()
    model._make_test_function()
    model._make_predict_function()
    inputs, targets, weights = model._standardize_user_data(X, Y)
    data = [*inputs, *targets, *weights]
    np.testing.assert_allclose(model.test_function([*data, 0.0]), model.test_on_batch(X, Y), rtol=1e-4)
    losses = [float(model.train_function([*data, 1.0])[0]) for _ in range(60)]
    assert model.test_function([*data, 0.0])[0] < losses[0]
    assert np.all(model.layers[2].get_weights()[2] != 0)
    np.testing.assert_allclose(model.predict_function([X, 0.0])[0], model.predict(X), rtol=1e-4, atol=1e-5)


def test_masks_are_tensors():
    x = layers.Input((4,))
    embedding = layers.Embedding(9, 2, mask_zero=True)
    lstm = layers.LSTM(2)
    lstm(embedding(x))
    rows = np.array([[0, 3, 1, 0]])
    for mask in (embedding.output_mask, lstm.input_mask):
        assert K.function([x], [mask])([rows])[0].tolist() == [[False, True, True, False]]


def test_modes_of_tensors():
    x = layers.Input((3,))
    dropped = layers.Dense(2)(layers.Dropout(0.5)(x))
    assert dropped._uses_learning_phase and not layers.Dense(2)(x)._uses_learning_phase
    assert not layers.Dropout(0.0)(x)._uses_learning_phase
    assert Model(x, dropped).uses_learning_phase and K.in_train_phase(x, 2 * x)._uses_learning_phase


def test_inputs_that_are_tensors():
    values = K.variable(X)
    fed, held = layers.Input((3,), name="fed"), layers.Input(tensor=values, name="held")
    model = Model([fed, held], layers.Dense(2)(layers.add([fed, held])))
    assert model._feed_input_names == ["fed"] and not K.is_placeholder(held)
    model.compile("sgd", "mse")
    expected = 2 * X @ model.get_weights()[0]
    np.testing.assert_allclose(model.predict(X, batch_size=8), expected, rtol=1e-5)
    K.set_value(values, np.zeros_like(X))
    np.testing.assert_allclose(model.predict_on_batch({"fed": X}), expected / 2, rtol=1e-5)
    model.fit({"fed": X}, Y, batch_size=8, verbose=0)
    with pytest.raises(ValueError, match="fed"):
        model.train_on_batch([X, X], Y)


def test_training_without_data():
    model = Sequential([layers.Dense(2, input_shape=(3,), name="d")])
    model.compile("sgd", "mse", target_tensors={"d": K.variable(Y)})
    loss = model.train_on_batch(X, None)
    np.testing.assert_allclose(model.test_on_batch(X, None), loss, rtol=0.5)
    alone = layers.Input(tensor=K.variable(X))
    model = Model(alone, layers.Dense(2)(alone))
    model.compile(optimizers.SGD(learning_rate=0.1), "mse", target_tensors=[K.variable(Y)])
    with pytest.raises(ValueError, match="steps_per_epoch"):
        model.fit(epochs=1, verbose=0)
    losses = model.fit(epochs=3, steps_per_epoch=4, verbose=0).history["loss"]
    assert losses[2] < losses[0]
    assert model.predict(None, steps=3).shape == (24, 2)
    assert model.evaluate(steps=2, verbose=0) <= losses[2]


def test_what_compile_and_fit_refuse():
    a, b = layers.Input((3,), name="a"), layers.Input((3,), name="b")
    dense = layers.Dense(2, name="one")
    model = Model([a, b], [dense(a), layers.Dense(1, name="two")(b)])
    with pytest.raises(RuntimeError, match="compile"):
        model.fit([X, X], [Y, Y[:, :1]])
    for wrong, error in (
        ({"loss": ["mse"]}, ValueError),
        ({"loss": {"nope": "mse"}}, ValueError),
        ({"loss": None}, ValueError),
        ({"loss": "mse", "loss_weights": 3}, TypeError),
        ({"loss": "mse", "metrics": 3}, TypeError),
        ({"loss": "mse", "sample_weight_mode": ["temporal"]}, ValueError),
        ({"loss": "mse", "target_tensors": {"nope": K.placeholder((None, 2))}}, ValueError),
    ):
        with pytest.raises(error, match="compile"):
            model.compile("sgd", **wrong)
    with pytest.warns(UserWarning, match="'two' is missing"):
        model.compile("sgd", {"one": "mse"})
    model.train_on_batch([X, X], [Y])
    model.compile("sgd", "hinge")
    for x, y, more in (
        ([X, X], [Y, Y], {}),
        ([X, X], [Y, Y[:, :1]], {"batch_size": 4, "steps_per_epoch": 2}),
        ([X, X], [Y, Y[:, :1]], {"validation_steps": 2}),
        ([X, X], [Y, Y[:, :1]], {"sample_weight": [np.ones((8, 2)), None]}),
    ):
        with pytest.raises(ValueError):
            model.fit(x, y, verbose=0, **more)
    model.fit([X, X], [Y, Y[:, :1]], sample_weight=[np.ones(8), None], verbose=0)


def test_weights_of_steps():
    model = Sequential([layers.Dense(2, input_shape=(4, 3))])
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    x, y, weights = R.random((6, 4, 3)), R.random((6, 4, 2)), R.random((6, 4))
    errors = ((model.predict(x) - y) ** 2).mean(-1)
    np.testing.assert_allclose(model.test_on_batch(x, y, weights), (errors * weights).mean(), rtol=1e-5)
    with pytest.raises(ValueError, match="2 axes"):
        model.fit(x, y, sample_weight=weights[:, 0], verbose=0)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="temporal"):
        model.fit(x, y, sample_weight=weights, verbose=0)

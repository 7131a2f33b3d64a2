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
    kernel, bias = model.get_weights()
    error = X @ kernel + bias - Y
    np.testing.assert_allclose(model.train_on_batch(X, None), np.mean(error**2), rtol=1e-5)
    trained = kernel - 0.01 * 2 * X.T @ error / error.size
    np.testing.assert_allclose(model.get_weights()[0], trained, rtol=1e-5, atol=1e-6)
    after = np.mean((X @ trained + model.get_weights()[1] - Y) ** 2)
    np.testing.assert_allclose(model.test_on_batch(X, None), after, rtol=1e-5)
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
    with pytest.raises(ValueError, match="two/kernel"):  # no loss depends on it
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


def test_data_sets_of_tensorflow_as_tensors():
    from kjax.keras.legacy.tensorflow.data import Dataset

    batches = Dataset.from_tensor_slices((X, Y)).repeat().batch(4)
    inputs, targets = batches.make_one_shot_iterator().get_next()
    x = layers.Input(tensor=inputs)
    model = Model(x, layers.Dense(2)(x))
    model.compile("sgd", "mse", target_tensors=[targets])
    assert len(model.fit(epochs=2, steps_per_epoch=4, verbose=0).history["loss"]) == 2
    iterator = Dataset.from_tensor_slices(X).batch(4).make_initializable_iterator()
    run = K.function([], [iterator.get_next()])
    with pytest.raises(ValueError, match="initialized"):
        run([])
    K.get_session().run(iterator.initializer)
    np.testing.assert_array_equal(np.concatenate([run([])[0], run([])[0]]), X)


def test_optimizer_around_another():
    class Following(optimizers.Optimizer):
        def __init__(self, inner: Any, updates: Any) -> None:
            super().__init__()
            self.inner, self.more = inner, updates

        def get_updates(self, params: Any, loss: Any) -> Any:
            self.updates = self.inner.get_updates(params=params, loss=loss) + self.more
            return self.updates

        def get_config(self) -> Any:
            return self.inner.get_config()

    def network() -> Any:
        return Sequential([layers.Dense(2, input_shape=(3,))])

    model, slow = network(), network()
    soft = [(t, 0.5 * s + 0.5 * t) for t, s in zip(slow.weights, model.weights, strict=True)]
    model.compile(Following(optimizers.SGD(learning_rate=0.1), soft), "mse")
    before = [0.5 * a + 0.5 * b for a, b in zip(slow.get_weights(), model.get_weights(), strict=True)]
    start = model.get_weights()[0]
    model.train_on_batch(X, Y)
    np.testing.assert_allclose(slow.get_weights()[0], before[0], rtol=1e-5, atol=1e-6)
    assert np.any(model.get_weights()[0] != start)


def test_metrics_and_updates_that_are_added():
    x = layers.Input((3,))
    hidden = layers.Dense(4)
    model = Model(x, layers.Dense(2)(hidden(x)))
    model.compile("sgd", "mse", metrics=["mae"])
    model.metrics_names.append("size")
    model.metrics_tensors.append(K.mean(hidden.output))
    expected = K.function([x], [K.mean(hidden.output)])([X])[0]
    np.testing.assert_allclose(model.test_on_batch(X, Y)[2], expected, rtol=1e-5)
    history = model.fit(X, Y, validation_split=0.5, verbose=0).history
    assert list(history) == [f"{p}{n}" for p in ("val_", "") for n in ("loss", "mean_absolute_error", "size")]
    steps = K.variable(0.0)
    hidden.add_update(K.update_add(steps, 1.0), inputs=x)
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=2, verbose=0)
    assert K.get_value(steps) == 4


def test_random_numbers_are_drawn_when_a_graph_runs():
    noise = K.function([], [K.random_normal((3,))])
    assert np.any(noise([])[0] != noise([])[0])
    seeded = K.function([], [K.random_uniform((3,), seed=1)])
    np.testing.assert_array_equal(seeded([])[0], seeded([])[0])
    layer = layers.Dense(2, kernel_initializer=lambda shape, dtype=None: K.random_normal(shape, dtype=dtype))
    layer(layers.Input((3,)))
    assert layer.get_weights()[0].std() > 0


def test_functions_of_the_backend_in_graphs():
    x, factor, total = K.placeholder((None, 2)), K.placeholder(()), K.variable(0.0)
    run = K.function([x], [x * factor], feed_dict={factor: 5.0}, fetches=[K.update(total, K.sum(x))])
    assert run([np.ones((1, 2))])[0].tolist() == [[5.0, 5.0]] and K.get_value(total) == 2
    free = K.placeholder(ndim=3)
    assert K.int_shape(K.reshape(free, (8, 1))) == (8, 1) and K.int_shape(K.squeeze(free, 1)) == (None, None)
    assert not K.is_keras_tensor(x) and not K.is_keras_tensor(x * 2) and K.is_keras_tensor(layers.Input((2,)))
    assert K.dtype(K.variable(1, dtype="float16")) == "float16"
    with pytest.raises(ValueError, match="steps"):
        K.rnn(lambda i, s: (i, s), K.placeholder((None, None, 3)), [], unroll=True)
    with pytest.raises(ValueError, match="input_length"):
        layers.Embedding(9, 2, input_length=4)(layers.Input((5,)))
    scipy = pytest.importorskip("scipy.sparse")
    matrix = scipy.random(5, 4, density=0.4, format="csr", dtype="float32", random_state=1)
    held = K.variable(matrix)
    assert K.is_sparse(held) and K.is_sparse(K.concatenate([held, held], axis=0))
    np.testing.assert_allclose(K.eval(K.dot(held, K.variable(np.ones((4, 3))))), matrix @ np.ones((4, 3)), rtol=1e-6)


def test_places_of_layers():
    a, b = layers.Input((3,), name="a"), layers.Input((3,), name="b")
    (node,) = a._keras_history[0]._inbound_nodes
    assert node.input_tensors == [a] and node.inbound_layers == []
    dense = layers.Dense(2)
    first, second = dense(a), dense(b)
    assert dense.get_output_at(1) is second and dense.input_shape == (None, 3)
    for name in ("input", "output", "input_mask"):
        with pytest.raises(AttributeError, match="2 times"):
            getattr(dense, name)
    model = Model(a, first)
    again = model(b)
    assert model.get_output_at(0) is first and model.get_output_at(1) is again
    row = Sequential([layers.Dense(2, input_shape=(3,)), layers.Dense(1)])
    below = row.layers[0].output
    row.pop()
    assert row.outputs[0] is below and len(row.layers[0]._inbound_nodes) == 1
    with pytest.raises(TypeError, match="several"):
        row.add(layers.Lambda(lambda x: [x, x]))
    with pytest.raises(ValueError, match="never been called"):
        Sequential([layers.Dense(1)]).summary()
    clone = kjax.keras.models.clone_model(model, input_tensors=K.variable(X))
    clone.compile("sgd", "mse")
    clone.train_on_batch(None, Y)


def test_recurrent_layers_that_carry_states():
    class Adding(layers.Recurrent):
        def __init__(self, units: int, **kwargs: Any) -> None:
            self.units = units
            super().__init__(**kwargs)

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[2], self.units), initializer="ones", name="kernel")
            self.built = True

        def step(self, inputs: Any, states: Any) -> Any:
            output = K.dot(inputs, self.kernel) + states[0]
            return output, [output]

    model = Sequential([Adding(2, stateful=True, batch_input_shape=(1, 3, 2))])
    ones = np.ones((1, 3, 2))
    assert [float(model.predict(ones)[0, 0]) for _ in range(2)] == [6.0, 12.0] and len(model.get_weights()) == 1
    model.reset_states()
    assert model.predict(ones)[0, 0] == 6
    model.layers[0].reset_states(np.ones((1, 2)))
    assert model.predict(ones)[0, 0] == 7
    with pytest.raises(ValueError, match="size of batches"):
        Sequential([Adding(2, stateful=True, input_shape=(3, 2))])
    outputs = layers.RNN([layers.LSTMCell(3), layers.LSTMCell(4)], return_state=True)(layers.Input((3, 4)))
    assert [K.int_shape(t)[1] for t in outputs] == [4, 3, 3, 4, 4]


def test_what_callbacks_see(tmp_path: Any):
    seen = {}

    class Watch(kjax.keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen["data"] = self.validation_data

    model = Sequential([layers.Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse", metrics=["mae"])
    lines = kjax.keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    model.fit(X, Y, validation_data=(X[:4], Y[:4]), verbose=0, callbacks=[Watch()])
    np.testing.assert_array_equal(seen["data"][0], X[:4])
    np.testing.assert_array_equal(seen["data"][1], Y[:4])
    assert seen["data"][2].tolist() == [1.0] * 4 and len(seen["data"]) == 3
    model.fit(X, Y, verbose=0, callbacks=[lines])
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "epoch,loss,mean_absolute_error"


def test_penalties_of_variables_and_models_without_targets():
    x = layers.Input((3,))
    dense = layers.Dense(2)
    model = Model(x, dense(x))
    model.add_loss(kjax.keras.regularizers.l2(0.1)(dense.kernel))
    model.compile(optimizers.SGD(learning_rate=1.0), loss=[None])
    kernel = dense.get_weights()[0]
    model.fit_generator(((X, []) for _ in range(1)), steps_per_epoch=1, verbose=0)
    np.testing.assert_allclose(dense.get_weights()[0], 0.8 * kernel, rtol=1e-5)

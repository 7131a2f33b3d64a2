"""Calls again and again: what is kept of a model's structure holds until the structure changes, and not longer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax import keras
from kjax.keras import layers
from kjax.nn.layers.core import Dense as DenseModule

X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


def network():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


def dense(layer, x, activation=None):
    kernel, bias = layer.get_weights()[:2]
    y = x @ kernel + bias
    return y if activation is None else activation(y)


def all_ways(model, x=X):
    """What a model gives when it is asked in each way, twice: what the first call keeps serves the second."""
    for _ in range(2):
        yield np.asarray(model(x))
        yield model.predict_on_batch(x)
        yield model.predict(x, verbose=0)
        target = np.zeros_like(model.predict_on_batch(x))
        rows = np.mean(np.square(model.predict_on_batch(x)))
        for loss in (model.evaluate(x, target, verbose=0), model.test_on_batch(x, target)):
            np.testing.assert_allclose(loss, rows, rtol=1e-5)


def relu(y):
    return np.maximum(y, 0)


def assign(model):
    model.layers[0].kernel.assign(model.layers[0].kernel.numpy() * 2)


def set_weights(model):
    model.set_weights([w + 0.5 for w in model.get_weights()])


def replace_layers(model):
    model.pop()
    model.add(layers.Dense(2))


def train_one_batch(model):
    model.train_on_batch(X, np.ones((5, 2)))
    model.fit(X, np.ones((5, 2)), verbose=0)


def freeze(model):
    model.layers[0].trainable = False


@pytest.mark.parametrize("change", [assign, set_weights, replace_layers, train_one_batch, freeze])
def test_calls_follow_weights_and_layers(change):
    model = network()
    list(all_ways(model))
    change(model)
    model.compile("sgd", "mse")
    first, second = model.layers
    for found in all_ways(model):
        np.testing.assert_allclose(found, dense(second, dense(first, X, relu)), rtol=1e-5, atol=1e-6)


def test_calls_follow_arguments_that_are_set():
    model = network()
    list(all_ways(model))
    model.layers[0].activation = jnp.tanh
    first, second = model.layers
    for found in all_ways(model):
        np.testing.assert_allclose(found, dense(second, dense(first, X, np.tanh)), rtol=1e-5, atol=1e-6)


def test_calls_follow_low_rank_corrections_and_policies():
    model = network()
    before = next(iter(all_ways(model)))
    first, second = model.layers
    kernel, bias = (w.numpy() for w in first.weights)
    first.enable_lora(1)
    first.lora_kernel_b.assign(np.ones((1, 4)))
    correction = first.lora_kernel_a.numpy() @ np.ones((1, 4), "float32")
    expected = dense(second, relu(X @ (kernel + correction) + bias))
    assert not np.allclose(expected, before)
    for found in all_ways(model):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    second.dtype_policy = keras.DTypePolicy("mixed_bfloat16")
    assert {str(jnp.asarray(found).dtype) for found in (model(X), model.predict_on_batch(X))} == {"bfloat16"}


def test_calls_follow_quantization():
    model = network()
    before = next(iter(all_ways(model)))
    model.quantize("int8")
    model.compile("sgd", "mse")
    found = list(all_ways(model))
    for each in found:
        np.testing.assert_allclose(each, found[1], rtol=1e-5, atol=1e-6)
    assert 0 < np.abs(found[0] - before).max() < 0.1


def test_models_written_as_classes_follow_lists_and_attributes():
    class Stack(keras.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [layers.Dense(3), layers.Dense(3)]

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    keras.utils.set_random_seed(0)
    model = Stack()
    model.compile("sgd", "mse")
    list(all_ways(model))
    object.__setattr__(model, "_locked", False)
    extra = layers.Dense(3)
    extra.build((None, 3))
    model.blocks[1] = extra
    expected = dense(extra, dense(model.blocks[0], X))
    for found in all_ways(model):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    model.blocks.append(model.blocks[0])
    assert len(model.weights) == 4
    np.testing.assert_allclose(model(X), dense(model.blocks[0], expected), rtol=1e-5, atol=1e-6)


def test_layers_are_traced_once(monkeypatch):
    traced = []
    call = DenseModule.call

    def counted(self, *args, **kwargs):
        traced.append(self.name)
        return call(self, *args, **kwargs)

    monkeypatch.setattr(DenseModule, "call", counted)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(11), layers.Dense(11), layers.Dense(11), layers.Dense(2)])
    model(X)
    del traced[:]
    model(X)
    model.layers[0](X)
    assert traced == []
    model(X[:2])
    assert len(traced) == 3  # equal layers share a program


def test_code_of_users_runs_in_every_call():
    ran = []

    def noted(what):
        def function(x):
            ran.append((what, isinstance(x, jax.core.Tracer)))
            return x

        return function

    class Noting(layers.Layer):
        def call(self, x):
            return noted("layer")(x)

    inputs = keras.Input((3,))
    x = layers.Dense(3, activation=keras.activations.relu)(inputs)
    x = Noting()(layers.Lambda(keras.ops.abs)(x))
    model = keras.Model(inputs, layers.Dense(2)(x))
    model.layers[1].activation = noted("activation")
    model(X)
    del ran[:]
    model(X)
    model(X)
    assert ran == [("activation", False), ("layer", False)] * 2


def test_layers_that_cannot_be_traced_run_as_they_are():
    layer = layers.Dense(2)
    layer.build((None, 3))
    layer.activation = lambda y: y if float(jnp.max(y)) > 0 else -y
    for _ in range(2):
        y = layer(X)
        np.testing.assert_allclose(jnp.abs(y), np.abs(X @ layer.kernel.numpy()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_activations_of_users_see_what_the_layer_gives(data_format):
    seen = []

    def shares(y):
        seen.append(y)
        return jax.nn.softmax(y, axis=-1)

    x = np.random.default_rng(1).normal(size=(1, 4, 5, 4)).astype("float32")
    plain = layers.Conv2D(2, 3, data_format=data_format, activation="softmax")
    plain.build(x.shape)
    other = layers.Conv2D(2, 3, data_format=data_format, activation=shares)
    other.build(x.shape)
    other.set_weights(plain.get_weights())
    del seen[:]
    for _ in range(2):
        np.testing.assert_allclose(other(x), plain(x), rtol=1e-5, atol=1e-6)
    assert len(seen) == 2 and not any(isinstance(y, jax.core.Tracer) for y in seen)


def test_functions_that_draw_are_apart_and_repeatable():
    def noise(x):
        return x + keras.random.normal(x.shape)

    def drawn():
        keras.utils.set_random_seed(4)
        inputs = keras.Input((6,))
        shared = layers.Lambda(noise)
        model = keras.Model(inputs, [shared(inputs), shared(inputs), layers.Lambda(noise)(inputs)])
        return [np.asarray(y) for _ in range(2) for y in model(np.zeros((2, 6), "float32"))]

    first = drawn()
    assert len({y.tobytes() for y in first}) == 6
    for one, other in zip(first, drawn(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_functions_get_masks_modes_and_arguments():
    def function(x, mask=None, training=None, factor=1.0):
        return (
            x * factor + (0 if mask is None else keras.ops.cast(mask, "float32")[..., None]) + (10 if training else 0)
        )

    inputs = keras.Input((2,), dtype="int32")
    x = layers.Embedding(3, 1, mask_zero=True, embeddings_initializer="ones")(inputs)
    model = keras.Model(inputs, layers.Lambda(function, arguments={"factor": 2.0})(x))
    ids = np.array([[1, 0]])
    np.testing.assert_array_equal(model(ids)[0, :, 0], [3, 2])
    np.testing.assert_array_equal(model(ids, training=True)[0, :, 0], [13, 12])
    np.testing.assert_array_equal(model.predict_on_batch(ids)[0, :, 0], [3, 2])


def test_errors_name_the_layer_in_every_call():
    layer = layers.Dense(2, name="mine")
    layer(X)
    for _ in range(2):
        with pytest.raises(ValueError, match="mine"):
            layer(np.ones((2, 4), "float32"))


def test_random_layers_draw_anew_in_every_call():
    drop = layers.Dropout(0.5)
    inputs = keras.Input((64,))
    inner = keras.Sequential([keras.Input((64,)), layers.Dropout(0.5, name="drop")], name="inner")
    model = keras.Model(inputs, [drop(inputs), drop(inputs), layers.Dropout(0.5, name="drop")(inputs), inner(inputs)])
    ones = np.ones((2, 64), "float32")
    drawn = [np.asarray(y) for _ in range(2) for y in model(ones, training=True)]
    assert len({y.tobytes() for y in drawn}) == 8
    for y in drawn:
        assert set(np.unique(y)) == {0.0, 2.0}
    for y in model(ones):
        np.testing.assert_array_equal(y, ones)


def test_state_moves_on_in_training_alone():
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(momentum=0.5)])
    norm = model.layers[0]
    moving = np.zeros(3, "float32")
    for _ in range(2):
        model(X, training=True)
        moving = 0.5 * moving + 0.5 * X.mean(0)
        np.testing.assert_allclose(norm.moving_mean.numpy(), moving, rtol=1e-5, atol=1e-6)
        model(X)
        norm(X)
        np.testing.assert_allclose(norm.moving_mean.numpy(), moving, rtol=1e-5, atol=1e-6)
    norm.trainable = False
    model(X, training=True)
    np.testing.assert_allclose(norm.moving_mean.numpy(), moving, rtol=1e-5, atol=1e-6)


def test_masks_travel_from_layer_to_layer():
    inputs = keras.Input((4,), dtype="int32")
    x = layers.Embedding(5, 3, mask_zero=True)(inputs)
    model = keras.Model(inputs, layers.LSTM(2)(layers.Dropout(0.1)(x)))
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    short = np.array([[1, 2]])
    np.testing.assert_allclose(model(ids)[0], model.layers[-1](model.layers[1](short))[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model(ids), model.predict(ids, verbose=0), rtol=1e-5, atol=1e-6)


def test_penalties_of_the_last_call_alone_count():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, activity_regularizer=keras.regularizers.L1(0.5))])
    for _ in range(2):
        y = model(X)
        np.testing.assert_allclose(model.losses[0], 0.5 * np.abs(y).sum() / 5, rtol=1e-5)
        assert len(model.losses) == 1


def test_gradients_go_through_calls():
    model = network()
    model(X)
    first, second = model.layers
    found = jax.grad(lambda x: model(x).sum())(jnp.asarray(X))
    kernel, bias = first.get_weights()
    on = (X @ kernel + bias > 0).astype("float32")
    np.testing.assert_allclose(found, (on * second.kernel.numpy().sum(1)) @ kernel.T, rtol=1e-5, atol=1e-6)


def test_fit_of_one_batch_is_a_step():
    keras.utils.set_random_seed(3)
    one, other = network(), network()
    other.set_weights(one.get_weights())
    held = one.layers[0].kernel.value
    before = np.asarray(held)
    for _ in range(3):
        history = one.fit(X, np.ones((5, 2)), shuffle=False, verbose=0)
        loss = other.train_on_batch(X, np.ones((5, 2)))
        np.testing.assert_allclose(history.history["loss"][0], loss, rtol=1e-6)
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(np.asarray(held), before)  # arrays that a script holds stay what they are


def test_callbacks_may_set_weights_in_a_fit_of_one_batch():
    class Zero(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.set_weights([np.zeros_like(w) for w in self.model.get_weights()])

        def on_epoch_end(self, epoch, logs=None):
            self.seen = self.model.layers[-1].bias.numpy()

    model, zero = network(), Zero()
    model.fit(X, np.ones((5, 2)), verbose=0, callbacks=[zero])
    np.testing.assert_allclose(zero.seen, 0.01 * np.ones(2), rtol=1e-5)
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), np.zeros((3, 4)))
    np.testing.assert_array_equal(model.layers[-1].bias.numpy(), zero.seen)

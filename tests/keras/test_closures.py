"""Losses that use tensors of the model's graph and variables: each is compared with what follows by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kjax.keras import backend as K
from kjax.keras.callbacks import LambdaCallback
from kjax.keras.core.settings import settings
from kjax.keras.layers import Dense, Input, Layer
from kjax.keras.models import Model, Sequential
from kjax.keras.optimizers import SGD  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def keras2():
    before = settings.era
    settings.era = "2"
    yield
    settings.era = before


def linear(**options):
    inputs = Input((4,))
    return Model(inputs, Dense(1, kernel_initializer="ones", use_bias=False, **options)(inputs))


X = np.random.default_rng(0).random((8, 4)).astype("float32")


def test_an_input_weighs_the_samples():
    inputs, weights = Input((4,)), Input((1,))
    model = Model([inputs, weights], Dense(1, kernel_initializer="ones")(inputs))

    def weighed(by):
        return lambda true, pred: K.mean(by[:, 0] * K.square(true - pred)[:, 0])

    def largest(true, pred):
        return K.max(weights)

    model.compile("sgd", weighed(weights), metrics=[largest, "mae"])
    by = np.arange(8, dtype="float32")[:, None]
    expected = np.mean(by[:, 0] * X.sum(1) ** 2)
    found = model.evaluate([X, by], np.zeros((8, 1)), batch_size=8, verbose=0)
    np.testing.assert_allclose(found, [expected, 7.0, X.sum(1).mean()], rtol=1e-5)
    history = model.fit([X, by], np.zeros((8, 1)), epochs=1, batch_size=8, verbose=0).history
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    assert set(history) == {"loss", "largest", "mean_absolute_error"}


def test_gradients_in_a_loss_have_gradients():
    model = linear()

    def steep(true, pred):
        return K.sum(K.square(K.gradients(pred, model.input)[0]))

    model.compile("sgd", steep)
    K.set_value(model.optimizer.lr, 0.01)
    loss = model.train_on_batch(X, X[:, :1])
    np.testing.assert_allclose(loss, 32.0, rtol=1e-6)  # a gradient of 4 ones for each of 8 samples
    np.testing.assert_allclose(model.get_weights()[0], 1 - 0.01 * 2 * 8, rtol=1e-5)


def test_variables_in_a_loss_may_change_while_a_model_is_trained():
    factor = K.variable(1.0)
    model = Sequential([Dense(1, input_dim=4, kernel_initializer="zeros", use_bias=False, trainable=False)])
    model.compile("sgd", lambda true, pred: factor * K.mean(K.square(true - pred), axis=-1))

    def double(epoch, logs):
        K.set_value(factor, K.get_value(factor) * 2)

    history = model.fit(X, np.ones(8), epochs=3, callbacks=[LambdaCallback(on_epoch_end=double)], verbose=0).history
    np.testing.assert_allclose(history["loss"], [1, 2, 4])
    K.set_value(factor, 5.0)
    assert model.evaluate(X, np.ones(8), verbose=0) == 5.0
    assert model.test_on_batch(X, np.ones(8)) == 5.0


def test_weights_in_a_loss_are_trained_by_it():
    model = linear(name="line")

    def decay(true, pred):
        return 0.0 * pred + K.sum(K.square(model.get_layer("line").kernel))

    model.compile("sgd", decay)
    K.set_value(model.optimizer.lr, 0.1)
    assert model.train_on_batch(X, X[:, :1]) == 4.0
    np.testing.assert_allclose(model.get_weights()[0], 0.8, rtol=1e-6)


def test_what_is_trained_is_fixed_by_compile():
    inner = Dense(3, name="inner")
    inputs = Input((4,))
    hidden = inner(inputs)
    model = Model(inputs, Dense(1)(hidden))
    inner.trainable = False
    model.compile("sgd", lambda true, pred: K.mean(K.square(true - pred)) + 0.0 * K.mean(hidden))
    inner.trainable = True
    before = [w.copy() for w in model.get_weights()]
    with pytest.warns(UserWarning, match="fixed what is trained"):
        model.train_on_batch(X, np.ones((8, 1)))
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert np.abs(before[2] - after[2]).max() > 0


class Hits(Layer):
    """A metric as a layer that counts ones that are found, over all batches."""

    def __init__(self, name="hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.stateful = True
        self.hits = K.variable(0, dtype="int32")

    def reset_states(self):
        K.set_value(self.hits, 0)

    def __call__(self, y_true, y_pred):
        right = K.cast(K.equal(K.cast(y_true, "int32"), K.cast(K.round(y_pred), "int32")), "int32")
        found = K.sum(right * K.cast(y_true, "int32"))
        so_far = self.hits * 1
        self.add_update(K.update_add(self.hits, found), inputs=[y_true, y_pred])
        return so_far + found


def test_a_layer_as_metric_counts_over_all_batches():
    metric = Hits()
    model = Sequential([Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(4,))])
    model.compile(SGD(0.0), "mse", metrics=["mae", metric])
    assert model.metrics == ["mae", metric] and model.stateful_metric_functions == [metric]
    assert model.stateful_metric_names == ["hits"]
    assert model.metrics_names == ["loss", "mean_absolute_error", "hits"]
    x, y = np.eye(4, dtype="float32").repeat(3, 0), np.tile([[1.0], [1.0], [0.0]], (4, 1))  # every output is 1
    history = model.fit(x, y, epochs=2, batch_size=4, validation_data=(x[:6], y[:6]), verbose=0).history
    assert history["hits"] == [8, 8] and history["val_hits"] == [4, 4]
    assert model.evaluate(x, y, batch_size=5, verbose=0)[2] == 8
    assert model.train_on_batch(x[:3], y[:3])[2] == 10 and model.test_on_batch(x[:3], y[:3])[2] == 12
    metric.reset_states()
    assert K.get_value(metric.hits) == 0
    assert model.evaluate_generator(iter([(x, y)] * 2), steps=2)[2] == 16


def test_metrics_next_to_a_loss_with_variables_are_means_over_all_batches():
    factor = K.variable(2.0)
    model = linear()

    def scaled(true, pred):
        return factor * K.square(true - pred)

    model.compile(SGD(0.0), scaled, metrics=["mae", lambda true, pred: K.max(pred)])
    x = np.arange(28, dtype="float32").reshape(7, 4)
    sums = x.sum(1)
    largest = (4 * sums[3] + 3 * sums[6]) / 7
    found = model.evaluate(x, np.zeros((7, 1)), batch_size=4, verbose=0)
    np.testing.assert_allclose(found, [2 * np.mean(sums**2), sums.mean(), largest], rtol=1e-6)

"""Optimizers written for Keras 2 and tf.keras 2; functions that models make of their steps; steps written for PyTorch."""

from __future__ import annotations

import re
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from kjax import keras
from kjax.keras import backend as K

X = np.random.default_rng(0).standard_normal((16, 3)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def trained(optimizer: Any, **compiled: Any) -> Any:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
    rng = np.random.default_rng(1)
    model.set_weights([0.5 * rng.standard_normal(w.shape).astype(np.float32) for w in model.get_weights()])
    model.compile(optimizer, "mse", **compiled)
    model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    return model


class Momentum2(keras.optimizers.Optimizer):
    """As Keras 2 wrote its own."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.0, decay: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with K.name_scope(type(self).__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")
            self.momentum = K.variable(momentum, name="momentum")
        self.rate_decay = decay

    def get_updates(self, loss: Any, params: Any) -> Any:
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        rate = self.lr * (1.0 / (1.0 + self.rate_decay * K.cast(self.iterations, "float32")))
        moments = [K.zeros(K.int_shape(p)) for p in params]
        self.weights = [self.iterations, *moments]
        for p, g, m in zip(params, grads, moments, strict=True):
            v = self.momentum * m - rate * g
            self.updates += [K.update(m, v), K.update(p, p + v)]
        return self.updates


class MomentumTf(keras.optimizers.Optimizer):
    """As tf.keras 2 wrote its own."""

    def __init__(self, learning_rate: float, momentum: float, name: str = "MomentumTf", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", learning_rate)
        self._set_hyper("momentum", momentum)

    def _create_slots(self, var_list: Any) -> None:
        for var in var_list:
            self.add_slot(var, "momentum")

    def _prepare_local(self, var_device: Any, var_dtype: Any, apply_state: Any) -> None:
        super()._prepare_local(var_device, var_dtype, apply_state)
        apply_state[var_device, var_dtype]["momentum"] = self._get_hyper("momentum", var_dtype)

    def _resource_apply_dense(self, grad: Any, var: Any, apply_state: Any = None) -> Any:
        numbers = (apply_state or {}).get((var.device, var.dtype))
        numbers = numbers or self._fallback_apply_state(var.device, var.dtype)
        m = self.get_slot(var, "momentum")
        return var.assign_add(m.assign(numbers["momentum"] * m - numbers["lr_t"] * grad, use_locking=False))


def test_optimizers_of_keras_2_train():
    theirs = trained(Momentum2(lr=0.1, momentum=0.8, decay=0.1, clipvalue=0.5))
    ours = trained(keras.optimizers.SGD(learning_rate=0.1, momentum=0.8, decay=0.1, clipvalue=0.5))
    for a, b in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    assert int(theirs.optimizer.iterations) == 6
    weights = theirs.optimizer.get_weights()
    assert [w.shape for w in weights[2:6]] == [(3, 4), (4,), (4, 1), (1,)], "the moments are its variables"
    theirs.train_on_batch(X, Y)
    assert int(theirs.optimizer.iterations) == 7 and np.abs(theirs.optimizer.get_weights()[2] - weights[2]).max() > 0


def test_optimizers_of_tf_keras_2_train():
    theirs, ours = trained(MomentumTf(0.1, 0.8)), trained(keras.optimizers.SGD(0.1, momentum=0.8))
    for a, b in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    optimizer = theirs.optimizer
    assert optimizer.get_slot_names() == ["momentum"] and optimizer._serialize_hyperparameter("momentum") == 0.8
    optimizer.apply([jnp.ones(w.shape) for w in theirs.trainable_variables], theirs.trainable_variables)
    assert int(optimizer.iterations) == 7


class Line(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


class OwnFunctions(Line):
    def make_train_function(self, force: bool = False) -> None:
        def function(state: Any, iterator: Any) -> Any:
            for data in iterator:
                logs, state = self.train_step(state, data)
            return {**logs, "more": 7.0}, state

        self.train_function = function

    def make_test_function(self, force: bool = False) -> Any:
        return lambda state, iterator: self.test_step(state, next(iterator))

    def predict_step(self, state: Any, data: Any) -> Any:
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        outputs, untrained = self.stateless_call(*state, x)
        return outputs + 100.0, untrained


class Doubled(Line):
    def make_train_function(self, force: bool = False) -> Any:
        step = super().make_train_function()

        def function(iterator: Any) -> Any:
            return {"twice": 2 * step(iterator)["loss"]}

        return function

    def predict_step(self, data: Any) -> Any:
        return super().predict_step(data) * 0


def test_functions_that_models_make_of_their_steps():
    model = OwnFunctions()
    model.compile("sgd", "mse")
    history = model.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0).history
    assert history["more"] == [7, 7] and history["val_loss"][1] < history["val_loss"][0]
    np.testing.assert_allclose(model.predict(X, verbose=0), np.asarray(model(X)) + 100, rtol=1e-5)
    model = Doubled()
    model.compile("sgd", "mse")
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert set(history) == {"twice"} and history["twice"][1] < history["twice"][0]
    assert not model.predict(X, verbose=0).any()


def test_a_step_written_for_pytorch_is_explained():
    class Torch(Line):
        def train_step(self, data: Any) -> Any:
            x, y = data
            self.compute_loss(y=y, y_pred=self(x)).backward()

    model = Torch()
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=re.escape("the step calls `.backward()`, which only tensors of PyTorch have")):
        model.fit(X, Y, verbose=0)


def test_an_error_while_predicting_leaves_the_line_of_the_bar(capsys: Any):
    model = Line()
    model.compile("sgd", "mse")
    model(X)

    class Fails(keras.callbacks.Callback):
        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            raise RuntimeError("enough")

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            raise RuntimeError("enough")

    for run in (
        lambda: model.predict(X, batch_size=4, verbose=1, callbacks=[Fails()]),
        lambda: model.evaluate(X, Y, batch_size=4, verbose=1, callbacks=[Fails()]),
    ):
        with pytest.raises(RuntimeError, match="enough"):
            run()
        written = capsys.readouterr().out
        assert not written or written.endswith("\n")

"""Models that train through methods of their own: the same numbers as the fast path, or as real Keras."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax import keras
from kjax.keras.core.tape import GradientTape

X = np.random.default_rng(0).standard_normal((24, 4)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def with_weights(model: Any) -> Any:
    """The model with weights that depend on nothing but their shapes."""
    rng = np.random.default_rng(1)
    model.set_weights([0.3 * rng.standard_normal(w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def network(api: Any, cls: Any = None, regularizer: Any = None) -> Any:
    """A small functional model of a class."""
    inputs = api.Input((4,))
    hidden = api.layers.Dense(5, activation="tanh", kernel_regularizer=regularizer)(inputs)
    return with_weights((cls or api.Model)(inputs, api.layers.Dense(1)(hidden)))


def run(model: Any, **kwargs: Any) -> tuple[dict[str, list[float]], dict[str, float]]:
    """History of two epochs and the logs of an evaluation."""
    history = model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0, **kwargs).history
    return history, model.evaluate(X, Y, batch_size=8, verbose=0, return_dict=True)


def assert_same(first: Any, second: Any) -> None:
    """Two results of :func:`run` with the same names and numbers."""
    for ours, theirs in zip(first, second, strict=True):
        assert set(ours) == set(theirs)
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-5, err_msg=name)


def own_loss(api: Any) -> Any:
    """A class whose loss and loss tracker are its own."""

    class Own(api.Model):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.tracker = api.metrics.Mean(name="loss")

        def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool = True) -> Any:
            loss = api.ops.mean((y_pred - y) ** 2) + sum(self.losses)
            self.tracker.update_state(loss)
            return loss

        @property
        def metrics(self) -> list[Any]:
            return [self.tracker]

    return Own


def guide(api: Any) -> Any:
    """The ``train_step`` of Keras' guide for JAX."""

    class Guide(api.Model):
        def forward(self, trained: Any, untrained: Any, x: Any, y: Any, training: bool = False) -> Any:
            y_pred, untrained = self.stateless_call(trained, untrained, x, training=training)
            return self.compute_loss(x, y, y_pred), (y_pred, untrained)

        def train_step(self, state: Any, data: Any) -> Any:
            trained, untrained, optimizer_variables, metrics_variables = state
            x, y = data
            gradient = jax.value_and_grad(self.forward, has_aux=True)
            (loss, (y_pred, untrained)), grads = gradient(trained, untrained, x, y, training=True)
            trained, optimizer_variables = self.optimizer.stateless_apply(optimizer_variables, grads, trained)
            logs, after = {}, []
            for metric in self.metrics:
                values = metrics_variables[len(after) : len(after) + len(metric.variables)]
                given = (loss,) if metric.name == "loss" else (y, y_pred)
                values = metric.stateless_update_state(values, *given)
                logs[metric.name] = metric.stateless_result(values)
                after += values
            return logs, (trained, untrained, optimizer_variables, after)

    return Guide


@pytest.mark.parametrize("make", [own_loss, guide], ids=["compute_loss", "train_step"])
def test_overrides_give_the_numbers_of_keras(keras3: ModuleType, make: Any) -> None:
    results = []
    for api in (keras, keras3):
        model = network(api, make(api), None if make is guide else api.regularizers.L2(0.01))
        given = {"loss": "mse", "metrics": ["mae"]} if make is guide else {}
        model.compile(api.optimizers.Adam(0.01), **given)
        results.append(run(model))
    assert_same(*results)


class Tape(keras.Model):
    """A ``train_step`` as written for tf.keras."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
        self.compiled_metrics.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class Through(keras.Model):
    """Overrides that change nothing."""

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return super().compute_metrics(x, y, y_pred, sample_weight)


@pytest.mark.parametrize("cls", [Tape, Through])
def test_a_step_of_ones_own_equals_the_built_in_one(cls: Any) -> None:
    results = []
    for each in (cls, keras.Model):
        model = network(keras, each, "l2")
        model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
        results.append(run(model))
    assert_same(*results)


class Adversaries(keras.Model):
    """Two networks with an optimizer each, trained by turns."""

    def __init__(self, critic: Any, maker: Any) -> None:
        super().__init__()
        self.critic, self.maker = critic, maker
        self.critic_loss = keras.metrics.Mean(name="critic_loss")

    def compile(self, critic_optimizer: Any, maker_optimizer: Any) -> None:  # type: ignore[override]
        super().compile()
        self.optimizers = [critic_optimizer, maker_optimizer]

    def train_step(self, real: Any) -> Any:
        for _ in range(2):  # the second gradient is taken where the first step has led
            with GradientTape() as tape:
                loss = keras.ops.mean(self.critic(self.maker(real[:, :2]))) - keras.ops.mean(self.critic(real))
            grads = tape.gradient(loss, self.critic.trainable_variables)
            self.optimizers[0].apply_gradients(zip(grads, self.critic.trainable_variables, strict=True))
            self.critic_loss.update_state(loss)
        with GradientTape() as tape:
            made = -keras.ops.mean(self.critic(self.maker(real[:, :2])))
        grads = tape.gradient(made, self.maker.trainable_variables)
        self.optimizers[1].apply_gradients(zip(grads, self.maker.trainable_variables, strict=True))
        return {"critic_loss": self.critic_loss.result(), "made": made}


def test_two_networks_with_an_optimizer_each() -> None:
    critic = with_weights(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)]))
    maker = with_weights(keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)]))
    weights = [[jnp.asarray(w) for w in net.get_weights()] for net in (critic, maker)]

    def judge(critic_weights: Any, maker_weights: Any, x: Any, sign: float) -> Any:
        a, b, c, d = critic_weights
        made = x[:, :2] @ maker_weights[0] + maker_weights[1]
        fake = jnp.mean(jnp.tanh(made @ a + b) @ c + d)
        return -fake if sign < 0 else fake - jnp.mean(jnp.tanh(x @ a + b) @ c + d)

    losses, made = [], 0.0
    for start in (0, 12):
        x = jnp.asarray(X[start : start + 12])
        for _ in range(2):
            loss, grads = jax.value_and_grad(judge)(weights[0], weights[1], x, 1.0)
            losses.append(loss)
            weights[0] = [w - 0.1 * g for w, g in zip(weights[0], grads, strict=True)]
        made, grads = jax.value_and_grad(judge, argnums=1)(weights[0], weights[1], x, -1.0)
        weights[1] = [w - 0.05 * g for w, g in zip(weights[1], grads, strict=True)]

    model = Adversaries(critic, maker)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.05))
    history = model.fit(X, batch_size=12, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["critic_loss"], [np.mean(losses)], rtol=1e-5)
    np.testing.assert_allclose(history["made"], [made], rtol=1e-5)
    for net, expected in zip((critic, maker), weights, strict=True):
        for ours, theirs in zip(net.get_weights(), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    assert [int(o.iterations) for o in model.optimizers] == [4, 2]


class Endpoint(keras.layers.Layer):
    """Adds its loss and keeps its metric."""

    def __init__(self) -> None:
        super().__init__()
        self.accuracy = keras.metrics.BinaryAccuracy(name="right")

    def call(self, targets: Any, logits: Any) -> Any:
        self.add_loss(keras.ops.mean(keras.losses.binary_crossentropy(targets, logits, from_logits=True)))
        self.accuracy.update_state(targets, keras.ops.sigmoid(logits))
        return logits


def test_a_layer_that_adds_a_loss_and_keeps_a_metric() -> None:
    targets = (Y > 0).astype(np.float32)
    inputs, labels = keras.Input((4,)), keras.Input((1,))
    model = with_weights(keras.Model([inputs, labels], Endpoint()(labels, keras.layers.Dense(1)(inputs))))
    model.compile("sgd")
    logits = X @ model.get_weights()[0] + model.get_weights()[1]
    logs = model.evaluate([X, targets], verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["right"], np.mean((logits > 0) == (targets > 0)), rtol=1e-6)
    np.testing.assert_allclose(logs["loss"], np.mean(np.logaddexp(0, logits) - targets * logits), rtol=1e-5)
    first = model.fit([X, targets], verbose=0, epochs=2).history["loss"]
    assert first[1] < first[0]


def test_losses_and_measures_of_symbolic_tensors() -> None:
    inputs = keras.Input((4,))
    code = keras.layers.Dense(2)(inputs)
    decoded = keras.layers.Dense(4)(code)
    model = with_weights(keras.Model(inputs, decoded))
    model.add_loss(keras.losses.MeanSquaredError()(inputs, decoded))
    model.add_loss(0.5 * keras.ops.mean(keras.ops.square(code)))
    model.add_metric(keras.ops.mean(code), name="code", aggregation="mean")
    model.compile(keras.optimizers.SGD(0.1))
    first, bias, second, last = model.get_weights()
    codes = X @ first + bias
    expected = np.mean((codes @ second + last - X) ** 2) + 0.5 * np.mean(codes**2)
    logs = model.evaluate(X, verbose=0, return_dict=True)
    np.testing.assert_allclose([logs["loss"], logs["code"]], [expected, codes.mean()], rtol=1e-5)
    history = model.fit(X, epochs=2, verbose=0, validation_data=(X, None)).history
    assert history["val_loss"][1] < history["val_loss"][0] < expected
    assert [layer.name for layer in model.layers] == [layer.name for layer in keras.Model(inputs, decoded).layers]


def test_a_symbolic_loss_that_depends_on_other_inputs_is_refused() -> None:
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    with pytest.raises(ValueError, match="not among the inputs"):
        model.add_loss(keras.ops.mean(keras.Input((2,))))


def test_a_loss_given_as_a_function_is_computed_in_each_step() -> None:
    model = network(keras)
    model.add_loss(lambda: 2.0 * keras.ops.sum(keras.ops.square(model.layers[1].kernel)))
    model.compile("sgd", "mse")
    plain = network(keras, regularizer=keras.regularizers.L2(2.0))
    plain.compile("sgd", "mse")
    assert_same(run(model), run(plain))


def test_run_eagerly_runs_with_real_values() -> None:
    seen: list[float] = []

    def weighted(y_true: Any, y_pred: Any) -> Any:
        weights = np.where(np.asarray(y_true) > 0, 2.0, 1.0).astype(np.float32)
        seen.append(float(np.sum(np.asarray(y_true))))
        return keras.ops.mean(weights * keras.ops.square(y_true - y_pred))

    def error(y_true: Any, y_pred: Any) -> Any:
        return np.mean(np.abs(np.asarray(y_true) - np.asarray(y_pred)))

    def traced(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.where(y_true > 0, 2.0, 1.0) * keras.ops.square(y_true - y_pred))

    eager, compiled = network(keras), network(keras)
    eager.compile("sgd", weighted, metrics=[error], run_eagerly=True)
    compiled.compile("sgd", traced, metrics=[keras.metrics.MeanAbsoluteError(name="error")])
    assert_same(run(eager), run(compiled))
    assert len(seen) == 9
    np.testing.assert_allclose(sum(seen[:3]), Y.sum(), rtol=1e-5)


class Calls(keras.callbacks.Callback):
    """Notes the hooks for batches."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.calls.append(("begin", batch))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.calls.append(("end", batch))


def test_steps_per_execution_calls_the_hooks_once_in_so_many_batches(keras3: ModuleType) -> None:
    model = network(keras)
    model.compile("sgd", "mse", steps_per_execution=3)
    calls = Calls()
    model.fit(X, Y, batch_size=3, callbacks=[calls], verbose=0)
    assert calls.calls == [("begin", 0), ("end", 2), ("begin", 3), ("end", 5), ("begin", 6), ("end", 7)]
    with pytest.raises(ValueError, match="steps_per_execution"):
        model.compile("sgd", steps_per_execution=0)


class Double(keras.metrics.Metric):
    """A metric with two results."""

    def __init__(self) -> None:
        super().__init__(name="double")
        self.total = self.add_weight(name="total", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total.assign_add(keras.ops.sum(y_true))

    def result(self) -> Any:
        return {"once": self.total.value, "twice": 2 * self.total.value}


class Balanced(keras.metrics.Metric):
    """A metric of metrics."""

    def __init__(self) -> None:
        super().__init__(name="balanced")
        self.parts = [keras.metrics.MeanAbsoluteError(), keras.metrics.R2Score()]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        for part in self.parts:
            part.update_state(y_true, y_pred)

    def result(self) -> Any:
        return self.parts[0].result() + self.parts[1].result()


def test_metrics_of_ones_own_accumulate_and_show_their_results() -> None:
    model = network(keras)
    double, balanced, error = Double(), Balanced(), keras.metrics.MeanAbsoluteError(name="error")
    model.compile("sgd", "mse", metrics=[double, balanced, error, keras.metrics.R2Score()])
    logs = model.evaluate(X, Y, batch_size=7, verbose=0, return_dict=True)
    np.testing.assert_allclose([logs["once"], logs["twice"]], [Y.sum(), 2 * Y.sum()], rtol=1e-5)
    np.testing.assert_allclose(logs["balanced"], logs["error"] + logs["r2_score"], rtol=1e-5)
    assert float(error.result()) == pytest.approx(logs["error"])
    assert float(balanced.result()) == pytest.approx(logs["balanced"])
    assert float(double.result()["twice"]) == pytest.approx(logs["twice"])


def test_targets_for_the_outputs_that_have_a_loss() -> None:
    inputs = keras.Input((4,))
    outputs = [keras.layers.Dense(1, name="first")(inputs), keras.layers.Dense(2, name="second")(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", [None, "mse"], metrics={"second": ["mae"]})
    for targets in (np.hstack([Y, Y]), [np.hstack([Y, Y])], {"second": np.hstack([Y, Y])}):
        assert set(model.fit(X, targets, verbose=0).history) == {"loss", "second_mae"}


def test_a_wrong_result_of_a_step_is_explained() -> None:
    class Wrong(keras.Model):
        def train_step(self, state: Any, data: Any) -> Any:
            return state

    model = network(keras, Wrong)
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"must return \(logs, state\)"):
        model.fit(X, Y, verbose=0)


def test_a_tape_outside_of_a_step_is_explained() -> None:
    variable = keras.Variable(2.0)
    with GradientTape() as tape:
        loss = variable * variable
    with pytest.raises(RuntimeError, match=r"jax\.grad"):
        tape.gradient(loss, [variable])


@pytest.mark.parametrize("cls", [keras.Model, Through])
def test_numpy_in_a_compiled_step_is_explained(cls: Any) -> None:
    model = network(keras, cls)
    model.compile("sgd", lambda y_true, y_pred: np.square(np.asarray(y_pred) - y_true))
    with pytest.raises(jax.errors.TracerArrayConversionError) as found:
        model.train_on_batch(X, Y)
    assert any("use keras.ops or jax.numpy" in note for note in found.value.__notes__)

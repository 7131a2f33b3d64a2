"""Every hook of a run: the calls, their order, arguments and logs are those of real Keras 3."""

from __future__ import annotations

import numpy as np
import pytest

from kjax import keras

X = np.random.default_rng(0).standard_normal((50, 4)).astype("float32")
Y = (X.sum(1, keepdims=True) > 0).astype("float32")


def build(k):
    model = k.Sequential([k.Input((4,)), k.layers.Dense(1, activation="sigmoid", kernel_initializer="ones")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model


def recorder(k, calls, stop_at=None):
    """A callback that writes down what it is called with."""

    class Record(k.callbacks.Callback):
        pass

    def hook(name):
        def record(self, *args, logs=None):
            if args and isinstance(args[-1], dict):
                *args, logs = args
            values = {key: np.asarray(value, dtype="float64").tolist() for key, value in (logs or {}).items()}
            calls.append((name, tuple(args), values))
            if name == "on_train_batch_end" and args[0] == stop_at:
                self.model.stop_training = True

        return record

    for kind in ("train", "test", "predict"):
        for name in (f"on_{kind}_begin", f"on_{kind}_end", f"on_{kind}_batch_begin", f"on_{kind}_batch_end"):
            setattr(Record, name, hook(name))
    for name in ("on_epoch_begin", "on_epoch_end"):
        setattr(Record, name, hook(name))
    return Record()


def fit(model, callback):
    history = model.fit(
        X, Y, epochs=2, batch_size=16, shuffle=False, verbose=0, callbacks=[callback], validation_data=(X[:20], Y[:20])
    )
    return history.params


def fit_with_steps(model, callback):
    return model.fit(X, Y, epochs=3, initial_epoch=1, steps_per_epoch=2, batch_size=10, verbose=0, shuffle=False,
                     callbacks=[callback]).params  # fmt: skip


def fit_validating_rarely(model, callback):
    model.fit(X, Y, epochs=3, verbose=0, shuffle=False, callbacks=[callback], validation_split=0.2, validation_freq=2)
    return callback.params


def evaluate(model, callback):
    model.evaluate(X, Y, batch_size=16, verbose=0, callbacks=[callback])
    return callback.params


def predict(model, callback):
    model.predict(X, batch_size=16, verbose=0, callbacks=[callback])
    return callback.params


@pytest.mark.parametrize("run", [fit, fit_with_steps, fit_validating_rarely, evaluate, predict])
def test_calls_are_those_of_keras(keras3, run):
    compare(keras3, run)


def test_calls_of_a_training_that_is_stopped_in_an_epoch(keras3):
    compare(keras3, fit, stop_at=1)


def compare(keras3, run, stop_at=None):
    found = []
    for k in (keras3, keras):
        calls = []
        found.append((run(build(k), recorder(k, calls, stop_at)), calls))
    (params, real), (own_params, ours) = found
    assert own_params == params
    assert [call[:2] for call in ours] == [call[:2] for call in real]
    for (name, _, theirs), (_, _, logs) in zip(real, ours, strict=True):
        assert list(logs) == list(theirs), name
        for key, value in theirs.items():
            np.testing.assert_allclose(logs[key], value, rtol=1e-5, err_msg=f"{name}: {key}")


def test_a_callback_without_a_list():
    calls = []
    build(keras).fit(X, Y, verbose=0, callbacks=recorder(keras, calls))
    assert [name for name, _, _ in calls][:2] == ["on_train_begin", "on_epoch_begin"]


def test_any_hook_may_change_weights_rate_and_layers():
    model = build(keras)
    layer = model.layers[0]  # reached from outside, not through self.model
    seen = []

    class Change(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            layer.set_weights([np.full((4, 1), batch, "float32"), np.zeros(1, "float32")])
            model.optimizer.learning_rate = 0.0

        def on_train_batch_end(self, batch, logs=None):
            seen.append((float(layer.kernel[0, 0]), float(model.optimizer.learning_rate)))

        def on_test_begin(self, logs=None):
            layer.bias.assign([100.0])

        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["val_accuracy"])
            layer.bias.assign([-100.0])

    model.fit(X, Y, batch_size=25, verbose=0, callbacks=Change(), validation_data=(X, np.ones_like(Y)))
    assert seen == [(0.0, 0.0), (1.0, 0.0), 1.0]
    assert float(layer.bias[0]) == -100.0


@pytest.mark.parametrize("hook", ["on_train_begin", "on_train_batch_end", "on_epoch_end", "on_test_batch_end"])
def test_an_error_in_a_callback_is_the_users_own(hook):
    class Own(Exception):
        pass

    def fail(*args, **kwargs):
        raise Own("mine")

    model = build(keras)
    before = model.get_weights()
    with pytest.raises(Own, match=r"^mine$") as caught:
        model.fit(X, Y, verbose=0, callbacks=keras.callbacks.LambdaCallback(**{hook: fail}), validation_data=(X, Y))
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    changed = any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    assert changed == (hook != "on_train_begin")
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])

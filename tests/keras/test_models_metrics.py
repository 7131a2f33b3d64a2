"""``model.metrics`` after and during a run: the objects that Keras users ask for results."""

from __future__ import annotations

import numpy as np
import pytest

from kjax import keras

X = np.random.default_rng(0).standard_normal((30, 4)).astype("float32")
Y = (X.sum(1) > 0).astype("int32")


def build(k, metrics=("accuracy",)):
    model = k.Sequential([k.Input((4,)), k.layers.Dense(2, kernel_initializer="ones", activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=list(metrics))
    return model


def results(model):
    return {name: float(value) for name, value in model.get_metrics_result().items()}


def test_results_are_those_of_keras(keras3):
    found = []
    for k in (keras3, keras):
        model = build(k)
        model.fit(X, Y, verbose=0, shuffle=False, batch_size=10, validation_data=(X[:10], Y[:10]))
        after_fit = results(model)
        model.evaluate(X, Y, verbose=0, batch_size=10)
        after_evaluate = results(model)
        names = [m.name for m in model.metrics]
        model.train_on_batch(X[:5], Y[:5])
        after_batch = results(model)
        model.reset_metrics()
        found.append((names, after_fit, after_evaluate, after_batch, results(model)))
    for real, ours in zip(*found, strict=True):
        assert ours == real if isinstance(real, list) else ours == pytest.approx(real, rel=1e-5)


def test_objects_given_to_compile_have_the_results():
    class Largest(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="largest")
            self.value = self.add_weight(shape=(), name="value")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value.assign(keras.ops.maximum(self.value, keras.ops.max(y_pred)))

        def result(self):
            return self.value

    accuracy, own = keras.metrics.SparseCategoricalAccuracy(name="acc"), Largest()
    model = build(keras, [accuracy, own, keras.metrics.SparseTopKCategoricalAccuracy(k=1, name="top")])
    logs = model.fit(X, Y, verbose=0, epochs=2, shuffle=False).history
    assert float(accuracy.result()) == pytest.approx(logs["acc"][-1])
    assert float(own.result()) == pytest.approx(logs["largest"][-1])
    values = model.evaluate(X[:7], Y[:7], verbose=0, return_dict=True)
    assert float(accuracy.result()) == pytest.approx(values["acc"])
    assert float(own.result()) == pytest.approx(values["largest"])


def test_callbacks_ask_the_model_while_it_is_trained():
    seen = []

    class Ask(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((results(self.model), dict(logs)))

        def on_epoch_end(self, epoch, logs=None):
            seen.append((results(self.model), {k: v for k, v in logs.items()}))

    build(keras).fit(X, Y, batch_size=10, verbose=0, callbacks=[Ask()])
    assert len(seen) == 4
    for found, logs in seen:
        assert found == pytest.approx(logs, rel=1e-6)


def test_freezing_after_compile_is_mentioned_and_waits():
    model = build(keras)
    model.layers[0].trainable = False
    before = model.get_weights()
    with pytest.warns(UserWarning, match="call compile"):
        model.fit(X, Y, verbose=0)
    assert (model.get_weights()[0] != before[0]).any()
    model.layers[0].trainable = True
    model.fit(X, Y, verbose=0)  # as it was compiled: no warning

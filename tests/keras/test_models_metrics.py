"""``model.metrics`` after and during a run: the objects that Keras users ask for results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras.core.settings import settings
from kjax.nn import layers
from kjax.train import Objective, make_eval_step

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


def test_names_count_up_as_in_keras(keras3):
    found = []
    for library in (keras, keras3):
        library.utils.clear_session()
        kinds = [library.metrics.AUC, library.metrics.Precision, library.metrics.Mean, library.optimizers.Adam]
        own = type("Mine", (library.metrics.AUC,), {})
        names = [kind().name for kind in (*kinds, *kinds, own, own, *kinds)]
        logs = []
        for _ in range(2):
            model = library.Sequential([library.layers.Dense(1, activation="sigmoid")])
            model.compile(library.optimizers.Adam(), "mse", metrics=[library.metrics.AUC(), library.metrics.Recall()])
            logs.append(sorted(model.fit(X, Y > 0, verbose=0).history))
        found.append((names, logs, library.metrics.AUC.from_config(library.metrics.AUC(name="a").get_config()).name))
    assert found[0] == found[1]


def test_names_that_count_up_need_no_new_program():
    first, second = (keras.metrics.AUC().pure for _ in range(2))
    assert first.name != second.name
    assert first == second
    assert hash(first) == hash(second)
    objectives = [Objective.of("mse", (metric,)) for metric in (first, second)]
    assert make_eval_step(layers.Dense(1), objectives[0]) is make_eval_step(layers.Dense(1), objectives[1])


def test_state_of_scores_is_that_of_keras(keras3):
    rng = np.random.default_rng(1)
    true, pred = (rng.uniform(size=(6, 2)).astype("float32") for _ in range(2))
    for kind in ("R2Score", "F1Score"):
        found = []
        for library in (keras, keras3):
            library.utils.clear_session()
            metric = getattr(library.metrics, kind)()
            values = metric.stateless_update_state(metric.variables, true, pred)
            metric.update_state(true, pred)
            for variable, value in zip(metric.variables, values, strict=True):
                np.testing.assert_allclose(np.asarray(variable), np.asarray(value), rtol=1e-6)
            found.append(([(v.path, tuple(v.shape)) for v in metric.variables], [*values, metric.result()]))
        assert found[0][0] == found[1][0]
        for mine, theirs in zip(found[0][1], found[1][1], strict=True):
            np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs), rtol=1e-5)


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


def test_tensorflow_lists_compiled_metrics_one_by_one(monkeypatch):
    monkeypatch.setattr(settings, "era", "tf")
    inputs = keras.Input((3,))
    outputs = [keras.layers.Dense(1, name="a")(inputs), keras.layers.Dense(1, name="b")(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse", metrics=[["mae"], ["mse"]])
    x, y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")
    history = model.fit(x, [y, y], verbose=0).history
    listed = model.metrics
    assert [metric.name for metric in listed] == ["loss", "a_loss", "b_loss", "a_mae", "b_mse"]
    assert {metric.name: [float(metric.result())] for metric in listed} == history
    with pytest.raises(NotImplementedError, match=r"compiled_metrics\.update_state"):
        listed[-1].update_state(y, y)
    model.reset_metrics()
    assert [float(metric.result()) for metric in model.metrics] == [0.0] * 5


def test_activity_regularization_of_keras_2_sums_over_the_batch(monkeypatch, tmp_path):
    def loss(model: Any) -> float:
        return float(model.evaluate(np.ones((4, 2)), np.ones((4, 2)), verbose=0))

    found = {}
    for era in ("2", "tf"):
        monkeypatch.setattr(settings, "era", era)
        kernel = keras.layers.Dense(2, kernel_initializer="ones")
        model = keras.Sequential([keras.Input((2,)), kernel, keras.layers.ActivityRegularization(l1=0.1, l2=0.01)])
        model.compile("sgd", "mse")
        found[era] = loss(model)
        model.save(tmp_path / "model.keras")
        monkeypatch.setattr(settings, "era", "3")
        assert loss(keras.models.load_model(tmp_path / "model.keras")) == found[era]
    # Real Keras 2.2.4 gives 2.92: the loss is 1, each of 8 outputs 2. tf.keras 2.15 divides the penalty by 4.
    np.testing.assert_allclose([found["2"], found["tf"]], [2.92, 1.48], rtol=1e-6)


def test_weighted_metrics_of_keras_2_are_divided_by_the_share_of_weights_that_are_not_0(monkeypatch):
    monkeypatch.setattr(settings, "era", "2")
    layer = keras.layers.Dense(2, kernel_initializer="ones", activation="sigmoid")
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile("sgd", "mse", metrics=["mae", "acc"], weighted_metrics=["mae", "acc"])
    random = np.random.RandomState(0)
    x, y = random.randn(8, 3), np.eye(2)[random.randint(2, size=8)]
    weights = np.array([0, 1, 2, 0.5, 3, 0, 1, 1.0])
    recorded = [0.4931877851486206, 0.5, 0.625, 0.7083333432674408, 1.0833333134651184]  # by real Keras 2.2.4
    np.testing.assert_allclose(model.evaluate(x, y, 4, sample_weight=weights, verbose=0), recorded, rtol=1e-6)
    np.testing.assert_allclose(model.test_on_batch(x, y, weights), recorded, rtol=1e-6)

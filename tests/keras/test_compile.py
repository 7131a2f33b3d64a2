"""What ``compile`` means: losses, weights and metrics of each output, against real Keras; safe cross-entropies."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kjax import keras

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 4)).astype(np.float32)
FIRST = RNG.standard_normal((20, 1)).astype(np.float32)
SECOND = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, 20)]
WEIGHTS = [RNG.random(20).astype(np.float32), RNG.random(20).astype(np.float32)]


def with_weights(model: Any) -> Any:
    rng = np.random.default_rng(1)
    model.set_weights([0.5 * rng.standard_normal(w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def two_outputs(api: Any) -> Any:
    inputs = api.Input((4,))
    first = api.layers.Dense(1, name="first", kernel_regularizer="l2")(inputs)
    return with_weights(api.Model(inputs, [first, api.layers.Dense(3, "softmax", name="second")(inputs)]))


def logs_of(model: Any, **kwargs: Any) -> dict[str, float]:
    """Logs of an evaluation and, under their names with ``train_``, of an epoch of training."""
    logs = model.evaluate(X, [FIRST, SECOND], batch_size=8, verbose=0, return_dict=True, **kwargs)
    history = model.fit(X, [FIRST, SECOND], batch_size=8, shuffle=False, verbose=0, **kwargs).history
    return logs | {f"train_{name}": values[0] for name, values in history.items()}


COMPILATIONS: dict[str, Any] = {
    "one_for_all": lambda api: {"loss": "mse", "metrics": ["mae", "accuracy"]},  # one for each output
    "lists": lambda api: {
        "loss": ["mae", api.losses.CategoricalCrossentropy(label_smoothing=0.1)],
        "loss_weights": [0.5, 2.0],
        "metrics": [["mse"], ["accuracy", api.metrics.TopKCategoricalAccuracy(2, name="top")]],
        "weighted_metrics": [None, ["accuracy"]],
    },
    "dicts": lambda api: {
        "loss": {"first": api.losses.Huber(), "second": "categorical_crossentropy"},
        "loss_weights": {"first": 3.0, "second": 0.25},
        "metrics": {"second": ["accuracy", "mse"]},
        "weighted_metrics": {"first": "mae"},
    },
    "reductions": lambda api: {
        "loss": [
            api.losses.MeanSquaredError(reduction="sum"),
            api.losses.KLDivergence(reduction="mean_with_sample_weight"),
        ],
        "metrics": [
            [api.metrics.RootMeanSquaredError()],
            [api.metrics.AUC(name="auc"), api.metrics.Precision(name="precision")],
        ],
    },
}


@pytest.mark.parametrize(
    ("name", "weighted"), [("one_for_all", False), ("lists", True), ("dicts", True), ("reductions", True)]
)
def test_outputs_have_losses_weights_and_metrics_as_in_keras(keras3: ModuleType, name: str, weighted: bool) -> None:
    results = []
    for api in (keras, keras3):
        model = two_outputs(api)
        model.compile(api.optimizers.SGD(0.05), **COMPILATIONS[name](api))
        results.append(logs_of(model, **({"sample_weight": WEIGHTS} if weighted else {})))
    ours, theirs = results
    assert set(ours) == set(theirs)
    for log, value in theirs.items():
        np.testing.assert_allclose(ours[log], value, rtol=2e-5, atol=1e-6, err_msg=log)


@pytest.mark.parametrize(
    ("activation", "loss", "targets"),
    [
        ("softmax", "categorical_crossentropy", SECOND),
        ("softmax", "sparse_categorical_crossentropy", SECOND.argmax(axis=1)),
        ("sigmoid", "binary_crossentropy", SECOND),
        ("softmax", "kl_divergence", SECOND),
        ("sigmoid", "binary_focal_crossentropy", SECOND),
    ],
)
def test_cross_entropies_at_saturation(keras3: ModuleType, activation: str, loss: str, targets: Any) -> None:
    results = []
    for api in (keras, keras3):
        model = api.Sequential([api.Input((4,)), api.layers.Dense(3, activation)])
        kernel = np.random.default_rng(2).standard_normal((4, 3)).astype(np.float32)
        model.set_weights([300 * kernel, np.zeros(3, np.float32)])  # outputs are 0 or 1 but for a few
        model.compile(api.optimizers.SGD(1.0), loss)
        value = model.train_on_batch(X, targets)
        results.append([value, *model.get_weights()])
    for ours, theirs in zip(*results, strict=True):
        assert np.all(np.isfinite(ours))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)


def test_masks_weigh_losses_and_metrics_as_in_keras(keras3: ModuleType) -> None:
    tokens = np.asarray([[1, 2, 0, 0], [3, 1, 2, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    targets = np.asarray([[0, 1, 1, 0], [1, 1, 0, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
    steps = RNG.random((4, 4)).astype(np.float32)
    results = []
    for api in (keras, keras3):
        embedding = api.layers.Embedding(4, 3, mask_zero=True)
        model = api.Sequential([api.Input((4,), dtype="int32"), embedding, api.layers.Dense(2, "softmax")])
        with_weights(model).compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
        # Of a training step only the loss: on JAX, Keras loses the mask of what it passes to metrics there.
        values = [*model.evaluate(tokens, targets, verbose=0), model.train_on_batch(tokens, targets)[0]]
        values += model.evaluate(tokens, targets, sample_weight=steps, verbose=0)
        results.append([*values, *(w.sum() for w in model.get_weights())])
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "mean_squred_error"}, "did you mean 'mean_squared_error'"),
        ({"optimizer": "adamm"}, "did you mean 'Adam'"),
        ({"loss": "mse", "metrics": ["acuracy"]}, "did you mean 'accuracy'"),
        ({"loss": ["mse"] * 3}, "expected 2 entries for the outputs"),
        ({"loss": {"third": "mse"}}, "no output is called 'third'"),
        ({"loss": ["mse", "mse"], "loss_weights": [1.0]}, "expected 2 entries"),
        ({"loss": ["mse", "mse"], "loss_weights": [[1.0, 2.0], 1.0]}, "expected a number for each output"),
        ({"loss": "mse", "metrics": {"secnd": "mae"}}, "did you mean 'second'"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    model = two_outputs(keras)
    with pytest.raises(ValueError, match=message):
        model.compile(**arguments)
        model.fit(X, [FIRST, SECOND], verbose=0)


NESTED: dict[str, Any] = {
    "one": lambda api: {"loss": "mse", "loss_weights": 2.0},
    "nested": lambda api: {
        "loss": {"u": ["mse", "mae"]},
        "loss_weights": {"u": [1.0, 3.0]},
        "metrics": {"u": [["mae", api.metrics.MeanSquaredError], ["mse"]]},
    },
}


@pytest.mark.parametrize("name", ["one", "nested"])
def test_outputs_in_lists_of_dicts(keras3: ModuleType, name: str) -> None:
    results = []
    for api in (keras, keras3):
        model = two_outputs(api)
        nested = api.Model(model.input, {"u": model.outputs})
        nested.compile("sgd", **NESTED[name](api))
        targets = {"u": [FIRST, SECOND]}
        history = nested.fit(X, targets, batch_size=8, shuffle=False, verbose=0).history
        weights = {"u": WEIGHTS}
        results.append([history, nested.evaluate(X, targets, sample_weight=weights, verbose=0)])
    (ours, ours_evaluated), (theirs, theirs_evaluated) = results
    assert list(ours) == list(theirs)
    np.testing.assert_allclose([*ours.values()], [*theirs.values()], rtol=2e-5)
    np.testing.assert_allclose(ours_evaluated, theirs_evaluated, rtol=2e-5)


def two_heads(api: Any, names: Any) -> Any:
    """A model written as a class, with outputs in a dict or a list."""

    class Own(api.Model):
        def __init__(self) -> None:
            super().__init__()
            self.heads = [api.layers.Dense(1), api.layers.Dense(3)]

        def call(self, x: Any) -> Any:
            outputs = [head(x) for head in self.heads]
            return dict(zip(names, outputs, strict=True)) if names else outputs

    return Own()


@pytest.mark.parametrize("names", [("urgent", "kind"), None])
def test_models_written_as_classes_that_were_called_before(keras3: ModuleType, names: Any) -> None:
    results = []
    for api in (keras, keras3):
        model = two_heads(api, names)
        model(X)
        with_weights(model).compile("sgd", dict(zip(names, ["mse", "mae"], strict=True)) if names else ["mse", "mae"])
        targets = dict(zip(names, [FIRST, SECOND], strict=True)) if names else [FIRST, SECOND]
        results.append(model.fit(X, targets, batch_size=8, shuffle=False, verbose=0).history)
    np.testing.assert_allclose(results[0]["loss"], results[1]["loss"], rtol=2e-5)
    assert not names or list(results[0]) == list(results[1])


def test_another_optimizer_may_be_set(keras3: ModuleType) -> None:
    results = []
    for api in (keras, keras3):
        model = two_outputs(api)
        model.compile("sgd", "mse")
        model.fit(X, [FIRST, SECOND], batch_size=8, shuffle=False, verbose=0)
        model.optimizer = api.optimizers.SGD(0.5, momentum=0.9)
        results.append(model.fit(X, [FIRST, SECOND], batch_size=8, shuffle=False, verbose=0).history["loss"])
        assert int(model.optimizer.iterations) == 3
        model.steps_per_execution, model.jit_compile = 2, False
        assert model.steps_per_execution == 2 and model.jit_compile is False
    np.testing.assert_allclose(*results, rtol=2e-5)


def test_results_are_listed_as_keras_lists_them(keras3: ModuleType) -> None:
    results = []
    for api in (keras, keras3):
        model = two_outputs(api)
        named = api.Model(model.input, {"urgent": model.outputs[0], "kind": model.outputs[1]})
        named.compile("sgd", {"urgent": "mse", "kind": "mae"}, metrics={"urgent": ["mse", "mae"], "kind": ["acc"]})
        targets = {"kind": SECOND, "urgent": FIRST}
        results.append([named.evaluate(X, targets, verbose=0), named.train_on_batch(X, targets)])
        results[-1].append([metric.name for metric in named.metrics])
    np.testing.assert_allclose(results[0][:2], results[1][:2], rtol=2e-5)
    assert results[0][2] == results[1][2]


def test_fewer_losses_than_outputs_leave_the_others_out() -> None:
    model = two_outputs(keras)
    model.compile("sgd", ["mse"])
    with pytest.warns(UserWarning, match="'second'. are left out"):
        assert list(model.fit(X, [FIRST, SECOND], verbose=0).history) == ["loss"]


def test_one_output_may_go_without_sample_weights(keras3: ModuleType) -> None:
    results = []
    for api in (keras, keras3):
        model = two_outputs(api)
        model.compile("sgd", "mse")
        results.append(model.evaluate(X, [FIRST, SECOND], sample_weight=[WEIGHTS[0], None], verbose=0))
    np.testing.assert_allclose(*results, rtol=2e-5)


def test_gradient_accumulation_equals_the_large_batch() -> None:
    results = []
    for size, steps in ((5, 4), (20, None)):
        model = two_outputs(keras)
        optimizer = keras.optimizers.Adam(0.05, gradient_accumulation_steps=steps)
        model.compile(optimizer, ["mse", "categorical_crossentropy"])
        model.fit(X, [FIRST, SECOND], batch_size=size, epochs=3, shuffle=False, verbose=0)
        assert int(optimizer.iterations) == 3
        results.append(model.get_weights())
    for accumulated, large in zip(*results, strict=True):
        np.testing.assert_allclose(accumulated, large, rtol=1e-6, atol=1e-6)

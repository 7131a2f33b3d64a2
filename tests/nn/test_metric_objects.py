"""Metrics as values: names, configs, users' functions and classes, the shapes that choose, errors."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import losses, metrics
from tests.nn.tables.metrics import CASES, LABELS, ONE_HOT, OTHER, PROBABILITIES, REAL, SCORES, batches, stream

SHAPES = [
    ((8,), (8, 1), "binary"),
    ((8, 1), (8, 1), "binary"),
    ((8, 4, 1), (8, 4, 1), "binary"),
    ((8,), (8, 3), "sparse_categorical"),
    ((8, 1), (8, 3), "sparse_categorical"),
    ((8, 4), (8, 4, 3), "sparse_categorical"),
    ((8, 3), (8, 3), "categorical"),
    ((8, 4, 3), (8, 4, 3), "categorical"),
]


@pytest.mark.parametrize("name", ["accuracy", "acc"])
@pytest.mark.parametrize(("true_shape", "pred_shape", "kind"), SHAPES)
def test_accuracy_follows_the_shapes(
    keras3: ModuleType, name: str, true_shape: tuple[int, ...], pred_shape: tuple[int, ...], kind: str
) -> None:
    ours = metrics.resolve(name, true_shape, pred_shape)
    assert ours is not None
    assert ours == metrics.resolve_accuracy(true_shape, pred_shape, name)
    theirs = keras3.src.trainers.compile_utils.get_metric(name, np.zeros(true_shape), np.zeros(pred_shape))
    assert (type(ours).__name__, ours.name) == (type(theirs).__name__, theirs.name)
    assert type(ours).__name__.lower() == kind.replace("_", "") + "accuracy"


@pytest.mark.parametrize(("true_shape", "pred_shape", "kind"), SHAPES)
def test_crossentropy_follows_the_shapes(true_shape: tuple[int, ...], pred_shape: tuple[int, ...], kind: str) -> None:
    ours = metrics.resolve("ce", true_shape, pred_shape)
    assert ours is not None
    assert (type(ours).__name__.lower(), ours.name) == (kind.replace("_", "") + "crossentropy", "ce")


def distance(y_true: Any, y_pred: Any, power: int = 1) -> Any:
    return jnp.mean(jnp.abs(y_true - y_pred) ** power, axis=-1)


def test_get() -> None:
    assert metrics.get(None) is None
    mse = metrics.MeanSquaredError()
    for identifier in (
        "mse",
        "MSE",
        "mean_squared_error",
        losses.mean_squared_error,
        mse,
        metrics.MeanSquaredError,
    ):
        assert metrics.get(identifier) == mse
    assert metrics.get("AUC") == metrics.get("auc") == metrics.AUC()
    assert metrics.get({"class_name": "Precision", "config": {"top_k": 3}}) == metrics.Precision(top_k=3)
    assert metrics.get({"class_name": "function", "config": "poisson"}) == metrics.Poisson()
    assert metrics.get(metrics.binary_accuracy) == metrics.BinaryAccuracy()
    wrapped = {"class_name": "MeanMetricWrapper", "config": {"fn": "poisson", "name": "p"}}
    assert np.isclose(stream(metrics.get(wrapped), *CASES[25][1:]), stream(metrics.Poisson(), *CASES[25][1:]))


def test_users_functions_and_losses_become_means(keras3: ModuleType) -> None:
    for ours, theirs in (
        (metrics.get(distance), keras3.metrics.MeanMetricWrapper(distance)),
        (metrics.MeanMetricWrapper(distance, power=3), keras3.metrics.MeanMetricWrapper(distance, power=3)),
        (metrics.get(losses.Huber(0.5)), keras3.metrics.MeanMetricWrapper(keras3.losses.Huber(0.5))),
        (
            metrics.get(losses.Huber(0.5, None)),
            keras3.metrics.MeanMetricWrapper(keras3.losses.Huber(0.5, None)),
        ),
    ):
        for t, p in batches(REAL, OTHER):
            theirs.update_state(t, p)
        np.testing.assert_allclose(stream(ours, REAL, OTHER), theirs.result(), rtol=1e-5)
    distances = metrics.get(distance)
    assert distances is not None
    assert distances.name == "distance"
    assert distances == metrics.get(distance)
    assert distances != metrics.MeanMetricWrapper(distance, power=3)
    huber = metrics.get(losses.Huber())
    assert huber is not None
    assert huber.name == "huber_loss"


@pytest.mark.parametrize("name", ["mse", "cosine_similarity", "kullback_leibler_divergence", "cosine", "huber"])
def test_a_string_in_compile_is_the_name_in_the_logs(name: str) -> None:
    ours = metrics.resolve(name, (8, 3), (8, 3))
    assert ours is not None
    assert ours.name == name


def test_cosines_have_the_signs_of_their_keras() -> None:
    new, old = (stream(metrics.get(name), REAL, OTHER) for name in ("cosine_similarity", "cosine_proximity"))
    assert new > 0
    np.testing.assert_allclose(old, -new, rtol=1e-6)


class Threshold(metrics.BinaryAccuracy):
    """A user's subclass with an attribute of its own."""

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin


class Largest(metrics.Metric):
    """A user's metric."""

    def init(self, y_true: Any = None, y_pred: Any = None) -> Any:
        return jnp.zeros(())

    def update(self, state: Any, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Any:
        return jnp.maximum(state, jnp.max(y_pred))

    def compute(self, state: Any) -> Any:
        return state


def test_users_metrics() -> None:
    assert Threshold(0.1) == Threshold(0.1)
    assert Threshold(0.1) != Threshold(0.2)
    assert Largest().name == "largest"
    assert Largest().get_config() == {"name": "largest", "dtype": "float32"}
    assert stream(metrics.get(Largest), REAL, SCORES) == 1


def test_names_can_be_replaced() -> None:
    assert dataclasses.replace(metrics.AUC(), name="area") == metrics.AUC(name="area")


def test_empty_states() -> None:
    for ours in (
        metrics.Mean(),
        metrics.MeanSquaredError(),
        metrics.Precision(),
        metrics.AUC(),
        metrics.MeanIoU(3),
    ):
        assert ours.compute(ours.init()) == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.F1Score().init(), "F1Score expects 2D inputs"),
        (lambda: metrics.AUC(multi_label=True).init(), "needs `num_labels`"),
        (lambda: metrics.AUC(1), "AUC: Argument `num_thresholds` must be"),
        (lambda: metrics.AUC(curve="ROCK"), "AUC: Invalid value for argument `curve`: .*did you mean 'roc'"),
        (lambda: metrics.AUC(num_labels=3), "multi_label"),
        (
            lambda: metrics.Precision(1.5),
            "Precision: Invalid value for argument `thresholds`: .* expected numbers from 0 to 1",
        ),
        (lambda: metrics.SensitivityAtSpecificity(1.5), "argument `specificity`"),
        (lambda: metrics.FBetaScore(beta=0), "argument `beta`: expected a positive number"),
        (lambda: metrics.FBetaScore(threshold=0.0), "argument `threshold`"),
        (
            lambda: metrics.IoU(3, [3]),
            r"IoU: argument `target_class_ids`: Target class id 3 is out of range, expected classes from 0 to 2",
        ),
        (lambda: metrics.R2Score(num_regressors=-1), "argument `num_regressors`"),
        (lambda: metrics.sparse_categorical_accuracy(ONE_HOT, PROBABILITIES), "categorical_accuracy"),
        (lambda: metrics.Recall(class_id=1).update(jnp.zeros(()), LABELS, LABELS), "`class_id` needs predictions"),
    ],
)
def test_errors_say_what_was_received(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

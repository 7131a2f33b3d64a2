"""Losses as values: names, configs, users' functions and classes, the shapes that choose, errors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import losses
from tests.nn.tables.losses import BINARY, CASES, LABELS, MASK, ONE_HOT, OTHER, PER_STEP, PROBABILITIES, REAL


def test_every_registered_class_has_a_row() -> None:
    known = {losses.registry.lookup(name) for name in losses.registry.names()}
    assert known - {losses.LossFunctionWrapper} == {type(loss) for loss, _, _ in CASES}


@pytest.mark.parametrize("ours", [loss for loss, _, _ in CASES], ids=repr)
def test_is_a_value(ours: losses.Loss) -> None:
    same = type(ours).from_config(ours.get_config())
    assert same == ours
    assert hash(same) == hash(ours)


def squared(y_true: Any, y_pred: Any, power: int = 2) -> Any:
    return jnp.mean(jnp.abs(y_true - y_pred) ** power, axis=-1)


class Scaled(losses.Loss):
    """A user's loss in the form that the Keras documentation gives."""

    def __init__(self, factor: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.factor * squared(y_true, y_pred)


class Weighted(losses.BinaryCrossentropy):
    """A user's subclass of a built-in loss."""

    def __init__(self, factor: float) -> None:
        super().__init__(from_logits=True)
        self.factor = factor

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.factor * super().call(y_true, y_pred)


def test_users_losses() -> None:
    mse = losses.MeanSquaredError()(REAL, OTHER, PER_STEP, MASK)
    for ours, factor in ((losses.get(squared), 1), (Scaled(3.0), 3), (Scaled(reduction="mean"), 2)):
        assert ours is not None
        np.testing.assert_allclose(ours(REAL, OTHER, PER_STEP, MASK), factor * mse, rtol=1e-6)
    assert Scaled().name == "scaled"
    assert losses.get(squared) == losses.get(squared)
    assert losses.get(squared) != losses.LossFunctionWrapper(squared, power=3)
    assert losses.LossFunctionWrapper(squared, power=3).get_config()["power"] == 3
    assert Scaled(3.0) == Scaled(3.0)
    assert Scaled(3.0) != Scaled(2.0)
    assert Weighted(3.0) == Weighted(3.0)
    assert Weighted(3.0) != Weighted(2.0)
    cross = losses.BinaryCrossentropy(from_logits=True)(BINARY, OTHER)
    np.testing.assert_allclose(Weighted(3.0)(BINARY, OTHER), 3 * cross, rtol=1e-6)
    assert Scaled.from_config(Scaled(name="a").get_config()).name == "a"


def test_trees_of_outputs_reach_the_users_function() -> None:
    loss = losses.get(lambda t, p: squared(t["a"], p["a"])[:, 0] + squared(t["b"], p["b"]))
    assert loss is not None
    got = loss({"a": REAL, "b": REAL[..., 0]}, {"a": OTHER, "b": OTHER[..., :1]})
    want = squared(REAL, OTHER)[:, 0] + squared(REAL[..., 0], OTHER[..., 0])
    np.testing.assert_allclose(got, want.mean(), rtol=1e-6)


def test_nested_lists_are_arrays() -> None:
    np.testing.assert_allclose(losses.MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]]), 0.5)


def test_get() -> None:
    assert losses.get(None) is None
    mse = losses.MeanSquaredError()
    for identifier in (
        "mse",
        "MSE",
        "mean_squared_error",
        losses.MeanSquaredError,
        losses.mean_squared_error,
        mse,
    ):
        assert losses.get(identifier) == mse
    assert losses.get("cosine_proximity") == losses.CosineSimilarity()
    assert losses.get({"class_name": "Huber", "config": {"delta": 2.0}}) == losses.Huber(2.0)
    assert losses.get({"class_name": "function", "config": "hinge"}) == losses.Hinge()
    wrapped = {"class_name": "LossFunctionWrapper", "config": {"fn": "huber", "delta": 2.0}}
    loss = losses.get(wrapped)
    assert loss is not None
    np.testing.assert_allclose(loss(REAL, OTHER), losses.Huber(2.0)(REAL, OTHER))


@pytest.mark.parametrize("name", ["crossentropy", "CE"])
@pytest.mark.parametrize(
    ("true_shape", "pred_shape", "kind"),
    [
        ((8,), (8, 1), losses.BinaryCrossentropy),
        ((8, 1), (8, 1), losses.BinaryCrossentropy),
        ((8,), (8, 3), losses.SparseCategoricalCrossentropy),
        ((8, 1), (8, 3), losses.SparseCategoricalCrossentropy),
        ((8, 5), (8, 5, 3), losses.SparseCategoricalCrossentropy),
        ((8, 3), (8, 3), losses.CategoricalCrossentropy),
    ],
)
def test_crossentropy_follows_the_shapes(
    keras3: ModuleType, name: str, true_shape: tuple[int, ...], pred_shape: tuple[int, ...], kind: type
) -> None:
    assert type(losses.resolve(name, true_shape, pred_shape)) is kind
    get_loss = keras3.src.trainers.compile_utils.get_loss
    assert get_loss(name, np.zeros(true_shape), np.zeros(pred_shape)).fn.__name__ == kind().name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: losses.MeanSquaredError("average"),
            "MeanSquaredError: Invalid value for argument `reduction`: cannot be 'average'",
        ),
        (lambda: Scaled(reduction="average"), "Scaled: Invalid value for argument `reduction`: cannot be 'average'"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(1.0), "between 0 and 1, received 1.0"),
        (lambda: losses.get("crossentropy_"), "Could not interpret loss identifier"),
        (lambda: losses.categorical_crossentropy(LABELS, PROBABILITIES), "sparse_categorical"),
        (
            lambda: losses.categorical_crossentropy(LABELS[..., None], PROBABILITIES),
            "sparse_categorical_crossentropy",
        ),
        (
            lambda: losses.sparse_categorical_crossentropy(ONE_HOT, PROBABILITIES),
            "with categorical_crossentropy",
        ),
        (
            lambda: losses.mean_squared_error(np.zeros((4, 3)), np.zeros((4, 3, 2))),
            r"\(4, 3\) .* \(4, 3, 2\)",
        ),
        (lambda: losses.binary_crossentropy(np.zeros((4, 3)), np.zeros((4, 2))), r"\(4, 3\), .* \(4, 2\)"),
        (lambda: losses.categorical_crossentropy(ONE_HOT, PROBABILITIES, axis=True), "must be an integer"),
        (lambda: losses.ctc(LABELS[0], OTHER), "labels of shape"),
        (lambda: losses.get({"config": {}}), "needs 'class_name'"),
    ],
)
def test_errors_say_what_was_received(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_one_class_is_warned_about() -> None:
    with pytest.warns(SyntaxWarning, match="binary_crossentropy"):
        losses.categorical_crossentropy(np.ones((4, 1)), np.ones((4, 1)))


def test_a_class_number_that_is_no_class_counts_nothing() -> None:
    values = losses.sparse_categorical_crossentropy(np.array([0, -1, 7]), PROBABILITIES[0, :3])
    assert values[0] > 0
    np.testing.assert_array_equal(values[1:], 0)

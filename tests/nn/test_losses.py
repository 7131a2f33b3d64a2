"""Losses against real Keras 3 (values, weights, masks, gradients) and values recorded from Keras 2.2.4."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import losses
from tests.nn.tables.losses import (
    BINARY,
    CASES,
    LABELS,
    MASK,
    OTHER,
    PER_SAMPLE,
    PER_STEP,
    PROBABILITIES,
    REAL,
    SHAPE,
    SIGMOIDS,
)
from tests.nn.together import Results

KERAS2 = np.load(Path(__file__).parent / "data" / "keras2" / "losses.npz")
IDS = [f"{i}-{loss!r}" for i, (loss, _, _) in enumerate(CASES)]
STEPWISE = [c for c in CASES if np.shape(c[1])[:2] == SHAPE[:2] and getattr(c[0], "axis", -1) == -1]


def twin(keras: ModuleType, ours: losses.Loss, **changes: Any) -> Any:
    """The same loss of real Keras."""
    return getattr(keras.losses, type(ours).__name__)(**{**ours.get_config(), **changes})


def keras_call(keras: ModuleType, loss: Any, y_true: Any, y_pred: Any, weight: Any, mask: Any) -> Any:
    """A loss of real Keras with a mask, which it reads from the predictions."""
    y_pred = y_pred + 0.0  # another object, as the mask will be an attribute of it
    if mask is not None:
        keras.src.backend.set_keras_mask(y_pred, mask)
    return loss(y_true, y_pred, sample_weight=weight)


def value_and_gradient(loss: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Unreduced values, and the gradient of their sum with factors from -1 to 1."""
    values, backward = jax.vjp(lambda p: loss(y_true, p), y_pred)
    factors = jnp.linspace(-1, 1, values.size).reshape(values.shape) if values.ndim else jnp.ones(())
    return values, backward(factors.astype(values.dtype))[0]


def arrays(*several: Any) -> tuple[Any, ...]:
    return tuple(None if a is None else jnp.asarray(a) for a in several)


@pytest.fixture(scope="module")
def ours_unreduced() -> Results:
    return Results(
        {
            index: (partial(value_and_gradient, dataclasses.replace(ours, reduction=None)), arrays(*data))  # type: ignore[type-var]
            for index, (ours, *data) in enumerate(CASES)
        }
    )


@pytest.fixture(scope="module")
def keras_unreduced(keras3: ModuleType) -> Results:
    return Results(
        {
            index: (partial(value_and_gradient, twin(keras3, ours, reduction=None)), arrays(*data))
            for index, (ours, *data) in enumerate(CASES)
        }
    )


@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_values_and_gradients_equal_keras(ours_unreduced: Results, keras_unreduced: Results, index: int) -> None:
    (got, gradient), (want, want_gradient) = ours_unreduced[index], keras_unreduced[index]
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=2e-7)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient, want_gradient, rtol=1e-5, atol=2e-6)


REDUCTIONS = ["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", None]
WEIGHTS = {"unweighted": None, "step": PER_STEP, "column": PER_SAMPLE[:, None], "scalar": np.float32(0.3)}
MASKS = {"unmasked": None, "masked": MASK, "all masked": np.zeros_like(MASK)}
REDUCED = [
    (losses.MeanSquaredError(), REAL, OTHER),
    (losses.SparseCategoricalCrossentropy(ignore_class=2), LABELS, PROBABILITIES),
    (losses.Dice(axis=(1, 2)), BINARY, SIGMOIDS),
]
COMBINATIONS = [
    (index, reduction, weight, mask)
    for index in range(len(REDUCED))
    for reduction in REDUCTIONS
    for weight in WEIGHTS
    for mask in MASKS
    if index < 2 or (weight in ("unweighted", "scalar") and mask == "unmasked")
]


def combined(key: tuple[int, str | None, str, str]) -> tuple[Any, ...]:
    """Targets, predictions, weights and mask of a combination."""
    return arrays(*REDUCED[key[0]][1:], WEIGHTS[key[2]], MASKS[key[3]])


@pytest.fixture(scope="module")
def ours_reduced() -> Results:
    return Results({k: (dataclasses.replace(REDUCED[k[0]][0], reduction=k[1]), combined(k)) for k in COMBINATIONS})


@pytest.fixture(scope="module")
def keras_reduced(keras3: ModuleType) -> Results:
    return Results(
        {
            k: (partial(keras_call, keras3, twin(keras3, REDUCED[k[0]][0], reduction=k[1])), combined(k))
            for k in COMBINATIONS
        }
    )


@pytest.mark.parametrize("key", COMBINATIONS, ids=str)
def test_reductions_weights_and_masks_equal_keras(
    ours_reduced: Results, keras_reduced: Results, key: tuple[int, str | None, str, str]
) -> None:
    got, want = ours_reduced[key], keras_reduced[key]
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)


@pytest.fixture(scope="module")
def ours_weighted() -> Results:
    return Results({i: (ours, arrays(*data, PER_STEP, MASK)) for i, (ours, *data) in enumerate(STEPWISE)})


@pytest.fixture(scope="module")
def keras_weighted(keras3: ModuleType) -> Results:
    return Results(
        {
            i: (partial(keras_call, keras3, twin(keras3, ours)), arrays(*data, PER_STEP, MASK))
            for i, (ours, *data) in enumerate(STEPWISE)
        }
    )


@pytest.mark.parametrize("index", range(len(STEPWISE)), ids=[repr(c[0]) for c in STEPWISE])
def test_every_loss_with_weights_and_mask_equals_keras(
    ours_weighted: Results, keras_weighted: Results, index: int
) -> None:
    np.testing.assert_allclose(ours_weighted[index], keras_weighted[index], rtol=1e-5, atol=1e-7)


def test_one_weight_a_sample_for_several_steps() -> None:
    """Keras 3 fails, or takes the weights for those of the steps where the numbers agree."""
    for loss in (losses.MeanSquaredError(), losses.MeanSquaredError("mean_with_sample_weight")):
        want = loss(REAL, OTHER, PER_SAMPLE[:, None])
        np.testing.assert_array_equal(loss(REAL, OTHER, PER_SAMPLE), want)
    square = slice(0, 5)
    got = losses.MeanSquaredError("sum")(REAL[square], OTHER[square], PER_SAMPLE[square])
    values = np.square(REAL - OTHER).mean(-1)[square]
    np.testing.assert_allclose(got, (values * PER_SAMPLE[square, None]).sum(), rtol=1e-6)


def test_a_mask_and_one_weight_a_sample() -> None:
    values = np.square(REAL - OTHER).mean(-1)
    got = losses.MeanSquaredError()(REAL, OTHER, PER_SAMPLE, MASK)
    np.testing.assert_allclose(got, (values * MASK * PER_SAMPLE[:, None]).sum() / MASK.sum(), rtol=1e-6)


RANKS = [((6,), (6, 1)), ((6, 1), (6,)), ((6, 5), (6, 5, 1)), ((6, 5, 1), (6, 5)), ((6, 1), (6, 1))]
MISMATCHED = [
    (loss, shapes, weighted)
    for loss in (
        losses.MeanSquaredError(),
        losses.BinaryCrossentropy(),
        losses.Hinge(),
        losses.KLDivergence(),
    )
    for shapes in RANKS
    for weighted in (False, True)
    if not weighted or len(shapes[1]) == 2
]


def shaped(shapes: tuple[tuple[int, ...], ...], weighted: bool) -> tuple[Any, ...]:
    y_true = BINARY.ravel()[: np.prod(shapes[0])].reshape(shapes[0])
    y_pred = SIGMOIDS.ravel()[: np.prod(shapes[1])].reshape(shapes[1])
    return arrays(y_true, y_pred, PER_SAMPLE if weighted else None)


def test_a_last_axis_of_size_1_may_be_missing(keras3: ModuleType) -> None:
    got = Results({k: (k[0], shaped(*k[1:])) for k in MISMATCHED})
    want = Results({k: (twin(keras3, k[0]), shaped(*k[1:])) for k in MISMATCHED})
    for key in MISMATCHED:
        np.testing.assert_allclose(got[key], want[key], rtol=1e-5, atol=1e-7, err_msg=str(key))


# What Keras 2.2.4 on TensorFlow 1.15 returned, by the part of the key after the kind of data: values, and slopes at corners too.
RECORDED = [key for key in KERAS2.files if not key.endswith(("__grad", "__true", "__pred"))]


@pytest.fixture(scope="module")
def recorded() -> Results:
    cases = {}
    for key in RECORDED:
        data, name = key.split("__")
        loss: Any = losses.get(name)
        cases[key] = (
            partial(summed_gradient, type(loss).keras2 or dataclasses.replace(loss, reduction=None)),
            arrays(KERAS2[f"{data}__true"], KERAS2[f"{data}__pred"]),
        )
    return Results(cases)


def summed_gradient(loss: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    return loss(y_true, y_pred), jax.grad(lambda p: jnp.sum(loss(y_true, p)))(y_pred)


@pytest.mark.parametrize("key", RECORDED)
def test_equals_what_keras_2_recorded(recorded: Results, key: str) -> None:
    values, gradient = recorded[key]
    np.testing.assert_allclose(values, KERAS2[key], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, KERAS2[f"{key}__grad"], rtol=1e-5, atol=1e-6)


SATURATED = [
    (losses.CategoricalCrossentropy(), np.eye(3), np.eye(3)[[1, 2, 0]]),
    (losses.CategoricalCrossentropy(from_logits=True), np.eye(3), 1e4 * np.eye(3)[[1, 2, 0]]),
    (losses.SparseCategoricalCrossentropy(), np.arange(3), np.eye(3)[[1, 2, 0]]),
    (losses.SparseCategoricalCrossentropy(from_logits=True), np.arange(3), 1e4 * np.eye(3)[[1, 2, 0]]),
    (losses.BinaryCrossentropy(), np.eye(3), 1 - np.eye(3)),
    (losses.BinaryCrossentropy(from_logits=True), np.eye(3), 1e4 * (1 - 2 * np.eye(3))),
    (losses.BinaryFocalCrossentropy(gamma=0.5), np.eye(3), np.eye(3)),
    (losses.CategoricalFocalCrossentropy(gamma=0.5), np.eye(3), np.eye(3)),
    (losses.CategoricalGeneralizedCrossEntropy(), np.arange(3), np.eye(3)[[1, 2, 0]]),
    (losses.KLDivergence(), np.eye(3), np.eye(3)[[1, 2, 0]]),
    (losses.CosineSimilarity(), np.zeros((3, 3)), np.zeros((3, 3))),
    (losses.Poisson(), np.eye(3), np.zeros((3, 3))),
    (losses.LogCosh(), np.zeros((3, 3)), 1e4 * np.eye(3)),
    (losses.Circle(), np.arange(3), np.eye(3)),
    (losses.MeanAbsolutePercentageError(), np.zeros((3, 3)), np.eye(3)),
]


def test_values_equal_keras_and_gradients_are_finite_at_saturation(keras3: ModuleType) -> None:
    data = [arrays(y_true, np.asarray(y_pred, np.float32)) for _, y_true, y_pred in SATURATED]
    got = Results({i: (partial(value_and_gradient, c[0]), data[i]) for i, c in enumerate(SATURATED)})
    want = Results({i: (twin(keras3, c[0]), data[i]) for i, c in enumerate(SATURATED)})
    for i, (ours, _, _) in enumerate(SATURATED):
        value, gradient = got[i]
        np.testing.assert_allclose(value, want[i], rtol=1e-5, atol=1e-6, err_msg=repr(ours))
        assert np.isfinite(gradient).all(), ours


@pytest.mark.parametrize("name", ["categorical_crossentropy", "binary_crossentropy"])
def test_half_precision_predictions_do_not_overflow(name: str) -> None:
    y_true = jnp.eye(3)
    value = getattr(losses, name)(y_true, jnp.eye(3, dtype=jnp.bfloat16))
    assert bool(jnp.all(jnp.isfinite(value)))


@pytest.mark.parametrize("loss", [losses.MeanSquaredError, losses.BinaryCrossentropy])
@pytest.mark.parametrize("reduction", [None, "none"])
def test_a_loss_without_reduction_keeps_the_word_for_it(loss: Any, reduction: str | None) -> None:
    made = loss(reduction=reduction)
    assert made.reduction == reduction
    assert made.get_config()["reduction"] == reduction
    again = loss.from_config(made.get_config())
    np.testing.assert_array_equal(again(jnp.eye(2), jnp.eye(2)).shape, (2,))

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
from tests.nn.together import Results

KERAS2 = np.load(Path(__file__).parent / "data" / "keras2" / "losses.npz")
RNG = np.random.default_rng(0)
SHAPE = (6, 5, 4)  # samples, steps, classes


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype(np.float32)


REAL = RNG.standard_normal(SHAPE).astype(np.float32)
OTHER = RNG.standard_normal(SHAPE).astype(np.float32)
LABELS = RNG.integers(0, 4, SHAPE[:-1]).astype(np.int32)
ONE_HOT = np.eye(4, dtype=np.float32)[LABELS]
PROBABILITIES = softmax(OTHER)
UNNORMALIZED = (PROBABILITIES * 1.7).astype(np.float32)
BINARY = RNG.integers(0, 2, SHAPE).astype(np.float32)
SIGMOIDS = (1 / (1 + np.exp(-OTHER))).astype(np.float32)
EMBEDDINGS = (REAL[:, 0] / np.linalg.norm(REAL[:, 0], axis=-1, keepdims=True)).astype(np.float32)
GROUPS = np.array([0, 1, 0, 1, 1, 2], np.int32)  # the last has no partner

PER_STEP = RNG.uniform(0, 2, SHAPE[:-1]).astype(np.float32)
PER_SAMPLE = np.array([0.0, 1.0, 2.0, 0.5, 1.0, 3.0], np.float32)
MASK = RNG.integers(0, 2, SHAPE[:-1]).astype(bool)

# The loss, its targets and its predictions; every class has a row.
CASES: list[tuple[losses.Loss, Any, Any]] = [
    (losses.MeanSquaredError(), REAL, OTHER),
    (losses.MeanAbsoluteError(), REAL, OTHER),
    (losses.MeanAbsolutePercentageError(), REAL, OTHER),
    (losses.MeanSquaredLogarithmicError(), REAL, OTHER),
    (losses.CosineSimilarity(), REAL, OTHER),
    (losses.CosineSimilarity(axis=1), REAL, OTHER),
    (losses.Huber(), REAL, OTHER),
    (losses.Huber(0.3), REAL, OTHER),
    (losses.LogCosh(), REAL, OTHER * 10),
    (losses.Hinge(), BINARY, OTHER),
    (losses.Hinge(), np.sign(REAL), OTHER),
    (losses.SquaredHinge(), BINARY, OTHER),
    (losses.SquaredHinge(), np.sign(REAL), OTHER),
    (losses.CategoricalHinge(), ONE_HOT, OTHER),
    (losses.KLDivergence(), softmax(REAL), PROBABILITIES),
    (losses.Poisson(), np.abs(REAL), np.abs(OTHER)),
    (losses.BinaryCrossentropy(), BINARY, SIGMOIDS),
    (losses.BinaryCrossentropy(from_logits=True), BINARY, OTHER * 5),
    (losses.BinaryCrossentropy(label_smoothing=0.2), BINARY, SIGMOIDS),
    (losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2, axis=1), SIGMOIDS, OTHER),
    (losses.BinaryFocalCrossentropy(), BINARY, SIGMOIDS),
    (losses.BinaryFocalCrossentropy(True, 0.4, 1.5, True, 0.1), BINARY, OTHER),
    (losses.CategoricalCrossentropy(), ONE_HOT, PROBABILITIES),
    (losses.CategoricalCrossentropy(), ONE_HOT, UNNORMALIZED),
    (losses.CategoricalCrossentropy(from_logits=True), softmax(REAL), OTHER * 5),
    (losses.CategoricalCrossentropy(label_smoothing=0.2), ONE_HOT, PROBABILITIES),
    (losses.CategoricalCrossentropy(axis=1), BINARY, SIGMOIDS),
    (losses.CategoricalFocalCrossentropy(), ONE_HOT, PROBABILITIES),
    (losses.CategoricalFocalCrossentropy(0.4, 1.5, True, 0.1), ONE_HOT, OTHER),
    (losses.CategoricalGeneralizedCrossEntropy(), LABELS, PROBABILITIES),
    (losses.CategoricalGeneralizedCrossEntropy(0.8), LABELS, PROBABILITIES),
    (losses.SparseCategoricalCrossentropy(), LABELS, PROBABILITIES),
    (losses.SparseCategoricalCrossentropy(), LABELS[..., None], UNNORMALIZED),
    (losses.SparseCategoricalCrossentropy(from_logits=True), LABELS, OTHER * 5),
    (losses.SparseCategoricalCrossentropy(ignore_class=2), LABELS, PROBABILITIES),
    (losses.SparseCategoricalCrossentropy(True, ignore_class=-1), np.where(LABELS == 1, -1, LABELS), OTHER),
    (losses.Dice(), BINARY, SIGMOIDS),
    (losses.Dice(axis=(1, 2)), BINARY, SIGMOIDS),
    (losses.Tversky(), BINARY, SIGMOIDS),
    (losses.Tversky(0.3, 0.7, axis=(1, 2)), BINARY, SIGMOIDS),
    (losses.Circle(), GROUPS, EMBEDDINGS),
    (losses.Circle(10.0, 0.2, False), GROUPS[:, None], EMBEDDINGS),
    (losses.CTC(), np.array([[1, 2], [2, 2], [3, 0], [1, 3], [0, 0], [1, 1]]), OTHER),
]
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


# What Keras 2.2.4 on TensorFlow 1.15 returned, by the part of the key after the kind of data. Differences:
# hinge takes 0 and 1 for -1 and 1 since Keras 3; a name that Keras 2 alone has means the same loss.
HINGES_OF_BINARY = [
    f"{data}__{hinge}"
    for data in ("binary", "binary_hard", "onehot_softmax", "onehot_unnormalized", "onehot_hard")
    for hinge in ("hinge", "squared_hinge")
]
# Errors of exactly 0, probabilities of exactly 1: JAX and TensorFlow choose different subgradients.
KINKS = [
    f"{data}__{name}"
    for data in ("onehot_hard", "binary_hard", "with_zeros")
    for name in (
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "categorical_hinge",
        "kullback_leibler_divergence",
    )
]
# Probabilities above 1: Keras 2 clipped them before it divided by their sum.
CLIPPED_FIRST = ["sparse_unnormalized__sparse_categorical_crossentropy"]
RECORDED = [
    key
    for key in KERAS2.files
    if not key.endswith(("__grad", "__true", "__pred")) and key not in HINGES_OF_BINARY + CLIPPED_FIRST
]


@pytest.fixture(scope="module")
def recorded() -> Results:
    cases = {}
    for key in RECORDED:
        data, name = key.split("__")
        loss = dataclasses.replace(losses.get(name), reduction=None)  # type: ignore[type-var]
        cases[key] = (
            partial(summed_gradient, loss),
            arrays(KERAS2[f"{data}__true"], KERAS2[f"{data}__pred"]),
        )
    return Results(cases)


def summed_gradient(loss: Any, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    return loss(y_true, y_pred), jax.grad(lambda p: jnp.sum(loss(y_true, p)))(y_pred)


@pytest.mark.parametrize("key", RECORDED)
def test_equals_what_keras_2_recorded(recorded: Results, key: str) -> None:
    values, gradient = recorded[key]
    np.testing.assert_allclose(values, KERAS2[key], rtol=1e-5, atol=1e-6)
    if key not in KINKS:
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
            "MeanSquaredError: argument `reduction`: cannot be 'average'",
        ),
        (lambda: Scaled(reduction="average"), "Scaled: argument `reduction`: cannot be 'average'"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(1.0), "between 0 and 1, received 1.0"),
        (lambda: losses.get("crossentropy_"), "unknown loss"),
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

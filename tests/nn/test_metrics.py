"""Metrics against real Keras 3: streams of uneven batches, weights, masks, options, and their names."""

from __future__ import annotations

import dataclasses
import re
import warnings
from functools import partial
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import losses, metrics
from tests.nn.together import Results

RNG = np.random.default_rng(0)
SAMPLES, CLASSES = 23, 5
CUTS = (SAMPLES - 1,)  # a batch of 22 samples and a batch of 1


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype(np.float32)


REAL = RNG.standard_normal((SAMPLES, CLASSES)).astype(np.float32)
OTHER = (REAL + RNG.standard_normal((SAMPLES, CLASSES))).astype(np.float32)
LABELS = RNG.integers(0, CLASSES, SAMPLES).astype(np.int32)
ONE_HOT = np.eye(CLASSES, dtype=np.float32)[LABELS]
PROBABILITIES = softmax(OTHER + 1.5 * ONE_HOT)
BINARY = RNG.integers(0, 2, (SAMPLES, CLASSES)).astype(np.float32)
SCORES = np.clip(RNG.uniform(-0.1, 1.1, (SAMPLES, CLASSES)), 0, 1).astype(np.float32)  # zeros and ones among them
SCORES[::3] = np.round(SCORES[::3], 1)  # and values that lie on thresholds
COLUMN, COLUMN_SCORES = BINARY[:, :1], SCORES[:, :1]
PIXELS = RNG.integers(0, CLASSES, (SAMPLES, 3, 2)).astype(np.int32)
PIXELS_PREDICTED = np.where(RNG.uniform(size=PIXELS.shape) < 0.6, PIXELS, RNG.integers(0, CLASSES, PIXELS.shape))
PIXEL_MAPS = np.eye(CLASSES, dtype=np.float32)[PIXELS]
PIXEL_SCORES = softmax(RNG.standard_normal((*PIXELS.shape, CLASSES)) + PIXEL_MAPS)
STEPS = RNG.integers(0, CLASSES, (SAMPLES, 4)).astype(np.int32)
STEP_SCORES = softmax(RNG.standard_normal((SAMPLES, 4, CLASSES)))
RANKED = np.argsort(-PROBABILITIES, axis=-1).astype(np.int32)
WEIGHTS = RNG.choice([0.0, 0.5, 1.0, 2.0], SAMPLES).astype(np.float32)

# The metric, its targets and its predictions; every class has a row.
CASES: list[tuple[Any, Any, Any]] = [
    (metrics.Accuracy(), LABELS[:, None], np.argmax(PROBABILITIES, -1)[:, None]),
    (metrics.BinaryAccuracy(), BINARY, SCORES),
    (metrics.BinaryAccuracy(threshold=0.3), COLUMN, COLUMN_SCORES),
    (metrics.CategoricalAccuracy(), ONE_HOT, PROBABILITIES),
    (metrics.SparseCategoricalAccuracy(), LABELS, PROBABILITIES),
    (metrics.SparseCategoricalAccuracy(), LABELS[:, None], PROBABILITIES),
    (metrics.SparseCategoricalAccuracy(), STEPS, STEP_SCORES),
    (metrics.TopKCategoricalAccuracy(2), ONE_HOT, PROBABILITIES),
    (metrics.TopKCategoricalAccuracy(2), np.eye(CLASSES)[STEPS], STEP_SCORES),
    (metrics.SparseTopKCategoricalAccuracy(2), LABELS, PROBABILITIES),
    (metrics.SparseTopKCategoricalAccuracy(2), STEPS, STEP_SCORES),
    (metrics.SparseTopKCategoricalAccuracy(2, from_sorted_ids=True), LABELS, RANKED),
    (metrics.MeanSquaredError(), REAL, OTHER),
    (metrics.MeanAbsoluteError(), REAL, OTHER),
    (metrics.MeanAbsolutePercentageError(), REAL, OTHER),
    (metrics.MeanSquaredLogarithmicError(), REAL, OTHER),
    (metrics.RootMeanSquaredError(), REAL, OTHER),
    (metrics.LogCoshError(), REAL, OTHER),
    (metrics.CosineSimilarity(), REAL, OTHER),
    (metrics.PearsonCorrelation(), REAL, OTHER),
    (metrics.ConcordanceCorrelation(), REAL, OTHER),
    (metrics.Hinge(), BINARY, OTHER),
    (metrics.SquaredHinge(), np.sign(REAL), OTHER),
    (metrics.CategoricalHinge(), ONE_HOT, OTHER),
    (metrics.KLDivergence(), softmax(REAL), PROBABILITIES),
    (metrics.Poisson(), np.abs(REAL), np.abs(OTHER)),
    (metrics.BinaryCrossentropy(), BINARY, SCORES),
    (metrics.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), BINARY, OTHER),
    (metrics.CategoricalCrossentropy(), ONE_HOT, PROBABILITIES),
    (metrics.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), ONE_HOT, OTHER),
    (metrics.SparseCategoricalCrossentropy(), LABELS, PROBABILITIES),
    (metrics.SparseCategoricalCrossentropy(from_logits=True), STEPS, STEP_SCORES),
    (metrics.SparseCategoricalCrossentropy(ignore_class=2), LABELS, PROBABILITIES),
    (metrics.TruePositives(), BINARY, SCORES),
    (metrics.FalsePositives([0.2, 0.7]), BINARY, SCORES),
    (metrics.TrueNegatives([0.0, 0.5, 1.0]), BINARY, SCORES),
    (metrics.FalseNegatives(0.3), COLUMN, COLUMN_SCORES),
    (metrics.Precision(), BINARY, SCORES),
    (metrics.Precision([0.0, 0.5, 1.0]), BINARY, SCORES),
    (metrics.Precision([0.1, 0.5]), COLUMN[:, 0], COLUMN_SCORES),
    (metrics.Precision(top_k=2), BINARY, SCORES),
    (metrics.Precision(top_k=2, class_id=3), BINARY, SCORES),
    (metrics.Recall(), COLUMN, COLUMN_SCORES[:, 0]),
    (metrics.Recall(0.4, class_id=1), BINARY, SCORES),
    (metrics.Recall(top_k=3), BINARY, SCORES),
    (metrics.SensitivityAtSpecificity(0.6), BINARY, SCORES),
    (metrics.SensitivityAtSpecificity(0.6, num_thresholds=1), BINARY, SCORES),
    (metrics.SpecificityAtSensitivity(0.6, 50), COLUMN, COLUMN_SCORES),
    (metrics.PrecisionAtRecall(0.5, 20, 2), BINARY, SCORES),
    (metrics.RecallAtPrecision(0.5), BINARY, SCORES),
    (metrics.RecallAtPrecision(1.0), COLUMN, 1 - COLUMN),
    (metrics.AUC(), BINARY, SCORES),
    (metrics.AUC(), COLUMN, COLUMN_SCORES),
    (metrics.AUC(curve="PR"), BINARY, SCORES),
    (metrics.AUC(curve="PRGAIN"), BINARY, SCORES),
    (metrics.AUC(20, summation_method="majoring"), BINARY, SCORES),
    (metrics.AUC(20, "PR", "minoring"), BINARY, SCORES),
    (metrics.AUC(20, "PR", "majoring"), BINARY, SCORES),
    (metrics.AUC(thresholds=[0.9, 0.25, 0.3]), BINARY, SCORES),
    (metrics.AUC(thresholds=[0.25, 0.5, 0.75], curve="pr"), BINARY, SCORES),
    (metrics.AUC(from_logits=True), BINARY, OTHER),
    (metrics.AUC(label_weights=[1, 2, 0, 1, 0.5]), BINARY, SCORES),
    (metrics.AUC(multi_label=True), BINARY, SCORES),
    (metrics.AUC(20, "PR", multi_label=True, num_labels=5, label_weights=[1, 2, 0, 1, 0.5]), BINARY, SCORES),
    (metrics.AUC(multi_label=True, thresholds=[0.2, 0.7]), BINARY, SCORES),
    (metrics.FBetaScore(beta=2.0), ONE_HOT, PROBABILITIES),
    (metrics.FBetaScore("micro", 0.5, 0.4), BINARY, SCORES),
    (metrics.FBetaScore("weighted", threshold=0.4), BINARY, SCORES),
    (metrics.F1Score(), ONE_HOT, PROBABILITIES),
    (metrics.F1Score("macro"), ONE_HOT, PROBABILITIES),
    (metrics.IoU(CLASSES, [0, 3]), PIXELS, PIXELS_PREDICTED),
    (metrics.IoU(CLASSES, [0, 3], sparse_y_pred=False, ignore_class=1), PIXELS, PIXEL_SCORES),
    (metrics.IoU(CLASSES, [0, 3], dtype="float32"), PIXELS, PIXELS_PREDICTED),
    (metrics.BinaryIoU(), BINARY, SCORES),
    (metrics.BinaryIoU([1], 0.3), BINARY, SCORES),
    (metrics.MeanIoU(CLASSES), PIXELS, PIXELS_PREDICTED),
    (metrics.MeanIoU(CLASSES + 2), np.where(PIXELS == 4, 9, PIXELS), PIXELS_PREDICTED),
    (metrics.OneHotIoU(CLASSES, [2]), PIXEL_MAPS, PIXEL_SCORES),
    (metrics.OneHotMeanIoU(CLASSES, sparse_y_pred=True), PIXEL_MAPS, PIXELS_PREDICTED),
    (metrics.R2Score(), REAL, OTHER),
    (metrics.R2Score(None), REAL, OTHER),
    (metrics.R2Score("variance_weighted_average", 3), REAL, OTHER),
    (metrics.R2Score(num_regressors=200), REAL, OTHER),
]
IDS = [f"{i}-{metric!r}" for i, (metric, _, _) in enumerate(CASES)]


def twin(keras: ModuleType, ours: Any, y_true: Any = None, y_pred: Any = None, named: bool = True) -> Any:
    """The same metric of real Keras, with its variables."""
    config = {k: list(v) if isinstance(v, tuple) else v for k, v in ours.get_config().items()}
    if not named:
        del config["name"]
    if config.get("thresholds", 0) is None:
        del config["thresholds"]
    theirs = getattr(keras.metrics, type(ours).__name__)(**config)
    if y_pred is not None and getattr(theirs, "_built", True) is False:
        theirs._build(*((y_pred.shape,) if isinstance(ours, metrics.AUC) else (y_true.shape, y_pred.shape)))
    return theirs


def batches(*arrays: Any) -> list[Any]:
    parts = [np.split(a, CUTS) if a is not None else [None] * (len(CUTS) + 1) for a in arrays]
    return list(zip(*parts, strict=True))


def stream(ours: Any, y_true: Any, y_pred: Any, weights: Any = None, mask: Any = None) -> Any:
    """The value after all batches."""
    state = ours.init(y_true, y_pred)
    for batch in batches(y_true, y_pred, weights, mask):
        state = ours.update(state, *batch)
    return ours.compute(state)


def weights_of(ours: Any, y_true: Any) -> Any:
    """Weights that Keras can use: IoU has them of the shape of the targets."""
    if "IoU" not in type(ours).__name__:
        return WEIGHTS
    shape = y_true.shape[:-1] if "OneHot" in type(ours).__name__ else y_true.shape
    integers = np.random.default_rng(1).integers(0, 3, shape).astype(np.int32)
    return integers.astype(np.float32) if ours.dtype == "float32" else integers


def our_values(ours: Any, several: Any, plain: bool) -> tuple[Any, ...]:
    """The value of a stream of batches; without weights also that of one batch of all."""
    state = ours.init(*several[0][:2])
    for batch in several:
        state = ours.update(state, *batch)
    if not plain:
        return (ours.compute(state),)
    whole = [None if a[0] is None else jnp.concatenate(a) for a in zip(*several, strict=True)]
    return ours.compute(state), ours.compute(ours.update(ours.init(*whole[:2]), *whole))


def keras_value(theirs: Any, several: Any) -> Any:
    variables = [variable.value for variable in theirs.variables]
    for batch in several:
        variables = theirs.stateless_update_state(variables, *batch)
    return theirs.stateless_result(variables)


STREAMS = {
    (index, weighted): batches(y_true, y_pred, weights_of(metric, y_true) if weighted else None)
    for index, (metric, y_true, y_pred) in enumerate(CASES)
    for weighted in (False, True)
}


@pytest.fixture(scope="module")
def ours_in_streams() -> Results:
    return Results(
        {
            (index, weighted): (partial(our_values, CASES[index][0], plain=not weighted), (several,))
            for (index, weighted), several in STREAMS.items()
        }
    )


@pytest.fixture(scope="module")
def keras_in_streams(keras3: ModuleType) -> Results:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras asks for int64, and says that an adjusted R2 is none
        return Results(
            {key: (partial(keras_value, twin(keras3, *CASES[key[0]])), (several,)) for key, several in STREAMS.items()},
            eagerly=True,
        )


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_stream_of_uneven_batches_equals_keras(
    ours_in_streams: Results, keras_in_streams: Results, index: int, weighted: bool
) -> None:
    want = keras_in_streams[index, weighted]
    for got in ours_in_streams[index, weighted]:
        assert np.shape(got) == np.shape(want)
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "ours",
    [metrics.MeanSquaredError(), metrics.R2Score(), metrics.AUC(10), metrics.F1Score(), metrics.BinaryIoU()],
)
def test_states_of_parts_add_up(ours: Any) -> None:
    whole = ours.update(ours.init(BINARY, SCORES), BINARY, SCORES, WEIGHTS)
    parts = [ours.update(ours.init(t, p), t, p, w) for t, p, w in batches(BINARY, SCORES, WEIGHTS)]
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-6)


def test_every_registered_class_has_a_row() -> None:
    known = {metrics.registry.lookup(name) for name in metrics.registry.names()}
    classes = {entry for entry in known if isinstance(entry, type)}
    assert classes - {metrics.Mean, metrics.Sum, metrics.MeanMetricWrapper} == {type(m) for m, _, _ in CASES}


@pytest.mark.parametrize("ours", [m for m, _, _ in CASES], ids=repr)
def test_is_a_value(ours: Any) -> None:
    config = ours.get_config()
    same = type(ours).from_config(config)
    assert same == ours
    assert hash(same) == hash(ours)
    listed = {k: list(v) if isinstance(v, tuple) else v for k, v in config.items()}
    assert type(ours).from_config(listed) == ours


@pytest.mark.parametrize("ours", [m for m, _, _ in CASES], ids=repr)
def test_default_name_and_direction_are_those_of_keras(keras3: ModuleType, ours: Any) -> None:
    theirs = twin(keras3, ours, named=False)
    default = type(ours).from_config({k: v for k, v in ours.get_config().items() if k != "name"})
    assert default.name == re.sub(r"_\d+$", "", theirs.name)  # Keras counts names that it made up
    direction = getattr(theirs, "_direction", None)
    assert direction in (None, ours.direction)


VALUES = [RNG.standard_normal(shape).astype(np.float32) for shape in ((4, 3), (2, 3), (5, 3))]


@pytest.mark.parametrize("ours", [metrics.Mean(), metrics.Sum()], ids=repr)
@pytest.mark.parametrize("rank", [None, 0, 1, 2])
def test_reductions_equal_keras(keras3: ModuleType, ours: Any, rank: int | None) -> None:
    theirs, state = twin(keras3, ours), ours.init()
    for values in VALUES:
        shape = values.shape[:rank]
        weights = None if rank is None else RNG.uniform(size=shape).astype(np.float32)
        theirs.update_state(values, weights)
        state = ours.update(state, values, weights)
    np.testing.assert_allclose(ours.compute(state), theirs.result(), rtol=1e-6)


def test_means_of_numbers(keras3: ModuleType) -> None:
    for ours in (metrics.Mean(), metrics.Sum()):
        theirs, state = twin(keras3, ours), ours.init()
        for value, weight in ((1.0, 2.0), (4.0, 1.0)):
            theirs.update_state(value, weight)
            state = ours.update(state, value, weight)
        np.testing.assert_allclose(ours.compute(state), theirs.result(), rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_masks_equal_keras(keras3: ModuleType, weighted: bool) -> None:
    mask = RNG.integers(0, 2, STEPS.shape).astype(bool)
    weights = RNG.uniform(size=STEPS.shape).astype(np.float32) if weighted else None
    for ours in (metrics.SparseCategoricalAccuracy(), metrics.SparseCategoricalCrossentropy(ignore_class=1)):
        theirs = twin(keras3, ours)
        for t, p, w, m in batches(STEPS, STEP_SCORES, weights, mask):
            p = jnp.array(p)
            keras3.src.backend.set_keras_mask(p, jnp.asarray(m))
            theirs.update_state(t, p, sample_weight=w)
        np.testing.assert_allclose(stream(ours, STEPS, STEP_SCORES, weights, mask), theirs.result(), rtol=1e-5)


def test_one_weight_a_sample_and_a_mask() -> None:
    mask = RNG.integers(0, 2, STEPS.shape).astype(bool)
    got = stream(metrics.SparseCategoricalAccuracy(), STEPS, STEP_SCORES, WEIGHTS, mask)
    hits = np.argmax(STEP_SCORES, -1) == STEPS
    factors = mask * WEIGHTS[:, None]
    np.testing.assert_allclose(got, (hits * factors).sum() / factors.sum(), rtol=1e-5)


def test_iou_takes_one_weight_a_sample() -> None:
    weights = RNG.integers(0, 3, SAMPLES)
    spread = np.broadcast_to(weights[:, None, None], PIXELS.shape)
    ours = metrics.MeanIoU(CLASSES)
    got = stream(ours, PIXELS, PIXELS_PREDICTED, weights)
    np.testing.assert_array_equal(got, stream(ours, PIXELS, PIXELS_PREDICTED, spread))


def test_area_of_a_sorted_sample_equals_the_rank_statistic() -> None:
    scores, truth = SCORES.ravel(), BINARY.ravel()
    grid = np.unique(scores)
    middles = ((grid[1:] + grid[:-1]) / 2).tolist()
    got = stream(metrics.AUC(thresholds=middles), truth.reshape(SAMPLES, -1), scores.reshape(SAMPLES, -1))
    above = (scores[truth == 1][:, None] > scores[truth == 0]).mean()
    equal = (scores[truth == 1][:, None] == scores[truth == 0]).mean()
    np.testing.assert_allclose(got, above + equal / 2, rtol=1e-5)


def test_confusion_matrices_count_beyond_float32() -> None:
    ours = metrics.MeanIoU(2)
    state = jnp.full((2, 2), 2**24, jnp.int32)
    state = ours.update(state, np.zeros(3), np.zeros(3))
    assert state[0, 0] == 2**24 + 3


def test_states_under_vmap_and_scan() -> None:
    ours = metrics.SparseCategoricalAccuracy()

    def epoch(true: Any, pred: Any) -> Any:
        return jax.lax.scan(lambda s, b: (ours.update(s, *b), None), ours.init(), (true, pred))[0]

    true, pred = STEPS[:20].reshape(2, 5, 2, 4), STEP_SCORES[:20].reshape(2, 5, 2, 4, CLASSES)
    states = jax.vmap(epoch)(true, pred)
    assert states.shape == (2, 2)
    assert states.dtype == jnp.float32
    hits = (np.argmax(pred, -1) == true).mean((1, 2, 3))
    np.testing.assert_allclose(jax.vmap(ours.compute)(states), hits, rtol=1e-6)


def test_class_numbers_survive_half_precision() -> None:
    """bfloat16 knows the integers up to 256 only."""
    pred = jnp.zeros((1, 1000), jnp.bfloat16).at[0, 999].set(1)
    assert metrics.sparse_categorical_accuracy(np.array([999]), pred)[0] == 1
    assert metrics.sparse_categorical_accuracy(np.array([1000]), pred)[0] == 0


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
        (lambda: metrics.F1Score().init(), "F1Score needs predictions of shape"),
        (lambda: metrics.AUC(multi_label=True).init(), "needs `num_labels`"),
        (lambda: metrics.AUC(1), "AUC: argument `num_thresholds`"),
        (lambda: metrics.AUC(curve="ROCK"), "AUC: argument `curve`: .*did you mean 'roc'"),
        (lambda: metrics.AUC(num_labels=3), "multi_label"),
        (lambda: metrics.Precision(1.5), "Precision: argument `thresholds`: expected numbers from 0 to 1"),
        (lambda: metrics.SensitivityAtSpecificity(1.5), "argument `specificity`"),
        (lambda: metrics.FBetaScore(beta=0), "argument `beta`: expected a positive number"),
        (lambda: metrics.FBetaScore(threshold=0.0), "argument `threshold`"),
        (lambda: metrics.IoU(3, [3]), r"IoU: argument `target_class_ids`: expected classes from 0 to 2"),
        (lambda: metrics.R2Score(num_regressors=-1), "argument `num_regressors`"),
        (lambda: metrics.sparse_categorical_accuracy(ONE_HOT, PROBABILITIES), "categorical_accuracy"),
        (lambda: metrics.Recall(class_id=1).update(jnp.zeros(()), LABELS, LABELS), "`class_id` needs predictions"),
    ],
)
def test_errors_say_what_was_received(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()

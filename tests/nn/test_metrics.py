"""Metrics against real Keras 3: streams of uneven batches, weights, masks, options, and their names."""

from __future__ import annotations

import re
import warnings
from functools import partial
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import metrics
from tests.nn.tables.metrics import (
    BINARY,
    CASES,
    CLASSES,
    PIXELS,
    PIXELS_PREDICTED,
    RNG,
    SAMPLES,
    SCORES,
    STEP_SCORES,
    STEPS,
    WEIGHTS,
    batches,
    stream,
)
from tests.nn.together import Results

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

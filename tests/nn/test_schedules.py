"""Learning-rate schedules against real Keras 3 at 50 steps, and what else may stand for a learning rate."""

from __future__ import annotations

import functools
import inspect
import json
import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kjax.nn.optimizers import SGD, schedules

POINTS = np.concatenate([np.arange(40), [45, 50, 59, 60, 61, 100, 137, 200, 499, 1000]]).astype(np.int32)

# The schedule classes of keras.optimizers.schedules in Keras 3.15.1.
KERAS_NAMES = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
]

CASES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True},
    ),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 1, "decay_rate": 0.05}),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True},
    ),
    ("PiecewiseConstantDecay", {"boundaries": [3, 20, 60], "values": [1.0, 0.5, 0.3, 0.01]}),
    ("PiecewiseConstantDecay", {"boundaries": [10.5], "values": [0.5, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 50}),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 20, "end_learning_rate": 0.01, "power": 0.5},
    ),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "power": 2.0, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 50}),
    (
        "CosineDecay",
        {
            "initial_learning_rate": 0.01,
            "decay_steps": 40,
            "alpha": 0.1,
            "warmup_target": 0.5,
            "warmup_steps": 10,
        },
    ),
    ("CosineDecay", {"initial_learning_rate": 0.01, "decay_steps": 40, "warmup_target": 0.5}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 10}),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 9, "t_mul": 1.0, "m_mul": 0.8, "alpha": 0.1},
    ),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 7, "t_mul": 1.5, "m_mul": 0.9},
    ),
]


@functools.cache
def keras_schedules() -> Any:
    """The schedules of real Keras."""
    import keras

    return keras.optimizers.schedules


@pytest.mark.parametrize("name, arguments", [pytest.param(n, a, id=f"{i}-{n}") for i, (n, a) in enumerate(CASES)])
def test_equals_keras(name: str, arguments: dict[str, Any]) -> None:
    ours = getattr(schedules, name)(**arguments)
    theirs = getattr(keras_schedules(), name)(**arguments)
    assert len(POINTS) == 50
    got = jax.jit(jax.vmap(ours))(POINTS)
    want = jax.jit(jax.vmap(theirs))(POINTS)
    assert got.dtype == jnp.float32
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours(13), theirs(13), rtol=1e-6, atol=1e-9)  # a Python number, not compiled
    config = json.loads(json.dumps(keras_schedules().serialize(theirs)))
    assert schedules.get(config) == ours
    assert hash(schedules.get(config)) == hash(ours)
    assert type(ours).from_config(ours.get_config()) == ours


def test_every_schedule_of_keras_is_there() -> None:
    names = sorted({name for name, _ in CASES})
    assert names == schedules.registry.names() == KERAS_NAMES
    for name in names:
        ours, theirs = (inspect.signature(getattr(m, name)) for m in (schedules, keras_schedules()))
        assert [p.name for p in ours.parameters.values()] == [p.name for p in theirs.parameters.values()]
        assert [p.default for p in ours.parameters.values()] == [p.default for p in theirs.parameters.values()]


def test_own_schedule() -> None:
    class Warm(schedules.LearningRateSchedule):
        def __init__(self, peak: float) -> None:
            self.peak = peak

        def __call__(self, step: Any) -> Any:
            return self.peak * (step + 1) / 10

    schedule = Warm(0.5)
    assert SGD(schedule) == SGD(schedule) and SGD(schedule) != SGD(Warm(0.5))
    assert float(SGD(schedule).init(jnp.ones(2)).learning_rate) == np.float32(0.05)
    assert float(jax.jit(schedules.at_step, static_argnums=0)(schedule, 3)) == np.float32(0.2)
    with pytest.raises(NotImplementedError, match="LearningRateSchedule must define `__call__"):
        schedules.LearningRateSchedule()(0)


def test_learning_rate_takes_numbers_schedules_and_functions() -> None:
    for number in (1, 1.0, np.float32(1), np.int64(1), np.ones(()), jnp.float32(1)):
        assert schedules.learning_rate(number) == 1.0 and type(schedules.learning_rate(number)) is float
    config = {
        "class_name": "ExponentialDecay",
        "config": {"initial_learning_rate": 1, "decay_steps": 2, "decay_rate": 0.5},
    }
    assert SGD(config).learning_rate == schedules.ExponentialDecay(1.0, 2, 0.5)  # type: ignore[arg-type]
    for function in (
        lambda: 0.25,
        lambda step: 0.5 / 2.0**step,
        optax.exponential_decay(0.5, 1, 0.5),
        functools.partial(pow, 0.25),
    ):
        assert float(schedules.at_step(function, np.int32(1))) == 0.25
    for wrong in ("0.1", None, [0.1], np.ones(2)):
        with pytest.raises(TypeError, match="should be float, or an instance of LearningRateSchedule, or a callable"):
            schedules.learning_rate(wrong)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: schedules.ExponentialDecay(0.1, 0, 0.5),
            "argument `decay_steps`: expected a positive integer, received 0",
        ),
        (
            lambda: schedules.CosineDecayRestarts(0.1, -1),
            "argument `first_decay_steps`: expected a positive integer",
        ),
        (lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "2 boundaries and 2 values"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]), "must increase"),
        (
            lambda: schedules.get("CosineDekay"),
            "'CosineDekay': did you mean 'CosineDecay'",
        ),
    ],
)
def test_wrong_arguments(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()

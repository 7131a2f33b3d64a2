"""Regularizers and constraints against real Keras 3: values, gradients, configs."""

from __future__ import annotations

import dataclasses
from functools import partial
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import constraints, regularizers
from kjax.nn.orthogonality import OrthogonalRegularizer
from tests.nn.together import Results

REGULARIZERS: list[Any] = [
    regularizers.L1(),
    regularizers.L1(0.3),
    regularizers.L2(),
    regularizers.L2(0.3),
    regularizers.L1L2(),
    regularizers.L1L2(0.1, 0.2),
    OrthogonalRegularizer(),
    OrthogonalRegularizer(0.5, "columns"),
]
CONSTRAINTS: list[Any] = [
    constraints.MaxNorm(),
    constraints.MaxNorm(0.7, axis=1),
    constraints.MaxNorm(1.5, axis=(0, 1)),
    constraints.NonNeg(),
    constraints.UnitNorm(),
    constraints.UnitNorm(axis=(0, 1)),
    constraints.MinMaxNorm(),
    constraints.MinMaxNorm(1.0, 1.5, 0.5, 1),
    constraints.MinMaxNorm(4.0, 5.0, 1.0, (0, 1)),
]
W = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)


def twin(module: ModuleType, ours: Any) -> Any:
    config = {k: list(v) if isinstance(v, tuple) else v for k, v in ours.get_config().items()}
    return getattr(module, type(ours).__name__)(**config)


def penalty_and_gradient(regularizer: Any, w: Any) -> tuple[Any, Any]:
    return regularizer(w), jax.grad(regularizer)(w)


def test_regularizers_equal_keras(keras3: ModuleType) -> None:
    twins = [twin(keras3.regularizers, ours) for ours in REGULARIZERS]
    got = Results({i: (partial(penalty_and_gradient, r), (W,)) for i, r in enumerate(REGULARIZERS)})
    want = Results({i: (partial(penalty_and_gradient, r), (W,)) for i, r in enumerate(twins)})
    for i, ours in enumerate(REGULARIZERS):
        np.testing.assert_allclose(got[i][0], want[i][0], rtol=1e-6, err_msg=repr(ours))
        np.testing.assert_allclose(got[i][1], want[i][1], rtol=1e-5, atol=1e-7, err_msg=repr(ours))


def test_constraints_equal_keras(keras3: ModuleType) -> None:
    weights = [W, W * 0.1, np.zeros_like(W)]
    twins = [twin(keras3.constraints, ours) for ours in CONSTRAINTS]
    got = Results({(i, j): (c, (w,)) for i, c in enumerate(CONSTRAINTS) for j, w in enumerate(weights)})
    want = Results({(i, j): (c, (w,)) for i, c in enumerate(twins) for j, w in enumerate(weights)})
    for i, ours in enumerate(CONSTRAINTS):
        for j, w in enumerate(weights):
            np.testing.assert_allclose(got[i, j], want[i, j], rtol=1e-6, atol=1e-7, err_msg=repr(ours))
            assert (got[i, j].shape, got[i, j].dtype) == (w.shape, w.dtype)


@pytest.mark.parametrize("ours", REGULARIZERS + CONSTRAINTS, ids=repr)
def test_is_a_value(ours: Any) -> None:
    same = type(ours).from_config(ours.get_config())
    assert same == ours
    assert hash(same) == hash(ours)
    listed = {k: list(v) if isinstance(v, tuple) else v for k, v in ours.get_config().items()}
    assert type(ours).from_config(listed) == ours, "a config read from JSON has lists"


def test_every_registered_class_has_a_row() -> None:
    for registry, rows in ((regularizers.registry, REGULARIZERS), (constraints.registry, CONSTRAINTS)):
        known = {registry.lookup(name) for name in registry.names()}
        # Keras has no such classes any more; that of Keras 1 is tested with its names.
        own = {constraints.Constraint, regularizers.SummedOverBatch, regularizers.EigenvalueRegularizer}
        assert known - own == {type(row) for row in rows}


def test_a_penalty_summed_over_the_batch() -> None:
    summed = regularizers.SummedOverBatch("l2")
    assert summed(jnp.ones((3, 2))) == pytest.approx(3 * 0.01 * 6)
    assert regularizers.SummedOverBatch.from_config(summed.get_config()) == summed


def test_norms_after_projection() -> None:
    w = jnp.asarray(W) * 3
    norms = jnp.linalg.norm(constraints.MaxNorm(2)(w), axis=0)
    np.testing.assert_allclose(norms, np.minimum(np.linalg.norm(W * 3, axis=0), 2), rtol=1e-6)
    np.testing.assert_allclose(jnp.linalg.norm(constraints.UnitNorm()(w), axis=0), 1, rtol=1e-6)


def test_get() -> None:
    assert constraints.get(None) is None
    assert constraints.get("maxnorm") == constraints.MaxNorm(2)
    unit = {"class_name": "UnitNorm", "config": {"axis": [0, 1]}}
    assert constraints.get(unit) == constraints.UnitNorm((0, 1))
    assert constraints.get(jnp.abs) is jnp.abs
    decay = {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}}
    assert regularizers.get(decay) == regularizers.L1L2(0, 0.5)


class _Scaled(constraints.MaxNorm):
    """A user's subclass with an attribute of its own."""

    def __init__(self, scale: float) -> None:
        super().__init__(2)
        self.scale = scale


def test_subclasses_that_differ_in_an_attribute_are_not_equal() -> None:
    assert _Scaled(1.0) != _Scaled(2.0)
    assert _Scaled(1.0) == _Scaled(1.0)
    assert hash(_Scaled(1.0)) == hash(_Scaled(1.0))
    assert _Scaled(1.0) != constraints.MaxNorm(2)
    assert dataclasses.replace(constraints.MaxNorm(2), axis=1) == constraints.MaxNorm(2, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: constraints.MaxNorm(axis="rows"), "MaxNorm: Invalid value for argument `axis`"),  # type: ignore[arg-type]
        (lambda: constraints.MinMaxNorm(rate="fast"), "MinMaxNorm: Invalid value received for argument `rate`"),  # type: ignore[arg-type]
        (lambda: regularizers.L2(-1.0), "L2: Invalid value for argument `l2`"),
        (
            lambda: OrthogonalRegularizer(mode="diagonal"),
            "OrthogonalRegularizer: Invalid value for argument `mode`: .*rows",
        ),
        (lambda: OrthogonalRegularizer()(jnp.zeros((2, 2, 2))), r"must have rank 2, received shape \(2, 2, 2\)"),
    ],
)
def test_errors_name_the_argument(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_weights_that_are_0_are_not_pulled_in_models_of_keras_2() -> None:
    x = jnp.asarray([-2.0, 0.0, 3.0])
    for penalty in (regularizers.L1(0.5), regularizers.L1L2(0.5)):
        older = regularizers.of_keras2(penalty)
        assert float(older(x)) == float(penalty(x)) == 2.5
        np.testing.assert_array_equal(jax.grad(older)(x), [-0.5, 0.0, 0.5])
        assert older.get_config() == {**penalty.get_config(), "keras2": True}
    assert regularizers.of_keras2(regularizers.L2()) == regularizers.L2() and regularizers.of_keras2(None) is None

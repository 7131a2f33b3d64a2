"""Activations against real Keras 3 and values recorded from Keras 2.2.4, and by every way to name them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import activations

KERAS2 = np.load(Path(__file__).parent / "data" / "keras2" / "activations.npz")

# Arguments besides the input; every registered function has a row.
CASES: dict[str, list[dict[str, Any]]] = {
    "celu": [{}, {"alpha": 0.5}],
    "elu": [{}, {"alpha": 0.5}],
    "exponential": [{}],
    "gelu": [{}, {"approximate": True}],
    "glu": [{}, {"axis": 0}],
    "hard_shrink": [{}, {"threshold": 1.0}],
    "hard_sigmoid": [{}],
    "hard_silu": [{}],
    "hard_tanh": [{}],
    "leaky_relu": [{}, {"negative_slope": 0.05}],
    "linear": [{}],
    "log_sigmoid": [{}],
    "log_softmax": [{}, {"axis": 0}],
    "mish": [{}],
    "relu": [
        {},
        {"negative_slope": 0.1},
        {"max_value": 6.0},
        {"max_value": 1.5},
        {"threshold": 1.0},
        {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5},
        {"negative_slope": 0.1, "max_value": 6.0},
    ],
    "relu6": [{}],
    "selu": [{}],
    "sigmoid": [{}],
    "silu": [{}],
    "soft_shrink": [{}, {"threshold": 1.0}],
    "softmax": [{}, {"axis": 0}],
    "softplus": [{}],
    "softsign": [{}],
    "sparse_plus": [{}],
    "sparse_sigmoid": [{}],
    "sparsemax": [{}, {"axis": 0}],
    "squareplus": [{}, {"b": 1}],
    "tanh": [{}],
    "tanh_shrink": [{}],
    "threshold": [{"threshold": 0.3, "default_value": -1.0}],
}
# The sparsemax of Keras 3.15.1 returns no distribution (it adds up sums); it is compared with its definition.
ROWS = [(name, arguments) for name, several in CASES.items() for arguments in several if name != "sparsemax"]
X = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32) * 3


def gradient(function: Callable[..., Any], x: Any, arguments: dict[str, Any]) -> Any:
    weights = np.random.default_rng(1).standard_normal(np.shape(function(x, **arguments))).astype(np.float32)
    return jax.grad(lambda x: jnp.vdot(weights, function(x, **arguments)))(x)


@pytest.mark.parametrize(("name", "arguments"), ROWS)
def test_equals_keras(keras3: ModuleType, name: str, arguments: dict[str, Any]) -> None:
    ours, theirs = activations.get(name), getattr(keras3.activations, name)
    x = jnp.asarray(X)
    got = ours(x, **arguments)
    np.testing.assert_allclose(got, theirs(x, **arguments), rtol=1e-6, atol=1e-7)
    assert got.dtype == x.dtype
    assert ours(x.astype(jnp.bfloat16), **arguments).dtype == jnp.bfloat16
    np.testing.assert_allclose(
        gradient(ours, x, arguments), gradient(theirs, x, arguments), rtol=1e-6, atol=1e-6
    )


def test_every_registered_function_has_a_row() -> None:
    functions = {activations.get(name).__name__ for name in activations.registry.names()}
    assert functions == {*CASES, "hard_sigmoid_keras2"}


# Keras 2 wrote `alpha` for what Keras 3 calls `negative_slope` in relu.
RECORDED: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("relu", {}),
    "relu_alpha0.1": ("relu", {"negative_slope": 0.1}),
    "relu_max6": ("relu", {"max_value": 6}),
    "relu_thr1": ("relu", {"threshold": 1}),
    "relu_alpha0.1_max2_thr0.5": ("relu", {"negative_slope": 0.1, "max_value": 2, "threshold": 0.5}),
    "softmax": ("softmax", {}),
    "softmax_axis0": ("softmax", {}),  # Keras 2 did not look at the axis of a matrix
    "sigmoid": ("sigmoid", {}),
    "hard_sigmoid": ("hard_sigmoid_keras2", {}),
    "tanh": ("tanh", {}),
    "elu": ("elu", {}),
    "elu_alpha0.5": ("elu", {"alpha": 0.5}),
    "selu": ("selu", {}),
    "softplus": ("softplus", {}),
    "softsign": ("softsign", {}),
    "exponential": ("exponential", {}),
    "linear": ("linear", {}),
}


@pytest.mark.parametrize("key", sorted(RECORDED))
def test_equals_what_keras_2_recorded(key: str) -> None:
    name, arguments = RECORDED[key]
    got = activations.get(name)(jnp.asarray(KERAS2["x"]), **arguments)
    np.testing.assert_allclose(got, KERAS2[key], rtol=2e-6, atol=1e-7)


def test_every_recorded_activation_is_compared() -> None:
    assert set(RECORDED) == {k for k in KERAS2.files if k != "x" and not k.endswith("__grad")}


@pytest.mark.parametrize("axis", [0, -1])
def test_sparsemax_is_the_projection_onto_the_simplex(axis: int) -> None:
    x = np.moveaxis(X.astype(np.float64), axis, -1)
    low, high = x.max(-1, keepdims=True) - 1, x.max(-1, keepdims=True)
    for _ in range(60):  # bisection for the tau at which the positive parts of x - tau sum to 1
        tau = (low + high) / 2
        above = np.maximum(x - tau, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(above, tau, low), np.where(above, high, tau)
    want = np.moveaxis(np.maximum(x - low, 0), -1, axis)
    np.testing.assert_allclose(activations.sparsemax(jnp.asarray(X), axis), want, rtol=1e-5, atol=1e-6)
    assert (want == 0).any()
    rows = jax.jacobian(activations.sparsemax)(jnp.asarray(x[0], jnp.float32))
    support = want.swapaxes(axis, -1)[0] > 0
    np.testing.assert_allclose(rows, np.diag(support) - np.outer(support, support) / support.sum(), atol=1e-6)


def test_get() -> None:
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.get("silu") is activations.silu
    assert activations.get("ReLU") is activations.relu
    assert activations.get({"class_name": "function", "config": "tanh"}) is activations.tanh
    assert activations.get(jnp.sin) is jnp.sin


def test_gradients_stay_finite_far_out() -> None:
    x = jnp.asarray([-1e4, -100.0, -20.0, 0.0, 20.0, 80.0])
    for name in activations.registry.names():
        if name in (
            "threshold",
            "exponential",
        ):  # the one has required arguments, the other overflows by nature
            continue
        function = activations.get(name)
        assert bool(jnp.all(jnp.isfinite(function(x)))), name
        assert bool(jnp.all(jnp.isfinite(jax.grad(lambda x, f=function: f(x).sum())(x)))), name

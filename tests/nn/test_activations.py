"""Activations against real Keras 3 and values recorded from Keras 2.2.4, and by every way to name them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import activations
from tests.nn.together import Results

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


def value_and_gradient(function: Callable[..., Any], x: Any) -> tuple[Any, Any]:
    """Values, and the gradient of their sum with factors from -1 to 1."""
    values, backward = jax.vjp(function, x)
    return values, backward(jnp.linspace(-1, 1, values.size).reshape(values.shape))[0]


@pytest.fixture(scope="module")
def ours() -> Results:
    rows = {i: partial(activations.get(name), **arguments) for i, (name, arguments) in enumerate(ROWS)}
    return Results({i: (partial(value_and_gradient, function), (X,)) for i, function in rows.items()})


@pytest.fixture(scope="module")
def theirs(keras3: ModuleType) -> Results:
    module = keras3.activations
    rows = {i: partial(getattr(module, name), **arguments) for i, (name, arguments) in enumerate(ROWS)}
    return Results({i: (partial(value_and_gradient, function), (X,)) for i, function in rows.items()})


@pytest.mark.parametrize("index", range(len(ROWS)), ids=[f"{name}-{arguments}" for name, arguments in ROWS])
def test_equals_keras(ours: Results, theirs: Results, index: int) -> None:
    (got, gradient), (want, want_gradient) = ours[index], theirs[index]
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(gradient, want_gradient, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_the_type_of_the_input_is_kept(dtype: str) -> None:
    x = jax.ShapeDtypeStruct((4, 6), jnp.dtype(dtype))
    for name, arguments in ROWS:
        assert jax.eval_shape(partial(activations.get(name), **arguments), x).dtype == x.dtype, name


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


def test_equals_what_keras_2_recorded() -> None:
    got = Results({key: (partial(activations.get(n), **a), (KERAS2["x"],)) for key, (n, a) in RECORDED.items()})
    for key in RECORDED:
        np.testing.assert_allclose(got[key], KERAS2[key], rtol=2e-6, atol=1e-7, err_msg=key)


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
    x = np.asarray([-1e4, -100.0, -20.0, 0.0, 20.0, 80.0], np.float32)
    # The one has required arguments, the other overflows by nature.
    names = [name for name in activations.registry.names() if name not in ("threshold", "exponential")]
    results = Results({name: (partial(value_and_gradient, activations.get(name)), (x,)) for name in names})
    for name in names:
        value, gradient = results[name]
        assert np.isfinite(value).all(), name
        assert np.isfinite(gradient).all(), name

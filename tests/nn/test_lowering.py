"""The lowerings for CPU equal the native operations, values and gradients, ties included."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import lowering

CONVOLUTIONS = [
    ((2, 9, 9, 3), (3, 3, 3, 5), (1, 1), "same", (1, 1)),
    ((2, 9, 8, 3), (3, 2, 3, 5), (2, 2), "same", (1, 1)),
    ((2, 9, 9, 3), (3, 3, 3, 5), (1, 1), "valid", (2, 2)),
    ((2, 11, 4), (3, 4, 5), (2,), "same", (1,)),
    ((2, 11, 4), (3, 4, 5), (1,), ((2, 0),), (1,)),
    ((2, 5, 6, 7, 2), (2, 2, 2, 2, 3), (1, 2, 1), "valid", (1, 1, 1)),
    ((2, 9, 9, 8), (1, 1, 8, 4), (2, 2), "same", (1, 1)),
]


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("cpu", [True, False])
def test_convolution(case, cpu, monkeypatch):
    shape, window, strides, padding, dilation = case
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal(shape), jnp.float32)
    kernel = jnp.asarray(rng.standard_normal(window), jnp.float32)
    spatial = "DHW"[-len(strides) :]
    layout = ("N" + spatial + "C", spatial + "IO", "N" + spatial + "C")
    pads = padding.upper() if isinstance(padding, str) else padding

    def native(x, kernel):
        return jax.lax.conv_general_dilated(x, kernel, strides, pads, rhs_dilation=dilation, dimension_numbers=layout)

    def ours(x, kernel):
        return lowering.conv(x, kernel, strides=strides, padding=padding, dilation=dilation, in_loop=True)

    monkeypatch.setattr(lowering, "on_cpu", lambda: cpu)
    assert lowering.has_slow_loop_ops(jax.make_jaxpr(ours)(x, kernel)) != cpu
    results = [
        jax.jit(jax.value_and_grad(lambda x, k, f=f: jnp.sin(f(x, k)).sum(), (0, 1)))(x, kernel) for f in (ours, native)
    ]
    for a, b in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["max_pool", "avg_pool"])
@pytest.mark.parametrize(
    "case", [((2, 2), (2, 2), "valid"), ((3, 3), (2, 2), "same"), ((2, 3), (1, 2), "same")], ids=str
)
def test_pooling_and_its_ties(kind, case, monkeypatch):
    size, strides, padding = case
    # Few different values, so that windows are full of ties.
    x = jnp.asarray(np.random.default_rng(0).integers(0, 3, (2, 7, 7, 3)), jnp.float32)
    scale = jnp.arange(1.0, 4.0).reshape(1, 1, 1, 3)
    results = []
    for cpu in (True, False):
        monkeypatch.setattr(lowering, "on_cpu", lambda cpu=cpu: cpu)

        def total(x):
            return jnp.sin(getattr(lowering, kind)(x, size, strides=strides, padding=padding) * scale).sum()

        results.append(jax.value_and_grad(total)(x))
    for a, b in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_slow_operations_are_found_inside_loops_and_calls():
    def convolve(x):
        return jax.lax.conv(x, jnp.ones((1, 1, 2, 2)), (1, 1), "SAME")

    def loop(x):
        return jax.lax.fori_loop(0, 3, lambda _, y: jax.jit(convolve)(y), x)

    x = jnp.ones((1, 1, 4, 4))
    assert lowering.has_slow_loop_ops(jax.make_jaxpr(loop)(x))
    assert not lowering.has_slow_loop_ops(jax.make_jaxpr(lambda x: jax.lax.fori_loop(0, 3, lambda _, y: y @ y, x))(x))


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5), (2, 3, 4, 5), (0, 3, 5)])
def test_product_of_any_rank(shape: tuple[int, ...]) -> None:
    keys = jax.random.split(jax.random.key(0))
    x, kernel = jax.random.normal(keys[0], shape), jax.random.normal(keys[1], (5, 6))

    def gradients(multiply: Any) -> Any:
        return jax.grad(lambda x, k: jnp.sum(jnp.sin(multiply(x, k))), argnums=(0, 1))(x, kernel)

    np.testing.assert_allclose(lowering.product(x, kernel), x @ kernel, rtol=1e-5, atol=1e-6)
    for found, expected in zip(gradients(lowering.product), gradients(jnp.matmul), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

"""Arithmetic shared by losses, metrics and constraints: edge cases that their tables do not reach."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import numerics

ROWS = np.array(
    [
        [1.0, 3.0, 2.0],
        [3.0, 1.0, 3.0],  # the first of two
        [0.0, 0.0, 0.0],
        [1.0, np.nan, 2.0],
        [-np.inf, -np.inf, -np.inf],
        [1.0, np.inf, np.nan],
    ],
    np.float32,
)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "bool"])
def test_argmax_is_that_of_numpy(dtype: str) -> None:
    rows = jnp.asarray(ROWS if "float" in dtype else ROWS[:3], dtype)
    for axis in (0, 1, -1):
        np.testing.assert_array_equal(numerics.argmax(rows, axis), jnp.argmax(rows, axis))


def test_quotient_by_zero_is_zero_with_a_gradient_of_zero() -> None:
    x, y = jnp.asarray([1.0, 0.0, 2.0]), jnp.asarray([0.0, 0.0, 4.0])
    np.testing.assert_array_equal(numerics.divide_no_nan(x, y), [0, 0, 0.5])
    gradient = jax.grad(lambda y: numerics.divide_no_nan(x, y).sum())(y)
    np.testing.assert_array_equal(gradient, [0, 0, -2 / 16])


def test_normalized_vectors() -> None:
    x = jnp.asarray([[3.0, 4.0], [0.0, 0.0], [3e-9, 4e-9]])
    np.testing.assert_allclose(numerics.l2_normalize(x), [[0.6, 0.8], [0, 0], [0.03, 0.04]], rtol=1e-5)
    assert bool(jnp.all(jnp.isfinite(jax.grad(lambda x: numerics.l2_normalize(x).sum())(x))))


@pytest.mark.parametrize(
    ("shapes", "expand", "want"),
    [
        (((4,), (4, 1)), True, ((4, 1), (4, 1))),
        (((4, 1), (4,)), True, ((4, 1), (4, 1))),
        (((4,), (4, 1)), False, ((4,), (4,))),
        (((4, 3), (4, 3, 1)), True, ((4, 3), (4, 3))),
        (((4, 3, 1), (4, 3)), True, ((4, 3), (4, 3))),
        (((4,), (4, 3)), True, ((4,), (4, 3))),
        (((4,), (4, 3, 1)), True, ((4,), (4, 3, 1))),
    ],
)
def test_match_ranks(shapes: tuple[tuple[int, ...], ...], expand: bool, want: tuple[tuple[int, ...], ...]) -> None:
    x, y = (jnp.zeros(shape) for shape in shapes)
    got = numerics.match_ranks(x, y, expand_vectors=expand)
    assert tuple(a.shape for a in got) == want


@pytest.mark.parametrize(
    ("shapes", "want"),
    [
        (((4,), (4, 3)), ((4, 1), (4, 3))),
        (((4, 3), (3,)), ((4, 3), (1, 3))),
        (((4, 3, 2), (4, 3)), ((4, 3, 2), (4, 3, 1))),
        (((), (4, 3)), ((1, 1), (4, 3))),
        (((3, 3), (3,)), ((3, 3), (3, 1))),
    ],
)
def test_align_ranks(shapes: tuple[tuple[int, ...], ...], want: tuple[tuple[int, ...], ...]) -> None:
    x, y = (jnp.zeros(shape) for shape in shapes)
    assert tuple(a.shape for a in numerics.align_ranks(x, y)) == want

"""Random arrays drawn in other forms hold the numbers that ``jax.random`` draws."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import drawing
from kjax.nn import initializers as ini

KINDS: dict[str, Any] = {
    "uniform": lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -0.3, 1.7),
    "normal": jax.random.normal,
    "truncated_normal": lambda key, shape, dtype: jax.random.truncated_normal(key, -2.0, 2.0, shape, dtype),
}


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_for_many_sizes_begin_alike(kind: str) -> None:
    bounds = (-0.3, 1.7) if kind == "uniform" else ()
    key = jax.random.key(5)
    for shape, dtype in (
        ((3, 4), "float32"),
        ((2, 3, 2, 5), "float32"),
        ((), "float32"),
        ((0, 3), "float32"),
        ((7,), "float16"),
    ):
        expected = np.asarray(KINDS[kind](key, shape, jnp.dtype(dtype)))
        found = drawing.drawn(kind, key, shape, dtype, *bounds)
        np.testing.assert_array_equal(np.asarray(found), expected)
        assert found.dtype == expected.dtype
        inside = jax.jit(lambda key: drawing.drawn(kind, key, shape, dtype, *bounds))(key)  # noqa: B023
        np.testing.assert_allclose(inside, expected, rtol=1e-5)  # where the compiler knows the bounds


def test_a_known_key_may_come_into_a_program() -> None:
    key = jax.random.key(2)
    found = jax.jit(lambda x: x + ini.HeNormal()(key, (3, 2)))(jnp.zeros((3, 2)))
    np.testing.assert_allclose(np.asarray(found), np.asarray(ini.HeNormal()(key, (3, 2))), rtol=1e-6)


def test_other_generators_draw_what_they_draw() -> None:
    for key in (jax.random.key(1, impl="rbg"), jax.random.PRNGKey(1)):
        np.testing.assert_array_equal(drawing.drawn("normal", key, (5, 3), "float32"), jax.random.normal(key, (5, 3)))


def test_one_program_serves_many_sizes() -> None:
    key = jax.random.key(0)
    assert {drawing._room(size, key) for size in (1, 10, 784, 1024)} == {1024}
    assert all(size <= drawing._room(size, key) for size in range(1, 5000, 37))
    assert drawing._room(2**22 + 1, key) == 2**22 + 1


@pytest.mark.parametrize("shape", [(6,), (4, 3), (2, 3, 4), (2, 3, 2, 2), (0, 2, 3)])
def test_rows(shape: tuple[int, ...]) -> None:
    key = jax.random.key(3)
    draws: list[Any] = [
        lambda key, shape: jax.random.bits(key, shape, "uint32"),
        jax.random.normal,
        lambda key, shape: jax.random.bernoulli(key, 0.3, shape),
    ]
    for draw in draws:
        np.testing.assert_array_equal(drawing.in_rows(draw, key, shape), draw(key, shape))


def test_orthogonal_is_the_same_inside_of_programs() -> None:
    key = jax.random.key(9)
    for shape in ((5, 3), (3, 5), (2, 2, 3)):
        outside = np.asarray(ini.Orthogonal(1.5)(key, shape))
        inside = np.asarray(jax.jit(lambda key: ini.Orthogonal(1.5)(key, shape))(key))  # noqa: B023
        np.testing.assert_allclose(outside, inside, atol=1e-6)

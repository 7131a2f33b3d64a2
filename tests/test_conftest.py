"""The settings of the test suite hold: fake devices, the oracle's backend, no rank promotion in kjax."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.processes import DEVICES, one_device, quick_compilation

PROMOTION = "def add(x, y):\n    return x + y\n"


def function_in(path: Path):
    """A function that adds its arguments and whose code claims to lie in the file ``path``."""
    namespace: dict = {}
    exec(compile(PROMOTION, str(path), "exec"), namespace)
    return namespace["add"]


def test_four_fake_devices():
    assert jax.device_count() == 4
    assert jax.default_backend() == "cpu"


def test_programs_that_tests_start_have_one_device_and_compile_as_quickly(monkeypatch: pytest.MonkeyPatch):
    flags = one_device({"MORE": "1"})["XLA_FLAGS"]
    assert DEVICES in os.environ["XLA_FLAGS"] and DEVICES not in flags
    assert quick_compilation() in flags
    monkeypatch.setenv("KJAX_TEST_OPTIMIZED", "1")
    assert quick_compilation() == ""


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit, jax.vmap], ids=["eager", "jit", "vmap"])
def test_rank_promotion_in_kjax_is_an_error(root: Path, transform):
    add = transform(function_in(root / "kjax" / "nn" / "some_layer.py"))
    matrix, vector, row = jnp.ones((4, 2, 3)), jnp.ones((4, 3)), jnp.ones((4, 1, 3))
    with pytest.raises(AssertionError, match=r"some_layer\.py:2: write the broadcast out"):
        add(matrix, vector if transform is jax.vmap else vector[0])
    np.testing.assert_array_equal(add(matrix, row), np.full((4, 2, 3), 2.0))


def test_rank_promotion_elsewhere_is_allowed(root: Path, keras3: ModuleType):
    add = function_in(root / "examples" / "some_script.py")
    np.testing.assert_array_equal(add(jnp.ones((2, 3)), jnp.ones(3)), np.full((2, 3), 2.0))
    assert keras3.layers.Dense(4)(np.ones((2, 3), np.float32)).shape == (2, 4)


def test_oracle_runs_on_jax(keras3: ModuleType):
    assert keras3.backend.backend() == "jax"
    assert isinstance(keras3.ops.ones((2,)), jax.Array)

"""``keras.quantizers`` against real Keras."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from kjax import keras
from kjax.keras import quantizers

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
NIBBLES = np.random.default_rng(0).integers(-8, 8, (5, 4)).astype("int8")
WEIGHTS = np.arange(20.0, dtype="float32").reshape(5, 4)


def same(mine: Any, theirs: Any) -> None:
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        assert getattr(a, "dtype", None) == getattr(b, "dtype", None)
        np.testing.assert_allclose(np.asarray(a, "float32"), np.asarray(b, "float32"), rtol=1e-5, atol=1e-6)


def test_values_are_those_of_keras(keras3: Any):
    theirs = keras3.quantizers
    history = np.arange(4.0, dtype="float32")
    for name, args in {
        "abs_max_quantize": (X, 0),
        "quantize_and_dequantize": (X, 0.01, "float8_e4m3fn", "float32"),
        "compute_float8_scale": (np.float32(2), np.float32(1), 448.0),
        "compute_float8_amax_history": (X, history),
    }.items():
        same(getattr(quantizers, name)(*args), getattr(theirs, name)(*args))
    same(quantizers.AbsMaxQuantizer(axis=-1)(X), theirs.AbsMaxQuantizer(axis=-1)(X))
    for axis in (0, 1, -1):
        packed = quantizers.pack_int4(NIBBLES, axis)
        same(packed, theirs.pack_int4(NIBBLES, axis))
        np.testing.assert_array_equal(quantizers.unpack_int4(packed[0], packed[2], axis), NIBBLES)


def test_fake_quantization_and_its_gradients(keras3: Any):
    def loss(module: Any, **kwargs: Any) -> Any:
        return lambda x, a, b: (module.fake_quant_with_min_max_vars(x, a, b, **kwargs) * WEIGHTS).sum()

    low, high = np.float32(-0.8), np.float32(1.1)
    for kwargs in ({}, {"narrow_range": True, "num_bits": 4}):
        mine, theirs = loss(quantizers, **kwargs), loss(keras3.quantizers, **kwargs)
        same(mine(X, low, high), theirs(X, low, high))
        same(jax.grad(mine, (0, 1, 2))(X, low, high), jax.grad(theirs, (0, 1, 2))(X, low, high))
    low, high = -np.abs(X[0]) - 0.1, np.abs(X[1]) + 0.1
    same(
        quantizers.fake_quant_with_min_max_vars(X, low, high, axis=1),
        keras3.quantizers.fake_quant_with_min_max_vars(X, low, high, axis=1),
    )


def test_quantizers_by_name():
    quantizer = quantizers.get("abs_max_quantizer")
    again = quantizers.deserialize(quantizers.serialize(quantizer))
    assert again.get_config() == quantizer.get_config() and isinstance(again, keras.Quantizer)
    assert quantizers.get(None) is None
    with pytest.raises(ValueError, match="unknown quantizer"):
        quantizers.get("median")
    with pytest.raises(ValueError, match="int8 holds"):
        quantizers.AbsMaxQuantizer(value_range=(-200, 200))
    with pytest.raises(TypeError, match="expected an array of int8"):
        quantizers.pack_int4(X)

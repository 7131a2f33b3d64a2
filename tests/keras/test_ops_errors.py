"""What ``keras.ops`` says to arguments that it cannot take: the exceptions of Keras, and messages that name what was wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras import KerasTensor, ops

X = np.ones((2, 3), "float32")
IMAGES = np.ones((1, 4, 4, 1), "float32")


def symbolic(*shape: int | None, dtype: str = "float32") -> KerasTensor:
    return KerasTensor(shape, dtype)


ON_SYMBOLS: list[tuple[Callable[[], Any], str]] = [
    (lambda: ops.add(symbolic(2, 3), symbolic(4, 3)), r"add: .*\(2, 3\), \(4, 3\)"),
    (lambda: ops.add(symbolic(None, 3), symbolic(2, 4)), r"add: .*\(None, 3\), \(2, 4\)"),
    (lambda: ops.matmul(symbolic(2, 3), symbolic(2, 4)), "matmul: .*contracting"),
    (lambda: ops.reshape(symbolic(2, 3), (4,)), "reshape: .*size 6"),
    (lambda: symbolic(2, 3)[0, 0, 0], "get_item: .*Too many indices"),
    (lambda: ops.swapaxes(symbolic(2), 0, 1), "swapaxes: .*out of bounds"),
    (lambda: ops.concatenate([symbolic(2, 3), symbolic(3, 3)], axis=1), "concatenate: "),
    (lambda: ops.sum(symbolic(2, 3), axis=5), "sum: .*axis 5 is out of bounds"),
    (lambda: ops.repeat(symbolic(2, 3), -1), "repeat: .*nonnegative"),
    (lambda: ops.fft((symbolic(2, None), symbolic(2, None))), r"fft: the last axis must be fully defined.*\(2, None\)"),
    (lambda: ops.qr(symbolic(None, 3)), "qr: the last 2 axes must be fully defined"),
]


@pytest.mark.parametrize(("call", "message"), ON_SYMBOLS)
def test_shapes_that_do_not_go_together_are_found_while_a_model_is_drawn(call: Callable[[], Any], message: str):
    with pytest.raises(ValueError, match=message):
        call()


def test_types_that_do_not_go_together_stay_type_errors():
    with pytest.raises(TypeError, match="bool"):
        ops.subtract(symbolic(2, dtype="bool"), symbolic(2, dtype="bool"))
    with pytest.raises(TypeError, match="x2"):
        ops.add(symbolic(2))  # type: ignore[call-arg]


EVERYWHERE: list[tuple[Callable[[Any], Any], Any, str]] = [
    (lambda x: ops.cast(x, "bogus"), X, "Invalid dtype: bogus"),
    (lambda x: ops.zeros_like(x, dtype=3), X, "Invalid dtype: 3"),
    (lambda x: ops.average_pool(x, 2, data_format="bogus"), IMAGES, "data_format.*'bogus'"),
    (lambda x: ops.softmax(x, axis=10), X, "softmax: `axis` 10 is out of bounds"),
    (lambda x: ops.log_softmax(x, axis=-4), X, "log_softmax: `axis` -4 is out of bounds"),
    (lambda x: ops.transpose(x, (0, 0)), X, r"transpose: `axes`.*\(0, 0\)"),
    (lambda x: ops.tile(x, -1), X, "tile: `repeats`.*-1"),
    (lambda x: ops.expand_dims(x, None), X, "expand_dims: `axis`.*None"),
    (lambda x: ops.unfold(x, 2), X, r"unfold: expected a 4D.*\(2, 3\)"),
    (lambda x: ops.fold(x, (3, 3), 2), np.ones((1, 8, 5), "float32"), r"fold: .*\(1, 8, 5\)"),
    (lambda x: ops.lstsq(x, x), np.ones((2, 2, 2), "float32"), "lstsq: `a` must be a matrix"),
    (lambda x: ops.lstsq(x, np.ones(3, "float32")), X, "lstsq: `b`.*2 rows"),
    (lambda x: ops.image.resize(x, (0, 2)), IMAGES, r"resize: `size`.*\(0, 2\)"),
    (lambda x: ops.image.extract_patches(x, (2,)), IMAGES, r"extract_patches: `size`.*\(2,\)"),
    (lambda x: ops.polar(x, x), np.ones(2, "int32"), "polar: `abs_` must hold floats"),
]


@pytest.mark.parametrize(("call", "array", "message"), EVERYWHERE)
def test_bad_arguments_are_refused_for_arrays_and_symbolic_tensors(
    call: Callable[[Any], Any], array: np.ndarray, message: str
):
    for x in (array, symbolic(*array.shape, dtype=str(array.dtype))):
        with pytest.raises(ValueError, match=message):
            call(x)


def test_types_are_named_as_in_keras():
    for dtype, expected in (
        (float, "float32"),
        (int, "int32"),
        ("int", "int32"),
        (np.float16, "float16"),
        (bool, "bool"),
    ):
        assert ops.dtype(ops.cast(X, dtype)) == ops.dtype(ops.zeros((2,), dtype)) == expected
        assert ops.cast(symbolic(2, 3), dtype).dtype == expected
    assert ops.dtype(ops.arange(3, dtype="int64")) == "int32"  # without a warning: that is what JAX has


def test_initializers_and_random_numbers_refuse_bad_shapes_and_types():
    with pytest.raises(ValueError, match=r"GlorotUniform: a shape.*-1"):
        keras.initializers.GlorotUniform()((2, -1))
    with pytest.raises(ValueError, match="Invalid dtype: 'bogus'"):
        keras.initializers.Ones()((2,), dtype="bogus")
    with pytest.raises(ValueError, match="Invalid dtype: bogus"):
        keras.random.uniform((2,), dtype="bogus")


def test_activations_take_lists_and_are_written_by_name():
    np.testing.assert_allclose(keras.activations.silu([[0.0, 1.0]]), [[0.0, 0.7310586]], rtol=1e-6)
    assert keras.activations.serialize(keras.activations.relu) == "relu"
    assert keras.activations.serialize(keras.activations.get("swish")) == "silu"
    assert keras.activations.serialize(symbolic)["class_name"] == "function"

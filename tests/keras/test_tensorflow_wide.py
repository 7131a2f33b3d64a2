"""Types of 64 bits, types that do not mix, and what functions that are compiled show, as in TensorFlow 2.15."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def test_arrays_of_64_bits_stay_what_they_are(tf: Any):
    assert [tf.constant(v).dtype.name for v in ([1, 2], [1.0], np.arange(2), np.ones(2), 2**40)] == [
        "int32", "float32", "int64", "float64", "int64",
    ]  # fmt: skip
    x = tf.constant([1.0, 2.0], tf.float64)
    assert (x / 3).numpy().tolist() == [1 / 3, 2 / 3] and (x * 2 + 1.5 - np.arange(2)).dtype == tf.float64
    assert tf.reduce_sum(tf.sqrt(x)).numpy() == np.sqrt(2.0) + 1
    assert (tf.constant(1) / tf.constant(3)).numpy() == 1 / 3 and tf.argmax([1, 3, 2]).dtype == tf.int64
    assert tf.where([True, False]).dtype == tf.int64 and tf.argsort(np.arange(2)).dtype == tf.int32
    assert (tf.constant([1.0]) + np.ones(1)).dtype == tf.float32 and tf.reduce_mean([1, 2]).numpy() == 1
    assert tf.gather([1.0, 2.0], tf.constant(np.array([1]))).dtype == tf.float32
    assert [e.dtype.name for e in tf.data.Dataset.range(1).map(lambda i: i + 1)] == ["int64"]


def test_variables_and_gradients_of_64_bits(tf: Any):
    v = tf.Variable([1.0, 2.0], dtype=tf.float64)
    v.assign_add([0.1, 0.1])
    assert v.numpy().tolist() == [1.1, 2.1] and v.dtype == tf.float64
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = tf.reduce_sum(v**3)
        first = inner.gradient(y, v)
    second = outer.gradient(first, v)
    np.testing.assert_allclose(first.numpy(), 3 * v.numpy() ** 2, rtol=1e-15)
    np.testing.assert_allclose(second.numpy(), 6 * v.numpy(), rtol=1e-15)

    @tf.function
    def step(x):
        v.assign_sub(v * 0.5)
        return tf.reduce_sum(tf.cast(x, tf.float64) / 3) + v[0], tf.argmax(x)

    total, place = step(tf.constant([1, 5]))
    assert total.numpy() == pytest.approx(2 + 0.55, rel=1e-15) and place.dtype == tf.int64
    assert step.experimental_get_tracing_count() == 1 and v.numpy().tolist() == [0.55, 1.05]


def test_layers_and_losses_compute_in_32_bits(tf: Any):
    keras = tf.keras
    x = tf.constant(np.ones((2, 3)))
    dense = keras.layers.Dense(2)
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(tf.constant(np.array([0, 1])), dense(x))
    assert loss.dtype == tf.float32 and tape.gradient(loss, dense.kernel).shape == (3, 2)
    metric = keras.metrics.SparseCategoricalAccuracy()
    metric.update_state(tf.constant(np.array([0, 1])), [[1.0, 0.0], [1.0, 0.0]])
    assert float(metric.result()) == 0.5


def test_types_that_do_not_mix(tf: Any):
    whole, single = tf.constant([1, 2]), tf.constant([1.0, 2.0])
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"cannot compute AddV2 as input #1.* a float tensor but is a int32"
    ):
        single + whole
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"cannot compute Mul .* a float tensor but is a double tensor"
    ):
        tf.multiply(single, tf.constant([1.0, 2.0], tf.float64))
    with pytest.raises(TypeError, match=r"Cannot convert 1.5 to EagerTensor of dtype int32"):
        whole * 1.5
    with pytest.raises(TypeError, match=r"must have the same dtype, got tf.int32 != tf.float32"):
        whole / single
    assert (single * 2 + 1).numpy().tolist() == [3, 5] and (whole + np.array([1, 1])).dtype == tf.int32


def test_what_a_function_that_is_compiled_shows(tf: Any, capsys: Any):
    v = tf.Variable(1)

    @tf.function
    def add(a, by=1):
        print("traced", a)
        v.assign_add(by)
        return a + v

    assert add(tf.constant(1)).numpy() == 3 and add(tf.constant(2)).numpy() == 5
    assert capsys.readouterr().out == 'traced Tensor("a:0", shape=(), dtype=int32)\n'

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def double(x):
        print("traced", x)
        return x * 2

    assert double(tf.constant([1.0])).shape == (1,) and double(tf.constant([1.0, 2.0])).shape == (2,)
    assert capsys.readouterr().out == 'traced Tensor("x:0", shape=(None,), dtype=float32)\n'

    @tf.function
    def steps(n):
        count = 0
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            count += 1
        return count

    assert steps(tf.constant(7)).numpy() == 16

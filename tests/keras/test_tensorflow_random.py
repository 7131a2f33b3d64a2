"""Random numbers that TensorFlow 2.15 gives for seeds, on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np


def close(found: Any, wanted: list[float]) -> None:
    np.testing.assert_allclose(np.ravel(found), wanted, atol=2e-6)


def test_functions_with_seeds_of_two_integers(tf: Any):
    random = tf.random
    close(random.stateless_uniform([3], seed=(1, 2)), [0.844060, 0.192045, 0.996223])
    close(random.stateless_normal([3], seed=[1, 2], mean=2.0, stddev=0.5), [2.272055, 2.103690, 2.036782])
    close(random.stateless_truncated_normal([7], seed=(1, 2))[4:], [0.168206, -1.685033, 0.242029])
    close(random.stateless_uniform([3], seed=(1, 2), dtype=tf.float64), [0.752484, 0.969786, 0.175922])
    close(random.stateless_uniform([2000], seed=(7, 8))[-3:], [0.231312, 0.433828, 0.724675])
    assert random.stateless_uniform([4], (1, 2), 0, 10, tf.int32).numpy().tolist() == [0, 9, 4, 9]
    assert random.stateless_uniform([4], (1, 2), 0, 10, tf.int64).numpy().tolist() == [4, 8, 7, 3]
    assert random.split((1, 2), 2).numpy().tolist() == [[1105988140, 1738052849], [-335576002, 370444179]]
    assert random.fold_in((1, 2), 3).numpy().tolist() == [1105988140, 3]


def test_generators(tf: Any):
    generator = tf.random.Generator.from_seed(1)
    close(generator.uniform([3]), [0.787495, 0.390651, 0.292631])
    close(generator.uniform([3]), [0.694134, 0.780047, 0.336042])
    close(generator.normal([3]), [-0.449566, 1.622077, -1.369481])
    assert generator.uniform([3], 0, 10, tf.int32).numpy().tolist() == [4, 1, 5]
    assert generator.state.numpy().tolist() == [3073, 0, 0]
    again = tf.random.Generator.from_state(generator.state)
    close(generator.truncated_normal([3]), [-0.167874, 1.885347, -1.229236])
    close(again.truncated_normal([3]), [-0.167874, 1.885347, -1.229236])


def test_the_seed_of_the_session(tf: Any):
    random = tf.random
    for _ in range(2):
        random.set_seed(5)
        close(random.uniform([3]), [0.626393, 0.529843, 0.758457])
        close(random.normal([3]), [0.226529, 0.810655, 0.746609])
        close(random.uniform([3]), [0.201795, 0.347071, 0.055550])
        close(random.uniform([3], seed=3), [0.288678, 0.688924, 0.689944])
        close(random.uniform([3], seed=3), [0.468920, 0.182371, 0.765184])
        close(random.truncated_normal([3]), [0.037003, 0.345929, -0.415505])
        assert random.uniform([4], 0, 10, tf.int32).numpy().tolist() == [2, 2, 8, 1]
        assert random.shuffle([1, 2, 3, 4, 5]).numpy().tolist() == [2, 4, 5, 1, 3]


def test_functions_that_are_compiled_draw_anew(tf: Any):
    tf.random.set_seed(1)

    @tf.function
    def draw():
        return tf.random.uniform([2]), tf.random.stateless_uniform([2], seed=(1, 2))

    (a, fixed), (b, same) = draw(), draw()
    assert a.numpy().tolist() != b.numpy().tolist() and fixed.numpy().tolist() == same.numpy().tolist()

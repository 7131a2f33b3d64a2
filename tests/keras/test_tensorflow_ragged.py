"""Ragged tensors of the stand-in: what functions, operators and layers do with rows of different lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def test_rows(tf: Any):
    rt = tf.ragged.constant([[1, 2, 3], [], [4, 5]])
    assert rt.row_splits.numpy().tolist() == [0, 3, 3, 5] and rt.value_rowids().numpy().tolist() == [0, 0, 0, 2, 2]
    assert rt.row_starts().numpy().tolist() == [0, 3, 3] and rt.row_limits().numpy().tolist() == [3, 3, 5]
    assert rt[1:].to_list() == [[], [4, 5]] and rt[:, :1].to_list() == [[1], [], [4]] and int(rt[2, 1]) == 5
    assert rt.to_tensor(-1, shape=[None, 2]).numpy().tolist() == [[1, 2], [-1, -1], [4, 5]]
    assert tf.sparse.to_dense(rt.to_sparse()).numpy().tolist() == [[1, 2, 3], [0, 0, 0], [4, 5, 0]]
    assert repr(rt) == "<tf.RaggedTensor [[1, 2, 3], [], [4, 5]]>" and rt.dtype == tf.int32
    assert repr(tf.shape(rt)) == "<DynamicRaggedShape lengths=[3, (3, 0, 2)] num_row_partitions=1>"
    make = tf.RaggedTensor
    assert make.from_value_rowids([1, 2, 3], [0, 0, 2], nrows=4).to_list() == [[1, 2], [], [3], []]
    assert make.from_nested_row_splits([1, 2, 3], [[0, 1, 2], [0, 2, 3]]).to_list() == [[[1, 2]], [[3]]]
    assert make.from_uniform_row_length([1, 2, 3, 4], 2).to_list() == [[1, 2], [3, 4]]
    deep = tf.ragged.constant([[[1], [2, 3]], [[4]]])
    assert deep.shape.as_list() == [2, None, None] and deep.merge_dims(0, 1).to_list() == [[1], [2, 3], [4]]
    assert deep.merge_dims(1, 2).to_list() == [[1, 2, 3], [4]]
    assert deep.to_tensor().numpy().tolist() == [[[1, 0], [2, 3]], [[4, 0], [0, 0]]]


def test_functions(tf: Any):
    rt, rf = tf.ragged.constant([[1, 2, 3], [], [4, 5]]), tf.ragged.constant([[1.0, 2.0], [3.0]])
    assert (rt * rt + 1).to_list() == [[2, 5, 10], [], [17, 26]] and (rt > 2).to_list() == [
        [False, False, True],
        [],
        [True, True],
    ]
    assert tf.where(rt > 2, rt, rt * 0).to_list() == [[0, 0, 3], [], [4, 5]]
    assert tf.reduce_sum(rt, axis=1).numpy().tolist() == [6, 0, 9] and int(tf.reduce_sum(rt)) == 15
    assert tf.reduce_max(rt, axis=0).numpy().tolist() == [4, 5, 3]
    assert tf.reduce_mean(rf, axis=1).numpy().tolist() == [1.5, 3.0]
    assert tf.concat([rt, rt], axis=1).to_list() == [[1, 2, 3, 1, 2, 3], [], [4, 5, 4, 5]]
    assert tf.concat([rt, rt[:1]], axis=0).to_list() == [[1, 2, 3], [], [4, 5], [1, 2, 3]]
    assert tf.gather(rt, [2, 0]).to_list() == [[4, 5], [1, 2, 3]] and int(tf.size(rt)) == 5
    assert tf.expand_dims(rt, 1).to_list() == [[[1, 2, 3]], [[]], [[4, 5]]]
    assert tf.reverse(rt, axis=[1]).to_list() == [[3, 2, 1], [], [5, 4]]
    assert tf.tile(rt, [1, 2]).to_list() == [[1, 2, 3, 1, 2, 3], [], [4, 5, 4, 5]]
    assert tf.cast(rt, tf.float32).dtype == tf.float32 and tf.one_hot(rt, 6).shape.as_list() == [3, None, 6]
    assert (rf * [[2.0], [10.0]]).to_list() == [[2.0, 4.0], [30.0]]
    inner = tf.ragged.constant([[[1], [2, 3]], [[4]]])
    assert tf.reduce_sum(inner, axis=2).to_list() == [[1, 5], [4]]
    with pytest.raises(ValueError, match="rows of different lengths do not go together"):
        rf + tf.ragged.constant([[1.0], [2.0, 3.0]])


def test_gradients_and_layers(tf: Any):
    ids = tf.ragged.constant([[0, 1], [1]])
    table = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.reduce_mean(tf.gather(table, ids), axis=1))
    np.testing.assert_allclose(tape.gradient(loss, table), [[0.5, 0.5], [1.5, 1.5]])
    embedding = tf.keras.layers.Embedding(3, 2)
    rows = embedding(ids)
    assert rows.shape.as_list() == [2, None, 2]
    mean = tf.keras.layers.GlobalAveragePooling1D()(rows)
    np.testing.assert_allclose(mean, tf.reduce_mean(rows, axis=1), rtol=1e-6)
    lstm = tf.keras.layers.LSTM(3)
    np.testing.assert_allclose(lstm(rows)[1], lstm(rows.to_tensor()[1:, :1])[0], rtol=1e-5, atol=1e-6)


def test_sizes_are_shown_as_tensors(tf: Any):
    x = tf.ones((2, 3))
    assert str(tf.shape(x)) == "tf.Tensor([2 3], shape=(2,), dtype=int32)" and tf.size(x).numpy() == 6
    assert str(tf.shape(x)[0]) == "tf.Tensor(2, shape=(), dtype=int32)" and tf.rank(x).numpy() == 2
    assert tf.reshape(x, [tf.shape(x)[1], -1]).shape == (3, 2) and f"{tf.shape(x)[0]:03d}" == "002"
    pairs = tf.data.Dataset.range(2)
    assert list(tf.data.Dataset.zip((pairs, (pairs, pairs))).as_numpy_iterator())[1] == (1, (1, 1))
    assert tf.expand_dims("word", -1).numpy().tolist() == [b"word"]
    assert tf.math.segment_sum([1.0, 2.0, 3.0], [0, 0, 1]).numpy().tolist() == [3, 3] and tf.unique(
        [1, 1, 2]
    ).y.shape == (2,)

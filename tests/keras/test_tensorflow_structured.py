"""Functions on symbolic tensors as layers of tf.keras, matrices of bands and blocks, and data with sparse features."""

from __future__ import annotations

from typing import Any

import numpy as np


def test_functions_are_layers_in_models(tf: Any):
    keras = tf.keras
    i = keras.Input((3,), name="i")
    x = keras.layers.Dense(2, name="d")(i)
    model = keras.Model(i, tf.concat([tf.nn.relu(x) * 2.0, x[:, :1], x + 1.0], axis=1))
    assert [layer.name for layer in model.layers][:4] == ["i", "d", "tf.nn.relu", "tf.math.multiply"]
    assert {"tf.__operators__.getitem", "tf.__operators__.add", "tf.concat"} <= {layer.name for layer in model.layers}
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert any("tf.concat (TFOpLambda)" in line for line in "\n".join(lines).splitlines())
    assert model.get_layer("tf.concat").output_shape == (None, 5)
    for layer in model.layers:
        layer.trainable = False
    assert model.trainable_weights == [] and model.predict(np.ones((2, 3)), verbose=0).shape == (2, 5)


def test_matrices_of_bands_and_blocks(tf: Any):
    linalg = tf.linalg
    upper, main, lower = np.array([1.0, 2.0, 0.0]), np.array([4.0, 5.0, 6.0]), np.array([0.0, 7.0, 8.0])
    matrix = np.diag(main) + np.diag(upper[:2], 1) + np.diag(lower[1:], -1)
    rhs = np.array([[1.0], [2.0], [3.0]])
    compact = tf.constant(np.stack([upper, main, lower]))
    for bands, form in ((compact, "compact"), (tf.constant(matrix), "matrix"), ((upper, main, lower), "sequence")):
        bands = tuple(map(tf.constant, bands)) if form == "sequence" else bands
        np.testing.assert_allclose(linalg.tridiagonal_solve(bands, rhs, form), np.linalg.solve(matrix, rhs), rtol=1e-12)
        np.testing.assert_allclose(linalg.tridiagonal_matmul(bands, rhs, form), matrix @ rhs, rtol=1e-12)
    bands = tf.constant([[1.0, 2.0, 3.0], [0.0, 4.0, 5.0]])  # the diagonal, and that below
    solved = linalg.banded_triangular_solve(bands, tf.constant(rhs, tf.float32))
    np.testing.assert_allclose(np.array([[1, 0, 0], [4, 2, 0], [0, 5, 3]]) @ solved.numpy(), rhs, rtol=1e-5)
    a = linalg.LinearOperatorFullMatrix([[1.0, 2.0], [3.0, 4.0]])
    b = linalg.LinearOperatorIdentity(2)
    np.testing.assert_array_equal(linalg.LinearOperatorKronecker([a, b]).to_dense(), np.kron(a.to_dense(), np.eye(2)))
    assert linalg.LinearOperatorBlockDiag([a, b]).to_dense().numpy()[2:, 2:].tolist() == [[1, 0], [0, 1]]
    assert linalg.LinearOperatorToeplitz([1.0, 2.0], [1.0, 3.0]).to_dense().numpy().tolist() == [[1, 3], [2, 1]]


def test_features_of_any_length_are_sparse(tf: Any):
    def written(values: list[int]) -> bytes:
        feature = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        return tf.train.Example(features=tf.train.Features(feature={"a": feature})).SerializeToString()

    raw = tf.data.Dataset.from_tensor_slices([written([1]), written([2, 3])])
    found = raw.map(lambda e: tf.io.parse_single_example(e, {"a": tf.io.VarLenFeature(tf.int64)}))
    (batch,) = found.batch(2)
    assert tf.sparse.to_dense(batch["a"]).numpy().tolist() == [[1, 0], [2, 3]]
    rows = [tf.sparse.to_dense(e["a"]).numpy().tolist() for e in found]
    assert rows == [[1], [2, 3]] and batch["a"].values.dtype == tf.int64


def test_small_answers_of_tables_sets_and_strings(tf: Any):
    # TensorFlow 2.15 gives these.
    assert tf.strings.to_hash_bucket(["a", "b"], 100).numpy().tolist() == [68, 70]
    assert tf.strings.unicode_script([ord("a"), 1041]).numpy().tolist() == [25, 8]
    assert tf.strings.unicode_decode(["h\xe9".encode("latin1")], "ISO-8859-1").to_list() == [[104, 233]]
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], tf.constant([1], tf.int64)), -1)
    assert table.lookup(tf.constant(["a", "z"])).dtype == tf.int64 and table.size().numpy() == 1
    assert tf.sets.intersection([[1, 2]], [[2, 3]]).values.dtype == tf.int32
    assert [b.numpy().tolist() for b in tf.data.Dataset.range(7).batch(4).rebatch([2, 3])] == [
        [0, 1],
        [2, 3, 4],
        [5, 6],
    ]
    assert str(tf.data.Dataset.range(3).filter(lambda x: x > 1).cardinality()) == "tf.Tensor(-2, shape=(), dtype=int64)"
    assert tf.TensorSpec([None], tf.int32).is_compatible_with(tf.constant([1]))


def test_transforms_of_windows_that_overlap_and_small_results(tf: Any):
    # TensorFlow 2.15 gives these.
    samples = tf.sin(tf.range(16.0))
    spectra = tf.signal.mdct(samples, 8)
    np.testing.assert_allclose(spectra[0], [2.7932, 2.0824, -1.0581, 0.1606], atol=1e-4)
    back = tf.signal.inverse_mdct(spectra)
    np.testing.assert_allclose(back[:4], [-0.0084, -0.1922, 0.3648, 0.1406], atol=1e-4)
    np.testing.assert_allclose(back[4:12], samples[4:12], atol=1e-5)
    np.testing.assert_allclose(tf.signal.kaiser_bessel_derived_window(4), [0.0073, 1, 1, 0.0073], atol=1e-4)
    assert tf.unique_with_counts([1, 1, 2]).count.numpy().tolist() == [2, 1]
    assert [p.numpy().tolist() for p in tf.dynamic_partition([1, 2, 3], [0, 1, 0], 2)] == [[1, 3], [2]]
    assert tf.linspace([0.0, 1.0], [1.0, 2.0], 2).numpy().tolist() == [[0, 1], [1, 2]]

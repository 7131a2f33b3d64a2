"""`tf.layers`, `tf.contrib.layers` and `tf.app` in scripts for TensorFlow 1: names and shapes are those of TensorFlow 1.4."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import kjax.keras

pytestmark = pytest.mark.skipif("tensorflow" in sys.modules, reason="TensorFlow itself was imported")
X = np.random.default_rng(1).normal(size=(8, 4)).astype("float32")


@pytest.fixture
def tf() -> Iterator[Any]:
    kjax.keras.install(2)
    tensorflow = importlib.import_module("tensorflow")
    tensorflow.reset_default_graph()
    yield tensorflow
    tensorflow.reset_default_graph()
    kjax.keras.uninstall()


def names(variables: Any) -> list[str]:
    return [variable.name.removesuffix(":0") for variable in variables]


def test_layers_share_variables_where_scopes_do(tf: Any) -> None:
    def score(x: Any, reuse: Any = None) -> Any:
        with tf.variable_scope("score", reuse=reuse):
            return tf.layers.dense(tf.layers.dense(x, 3, tf.nn.relu), 1, kernel_regularizer=tf.nn.l2_loss)

    x, y = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32, [None, 4])
    one, two = score(x), score(y, reuse=True)
    found = ["score/dense/kernel", "score/dense/bias", "score/dense_1/kernel", "score/dense_1/bias"]
    assert names(tf.trainable_variables()) == found
    assert len(tf.losses.get_regularization_losses()) == 1
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_mean(tf.square(one - 1.0)))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        first = session.run(one, {x: X})
        kernel, bias, kernel_1, bias_1 = session.run(tf.trainable_variables())
        np.testing.assert_allclose(first, np.maximum(X @ kernel + bias, 0) @ kernel_1 + bias_1, rtol=1e-5, atol=1e-6)
        session.run(train, {x: X})
        again, shared = session.run([one, two], {x: X, y: X})
        np.testing.assert_array_equal(again, shared)
        assert np.any(again != first)


def test_layers_of_pictures(tf: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 8, 8, 2])
    h = tf.layers.conv2d(x, 3, [3, 3], padding="same", activation=tf.nn.relu, name="first")
    h = tf.layers.average_pooling2d(tf.layers.max_pooling2d(h, 2, 2), pool_size=[2, 2], strides=[1, 1])
    h = tf.layers.conv2d_transpose(h, 5, 3, strides=2, padding="same")
    h = tf.layers.separable_conv2d(h, 2, 3)
    assert h.get_shape().as_list() == [None, 4, 4, 2]
    flat = tf.layers.flatten(h)
    shapes = {name: list(v.shape) for name, v in zip(names(tf.global_variables()), tf.global_variables(), strict=True)}
    assert shapes == {
        "first/kernel": [3, 3, 2, 3],
        "first/bias": [3],
        "conv2d_transpose/kernel": [3, 3, 5, 3],
        "conv2d_transpose/bias": [5],
        "separable_conv2d/depthwise_kernel": [3, 3, 5, 1],
        "separable_conv2d/pointwise_kernel": [1, 1, 5, 2],
        "separable_conv2d/bias": [2],
    }
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(flat, {x: np.ones((2, 8, 8, 2))}).shape == (2, 32)


def test_normalization_and_dropout_follow_a_tensor(tf: Any) -> None:
    x, training = tf.placeholder(tf.float32, [None, 4]), tf.placeholder_with_default(False, ())
    normal = tf.layers.batch_normalization(x, training=training, momentum=0.5)
    dropped = tf.layers.dropout(x, 0.5, training=training)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    assert len(updates) == 2 and len(tf.trainable_variables()) == 2
    own = tf.contrib.layers.batch_norm(x, is_training=training, updates_collections=None, scope="own", decay=0.5)
    assert len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == 2
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(normal, {x: X}), X / np.sqrt(1.001), rtol=1e-5)
        np.testing.assert_array_equal(session.run(dropped, {x: X}), X)
        batch = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3)
        found, gone, _, _ = session.run([normal, dropped, updates, own], {x: X, training: True})
        np.testing.assert_allclose(found, batch, rtol=1e-4, atol=1e-5)
        assert 0 < np.sum(gone == 0) < X.size
        means = [v for v in tf.global_variables() if "moving_mean" in v.name]
        for mean in session.run(means):
            np.testing.assert_allclose(mean, X.mean(0) / 2, rtol=1e-4, atol=1e-6)


def test_layers_of_contrib(tf: Any) -> None:
    layers, training = tf.contrib.layers, tf.placeholder(tf.bool)
    x = tf.placeholder(tf.float32, [None, 6, 6, 1])
    h = layers.conv2d(x, 4, [3, 3], normalizer_fn=layers.batch_norm, normalizer_params={"is_training": training})
    h = layers.fully_connected(layers.flatten(layers.max_pool2d(h, 2)), 5)
    out = layers.fully_connected(layers.dropout(h, 0.5, is_training=training), 2, activation_fn=None, scope="out")
    in_conv = ["weights", "BatchNorm/beta", "BatchNorm/moving_mean", "BatchNorm/moving_variance"]
    dense = ["fully_connected/weights", "fully_connected/biases", "out/weights", "out/biases"]
    assert names(tf.global_variables()) == [f"Conv/{name}" for name in in_conv] + dense
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values = session.run([h, out], {x: np.ones((2, 6, 6, 1)), training: False})
        assert values[0].min() >= 0 and values[1].shape == (2, 2)


def test_flags_and_main(tf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--kjax_steps=7", "rest"])
    tf.app.flags.DEFINE_integer("kjax_steps", 3, "how many")
    tf.app.flags.DEFINE_string("kjax_folder", "/tmp", "where")
    flags, seen = tf.app.flags.FLAGS, []
    assert (flags.kjax_steps, flags.kjax_folder) == (7, "/tmp")
    flags.kjax_folder = "here"
    assert flags.kjax_folder == "here"
    with pytest.raises(SystemExit) as ended:
        tf.app.run(lambda argv: seen.append(argv))
    assert ended.value.code is None and seen == [["train.py", "rest"]]


def test_functions_that_had_other_names_or_arguments(tf: Any) -> None:
    x = tf.constant([[0.0, 1.0], [2.0, 3.0]])
    kept = tf.nn.dropout(tf.ones([50, 40]), 0.9)  # the share that is kept
    picture = tf.reshape(tf.range(4.0), [1, 2, 2, 1])
    asked = {
        "mul": tf.mul(x, tf.sub(x, tf.neg(x))),
        "pack": tf.pack(tf.unpack(x)),
        "expand": tf.squeeze(tf.expand_dims(x, dim=1), squeeze_dims=[1]),
        "softmax": tf.nn.softmax(tf.zeros([2, 4]), dim=0),
        "dense": tf.sparse_to_dense([[0, 1]], [2, 2], 5.0),
        "trace": tf.trace(tf.matrix_transpose(x)),
        "diagonal": tf.matrix_diag_part(x),
        "holes": tf.nn.atrous_conv2d(tf.ones([1, 5, 5, 1]), tf.ones([3, 3, 1, 1]), 2, "VALID"),
        "linear": tf.image.resize_bilinear(picture, [4, 4])[0, :, :, 0],
        "corners": tf.image.resize_bilinear(picture, [3, 3], align_corners=True)[0, :, :, 0],
        "nearest": tf.image.resize_nearest_neighbor(picture, [4, 4])[0, 0, :, 0],
        "kept": kept,
    }
    with tf.Session() as session:
        found = session.run(asked)
    value = np.array([[0.0, 1.0], [2.0, 3.0]])
    np.testing.assert_array_equal(found["mul"], 2 * value**2)
    np.testing.assert_array_equal(found["pack"], value)
    np.testing.assert_array_equal(found["expand"], value)
    np.testing.assert_array_equal(found["softmax"], np.full((2, 4), 0.5))
    np.testing.assert_array_equal(found["dense"], [[0, 5], [0, 0]])
    assert found["trace"] == 3 and found["diagonal"].tolist() == [0, 3] and found["holes"].ravel().tolist() == [9]
    np.testing.assert_allclose(found["linear"][:2], [[0, 0.5, 1, 1], [1, 1.5, 2, 2]])
    np.testing.assert_allclose(found["corners"], [[0, 0.5, 1], [1, 1.5, 2], [2, 2.5, 3]])
    assert found["nearest"].tolist() == [0, 0, 1, 1]
    assert 0.85 < np.mean(found["kept"] > 0) < 0.95 and found["kept"].max() == pytest.approx(1 / 0.9)
    coordinator = tf.train.Coordinator()
    assert tf.train.start_queue_runners(coord=coordinator) == [] and not coordinator.should_stop()
    coordinator.request_stop()
    coordinator.join([])
    assert coordinator.should_stop()


def test_shapes_with_the_methods_of_tensorflow_inside_of_layers(tf: Any) -> None:
    from kjax.keras import layers, models

    x = layers.Input((4, 6))
    assert x.shape.as_list() == [None, 4, 6] and x.shape == (None, 4, 6) and x.shape.ndims == 3
    y = layers.Lambda(lambda t: tf.reshape(t, [-1, t.get_shape().as_list()[1] * t.get_shape()[2].value]))(x)
    z = layers.Lambda(lambda t: t * t.shape.as_list()[1])(y)
    model = models.Model(x, z)
    np.testing.assert_array_equal(model.predict(np.ones((2, 4, 6))), np.full((2, 24), 24.0))

    class Project(layers.Layer):
        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(name="kernel", shape=(shape[-1], 2), initializer="ones")
            super().build(shape)

        def call(self, inputs: Any) -> Any:
            steps, size = inputs.get_shape().as_list()[1:]
            return tf.reshape(tf.matmul(tf.reshape(inputs, [-1, size]), self.kernel), [-1, steps, 2])

    model = models.Sequential([Project(input_shape=(4, 6))])
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 4, 6)), np.zeros((2, 4, 2)), verbose=0)
    assert np.all(model.get_weights()[0] < 1)
    kjax.keras.uninstall()
    import jax

    assert not hasattr(jax.core.Tracer, "_keras_shape")
    with pytest.raises(AttributeError, match="no attribute"):
        layers.Lambda(lambda t: t.misspelt)(layers.Input((3,)))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def test_cells_and_loops_around_them(tf: Any) -> None:
    x, lengths = tf.placeholder(tf.float32, [None, 3, 2]), tf.placeholder(tf.int32, [None])
    rnn = tf.nn.rnn_cell
    outputs, state = tf.nn.dynamic_rnn(rnn.BasicRNNCell(3), x, sequence_length=lengths, dtype=tf.float32)
    both, _ = tf.nn.bidirectional_dynamic_rnn(
        rnn.LSTMCell(2), rnn.LSTMCell(2, use_peepholes=True), x, lengths, dtype=tf.float32
    )
    kept = tf.placeholder_with_default(1.0, [])
    cells = tf.contrib.rnn.MultiRNNCell(
        [rnn.DropoutWrapper(rnn.BasicLSTMCell(2), output_keep_prob=kept), rnn.GRUCell(4)]
    )
    with tf.variable_scope("deep"):
        rows, deep = tf.nn.static_rnn(cells, tf.unstack(x, axis=1), dtype=tf.float32)
    assert type(deep[0]).__name__ == "LSTMStateTuple" and deep[0].h.shape.as_list() == [None, 2] and len(rows) == 3
    found = [(v.op.name, tuple(v.shape.as_list())) for v in tf.trainable_variables()]
    assert found[:2] == [("rnn/basic_rnn_cell/kernel", (5, 3)), ("rnn/basic_rnn_cell/bias", (3,))]
    assert ("bidirectional_rnn/bw/lstm_cell/w_f_diag", (2,)) in found
    assert ("deep/rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel", (4, 8)) in found
    assert found[-2:] == [
        ("deep/rnn/multi_rnn_cell/cell_1/gru_cell/candidate/kernel", (6, 4)),
        ("deep/rnn/multi_rnn_cell/cell_1/gru_cell/candidate/bias", (4,)),
    ]
    data = X.reshape(-1)[:24].reshape(4, 3, 2)
    feed = {x: data, lengths: [3, 1, 2, 3]}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values = {v.op.name: session.run(v) for v in tf.trainable_variables()}
        steps, last, backward = session.run([outputs, state, both[1]], feed)
        h = np.zeros((4, 3))
        for t in range(3):
            new = np.tanh(np.concatenate([data[:, t], h], 1) @ values["rnn/basic_rnn_cell/kernel"])
            runs = (t < np.array([3, 1, 2, 3]))[:, None]
            np.testing.assert_allclose(steps[:, t], np.where(runs, new, 0), atol=1e-6)
            h = np.where(runs, new, h)
        np.testing.assert_allclose(last, h, atol=1e-6)
        assert not backward[1, 1:].any() and backward[1, 0].any()
        (c, out), top = session.run(deep, feed)
        head = "deep/rnn/multi_rnn_cell/cell_0/basic_lstm_cell"
        memory, h = np.zeros((4, 2)), np.zeros((4, 2))
        for t in range(3):
            gates = np.concatenate([data[:, t], h], 1) @ values[f"{head}/kernel"] + values[f"{head}/bias"]
            i, j, f, o = np.split(gates, 4, 1)
            memory = _sigmoid(f + 1) * memory + _sigmoid(i) * np.tanh(j)
            h = _sigmoid(o) * np.tanh(memory)
        np.testing.assert_allclose(c, memory, atol=1e-6)
        np.testing.assert_allclose(out, h, atol=1e-6)
        assert top.shape == (4, 4) and not np.allclose(
            session.run(rows[-1], {**feed, kept: 0.5}), session.run(rows[-1], feed)
        )
    with pytest.raises(NotImplementedError, match="leave `state_is_tuple` out"):
        rnn.BasicLSTMCell(2, state_is_tuple=False)


def test_distributions(tf: Any) -> None:
    d = tf.distributions
    a, b = d.Normal(tf.constant([0.0, 1.0]), 2.0), tf.contrib.distributions.Normal(loc=[1.0, 1.0], scale=[1.0, 2.0])
    classes, coin = d.Categorical(logits=[[0.0, 1.0, 2.0]]), d.Bernoulli(probs=[0.2, 0.8])
    many = tf.contrib.distributions.MultivariateNormalDiag(tf.zeros(3), tf.ones(3) * 2.0)
    asked = [a.log_prob(1.0), a.entropy(), a.prob(0.0), d.kl_divergence(a, b), classes.log_prob([1]), classes.entropy()]
    asked += [coin.log_prob([1, 0]), d.Uniform(0.0, 4.0).entropy(), many.log_prob(np.ones(3, "float32"))]
    # As TensorFlow 1.15 computes them.
    expected = [
        [-1.7370857, -1.6120857], [2.112086, 2.112086], [0.19947113, 0.17603266], [1.3068528, 0.0], [-1.4076059],
        [0.8323955], [-1.609438, -1.609438], 1.3862944, -5.211257,
    ]  # fmt: skip
    weight = tf.Variable(0.0)
    sample = d.Normal(weight, 1.0).sample(5)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for found, value in zip(session.run(asked), expected, strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)
        assert set(session.run(classes.sample(50)).ravel()) <= {0, 1, 2} and session.run(many.sample((2, 4))).shape == (
            2,
            4,
            3,
        )
        (slope,) = session.run(tf.gradients(tf.reduce_sum(sample), weight))
        assert slope == 5 and np.ptp(session.run(sample)) > 0
    with pytest.raises(TypeError, match="unknown argument 'mean'"):
        d.Normal(mean=0.0, scale=1.0)
    with pytest.raises(NotImplementedError, match="no formula for Normal and Uniform"):
        d.kl_divergence(a, d.Uniform())

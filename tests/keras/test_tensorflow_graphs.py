"""Graphs of TensorFlow 1 in scripts of Keras 1 and 2: placeholders, sessions, optimizers, assignments, and what K had."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
import pytest

import kjax.keras
from kjax.keras import backend as K
from kjax.keras.callbacks import Callback
from kjax.keras.layers import Dense, Input
from kjax.keras.models import Model, Sequential

pytestmark = pytest.mark.skipif("tensorflow" in sys.modules, reason="TensorFlow itself was imported")
X = np.random.default_rng(1).random((16, 3)).astype("float32")
Y = X @ np.array([[1.0], [2.0], [3.0]], "float32")


@pytest.fixture
def tf():
    kjax.keras.install(2)
    import tensorflow

    yield tensorflow
    kjax.keras.uninstall()


def test_optimizers_step_down_a_loss_of_layers_and_variables(tf: Any):
    x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder("float", [None, 1])
    steps = tf.Variable(0, trainable=False, name="steps")
    weight = tf.Variable(tf.zeros([3, 1]))
    loss = tf.reduce_mean(tf.square(Dense(1, use_bias=False, kernel_initializer="zeros")(x) + tf.matmul(x, weight) - y))
    rate = tf.train.exponential_decay(0.2, steps, 1, 0.5)
    train = tf.train.GradientDescentOptimizer(rate).minimize(loss, global_step=steps)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(loss, {x: X, y: Y})
        found, _ = session.run([loss, train], feed_dict={x: X, y: Y})
        assert found == before  # values are those before the step
        gradient = -2 * X.T @ Y / 16
        np.testing.assert_allclose(session.run(weight), -0.2 * gradient, rtol=1e-5)
        train.run({x: X, y: Y})
        assert session.run(steps) == 2 and loss.eval({x: X, y: Y}) < before
        session.run(tf.global_variables_initializer())
        assert session.run(steps) == 0 and not session.run(weight).any()


def test_gradients_are_clipped_and_applied(tf: Any):
    model = Sequential([Dense(2, input_dim=3, use_bias=False)])
    given = tf.placeholder(tf.float32, [None, 2])
    (gradient,) = tf.gradients(model.output, model.trainable_weights, -given)
    (clipped,), norm = tf.clip_by_global_norm([gradient], 0.5)
    step = tf.train.GradientDescentOptimizer(1.0).apply_gradients(zip([clipped], model.trainable_weights, strict=True))
    before = model.get_weights()[0]
    session = K.get_session()
    size, _ = session.run([norm, step], {model.input: X, given: np.ones((16, 2))})
    expected = -np.repeat(X.sum(0)[:, None], 2, axis=1)
    np.testing.assert_allclose(size, np.linalg.norm(expected), rtol=1e-5)
    np.testing.assert_allclose(before - model.get_weights()[0], expected * 0.5 / size, rtol=1e-4, atol=1e-6)


def test_assignments_wait_for_a_session(tf: Any, tmp_path):
    count = tf.Variable(1.0, name="count")
    twice, more = tf.assign(count, count * 2), count.assign_add(5.0)
    session = tf.Session()
    assert session.run(count) == 1
    assert [session.run(twice), session.run(more)] == [2, 7]
    with tf.control_dependencies([twice]):
        after = tf.identity(count)
    assert session.run(after) == 14
    session.run(tf.group(more, tf.no_op()))
    saver = tf.train.Saver([count])
    path = saver.save(session, str(tmp_path / "model"), global_step=3)
    count.load(0.0, session)
    saver.restore(session, tf.train.latest_checkpoint(str(tmp_path)))
    assert path.endswith("model-3") and session.run(count) == 19
    one, other = Sequential([Dense(2, input_dim=3)]), Sequential([Dense(2, input_dim=3)])
    copy = [a.assign(b) for a, b in zip(one.weights, other.weights, strict=True)]
    assert not np.allclose(one.get_weights()[0], other.get_weights()[0])
    session.run(copy)
    np.testing.assert_array_equal(one.get_weights()[0], other.get_weights()[0])


def test_scopes_share_variables_and_find_them_again(tf: Any):
    with tf.variable_scope("net"):
        first = tf.get_variable("w", [2], initializer=tf.ones_initializer())
    with tf.variable_scope("net", reuse=True):
        assert tf.get_variable("w", [2]) is first
    with pytest.raises(ValueError, match="does not exist"), tf.variable_scope("net", reuse=True):
        tf.get_variable("v", [2])
    assert first in tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="net")


def test_what_must_be_fed_is_said(tf: Any):
    keep = tf.placeholder(tf.float32, name="keep")
    default = tf.placeholder_with_default(0.5, shape=())
    session = tf.Session()
    assert session.run(keep + default, {keep: 1}) == 1.5
    np.testing.assert_array_equal(session.run(keep * 2, {keep: [1, 2]}), [2, 4])
    with pytest.raises(ValueError, match="keep"):
        session.run(keep + default)
    with pytest.raises(TypeError, match="Fetch argument None has invalid type"):
        session.run([None])


def test_sizes_that_depend_on_values(tf: Any):
    boxes, scores = K.placeholder((None, 4)), K.placeholder((None,))
    kept = tf.boolean_mask(boxes, scores > 0.3)
    best = tf.image.non_max_suppression(kept, tf.boolean_mask(scores, scores > 0.3), 3)
    places = tf.where(scores > 0.3)
    given = np.array([[0, 0, 1, 1], [0, 0, 1, 1.1], [2, 2, 3, 3], [4, 4, 5, 5]])
    found = K.get_session().run([K.gather(kept, best), places], {boxes: given, scores: [0.9, 0.8, 0.7, 0.1]})
    np.testing.assert_allclose(found[0], given[[0, 2]])
    assert found[1].tolist() == [[0], [1], [2]]
    sized = tf.zeros(tf.shape(boxes)[:1])
    assert K.get_session().run(sized, {boxes: given}).shape == (4,)


def test_pictures_are_turned_in_a_graph(tf: Any):
    pictures, angles = tf.placeholder(tf.float32, [None, 5, 5, 1]), tf.placeholder(tf.float32, [None])
    given = np.arange(50, dtype="float32").reshape(2, 5, 5, 1)
    turned = tf.contrib.image.rotate(pictures, angles, interpolation="BILINEAR")
    found = tf.Session().run(turned, {pictures: given, angles: [np.pi / 2, 0.0]})
    np.testing.assert_allclose(found, [np.rot90(given[0]), given[1]], atol=1e-4)


def test_weights_are_drawn_anew(tf: Any):
    layer = Dense(2)
    layer.build((None, 3))
    before = layer.get_weights()[0]
    layer.kernel.initializer.run(session=K.get_session())
    assert not np.allclose(before, layer.get_weights()[0])
    values = K.function([], [layer.kernel + 0])([])[0]
    values *= 0  # they are the caller's own


def test_a_loss_that_counts_its_batches(tf: Any):
    seen = tf.Variable(0.0)
    inputs = Input((3,))

    def loss(true, pred):
        count = tf.assign_add(seen, 1.0)
        return tf.cond(tf.less(count, 3.0), lambda: 10.0 + 0 * pred, lambda: 0 * pred) + 0 * inputs[:, :1]

    model = Model(inputs, Dense(1)(inputs))
    model.compile("sgd", loss)
    assert [float(model.train_on_batch(X, Y)) for _ in range(4)] == [10, 10, 0, 0]
    assert K.get_value(seen) == 4


def test_reductions_and_types_of_then(tf: Any):
    logits = K.variable([[0.0, 0.0]])
    np.testing.assert_allclose(K.eval(tf.losses.softmax_cross_entropy([[0.0, 1.0]], logits)), np.log(2), rtol=1e-6)
    value, _ = tf.metrics.mean_iou([0, 1, 1, 1], [0, 1, 1, 0], num_classes=2)
    np.testing.assert_allclose(K.eval(value), (0.5 + 2 / 3) / 2, rtol=1e-6)
    x = tf.placeholder(tf.float32, (None, 3))
    assert x.get_shape().as_list() == [None, 3] and x.get_shape()[1].value == 3 and str(x.get_shape()) == "(?, 3)"
    assert K.tf is tf


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_backend_of_keras_1():
    kjax.keras.install(1)
    try:
        target, output = K.variable([[0.0, 1.0]]), K.variable([[0.25, 0.75]])
        np.testing.assert_allclose(K.eval(K.categorical_crossentropy(output, target)), -np.log(0.75), rtol=1e-6)
        pictures, kernel = K.variable(np.ones((1, 3, 8, 8))), K.variable(np.ones((4, 3, 3, 3)))
        assert K.int_shape(K.conv2d(pictures, kernel, border_mode="same", dim_ordering="th")) == (1, 4, 8, 8)
        assert K.eval(K.random_normal((2,), mean=3.0, std=0.0)).tolist() == [3, 3]
        assert K.int_shape(K.pack([target, target])) == (2, 1, 2) and pytest.approx(1e-7) == K._EPSILON

        Graph = importlib.import_module("keras.models").Graph

        graph = Graph()
        graph.add_input("a", input_shape=(3,))
        graph.add_input("b", input_shape=(3,))
        graph.add_node(Dense(2), name="dense", input="a")
        graph.add_node(Dense(2), name="joined", inputs=["a", "b"], merge_mode="concat")
        graph.add_output("sum", inputs=["dense", "joined"], merge_mode="sum")
        graph.compile("sgd", {"sum": "mse"})
        data = {"a": X, "b": X, "sum": np.zeros((16, 2))}
        assert len(graph.fit(data, nb_epoch=2, verbose=0).history["loss"]) == 2
        assert graph.predict({"a": X, "b": X})["sum"].shape == graph.predict_on_batch(data)["sum"].shape == (16, 2)
        with pytest.raises(ValueError, match="dens"):
            graph.add_node(Dense(2), name="more", input="dens")
    finally:
        kjax.keras.uninstall()


def test_callbacks_find_the_validation_data():
    kjax.keras.install(2)
    try:
        seen = []

        class Watching(Callback):
            def on_epoch_end(self, epoch, logs=None):
                seen.append([np.shape(part) for part in self.validation_data])

        model = Sequential([Dense(1, input_dim=3)])
        model.compile("sgd", "mse")
        model.fit(X, Y, validation_data=(X[:4], Y[:4]), verbose=0, callbacks=[Watching()])
        assert seen == [[(4, 3), (4, 1), (4,)]]
    finally:
        kjax.keras.uninstall()


def test_summaries_are_bytes_that_writers_take(tf: Any, tmp_path: Any):
    pytest.importorskip("tensorboard")
    number = tf.placeholder(tf.float32, [])
    one, two = tf.summary.scalar("one", number), tf.summary.scalar("two", number * 2)
    with tf.Session() as session:
        written = session.run(tf.summary.merge([one, two]), {number: 3.0})
        assert isinstance(written, bytes) and written.startswith(session.run(one, {number: 3.0}))
        writer = tf.summary.FileWriter(str(tmp_path), session.graph)
        writer.add_summary(written, 1)
        writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="three", simple_value=4.0)]), 2)
        writer.close()
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    assert all(tag in content for tag in (b"one", b"two", b"three"))


def test_graphs_know_tensors_variables_and_operations_by_name(tf: Any, tmp_path: Any):
    tf.reset_default_graph()
    graph = tf.get_default_graph()
    x, y = tf.placeholder(tf.float32, [None, 3], name="x"), tf.placeholder(tf.int32, shape=(None), name="y")
    with tf.name_scope("net"):
        logits = tf.layers.dense(x, 2, name="out")
        own = tf.Variable(tf.zeros([1, 2]), name="own")
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits + own), name="loss"
        )
        correct = tf.nn.in_top_k(logits, y, 1)
    tf.train.GradientDescentOptimizer(0.5).minimize(loss, name="train")
    assert [v.op.name for v in tf.global_variables()[:3]] == ["out/kernel", "out/bias", "net/own"]
    assert (loss.name, loss.op.name, own.graph is graph, x.graph is graph) == ("net/loss:0", "net/loss", True, True)
    assert graph.get_tensor_by_name("out/kernel:0") is tf.trainable_variables()[0]
    assert {"x", "net/loss", "train", "out/bias"} <= {op.name for op in graph.get_operations()}
    with pytest.raises(KeyError, match="'nothing' refers to an Operation not in the graph"):
        graph.get_operation_by_name("nothing")
    feed: dict[Any, Any] = {"x:0": X, y: np.zeros(16, int)}
    path = str(tmp_path / "model.ckpt")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run("net/loss:0", feed)
        session.run(graph.get_operation_by_name("train"), feed)
        assert session.run(loss, feed) < before and session.run(correct, feed).shape == (16,)
        assign = graph.get_operation_by_name("net/own/Assign")
        session.run([assign], {assign.inputs[1]: [[3.0, 4.0]]})
        assert own.eval().tolist() == [[3.0, 4.0]]
        tf.train.Saver().save(session, path)
    tf.reset_default_graph()
    assert not tf.global_variables()
    saver = tf.train.import_meta_graph(path + ".meta")
    again = tf.get_default_graph().get_tensor_by_name("net/own:0")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert not session.run(again).any()
        saver.restore(session, path)
        assert session.run("net/own:0").tolist() == [[3.0, 4.0]]
    (tmp_path / "other.meta").write_bytes(b"")
    with pytest.raises(NotImplementedError, match="Run the code that draws the graph"):
        tf.train.import_meta_graph(str(tmp_path / "other.meta"))


def test_graphs_of_their_own(tf: Any):
    tf.reset_default_graph()
    outer = tf.get_variable("w", [1], initializer=tf.constant_initializer(1.0))
    graph = tf.Graph()
    with graph.as_default():
        inner = tf.get_variable("w", [2], initializer=tf.constant_initializer(2.0))
        assert tf.get_default_graph() is graph and tf.global_variables() == [inner]
        init = tf.global_variables_initializer()
    assert inner.graph is graph and outer.graph is tf.get_default_graph() is not graph
    assert tf.global_variables() == [outer]
    with tf.Session(graph=graph) as session:
        session.run(init)
        assert session.graph is graph and session.run("w:0").tolist() == [2.0, 2.0]
        assert tf.get_default_graph() is graph
    assert tf.get_default_graph().get_tensor_by_name("w:0") is outer


def test_queues_are_refused_with_a_way_out(tf: Any):
    for name, module in (("FIFOQueue", tf), ("string_input_producer", tf.train)):
        with pytest.raises(
            AttributeError, match=f"{name}': queues of graphs are not offered; read and batch with tf.data"
        ):
            getattr(module, name)


def test_operations_are_called_as_tensorflow_called_them(tf: Any):
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    assert tf.constant(1.0, name="one").name == "one:0" and (x + 1.0).name == "add:0"
    with tf.name_scope("scope"):
        assert [(x * 2.0).name, (x * 3.0).name, tf.reduce_sum(x).name] == [
            "scope/mul:0",
            "scope/mul_1:0",
            "scope/Sum:0",
        ]
    with tf.variable_scope("net"):
        y = tf.matmul(x, tf.get_variable("w", [2, 2]))
    assert y.op.name == "net/MatMul" and y.op.type == "MatMul"


def test_losses_by_scope(tf: Any):
    with tf.name_scope("tower"):
        tf.losses.mean_squared_error(tf.ones([2]), tf.zeros([2]), scope="mse")
    tf.losses.absolute_difference(tf.ones([2]), tf.zeros([2]))
    assert [loss.name for loss in tf.losses.get_losses("tower")] == ["tower/mse/value:0"]
    assert tf.losses.get_losses()[1].name == "absolute_difference/value:0"
    tf.get_collection(tf.GraphKeys.LOSSES).clear()


def test_measures_count_over_batches(tf: Any):
    true, pred = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.int64, [None])
    measures = [tf.metrics.accuracy(true, pred), tf.metrics.mean_iou(true, pred, 3), tf.metrics.precision(true, pred)]
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        for a, b in (([0, 1, 2], [0, 1, 1]), ([1, 1], [1, 0])):
            found = session.run([update for _, update in measures], {true: a, pred: b})
        values = session.run([value for value, _ in measures])
        session.run(tf.local_variables_initializer())
        assert session.run(measures[0][0]) == 0
    np.testing.assert_allclose([found[0], found[2]], [0.6, 1.0])
    np.testing.assert_array_equal(found[1], [[1, 0, 0], [1, 2, 0], [0, 1, 0]])
    np.testing.assert_allclose(values, [0.6, (1 / 2 + 2 / 4 + 0) / 3, 1.0], rtol=1e-6)


def test_several_true_classes_of_sampled_losses(tf: Any):
    weights, inputs = tf.Variable(tf.zeros([9, 4])), tf.ones([3, 4])
    how = {"num_sampled": 5, "num_classes": 9, "num_true": 2}
    labels = np.array([[0, 1], [2, 3], [4, 5]])
    losses = [f(weights, tf.zeros([9]), labels, inputs, **how) for f in (tf.nn.nce_loss, tf.nn.sampled_softmax_loss)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        nce, softmax = session.run(losses)
    assert nce.shape == softmax.shape == (3,) and np.isfinite([nce, softmax]).all() and (nce > 0).all()


def test_printing_a_number_of_times(tf: Any, capfd: pytest.CaptureFixture[str]):
    x = tf.placeholder(tf.float32, [])
    shown = tf.Print(x, [x, tf.ones([5]) * x], "x: ", first_n=2, summarize=2)
    with tf.Session() as session:
        for number in (1.5, 2.0, 3.0):
            assert session.run(shown, {x: number}) == number
    assert capfd.readouterr().err.splitlines() == ["x: [1.5][1.5 1.5...]", "x: [2][2 2...]"]


def test_saved_variables_have_the_names_of_the_graph(tf: Any, tmp_path: Any):
    with tf.variable_scope("kept"):
        tf.get_variable("w", [2])
    saver = tf.train.Saver(max_to_keep=2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for step in (1, 2, 3):
            saver.save(session, str(tmp_path / "model"), global_step=step)
    assert "kept/w" in tf.train.NewCheckpointReader(str(tmp_path / "model-3")).get_variable_to_shape_map()
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert state.all_model_checkpoint_paths == [str(tmp_path / "model-2"), str(tmp_path / "model-3")]

"""Members of variables, tensors, shapes and models that scripts of tf.keras use, with what TensorFlow 2.15 gives."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest


def test_values_of_variables_are_methods(tf: Any):
    dense = tf.keras.layers.Dense(2, kernel_initializer="ones")
    dense.build((None, 2))
    for variable in (tf.Variable([1.0, 2.0]), dense.kernel):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(variable.value() ** 2) + tf.reduce_sum(variable.read_value())
        np.testing.assert_allclose(tape.gradient(loss, variable), 2 * variable.numpy() + 1)
        assert variable.ref().deref() is variable and {variable.ref(): 1}[variable.ref()] == 1
        assert variable.get_shape().as_list() == variable.shape.as_list() == list(variable.numpy().shape)


def test_scattered_updates(tf: Any):
    v = tf.Variable(np.arange(6.0).reshape(3, 2).astype("float32"))
    rows = tf.IndexedSlices([[9.0, 9.0]], [1])
    assert v.scatter_update(rows) is v and v.numpy()[1].tolist() == [9, 9]
    assert v.scatter_add(rows).numpy()[1].tolist() == [18, 18] and v.scatter_sub(rows).numpy()[1].tolist() == [9, 9]
    assert v.scatter_min(tf.IndexedSlices([[5.0, 10.0]], [1])).numpy()[1].tolist() == [5, 9]
    assert v.scatter_nd_update([[0, 1], [2, 0]], [7.0, 8.0]).numpy().tolist() == [[0, 7], [5, 9], [8, 5]]
    assert v.scatter_nd_add([[0]], [[1.0, 1.0]]).numpy()[0].tolist() == [1, 8]
    assert v.sparse_read([2, 0]).numpy().tolist() == [[8, 5], [1, 8]] and v.gather_nd([[0, 1]]).numpy().tolist() == [8]
    assert v[0, 1].assign(42.0).numpy()[0].tolist() == [1, 42]
    assert v[1:].assign_add(tf.ones((2, 2))).numpy()[1:].tolist() == [[6, 10], [9, 6]]


def test_what_is_printed(tf: Any):
    # TensorFlow 2.15 prints these.
    assert repr(tf.Variable([1.0, 2.0])) == (
        "<tf.Variable 'Variable:0' shape=(2,) dtype=float32, numpy=array([1., 2.], dtype=float32)>"
    )
    assert str(tf.constant([[1], [2]])) == "tf.Tensor(\n[[1]\n [2]], shape=(2, 1), dtype=int32)"
    assert f"{tf.float32}" == str(tf.float32) == "<dtype: 'float32'>" and repr(tf.float32) == "tf.float32"
    i = tf.keras.Input((4,), name="i")
    assert repr(i) == "<KerasTensor: shape=(None, 4) dtype=float32 (created by layer 'i')>"
    assert repr(i.shape) == "TensorShape([None, 4])" and str(i.shape) == "(None, 4)" and i.dtype.is_floating
    assert i.shape.as_list() == [None, 4] and i.shape == [None, 4] and i.shape.merge_with((3, 4)) == (3, 4)
    assert tf.int32.max == 2147483647 and tf.uint8.limits == (0, 255) and tf.bool.is_bool and tf.float32.size == 4
    assert repr(tf.RaggedTensorSpec(ragged_rank=1)) == "RaggedTensorSpec(TensorShape(None), tf.float32, 1, tf.int64)"
    spec = tf.RaggedTensorSpec.from_value(tf.ragged.constant([[1], [2, 3]]))
    assert repr(spec) == "RaggedTensorSpec(TensorShape([2, None]), tf.int32, 1, tf.int64)"


def test_functions_and_objects_of_a_script_are_its_own(tf: Any):
    keras = tf.keras
    assert keras.losses.get("mse") is keras.losses.mse and keras.metrics.get("mse") is keras.metrics.mse
    mine = keras.metrics.MeanAbsoluteError()
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,), name="d")])
    model.compile("sgd", "mse", metrics=[mine, "mse"])
    history = model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0).history
    assert model.metrics[1] is mine and float(mine.result()) == pytest.approx(history["mean_absolute_error"][0])
    model.reset_metrics()
    assert float(mine.result()) == 0
    assert list(model.get_weight_paths()) == ["d.kernel", "d.bias"]
    config = json.loads(model.to_json())
    assert config["backend"] == "tensorflow" and config["keras_version"] == "2.15.0"
    assert keras.models.model_from_json(model.to_json()).count_params() == 4


def test_gradient_transformers(tf: Any):
    sgd = tf.keras.optimizers.legacy.SGD(0.1, gradient_transformers=[lambda pairs: [(2 * g, v) for g, v in pairs]])
    v = tf.Variable([1.0, 2.0])
    sgd.apply_gradients([(tf.constant([1.0, 1.0]), v)])
    np.testing.assert_allclose(v, [0.8, 1.8])
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer="ones", use_bias=False, input_shape=(1,))])
    model.compile(sgd.__class__(0.1, gradient_transformers=[lambda pairs: [(g * 0 + 1, v) for g, v in pairs]]), "mse")
    model.fit(np.ones((4, 1)), np.zeros((4, 1)), batch_size=2, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [[0.8]], rtol=1e-6)


def test_layers_on_lists_and_more_axes(tf: Any):
    layers = tf.keras.layers
    np.testing.assert_allclose(layers.LeakyReLU()([-3.0, 0.0, 2.0]), [-0.9, 0, 2], rtol=1e-6)
    masked = layers.Softmax()(np.array([[1.0, 2.0, 1.0]], "float32"), np.array([[True, False, True]]))
    np.testing.assert_allclose(masked, [[0.5, 0, 0.5]], atol=1e-6)
    conv = layers.Conv2D(4, 3, data_format="channels_last")
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 5, 2)).astype("float32")
    flat = conv(x.reshape(6, 6, 5, 2)).numpy()
    np.testing.assert_allclose(conv(x), flat.reshape(2, 3, 4, 3, 4), rtol=1e-5, atol=1e-6)
    i = tf.keras.Input((3, 6, 5, 2))
    assert conv(i).shape == (None, 3, 4, 3, 4)
    assert layers.Conv1D(4, 3, padding="causal")(tf.ones((2, 3, 8, 2))).shape == (2, 3, 8, 4)


def test_internals_that_were_public(tf: Any):
    class Mine(tf.keras.__internal__.layers.BaseRandomLayer):
        def call(self, inputs: Any, training: bool = False) -> Any:
            return self._random_generator.dropout(inputs, 0.5) if training else inputs

    x = tf.ones((100, 10))
    dropped = Mine(seed=3)(x, training=True).numpy()
    assert set(np.unique(dropped)) == {0.0, 2.0} and Mine()(x).numpy().min() == 1
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    clone = tf.keras.__internal__.models.clone_and_build_model(model)
    assert clone.optimizer is not model.optimizer and clone.count_params() == 3


def test_printing(tf: Any, capsys: pytest.CaptureFixture[str], tmp_path: Any):
    # TensorFlow 2.15 prints these.
    tf.print("hello", tf.constant([1, 2, 3]), {"a": tf.constant(1.0)}, output_stream="stdout")
    tf.print(tf.range(20), tf.constant("s"), 1.5, tf.constant([[1.0, 2.0], [3.0, 1 / 3]]), tf.constant(True), sep="|")

    @tf.function
    def inside(x: Any) -> Any:
        tf.print("inside", x, [x], output_stream=f"file://{tmp_path}/out")
        return x

    inside(tf.constant(0.5))
    out, err = capsys.readouterr()
    assert out == "hello [1 2 3] {'a': 1}\n"
    assert err == '[0 1 2 ... 17 18 19]|"s"|1.5|[[1 2]\n [3 0.333333343]]|1\n'
    assert (tmp_path / "out").read_text() == "inside 0.5 [0.5]\n"
    assert inside.experimental_get_tracing_count() == 1


def test_data_sets_tell_what_they_are(tf: Any):
    dataset = tf.data.Dataset
    numbers = dataset.range(10)
    assert repr(numbers.batch(2)) == "<_BatchDataset element_spec=TensorSpec(shape=(None,), dtype=tf.int64, name=None)>"
    assert numbers.batch(4).map(lambda x: x * 2).prefetch(2).element_spec.shape == (None,)
    assert numbers.batch(2, drop_remainder=True).element_spec.shape == (2,)
    assert dataset.from_tensor_slices([1, 2]).element_spec.dtype == tf.int32
    assert iter(dataset.from_tensor_slices([1.0])).element_spec.dtype == tf.float32 and bool(dataset.range(0))
    assert int(tf.data.experimental.at(numbers, 3)) == 3
    lists = numbers.map(lambda x: [x, tf.cast(x, tf.float32)])
    assert next(lists.as_numpy_iterator()) == (0, 0.0)
    with pytest.raises(IndexError, match="no element 10"):
        numbers.at(10)


def test_messages(tf: Any):
    train, io = tf.train, tf.io
    numbers = train.Feature(int64_list=train.Int64List(value=[1, 2]))
    steps = train.FeatureLists(feature_list={"a": train.FeatureList(feature=[numbers, numbers])})
    example = train.SequenceExample(context=train.Features(feature={"n": numbers}), feature_lists=steps)
    data = example.SerializeToString()
    # What TensorFlow 2.15 writes.
    assert train.SequenceExample(feature_lists=train.FeatureLists(feature_list={"a": train.FeatureList(feature=[numbers])})).SerializeToString() == (
        b"\x12\x0f\n\r\n\x01a\x12\x08\n\x06\x1a\x04\n\x02\x01\x02"
    )  # fmt: skip
    context, found = io.parse_single_sequence_example(
        data, {"n": io.FixedLenFeature([2], tf.int64)}, {"a": io.FixedLenSequenceFeature([2], tf.int64)}
    )
    assert context["n"].numpy().tolist() == [1, 2] and found["a"].numpy().tolist() == [[1, 2], [1, 2]]
    text = 'features {\n  feature {\n    key: "f"\n    value {\n      float_list {\n        value: 0.5\n        value: 1\n      }\n    }\n  }\n}\n'
    feature = train.Feature(float_list=train.FloatList(value=[0.5, 1.0]))
    assert str(train.Example(features=train.Features(feature={"f": feature}))) == text


def test_what_keras3_left_out(tf: Any):
    keras = tf.keras
    a, b = (keras.Sequential([keras.layers.Dense(2, input_shape=(2,), name="d")]) for _ in range(2))
    a._name, b._name = "A", "B"
    i = keras.Input((2,))
    model = keras.Model(i, keras.layers.add([a(i), b(i)]))
    assert [layer.name for layer in model.layers][1:3] == ["A", "B"] and model.get_layer("A") is a
    assert a in model.submodules and model.distribute_strategy.num_replicas_in_sync == 1 and not model.dynamic
    kernel = np.arange(25.0, dtype="float32").reshape(5, 5, 1, 1)
    rings = keras.constraints.RadialConstraint()(kernel)[:, :, 0, 0]
    assert np.asarray(rings)[2].tolist() == [18, 12, 6, 12, 18]  # TensorFlow 2.15
    even = keras.constraints.RadialConstraint()(np.arange(16.0, dtype="float32").reshape(4, 4, 1, 1))[:, :, 0, 0]
    assert np.asarray(even)[1].tolist() == [15, 5, 5, 15]

    class Cell(keras.layers.AbstractRNNCell):
        state_size = 2

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], 2), initializer="ones", name="kernel")
            self.built = True

        def call(self, inputs: Any, states: Any) -> Any:
            output = tf.matmul(inputs, self.kernel) + states[0]
            return output, [output]

    np.testing.assert_allclose(keras.layers.RNN(Cell())(tf.ones((1, 3, 2))), [[6.0, 6.0]])
    linear = keras.experimental.LinearModel(units=2)
    wide = keras.experimental.WideDeepModel(linear, keras.Sequential([keras.layers.Dense(2)]))
    wide.compile("sgd", "mse")
    wide.fit([np.ones((4, 2)), np.ones((4, 3))], np.ones((4, 2)), verbose=0)
    assert float(tf.reduce_max(abs(linear(tf.ones((1, 2)))))) > 0
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    assert rate(2).numpy() == pytest.approx(0.05) and rate(tf.range(3.0)).shape == (3,)
    features = keras.layers.experimental.RandomFourierFeatures(4)(tf.ones((1, 2)))
    assert features.shape == (1, 4) and abs(features.numpy()).max() <= 1
    matrix = keras.utils.warmstart_embedding_matrix(["a", "b"], ["b", "c"], np.ones((2, 2)), "zeros")
    assert matrix.numpy().tolist() == [[1, 1], [0, 0]]
    with keras.backend.learning_phase_scope(1):
        assert keras.backend.learning_phase() == 1

"""The stand-in for TensorFlow: tensors, strings, data sets, records, checkpoints, pictures."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
import pytest


def listed(dataset: Any) -> list[Any]:
    return [np.asarray(e).tolist() if not isinstance(e, tuple) else e for e in dataset.as_numpy_iterator()]


def test_every_name_is_there(tf: Any):
    import importlib

    from kjax.keras.legacy.tensorflow.names import MODULES

    for names in MODULES.values():
        for target in names.values():
            if isinstance(target, str) and ":" in target:
                module, _, attribute = target.partition(":")
                assert not attribute or hasattr(importlib.import_module(module), attribute), target
    with pytest.raises(AttributeError, match=r"no 'tensorflow.strings.lowr'.*did you mean 'lower'"):
        tf.strings.lowr  # noqa: B018


def test_tensors_print_and_compare_as_in_tensorflow(tf: Any):
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert str(tf.constant(3.0)) == "tf.Tensor(3.0, shape=(), dtype=float32)"
    assert repr(tf.constant([1, 2])) == "<tf.Tensor: shape=(2,), dtype=int32, numpy=array([1, 2], dtype=int32)>"
    assert x.shape == (2, 2) and x.shape.as_list() == [2, 2] and x.get_shape()[1] == 2 and f"{x[0, 1]:.1f}" == "2.0"
    assert [float(v) for v in x[0]] == [1.0, 2.0] and bool(tf.reduce_all(x == x)) and tf.constant(5).numpy() == 5
    assert tf.reshape(x, [tf.shape(x)[0] * 2, -1]).shape == (4, 1)
    assert tf.reduce_prod(tf.shape(x)) == 4 and tf.concat([tf.shape(x)[:1], [7]], 0).tolist() == [2, 7]
    words = tf.constant([["a", "bc"], ["d", "a"]])
    assert words.dtype == tf.string and words.numpy()[0, 1] == b"bc" and tf.transpose(words)[1, 0].numpy() == b"bc"
    assert (words == "a").numpy().tolist() == [[True, False], [False, True]]
    assert tf.concat([words, words], 1).shape == (2, 4) and tf.gather(words, 1).numpy().tolist() == [b"d", b"a"]
    assert tf.where(words == "a", 1, 0).numpy().tolist() == [[1, 0], [0, 1]]
    with pytest.raises(TypeError, match="one number"):
        iter(tf.constant(1.0))


def test_functions_of_numbers(tf: Any):
    x = tf.constant([1.0, 2.0, 3.0])
    assert tf.cumsum(x, exclusive=True).numpy().tolist() == [0, 1, 3]
    assert tf.cumsum(x, reverse=True).numpy().tolist() == [6, 5, 3]
    assert tf.math.confusion_matrix([0, 1, 1], [0, 1, 0]).numpy().tolist() == [[1, 0], [1, 1]]
    assert tf.linalg.band_part(tf.ones((3, 3)), -1, 0).numpy().tolist() == np.tril(np.ones((3, 3))).tolist()
    assert tf.scatter_nd([[1], [1], [0]], [1.0, 2.0, 5.0], [3]).numpy().tolist() == [5, 3, 0]
    assert tf.math.bincount([0, 2, 2]).numpy().tolist() == [1, 0, 2]
    assert tf.reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 3], 1).numpy().tolist() == [[2, 1, 3], [6, 5, 4]]
    s, u, v = tf.linalg.svd(tf.constant([[2.0, 0.0], [0.0, 1.0]]))
    np.testing.assert_allclose(u @ tf.linalg.diag(s) @ tf.transpose(v), [[2, 0], [0, 1]], atol=1e-6)
    power = np.abs(tf.signal.stft(tf.ones(64), frame_length=16, frame_step=8).numpy())
    assert power.shape == (7, 9) and power[:, 0].min() > 7
    array = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    for i in tf.range(3):
        array = array.write(i, x * float(i))
    assert array.stack().shape == (3, 3) and array.read(2).numpy().tolist() == [2, 4, 6]
    found, true, drawn = tf.random.log_uniform_candidate_sampler([[1]], 1, 5, True, 50, seed=3)
    assert len(set(found.numpy())) == 5 and true.shape == (1, 1) and drawn.shape == (5,)
    labels, logits = np.array([[1.0], [0.0]], "float32"), np.array([[0.3], [-2.0]], "float32")
    plain = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
    weighted = tf.nn.weighted_cross_entropy_with_logits(labels, tf.constant(logits), 3.0)
    np.testing.assert_allclose(weighted, plain.numpy() * [[3], [1]], rtol=1e-6)
    assert tf.nn.compute_average_loss(tf.constant([2.0, 4.0]), global_batch_size=4).numpy() == 1.5


def test_strings_and_ragged_rows(tf: Any):
    texts = tf.constant(["Hello, World", "Bye"])
    assert tf.strings.lower(texts).numpy().tolist() == [b"hello, world", b"bye"]
    clean = tf.strings.regex_replace(texts, f"[{re.escape('!,.')}]", "")
    words = tf.strings.split(clean)
    assert words.to_list() == [[b"Hello", b"World"], [b"Bye"]] and words.shape == (2, None)
    assert words.to_tensor().numpy().tolist() == [[b"Hello", b"World"], [b"Bye", b""]]
    assert tf.strings.length(texts).numpy().tolist() == [12, 3] and words.row_lengths().tolist() == [2, 1]
    assert tf.strings.reduce_join(words, separator=" ", axis=-1).numpy().tolist() == [b"Hello World", b"Bye"]
    assert tf.strings.unicode_split("naïf", "UTF-8").numpy()[2].decode() == "ï"
    assert tf.strings.substr(texts, 0, 2).numpy().tolist() == [b"He", b"By"]
    assert tf.strings.to_number(["1.5", "2"]).numpy().tolist() == [1.5, 2.0]
    assert tf.ragged.constant([[1], [2, 3]])[1].numpy().tolist() == [2, 3]
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1)
    assert table.lookup(tf.constant(["b", "z"])).numpy().tolist() == [2, -1]

    def standardize(text: Any) -> Any:
        return tf.strings.regex_replace(tf.strings.lower(text), "[^a-z ]", "")

    layer = tf.keras.layers.TextVectorization(standardize=standardize, output_sequence_length=3)
    layer.adapt(tf.data.Dataset.from_tensor_slices(["A b!", "b c"]).batch(1))
    assert layer(tf.constant(["b a"])).numpy().shape == (1, 3) and layer.get_vocabulary()[2] == "b"


def test_data_sets(tf: Any, tmp_path: Any):
    data = tf.data.Dataset
    windows = data.range(6).window(3, shift=1, drop_remainder=True)
    assert len(windows) == 4
    flat = windows.flat_map(lambda w: w.batch(3))
    assert listed(flat.map(lambda w: w[-1] * 2)) == [4, 6, 8, 10]
    assert listed(data.range(4).interleave(lambda i: data.from_tensors(i).repeat(2), cycle_length=2)) == [
        0, 1, 0, 1, 2, 3, 2, 3,
    ]  # fmt: skip
    padded = data.from_generator(lambda: iter([[1], [2, 3]]), output_types=tf.int32).padded_batch(2)
    assert listed(padded) == [[[1, 0], [2, 3]]]
    assert int(data.range(5).reduce(np.int64(0), lambda a, b: a + b)) == 10
    assert data.range(5).batch(2, drop_remainder=True).cardinality().numpy() == 2
    lengths = data.from_tensor_slices(tf.ragged.constant([[1], [2, 3], [4, 5, 6]]))
    buckets = lengths.bucket_by_sequence_length(lambda x: tf.shape(x)[0], [3], [2, 1])
    assert sorted(map(np.shape, listed(buckets))) == [(1, 3), (2, 2)]
    pairs = data.zip((data.range(3), data.range(3, 6))).map(lambda a, b: {"sum": a + b})
    assert [int(e["sum"]) for e in pairs] == [3, 5, 7] and pairs.element_spec["sum"].shape == ()
    chosen = data.choose_from_datasets([data.range(3), data.range(10, 13)], data.from_tensor_slices([0, 1, 0]))
    assert listed(chosen) == [0, 10, 1]
    first = iter(data.range(2))
    assert int(first.get_next()) == 0 and int(next(first)) == 1
    lists = data.from_tensor_slices(["a b", "c"]).map(tf.strings.split).map(lambda w: tf.shape(w)[0])
    assert listed(lists) == [2, 1]
    data.range(3).save(str(tmp_path / "saved"))
    assert listed(data.load(str(tmp_path / "saved"))) == [0, 1, 2]
    with pytest.raises(ValueError, match="padded_batch fills them up"):
        list(lengths.batch(3))

    (tmp_path / "table.csv").write_text("a,b,label\n1,x,0\n2,y,1\n")
    rows = tf.data.experimental.CsvDataset(str(tmp_path / "table.csv"), [tf.float32, tf.string, 0], header=True)
    assert [tuple(np.asarray(v).item() for v in row) for row in rows.as_numpy_iterator()] == [
        (1.0, b"x", 0),
        (2.0, b"y", 1),
    ]
    table = tf.data.experimental.make_csv_dataset(
        str(tmp_path / "*.csv"), 2, label_name="label", num_epochs=1, shuffle=False
    )
    features, label = next(iter(table))
    assert features["b"].numpy().tolist() == [b"x", b"y"] and label.numpy().tolist() == [0, 1]
    lines = tf.data.TextLineDataset(str(tmp_path / "table.csv")).skip(1)
    assert listed(lines.map(lambda line: tf.strings.split(line, ",")[1])) == [b"x", b"y"]


def test_records_of_examples(tf: Any, tmp_path: Any):
    path = str(tmp_path / "data.tfrecord")

    def feature(**kinds: Any) -> Any:
        return tf.train.Feature(**kinds)

    with tf.io.TFRecordWriter(path) as writer:
        for i in range(2):
            values = {
                "number": feature(int64_list=tf.train.Int64List(value=[i, -i])),
                "weights": feature(float_list=tf.train.FloatList(value=[0.5 * i])),
                "name": feature(bytes_list=tf.train.BytesList(value=[b"n%d" % i] * (i + 1))),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=values)).SerializeToString())
    wanted = {
        "number": tf.io.FixedLenFeature([2], tf.int64),
        "weights": tf.io.FixedLenFeature([], tf.float32, default_value=0.0),
        "name": tf.io.VarLenFeature(tf.string),
        "more": tf.io.FixedLenFeature([], tf.float32, default_value=7.0),
    }
    found = list(tf.data.TFRecordDataset([path]).map(lambda e: tf.io.parse_single_example(e, wanted)))
    assert found[1]["number"].numpy().tolist() == [1, -1] and float(found[1]["weights"]) == 0.5
    assert found[1]["name"].values.numpy().tolist() == [b"n1", b"n1"] and float(found[0]["more"]) == 7.0
    with pytest.raises(ValueError, match="no feature 'other'"):
        raw = next(iter(tf.data.TFRecordDataset(path)))
        tf.io.parse_single_example(raw, {"other": tf.io.FixedLenFeature([], tf.int64)})
    (tmp_path / "broken").write_bytes(b"not a record at all")
    with pytest.raises(ValueError, match="not a file of records"):
        list(tf.data.TFRecordDataset(str(tmp_path / "broken")))


def test_pictures(tf: Any, tmp_path: Any):
    pixels = np.random.default_rng(0).integers(0, 255, (6, 8, 3)).astype("uint8")
    tf.io.write_file(str(tmp_path / "a.png"), tf.io.encode_png(pixels))
    image = tf.io.decode_png(tf.io.read_file(str(tmp_path / "a.png")), channels=3)
    np.testing.assert_array_equal(image, pixels)
    assert image.dtype == tf.uint8 and tf.image.convert_image_dtype(image, tf.float32).numpy().max() <= 1
    np.testing.assert_allclose(tf.image.hsv_to_rgb(tf.image.rgb_to_hsv(pixels / 255.0)), pixels / 255, atol=1e-5)
    np.testing.assert_array_equal(tf.image.resize_with_crop_or_pad(image, 4, 10)[:, 1:9], pixels[1:5])
    assert tf.image.resize(image, [3, 4]).dtype == tf.float32 and tf.image.random_crop(image, [2, 3, 3]).shape == (
        2,
        3,
        3,
    )
    assert tf.image.random_flip_left_right(image).shape == (6, 8, 3) and tf.image.rot90(image).shape == (8, 6, 3)
    same = [tf.image.stateless_random_brightness(image, 0.3, seed=(1, 2)).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*same)
    np.testing.assert_allclose(tf.image.adjust_contrast(pixels / 255.0, 1.0), pixels / 255, atol=1e-6)
    standard = tf.image.per_image_standardization(image).numpy()
    assert abs(standard.mean()) < 1e-5 and abs(standard.std() - 1) < 1e-4
    assert tf.image.psnr(image, image, 255).numpy() == np.inf
    big = np.tile(pixels, (3, 3, 1)).astype("float32")
    np.testing.assert_allclose(tf.image.ssim(big, big, 255.0), 1, rtol=1e-5)
    assert tf.image.sobel_edges(big[None]).shape == (1, 18, 24, 3, 2)
    sound = tf.audio.encode_wav(np.linspace(-0.5, 0.5, 10)[:, None], 8000)
    samples, rate = tf.audio.decode_wav(sound)
    np.testing.assert_allclose(samples[:, 0], np.linspace(-0.5, 0.5, 10), atol=1e-4)
    assert int(rate) == 8000


def test_checkpoints(tf: Any, tmp_path: Any):
    def network() -> Any:
        model = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,))])
        model.compile("adam", "mse")
        return model

    model = network()
    model.fit(np.ones((4, 3)), np.ones((4, 2)), epochs=1, verbose=0)
    model.save_weights(str(tmp_path / "cp.ckpt"))
    assert {"checkpoint", "cp.ckpt.index", "cp.ckpt.data-00000-of-00001"} <= set(os.listdir(tmp_path))
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "cp.ckpt")
    other = network()
    other.load_weights(str(tmp_path / "cp.ckpt")).expect_partial()
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    model.save(str(tmp_path / "whole"))
    again = tf.keras.models.load_model(str(tmp_path / "whole"))
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    served = tf.saved_model.load(str(tmp_path / "whole")).signatures["serving_default"](tf.ones((1, 3)))
    np.testing.assert_allclose(next(iter(served.values())), model(tf.ones((1, 3))), rtol=1e-6)

    checkpoint = tf.train.Checkpoint(step=tf.Variable(1), model=model, optimizer=model.optimizer)
    manager = tf.train.CheckpointManager(checkpoint, str(tmp_path / "many"), max_to_keep=2)
    for _ in range(3):
        checkpoint.step.assign_add(1)
        path = manager.save()
    assert len(manager.checkpoints) == 2 and manager.latest_checkpoint == path
    fresh = network()
    target = tf.train.Checkpoint(step=tf.Variable(0), model=fresh, optimizer=fresh.optimizer)
    target.restore(path).assert_existing_objects_matched()
    assert int(target.step) == 4 and int(fresh.optimizer.iterations) == 1
    np.testing.assert_array_equal(fresh.get_weights()[0], model.get_weights()[0])
    with pytest.raises(AssertionError, match="no values for other"):
        tf.train.Checkpoint(other=tf.Variable(1.0)).restore(path).assert_existing_objects_matched()
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        target.restore(str(tmp_path / "nothing"))


def test_a_sequential_model_drawn_from_data_takes_other_lengths(tf: Any):
    model = tf.keras.Sequential([tf.keras.layers.Dense(2), tf.keras.layers.AveragePooling1D()])
    assert model(np.ones((1, 6, 3), "float32")).shape == (1, 3, 2)
    assert model(np.ones((2, 4, 3), "float32")).shape == (2, 2, 2)
    with pytest.raises(ValueError, match="expected shape="):
        model(np.ones((2, 4, 5), "float32"))


def test_gradients_of_gradients(tf: Any):
    x = tf.Variable(2.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x**3
        slope = inner.gradient(y, x)
    assert x and not tf.Variable(False)
    assert slope.numpy() == 12 and outer.gradient(slope, x).numpy() == 12
    w = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(w)
        y = w * w
    np.testing.assert_allclose(tape.jacobian(y, w), [[2, 0], [0, 4]])


def test_a_tape_sees_penalties_masks_and_functions(tf: Any):
    layer = tf.keras.layers.Dense(2, kernel_regularizer=tf.keras.regularizers.l2(0.5))
    with tf.GradientTape() as tape:
        predicted = layer(np.ones((4, 3), "float32"))
        loss = tf.reduce_mean(tf.keras.losses.mean_squared_error(np.ones((4, 2), "float32"), predicted))
        loss += tf.add_n(layer.losses) + tf.reduce_sum(layer.bias * layer.bias)
    kernel, _ = tape.gradient(loss, layer.trainable_variables)
    errors = predicted.numpy() - 1
    np.testing.assert_allclose(kernel, np.ones((3, 4)) @ errors / 4 + layer.kernel.numpy(), rtol=1e-5)
    embed = tf.keras.layers.Embedding(5, 3, mask_zero=True)
    lstm = tf.keras.layers.SimpleRNN(2)
    with tf.GradientTape():
        short, long = lstm(embed(tf.constant([[1, 2]]))), lstm(embed(tf.constant([[1, 2, 0, 0]])))
    np.testing.assert_allclose(short, long, rtol=1e-6)

    class Keeping(tf.keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.seen = inputs * 2
            return inputs

    keeping = Keeping()
    with tf.GradientTape():
        keeping(tf.ones((1, 2)))
    assert keeping.seen.numpy().tolist() == [[2, 2]]


def test_functions_are_compiled(tf: Any):
    traced = []
    layer = tf.keras.layers.Dense(1, kernel_initializer="ones")
    optimizer = tf.keras.optimizers.Adam(0.1)
    mean = tf.keras.metrics.Mean()

    @tf.function
    def step(x: Any, y: Any, factor: float = 1.0) -> Any:
        traced.append(1)
        with tf.GradientTape() as tape:
            loss = factor * tf.reduce_mean(tf.square(layer(x) - y))
        optimizer.apply_gradients(zip(tape.gradient(loss, layer.weights), layer.weights, strict=True))
        mean.update_state(loss)
        return {"loss": loss, "noise": tf.random.normal([])}

    x, y = tf.ones((4, 2)), tf.zeros((4, 1))
    results = [step(x, y) for _ in range(5)]
    count = len(traced)
    assert float(results[-1]["loss"]) < float(results[0]["loss"]) and int(optimizer.iterations) == 5
    assert len({float(r["noise"]) for r in results}) == 5
    np.testing.assert_allclose(mean.result(), np.mean([float(r["loss"]) for r in results]), rtol=1e-5)
    step(x, y)
    assert len(traced) == count, "a further call is not traced"
    step(tf.ones((2, 2)), tf.zeros((2, 1)))
    assert len(traced) > count

    @tf.function
    def looks(x: Any) -> Any:
        return x * 2 if tf.reduce_sum(x) > 0 else x - 1

    assert looks(tf.constant([1.0])).numpy() == 2 and looks(tf.constant([-1.0])).numpy() == -2

    class Counter(tf.Module):
        def __init__(self) -> None:
            self.count = tf.Variable(0)

        @tf.function
        def __call__(self, by: Any) -> Any:
            self.count.assign_add(by)
            return self.count.read_value()

    counters = [Counter(), Counter()]
    assert [int(counters[0](tf.constant(2))) for _ in range(3)] == [2, 4, 6]
    assert int(counters[1](tf.constant(1))) == 1 and counters[0].trainable_variables[0] is counters[0].count
    with pytest.raises(ZeroDivisionError):
        tf.function(lambda x: x * (1 // 0))(x)


def test_a_compiled_train_step_with_a_gradient_penalty(tf: Any):
    class Critic(tf.keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.score = tf.keras.Sequential([tf.keras.layers.Dense(3, activation="tanh"), tf.keras.layers.Dense(1)])

        def call(self, inputs: Any) -> Any:
            return self.score(inputs)

        def train_step(self, data: Any) -> Any:
            mixed = data * 0.5
            with tf.GradientTape() as tape:
                with tf.GradientTape() as inner:
                    inner.watch(mixed)
                    scores = self.score(mixed, training=True)
                slopes = inner.gradient(scores, [mixed])[0]
                loss = tf.reduce_mean((tf.sqrt(tf.reduce_sum(slopes**2, axis=1)) - 1.0) ** 2)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss, "noise": tf.random.uniform([]), "size": tf.cast(tf.shape(data)[0], tf.float32)}

    import jax

    critic = Critic()
    x = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    critic(x)
    before = critic.score.get_weights()
    critic.compile(tf.keras.optimizers.SGD(0.1))
    history = critic.fit(x, epochs=2, batch_size=4, verbose=0, shuffle=False).history

    def penalty(weights: Any) -> Any:
        def score(row: Any) -> Any:
            return (jax.numpy.tanh(row @ weights[0] + weights[1]) @ weights[2])[0]

        slopes = jax.vmap(jax.grad(score))(x * 0.5)
        return jax.numpy.mean((jax.numpy.sqrt(jax.numpy.sum(slopes**2, 1)) - 1) ** 2)

    after = [w - 0.1 * g for w, g in zip(before, jax.grad(penalty)(before), strict=True)]
    np.testing.assert_allclose(history["loss"], [penalty(before), penalty(after)], rtol=1e-4)
    assert history["noise"][0] != history["noise"][1] and history["size"] == [4, 4]


def test_functions_with_signatures(tf: Any):
    traced = []

    @tf.function(input_signature=(tf.TensorSpec(shape=[None], dtype=tf.int32),))
    def double(x: Any) -> Any:
        traced.append(1)
        tf.debugging.assert_non_negative(x, message="too low")
        return 2 * x

    assert double(tf.constant([1, 2])).numpy().tolist() == [2, 4] and double([3]).numpy().tolist() == [6]
    assert double(tf.constant([5, 6])).numpy().tolist() == [10, 12] and len(traced) == 2  # once for each length
    for wrong in (tf.constant([[1]]), tf.constant([1.0])):
        with pytest.raises(TypeError, match="input_signature asks for"):
            double(wrong)
    with pytest.raises(ValueError, match="assert_non_negative does not hold: too low"):
        double(tf.constant([1, -1]))

    @tf.function
    def power(a: Any, b: Any) -> Any:
        return a**b

    square = power.get_concrete_function(a=tf.TensorSpec(None, tf.float32), b=2)
    assert float(square(tf.constant(3.0))) == 9 and float(square(a=tf.constant(2.0))) == 4

    class Counter(tf.Module):
        def __init__(self) -> None:
            self.count = tf.Variable(0)

        @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
        def add(self, x: Any) -> Any:
            return self.count.assign_add(x)

    counter = Counter()
    counter.add(tf.constant(2))
    counter.add.get_concrete_function()(tf.constant(3))
    assert int(counter.count) == 5


def test_gradients_between_the_outputs_of_a_model(tf: Any):
    """Grad-CAM: of a prediction by the output of a layer on the way to it."""
    layers = tf.keras.layers
    inputs = tf.keras.Input((6, 6, 1))
    maps = layers.Conv2D(2, 3, activation="relu", name="maps")(inputs)
    hidden = layers.BatchNormalization()(layers.Dropout(0.5)(layers.Flatten()(maps)))
    dense = layers.Dense(3)
    model = tf.keras.Model(inputs, dense(hidden))
    inside = tf.keras.Model([model.inputs], [model.get_layer("maps").output, model.output])
    x = np.random.default_rng(0).random((1, 6, 6, 1)).astype("float32")
    with tf.GradientTape() as tape:
        shown, predictions = inside(x)
        score = predictions[:, 1]
    found = tape.gradient(score, shown)
    expected = np.asarray(dense.kernel)[:, 1].reshape(1, 4, 4, 2) / np.sqrt(1 + 1e-3)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(predictions, model(x), rtol=1e-5)


def test_functions_of_values_in_compiled_metrics(tf: Any):
    def rank(y_true: Any, y_pred: Any) -> Any:
        def count(a: Any, b: Any) -> float:
            if not len(np.unique(a)) > 1:
                raise ValueError("only one class")
            return float(np.mean((b > 0) == (a > 0)))

        return tf.py_function(lambda a, b: count(a.numpy(), b.numpy()), (y_true, y_pred), tf.double)

    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=[rank])
    x = np.array([[1.0], [-1.0], [2.0], [-2.0]])
    assert model.evaluate(x, np.sign(x), verbose=0, batch_size=4)[1] == 1.0


def test_models_that_are_never_called_keep_their_weights(tf: Any, tmp_path: Any):
    class Pair(tf.keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(3)])

    one, other = Pair(), Pair()
    one.save_weights(str(tmp_path / "weights"))
    other.load_weights(str(tmp_path / "weights")).expect_partial()
    np.testing.assert_array_equal(one.first.get_weights()[0], other.first.get_weights()[0])


def test_cells_whose_inputs_are_tuples(tf: Any):
    class Cell(tf.keras.layers.Layer):
        state_size = (tf.TensorShape([2]), tf.TensorShape([3, 2]))
        output_size = state_size

        def call(self, inputs: Any, states: Any) -> Any:
            found = tuple(state + part for state, part in zip(states, inputs, strict=True))
            return found, found

    first, second = tf.keras.Input((None, 2)), tf.keras.Input((None, 3, 2))
    model = tf.keras.Model([first, second], tf.keras.layers.RNN(Cell())((first, second)))
    a, b = np.ones((1, 4, 2)), np.full((1, 4, 3, 2), 2.0)
    found = model.predict([a, b], verbose=0)
    np.testing.assert_array_equal(found[0], np.full((1, 2), 4))
    np.testing.assert_array_equal(found[1], np.full((1, 3, 2), 8))


def test_reductions_of_keras_2(tf: Any):
    losses = tf.keras.losses
    assert losses.MeanSquaredError(reduction="auto").reduction == "sum_over_batch_size"
    assert float(losses.MeanAbsoluteError(reduction=losses.Reduction.SUM)([1.0, 2.0], [0.0, 0.0])) == 1.5


def test_metrics_that_keras_3_left_out(tf: Any):
    keras = tf.keras
    tensor = keras.metrics.MeanTensor()
    with pytest.raises(ValueError, match="before its first data"):
        tensor.result()
    tensor.update_state([[1.0, 2.0], [3.0, 4.0]], sample_weight=[1.0, 0.0])
    assert tensor.result().numpy().tolist() == [[1, 2], [0, 0]]
    assert tensor.count.numpy().tolist() == [[1, 1], [0, 0]]
    with pytest.raises(ValueError, match="same shape"):
        tensor.update_state([1.0, 2.0])
    relative = keras.metrics.MeanRelativeError(normalizer=[1, 0, 2, 3])
    relative.update_state([1, 3, 2, 3], [2, 4, 6, 8], sample_weight=[1, 0, 1, 0])
    assert relative.result().numpy() == 1.5  # (1/1 + 4/2) / 2, as tf.keras 2.15 gives
    one, other = keras.metrics.Mean(), keras.metrics.Mean()
    one.update_state([1.0, 2.0])
    other.update_state(6.0)
    one.merge_state([other])
    assert one.result().numpy() == 3.0
    with pytest.raises(ValueError, match="same kind"):
        one.merge_state([tensor])
    assert keras.utils.to_ordinal([[2], [1]]).tolist() == [[1, 1], [1, 0]]


def test_minimize_returns_the_number_of_updates(tf: Any):
    weight = tf.Variable(1.0)
    optimizer = tf.keras.optimizers.SGD(0.25)
    assert [int(optimizer.minimize(lambda: weight * weight, [weight])) for _ in range(2)] == [1, 2]
    assert weight.numpy() == 0.25 and isinstance(weight.numpy(), np.float32)


def test_print_tensor_takes_tensors_of_tensorflow(tf: Any, capfd: Any):
    given = tf.constant([1.0, 2.0])
    assert tf.keras.backend.print_tensor(given, "values") is given
    assert "values [1. 2.]" in capfd.readouterr().out

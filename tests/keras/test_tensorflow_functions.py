"""Functions of the stand-in for TensorFlow that scripts touch now and then, against SciPy and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def test_boxes(tf: Any):
    boxes = tf.constant([[0.0, 0, 1, 1], [0, 0, 0.9, 0.9], [0, 0.5, 1, 1.5], [2, 2, 3, 3]])
    scores = tf.constant([0.9, 0.8, 0.7, 0.6])
    assert tf.image.non_max_suppression(boxes, scores, 3).numpy().tolist() == [0, 2, 3]
    assert tf.image.non_max_suppression(boxes, scores, 4, score_threshold=0.65).numpy().tolist() == [0, 2]
    padded, number = tf.image.non_max_suppression_padded(boxes, scores, 6, pad_to_max_output_size=True)
    assert padded.numpy().tolist() == [0, 2, 3, 0, 0, 0] and int(number) == 3
    marks = tf.stack([scores, scores / 2], -1)[None]
    found = tf.image.combined_non_max_suppression(boxes[None, :, None], marks, 4, 5, 0.5, 0.35, clip_boxes=False)
    assert found.valid_detections.numpy().tolist() == [4] and found.nmsed_classes.numpy()[0].tolist() == [0, 0, 0, 1, 0]
    np.testing.assert_allclose(found.nmsed_scores[0], [0.9, 0.7, 0.6, 0.45, 0])
    picture = tf.reshape(tf.range(16.0), (1, 4, 4, 1))
    crops = tf.image.crop_and_resize(picture, [[0, 0, 1, 1], [0, 0, 1 / 3, 1 / 3], [0, 0, 2, 2]], [0, 0, 0], (2, 2))
    expected = [[[0, 3], [12, 15]], [[0, 1], [4, 5]], [[0, 0], [0, 0]]]
    np.testing.assert_allclose(crops[..., 0], expected, atol=1e-5)
    drawn = tf.image.draw_bounding_boxes(tf.zeros((1, 5, 5, 3)), [[[0.0, 0, 1, 1]]], [[0.0, 1, 0]]).numpy()[0]
    assert drawn[..., 1].sum() == 16 and drawn[2, 2].sum() == 0 and drawn[..., 0].sum() == 0


def test_signals(tf: Any):
    from scipy import fft

    x = np.random.default_rng(0).normal(size=(2, 8)).astype("float32")
    for kind in (1, 2, 3, 4):
        np.testing.assert_allclose(tf.signal.dct(x, type=kind), fft.dct(x, type=kind), atol=2e-5)
    for kind in (2, 3, 4):
        np.testing.assert_allclose(tf.signal.dct(x, type=kind, norm="ortho"), fft.dct(x, kind, norm="ortho"), atol=1e-5)
        both = tf.signal.idct(tf.signal.dct(x, type=kind, norm="ortho"), type=kind, norm="ortho")
        np.testing.assert_allclose(both, x, atol=1e-5)
    wave = np.random.default_rng(1).normal(size=64).astype("float32")
    window = tf.signal.inverse_stft_window_fn(4)
    again = tf.signal.inverse_stft(tf.signal.stft(wave, 16, 4), 16, 4, window_fn=window)
    np.testing.assert_allclose(again[16:48], wave[16:48], atol=1e-5)
    weights = tf.signal.linear_to_mel_weight_matrix(4, 65, 8000, 80.0, 3800.0).numpy()
    assert weights.shape == (65, 4) and (np.diff(weights.argmax(0)) > 0).all() and 0 < weights.max() <= 1


def test_sparse_tensors(tf: Any):
    one = tf.SparseTensor(indices=[[1, 0], [0, 1]], values=[2.0, 1.0], dense_shape=[2, 3])
    whole = np.array([[0, 1, 0], [2, 0, 0]], "float32")
    np.testing.assert_array_equal(tf.sparse.to_dense(one), whole)
    assert tf.sparse.reorder(one).values.numpy().tolist() == [1, 2] and one.shape == (2, 3)
    np.testing.assert_array_equal(tf.sparse.to_dense(tf.sparse.transpose(one)), whole.T)
    np.testing.assert_array_equal(tf.sparse.to_dense(tf.sparse.concat(0, [one, one])), np.concatenate([whole, whole]))
    np.testing.assert_array_equal(tf.sparse.to_dense(tf.sparse.reshape(one, [3, 2])), whole.reshape(3, 2))
    np.testing.assert_array_equal(tf.sparse.reduce_sum(one, 1), whole.sum(1))
    dense = tf.Variable(np.arange(6, dtype="float32").reshape(3, 2))
    with tf.GradientTape() as tape:
        product = tf.sparse.sparse_dense_matmul(one, dense)
        total = tf.reduce_sum(product)
    np.testing.assert_array_equal(product, whole @ dense.numpy())
    np.testing.assert_array_equal(tape.gradient(total, dense), np.repeat(whole.sum(0)[:, None], 2, 1))
    np.testing.assert_array_equal(tf.keras.layers.Lambda(lambda t: t * 2)(one), whole * 2)


def test_forward_gradients(tf: Any):
    x = tf.constant([1.0, 2.0])
    with tf.autodiff.ForwardAccumulator(x, tf.constant([1.0, 0.5])) as moving:
        y = tf.reduce_sum(x**3)
    assert float(moving.jvp(y)) == 3 + 6
    exact, measured = tf.test.compute_gradient(lambda a: a**2, [np.array([3.0, 1.0], "float32")])
    np.testing.assert_allclose(exact[0], [[6, 0], [0, 2]])
    np.testing.assert_allclose(measured[0], exact[0], atol=1e-2)


def test_words_tables_and_blocks(tf: Any):
    words = tf.strings.ngrams(["a", "b", "c"], [1, 2]).numpy().tolist()
    assert words == [b"a", b"b", b"c", b"a b", b"b c"]
    assert tf.io.decode_base64(tf.io.encode_base64(b"\xff\xfe\x00")).numpy() == b"\xff\xfe\x00"
    assert tf.strings.unicode_encode([104, 233], "UTF-8").numpy() == "h\xe9".encode()
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    table.insert(tf.constant(["a", "b"]), tf.constant([1, 2]))
    assert table.lookup(tf.constant(["b", "z"])).numpy().tolist() == [2, -1] and int(table.size()) == 2
    values, places, counts = tf.unique_with_counts([3, 1, 3])
    assert [v.numpy().tolist() for v in (values, places, counts)] == [[3, 1], [0, 1, 0], [2, 1]]
    assert tf.dynamic_stitch([[0, 2], [1]], [[1, 3], [2]]).numpy().tolist() == [1, 2, 3]
    blocks = tf.space_to_batch(tf.reshape(tf.range(16.0), (1, 4, 4, 1)), [2, 2], [[0, 0], [0, 0]])
    assert blocks.numpy()[0].ravel().tolist() == [0, 2, 8, 10]
    assert tf.batch_to_space(blocks, [2, 2], [[0, 0], [0, 0]]).numpy().ravel().tolist() == list(range(16))
    one, other = tf.sparse.from_dense([[1, 2, 3]]), tf.sparse.from_dense([[1, 3, 0]])
    assert tf.edit_distance(one, other, normalize=False).numpy().tolist() == [1]
    logits = np.log(np.array([[[0.1, 0.8, 0.1]], [[0.1, 0.8, 0.1]], [[0.8, 0.1, 0.1]]], "float32"))
    for decode in (tf.nn.ctc_greedy_decoder, tf.nn.ctc_beam_search_decoder):
        assert tf.sparse.to_dense(decode(logits, [3])[0][0], -1).numpy().tolist() == [[1, 0]]


def test_what_is_not_offered_says_what_to_use(tf: Any):
    with pytest.raises(AttributeError, match=r"feature_column.numeric_column'.*FeatureSpace"):
        tf.feature_column.numeric_column  # noqa: B018


def test_models_that_begin_with_words_of_any_number(tf: Any):
    """How long the rows of a batch are only its strings say: they are looked up before the compiled step."""
    texts = np.array(["good great movie", "bad film", "good", "awful bad bad film !"] * 2)
    labels = np.array([1.0, 0, 1, 0] * 2)
    encoder = tf.keras.layers.TextVectorization(max_tokens=20)
    encoder.adapt(texts)
    embedding = tf.keras.layers.Embedding(20, 3, mask_zero=True)
    model = tf.keras.Sequential(
        [encoder, embedding, tf.keras.layers.GlobalAveragePooling1D(), tf.keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    batches = tf.data.Dataset.from_tensor_slices((texts, labels)).batch(2)
    model.fit(batches, epochs=1, verbose=0, validation_data=batches)
    weights = [np.asarray(w) for w in model.get_weights()]
    rows = [weights[0][[encoder.get_vocabulary().index(word) for word in text.split()]].mean(0) for text in texts[:3]]
    expected = np.stack(rows) @ weights[1] + weights[2]
    np.testing.assert_allclose(model.predict(texts[:3], verbose=0), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model(tf.constant(texts[:3])), expected, rtol=1e-5, atol=1e-6)
    given = tf.keras.Input((1,), dtype="string")
    functional = tf.keras.Model(given, model.layers[-1](model.layers[-2](embedding(encoder(given)))))
    np.testing.assert_allclose(functional.predict(texts[:3, None], verbose=0), expected, rtol=1e-5, atol=1e-6)
    ragged = tf.keras.layers.TextVectorization(vocabulary=["bad", "film"], ragged=True)
    assert ragged(tf.constant(["film", "bad film"])).to_list() == [[3], [2, 3]]


def test_variables_made_in_the_first_call_of_a_function(tf: Any):
    class Dense(tf.Module):
        def __init__(self, units: int) -> None:
            super().__init__()
            self.units, self.inner = units, [tf.keras.layers.Dense(1)]

        @tf.function
        def __call__(self, x: Any) -> Any:
            if not hasattr(self, "w"):
                self.w = tf.Variable(tf.random.normal([x.shape[-1], self.units]))
            return self.inner[0](tf.matmul(x, self.w))

    module = Dense(2)
    x = tf.ones((3, 4))
    first = module(x)
    np.testing.assert_allclose(module(x), first, rtol=1e-5)
    assert len(module.variables) == 3 and module.submodules == (module.inner[0],)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(module(x))
    assert {id(v) for v in tape.watched_variables()} == {id(v) for v in module.trainable_variables}
    assert tape.gradient(loss, module.w).shape == (4, 2)


def test_steps_with_an_optimizer_and_metrics_of_parts(tf: Any, tmp_path: Any):
    """A model that is never called: its step trains a part, with the optimizer set in `compile`, and measures that."""

    class Trainer(tf.keras.Model):
        def __init__(self, part: Any) -> None:
            super().__init__(self)
            self.part, self.frozen = part, tf.keras.layers.Dense(1)
            self.frozen.build((None, 2))

        def compile(self, rate: float, **kwargs: Any) -> None:
            super().compile(**kwargs)
            self.optimizer = tf.keras.optimizers.Adam(learning_rate=rate)

        def train_step(self, data: Any) -> Any:
            (x, _), (_, y) = data
            with tf.GradientTape() as tape:
                prediction = self.part(x, training=True)
                loss = tf.reduce_mean((prediction - y) ** 2)
            variables = self.part.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            self.compiled_metrics.update_state(y, prediction)
            return {"squares": loss, **{m.name: m.result() for m in self.metrics}}

        def test_step(self, data: Any) -> Any:
            x, y = data
            return {"squares": tf.reduce_mean((self.part(x) - y) ** 2)}

    part = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model = Trainer(part)
    model.compile(0.1, metrics=["mae"])
    assert isinstance(model.optimizer, tf.keras.optimizers.Adam)
    pairs = tf.data.Dataset.from_tensor_slices((np.ones((8, 2), "float32"), np.ones((8, 1), "float32"))).batch(4)
    both = tf.data.Dataset.zip((pairs, pairs))
    history = model.fit(both, epochs=2, validation_data=pairs, verbose=0).history
    assert {"squares", "val_squares", "mae"} <= set(history) and history["squares"][1] < history["squares"][0] + 10
    model.save_weights(str(tmp_path / "weights"))
    before = part.get_weights()[0]
    part.set_weights([before + 1, part.get_weights()[1]])
    model.load_weights(str(tmp_path / "weights"))
    np.testing.assert_array_equal(part.get_weights()[0], before)


def test_scaled_losses_by_hand(tf: Any):
    weight = tf.Variable(3.0)
    optimizer = tf.keras.mixed_precision.LossScaleOptimizer(tf.keras.optimizers.SGD(0.1))
    for expected in (2.4, 1.92):
        with tf.GradientTape() as tape:
            scaled = optimizer.get_scaled_loss(weight**2)
        gradients = optimizer.get_unscaled_gradients(tape.gradient(scaled, [weight]))
        np.testing.assert_allclose(gradients[0], 2 * weight, rtol=1e-6)
        optimizer.apply_gradients(zip(gradients, [weight], strict=True))
        np.testing.assert_allclose(float(weight), expected, rtol=1e-6)


def test_sizes_put_together_while_a_model_is_traced(tf: Any):
    class Causal(tf.keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            batch, steps = tf.shape(inputs)[0], tf.shape(inputs)[1]
            mask = tf.cast(tf.range(steps)[:, None] >= tf.range(steps), inputs.dtype)[None]
            times = tf.concat([tf.expand_dims(batch, -1), tf.constant([1, 1], dtype=tf.int32)], axis=0)
            return tf.matmul(tf.tile(mask, times), inputs)

    inputs = tf.keras.Input((None, 2))
    model = tf.keras.Model(inputs, Causal()(inputs))
    x = np.random.default_rng(0).random((2, 3, 2)).astype("float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), np.cumsum(x, 1), rtol=1e-5)
    copy = tf.keras.models.clone_model(tf.keras.Sequential([inputs, tf.keras.layers.Lambda(_doubled)]))
    np.testing.assert_array_equal(copy(x), 2 * x)


def _doubled(x: Any) -> Any:
    return 2 * x


def test_segments(tf: Any):
    """Values of TensorFlow 2.15."""
    x, ids = tf.constant([[1.0, 2.0], [3.0, 4.0], [-5.0, 6.0], [7.0, 8.0]]), [0, 0, 2, 3]
    assert tf.math.segment_max(x, ids).numpy().tolist() == [[3, 4], [0, 0], [-5, 6], [7, 8]]
    assert tf.math.segment_prod(x, ids).numpy().tolist() == [[3, 8], [1, 1], [-5, 6], [7, 8]]
    assert tf.math.segment_mean(tf.constant([4, 5, -6, 7]), ids).numpy().tolist() == [4, 0, -6, 7]
    lowest = float(np.finfo("float32").min)
    found = tf.math.unsorted_segment_max(x, [2, 0, 0, -1], 4).numpy().tolist()
    assert found == [[3, 6], [lowest] * 2, [1, 2], [lowest] * 2]
    assert tf.math.unsorted_segment_sum(x, [[0, 1], [1, 0], [2, 2], [0, 0]], 3).numpy().tolist() == [20, 5, 1]
    found = tf.math.unsorted_segment_sqrt_n(x, [2, 0, 0, -1], 3).numpy()
    np.testing.assert_allclose(found, [[-2 / 2**0.5, 10 / 2**0.5], [0, 0], [1, 2]], rtol=1e-6)
    assert tf.sparse.segment_mean(x, [3, 1, 0], [0, 0, 2], num_segments=4).numpy().tolist() == [
        [5, 6],
        [0, 0],
        [1, 2],
        [0, 0],
    ]

"""Functions of the stand-in that few scripts need, and pictures, with what TensorFlow 2.15 gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kjax.keras

RANDOM = np.random.RandomState(0)
PICTURE = RANDOM.rand(6, 5, 3).astype("float32")


@pytest.mark.parametrize(("method", "size"), [("area", 3), ("gaussian", 9), ("mitchellcubic", 9)])
def test_kernels_of_resize(tf: Any, method: str, size: int):
    found = tf.image.resize(PICTURE, [size, size], method=method).numpy()
    assert found.shape == (size, size, 3)
    level = tf.image.resize(np.ones((6, 5, 3), "float32"), [size, size], method=method)
    np.testing.assert_allclose(level, 1, rtol=1e-5)  # each new pixel is an average
    if method == "area":
        halves = tf.image.resize(PICTURE[:, :4], [3, 2], method=method).numpy()
        np.testing.assert_allclose(halves, PICTURE[:, :4].reshape(3, 2, 2, 2, 3).mean((1, 3)), rtol=1e-5)


def test_types_of_pictures(tf: Any):
    image = tf.image
    assert image.convert_image_dtype([0.0, 0.5, 1.0], tf.uint8).numpy().tolist() == [0, 127, 255]
    assert image.convert_image_dtype([-1.0, 2.0], tf.uint8, saturate=True).numpy().tolist() == [0, 255]
    assert image.convert_image_dtype(np.array([1, 255], "uint8"), tf.uint16).numpy().tolist() == [256, 65280]
    grey = image.rgb_to_grayscale(np.full((1, 1, 3), 100, "uint8"))
    assert grey.dtype == tf.uint8 and int(grey[0, 0, 0]) in (99, 100)
    assert image.resize_with_pad(PICTURE, 8, 8).numpy()[:, 6:].sum() == 0
    png = tf.io.encode_png(np.full((2, 2, 1), 3, "uint8"))
    assert tf.io.decode_png(png, dtype=tf.uint16).numpy().max() == 3 * 257
    assert image.stateless_random_hue(PICTURE, 0.1, (1, 2)).shape == (6, 5, 3)
    big = RANDOM.rand(1, 192, 192, 1).astype("float32")
    np.testing.assert_allclose(image.ssim_multiscale(big, big, 1.0), 1, rtol=1e-5)


def test_networks(tf: Any):
    x = np.arange(16.0, dtype="float32").reshape(1, 4, 4, 1)
    values, places = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID")
    assert values.numpy().ravel().tolist() == [5, 7, 13, 15] and places.numpy().ravel().tolist() == [5, 7, 13, 15]
    ones = tf.nn.conv1d_transpose(tf.ones((1, 4, 1)), tf.ones((2, 1, 1)), [1, 8, 1], 2)
    assert ones.numpy().ravel().tolist() == [1] * 8
    pads = tf.nn.conv2d(x, np.ones((2, 2, 1, 1), "float32"), [1, 2, 2, 1], [[0, 0], [1, 1], [1, 1], [0, 0]])
    assert pads.shape == (1, 3, 3, 1) and float(pads[0, 1, 1, 0]) == x[0, 1:3, 1:3].sum()
    flat = np.zeros((2, 2, 1), "float32")
    wide = tf.nn.dilation2d(x, flat, [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1])
    thin = tf.nn.erosion2d(x, flat, [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1])
    assert float(wide[0, 0, 0, 0]) == 5 and float(thin[0, 1, 1, 0]) in (0.0, 5.0)
    count, total, *_ = tf.nn.sufficient_statistics(x, [0, 1, 2])
    assert float(count) == 16 and float(total[0]) == 120
    assert tf.nn.isotonic_regression([1.0, 3.0, 2.0])[0].numpy().tolist() == [2, 2, 2]


def test_numbers_and_texts(tf: Any):
    assert tf.math.segment_prod([1.0, 2.0, 3.0], [0, 0, 1]).numpy().tolist() == [2, 3]
    assert tf.math.unsorted_segment_min([1, 2, 3], [0, 0, 1], 2).numpy().tolist() == [1, 3]
    np.testing.assert_allclose(
        tf.math.unsorted_segment_sqrt_n([1.0, 2.0, 3.0], [0, 0, 1], 2), [3 / 2**0.5, 3], rtol=1e-6
    )
    a = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(tf.linalg.lu_solve(*tf.linalg.lu(a), rhs=[[1.0], [2.0]]), [[0.0], [0.5]], atol=1e-6)
    np.testing.assert_allclose(tf.linalg.LinearOperatorFullMatrix(a).solve([[1.0], [2.0]]), [[0.0], [0.5]], atol=1e-6)
    assert tf.linalg.LinearOperatorDiag([1.0, 2.0]).matmul(a).numpy().tolist() == [[1, 2], [6, 8]]
    assert tf.raw_ops.MatMul(a=a, b=a).numpy().tolist() == [[7, 10], [15, 22]] and int(tf.raw_ops.Add(x=1, y=2)) == 3
    both = tf.sets.intersection(tf.constant([[1, 2]]), tf.constant([[2, 3]]))
    assert tf.sparse.to_dense(both).numpy().tolist() == [[2]] and tf.sets.size(both).numpy().tolist() == [1]
    assert tf.strings.to_hash_bucket_fast(["a", "b"], 100).numpy().tolist() == [39, 22]
    assert int(tf.strings.to_hash_bucket_strong("a", 10, [1, 2])) == 6
    assert (tf.constant("a") + "b").numpy() == b"ab" and (tf.constant(["a"]) == ["a"]).numpy().tolist() == [True]
    assert tf.strings.unsorted_segment_join(["a", "b", "c"], [0, 1, 0], 2).numpy().tolist() == [b"ac", b"b"]


def test_random_numbers_go_on(tf: Any):
    generator = tf.random.Generator.from_seed(1)
    state = generator.state.numpy().tolist()
    first = generator.normal([3]).numpy()
    generator.reset(state)
    np.testing.assert_array_equal(generator.normal([3]), first)
    draws = tf.random.stateless_uniform([50], [1, 2], 0, 5, tf.int32).numpy()
    assert draws.min() >= 0 and draws.max() < 5
    counts = tf.random.stateless_binomial([200], [1, 2], 10.0, 0.5).numpy()
    assert 3.5 < counts.mean() < 6.5
    strategy = tf.distribute.MirroredStrategy()
    assert float(strategy.reduce(tf.distribute.ReduceOp.MEAN, tf.constant([1.0, 3.0]), axis=0)) == 2


@pytest.mark.parametrize(
    ("name", "kernel", "more"),
    [
        ("conv2d", (3, 3, 3, 4), {"strides": 2, "padding": "SAME"}),
        ("depthwise_conv2d", (3, 3, 3, 2), {"strides": [1, 1, 1, 1], "padding": "VALID"}),
        ("max_pool2d", None, {"ksize": 2, "strides": 2, "padding": "SAME"}),
        ("avg_pool2d", None, {"ksize": 2, "strides": 1, "padding": "VALID"}),
        ("space_to_depth", None, {"block_size": 3}),
    ],
)
def test_channels_that_come_first(tf: Any, name: str, kernel: Any, more: dict[str, Any]):
    rng = np.random.default_rng(0)
    x = rng.random((2, 6, 6, 3)).astype("float32")
    weights = [] if kernel is None else [rng.random(kernel).astype("float32")]
    function = getattr(tf.nn, name)
    last = function(x, *weights, **more).numpy()
    first = function(x.transpose(0, 3, 1, 2), *weights, data_format="NCHW", **more).numpy()
    np.testing.assert_allclose(first, last.transpose(0, 3, 1, 2), rtol=1e-6)
    assert not np.array_equal(first, last)


@pytest.mark.parametrize(
    ("size", "strides", "padding", "sum_"),
    [(9, 2, "SAME", 578.05), (10, 2, "SAME", None), (12, 2, "VALID", None), (13, 3, "SAME", None)],
)
def test_transposed_convolutions_have_the_sizes_that_are_asked_for(
    tf: Any, size: int, strides: int, padding: str, sum_: Any
):
    rng = np.random.default_rng(0)
    x, kernel = rng.random((2, 5, 5, 3)).astype("float32"), rng.random((3, 3, 4, 3)).astype("float32")
    found = tf.nn.conv2d_transpose(x, kernel, [2, size, size, 4], strides, padding).numpy()
    assert found.shape == (2, size, size, 4)
    with tf.GradientTape() as tape:  # it is the gradient of the convolution
        picture = tf.Variable(np.zeros(found.shape, "float32"))
        forward = tf.reduce_sum(tf.nn.conv2d(picture, kernel, strides, padding) * x)
    np.testing.assert_allclose(found, tape.gradient(forward, picture).numpy(), rtol=1e-5)
    if sum_ is not None:  # TensorFlow 2.15 gives it
        weights = np.arange(1, found.size + 1).reshape(found.shape)
        assert round(float((found * weights).sum() / found.size), 2) == sum_
    with pytest.raises(ValueError, match="output_shape"):
        tf.nn.conv2d_transpose(x, kernel, [2, 30, 30, 4], strides, padding)


def test_arguments_that_change_what_is_computed(tf: Any):
    # TensorFlow 2.15 gives these.
    assert tf.transpose(tf.constant([[1 + 2j, 3.0]], tf.complex64), conjugate=True).numpy().tolist() == [[1 - 2j], [3]]
    assert tf.eye(2, batch_shape=[3]).shape == (3, 2, 2)
    numbers = [[1, 1, 3], [0, 2, 2]]
    assert tf.math.bincount(numbers).numpy().tolist() == [1, 2, 2, 1]
    assert tf.math.bincount(numbers, axis=-1).numpy().tolist() == [[0, 2, 0, 1], [1, 0, 2, 0]]
    assert tf.math.bincount(numbers, axis=-1, binary_output=True).numpy().tolist() == [[0, 1, 0, 1], [1, 0, 1, 0]]
    frames = tf.signal.frame(np.arange(12.0).reshape(6, 2), 3, 2, axis=0).numpy()
    assert frames.tolist() == [[[0, 1], [2, 3], [4, 5]], [[4, 5], [6, 7], [8, 9]]]
    with pytest.raises(NotImplementedError, match="last axis"):
        tf.signal.dct(np.ones((3, 4), "float32"), axis=0)
    matrix = tf.linalg.LinearOperatorFullMatrix([[2.0, 1.0], [0.0, 1.0]])
    rows = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    assert matrix.matmul(rows, adjoint_arg=True).numpy().tolist() == [[4, 10, 16], [2, 4, 6]]
    assert tf.linalg.LinearOperatorIdentity(2, batch_shape=[3]).to_dense().shape == (3, 2, 2)
    first = tf.SparseTensor([[0, 0], [1, 1], [1, 2]], [1.0, 2.0, -0.1], [2, 3])
    second = tf.SparseTensor([[0, 0], [0, 1]], [-1.0, 0.5], [2, 3])
    assert tf.sparse.add(first, second).indices.numpy().tolist() == [[0, 0], [0, 1], [1, 1], [1, 2]]
    assert tf.sparse.add(first, second, 0.2).indices.numpy().tolist() == [[0, 1], [1, 1], [1, 2]]


def test_seeds_of_single_functions(tf: Any):
    def drawn() -> list[Any]:
        parts = (
            tf.random.uniform([3], seed=5),
            tf.random.uniform([3], seed=5),
            tf.random.shuffle(tf.range(20), seed=1),
        )
        return [part.numpy().tolist() for part in parts]

    tf.random.set_seed(1)
    first = drawn()
    tf.random.normal([2])
    tf.random.set_seed(1)
    tf.random.normal([2])  # what is drawn without a seed changes nothing
    assert drawn() == first and first[0] != first[1]
    tf.random.set_seed(2)
    assert drawn()[0] != first[0]


def test_summaries_are_written_at_the_step_of_their_writer(tf: Any, tmp_path: Any):
    pytest.importorskip("tensorboard")
    with tf.summary.create_file_writer(str(tmp_path)).as_default(step=7):
        tf.summary.scalar("a", 1.0)
        tf.summary.scalar("a", 2.0, step=9)
        tf.summary.experimental.set_step(11)
        tf.summary.scalar("a", 3.0)
    assert tf.summary.experimental.get_step() is None
    kjax.keras.uninstall()  # TensorBoard reads without the stand-in
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert [event.step for event in EventAccumulator(str(tmp_path)).Reload().Tensors("a")] == [7, 9, 11]

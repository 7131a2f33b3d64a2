"""``keras.backend``: every name of Keras 2.2.4 and 3, its arithmetic, and graphs as functions."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from kjax import keras
from kjax.keras import backend as K
from kjax.keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, Lambda, Layer
from kjax.keras.models import Model, Sequential

NAMES = """
Function abs all any arange argmax argmin backend batch_dot batch_flatten batch_get_value batch_normalization
batch_set_value bias_add binary_crossentropy cast cast_to_floatx categorical_crossentropy clear_session clip
concatenate constant conv1d conv2d conv2d_transpose conv3d conv3d_transpose cos count_params ctc_batch_cost
ctc_decode ctc_label_dense_to_sparse cumprod cumsum depthwise_conv2d dot dropout dtype elu epsilon equal eval
exp expand_dims eye flatten floatx foldl foldr function gather get_session get_uid get_value
get_variable_shape gradients greater greater_equal hard_sigmoid has_arg identity image_data_format
image_dim_ordering in_test_phase in_top_k in_train_phase int_shape is_float_dtype is_int_dtype is_keras_tensor
is_placeholder is_sparse is_tensor l2_normalize learning_phase less less_equal local_conv1d local_conv2d log
logsumexp manual_variable_initialization map_fn max maximum mean min minimum moving_average_update ndim
normalize_batch_in_training normalize_data_format not_equal one_hot ones ones_like permute_dimensions
placeholder pool2d pool3d pow print_tensor prod random_binomial random_normal random_normal_variable
random_uniform random_uniform_variable relu repeat repeat_elements reset_uids reshape resize_images
resize_volumes result_type reverse rnn round separable_conv1d separable_conv2d set_epsilon set_floatx
set_image_data_format set_image_dim_ordering set_learning_phase set_session set_value shape sigmoid sign sin
slice softmax softplus softsign sparse_categorical_crossentropy spatial_2d_padding spatial_3d_padding sqrt
square squeeze stack standardize_dtype std stop_gradient sum switch tanh temporal_padding tile to_dense
transpose transpose_shape truncated_normal update update_add update_sub var variable zeros zeros_like
"""

RNG = np.random.default_rng(0)
X = RNG.uniform(0.1, 0.9, (2, 3)).astype("float32")
Y = RNG.uniform(0.1, 0.9, (2, 3)).astype("float32")
P = (X / X.sum(1, keepdims=True)).astype("float32")
T = np.eye(3, dtype="float32")[[0, 2]]
B3 = RNG.normal(size=(2, 4, 3)).astype("float32")
C3 = RNG.normal(size=(2, 3, 5)).astype("float32")
IMAGES = RNG.normal(size=(2, 4, 4, 2)).astype("float32")

VALUES = {
    "mean": (lambda: K.mean(X, axis=1, keepdims=True), X.mean(1, keepdims=True)),
    "mean of booleans": (lambda: K.mean(X > 0.5), (X > 0.5).mean()),
    "sum": (lambda: K.sum(X, axis=[0, 1]), X.sum()),
    "std": (lambda: K.std(X, axis=0), X.std(0)),
    "max": (lambda: K.max(X, axis=-1), X.max(-1)),
    "argmax": (lambda: K.argmax(X), X.argmax(-1)),
    "cumsum": (lambda: K.cumsum(X), X.cumsum(0)),
    "clip": (lambda: K.clip(X, 0.3, None), np.clip(X, 0.3, None)),
    "clip crossed": (lambda: K.clip(X, 0.6, 0.2), np.full_like(X, 0.6)),
    "pow": (lambda: K.pow(X, 3), X**3),
    "equal": (lambda: K.equal(X, X), np.ones((2, 3), bool)),
    "relu": (
        lambda: K.relu(X - 0.5, alpha=0.1, max_value=0.2),
        np.where(X > 0.5, np.minimum(X - 0.5, 0.2), 0.1 * (X - 0.5)),
    ),
    "hard_sigmoid": (lambda: K.hard_sigmoid(4 * X), np.clip(0.8 * X + 0.5, 0, 1)),
    "l2_normalize": (lambda: K.l2_normalize(X, axis=1), X / np.linalg.norm(X, axis=1, keepdims=True)),
    "dot": (lambda: K.dot(B3, C3), np.dot(B3, C3)),
    "batch_dot": (lambda: K.batch_dot(B3, C3), np.einsum("bij,bjk->bik", B3, C3)),
    "batch_dot axes": (lambda: K.batch_dot(B3, C3, axes=(2, 1)), np.einsum("bij,bjk->bik", B3, C3)),
    "batch_dot vectors": (lambda: K.batch_dot(X, Y, axes=1), (X * Y).sum(1, keepdims=True)),
    "batch_dot mixed": (lambda: K.batch_dot(X, B3, axes=(1, 2)), np.einsum("bj,bij->bi", X, B3)),
    "concatenate": (lambda: K.concatenate([X, Y]), np.concatenate([X, Y], -1)),
    "permute": (lambda: K.permute_dimensions(B3, (2, 0, 1)), B3.transpose(2, 0, 1)),
    "repeat": (lambda: K.repeat(X, 2), np.repeat(X[:, None], 2, 1)),
    "repeat_elements": (lambda: K.repeat_elements(X, 2, axis=1), np.repeat(X, 2, 1)),
    "batch_flatten": (lambda: K.batch_flatten(B3), B3.reshape(2, -1)),
    "flatten": (lambda: K.flatten(B3), B3.reshape(-1)),
    "reverse": (lambda: K.reverse(X, 1), X[:, ::-1]),
    "slice": (lambda: K.slice(X, (0, 1), (2, -1)), X[:, 1:]),
    "gather": (lambda: K.gather(X, [1, 0, 1]), X[[1, 0, 1]]),
    "one_hot": (lambda: K.one_hot(np.array([0, 2]), 3), T),
    "in_top_k": (lambda: K.in_top_k(P, np.array([0, 1]), 3), np.ones(2, bool)),
    "categorical_crossentropy": (lambda: K.categorical_crossentropy(T, P), -(T * np.log(P)).sum(-1)),
    "sparse_categorical_crossentropy": (
        lambda: K.sparse_categorical_crossentropy(np.array([[0], [2]]), P),
        -(T * np.log(P)).sum(-1),
    ),
    "binary_crossentropy": (lambda: K.binary_crossentropy(T, X), -np.log(np.where(T == 1, X, 1 - X))),
    "batch_normalization": (
        lambda: K.batch_normalization(X, X.mean(0), X.var(0), Y[0], Y[1]),
        (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3) * Y[1] + Y[0],
    ),
    "normalize_batch": (
        lambda: K.normalize_batch_in_training(X, None, None, [0])[0],
        (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3),
    ),
    "bias_add": (lambda: K.bias_add(IMAGES, np.array([1.0, 2.0], "float32")), IMAGES + np.array([1, 2])),
    "bias_add first": (
        lambda: K.bias_add(IMAGES, np.arange(4.0, dtype="float32"), data_format="channels_first"),
        IMAGES + np.arange(4.0)[None, :, None, None],
    ),
    "spatial_2d_padding": (
        lambda: K.spatial_2d_padding(IMAGES, ((1, 0), (0, 2))),
        np.pad(IMAGES, ((0, 0), (1, 0), (0, 2), (0, 0))),
    ),
    "temporal_padding": (lambda: K.temporal_padding(B3, (1, 2)), np.pad(B3, ((0, 0), (1, 2), (0, 0)))),
    "resize_images": (lambda: K.resize_images(IMAGES, 2, 1, "channels_last"), IMAGES.repeat(2, 1)),
    "pool2d": (
        lambda: K.pool2d(IMAGES, (2, 2), (2, 2), pool_mode="avg"),
        IMAGES.reshape(2, 2, 2, 2, 2, 2).mean((2, 4)),
    ),
    "switch": (lambda: K.switch(np.array([True, False]), X, Y), np.stack([X[0], Y[1]])),
    "foldl": (lambda: K.foldl(lambda a, b: 2 * a + b, np.arange(4.0)), 2 * (2 * (2 * 0 + 1) + 2) + 3),
    "foldr": (lambda: K.foldr(lambda a, b: a - b, np.arange(4.0), initializer=10.0), 10 - 6),
    "map_fn": (lambda: K.map_fn(lambda r: r.sum(), X), X.sum(1)),
    "arange": (lambda: K.arange(1, 5, 2), [1, 3]),
    "eye": (lambda: K.eye(3), np.eye(3)),
    "constant": (lambda: K.constant([1, 2], shape=(2, 2)), [[1, 2], [2, 2]]),
    "update": (lambda: K.update_add(K.variable(X), 1), X + 1),
    "moving_average": (lambda: K.moving_average_update(K.variable(X), Y, 0.9), 0.9 * X + 0.1 * Y),
    "variables": (lambda: K.sum(K.variable(X) * 2 - K.zeros((2, 3))), 2 * X.sum()),
}


@pytest.fixture(autouse=True)
def session():
    """Arrays of unequal rank are the caller's business here, and nothing of a test's graphs stays."""
    keras.utils.set_random_seed(0)
    with jax.numpy_rank_promotion("allow"):
        yield
    from kjax.keras.core.settings import settings

    settings.learning_phase = settings.phase_tensor = None


def test_names():
    assert [name for name in NAMES.split() if not hasattr(K, name)] == []


def test_values():
    for name, (call, expected) in VALUES.items():
        np.testing.assert_allclose(K.eval(call()), expected, rtol=2e-5, atol=1e-6, err_msg=name)


def test_convolutions_are_those_of_keras(keras3: Any):
    kernel = RNG.normal(size=(3, 3, 2, 4)).astype("float32")
    theirs = keras3.ops.conv(IMAGES, kernel, padding="same", strides=2)
    np.testing.assert_allclose(K.conv2d(IMAGES, kernel, (2, 2), "same"), theirs, rtol=2e-5, atol=1e-5)
    deep = RNG.normal(size=(2, 2, 2, 1)).astype("float32")
    wide = RNG.normal(size=(1, 1, 2, 3)).astype("float32")
    np.testing.assert_allclose(
        K.separable_conv2d(IMAGES, deep, wide), keras3.ops.separable_conv(IMAGES, deep, wide), rtol=2e-5, atol=1e-5
    )
    back = RNG.normal(size=(3, 3, 5, 2)).astype("float32")
    for padding, size in (("same", 8), ("valid", 9)):
        theirs = keras3.ops.conv_transpose(IMAGES, back, strides=2, padding=padding)
        ours = K.conv2d_transpose(IMAGES, back, (2, size, size, 5), (2, 2), padding)
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-5)
    causal = K.conv1d(B3, RNG.normal(size=(2, 3, 4)).astype("float32"), padding="causal")
    assert causal.shape == (2, 4, 4)
    local = RNG.normal(size=(9, 8, 3)).astype("float32")
    places = K.local_conv2d(IMAGES, local, (2, 2), (1, 1), (3, 3))
    first = IMAGES[:, :2, :2].reshape(2, 8) @ local[0]
    np.testing.assert_allclose(places[:, 0, 0], first, rtol=1e-5, atol=1e-5)


def test_ctc(keras3: Any):
    p = RNG.uniform(0.1, 1, (2, 5, 4)).astype("float32")
    p /= p.sum(-1, keepdims=True)
    labels, steps, sizes = np.array([[0, 1], [2, 0]]), np.array([[5], [4]]), np.array([[2], [1]])
    theirs = keras3.ops.ctc_loss(labels, np.log(p), sizes[:, 0], steps[:, 0], mask_index=3)
    np.testing.assert_allclose(K.ctc_batch_cost(labels, p, steps, sizes)[:, 0], theirs, rtol=1e-4)
    decoded, _ = K.ctc_decode(p, np.array([5, 4]))
    theirs, _ = keras3.ops.ctc_decode(np.log(p), np.array([5, 4]), mask_index=3)
    np.testing.assert_array_equal(decoded[0], theirs[0])
    assert K.ctc_label_dense_to_sparse(labels, np.array([2, 1]))[1].tolist() == [0, 1, 2]


def test_rnn_is_the_simple_recurrence_with_its_masks():
    def step(x: Any, states: Any) -> Any:
        h = K.tanh(x + states[0])
        return h, [h]

    mask = np.array([[1, 1, 0, 1], [1, 0, 1, 1]], bool)
    last, outputs, states = K.rnn(step, B3, [np.zeros((2, 3), "float32")], mask=mask)
    h = np.zeros((2, 3), "float32")
    expected = []
    for t in range(4):
        h = np.where(mask[:, t, None], np.tanh(B3[:, t] + h), h)
        expected.append(h)
    np.testing.assert_allclose(outputs, np.stack(expected, 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(last, h, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(states[0], h, rtol=1e-5, atol=1e-6)
    drawn = K.rnn(step, K.placeholder((2, 4, 3)), [K.zeros((2, 3))], go_backwards=True)
    assert drawn[1].shape == (2, 4, 3)


def small_network() -> Model:
    return Sequential(
        [
            Input((6, 6, 2)),
            Conv2D(3, 3, activation="relu", name="conv"),
            BatchNormalization(),
            Flatten(),
            Dropout(0.5),
            Dense(2, activation="softmax"),
        ]
    )


def test_gradients_by_inputs_layers_and_weights():
    model = small_network()
    conv = model.get_layer("conv")
    images = RNG.normal(size=(2, 6, 6, 2)).astype("float32")
    by_input, by_layer = K.gradients(model.output[:, 0], [model.input, conv.output])
    by_weights = K.gradients(K.sum(K.square(model.output)), model.trainable_weights)
    assert by_input.shape == (None, 6, 6, 2) and by_layer.shape == (None, 4, 4, 3)
    run = K.function([model.input], [by_input, by_layer, *by_weights])
    found = run([images])

    def forward(x: Any) -> Any:
        return model.module.apply(model.variables_tree, x)

    np.testing.assert_allclose(found[0], jax.grad(lambda x: forward(x)[:, 0].sum())(images), rtol=1e-4, atol=1e-6)
    assert found[1].shape == (2, 4, 4, 3)
    tree = model.variables_tree
    expected = jax.grad(lambda params: (model.module.apply({**tree, "params": params}, images) ** 2).sum())(  # pyright: ignore
        tree["params"]
    )
    for gradient, leaf in zip(found[2:], [expected["conv"]["kernel"], expected["conv"]["bias"]], strict=False):
        np.testing.assert_allclose(gradient, leaf, rtol=1e-4, atol=1e-5)
    # The present values of the weights count, not those that were there when the function was made.
    model.set_weights([0 * w for w in model.get_weights()])
    assert not run([images])[0].any()
    other = K.placeholder((2,))
    assert K.gradients(model.output, [other]) == [None]


def test_second_gradients():
    x = K.placeholder((2,))
    (first,) = K.gradients(K.sum(x**3), x)
    (second,) = K.gradients(K.sum(first), x)
    np.testing.assert_allclose(K.function([x], second)([np.array([1.0, 2.0])]), [6.0, 12.0], rtol=1e-6)


def test_the_phase_is_an_input():
    model = small_network()
    dropped = model.layers[-2].output
    run = K.function([model.input, K.learning_phase()], [dropped])
    images = RNG.normal(size=(4, 6, 6, 2)).astype("float32")
    assert (run([images, 1])[0] == 0).mean() > (run([images, 0])[0] == 0).mean()
    np.testing.assert_array_equal(run([images])[0], run([images, 0])[0])  # the phase has a value of its own
    with pytest.raises(ValueError, match="2 inputs are expected, received 0"):
        run([])
    x = Input((3,))
    model = Model(x, Lambda(lambda q: K.in_train_phase(q * 2, q))(K.in_train_phase(3 * x, lambda: x)))
    np.testing.assert_allclose(model.predict(X, verbose=0), X)
    np.testing.assert_allclose(model(X, training=True), 6 * X)
    K.set_learning_phase(1)
    assert K.learning_phase() == 1 and K.in_train_phase(1, 2) == 1 and K.in_test_phase(1, 2) == 2
    with pytest.raises(ValueError, match="0 or 1"):
        K.set_learning_phase(2)


def test_functions_update_variables():
    counter, other = K.variable(1.0), K.variable([1.0, 2.0])
    factor = K.placeholder(())
    run = K.function([factor], [counter * factor], updates=[K.update_add(counter, factor), (other, other * factor)])
    assert float(run([3.0])[0]) == 3.0
    assert K.get_value(counter) == 4.0 and K.get_value(other).tolist() == [3.0, 6.0]
    K.batch_set_value([(counter, 7)])
    assert K.batch_get_value([counter]) == [7.0]
    assert K.eval(counter * 2 + K.sum(other)) == 23.0


def test_sizes_of_axes_can_be_computed_with():
    x = K.placeholder((None, 4))
    rows = K.shape(x)[0]
    halves = K.reshape(x, (rows * 2, 2))
    assert halves.shape == (None, 2)
    run = K.function([x], [halves, K.shape(x), K.zeros((rows, 3)), K.random_uniform(K.stack([rows, 2]))])
    found = run([np.ones((3, 4))])
    assert [f.shape for f in found] == [(6, 2), (2,), (3, 3), (3, 2)]
    assert found[1].tolist() == [3, 4]
    assert K.int_shape(x) == (None, 4) and K.ndim(x) == 2 and K.count_params(K.ones((2, 3))) == 6


def test_random_draws_of_a_lambda_differ_from_step_to_step():
    model = Sequential([Input((2,)), Dense(2), Lambda(lambda x: 0 * x + K.random_normal(K.shape(x)))])
    model.compile("sgd", "mse")
    losses = {model.train_on_batch(X[:, :2], X[:, :2]) for _ in range(3)}
    assert len(losses) == 3


def test_layers_losses_and_metrics_written_with_the_backend():
    class Product(Layer):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units), initializer="uniform")
            super().build(input_shape)

        def call(self, x: Any) -> Any:
            return K.relu(K.dot(x, self.kernel) + K.mean(x, axis=-1, keepdims=True))

    def loss(y_true: Any, y_pred: Any) -> Any:
        return K.mean(K.square(y_pred - y_true), axis=-1)

    def hits(y_true: Any, y_pred: Any) -> Any:
        return K.cast(K.equal(K.argmax(y_true), K.argmax(y_pred)), K.floatx())

    model = Sequential([Input((3,)), Product(3)])
    model.compile("sgd", loss, metrics=[hits])
    history = model.fit(X, T, verbose=0).history
    predicted = model.predict(X, verbose=0)
    assert set(history) == {"loss", "hits"} and predicted.shape == (2, 3)


def test_functions_of_keras_take_symbolic_tensors(tmp_path: Any):
    x = Input((3,))
    h = keras.activations.relu(Dense(3, activation=keras.activations.tanh)(x))
    error = keras.losses.mean_squared_error(x, keras.activations.softmax(h))
    assert error.shape == (None,)
    model = Model(x, keras.activations.softmax(h))
    model.compile("sgd", keras.losses.mean_squared_error, metrics=[keras.metrics.mean_absolute_error])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    assert keras.activations.get(keras.activations.relu) is keras.activations.get("relu")


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: K.gradients(np.ones(2), K.placeholder((2,))), "symbolic"),
        (lambda: K.function([], [K.placeholder((2,))]), "not among the inputs"),
        (lambda: K.function([K.placeholder((2,))], []), None),
        (lambda: K.placeholder(), "shape"),
        (lambda: K.batch_dot(X, B3), "do not fit"),
        (lambda: K.batch_dot(X, X, axes=0), "axis 0"),
        (lambda: K.bias_add(IMAGES, X), "axes"),
        (lambda: K.set_image_dim_ordering("x"), "'tf' or 'th'"),
        (lambda: K.eval(K.placeholder((1,))), "not among"),
        (lambda: K.pool2d(IMAGES, (2, 2), pool_mode="mean"), "'max' or 'avg'"),
        (lambda: K.pool2d(IMAGES, (2, 2), padding="twice"), "received 'twice'"),
        (lambda: K.conv2d(IMAGES, np.ones((2, 2, 2, 1)), data_format="channels_middle"), "received 'channels_middle'"),
    ],
)
def test_errors(action: Any, message: str | None):
    if message is None:
        with pytest.raises(ValueError, match="received"):
            action()([np.ones(3)])
        return
    with pytest.raises(ValueError, match=message):
        action()


def test_names_of_keras_3(keras3):
    missing = [name for name in dir(keras3.backend) if not name.startswith("_") and not hasattr(keras.backend, name)]
    assert not missing

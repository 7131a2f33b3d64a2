"""``keras.ops`` on symbolic tensors and variables, under jit, and its functions of functions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax import keras
from kjax.keras import ops
from kjax.keras.core.tensor import KerasTensor
from kjax.keras.ops.table import entries
from tests.keras.ops_cases import SPD, X, Y


@pytest.fixture(autouse=True)
def broadcasting():
    """Arrays of unequal rank are the caller's business here."""
    with jax.numpy_rank_promotion("allow"):
        yield


def test_operators_on_symbolic_tensors():
    x, y = keras.Input((3,)), keras.Input((3,))
    tensors = {
        "add": (x + y, X + Y),
        "radd": (2 + x, 2 + X),
        "sub": (1 - x, 1 - X),
        "div": (2 / x, 2 / X),
        "floor": (x // 0.3, X // np.float32(0.3)),
        "mod": (x % 0.3, X % np.float32(0.3)),
        "pow": (x**2, X**2),
        "rpow": (2**x, 2**X),
        "matmul": (x @ Y.T, X @ Y.T),
        "numpy": (Y[0] * x, Y[0] * X),
        "jax": (jnp.asarray(Y[0]) - x, Y[0] - X),
        "neg": (-x, -X),
        "abs": (abs(-x), X),
        "less": (x < y, X < Y),
        "greater_equal": (x >= 0.5, X >= 0.5),
        "not_equal": (x != y, X != Y),
        "and": ((x > 0.2) & (y > 0.2), (X > 0.2) & (Y > 0.2)),
        "invert": (~(x > 0.5), ~(X > 0.5)),
        "item": (x[:, 0], X[:, 0]),
        "slice": (x[:, None, 1:], X[:, None, 1:]),
        "ellipsis": (x[..., ::-1], X[..., ::-1]),
        "round": (round(x), np.round(X)),
    }
    model = keras.Model([x, y], {name: tensor for name, (tensor, _) in tensors.items()})
    found = model([X, Y])
    for name, (tensor, expected) in tensors.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, err_msg=name)
        assert tensor.shape == (None, *expected.shape[1:]) and tensor.dtype == str(expected.dtype), name
    for action, error in (
        (lambda: list(x), NotImplementedError),
        (lambda: bool(x), TypeError),
        (lambda: float(x), ValueError),
    ):
        with pytest.raises(error, match="symbolic"):
            action()
    assert (x.ndim, x.shape, x.dtype) == (2, (None, 3), "float32")


def test_models_of_operations_are_saved_and_trained(tmp_path: Any):
    x = keras.Input((4, 3))
    h = ops.relu(keras.layers.Dense(5)(x))
    h = ops.concatenate([ops.mean(h, axis=1), ops.max(h, 1)], axis=-1) * 2 - 1
    h = ops.einsum("ab,ac->ab", h, h)[:, :4]
    out = keras.layers.Dense(1)(ops.reshape(ops.stack([h, ops.square(h)], axis=-1), (-1, 8)))
    model = keras.Model(x, out)
    model.compile("sgd", "mse")
    data = np.random.default_rng(0).normal(size=(8, 4, 3)).astype("float32")
    model.fit(data, data[:, 0, :1], epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(data, verbose=0), model.predict(data, verbose=0), rtol=1e-6)
    np.testing.assert_allclose(model(data), model.predict(data, verbose=0), rtol=1e-5)


def test_free_axes():
    x = keras.Input((None, 2))
    assert ops.reshape(x, (-1, 4)).shape == (None, 4)
    assert ops.reshape(x, (2, -1)).shape == (2, None)
    assert ops.transpose(x, (2, 0, 1)).shape == (2, None, None)
    assert ops.shape(x) == (None, None, 2)
    first, second = KerasTensor((None, 3)), KerasTensor((2, None), "int32")
    assert (first + second).shape == (2, 3) and (first + second).dtype == "float32"
    assert ops.where(first > 0, first, second).shape == (2, 3)
    with pytest.raises(ValueError, match="incompatible"):
        ops.add(first, KerasTensor((2, 4)))
    assert ops.reshape(x, (ops.shape(x)[0], -1)).shape == (None, None)
    assert ops.matmul(x, ops.swapaxes(x, 1, 2)).shape == (None, None, None)
    assert [t.shape for t in ops.unstack(x, axis=2)] == [(None, None)] * 2


def test_variables_are_read_when_the_model_runs():
    scale = keras.Variable(2.0)
    x = keras.Input((3,))
    model = keras.Model(x, (x * scale + ops.multiply(scale, x)) ** 1)
    np.testing.assert_allclose(model.predict(X, verbose=0), 4 * X, rtol=1e-6)
    scale.assign(3.0)
    np.testing.assert_allclose(model.predict(X, verbose=0), 6 * X, rtol=1e-6)
    assert model.weights == []
    np.testing.assert_allclose(ops.add(scale, 1), 4.0)
    np.testing.assert_allclose(ops.stack([scale, scale]), [3.0, 3.0])


def test_control_flow():
    carry, ys = ops.scan(lambda c, x: (c + x, c * x), 0.0, jnp.arange(4.0))
    np.testing.assert_allclose(carry, 6.0)
    np.testing.assert_allclose(ys, [0.0, 0.0, 2.0, 9.0])
    np.testing.assert_allclose(ops.associative_scan(jnp.add, X, axis=1), np.cumsum(X, 1), rtol=1e-6)
    assert ops.cond(X.sum() > 0, lambda: 1, lambda: 2) == 1
    assert ops.switch(1, [lambda x: x, lambda x: 2 * x], 3) == 6
    assert ops.fori_loop(0, 3, lambda i, v: v + i, 1) == 4
    assert [int(v) for v in ops.while_loop(lambda i, s: i < 5, lambda i, s: (i + 1, s + i), (0, 0))] == [5, 10]
    assert int(ops.while_loop(lambda i: i < 5, lambda i: i + 1, 0, maximum_iterations=3)) == 3
    np.testing.assert_allclose(ops.map(lambda r: r.sum(), X), X.sum(1), rtol=1e-6)
    np.testing.assert_allclose(ops.vectorized_map(lambda r: r * 2, X), X * 2)
    value, derivative = ops.jvp(jnp.square, (jnp.float32(3),), (jnp.float32(2),))
    assert (float(value), float(derivative)) == (9.0, 12.0)
    np.testing.assert_allclose(ops.vectorize(lambda a, b: a + b)(X, Y), X + Y)
    x = keras.Input((3,))
    model = keras.Model(x, ops.vectorized_map(lambda r: r * 2, x) + ops.map(lambda r: -r, x))
    np.testing.assert_allclose(model(X), X, rtol=1e-6)

    @ops.custom_gradient
    def clipped(x: Any) -> Any:
        return x, lambda upstream: upstream * 7

    assert float(jax.grad(clipped)(2.0)) == 7.0
    assert ops.is_tensor(jnp.ones(2)) and not ops.is_tensor(x) and not ops.is_tensor(X)
    assert ops.empty((2, 1)).shape == (2, 1)


def test_under_jit():
    def network(x: Any) -> Any:
        h = ops.softmax(ops.matmul(x, ops.transpose(x)), axis=-1)
        return ops.sum(ops.where(h > 0.3, h, 0.0)) + ops.logsumexp(x)

    np.testing.assert_allclose(jax.jit(network)(X), network(X), rtol=1e-6)
    assert jax.grad(network)(jnp.asarray(X)).shape == X.shape


def test_sparsemax_is_a_distribution():
    p = np.asarray(ops.sparsemax(4 * X))
    np.testing.assert_allclose(p.sum(-1), 1.0, rtol=1e-6)
    assert (p >= 0).all()


def test_beam_search_finds_the_likeliest_labels():
    """All alignments of a short sequence, added up by labels."""
    import itertools

    logits = np.random.default_rng(1).normal(size=(1, 5, 3)).astype("float32")
    log_p = np.asarray(jax.nn.log_softmax(logits[0]))
    totals: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(3), repeat=5):
        labels = tuple(c for c, _ in itertools.groupby(path) if c != 0)
        totals[labels] = np.logaddexp(totals.get(labels, -np.inf), sum(log_p[t, c] for t, c in enumerate(path)))
    best = sorted(totals, key=lambda k: -totals[k])[:3]
    decoded, scores = ops.ctc_decode(logits, np.array([5]), "beam_search", beam_width=60, top_paths=3)
    assert [tuple(int(c) for c in row[0] if c >= 0) for row in decoded] == best
    np.testing.assert_allclose(scores[0], [totals[k] for k in best], rtol=1e-5)


def test_session_settings_are_the_defaults():
    keras.config.set_floatx("float16")
    keras.config.set_image_data_format("channels_first")
    try:
        assert (
            ops.zeros((2,)).dtype == ops.exp(3).dtype == ops.one_hot([1], 2).dtype == ops.hanning(4).dtype == "float16"
        )
        assert ops.max_pool(np.ones((1, 2, 4, 4), "float32"), 2).shape == (1, 2, 2, 2)
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: ops.scatter_update(X, [[0, 0]], [1.0], reduction="mean"), "reduction"),
        (lambda: ops.conv(np.ones((1, 4, 4, 3)), np.ones((2, 2, 2, 5))), "3 channels"),
        (lambda: ops.cholesky(-SPD), "positive definite"),
        (lambda: ops.one_hot([[1]], 2, axis=0, sparse=True), "last"),
        (lambda: ops.image.resize(np.ones((2, 2)), (1, 1)), "3 axes"),
        (lambda: ops.image.resize(np.ones((2, 2, 1)), (1, 1), interpolation="linar"), "bilinear"),
        (lambda: ops.rearrange(X, "a b -> a c"), "same axes"),
        (lambda: ops.ctc_decode(np.ones((1, 2, 3)), [2], strategy="best"), "beam_search"),
        (lambda: ops.segment_sum, None),
    ],
)
def test_errors_say_what_is_wrong(action: Any, message: str | None):
    if message is None:
        with pytest.raises(ValueError, match="num_segments"):
            jax.jit(lambda ids: ops.segment_sum(X, ids))(jnp.array([0, 1]))
        return
    with pytest.raises(ValueError, match=message):
        action()


def test_every_operation_has_a_description():
    assert [name for name, entry in entries().items() if not entry.function.__doc__] == []


@pytest.mark.parametrize("name", ["arctan2", "logaddexp", "logaddexp2", "maximum"])
@pytest.mark.parametrize("number", [0.1, 2])
def test_python_numbers_beside_half_precision(name, number, keras3):
    found = [getattr(library.ops, name)(library.ops.ones((2,), "bfloat16"), number) for library in (keras, keras3)]
    assert str(found[0].dtype) == str(found[1].dtype)
    np.testing.assert_allclose(*(np.asarray(x, "float32") for x in found), rtol=1e-6)


@pytest.mark.parametrize("name", ["exp", "mean", "median", "std", "average"])
def test_integers_become_the_session_s_floats_in_graphs_too(name: str) -> None:
    numbers = np.array([[1, 2, 4]], "int32")
    keras.config.set_floatx("bfloat16")
    try:
        function = getattr(keras.ops, name)
        inputs = keras.Input((3,), dtype="int32")
        output = function(inputs)
        found = keras.Model(inputs, output)(numbers)
        assert {str(output.dtype), str(found.dtype), str(function(numbers).dtype)} == {"bfloat16"}
        assert str(keras.ops.arange(3.0).dtype) == "bfloat16"
    finally:
        keras.config.set_floatx("float32")


def test_sixty_four_bits_where_they_are_asked_for() -> None:
    with jax.enable_x64(True):
        keras.config.set_floatx("float64")
        try:
            model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
            model.compile(keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)), "mse")
            x, y = np.array([[1.0, 2.0]]), np.array([[3.1]])
            first = model.fit(x, y, verbose=0).history["loss"][0]
            value = keras.losses.MeanSquaredError()(y, np.array([[3.0]]))
            mean = keras.metrics.Mean()
            mean.update_state([1.0, 2.0])
            kinds = {str(a.dtype) for a in (value, mean.result(), model(x), model.optimizer.learning_rate)}
            assert kinds == {"float64"}
            # In float32 the square of 0.1 would be off by 1e-9 and the step too.
            np.testing.assert_allclose([first, float(value)], 0.01, rtol=1e-13)
            np.testing.assert_allclose(model.get_weights()[0], [[1.02], [1.04]], rtol=1e-14)
        finally:
            keras.config.set_floatx("float32")
        assert [str(keras.ops.arange(stop).dtype) for stop in (2, 2.0)] == ["int32", "float32"]
        assert str(keras.ops.arctan2(np.ones(2, "int8"), 1).dtype) == "float32"
        assert str(keras.ops.log(np.ones(2, "int64")).dtype) == "float32"

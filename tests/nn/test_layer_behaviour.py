"""What holds for layers beyond equality with Keras: transformations, equivalences between layers, carried state."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import layers
from kjax.nn.layers.recurrent import engine
from kjax.nn.module import Layer, describe
from tests.nn.oracle import Case, make_inputs, random_variables

L: Any = layers
KEY = jax.random.key(0)


def first_cases() -> list[Case]:
    """One case of each class, from the tables."""
    found: dict[str, Case] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent / "cases")]):
        for case in importlib.import_module(f"tests.nn.cases.{module.name}").CASES:
            found.setdefault(type(case.module).__name__, case)
    return list(found.values())


@pytest.mark.parametrize("case", first_cases(), ids=lambda case: type(case.module).__name__)
def test_under_vmap_over_weights_and_inputs(case: Case) -> None:
    """Several networks at once; traced only, as shapes are what can go wrong."""
    inputs = make_inputs(case)
    args = [inputs] if case.as_list else inputs
    mask = case.mask(inputs) if case.mask else None
    description = describe(case.module, *args, mask=mask, **case.call)
    variables = random_variables(description)

    def apply(variables: Any, args: Any) -> Any:
        rngs = {"dropout": KEY}
        return case.module.apply(variables, *args, training=True, mask=mask, rngs=rngs, mutable=["state"], **case.call)

    def stacked(tree: Any) -> Any:
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct((3, *np.shape(x)), np.asarray(x).dtype), tree)

    one = jax.eval_shape(apply, variables, args)
    three = jax.eval_shape(jax.vmap(apply), stacked(variables), stacked(args))
    assert jax.tree.map(lambda x: x.shape[1:], three) == jax.tree.map(lambda x: x.shape, one)


@pytest.mark.parametrize("case", first_cases(), ids=lambda case: type(case.module).__name__)
def test_is_a_value(case: Case) -> None:
    module = case.module
    other = type(module)(**module.get_config())
    assert module == other and hash(module) == hash(other)
    assert type(module).__name__ in repr(module)


SEQUENCE = np.random.default_rng(0).standard_normal((2, 6, 3)).astype("float32")
MASK = np.array([[True, True, False, True, False, False], [False, True, True, True, True, True]])


class PlainLSTM(nn.Module):
    """An LSTM step written with Flax' Dense, to be run by RNN."""

    units: int = 4

    @property
    def state_size(self) -> tuple[int, int]:
        return self.units, self.units

    @nn.compact
    def __call__(self, inputs: Any, states: Any) -> Any:
        h, c = states
        z = nn.Dense(4 * self.units, name="x")(inputs) + nn.Dense(4 * self.units, use_bias=False, name="h")(h)
        i, f, g, o = jnp.split(z, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return h, [h, c]


@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
@pytest.mark.parametrize("options", [{}, {"return_sequences": True, "go_backwards": True}, {"unroll": True}], ids=str)
def test_rnn_of_a_foreign_cell_equals_lstm(options: dict[str, Any], mask: Any) -> None:
    lstm, rnn = L.LSTM(4, **options), L.RNN(PlainLSTM(4), **options)
    params = lstm.init(KEY, SEQUENCE)["params"]
    foreign = {"x": {"kernel": params["kernel"], "bias": params["bias"]}, "h": {"kernel": params["recurrent_kernel"]}}
    assert jax.tree.map(jnp.shape, rnn.init(KEY, SEQUENCE)["params"]) == {"cell": jax.tree.map(jnp.shape, foreign)}

    def loss(layer: Any, params: Any, x: Any) -> Any:
        return jnp.sum(jnp.square(layer.apply({"params": params}, x, mask=mask)))

    got = jax.value_and_grad(lambda p, x: loss(rnn, {"cell": p}, x), (0, 1))(foreign, SEQUENCE)
    want = jax.value_and_grad(lambda p, x: loss(lstm, p, x), (0, 1))(params, SEQUENCE)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5)
    np.testing.assert_allclose(got[1][1], want[1][1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(got[1][0]["h"]["kernel"], want[1][0]["recurrent_kernel"], rtol=1e-4, atol=1e-6)


class Forgetful(Layer):
    """A cell that returns its inputs through dropout, with a penalty on a weight."""

    state_size = 4

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        x = layers.Dense(4, use_bias=False, kernel_initializer="identity", kernel_regularizer="l2")(inputs)
        y = layers.Dropout(0.5)(x, training=training)
        return y, [y]


def test_random_numbers_and_penalties_of_a_foreign_cell() -> None:
    x = jnp.ones((3, 5, 4))
    layer = L.RNN(Forgetful(), return_sequences=True)
    variables = layer.init(KEY, x)
    y, updates = layer.apply(variables, x, training=True, rngs={"dropout": KEY}, mutable=["losses"])
    assert (y == y[:, :1]).all() and set(np.unique(y)) == {0, 2}
    assert jax.tree.leaves(updates["losses"]) == [pytest.approx(0.01 * 4)]


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_gradients_by_hand_equal_those_of_the_scan(name: str, mask: Any) -> None:
    """The element-wise parts with derivatives written out, against differentiating the loop."""
    layer = getattr(L, name)(4, return_sequences=True)
    params = layer.init(KEY, SEQUENCE)["params"]
    bias = params["bias"] if name == "GRU" else params["bias"][None]
    pointwise = layer.pointwise()
    assert type(pointwise).save is not engine.Pointwise.save
    times = None if mask is None else jnp.asarray(mask).T

    def by_scan(params: Any, x: Any) -> Any:
        inputs = jnp.swapaxes(x, 0, 1) @ params["kernel"] + bias[0]

        def step(x: Any, states: Any) -> Any:
            r = states[0] @ params["recurrent_kernel"]
            return pointwise(x + r, None, states) if pointwise.additive else pointwise(x, r + bias[1], states)

        start = tuple(layer.get_initial_state(2))
        return jnp.swapaxes(engine.scan(step, inputs, start, times)[0], 0, 1)

    def loss(run: Any, params: Any, x: Any) -> Any:
        return jnp.sum(jnp.sin(3 * run(params, x)))

    got = jax.grad(lambda p, x: loss(lambda p, x: layer.apply({"params": p}, x, mask=mask), p, x), (0, 1))
    want = jax.grad(lambda p, x: loss(by_scan, p, x), (0, 1))
    a, b = got(params, SEQUENCE), want(params, SEQUENCE)
    np.testing.assert_allclose(a[1], b[1], rtol=1e-4, atol=1e-6)
    for key in ("kernel", "recurrent_kernel"):
        np.testing.assert_allclose(a[0][key], b[0][key], rtol=1e-4, atol=1e-5)


def test_second_derivatives_of_a_recurrent_layer() -> None:
    """A Hessian-vector product, forward over reverse, against a difference of gradients."""
    layer = L.LSTM(2)
    x = jnp.asarray(SEQUENCE, jnp.float32)
    variables = layer.init(KEY, x)
    gradient = jax.grad(lambda x: jnp.sum(jnp.square(layer.apply(variables, x))))
    direction = jnp.asarray(np.random.default_rng(1).standard_normal(x.shape), jnp.float32)
    _, product = jax.jvp(gradient, (x,), (direction,))
    twice = jax.grad(lambda x: jnp.vdot(gradient(x), direction))(x)
    difference = (gradient(x + 1e-2 * direction) - gradient(x - 1e-2 * direction)) / 2e-2
    np.testing.assert_allclose(product, twice, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(product, difference, rtol=2e-2, atol=2e-4)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_stateful_layers_go_on_where_they_were(name: str) -> None:
    whole = getattr(L, name)(3, return_sequences=True)
    layer = whole.clone(stateful=True)
    variables = layer.init(KEY, SEQUENCE[:, :2])
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(variables["state"]))
    outputs = []
    for part in np.split(SEQUENCE, 3, axis=1):
        y, updates = layer.apply(variables, part, mutable=["state"])
        variables = {**variables, **updates}
        outputs.append(y)
    want = whole.apply({"params": variables["params"]}, SEQUENCE)
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), want, rtol=1e-5, atol=1e-6)
    unchanged = layer.apply(variables, SEQUENCE[:, :2])  # nothing is stored unless it is asked for
    np.testing.assert_array_equal(unchanged, layer.apply(variables, SEQUENCE[:, :2]))


@pytest.mark.parametrize("cell", ["LSTMCell", "GRUCell", "SimpleRNNCell"])
def test_layer_equals_rnn_of_its_cell_and_its_steps(cell: str) -> None:
    layer, rnn = getattr(L, cell.removesuffix("Cell"))(3), L.RNN(getattr(L, cell)(3))
    params = layer.init(KEY, SEQUENCE)["params"]
    want = layer.apply({"params": params}, SEQUENCE)
    np.testing.assert_array_equal(rnn.apply({"params": {"cell": params}}, SEQUENCE), want)
    one = rnn.cell
    states = one.get_initial_state(2)
    for time in range(SEQUENCE.shape[1]):
        output, states = one.apply({"params": params}, jnp.asarray(SEQUENCE[:, time]), states)
    np.testing.assert_allclose(output, want, rtol=1e-5, atol=1e-6)


def test_recurrent_dropout_masks() -> None:
    """A recurrent layer that returns its inputs shows the mask: the same at all times, scaled, other for each sample."""
    ones = jnp.ones((200, 4, 20))
    identity = {"kernel": jnp.eye(20), "recurrent_kernel": jnp.zeros((20, 20))}
    layer = L.SimpleRNN(20, activation=None, use_bias=False, dropout=0.4, return_sequences=True)
    y = np.asarray(layer.apply({"params": identity}, ones, training=True, rngs={"dropout": KEY}))
    assert (y == y[:, :1]).all() and np.allclose(np.unique(y), [0, 1 / 0.6])
    assert abs((y[:, 0] == 0).mean() - 0.4) < 4 * (0.24 / 4000) ** 0.5
    # Dropped states: the output is the sum of the inputs so far where the state is kept.
    adding = {"kernel": jnp.eye(20), "recurrent_kernel": jnp.eye(20)}
    layer = L.SimpleRNN(20, activation=None, use_bias=False, recurrent_dropout=0.5)
    y = np.asarray(layer.apply({"params": adding}, ones, training=True, rngs={"dropout": KEY}))
    assert set(np.unique(y)) == {1, 1 + 2 + 4 + 8} and abs((y == 1).mean() - 0.5) < 4 * (0.25 / 4000) ** 0.5


@pytest.mark.parametrize("name", ["LSTM", "GRU", "ConvLSTM1D"])
@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.0, 0.5), (0.5, 0.5)], ids=str)
def test_dropout_of_gated_layers(name: str, rates: tuple[float, float]) -> None:
    args = (2, 2) if name == "ConvLSTM1D" else (3,)
    layer = getattr(L, name)(*args, dropout=rates[0], recurrent_dropout=rates[1])
    x = jnp.ones((4, 3, 5, 2)) if name == "ConvLSTM1D" else jnp.ones((4, 3, 5))
    variables = layer.init(KEY, x)

    def run(seed: int) -> Any:
        return layer.apply(variables, x, training=True, rngs={"dropout": jax.random.key(seed)})

    np.testing.assert_array_equal(run(1), run(1))
    assert not np.allclose(run(1), run(2)) and not np.allclose(run(1), layer.apply(variables, x))
    assert len({sample.tobytes() for sample in np.asarray(run(1))}) == 4


def test_frozen_batch_normalization_uses_its_moving_statistics() -> None:
    x = jnp.asarray(np.random.default_rng(0).standard_normal((6, 4)).astype("float32"))
    layer, frozen = L.BatchNormalization(), L.BatchNormalization(trainable=False)
    variables = layer.init(KEY, x)
    y, updates = frozen.apply(variables, x, training=True, mutable=["state"])
    np.testing.assert_array_equal(y, layer.apply(variables, x))
    jax.tree.map(np.testing.assert_array_equal, updates["state"], variables["state"])


def test_frozen_layers_have_no_penalty() -> None:
    x = jnp.ones((2, 3))
    for trainable in (True, False):
        layer = L.Dense(2, kernel_regularizer="l2", trainable=trainable)
        _, updates = layer.apply(layer.init(KEY, x), x, mutable=["losses"])
        assert bool(updates.get("losses")) == trainable


def test_activity_penalties_of_attention_are_those_of_its_projections() -> None:
    x = jnp.ones((2, 3, 4))
    layer = L.MultiHeadAttention(1, 2, activity_regularizer="l2")
    _, updates = layer.apply(layer.init(KEY, x, x), x, x, mutable=["losses"])
    assert set(updates["losses"]) == {"query", "key", "value", "attention_output"}


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (L.LSTM(2, stateful=True), (2, 3, 4)),
        (L.Conv2D(2, 2), (1, 3, 3, 2)),
        (L.BatchNormalization(), (3, 2)),
        (L.MultiHeadAttention(1, 2), (1, 3, 4)),
        (L.Bidirectional(L.GRU(2)), (1, 3, 4)),
    ],
    ids=["LSTM", "Conv2D", "BatchNormalization", "MultiHeadAttention", "Bidirectional"],
)
def test_mixed_precision_keeps_weights_in_float32(layer: Any, shape: tuple[int, ...], dtype: str) -> None:
    inner = {"layer": layer.layer.clone(dtype=dtype)} if isinstance(layer, layers.Bidirectional) else {}
    layer = layer.clone(dtype=dtype, **inner)
    x = jnp.ones(shape)
    args = (x, x) if isinstance(layer, layers.MultiHeadAttention) else (x,)
    output, variables = jax.eval_shape(lambda *args: layer.init_with_output(KEY, *args), *args)
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(variables)} == {"float32"}
    assert str(output.dtype) == dtype.removeprefix("mixed_")


def test_spectral_normalization_bounds_the_kernel() -> None:
    x = jnp.eye(5)
    layer = L.SpectralNormalization(L.Dense(3, use_bias=False), power_iterations=3)
    variables = layer.init(KEY, x)
    for _ in range(10):
        _, updates = layer.apply(variables, x, training=True, mutable=["state"])
        variables = {**variables, **updates}
    kernel, updates = layer.apply(variables, x, training=True, mutable=["params", "state"])
    assert np.linalg.norm(kernel, 2) == pytest.approx(1.0, rel=1e-3)
    np.testing.assert_array_equal(updates["params"]["layer"]["kernel"], kernel)
    np.testing.assert_array_equal(layer.apply(variables, x), variables["params"]["layer"]["kernel"])


def test_embedding_out_of_range_is_not_a_number() -> None:
    layer = L.Embedding(3, 2)
    variables = layer.init(KEY, jnp.array([0]))
    assert np.isnan(layer.apply(variables, jnp.array([3]))).all()


def test_flash_attention_without_a_gpu() -> None:
    layer = L.MultiHeadAttention(1, 2, flash_attention=True)
    x = jnp.ones((1, 3, 4))
    with pytest.raises(RuntimeError, match="MultiHeadAttention layer: `flash_attention` needs an NVIDIA GPU"):
        layer.init(KEY, x, x)


def test_flash_attention_of_more_axes_is_the_plain_one() -> None:
    x = jax.random.normal(KEY, (1, 3, 2, 4))
    plain, fused = L.MultiHeadAttention(1, 2), L.MultiHeadAttention(1, 2, flash_attention=True)
    variables = plain.init(KEY, x, x)
    np.testing.assert_array_equal(fused.apply(variables, x, x), plain.apply(variables, x, x))
    with pytest.raises(ValueError, match="does not give the scores"):
        fused.apply(variables, x, x, return_attention_scores=True)


CHANNELS = [
    (L.Conv1DTranspose(3, 2, strides=2), (2, 4, 2)),
    (L.Conv3DTranspose(3, 2, strides=2), (1, 2, 3, 2, 2)),
    (L.DepthwiseConv1D(2, depth_multiplier=2), (2, 4, 2)),
    (L.SeparableConv1D(3, 2, padding="same"), (2, 4, 2)),
    (L.ConvLSTM1D(3, 2, padding="same"), (2, 3, 4, 2)),
    (L.ConvLSTM3D(3, 2), (1, 2, 3, 2, 3, 2)),
    (L.Cropping3D(((1, 0), 1, (0, 1))), (1, 3, 4, 3, 2)),
    (L.ZeroPadding3D((1, 0, 2)), (1, 2, 3, 2, 2)),
    (L.UpSampling3D((1, 2, 2)), (1, 2, 3, 2, 2)),
    (L.AdaptiveAveragePooling1D(3), (2, 5, 2)),
    (L.AdaptiveMaxPooling3D((1, 2, 2)), (1, 3, 4, 3, 2)),
]


@pytest.mark.parametrize(("layer", "shape"), CHANNELS, ids=lambda value: getattr(type(value), "__name__", ""))
def test_channels_first_is_the_same_with_other_axes(layer: Any, shape: tuple[int, ...]) -> None:
    """On CPU as elsewhere; those that are not here are compared with Keras in both formats."""
    x = jnp.asarray(np.random.default_rng(0).standard_normal(shape), jnp.float32)
    variables = layer.init(KEY, x)
    want = layer.apply(variables, x)
    first = layer.clone(data_format="channels_first")
    got = first.apply(variables, jnp.moveaxis(x, -1, 2 if hasattr(layer, "return_sequences") else 1))
    np.testing.assert_allclose(np.moveaxis(got, 1, -1), want, rtol=1e-5, atol=1e-6)


def test_attention_in_float64_is_that_of_float64() -> None:
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        x = jnp.asarray(rng.normal(size=(2, 5, 3)))
        layer = L.MultiHeadAttention(2, 4, dtype="float64")
        variables = layer.init(KEY, x, x)
        w = jax.tree.map(np.asarray, variables["params"])
        query, key, value = (
            np.einsum("btd,dhk->bthk", x, w[n]["kernel"]) + w[n]["bias"] for n in ("query", "key", "value")
        )
        scores = np.exp(np.einsum("bthk,bshk->bhts", query, key) / 2)
        mixed = np.einsum("bhts,bshk->bthk", scores / scores.sum(-1, keepdims=True), value)
        want = np.einsum("bthk,hkd->btd", mixed, w["attention_output"]["kernel"]) + w["attention_output"]["bias"]
        np.testing.assert_allclose(layer.apply(variables, x, x), want, rtol=1e-13, atol=1e-14)

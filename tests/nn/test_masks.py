"""Masks: which layers make, pass on, change and end them, and what they do with them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import layers

L: Any = layers

MASK = np.array([[True, True, False], [True, False, False]])
X = np.random.default_rng(0).standard_normal((2, 3, 4)).astype("float32")
IMAGES = np.zeros((2, 3, 4, 2), "float32")

# Layers of one input with the time mask (2, 3); real Keras says what becomes of it.
ONE_INPUT = [
    ("Activation", ("relu",), X),
    ("Dense", (2,), X),
    ("Dropout", (0.5,), X),
    ("SpatialDropout1D", (0.5,), X),
    ("GaussianNoise", (0.5,), X),
    ("GaussianDropout", (0.5,), X),
    ("AlphaDropout", (0.5,), X),
    ("ActivityRegularization", (), X),
    ("Identity", (), X),
    ("ReLU", (), X),
    ("PReLU", (), X),
    ("Softmax", (), X),
    ("BatchNormalization", (), X),
    ("LayerNormalization", (), X),
    ("GroupNormalization", (2,), X),
    ("RMSNormalization", (), X),
    ("UnitNormalization", (), X),
    ("Rescaling", (2.0,), X),
    ("Flatten", (), X),
    ("Reshape", ((4, 3),), X),
    ("Permute", ((2, 1),), X),
    ("Conv1D", (2, 2), X),
    ("MaxPooling1D", (2,), X),
    ("GlobalAveragePooling1D", (), X),
    ("GlobalMaxPooling1D", (), X),
    ("ZeroPadding1D", (), X),
    ("UpSampling1D", (), X),
    ("EinsumDense", ("abc,cd->abd", (None, 2)), X),
    ("LSTM", (2,), X),
    ("LSTM", (2, {"return_sequences": True}), X),
    ("LSTM", (2, {"return_sequences": True, "return_state": True}), X),
    ("GRU", (2, {"return_state": True}), X),
    ("SimpleRNN", (2, {"return_sequences": True}), X),
    ("ConvLSTM1D", (2, 1, {"return_sequences": True}), IMAGES),
]


def make(module: Any, name: str, args: tuple[Any, ...]) -> Any:
    """A layer from its arguments, of which a last dict holds the keywords."""
    kwargs = args[-1] if args and isinstance(args[-1], dict) else {}
    return getattr(module, name)(*(args[:-1] if kwargs else args), **kwargs)


@pytest.mark.parametrize(("name", "args", "x"), ONE_INPUT, ids=[f"{n}{a}" for n, a, _ in ONE_INPUT])
def test_passed_on_as_keras_does(name: str, args: tuple[Any, ...], x: np.ndarray, keras3: ModuleType) -> None:
    ours, theirs = make(L, name, args), make(keras3.layers, name, args)
    assert bool(ours.supports_masking) == bool(theirs.supports_masking)
    got = ours.compute_mask(x, MASK)
    # A layer that does not support masks refuses one in Keras; here the mask ends.
    want = theirs.compute_mask(x, MASK) if theirs.supports_masking else None
    assert jax.tree.structure(got) == jax.tree.structure(want)
    jax.tree.map(np.testing.assert_array_equal, got, want)
    assert jax.tree.leaves(ours.compute_mask(x, None)) == []


def test_made_by_embedding_and_masking() -> None:
    ids = np.array([[3, 0, 1], [0, 0, 2]])
    np.testing.assert_array_equal(L.Embedding(4, 2, mask_zero=True).compute_mask(ids, None), ids != 0)
    assert L.Embedding(4, 2).compute_mask(ids, MASK) is None
    np.testing.assert_array_equal(L.ReversibleEmbedding(4, 2, mask_zero=True).compute_mask(ids, None), ids != 0)
    x = np.array([[[0.0, 0.0], [0.0, 1.0]], [[5.0, 5.0], [0.0, 0.0]]], "float32")
    np.testing.assert_array_equal(L.Masking().compute_mask(x, None), [[False, True], [True, False]])
    np.testing.assert_array_equal(L.Masking(5.0).compute_mask(x, None), [[True, True], [False, True]])
    np.testing.assert_array_equal(L.Masking(5.0).apply({}, x)[1], [[0.0, 0.0], [0.0, 0.0]])


MERGES = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"]


@pytest.mark.parametrize("masked", [(True, True), (True, False), (False, True)], ids=str)
@pytest.mark.parametrize("name", MERGES)
def test_merges(name: str, masked: tuple[bool, bool], keras3: ModuleType) -> None:
    """The mask of a merged layer, and its values, in a model whose inputs come through Masking layers."""
    rng = np.random.default_rng(1)
    xs = [rng.standard_normal((2, 3, 4)).astype("float32") for _ in range(2)]
    xs[0][0, 1] = xs[1][0, 2] = xs[0][1, 0] = xs[1][1, 0] = 0
    inputs = [keras3.Input((3, 4)) for _ in xs]
    through = [keras3.layers.Masking()(i) if m else i for i, m in zip(inputs, masked, strict=True)]
    merged = getattr(keras3.layers, name)()(through)
    # A pooling layer that takes the mask shows it.
    pooled = keras3.layers.GlobalAveragePooling1D()(merged)
    want, want_pooled = keras3.Model(inputs, [merged, pooled])(xs)

    layer = getattr(L, name)()
    masks = [L.Masking().compute_mask(x, None) if m else None for x, m in zip(xs, masked, strict=True)]
    got = layer.apply({}, xs, mask=masks)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    mask = layer.compute_mask(xs, masks)
    np.testing.assert_allclose(L.GlobalAveragePooling1D().apply({}, got, mask=mask), want_pooled, rtol=1e-5)


def test_merge_masks_must_match_the_inputs() -> None:
    with pytest.raises(ValueError, match="Add layer: argument `mask` must be a list of 2 masks"):
        L.Add().compute_mask([X, X], MASK)


def test_masked_steps_do_not_count_in_recurrent_layers() -> None:
    changed = np.where(MASK[..., None], X, 100.0).astype("float32")
    for layer in (
        L.LSTM(2),
        L.GRU(2),
        L.GRU(2, reset_after=False),
        L.SimpleRNN(2),
        L.RNN([L.LSTMCell(2), L.GRUCell(2)]),
    ):
        variables = layer.init(jax.random.key(0), X)
        one, two = (layer.apply(variables, x, mask=MASK) for x in (X, changed))
        np.testing.assert_array_equal(one, two)
        short = layer.apply(variables, X[1:, :1])
        np.testing.assert_allclose(one[1:], short, rtol=1e-6)


def test_masked_steps_of_a_convolutional_lstm() -> None:
    images = np.random.default_rng(0).standard_normal((2, 3, 4, 2)).astype("float32")
    layer = L.ConvLSTM1D(2, 3, padding="same", return_sequences=True)
    variables = layer.init(jax.random.key(0), images)
    outputs = layer.apply(variables, images, mask=MASK)
    np.testing.assert_array_equal(outputs[0, 2], outputs[0, 1])
    np.testing.assert_allclose(outputs[:, 0], layer.apply(variables, images)[:, 0], rtol=1e-6)


def test_mask_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"LSTM layer: argument `mask` must have the shape .* received \(2, 2\)"):
        L.LSTM(2).init(jax.random.key(0), X, mask=MASK[:, :2])
    with pytest.raises(ValueError, match="BatchNormalization layer: argument `mask` must have one axis less"):
        L.BatchNormalization().init(jax.random.key(0), X, mask=MASK[:, :, None])
    with pytest.raises(ValueError, match=r"Softmax layer: argument `mask` .* does not broadcast"):
        L.Softmax().apply({}, X, mask=MASK)


def test_bidirectional_and_time_distributed() -> None:
    both = L.Bidirectional(L.LSTM(2, return_sequences=True))
    np.testing.assert_array_equal(both.compute_mask(X, MASK), MASK)
    assert L.Bidirectional(L.LSTM(2)).compute_mask(X, MASK) is None
    apart = L.Bidirectional(L.GRU(2, return_sequences=True, return_state=True), merge_mode=None)
    masks = apart.compute_mask(X, MASK)
    assert [m is None for m in masks] == [False, False]
    np.testing.assert_array_equal(L.TimeDistributed(L.Dense(2)).compute_mask(X, MASK), MASK)


def test_time_distributed_gives_the_mask_to_its_layer() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4)).astype("float32")
    mask = np.random.default_rng(1).random((2, 3, 5)) < 0.6
    layer = L.TimeDistributed(L.GRU(2))
    variables = layer.init(jax.random.key(0), x)
    outputs = layer.apply(variables, x, mask=mask)
    inner = {"params": variables["params"]["layer"]}
    for time in range(3):
        want = L.GRU(2).apply(inner, x[:, time], mask=mask[:, time])
        np.testing.assert_allclose(outputs[:, time], want, rtol=1e-5, atol=1e-6)


def test_attention_keeps_the_mask_of_the_query() -> None:
    np.testing.assert_array_equal(L.Attention().compute_mask([X, X], [MASK, None]), MASK)
    np.testing.assert_array_equal(L.MultiHeadAttention(1, 2).compute_mask(X, MASK), MASK)


def test_batch_normalization_ignores_masked_steps() -> None:
    layer = L.BatchNormalization(momentum=0.0)
    variables = layer.init(jax.random.key(0), X)
    _, updates = layer.apply(variables, X, training=True, mask=MASK, mutable=["state"])
    kept = X[MASK]
    np.testing.assert_allclose(updates["state"]["moving_mean"], kept.mean(0), rtol=1e-5)
    np.testing.assert_allclose(updates["state"]["moving_variance"], kept.var(0), rtol=1e-5)


def test_under_jit_with_a_traced_mask() -> None:
    layer = L.LSTM(2)
    variables = layer.init(jax.random.key(0), X)
    run = jax.jit(lambda x, mask: layer.apply(variables, x, mask=mask))
    np.testing.assert_allclose(run(X, jnp.asarray(MASK)), layer.apply(variables, X, mask=MASK), rtol=1e-6)

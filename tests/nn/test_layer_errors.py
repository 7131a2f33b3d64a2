"""Bad arguments and inputs: the error names the layer, the argument and what was received."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from kjax.nn import layers

L: Any = layers

ARGUMENTS = [
    (lambda: L.Dense(-1), r"Dense: Received an invalid value for `units`: expected a positive integer, received -1"),
    (lambda: L.Dense(2.5), r"Dense: Received an invalid value for `units`: expected an integer, received 2.5"),
    (
        lambda: L.Dense(2, activation="rleu"),
        r"Dense: Invalid value for argument `activation`: Could not interpret activation function identifier 'rleu': did you mean.*'relu'",
    ),
    (lambda: L.Dense(2, kernel_initializer="gloro_uniform"), r"`kernel_initializer`.*did you mean 'glorot_uniform'"),
    (
        lambda: L.Dense(2, quantization_config=3),
        r"Dense: Invalid value for argument `quantization_config`: expected a QuantizationConfig or None, received 3",
    ),
    (
        lambda: L.Dropout(1.5),
        r"Dropout: Invalid value received for argument `rate`: expected a number from 0 to 1, received 1.5",
    ),
    (
        lambda: L.Dropout(0.5, noise_shape="ab"),
        r"Dropout: Invalid value for argument `noise_shape`: expected several integers",
    ),
    (lambda: L.Embedding(0, 4), r"Embedding: Invalid value for argument `input_dim`: expected a positive integer"),
    (
        lambda: L.Embedding(3, 4, weights=[1.0, 2.0]),
        r"Embedding: Invalid value for argument `weights`: expected a matrix",
    ),
    (
        lambda: L.Conv2D(4, (3, 3, 3)),
        r"Conv2D: Invalid value for argument `kernel_size`: expected one integer or 2 of them",
    ),
    (
        lambda: L.Conv2D(4, 3, padding="sane"),
        r"Conv2D: Invalid value for argument `padding`: cannot be 'sane'; did you mean 'same'",
    ),
    (lambda: L.Conv2D(4, 3, padding="causal"), r"Conv2D: Invalid value for argument `padding`: cannot be 'causal'"),
    (lambda: L.Conv1D(3, 3, groups=2), r"Conv1D: .*argument `filters`: 3 is no multiple of `groups` 2"),
    (lambda: L.Conv2D(4, 3, strides=2, dilation_rate=2), r"Conv2D: arguments `strides` \(2, 2\) and `dilation_rate`"),
    (lambda: L.Conv2D(4, 3, data_format="channel_last"), r"`data_format`: .*did you mean 'channels_last'"),
    (lambda: L.Conv2DTranspose(4, 3, output_padding=1), r"Conv2DTranspose: argument `output_padding` \(1, 1\)"),
    (
        lambda: L.MaxPooling2D(0),
        r"MaxPooling2D: Invalid value for argument `pool_size`: expected integers of at least 1",
    ),
    (
        lambda: L.ZeroPadding2D(((1, 2, 3), 1)),
        r"ZeroPadding2D: Invalid value for argument `padding`: expected non-negative integers",
    ),
    (lambda: L.Reshape((-1, -1)), r"Reshape: Invalid value for argument `target_shape`: expected sizes"),
    (
        lambda: L.Permute((1, 3)),
        r"Permute: Invalid value for argument `dims`: expected the integers 1 to 2 in some order",
    ),
    (
        lambda: L.RandomTranslation(2.0, 0.1),
        r"RandomTranslation: Invalid value for argument `height_factor`: .*from -1.0 to 1",
    ),
    (lambda: L.BatchNormalization(renorm_clipping={"rmaxx": 1}), r"`renorm_clipping`: expected the keys"),
    (
        lambda: L.GroupNormalization(0),
        r"GroupNormalization: Invalid value for argument `groups`: expected a positive integer, or -1",
    ),
    (
        lambda: L.Bidirectional(L.Dense(2)),
        r"Bidirectional: Invalid value for argument `layer`: expected a recurrent layer",
    ),
    (lambda: L.Bidirectional(L.LSTM(2), backward_layer=L.LSTM(2)), r"must have different values of `go_backwards`"),
    (
        lambda: L.RNN(L.Dense(2)),
        r"RNN: Invalid value for argument `cell`: the cell Dense needs an attribute `state_size`",
    ),
    (
        lambda: L.TimeDistributed(3),
        r"TimeDistributed: Invalid value for argument `layer`: expected a layer, received 3",
    ),
    (lambda: L.EinsumDense("ab,bc", 2), r"EinsumDense: Invalid value for argument `equation`: expected the form"),
    (lambda: L.GroupQueryAttention(2, 3, 2), r"`num_query_heads`: 3 is no multiple of `num_key_value_heads` 2"),
    (lambda: L.MultiHeadAttention(2, 2, dropout=0.1, flash_attention=True), r"argument `dropout` must be 0"),
]

VECTOR, SEQUENCE, IMAGE = (2, 3), (2, 5, 4), (2, 6, 6, 3)
INPUTS = [
    (L.Dense(2), (3,), r"Dense layer: argument `inputs` must have at least 2 axes .*received shape \(3,\)"),
    (L.Conv2D(4, 3), SEQUENCE, r"Conv2D layer: argument `inputs` must have 4 axes .*received shape \(2, 5, 4\)"),
    (L.Conv2D(4, 7), IMAGE, r"Conv2D layer: inputs of shape \(2, 6, 6, 3\) are too small.* `kernel_size` \(7, 7\)"),
    (L.Conv2D(4, 3, groups=2), IMAGE, r"Conv2D layer: .*argument `groups` 2 does not divide the 3 channels"),
    (L.MaxPooling2D(7), IMAGE, r"MaxPooling2D layer: windows of `pool_size` \(7, 7\) do not fit"),
    (L.GlobalMaxPooling1D(), IMAGE, r"GlobalMaxPooling1D layer: argument `inputs` must have 3 axes"),
    (L.Reshape((5,)), VECTOR, r"Reshape layer: .*cannot give inputs of shape \(2, 3\) the shape \(batch, 5\)"),
    (L.Cropping1D(3), SEQUENCE, r"Cropping1D layer: argument `cropping` takes 3 \+ 3 off axis 1"),
    (L.LSTM(2), IMAGE, r"LSTM layer: argument `sequences` must have 3 axes .*received shape \(2, 6, 6, 3\)"),
    (L.LSTM(2), (2, 0, 3), r"LSTM layer: argument `sequences` has no time steps"),
    (L.BatchNormalization(axis=3), VECTOR, r"BatchNormalization layer: argument `axis` 3 is out of range"),
    (L.GroupNormalization(2), VECTOR, r"GroupNormalization layer: argument `groups` 2 does not divide the 3 channels"),
    (L.EinsumDense("abc,cd->abd", (None, 2)), VECTOR, r"EinsumDense layer: argument `equation`"),
    (L.SpectralNormalization(L.BatchNormalization()), VECTOR, r"the BatchNormalization has no weight `kernel`"),
    (L.PReLU(shared_axes=4), VECTOR, r"PReLU layer: argument `shared_axes` \(4,\) is out of range"),
    (L.Add(), VECTOR, r"Add layer: .*argument `inputs` must be a list of arrays, received shape \(2, 3\)"),
]

MERGES = [
    (L.Add(), [(2, 3), (2, 4)], r"Add layer: cannot merge inputs of shapes \(2, 3\), \(2, 4\)"),
    (L.Add(), [(2, 3), (3, 3)], r"Add layer: cannot merge"),
    (L.Subtract(), [(2, 3)] * 3, r"Subtract layer: .*exactly 2 inputs"),
    (L.Concatenate(), [(2, 3), (4, 3)], r"Concatenate layer: .*equal along every axis but -1"),
    (L.Concatenate(axis=3), [(2, 3), (2, 3)], r"Concatenate layer: .*no axis 3"),
    (L.Concatenate(), [(2, 3), (2, 3, 1)], r"Concatenate layer: .*same number of axes"),
    (L.Dot(axes=1), [(2, 3), (2, 4)], r"Dot layer: .*differ along axes 1"),
    (L.Dot(axes=0), [(2, 3), (2, 3)], r"Dot layer: .*axes after that of the batch"),
    (L.Attention(), [(2, 3, 4)], r"Attention layer: .*argument `inputs` must be a list \[query, value\]"),
]


@pytest.mark.parametrize(("make", "message"), ARGUMENTS, ids=[m for _, m in ARGUMENTS])
def test_arguments(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def init(layer: Any, inputs: Any) -> Any:
    """Trace the layer's initialization."""
    return jax.eval_shape(lambda x: layer.init(jax.random.key(0), x), inputs)


@pytest.mark.parametrize(("layer", "shape", "message"), INPUTS, ids=[m for _, _, m in INPUTS])
def test_inputs(layer: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        init(layer, jnp.zeros(shape))


@pytest.mark.parametrize(("layer", "shapes", "message"), MERGES, ids=[m for _, _, m in MERGES])
def test_merged_inputs(layer: Any, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        init(layer, [jnp.zeros(shape) for shape in shapes])


def test_initial_state_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"LSTM layer: argument `initial_state` must hold arrays of the shapes"):
        L.LSTM(2).init(jax.random.key(0), jnp.zeros(SEQUENCE), initial_state=[jnp.zeros((2, 2))])


def test_weights_of_another_shape() -> None:
    layer = L.Dense(3)
    variables = layer.init(jax.random.key(0), jnp.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"Dense layer .*weight 'kernel' has shape \(4, 3\).*need \(5, 3\)"):
        layer.apply(variables, jnp.zeros((2, 5)))


def test_unknown_argument() -> None:
    with pytest.raises(TypeError, match="unit"):
        L.Dense(unit=3)

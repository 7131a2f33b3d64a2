"""Architectures that real Keras and kjax build from the same lines: the table of the tests of files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Architecture:
    """One row of the table.

    Attributes:
        build: makes the model from the package, ``keras`` or ``kjax.keras``.
        shapes: shapes of the inputs, without the batch axis.
        integers: highest integer, for inputs that are integers (by number of the input).
        keys: names of the inputs, of a model that takes a dict.
    """

    build: Callable[[Any], Any]
    shapes: tuple[tuple[int, ...], ...]
    integers: dict[int, int] = dataclasses.field(default_factory=dict)
    keys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.build.__name__

    def inputs(self, batch: int = 3, seed: int = 0) -> Any:
        """Random inputs: an array, or a list or dict of them."""
        rng = np.random.default_rng(seed)
        arrays = [
            rng.integers(0, self.integers[i], (batch, *shape)).astype("int32")
            if i in self.integers
            else rng.standard_normal((batch, *shape)).astype("float32")
            for i, shape in enumerate(self.shapes)
        ]
        if self.keys:
            return dict(zip(self.keys, arrays, strict=True))
        return arrays[0] if len(arrays) == 1 else arrays


ARCHITECTURES: list[Architecture] = []


def architecture(*shapes: tuple[int, ...], keys: tuple[str, ...] = (), **integers: int) -> Callable[[Any], Any]:
    """Put a function into the table; ``input_0=7`` makes the first input integers below 7."""

    def add(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
        numbers = {int(key.removeprefix("input_")): high for key, high in integers.items()}
        ARCHITECTURES.append(Architecture(build, shapes, numbers, keys))
        return build

    return add


@architecture((4,))
def mlp(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [K.Input((4,)), L.Dense(5, activation="relu"), L.Dropout(0.5), L.Dense(3, activation="softmax")]
    )


@architecture((4,))
def input_shape_of_the_first_layer(K: Any) -> Any:
    L = K.layers
    return K.Sequential([L.Dense(5, input_shape=(4,), name="first"), L.Activation("tanh"), L.Dense(2)], name="net")


@architecture((4,))
def regularized(K: Any) -> Any:
    L, R, C = K.layers, K.regularizers, K.constraints
    return K.Sequential(
        [
            K.Input((4,)),
            L.Dense(
                5,
                kernel_regularizer=R.L1L2(0.01, 0.02),
                bias_regularizer="l2",
                kernel_constraint=C.MaxNorm(2.0, axis=0),
                activity_regularizer=R.L2(0.001),
            ),
            L.Dense(3, kernel_constraint=C.UnitNorm(), bias_constraint=C.NonNeg(), use_bias=True),
            L.Dense(2, kernel_constraint=C.MinMaxNorm(0.1, 0.9, 0.5)),
            L.ActivityRegularization(0.1, 0.2),
        ]
    )


@architecture((4,))
def initialized(K: Any) -> Any:
    L, I = K.layers, K.initializers  # noqa: E741
    return K.Sequential(
        [
            K.Input((4,)),
            L.Dense(4, kernel_initializer=I.Orthogonal(gain=0.7), bias_initializer=I.Constant(0.3)),
            L.Dense(4, kernel_initializer=I.VarianceScaling(2.0, "fan_out", "uniform"), bias_initializer="ones"),
            L.Dense(
                4,
                kernel_initializer=I.RandomNormal(0.1, 0.2, seed=3),
                bias_initializer=I.RandomUniform(-1, 1),
            ),
            L.Dense(4, kernel_initializer=I.TruncatedNormal(), bias_initializer="he_normal"),
            L.Dense(4, kernel_initializer="lecun_uniform", bias_initializer=I.Zeros()),
            L.Dense(4, kernel_initializer="identity"),
            L.Dense(4, kernel_initializer=I.Constant(np.arange(16, dtype="float32").reshape(4, 4) / 10)),
        ]
    )


@architecture((4,))
def activations(K: Any) -> Any:
    L = K.layers
    names = "relu elu selu softplus softsign sigmoid hard_sigmoid gelu silu tanh exponential mish leaky_relu linear"
    names += " log_softmax hard_silu celu"
    return K.Sequential([K.Input((4,)), *(L.Dense(4, activation=name) for name in names.split())])


@architecture((8, 8, 3))
def cnn(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((8, 8, 3)),
            L.Rescaling(0.5, offset=0.1),
            L.Conv2D(4, 3, padding="same", activation="relu"),
            L.BatchNormalization(),
            L.MaxPooling2D(2),
            L.Conv2D(6, (2, 3), strides=1, dilation_rate=(1, 1), use_bias=False),
            L.AveragePooling2D(2, padding="same"),
            L.GlobalAveragePooling2D(),
            L.Dense(2),
        ]
    )


@architecture((9, 3))
def conv1d(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((9, 3)),
            L.ZeroPadding1D(1),
            L.Conv1D(4, 3, padding="causal", dilation_rate=2),
            L.MaxPooling1D(2),
            L.Conv1D(4, 2, groups=2),
            L.SpatialDropout1D(0.2),
            L.UpSampling1D(2),
            L.Cropping1D((1, 1)),
            L.AveragePooling1D(2),
            L.GlobalMaxPooling1D(),
        ]
    )


@architecture((4, 4, 4, 2))
def conv3d(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((4, 4, 4, 2)),
            L.ZeroPadding3D(1),
            L.Conv3D(3, 2),
            L.MaxPooling3D(2),
            L.SpatialDropout3D(0.1),
            L.UpSampling3D(2),
            L.Cropping3D(((1, 0), (0, 1), (0, 0))),
            L.AveragePooling3D(2),
            L.GlobalAveragePooling3D(keepdims=True),
            L.Flatten(),
            L.Dense(1),
        ]
    )


@architecture((4, 6, 3))
def reshaping(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((4, 6, 3)),
            L.ZeroPadding2D(((1, 0), (2, 1))),
            L.Cropping2D(((0, 1), (1, 0))),
            L.UpSampling2D((1, 2), interpolation="nearest"),
            L.Permute((2, 1, 3)),
            L.Reshape((-1, 3)),
            L.Dense(2),
            L.Flatten(),
            L.RepeatVector(2),
            L.Identity(),
        ]
    )


@architecture((5,), input_0=7)
def embedding(K: Any) -> Any:
    L = K.layers
    return K.Sequential([K.Input((5,), dtype="int32"), L.Embedding(7, 3), L.GlobalAveragePooling1D(), L.Dense(1)])


@architecture((5,), input_0=7)
def masked_lstm(K: Any) -> Any:
    L = K.layers
    return K.Sequential([K.Input((5,), dtype="int32"), L.Embedding(7, 3, mask_zero=True), L.LSTM(4), L.Dense(1)])


@architecture((5,), input_0=7)
def masked_lstm_functional(K: Any) -> Any:
    L = K.layers
    words = K.Input((5,), dtype="int32", name="words")
    x = L.Embedding(7, 3, mask_zero=True)(words)
    x = L.LSTM(4, return_sequences=True)(x)
    x = L.LSTM(2, go_backwards=True)(x)
    return K.Model(words, L.Dense(1)(x))


@architecture((5, 3))
def masking_layer(K: Any) -> Any:
    L = K.layers
    x = inputs = K.Input((5, 3))
    x = L.Masking(0.5)(x)
    x = L.LSTM(3, dropout=0.2, recurrent_dropout=0.1, unit_forget_bias=False)(x)
    return K.Model(inputs, x, name="masked")


@architecture((5, 3))
def lstm_states(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((5, 3))
    x, h, c = L.LSTM(3, return_sequences=True, return_state=True, name="encoder")(inputs)
    y = L.LSTM(3, name="decoder", recurrent_activation="hard_sigmoid")(x, initial_state=[h, c])
    return K.Model(inputs, [y, c])


@architecture((4,))
def functional(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((4,), name="features")
    x = L.Dense(5, activation="relu", name="hidden")(inputs)
    return K.Model(inputs, L.Dense(2, name="scores")(x), name="plain")


@architecture((4,))
def residual(K: Any) -> Any:
    L = K.layers
    x = inputs = K.Input((4,))
    for _ in range(2):
        y = L.Dense(4, activation="relu")(x)
        y = L.BatchNormalization(momentum=0.9)(y)
        y = L.Dense(4)(y)
        x = L.Add()([x, y])
        x = L.Activation("relu")(x)
    return K.Model(inputs, L.Dense(1)(x))


@architecture((4,), (4,))
def merges(K: Any) -> Any:
    L = K.layers
    a, b = K.Input((4,), name="a"), K.Input((4,), name="b")
    parts = [layer()([a, b]) for layer in (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum)]
    parts += [L.Concatenate(axis=-1)([a, b]), L.Dot(axes=1)([a, b]), L.Dot(axes=-1, normalize=True)([a, b])]
    return K.Model([a, b], L.Dense(2)(L.Concatenate()(parts)))


@architecture((4,), (3,))
def several_inputs_and_outputs(K: Any) -> Any:
    L = K.layers
    a, b = K.Input((4,), name="a"), K.Input((3,), name="b")
    x = L.Concatenate()([L.Dense(3)(a), L.Dense(2)(b)])
    return K.Model([a, b], [L.Dense(1, name="first")(x), L.Dense(2, name="second")(x), x])


@architecture((4,))
def named_outputs(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((4,), name="a")
    x = L.Dense(3)(inputs)
    return K.Model(inputs, {"score": L.Dense(1)(x), "class": L.Dense(2)(x)})


@architecture((4,), (4,))
def shared_layer(K: Any) -> Any:
    L = K.layers
    a, b = K.Input((4,)), K.Input((4,))
    shared = L.Dense(3, activation="tanh", name="shared")
    x, y = shared(a), shared(b)
    return K.Model([a, b], L.Dense(1)(L.Concatenate()([y, x, x])))


@architecture((4,))
def applied_to_itself(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((4,))
    first, second = L.Dense(4, name="p"), L.Dense(4, name="q")
    return K.Model(inputs, first(second(first(second(inputs)))))


@architecture((4,))
def nested(K: Any) -> Any:
    L = K.layers
    inner_inputs = K.Input((4,))
    inner = K.Model(inner_inputs, L.BatchNormalization()(L.Dense(3)(inner_inputs)), name="inner")
    inputs = K.Input((4,))
    return K.Model(inputs, L.Dense(2)(inner(inputs)), name="outer")


@architecture((4,), (4,))
def nested_and_shared(K: Any) -> Any:
    L = K.layers
    tower = K.Sequential([K.Input((4,)), L.Dense(3, activation="relu"), L.Dense(2)], name="tower")
    inner_inputs = K.Input((2,))
    head = K.Model(inner_inputs, [L.Dense(1)(inner_inputs), L.Dense(2)(inner_inputs)], name="head")
    a, b = K.Input((4,)), K.Input((4,))
    x, y = tower(a), tower(b)
    one, two = head(x)
    return K.Model([a, b], [one, two, head(y)[1]], name="outer")


@architecture((4,))
def nested_output(K: Any) -> Any:
    L = K.layers
    inner_inputs = K.Input((4,))
    inner = K.Model(inner_inputs, [L.Dense(3)(inner_inputs), L.Dense(2)(inner_inputs)], name="inner")
    inputs = K.Input((4,))
    return K.Model(inputs, inner(L.Dense(4)(inputs)))


@architecture((4,))
def deeply_nested(K: Any) -> Any:
    L = K.layers
    level = K.Sequential([K.Input((4,)), L.Dense(4), L.BatchNormalization()], name="level_0")
    for i in range(1, 4):
        level = K.Sequential([K.Input((4,)), level, L.Dense(4, name=f"dense_of_{i}")], name=f"level_{i}")
    return level


@architecture((4,))
def frozen(K: Any) -> Any:
    L = K.layers
    model = K.Sequential(
        [K.Input((4,)), L.Dense(3, trainable=False), L.BatchNormalization(trainable=False), L.Dense(2)],
        name="half",
    )
    model.layers[2].trainable = True
    return model


@architecture((4,))
def frozen_base(K: Any) -> Any:
    L = K.layers
    base = K.Sequential([K.Input((4,)), L.Dense(3), L.BatchNormalization()], name="base")
    base.trainable = False
    inputs = K.Input((4,))
    return K.Model(inputs, L.Dense(2)(base(inputs)), name="tuned")


@architecture((4,))
def operators(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((4,))
    x = L.Dense(4)(inputs)
    y = x * 2.0 + inputs - 1.5
    y = -y / (abs(x) + 1.0) ** 2
    y = 1.0 - y
    return K.Model(inputs, [y[:, 1:3], y[..., 0], (x > 0.0), x @ K.ops.transpose(L.Dense(4, name="other")(inputs))])


@architecture((4, 3))
def functions(K: Any) -> Any:
    L, ops = K.layers, K.ops
    inputs = K.Input((4, 3))
    x = L.Dense(3)(inputs)
    outputs = [
        ops.mean(x, axis=1),
        ops.sum(x, axis=(1, 2), keepdims=True),
        ops.concatenate([x, inputs], axis=-1),
        ops.expand_dims(x, 1),
        ops.reshape(x, (-1, 12)),
        ops.softmax(x, axis=-1),
        ops.maximum(ops.exp(x), ops.sqrt(ops.square(x))),
        ops.max(x, axis=-1),
        ops.cast(x, "int32"),
        ops.clip(x, -0.5, 0.5),
        ops.relu(x),
        ops.argmax(x, axis=-1),
        ops.stack([x, x], axis=1),
        ops.squeeze(ops.expand_dims(x, 2), axis=2),
        ops.logical_and(x > 0.0, x < 1.0),
        ops.where(x > 0.0, x, 0.0),
    ]
    return K.Model(inputs, outputs)


@architecture((4,))
def noise(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((4,)),
            L.GaussianNoise(0.1),
            L.Dense(3),
            L.GaussianDropout(0.2),
            L.AlphaDropout(0.1),
            L.Dense(2),
        ]
    )


@architecture((8, 8, 3))
def augmentation(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((8, 8, 3)),
            L.RandomFlip("horizontal", seed=1),
            L.RandomTranslation(0.1, 0.1, seed=2),
            L.RandomCrop(8, 8, seed=3),
            L.Flatten(),
            L.Dense(2),
        ]
    )


@architecture((4,))
def bfloat16(K: Any) -> Any:
    L = K.layers
    return K.Sequential([K.Input((4,)), L.Dense(3, dtype="bfloat16"), L.Dense(2, dtype="mixed_bfloat16"), L.Dense(1)])


@architecture((6,))
def batch_normalizations(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((6,)),
            L.BatchNormalization(scale=False),
            L.BatchNormalization(center=False, epsilon=0.1),
            L.Reshape((2, 3)),
            L.BatchNormalization(axis=1, gamma_regularizer="l2"),
            L.BatchNormalization(center=False, scale=False),
        ]
    )


@architecture((5, 3))
def recurrent_layers(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((5, 3))
    x = L.Bidirectional(L.LSTM(2, return_sequences=True), merge_mode="sum")(inputs)
    x = L.GRU(3, return_sequences=True, reset_after=False)(x)
    x = L.Bidirectional(L.GRU(2, return_sequences=True))(x)
    x = L.TimeDistributed(L.Dense(3))(x)
    x = L.RNN([L.LSTMCell(2), L.GRUCell(3), L.LSTMCell(2)], return_sequences=True)(x)
    x = L.SimpleRNN(2, return_sequences=True)(x)
    return K.Model(inputs, L.RNN(L.SimpleRNNCell(2))(x))


@architecture((4, 6, 6, 2))
def convolutional_lstm(K: Any) -> Any:
    return K.Sequential([K.Input((4, 6, 6, 2)), K.layers.ConvLSTM2D(2, 3, return_sequences=True), K.layers.Flatten()])


@architecture((4, 6))
def attention(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((4, 6))
    x = L.MultiHeadAttention(2, 3, name="heads")(inputs, inputs)
    x = L.LayerNormalization()(L.Add()([inputs, x]))
    x = L.GroupQueryAttention(4, 2, 2, name="groups")(x, x)
    return K.Model(
        inputs, L.Concatenate()([x, L.Attention(use_scale=True)([x, inputs]), L.AdditiveAttention()([x, x])])
    )


@architecture((6, 6, 4))
def convolutions(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((6, 6, 4)),
            L.SeparableConv2D(4, 2, depth_multiplier=2),
            L.DepthwiseConv2D(2),
            L.Conv2DTranspose(4, 3, strides=2),
            L.GroupNormalization(2),
            L.PReLU(shared_axes=[1, 2]),
            L.RMSNormalization(),
            L.LeakyReLU(0.1),
            L.EinsumDense("abcd,de->abce", output_shape=(None, None, 3), bias_axes="e"),
            L.SpectralNormalization(L.Conv2D(2, 2)),
            L.UnitNormalization(),
            L.Softmax(),
        ]
    )


@architecture((5, 3))
def stateful_lstm(K: Any) -> Any:
    L = K.layers
    inputs = K.Input(batch_shape=(3, 5, 3))
    return K.Model(inputs, L.LSTM(2, stateful=True)(inputs))


@architecture((4,))
def explicit_names(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((4,), name="in")
    x = L.Dense(3, name="z")(inputs)
    x = L.Dense(3, name="a.b:c")(x)
    return K.Model(inputs, L.Dense(2, name="dense")(x))


@architecture((4,))
def branches(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((4,))
    short = L.Dense(2)(inputs)
    long = L.Dense(2)(L.Dense(3)(L.Dense(4)(inputs)))
    middle = L.Dense(2)(L.Dense(5)(inputs))
    return K.Model(inputs, L.Dense(1)(L.Concatenate()([short, long, middle])))


@architecture((6, 6, 2))
def inception(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((6, 6, 2))
    towers = [
        L.Conv2D(2, 1, padding="same")(inputs),
        L.Conv2D(2, 3, padding="same")(L.Conv2D(3, 1)(inputs)),
        L.Conv2D(2, 1)(L.MaxPooling2D(3, strides=1, padding="same")(inputs)),
    ]
    return K.Model(inputs, L.GlobalMaxPooling2D()(L.Concatenate()(towers)))


@architecture((4,), (3,), keys=("left", "right"))
def dict_inputs(K: Any) -> Any:
    L = K.layers
    inputs = {"left": K.Input((4,), name="left"), "right": K.Input((3,), name="right")}
    x = L.Concatenate()([L.Dense(2)(inputs["left"]), L.Dense(2)(inputs["right"])])
    return K.Model(inputs, L.Dense(1)(x))


@architecture((4,))
def no_weights(K: Any) -> Any:
    return K.Sequential([K.Input((4,)), K.layers.Activation("relu"), K.layers.Reshape((2, 2))])


@architecture((3, 4))
def channels_first(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((3, 4)),
            L.UpSampling1D(2),
            L.Conv1D(2, 2, data_format="channels_last"),
            L.MaxPooling1D(2, data_format="channels_last"),
            L.Flatten(data_format="channels_last"),
        ]
    )


@architecture((9, 4))
def sequences(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((9, 4)),
            L.Conv1DTranspose(4, 3, strides=2, padding="same"),
            L.DepthwiseConv1D(2, depth_multiplier=2),
            L.SeparableConv1D(4, 3),
            L.ELU(0.7),
            L.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.2),
            L.GlobalAveragePooling1D(keepdims=True),
        ]
    )


@architecture((3, 3, 3, 2))
def volumes(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [K.Input((3, 3, 3, 2)), L.Conv3DTranspose(3, 2), L.GlobalMaxPooling3D(), L.Dense(2, activation="tanh")]
    )


@architecture((3, 5, 2))
def convolutional_lstm_of_sequences(K: Any) -> Any:
    return K.Sequential([K.Input((3, 5, 2)), K.layers.ConvLSTM1D(2, 2), K.layers.GlobalMaxPooling1D()])


@architecture((4,), (4,), (3,), input_2=5)
def preprocessing(K: Any) -> Any:
    L = K.layers
    a, b, c = K.Input((4,), name="a"), K.Input((4,), name="b"), K.Input((3,), dtype="int32", name="c")
    parts = [
        L.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2.0, 3.0, 4.0])(a),
        L.CategoryEncoding(4, output_mode="count")(L.Discretization(bin_boundaries=[-1.0, 0.0, 1.0])(b)),
        L.CategoryEncoding(5, output_mode="multi_hot")(c),
        L.Rescaling(0.1)(b),
    ]
    return K.Model([a, b, c], L.Dense(2)(L.Concatenate()(parts)))


@architecture((4,))
def adapted(K: Any) -> Any:
    L = K.layers
    scale = L.Normalization()
    scale.build((None, 4))
    scale.adapt(np.arange(24, dtype="float32").reshape(6, 4) ** 2)
    return K.Sequential([K.Input((4,)), scale, L.Dense(2)])


@architecture((10, 8, 3))
def pictures(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((10, 8, 3)),
            L.CenterCrop(8, 6),
            L.Resizing(6, 6, interpolation="bilinear"),
            L.AveragePooling2D((2, 3), strides=1),
            L.Conv2D(2, 3),
            L.GlobalMaxPooling2D(keepdims=True),
        ]
    )


@architecture((6, 6, 3))
def more_augmentation(K: Any) -> Any:
    L = K.layers
    return K.Sequential(
        [
            K.Input((6, 6, 3)),
            L.RandomRotation(0.1, seed=1),
            L.RandomZoom(0.1, 0.2, seed=2),
            L.RandomContrast(0.2, seed=3),
            L.SpatialDropout2D(0.3, seed=5),
            L.Flatten(),
            L.Dense(2),
        ]
    )


@architecture((6, 6, 2))
def adaptive_pooling(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((6, 6, 2))
    parts = [L.Flatten()(L.AdaptiveAveragePooling2D(4)(inputs)), L.Flatten()(L.AdaptiveMaxPooling2D((2, 3))(inputs))]
    return K.Model(inputs, L.Dense(2)(L.Concatenate()(parts)))


@architecture((4,), input_0=6)
def tied_embedding(K: Any) -> Any:
    L = K.layers
    words = K.Input((4,), dtype="int32")
    table = L.ReversibleEmbedding(6, 3, name="table")
    return K.Model(words, table(L.Dense(3)(table(words)), reverse=True))


@architecture((5, 3))
def both_directions(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((5, 3))
    x = L.Bidirectional(
        L.GRU(2, return_sequences=True, name="there"),
        backward_layer=L.GRU(2, return_sequences=True, go_backwards=True, name="back"),
        merge_mode="ave",
    )(inputs)
    x = L.Concatenate()(L.Bidirectional(L.SimpleRNN(2, return_sequences=True), merge_mode=None)(x))
    return K.Model(inputs, L.Bidirectional(L.LSTM(2), merge_mode="mul")(x))


@architecture((5, 3))
def states_from_outside(K: Any) -> Any:
    L = K.layers
    inputs = K.Input((5, 3))
    cells = L.StackedRNNCells([L.LSTMCell(2), L.LSTMCell(3)])
    x, *states = L.RNN(cells, return_sequences=True, return_state=True)(inputs)
    first = L.Dense(2, activation="tanh")(states[0][1])
    return K.Model(inputs, L.GRU(2)(x, initial_state=first))


@architecture((4, 3))
def over_time(K: Any) -> Any:
    L = K.layers
    inner = K.Sequential([K.Input((3,)), L.Dense(3, activation="relu"), L.BatchNormalization()], name="inner")
    return K.Sequential([K.Input((4, 3)), L.TimeDistributed(inner), L.Flatten(), L.Dense(1)])


def _registered(K: Any, name: str, make: Callable[[Any], type]) -> type:
    """A user's class over a package's, made once and registered there."""
    if (K, name) not in _CLASSES:
        _CLASSES[K, name] = K.saving.register_keras_serializable("files", name)(make(K))
    return _CLASSES[K, name]


_CLASSES: dict[Any, type] = {}


def _scale_and_shift(K: Any) -> type:
    class ScaleAndShift(K.layers.Layer):
        def __init__(self, start: float = 1.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.start = start
            self.inner = K.layers.Dense(3, name="inner")

        def build(self, shape: Any) -> None:
            start = K.initializers.Constant(self.start)
            self.scale = self.add_weight(shape=(shape[-1],), initializer=start, name="scale")
            self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="seen")
            self.inner.build(shape)
            super().build(shape)

        def call(self, x: Any) -> Any:
            return self.inner(x * self.scale)

        def compute_output_shape(self, shape: Any) -> Any:
            return (*shape[:-1], 3)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "start": self.start}

    return ScaleAndShift


@architecture((4,))
def layer_of_a_user(K: Any) -> Any:
    cls: Any = _registered(K, "ScaleAndShift", _scale_and_shift)
    return K.Sequential([K.Input((4,)), cls(0.5, name="first"), K.layers.Activation("tanh"), cls(name="second")])


def _doubled(K: Any) -> Any:
    def doubled(x: Any) -> Any:
        return 2.0 * K.ops.tanh(x)

    return doubled


@architecture((4,))
def function_of_a_user(K: Any) -> Any:
    function: Any = _registered(K, "doubled", _doubled)
    return K.Sequential([K.Input((4,)), K.layers.Dense(3, activation=function), K.layers.Activation(function)])


def _two_heads(K: Any) -> type:
    class TwoHeads(K.Model):
        def __init__(self, units: int = 3, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.stem = K.layers.Dense(units, activation="relu")
            self.heads = [K.layers.Dense(2), K.layers.Dense(1)]

        def call(self, x: Any) -> Any:
            x = self.stem(x)
            return [head(x) for head in self.heads]

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    return TwoHeads


@architecture((4,))
def model_of_a_user(K: Any) -> Any:
    cls: Any = _registered(K, "TwoHeads", _two_heads)
    inputs = K.Input((4,))
    return K.Model(inputs, cls(4, name="heads")(K.layers.Dense(4)(inputs)))

"""Layers that users write, in the ways in which scripts of all generations of Keras write them."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from kjax import keras
from kjax.keras import layers

L: Any = layers
K: Any = keras
ops: Any = K.ops
X = np.random.default_rng(0).standard_normal((8, 5)).astype("float32")
Y = np.random.default_rng(1).standard_normal((8, 3)).astype("float32")
SEQUENCES = np.random.default_rng(2).standard_normal((8, 4, 5)).astype("float32")


def train(model: Any, x: Any = X, y: Any = Y) -> list[float]:
    model.compile("sgd", "mse")
    return model.fit(x, y, epochs=2, batch_size=4, verbose=0).history["loss"]


class Linear(L.Layer):
    """As the guides of Keras 3 write it."""

    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="offset")

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.w) + self.b


def test_a_layer_trains_and_comes_back_from_its_config() -> None:
    model = K.Sequential([K.Input((5,)), Linear(3)])
    losses = train(model)
    assert losses[1] < losses[0]
    assert Linear.from_config(Linear(4, name="other").get_config()).units == 4
    weights = model.get_weights()
    np.testing.assert_allclose(model.predict(X, verbose=0), X @ weights[0] + weights[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (((5, 3), "ones"), {"name": "kernel"}),
        (("kernel", (5, 3), "float32", "ones", None, True, None), {}),
        (("kernel",), {"shape": (5, 3), "initializer": "ones"}),
        (("kernel", [5, 3]), {"initializer": "ones"}),
        (((5, 3), "ones", "kernel"), {}),
        ((), {"name": "kernel", "shape": (5, 3), "initializer": "ones", "trainable": None, "aggregation": "mean"}),
        ((), {"name": "kernel", "shape": (5, 3), "initializer": K.initializers.Ones(), "experimental_autocast": False}),
    ],
    ids=["3", "2", "2 short", "tf", "1", "keywords", "objects"],
)
def test_add_weight_in_the_order_of_every_generation(args: Any, kwargs: Any) -> None:
    layer = L.Layer()
    weight = layer.add_weight(*args, **kwargs)
    assert (weight.name, weight.shape, weight.trainable) == ("kernel", (5, 3), True)
    np.testing.assert_array_equal(weight.numpy(), np.ones((5, 3)))
    assert layer.weights == [weight]


def test_bad_arguments_of_add_weight() -> None:
    layer = L.Layer(name="mine")
    with pytest.raises(TypeError, match="add_weight: unknown argument 'shap'; did you mean 'shape'"):
        layer.add_weight(shap=(2,))
    with pytest.raises(TypeError, match="add_weight: argument `shape` was given twice"):
        layer.add_weight("kernel", (2,), shape=(3,))
    with pytest.raises(ValueError, match="mine: weight 'kernel' needs a known shape"):
        layer.add_weight("kernel", (None, 2))


def test_weights_that_a_layer_makes_itself() -> None:
    class Old(L.Layer):
        def build(self, input_shape: Any) -> None:
            self.w = K.Variable(np.ones((input_shape[-1], 3), "float32"))
            hidden = K.Variable(np.ones(3, "float32"), name="hidden")
            self.things = {"more": [hidden]}
            self.trainable_weights = [self.w]

        def call(self, x: Any) -> Any:
            return ops.matmul(x, self.w) * self.things["more"][0]

    model = K.Sequential([K.Input((5,)), Old()])
    assert len(model.trainable_weights) == 2
    losses = train(model)
    assert losses[1] < losses[0]


def test_layers_in_lists_dicts_and_models_inside() -> None:
    class Block(L.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.steps = [L.Dense(5, activation="relu") for _ in range(2)]
            self.ends = {"a": L.Dense(3), "b": L.Dense(3)}
            self.inner = K.Sequential([L.Dense(5), L.Dense(5)])

        def call(self, x: Any) -> Any:
            for step in self.steps:
                x = x + step(x)
            x = self.inner(x)
            return self.ends["a"](x) + self.ends["b"](x)

    model = K.Sequential([K.Input((5,)), Block()])
    assert len(model.weights) == 12
    losses = train(model)
    assert losses[1] < losses[0]
    alone = Block()
    alone(X)
    assert len(alone.weights) == 12
    alone.trainable = False
    assert alone.trainable_weights == [] and not alone.ends["a"].trainable


def test_several_inputs() -> None:
    class Two(L.Layer):
        def build(self, a_shape: Any, b_shape: Any) -> None:
            self.w = self.add_weight(shape=(a_shape[-1], b_shape[-1]))

        def call(self, a: Any, b: Any) -> Any:
            return ops.matmul(a, self.w) + b

    class Pair(L.Layer):
        def build(self, shapes: Any) -> None:
            assert isinstance(shapes, list)
            self.w = self.add_weight(shape=(shapes[0][-1], shapes[1][-1]))

        def call(self, inputs: Any) -> Any:
            return ops.matmul(inputs[0], self.w) + inputs[1]

    class Named(L.Layer):
        def build(self, shapes: Any) -> None:
            self.w = self.add_weight(shape=(shapes["a"][-1], shapes["b"][-1]))

        def call(self, inputs: Any) -> Any:
            return ops.matmul(inputs["a"], self.w) + inputs["b"]

    class Scaled(L.Layer):
        def call(self, a: Any, *, other: Any = None, factor: float = 1.0) -> Any:
            return a * factor + (0 if other is None else other)

    a, b = K.Input((5,)), K.Input((3,))
    for outputs in (Two()(a, b), Pair()([a, b]), Named()({"a": a, "b": b})):
        model = K.Model([a, b], outputs)
        assert model.output_shape == (None, 3)
        losses = train(model, [X, Y])
        assert losses[1] < losses[0]
    model = K.Model(a, Scaled()(a, other=a, factor=2.0))
    np.testing.assert_allclose(model.predict(X, verbose=0), 3 * X, rtol=1e-6)


def test_the_mode_comes_from_the_call_the_call_around_it_or_the_default() -> None:
    class Doubled(L.Layer):
        def call(self, x: Any, training: Any = None) -> Any:
            return x * 2 if training else x

    class Outer(L.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Doubled()

        def call(self, x: Any) -> Any:
            return self.inner(x)

    class Always(L.Layer):
        def call(self, x: Any, training: bool = True) -> Any:
            return x * 2 if training else x

    for layer in (Doubled(), Outer()):
        np.testing.assert_allclose(layer(X, training=True), 2 * X)
        np.testing.assert_allclose(layer(X), X)
    with pytest.raises(ValueError, match=r"Doubled layer .* Only input tensors may be passed .* received True"):
        Doubled()(X, True)
    np.testing.assert_allclose(Always()(X), 2 * X)
    inputs = K.Input((5,))
    model = K.Model(inputs, Outer()(inputs))
    np.testing.assert_allclose(model(X, training=True), 2 * X)
    np.testing.assert_allclose(model.predict(X, verbose=0), X)


def test_losses_added_in_call() -> None:
    class Penalty(L.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(0.5 * ops.sum(ops.square(x)))
            return x

    layer = Penalty()
    layer(X)
    assert [float(loss) for loss in layer.losses] == [pytest.approx(0.5 * np.sum(X * X), rel=1e-5)]
    inputs = K.Input((5,))
    model = K.Model(inputs, L.Dense(3, kernel_initializer="zeros")(Penalty()(inputs)))
    model.compile("sgd", "mse")
    want = np.mean(Y * Y) + 0.5 * np.sum(X * X)
    assert model.evaluate(X, Y, batch_size=8, verbose=0) == pytest.approx(want, rel=1e-5)


def test_state_that_call_changes() -> None:
    class Count(L.Layer):
        def build(self, input_shape: Any) -> None:
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32")

        def call(self, x: Any) -> Any:
            self.calls.assign_add(1)
            return x

    class Old(Count):
        def call(self, x: Any) -> Any:
            self.add_update([(self.calls, self.calls + 1)], x)
            return x

    for cls in (Count, Old):
        layer = cls()
        model = K.Sequential([K.Input((5,)), layer, L.Dense(3)])
        train(model)
        assert int(layer.calls) == 4
        model.predict(X, batch_size=2, verbose=0)  # outside training too, as in Keras
        assert int(layer.calls) == 8


@pytest.mark.filterwarnings("ignore:.*does not support masking")
def test_masks_of_layers_that_users_write() -> None:
    class Average(L.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.supports_masking = True

        def call(self, x: Any, mask: Any = None) -> Any:
            weights = ops.cast(mask, "float32")
            return ops.sum(x * weights[:, :, None], axis=1) / ops.sum(weights, axis=1)[:, None]

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return None

    class Nonzero(L.Layer):
        def call(self, x: Any) -> Any:
            return x

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return ops.not_equal(ops.sum(inputs, axis=-1), 0)

    class Forgets(L.Layer):
        def call(self, x: Any) -> Any:
            return x

    ids = np.array([[1, 2, 0, 0], [3, 4, 5, 6]])
    tokens = K.Input((4,), dtype="int32")
    embedding = L.Embedding(7, 2, mask_zero=True)
    embedded = embedding(tokens)
    assert embedding.output_mask.shape == (None, 4) and embedding.input_mask is None
    model = K.Model(tokens, Average()(embedded))
    table = embedding.get_weights()[0]
    want = np.stack([table[[1, 2]].mean(0), table[3:].mean(0)])
    np.testing.assert_allclose(model.predict(ids, verbose=0), want, rtol=1e-5)
    np.testing.assert_allclose(Average()(embedding(ids)), want, rtol=1e-5)  # between eager calls too
    np.testing.assert_array_equal(embedding(ids)._keras_mask, np.asarray(ids) != 0)
    x = np.ones((2, 4, 2), "float32")
    x[:, 2:] = 0
    inputs = K.Input((4, 2))
    lstm = L.LSTM(3)
    model = K.Model(inputs, lstm(Nonzero()(inputs)))
    np.testing.assert_allclose(model.predict(x, verbose=0), lstm(x[:, :2]), rtol=1e-5, atol=1e-6)
    forgotten = Forgets()
    with pytest.warns(UserWarning, match="does not support masking"):
        forgotten(embedded)
    assert forgotten.output_mask is None


def test_precision_of_the_weights_that_call_reads() -> None:
    seen = {}

    class Probe(L.Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight(shape=(input_shape[-1], 3), name="w")
            self.exact = self.add_weight(shape=(3,), name="exact", autocast=False)

        def call(self, x: Any) -> Any:
            seen.update(x=str(x.dtype), w=str(self.w.value.dtype), exact=str(self.exact.value.dtype))
            return ops.matmul(x, self.w)

    layer = Probe(dtype="mixed_bfloat16")
    assert str(layer(X).dtype) == "bfloat16"
    assert seen == {"x": "bfloat16", "w": "bfloat16", "exact": "float32"}
    assert layer.w.dtype == "float32" and layer.w.numpy().dtype == np.float32


class MinimalCell(L.Layer):
    """The cell of Keras' documentation."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        self.units = units
        self.state_size = units
        super().__init__(**kwargs)

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="uniform", name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, self.units), initializer="uniform", name="recurrent")
        self.built = True

    def call(self, inputs: Any, states: Any) -> Any:
        output = ops.matmul(inputs, self.kernel) + ops.matmul(states[0], self.recurrent)
        return output, [output]


def test_cells_that_users_write() -> None:
    cell = MinimalCell(4)
    inputs = K.Input((None, 5))
    rnn = L.RNN(cell, return_sequences=True, return_state=True)
    outputs, state = rnn(inputs)
    assert outputs.shape == (None, None, 4) and state.shape == (None, 4)
    model = K.Model(inputs, L.Dense(3)(state))
    assert len(model.trainable_weights) == 4 and rnn.cell is cell
    kernel, recurrent = cell.get_weights()
    want = SEQUENCES[:, 0] @ kernel
    for time in range(1, 4):
        want = SEQUENCES[:, time] @ kernel + want @ recurrent
    np.testing.assert_allclose(rnn(SEQUENCES)[1], want, rtol=1e-4, atol=1e-6)
    train(model, SEQUENCES)
    assert not np.allclose(cell.get_weights()[0], kernel)
    stacked = L.RNN([MinimalCell(4), L.LSTMCell(3), MinimalCell(2)])
    assert stacked(inputs).shape == (None, 2) and len(stacked.cell.cells) == 3 and len(stacked.weights) == 7
    both = L.Bidirectional(L.RNN(MinimalCell(4)))
    assert both(SEQUENCES).shape == (8, 8) and len(both.weights) == 4
    assert both.forward_layer.cell is not both.backward_layer.cell
    with pytest.raises(ValueError, match="RNN: argument `cell`: Dense is no cell"):
        L.RNN(L.Dense(3))


def test_constants_of_a_cell() -> None:
    class Shifted(MinimalCell):
        def call(self, inputs: Any, states: Any, constants: Any = None) -> Any:
            output = ops.matmul(inputs, self.kernel) + constants[0]
            return output, [output]

    inputs, shift = K.Input((4, 5)), K.Input((2,))
    rnn = L.RNN(Shifted(2))
    model = K.Model([inputs, shift], rnn(inputs, constants=[shift]))
    got = model.predict([SEQUENCES, np.ones((8, 2), "float32")], verbose=0)
    np.testing.assert_allclose(got, SEQUENCES[:, -1] @ rnn.cell.get_weights()[0] + 1, rtol=1e-5, atol=1e-6)


def test_subclasses_of_built_in_layers() -> None:
    class Scaled(L.Dense):
        def __init__(self, units: int, scale: float = 2.0, **kwargs: Any) -> None:
            super().__init__(units, **kwargs)
            self.scale = scale

        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            self.extra = self.add_weight(shape=(self.units,), name="extra", initializer="ones")

        def call(self, inputs: Any) -> Any:
            return super().call(inputs) * self.scale + self.extra

        def get_config(self) -> Any:
            return {**super().get_config(), "scale": self.scale}

    class Plain(L.Dense):
        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel", initializer="ones")
            self.built = True

        def call(self, inputs: Any) -> Any:
            return ops.matmul(inputs, self.kernel)

    class Doubled(L.LSTM):
        def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
            return 2 * super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    class Centred(L.Conv2D):
        def convolution_op(self, inputs: Any, kernel: Any) -> Any:
            return super().convolution_op(inputs, kernel - ops.mean(kernel, axis=(0, 1, 2), keepdims=True))

    layer = Scaled(3, scale=3.0)
    model = K.Sequential([K.Input((5,)), layer])
    assert [w.name for w in layer.weights] == ["kernel", "bias", "extra"]
    losses = train(model)
    assert losses[1] < losses[0]
    kernel, bias, extra = layer.get_weights()
    np.testing.assert_allclose(layer(X), 3 * (X @ kernel + bias) + extra, rtol=1e-4, atol=1e-5)
    assert Scaled.from_config(layer.get_config()).scale == 3.0
    plain = Plain(3)
    np.testing.assert_allclose(plain(X), np.repeat(X.sum(1, keepdims=True), 3, axis=1), rtol=1e-4, atol=1e-5)
    doubled, lstm = Doubled(3), L.LSTM(3)
    lstm(SEQUENCES)
    doubled(SEQUENCES)
    doubled.set_weights(lstm.get_weights())
    np.testing.assert_allclose(doubled(SEQUENCES), 2 * lstm(SEQUENCES), rtol=1e-6)
    images = np.random.default_rng(3).random((2, 4, 4, 2), "float32")
    centred, conv = Centred(3, 2, activation="relu"), L.Conv2D(3, 2, activation="relu")
    centred(images)
    conv(images)
    kernel, bias = centred.get_weights()
    conv.set_weights([kernel - kernel.mean((0, 1, 2)), bias])
    np.testing.assert_allclose(centred(images), conv(images), rtol=1e-5, atol=1e-6)


def test_wrappers() -> None:
    class Twice(L.Wrapper):
        def call(self, inputs: Any) -> Any:
            return 2 * self.layer(inputs)

    dense = L.Dense(3)
    layer = Twice(dense)
    assert layer(X).shape == (8, 3) and layer.weights == dense.weights
    again = Twice.from_config(layer.get_config())
    assert isinstance(again.layer, L.Dense) and again.layer.units == 3
    assert isinstance(L.TimeDistributed(L.Dense(2)), L.Wrapper)
    with pytest.raises(TypeError, match="expected a Keras layer or a Flax module"):
        Twice("dense")


def test_a_layer_given_to_another_keeps_its_weights() -> None:
    dense = L.Dense(3)
    inputs = K.Input((4, 5))
    model = K.Model(inputs, L.TimeDistributed(dense)(inputs))
    assert model.weights == dense.weights
    np.testing.assert_allclose(model.predict(SEQUENCES, verbose=0), dense(SEQUENCES), rtol=1e-5, atol=1e-6)
    dense.trainable = False
    assert model.trainable_weights == []

    class Inner(L.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inside = L.Dense(2)

        def call(self, x: Any) -> Any:
            return self.inside(x) + 1

    wrapped = L.TimeDistributed(Inner())
    assert wrapped(SEQUENCES).shape == (8, 4, 2)
    np.testing.assert_allclose(wrapped.layer(SEQUENCES[:, 1]), wrapped(SEQUENCES)[:, 1], rtol=1e-5, atol=1e-6)
    small = K.Sequential([K.Input((5,)), L.Dense(2)])
    np.testing.assert_allclose(L.TimeDistributed(small)(SEQUENCES)[:, 2], small(SEQUENCES[:, 2]), rtol=1e-5, atol=1e-6)


def test_a_layer_that_forgets_its_base() -> None:
    class Forgetful(L.Layer):
        def __init__(self) -> None:
            self.x = 1

        def call(self, inputs: Any) -> Any:
            return inputs

    with pytest.raises(RuntimeError, match=r"'Forgetful', you forgot to call `super\(\).__init__\(\)`"):
        Forgetful()(jnp.ones(3))


def test_layers_around_others_come_back_from_their_configs() -> None:
    for layer in (
        L.TimeDistributed(L.Dense(2)),
        L.Bidirectional(L.LSTM(2, return_sequences=True), merge_mode="sum"),
        L.Bidirectional(L.GRU(2), backward_layer=L.GRU(2, go_backwards=True)),
        L.RNN([L.LSTMCell(3), L.GRUCell(2)]),
    ):
        layer(SEQUENCES)
        again = type(layer).from_config(layer.get_config())
        assert not again.built
        again(SEQUENCES)
        again.set_weights(layer.get_weights())
        np.testing.assert_allclose(again(SEQUENCES), layer(SEQUENCES), rtol=1e-6)
        assert again.get_config() == layer.get_config()


def test_built_in_layers_take_no_more_state_after_build():
    layer = K.layers.Dense(2)
    layer.build((None, 3))
    with pytest.raises(ValueError, match="built"):
        layer.add_weight(shape=(1,))
    assert len(layer.weights) == 2

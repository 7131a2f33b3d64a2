"""What Keras layers have beyond their arguments: weights by name, parts, states, specifications, pure calls."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax import keras
from kjax.keras import layers

L: Any = layers
K: Any = keras
X = np.random.default_rng(0).standard_normal((8, 5)).astype("float32")
SEQUENCES = np.random.default_rng(2).standard_normal((12, 3, 5)).astype("float32")


@pytest.mark.parametrize(
    ("layer", "shape", "weights"),
    [
        (L.Dense(3), (None, 5), {"kernel": (5, 3), "bias": (3,)}),
        (L.Dense(3, use_bias=False), (None, 5), {"kernel": (5, 3), "bias": None}),
        (L.Embedding(4, 2), None, {"embeddings": (4, 2)}),
        (L.Conv2D(3, 2), (None, 5, 5, 2), {"kernel": (2, 2, 2, 3), "bias": (3,)}),
        (L.SeparableConv1D(3, 2), (None, 5, 2), {"depthwise_kernel": (2, 2, 1), "pointwise_kernel": (1, 2, 3)}),
        (
            L.BatchNormalization(),
            (None, 5),
            {"gamma": (5,), "beta": (5,), "moving_mean": (5,), "moving_variance": (5,)},
        ),
        (L.PReLU(), (None, 5), {"alpha": (5,)}),
    ],
    ids=lambda thing: type(thing).__name__ if hasattr(thing, "name") else "",
)
def test_weights_by_name(layer: Any, shape: Any, weights: Any) -> None:
    name = next(iter(weights))
    with pytest.raises(AttributeError, match=f"has no `{name}` yet"):
        getattr(layer, name)
    layer.build(*([] if shape is None else [shape]))
    for name, wanted in weights.items():
        assert wanted is None or name in dir(layer)
        value = getattr(layer, name)
        assert value is None if wanted is None else value.shape == wanted
    layer.weights[0].assign(np.ones(layer.weights[0].shape))
    assert np.asarray(getattr(layer, next(iter(weights)))).min() == 1


def test_parts_share_the_weights() -> None:
    lstm = L.LSTM(3)
    assert lstm.cell.units == 3 and lstm.units == 3
    lstm.build((None, 4, 5))
    assert lstm.cell.kernel is lstm.weights[0] and lstm.cell.state_size == [3, 3]
    conv = L.ConvLSTM2D(3, 2)
    conv.build((None, 4, 5, 5, 2))
    assert conv.filters == 3 and conv.cell.kernel.shape == (2, 2, 2, 12)
    attention = L.MultiHeadAttention(2, 3)
    attention.build((None, 4, 5), (None, 6, 5))
    assert attention.query_dense.kernel is attention.weights[0] and attention.output_dense.bias.shape == (5,)
    np.testing.assert_allclose(attention.value_dense(SEQUENCES).shape, (12, 3, 2, 3))
    both = L.Bidirectional(L.LSTM(3, name="x"))
    both.build((None, 4, 5))
    assert (both.forward_layer.name, both.backward_layer.name) == ("forward_x", "backward_x")
    assert both.backward_layer.go_backwards and both.forward_layer.cell.kernel is both.weights[0]
    assert both.backward_layer.cell.kernel is both.weights[3]


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_stateful_layers_carry_their_states_through_every_method(name: str) -> None:
    """Batches of pieces give what whole sequences give."""
    whole = getattr(L, name)(3, return_sequences=True)
    pieces = getattr(L, name)(3, return_sequences=True, stateful=True)
    model = K.Sequential([K.Input(batch_shape=(4, 3, 5)), pieces])
    whole.build((None, 9, 5))
    whole.set_weights(pieces.get_weights())
    long = np.concatenate(np.split(SEQUENCES, 3), axis=1)
    want = np.concatenate(np.split(np.asarray(whole(long)), 3, axis=1))
    assert len(model.weights) == len(whole.weights)  # carried states are none

    def close(got: Any, want: Any) -> None:
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)

    close(model.predict(SEQUENCES, batch_size=4, verbose=0), want)
    assert not np.allclose(model.predict(SEQUENCES, batch_size=4, verbose=0), want)
    model.reset_states()
    model.compile(K.optimizers.SGD(0.0), "mse")
    target = np.zeros_like(want)
    loss = np.mean(want * want)
    assert model.evaluate(SEQUENCES, target, batch_size=4, verbose=0) == pytest.approx(loss, rel=1e-5)
    close(pieces.states[0], want[-4:, -1])
    pieces.reset_state()
    history = model.fit(SEQUENCES, target, batch_size=4, shuffle=False, verbose=0)
    assert history.history["loss"][0] == pytest.approx(loss, rel=1e-5)
    pieces.reset_states([np.asarray(s) for s in [want[3:4, -1].repeat(4, 0)] * len(pieces.states)])
    pieces.reset_states()
    close(model.predict_on_batch(SEQUENCES[:4]), want[:4])
    assert model.test_on_batch(SEQUENCES[4:8], target[:4]) == pytest.approx(np.mean(want[4:8] ** 2), rel=1e-5)
    close(model(SEQUENCES[8:]), want[8:])
    with pytest.raises(ValueError, match=r"is stateful: it carries the states of 4 samples .* received a batch of 2"):
        pieces(SEQUENCES[:2])
    with pytest.raises(ValueError, match=r"has 1 states|has 2 states"):
        pieces.reset_states([np.zeros((4, 3))] * 3)
    with pytest.raises(ValueError, match=r"is stateful: .*the batch size must be static"):
        getattr(L, name)(3, stateful=True)(K.Input((3, 5)))
    with pytest.raises(AttributeError, match="carries no states"):
        whole.reset_states()


def test_states_of_stacked_cells_are_tensors(keras3: Any) -> None:
    shapes = []
    for library in (keras, keras3):
        layer = library.layers.RNN([library.layers.GRUCell(3), library.layers.GRUCell(4)], return_state=True)
        inputs = library.Input((5, 2))
        outputs, *states = layer(inputs)
        model = library.Model(inputs, [outputs, *states, layer(inputs, initial_state=states)[0]])
        found = model.predict(np.ones((2, 5, 2), "float32"), verbose=0)
        shapes.append(([tuple(state.shape) for state in states], [x.shape for x in found]))
        shapes[-1] += (tuple(map(tuple, layer.compute_output_shape((2, 5, 2)))),)
    assert shapes[0] == shapes[1]


def test_states_to_start_from() -> None:
    assert [s.shape for s in L.LSTM(3).get_initial_state(2)] == [(2, 3), (2, 3)]
    assert [s.shape for s in L.GRU(3).get_initial_state(SEQUENCES)] == [(12, 3)]
    encoder_in, decoder_in = K.Input((None, 5)), K.Input((None, 3))
    _, h, c = L.LSTM(4, return_state=True)(encoder_in)
    decoder = L.LSTM(4, return_sequences=True)
    by_keyword = K.Model([encoder_in, decoder_in], decoder(decoder_in, initial_state=[h, c]))
    in_a_list = K.Model([encoder_in, decoder_in], decoder([decoder_in, h, c]))
    data = [SEQUENCES[:2], SEQUENCES[:2, :, :3]]
    np.testing.assert_array_equal(by_keyword.predict(data, verbose=0), in_a_list.predict(data, verbose=0))
    states = [np.ones((2, 4), "float32")] * 2
    got = decoder(data[1], initial_state=states)
    assert not np.allclose(got, decoder(data[1]))
    with pytest.raises(
        ValueError, match=r"argument `initial_state` must hold arrays of the shapes \[\(2, 4\), \(2, 4\)\]"
    ):
        decoder(data[1], initial_state=states[:1])


def test_input_specs() -> None:
    class Picky(L.Layer):
        input_spec = L.InputSpec(ndim=2, axes={-1: 5})

        def call(self, x: Any) -> Any:
            return x

    assert Picky()(X).shape == (8, 5)
    for bad, what in (
        (X[None], "expected ndim=2, found ndim=3"),
        (X[:, :3], "expected axis -1 of input shape to have value 5"),
    ):
        with pytest.raises(
            ValueError, match=f"Picky layer 'picky.*': the input of shape .* is incompatible with the layer: .*{what}"
        ):
            Picky()(bad)
    two = L.InputSpec(shape=(None, 5)), L.InputSpec(min_ndim=3, max_ndim=3, dtype="float32")
    layer = L.Concatenate()
    layer.input_spec = list(two)
    with pytest.raises(ValueError, match=r"input 1 of shape .* expected min_ndim=3, found ndim=2"):
        layer([X, X])
    with pytest.raises(ValueError, match=r"expects 2 input\(s\), but it received 3"):
        layer.assert_input_compatibility([X, X, X])
    squeezed = L.InputSpec(shape=(None, 5, 1), allow_last_axis_squeeze=True)
    assert squeezed.complaint(X) is None and squeezed.complaint(X[:, :, None]) is None
    assert L.InputSpec.from_config(squeezed.get_config()).shape == (None, 5, 1)
    with pytest.raises(TypeError, match="must be a dict with integer keys"):
        L.InputSpec(axes={"last": 3})


def test_calls_with_all_state_in_the_arguments() -> None:
    layer = L.BatchNormalization()
    layer.build((None, 5))
    trained, state = ([v.value for v in group] for group in (layer.trainable_variables, layer.non_trainable_variables))

    @jax.jit
    def run(trained: Any, state: Any) -> Any:
        return layer.stateless_call(trained, state, X, training=True)

    y, new = run(trained, state)
    np.testing.assert_allclose(new[0], 0.01 * X.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(5))
    np.testing.assert_allclose(np.asarray(y).mean(0), np.zeros(5), atol=1e-5)
    dense = L.Dense(2, kernel_regularizer="l2")
    with pytest.raises(ValueError, match=r"must be built.*no variables yet"):
        dense.stateless_call([], [], X)
    dense(X)
    values = [v.value for v in dense.trainable_variables]
    _, _, losses = dense.stateless_call(values, [], X, return_losses=True)
    assert [float(loss) for loss in losses] == [pytest.approx(0.01 * float(jnp.sum(values[0] ** 2)), rel=1e-5)]
    with pytest.raises(ValueError, match=r"`trainable_variables` must be a list .* 2 values are expected"):
        dense.stateless_call(values[:1], [], X)
    with_checkpoint = jax.grad(lambda v: jnp.sum(dense.stateless_call(values, [], v)[0]))
    np.testing.assert_allclose(with_checkpoint(X), np.tile(values[0].sum(1), (8, 1)), rtol=1e-5)


def test_shapes_without_building() -> None:
    layer = L.Conv2D(4, 3)
    assert layer.compute_output_shape((None, None, 32, 3)) == (None, None, 30, 4) and not layer.built
    attention = L.MultiHeadAttention(2, 3)
    assert attention.compute_output_shape((2, 4, 5), (2, 6, 5)) == (2, 4, 5)
    assert attention.compute_output_shape(query_shape=(2, 4, 5), value_shape=(2, 6, 5)) == (2, 4, 5)
    spec = L.Dense(3).compute_output_spec(K.KerasTensor((None, 5)))
    assert (spec.shape, spec.dtype) == ((None, 3), "float32")
    assert L.LSTM(3, return_state=True).symbolic_call(SEQUENCES)[2].shape == (12, 3)
    layer = L.Dense(3, name="d")
    layer(K.Input((5,)))
    layer(K.Input((7, 5)))
    assert layer.get_output_shape_at(1) == (None, 7, 3) and layer.get_input_shape_at(0) == (None, 5)
    with pytest.raises(ValueError, match="was called 2 time"):
        layer.get_output_at(2)
    with pytest.raises(AttributeError, match=r"never been called.*symbolic tensor"):
        _ = L.Dense(3).output


def test_layers_tell_about_themselves() -> None:
    layer = L.Dense(3, name="d", dtype="mixed_float16")
    assert (layer.path, layer.input_dtype, layer.variable_dtype) == ("d", "float16", "float32")
    assert layer.quantization_mode is None and layer.metrics == [] and layer.supports_masking
    convolution = L.Conv2D(2, 3)
    convolution.build((None, 8, 8, 3))
    with pytest.raises(NotImplementedError, match="cannot be quantized"):
        convolution.quantize("int8")

    class Measured(L.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.size = K.metrics.Mean(name="size")

        def call(self, x: Any) -> Any:
            self.size.update_state(x)
            return x

    measured = Measured()
    measured(np.full(4, 3.0, "float32"))
    assert [m.name for m in measured.metrics] == ["size"] and float(measured.size.result()) == 3.0
    assert len(measured.metrics_variables) > 0 and measured.variables == []


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (L.Dense(3), X),
        (L.EinsumDense("ab,bc->ac", output_shape=3, bias_axes="c"), X),
        (L.Embedding(6, 3), np.arange(8) % 6),
        (L.Conv1D(3, 2), SEQUENCES[:8]),
    ],
    ids=["Dense", "EinsumDense", "Embedding", "Conv1D"],
)
def test_low_rank_adaptation(layer: Any, x: Any) -> None:
    name = "embeddings" if isinstance(layer, L.Embedding) else "kernel"
    with pytest.raises(ValueError, match="needs a layer that is built"):
        layer.enable_lora(2)
    before = np.asarray(layer(x))
    frozen = np.asarray(getattr(layer, name))
    model = K.Sequential([K.Input(x.shape[1:], dtype=str(x.dtype)), layer])
    layer.enable_lora(2, lora_alpha=4)
    np.testing.assert_allclose(layer(x), before, atol=1e-6)
    assert [w.name for w in layer.trainable_weights][-2:] == [f"lora_{name}_a", f"lora_{name}_b"]
    model.compile(K.optimizers.SGD(0.5), "mse")
    model.fit(x, np.zeros(before.shape), verbose=0, epochs=2)
    np.testing.assert_array_equal(layer.weights[0].numpy(), frozen)
    first, second = (w.numpy() for w in layer.weights[-2:])
    present = frozen + 2 * np.matmul(first, second)
    np.testing.assert_allclose(getattr(layer, name), present, rtol=1e-5, atol=1e-6)
    plain = type(layer).from_config(layer.get_config() | {"lora_rank": None, "lora_alpha": None})
    plain.build(*([] if name == "embeddings" else [x.shape]))
    plain.set_weights([present, *(w.numpy() for w in layer.weights[1:-2])])
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-5, atol=1e-5)
    layer.trainable = False
    layer.trainable = True
    assert not layer.weights[0].trainable
    with pytest.raises(ValueError, match="was called before"):
        layer.enable_lora(2)


def test_low_rank_adaptation_and_constraints_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="`lora_rank` and `kernel_constraint` exclude each other"):
        L.Dense(3, lora_rank=2, kernel_constraint="nonneg")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda x: L.Conv2D(3, 2, name="c")(x),
            r"Conv2D layer 'c': .* shape \(None, 4, 5\) is incompatible .* expected min_ndim=4, found ndim=3",
        ),
        (lambda x: L.Add()([x, K.Input((3, 5))]), r"cannot merge inputs of shapes \(None, 4, 5\), \(None, 3, 5\)"),
        (lambda x: L.Reshape((3, 7))(x), r"cannot give inputs of shape \(None, 4, 5\) the shape"),
        (lambda x: L.Softmax(axis=3, name="s")(x), r"Softmax layer 's': argument `axis` 3 is out of range"),
        (lambda x: L.MultiHeadAttention(1, 2)(x, K.Input((5,))), r"argument `value` must have 3 axes"),
    ],
    ids=["rank", "merge", "reshape", "axis", "attention"],
)
def test_errors_speak_of_the_shapes_that_the_user_declared(draw: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(K.Input((4, 5)))


def test_weights_that_do_not_fit_the_inputs() -> None:
    layer = L.Dense(3, name="mine")
    layer(X)
    with pytest.raises(
        ValueError, match=r"Dense layer 'mine': .* shape \(2, 7\) is incompatible .* expected axis -1 .* value 5"
    ):
        layer(np.ones((2, 7)))


def test_paths_are_those_of_keras(keras3: Any):
    """Names of the layers that a layer was built in, as real Keras gives them."""

    def paths(package: Any) -> list[Any]:
        layers = package.layers
        package.utils.clear_session(free_memory=False)

        class Block(layers.Layer):
            def __init__(this, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                this.inside = layers.Dense(3, name="inside")

            def build(this, shape: Any) -> None:
                this.scale = this.add_weight(shape=(2,), name="scale")
                this.built = True

            def call(this, x: Any) -> Any:
                return this.inside(x)

        class Net(package.Model):
            def __init__(self, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.block, self.norm = Block(name="block"), layers.BatchNormalization(name="norm")

            def call(self, x: Any) -> Any:
                return self.norm(self.block(x))

        net = Net(name="net")
        net(np.zeros((2, 4), "float32"))
        rows = package.Sequential([package.Input((3, 4)), layers.LSTM(2, name="lstm")], name="rows")
        late = package.Sequential([layers.TimeDistributed(layers.Dense(2, name="d"), name="td")], name="late")
        late.build((None, 3, 4))
        x = package.Input((3, 4))
        outer = package.Model(x, layers.Dense(1, name="top")(late(x)), name="outer")
        made = [net, net.block, net.block.inside, rows, rows.layers[0], late.layers[0].layer, outer, outer.layers[-1]]
        weights = [w for layer in made for w in layer.weights]
        return [*[layer.path for layer in made], *[w.path for w in weights]]

    assert paths(keras) == paths(keras3)


def test_weights_of_a_model_inside_a_layer_keep_their_order(keras3: Any):
    for package in (keras, keras3):
        layers = package.layers
        inside = package.Sequential([layers.Flatten(), layers.Dense(2), layers.Dense(1)])  # built when it is called
        layer = layers.TimeDistributed(inside)
        layer(np.zeros((2, 3, 4, 2), "float32"))
        assert [w.name for w in layer.weights] == ["kernel", "bias"] * 2
        assert [w.shape for w in layer.weights] == [(8, 2), (2,), (2, 1), (1,)]

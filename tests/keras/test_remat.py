"""RematScope and remat: equal results, gradients and states; less memory; recomputation where it was asked for."""

from __future__ import annotations

import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax import keras

L: Any = keras.layers
Scope: Any = keras.RematScope
X = np.linspace(-1, 1, 8 * 16, dtype=np.float32).reshape(8, 16)
Y = np.linspace(0, 1, 8, dtype=np.float32)[:, None]


MODES = {
    "none": Scope(None),
    "full": Scope(),
    "activations": Scope("activations"),
    "larger_than": Scope("larger_than", output_size_threshold=200),
    "list_of_layers": Scope("list_of_layers", layer_names=["wide", "block", "inside"]),
}


class Block(L.Layer):
    """A user's layer with weights, state, randomness, a mask, a loss and an activation of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = L.Dense(16, name="inside")
        self.norm = L.BatchNormalization()
        self.drop = L.Dropout(0.3)
        self.activation = keras.activations.get("tanh")
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")
        self.supports_masking = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        self.calls.assign_add(1.0)
        x = self.norm(self.dense(inputs), training=training)
        self.add_loss(0.01 * keras.ops.sum(keras.ops.square(x)))
        return inputs + self.drop(self.activation(x), training=training)


class Subclassed(keras.Model):
    """A model written as a class."""

    def __init__(self) -> None:
        super().__init__(name="subclassed")
        self.first, self.block, self.last = L.Dense(16, activation="gelu"), Block(name="block"), L.Dense(1)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.last(self.block(self.first(inputs), training=training))


def functional() -> Any:
    inputs = keras.Input((16,))
    x = L.Dense(32, activation="gelu", name="wide")(inputs)
    x = Block(name="block")(L.Dense(16, name="narrow")(x))
    return keras.Model(inputs, L.Dense(1)(x))


@functools.cache
def trained(make: Any, mode: str) -> tuple[list[float], list[np.ndarray]]:
    """Losses and weights after some steps of training."""
    keras.utils.set_random_seed(0)
    with MODES[mode]:
        model = make()
    model.compile(keras.optimizers.SGD(0.01), "mse")
    losses = [float(model.train_on_batch(X, Y)) for _ in range(2)]
    return losses, model.get_weights()


def recomputations(model: Any) -> int:
    """How many calls of the compiled gradient are marked to be computed again."""
    tree = model.variables_tree
    params = tree["params"]

    def loss(params: Any) -> Any:
        rngs = {"dropout": jax.random.key(0)}
        out, _ = model.module.apply(
            {**tree, "params": params}, X, training=True, rngs=rngs, mutable=["state", "losses"]
        )
        return jnp.sum(out**2)

    return len(re.findall(r"\b(?:remat2?|checkpoint)\[", str(jax.make_jaxpr(loss)(params))))


@pytest.mark.parametrize(
    ("make", "mode"),
    [*((functional, mode) for mode in MODES if mode != "none"), (Subclassed, "full"), (Subclassed, "larger_than")],
)
def test_training_stays_the_same(make: Any, mode: str) -> None:
    plain, weights = trained(make, "none")
    losses, again = trained(make, mode)
    np.testing.assert_allclose(losses, plain, rtol=1e-5)
    for a, b in zip(weights, again, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_what_is_computed_again() -> None:
    found = {}
    for mode, scope in MODES.items():
        with scope:
            found[mode] = recomputations(functional())
    assert found["none"] == 0
    assert found["activations"] == 2, "gelu of the layer, tanh of the block"
    assert found["larger_than"] == 1, "the wide layer has 256 numbers, the others 128 and 8"
    assert found["list_of_layers"] == 3, "'wide', 'block', and 'inside' in the block"
    assert found["full"] == 7, "four layers, and three inside of the block"


def test_memory_falls() -> None:
    def bytes_needed(scope: Any) -> int:
        with scope:
            inputs = x = keras.Input((128,))
            for _ in range(6):
                x = L.Dense(128, activation="gelu")(x)
            model = keras.Model(inputs, x)
        tree = model.variables_tree["params"]
        gradient = jax.jit(jax.grad(lambda p: jnp.sum(model.module.apply({"params": p}, jnp.ones((512, 128))) ** 2)))
        sizes: Any = gradient.lower(tree).compile().memory_analysis()
        return sizes.temp_size_in_bytes

    assert bytes_needed(Scope("full")) < 0.7 * bytes_needed(Scope(None))


def test_scopes_nest_and_count_when_layers_are_made() -> None:
    with Scope("full"):
        outer = L.Dense(1)
        with Scope("larger_than", output_size_threshold=7, layer_names=["a"]):
            inner = L.Dense(1)
        again = L.Dense(1)
    assert [layer._remat_mode and layer._remat_mode.mode for layer in (outer, inner, again, L.Dense(1))] == [
        "full", "larger_than", "full", None,
    ]  # fmt: skip
    assert (inner._remat_mode.output_size_threshold, inner._remat_mode.layer_names) == (7, ("a",))
    with pytest.raises(ValueError, match=r"Invalid mode 'all'.*'list_of_layers', None"):
        Scope("all")


def test_a_function_or_a_layer() -> None:
    assert float(jax.grad(keras.remat(lambda a: a**2))(3.0)) == 6.0
    layer, plain = L.Dense(4, activation="tanh"), X[:, :4]
    layer.build((None, 4))
    np.testing.assert_allclose(keras.remat(layer)(plain), layer(plain), rtol=1e-6)  # of two programs
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.remat(layer)(inputs))
    np.testing.assert_allclose(model.predict(plain, verbose=0), layer(plain), rtol=1e-6)

    class Counting(L.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False)
            self.again = keras.remat(self.inside)

        def inside(self, x: Any, factor: float) -> Any:
            self.seen.assign_add(keras.ops.sum(x) * 0 + 1)
            return keras.ops.sin(x) * factor

        def call(self, inputs: Any) -> Any:
            return self.again(inputs, factor=2.0)

    counting = Counting()
    model = keras.Sequential([keras.Input((16,)), counting, L.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=4, epochs=3, verbose=0)
    assert float(counting.seen) == 6


def test_masks_go_through() -> None:
    with Scope("full"):
        embedding = L.Embedding(5, 4, mask_zero=True)
        layers = [embedding, L.LSTM(3, return_sequences=True), L.GlobalAveragePooling1D()]
    tokens = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    again = keras.Sequential(layers)(tokens)
    plain = [type(layer).from_config(layer.get_config()) for layer in layers]
    for layer, other in zip(plain, layers, strict=True):
        layer.build((None, 4) if layer is plain[0] else (None, 4, 4))
        layer.set_weights(other.get_weights())
    np.testing.assert_allclose(again, keras.Sequential(plain)(tokens), rtol=1e-6)

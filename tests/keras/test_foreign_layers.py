"""Layers from JAX functions and from Flax modules, linen and NNX."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from kjax import keras
from kjax.keras import layers

L: Any = layers
K: Any = keras
X = np.random.default_rng(0).standard_normal((8, 5)).astype("float32")
Y = np.random.default_rng(1).standard_normal((8, 3)).astype("float32")


def train(layer: Any) -> tuple[Any, list[float]]:
    model = K.Sequential([K.Input((5,)), layer])
    model.compile("sgd", "mse")
    return model, model.fit(X, Y, epochs=2, batch_size=4, verbose=0).history["loss"]


def init(rng: Any, inputs: Any) -> Any:
    return {"w": 0.1 * jax.random.normal(rng, (inputs.shape[-1], 3)), "b": [jnp.zeros(3)]}


def call(params: Any, inputs: Any) -> Any:
    return inputs @ params["w"] + params["b"][0][None]


def test_functions_as_a_layer() -> None:
    layer = L.JaxLayer(call, init, seed=1)
    model, losses = train(layer)
    assert losses[1] < losses[0]
    assert [(w.name, w.shape) for w in model.trainable_weights] == [("b_0", (3,)), ("w", (5, 3))]
    same = L.JaxLayer(call, init, seed=1)
    other = L.JaxLayer(call, init, seed=2)
    assert not np.allclose(same(X), other(X))
    given = L.JaxLayer(call, params={"w": np.ones((5, 3), "float32"), "b": [np.zeros(3, "float32")]})
    np.testing.assert_allclose(given(X), X @ np.ones((5, 3)), rtol=1e-5)
    with K.saving.custom_object_scope({"call": call, "init": init}):
        again = L.JaxLayer.from_config(layer.get_config())
    assert again.call_fn is call and again.seed == 1


def test_functions_with_state_randomness_and_mode() -> None:
    def init_both(rng: Any, inputs: Any) -> Any:
        return {"w": jnp.ones((5, 3))}, {"n": jnp.zeros((), "int32")}

    def call_both(params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> Any:
        noise = jax.random.normal(rng, inputs.shape) if training else 0
        return (inputs + noise) @ params["w"], {"n": state["n"] + training}

    layer = L.JaxLayer(call_both, init_both)
    model, _ = train(layer)
    assert int(layer.state["n"].numpy()) == 4
    np.testing.assert_array_equal(model.predict(X, verbose=0), model.predict(X, verbose=0))
    assert not np.allclose(layer(X, training=True), layer(X, training=True))


def test_functions_that_cannot_be_a_layer() -> None:
    with pytest.raises(ValueError, match="JaxLayer: `call_fn` takes the arguments"):
        L.JaxLayer(lambda weights, inputs: inputs)
    with pytest.raises(ValueError, match="give either `init_fn`, which makes them, or `params`"):
        L.JaxLayer(call)


class Net(nn.Module):
    """A linen module with state and randomness."""

    @nn.compact
    def __call__(self, x: Any, training: bool = False) -> Any:
        x = nn.BatchNorm(use_running_average=not training, momentum=0.9)(nn.Dense(8)(x))
        return nn.Dense(3)(nn.Dropout(0.1, deterministic=not training)(x))

    @nn.compact
    def doubled(self, x: Any) -> Any:
        return 2 * nn.Dense(2, name="only")(x)


def test_linen_modules() -> None:
    layer = L.FlaxLayer(Net())
    model, losses = train(layer)
    assert losses[1] != losses[0] and len(model.trainable_weights) == 6 and len(model.weights) == 8
    want: Any = Net().apply(layer.variables_tree, X)
    np.testing.assert_allclose(model.predict(X, verbose=0), want, rtol=1e-5, atol=1e-6)
    dense: Any = nn.Dense(3)
    variables = dense.init(jax.random.key(3), X)
    np.testing.assert_allclose(L.FlaxLayer(dense, variables=variables)(X), dense.apply(variables, X), rtol=1e-6)
    method = L.FlaxLayer(Net(), method="doubled")
    assert method(X).shape == (8, 2)
    kernel, bias = method.get_weights()
    np.testing.assert_allclose(method(X), 2 * (X @ kernel + bias), rtol=1e-5, atol=1e-6)
    with pytest.raises(TypeError, match="FlaxLayer: argument `module` must be a Flax module"):
        L.FlaxLayer(len)


class Nnx(nnx.Module):
    """An NNX module with state, randomness, and modules in a list."""

    def __init__(self, rngs: Any) -> None:
        self.first = nnx.Linear(5, 8, rngs=rngs)
        self.norm = nnx.BatchNorm(8, rngs=rngs, momentum=0.5)
        self.drop = nnx.Dropout(0.2, rngs=rngs)
        self.rest = nnx.List([nnx.Linear(8, 3, rngs=rngs)])

    def __call__(self, x: Any) -> Any:
        x = self.drop(nnx.relu(self.norm(self.first(x))))
        for layer in self.rest:
            x = layer(x)
        return x


def test_nnx_modules() -> None:
    net = Nnx(nnx.Rngs(0))
    net.eval()
    want = np.asarray(net(X))
    layer = L.FlaxLayer(net)
    np.testing.assert_allclose(layer(X), want, rtol=1e-5, atol=1e-6)
    model, losses = train(net)  # a model takes the module itself
    assert losses[1] != losses[0] and len(model.trainable_weights) == 6 and len(model.weights) == 8
    moved = [w.numpy() for w in model.non_trainable_weights]
    assert all(np.abs(value - start).max() > 0 for value, start in zip(moved, (0, 1), strict=True))
    np.testing.assert_allclose(net(X), want)  # the module that was given stays as it is
    assert not np.allclose(layer(X, training=True), layer(X, training=True))

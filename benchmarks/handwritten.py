"""The networks and optimizers of the benchmark as JAX users write them by hand: functions on lists of arrays.

A network is ``network(weights, x, key) -> logits``; ``weights`` are in the order of Keras' ``get_weights()``,
so all candidates can start from the same numbers. An optimizer is ``(init, update)`` with the arithmetic of
Keras 3, so all candidates do the same work; ``tests/test_bench.py`` compares them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

Weights = list[Array]
Network = Callable[[Weights, Array, Array], Array]
Optimizer = tuple[Callable[[Weights], Any], Callable[[Weights, Weights, Any], tuple[Weights, Any]]]
Loss = Callable[[Array, Array], tuple[Array, Array]]


# -- networks ------------------------------------------------------------------------------------------------


def dropout(key: Array, x: Array, rate: float) -> Array:
    if not rate:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def mlp(rate: float) -> Network:
    """Dense layers with ReLU, each followed by dropout."""

    def network(weights: Weights, x: Array, key: Array) -> Array:
        *hidden, last = zip(weights[::2], weights[1::2], strict=True)
        for kernel, bias in hidden:
            key, layer_key = jax.random.split(key)
            x = dropout(layer_key, jax.nn.relu(x @ kernel + bias), rate)
        kernel, bias = last
        return x @ kernel + bias

    return network


def conv(x: Array, kernel: Array, bias: Array, padding: str) -> Array:
    x = jax.lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return jax.nn.relu(x + bias)


def max_pool(x: Array) -> Array:
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def cnn(rates: tuple[float, float]) -> Network:
    """Two blocks of two convolutions and a pooling, a hidden dense layer; dropout after each of the three."""

    def network(weights: Weights, x: Array, key: Array) -> Array:
        keys = jax.random.split(key, 3)
        for block in range(2):
            k1, b1, k2, b2 = weights[4 * block : 4 * block + 4]
            x = max_pool(conv(conv(x, k1, b1, "SAME"), k2, b2, "VALID"))
            x = dropout(keys[block], x, rates[0])
        k1, b1, k2, b2 = weights[8:]
        x = jax.nn.relu(x.reshape(x.shape[0], -1) @ k1 + b1)
        return dropout(keys[2], x, rates[1]) @ k2 + b2

    return network


def lstm(weights: Weights, tokens: Array, key: Array) -> Array:
    """An embedding, an LSTM whose last output counts, and one logit."""
    del key
    table, kernel, recurrent, bias, out_kernel, out_bias = weights
    # The part of the gates that does not depend on the state: one product for all times.
    parts = jnp.swapaxes(table[tokens], 0, 1) @ kernel + bias

    def step(carry: tuple[Array, Array], part: Array) -> tuple[tuple[Array, Array], None]:
        h, c = carry
        i, f, g, o = jnp.split(part + h @ recurrent, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((tokens.shape[0], recurrent.shape[0]), table.dtype)
    (h, _), _ = jax.lax.scan(step, (zeros, zeros), parts)
    return h @ out_kernel + out_bias


# -- losses: the mean loss and the mean accuracy of a batch --------------------------------------------------


def categorical(y: Array, logits: Array) -> tuple[Array, Array]:
    """Cross-entropy with one-hot targets."""
    loss = -jnp.mean(jnp.sum(y * jax.nn.log_softmax(logits), axis=-1))
    return loss, jnp.mean(jnp.argmax(logits, -1) == jnp.argmax(y, -1))


def binary(y: Array, logits: Array) -> tuple[Array, Array]:
    """Cross-entropy with targets 0 and 1, of the logits' shape."""
    loss = jnp.mean(jax.nn.softplus(logits) - y * logits)
    return loss, jnp.mean((logits > 0) == (y > 0.5))


# -- optimizers ----------------------------------------------------------------------------------------------


def sgd(rate: float) -> Optimizer:
    def update(weights: Weights, grads: Weights, state: Any) -> tuple[Weights, Any]:
        return [w - rate * g for w, g in zip(weights, grads, strict=True)], state

    return lambda weights: (), update


def rmsprop(rate: float, rho: float = 0.9, epsilon: float = 1e-7) -> Optimizer:
    def update(weights: Weights, grads: Weights, state: Any) -> tuple[Weights, Any]:
        state = [rho * v + (1 - rho) * g * g for v, g in zip(state, grads, strict=True)]
        steps = zip(weights, grads, state, strict=True)
        return [w - rate * g / jnp.sqrt(v + epsilon) for w, g, v in steps], state

    return lambda weights: [jnp.zeros_like(w) for w in weights], update


def adam(rate: float, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7) -> Optimizer:
    def init(weights: Weights) -> Any:
        zeros = [jnp.zeros_like(w) for w in weights]
        return jnp.int32(0), zeros, [jnp.zeros_like(w) for w in weights]

    def update(weights: Weights, grads: Weights, state: Any) -> tuple[Weights, Any]:
        count, first, second = state
        count += 1
        scale = rate * jnp.sqrt(1 - beta_2**count) / (1 - beta_1**count)
        first = [m + (1 - beta_1) * (g - m) for m, g in zip(first, grads, strict=True)]
        second = [v + (1 - beta_2) * (g * g - v) for v, g in zip(second, grads, strict=True)]
        steps = zip(weights, first, second, strict=True)
        return [w - scale * m / (jnp.sqrt(v) + epsilon) for w, m, v in steps], (count, first, second)

    return init, update


# -- training ------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class ByHand:
    """What is trained: a network with its loss and its optimizer."""

    network: Network
    loss: Loss
    optimizer: Optimizer


def start(weights: Sequence[Any], optimizer: Optimizer) -> Any:
    """The carry: copies of the weights, optimizer state, sums of loss and accuracy, number of steps."""
    weights = [jnp.array(w) for w in weights]
    return weights, optimizer[0](weights), jnp.zeros(2), jnp.int32(0)


def train_step(task: ByHand) -> Callable[[Any, tuple[Array, Array]], Any]:
    """The pure step ``(carry, (x, y)) -> carry``."""
    run_key = jax.random.key(0)

    def step(carry: Any, batch: tuple[Array, Array]) -> Any:
        weights, state, totals, count = carry
        x, y = batch
        key = jax.random.fold_in(run_key, count)

        def loss_of(weights: Weights) -> tuple[Array, Array]:
            value, accuracy = task.loss(y, task.network(weights, x, key))
            return value, jnp.stack([value, accuracy])

        grads, values = jax.grad(loss_of, has_aux=True)(weights)
        weights, state = task.optimizer[1](weights, grads, state)
        return weights, state, totals + values, count + 1

    return step

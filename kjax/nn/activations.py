"""Activations: plain functions from an array to an array of the same shape, by name as Keras knows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.configs import function_name
from kjax.nn.value import Registry

Activation = Callable[..., Array]

registry = Registry("activation function")


@registry.add()
def relu(x: ArrayLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    """Rectified linear unit.

    Args:
        x: input of any shape.
        negative_slope: slope below ``threshold``: values there become ``negative_slope * (x - threshold)``.
        max_value: largest value returned, or None.
        threshold: values up to it count as negative; the values above it pass unchanged.
    """
    x = jnp.asarray(x)
    if not threshold and max_value is None:
        return jax.nn.leaky_relu(x, negative_slope) if negative_slope else jax.nn.relu(x)
    if threshold:
        positive = jnp.where(x > threshold, x, 0)
    else:
        positive = jax.nn.relu6(x) if max_value == 6 else jax.nn.relu(x)
    if max_value is not None and (threshold or max_value != 6):
        positive = jnp.clip(positive, 0, max_value)
    return positive - negative_slope * jax.nn.relu(threshold - x) if negative_slope else positive


@registry.add()
def leaky_relu(x: ArrayLike, negative_slope: float = 0.2) -> Array:
    """``x`` where it is positive, ``negative_slope * x`` elsewhere."""
    return jax.nn.leaky_relu(x, negative_slope)


@registry.add()
def relu6(x: ArrayLike) -> Array:
    """``min(max(x, 0), 6)``."""
    return jax.nn.relu6(x)


@registry.add()
def elu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere (https://arxiv.org/abs/1511.07289)."""
    return jax.nn.elu(x, alpha)


@registry.add()
def celu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """``x`` where it is positive, ``alpha * (exp(x / alpha) - 1)`` elsewhere (https://arxiv.org/abs/1704.07483)."""
    return jax.nn.celu(x, alpha)


@registry.add()
def selu(x: ArrayLike) -> Array:
    """``elu`` scaled so that mean and variance are preserved (https://arxiv.org/abs/1706.02515)."""
    return jax.nn.selu(x)


@registry.add("swish")
def silu(x: ArrayLike) -> Array:
    """``x * sigmoid(x)`` (https://arxiv.org/abs/1710.05941)."""
    return jax.nn.silu(x)


@registry.add("hard_swish")
def hard_silu(x: ArrayLike) -> Array:
    """``x * relu6(x + 3) / 6`` (https://arxiv.org/abs/1905.02244)."""
    return jax.nn.hard_silu(x)


@registry.add()
def gelu(x: ArrayLike, approximate: bool = False) -> Array:
    """``x`` times the normal distribution function at ``x`` (https://arxiv.org/abs/1606.08415).

    Args:
        x: input of any shape.
        approximate: True uses the approximation by ``tanh``.
    """
    return jax.nn.gelu(x, approximate)


@registry.add()
def glu(x: ArrayLike, axis: int = -1) -> Array:
    """First half along ``axis`` times the sigmoid of the second half (https://arxiv.org/abs/1612.08083)."""
    return jax.nn.glu(jnp.asarray(x), axis)


@registry.add()
def mish(x: ArrayLike) -> Array:
    """``x * tanh(softplus(x))`` (https://arxiv.org/abs/1908.08681)."""
    return jax.nn.mish(x)


@registry.add()
def softplus(x: ArrayLike) -> Array:
    """``log(1 + exp(x))``."""
    return jax.nn.softplus(x)


@registry.add()
def softsign(x: ArrayLike) -> Array:
    """``x / (1 + |x|)``."""
    return jax.nn.soft_sign(x)


@registry.add()
def squareplus(x: ArrayLike, b: float = 4) -> Array:
    """``(x + sqrt(x ** 2 + b)) / 2`` (https://arxiv.org/abs/2112.11687)."""
    return jax.nn.squareplus(x, b)


@registry.add()
def sparse_plus(x: ArrayLike) -> Array:
    """0 up to -1, ``x`` from 1 on, ``(x + 1) ** 2 / 4`` between."""
    return jax.nn.sparse_plus(x)


@registry.add()
def sigmoid(x: ArrayLike) -> Array:
    """``1 / (1 + exp(-x))``."""
    return jax.nn.sigmoid(x)


@registry.add()
def log_sigmoid(x: ArrayLike) -> Array:
    """``log(sigmoid(x))``."""
    return jax.nn.log_sigmoid(x)


@registry.add()
def hard_sigmoid(x: ArrayLike) -> Array:
    """``relu6(x + 3) / 6``, as Keras 3 has it; for the slope of Keras 2 see :func:`hard_sigmoid_keras2`."""
    return jax.nn.hard_sigmoid(x)


@registry.add()
def hard_sigmoid_keras2(x: ArrayLike) -> Array:
    """``clip(0.2 * x + 0.5, 0, 1)``: what ``hard_sigmoid`` meant in Keras 1 and 2."""
    return jnp.clip(0.2 * jnp.asarray(x) + 0.5, 0, 1)


@registry.add()
def sparse_sigmoid(x: ArrayLike) -> Array:
    """0 up to -1, 1 from 1 on, ``(x + 1) / 2`` between (https://arxiv.org/abs/1901.02324)."""
    return jax.nn.sparse_sigmoid(x)


@registry.add()
def tanh(x: ArrayLike) -> Array:
    """Hyperbolic tangent."""
    return jnp.tanh(x)


@registry.add()
def hard_tanh(x: ArrayLike) -> Array:
    """``clip(x, -1, 1)``."""
    return jax.nn.hard_tanh(x)


@registry.add()
def tanh_shrink(x: ArrayLike) -> Array:
    """``x - tanh(x)``."""
    return jnp.asarray(x) - jnp.tanh(x)


@registry.add()
def soft_shrink(x: ArrayLike, threshold: float = 0.5) -> Array:
    """``x`` moved towards 0 by ``threshold``, 0 where it would cross it."""
    x = jnp.asarray(x)
    return jnp.where(x > threshold, x - threshold, jnp.where(x < -threshold, x + threshold, 0))


@registry.add()
def hard_shrink(x: ArrayLike, threshold: float = 0.5) -> Array:
    """``x`` where ``|x|`` exceeds ``threshold``, 0 elsewhere."""
    return jnp.where(jnp.abs(x) > threshold, x, 0)


@registry.add()
def threshold(x: ArrayLike, threshold: float, default_value: float) -> Array:
    """``x`` where it exceeds ``threshold``, ``default_value`` elsewhere."""
    x = jnp.asarray(x)
    return jnp.where(x > threshold, x, default_value)


@registry.add()
def exponential(x: ArrayLike) -> Array:
    """``exp(x)``."""
    return jnp.exp(x)


@registry.add()
def softmax(x: ArrayLike, axis: int | tuple[int, ...] = -1) -> Array:
    """``exp(x) / sum(exp(x))`` along ``axis``, safe from overflow."""
    return jax.nn.softmax(x, axis)


@registry.add()
def log_softmax(x: ArrayLike, axis: int | tuple[int, ...] = -1) -> Array:
    """``log(softmax(x))`` along ``axis``."""
    return jax.nn.log_softmax(x, axis)


@registry.add()
def sparsemax(x: ArrayLike, axis: int = -1) -> Array:
    """Euclidean projection onto the probability simplex along ``axis`` (https://arxiv.org/abs/1602.02068).

    With the values sorted downwards, ``z_1 >= z_2 >= ...``, the support is the largest ``k`` for which
    ``1 + k * z_k > z_1 + ... + z_k``; the result is ``max(x - tau, 0)``, ``tau = (z_1 + ... + z_k - 1) / k``.
    """
    x = jnp.asarray(x)
    descending = jnp.flip(jnp.sort(x, axis), axis)
    sums = jnp.cumsum(descending, axis)
    shape = [1] * x.ndim
    shape[axis] = -1
    rank = jnp.arange(1, x.shape[axis] + 1, dtype=x.dtype).reshape(shape)
    support = 1 + rank * descending > sums
    size = jnp.sum(support, axis, keepdims=True)
    tau = (jnp.sum(jnp.where(support, descending, 0), axis, keepdims=True) - 1) / size
    return jnp.maximum(x - tau, 0)


@registry.add("identity")
def linear(x: Any) -> Any:
    """The input itself."""
    return x


def get(identifier: Any) -> Activation:
    """The activation for a name, a config, a function or a layer.

    Args:
        identifier: None (the identity); a name in any alias; a config of class name ``function``; any
            callable, such as a layer instance, which is returned as it is.

    Raises:
        ValueError: no activation has this name, or the thing cannot be called.
    """
    if identifier is None:
        return linear
    return registry.get(function_name(identifier) or identifier)

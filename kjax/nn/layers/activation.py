"""Activations with parameters, as layers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn import activations
from kjax.nn import arguments as arg
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.value import field


def _optional_limit(value: Any) -> float | None:
    return None if value is None else arg.at_least_zero(value)


class ReLU(Layer):
    """``x`` above ``threshold`` and at most ``max_value``; ``negative_slope * (x - threshold)`` below.

    Attributes:
        max_value: largest output, or None.
        negative_slope: slope below the threshold.
        threshold: where the slope changes.
    """

    max_value: float | None = field(None, convert=_optional_limit)
    negative_slope: float = field(0.0, convert=arg.at_least_zero)
    threshold: float = field(0.0, convert=arg.at_least_zero)

    supports_masking = True

    def call(self, inputs: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """``x`` where it is positive, ``negative_slope * x`` elsewhere."""

    negative_slope: float = field(0.3, convert=arg.at_least_zero)

    supports_masking = True

    def call(self, inputs: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return activations.leaky_relu(jnp.asarray(inputs), self.negative_slope)


class ThresholdedReLU(Layer):
    """``x`` where it is greater than ``theta``, 0 elsewhere.

    Source: Konda et al., 2014, "Zero-bias autoencoders and the benefits of co-adapting features".
    """

    theta: float = field(1.0, convert=arg.at_least_zero)

    supports_masking = True

    def call(self, inputs: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jnp.where(inputs > self.theta, inputs, jnp.zeros((), inputs.dtype))


class ELU(Layer):
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere."""

    alpha: float = field(1.0, convert=float)

    supports_masking = True

    def call(self, inputs: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return activations.elu(inputs, self.alpha)


def _shared_axes(value: Any) -> tuple[int, ...] | None:
    if value is None:
        return None
    axes = arg.axes(value)
    return axes if isinstance(axes, tuple) else (axes,)


class PReLU(Layer):
    """``x`` where it is positive, ``alpha * x`` with a learned ``alpha`` elsewhere.

    Weights: ``alpha``, of the shape of one sample, with size 1 along the shared axes.

    Attributes:
        shared_axes: axes along which one weight is shared, counted with the batch axis as 0: ``[1, 2]`` gives one
            weight for each channel of images. An axis ``a`` is the one with index ``a - 1`` in the weight's shape, as in
            Keras: 0 is the last axis, -1 the one before it.

    Source: He et al., 2015, "Delving deep into rectifiers".
    """

    alpha_initializer: Any = base.initializer("zeros")
    alpha_regularizer: Any = base.regularizer()
    alpha_constraint: Any = base.constraint()
    shared_axes: Any = field(None, convert=_shared_axes)

    supports_masking = True

    def call(self, inputs: Float[Array, "batch *shape"]) -> Float[Array, "batch *shape"]:
        base.require_rank(self, inputs, 2, at_least=True)
        shape = list(inputs.shape[1:])
        for axis in self.shared_axes or ():
            if not -len(shape) <= axis - 1 < len(shape):
                raise ValueError(
                    f"{base.describe(self)}: argument `shared_axes` {self.shared_axes} is out of range for inputs of "
                    f"shape {inputs.shape}"
                )
            shape[axis - 1] = 1
        alpha = base.declared_weight(self, "alpha", tuple(shape))
        return jax.nn.relu(inputs) - alpha[None] * jax.nn.relu(-inputs)


class Softmax(Layer):
    """``exp(x)`` divided by its sum along ``axis``; masked places do not count.

    Attributes:
        axis: one axis or several.
        keras2: as in Keras 2: masked places count.
    """

    axis: Any = field(-1, convert=arg.axes)
    keras2: bool = field(False, convert=bool, unknown_to_keras=True)

    supports_masking = True

    def call(self, inputs: Float[Array, "*shape"], mask: Any = None) -> Float[Array, "*shape"]:
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        if any(not -inputs.ndim <= axis < inputs.ndim for axis in axes):
            raise ValueError(
                f"{base.describe(self)}: argument `axis` {self.axis} is out of range for inputs of shape {inputs.shape}"
            )
        if mask is None or self.keras2:
            return jax.nn.softmax(inputs, axis=self.axis)
        seen = self._fitting(mask, inputs)
        return softmax_of_seen(inputs, seen, self.axis)

    def _fitting(self, mask: Array, inputs: Array) -> Array:
        pairs = list(zip(mask.shape[::-1], inputs.shape[::-1], strict=False))
        if mask.ndim > inputs.ndim or any(m not in (1, n) for m, n in pairs):
            raise ValueError(
                f"{base.describe(self)}: argument `mask` of shape {mask.shape} does not broadcast to the inputs' shape "
                f"{inputs.shape}"
            )
        mask = mask.reshape((1,) * (inputs.ndim - mask.ndim) + mask.shape)
        return mask if mask.dtype == bool else mask > 0.5


def softmax_of_seen(scores: Array, seen: Array, axis: int | tuple[int, ...]) -> Array:
    """The softmax of the scores that are seen, and 0 for the others; where none is seen all are 0."""
    weights = jax.nn.softmax(jnp.where(seen, scores, hidden_score(scores.dtype)), axis=axis)
    return jnp.where(seen, weights, jnp.zeros((), weights.dtype))


def hidden_score(dtype: Any) -> Array:
    """A score that counts for nothing in a softmax: very negative, but finite, so that a row of them has a result."""
    return jnp.asarray(-3e4 if jnp.dtype(dtype) == jnp.float16 else -1e9, dtype)

"""Layers that act in training only: dropout in its forms, noise, penalties on activations."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from kjax.nn import arguments as arg
from kjax.nn import regularizers
from kjax.nn.drawing import in_rows
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.value import field


def keep_mask(key: Array, rate: float, shape: tuple[int, ...]) -> Bool[Array, "*shape"]:
    """Random booleans, False with probability ``rate``.

    Raw bits are compared, 16 for each boolean: half the cost of uniform floats, and a rate that is right to 1e-5. A
    rate near 0 or 1 is compared with 32 bits.
    """
    if not shape or shape[-1] == 1 or not 0.01 <= rate <= 0.99:
        return in_rows(jax.random.bits, key, shape, "uint32") >= jnp.uint32(min(round(rate * 2**32), 2**32 - 1))
    # The two halves of a word lie apart along the last axis, so that a batch that is spread over devices stays so.
    words = in_rows(jax.random.bits, key, (*shape[:-1], (shape[-1] + 1) // 2), "uint32")
    threshold = round(rate * 2**16)
    low, high = words & jnp.uint32(0xFFFF), words
    halves = jnp.concatenate([low >= jnp.uint32(threshold), high >= jnp.uint32(threshold << 16)], axis=-1)
    return halves[..., : shape[-1]]


def dropout(key: Array, x: Float[Array, "*shape"], rate: float, shape: tuple[int, ...] | None = None) -> Array:
    """Set a random part of ``x`` to 0 and scale the rest by ``1 / (1 - rate)``.

    Args:
        key: random key.
        x: any array.
        rate: part that is dropped, from 0 to 1.
        shape: shape of the drawn mask, which must broadcast to that of ``x``; by default that of ``x``.

    Source: Srivastava et al., 2014, "Dropout: a simple way to prevent neural networks from overfitting".
    """
    if rate == 0:
        return x
    if rate == 1:
        return jnp.zeros_like(x)
    keep = jnp.broadcast_to(keep_mask(key, rate, x.shape if shape is None else shape), x.shape)
    return jnp.where(keep, x * jnp.asarray(1 / (1 - rate), x.dtype), jnp.zeros((), x.dtype))


def _noise_shape(value: Any) -> tuple[int | None, ...] | None:
    if value is None:
        return None
    if isinstance(value, (str, int)):
        raise TypeError(f"expected several integers or None, received {value!r}")
    return tuple(arg.optional(arg.positive)(size) for size in value)


class Dropout(Layer):
    """Set a random part of the inputs to 0 in training and scale the rest up; the identity otherwise.

    Attributes:
        rate: part that is dropped.
        noise_shape: shape of the mask, None where it has the size of the inputs; ``(None, 1, None)`` drops whole
            features of a sequence.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
    """

    rate: float = field(convert=arg.fraction)
    noise_shape: Any = field(None, convert=_noise_shape)
    seed: int | None = base.seed()

    supports_masking = True

    def call(self, inputs: Float[Array, "*shape"], training: bool = False) -> Float[Array, "*shape"]:
        if not training or self.rate == 0:
            return inputs
        return dropout(base.random_key(self), inputs, self.rate, self.mask_shape(inputs))

    def mask_shape(self, inputs: Array) -> tuple[int, ...]:
        """The shape of the mask that is drawn for these inputs."""
        return _resolve(self, self.noise_shape, inputs)


def _resolve(layer: Layer, noise_shape: tuple[int | None, ...] | None, inputs: Array) -> tuple[int, ...]:
    if noise_shape is None:
        return inputs.shape
    shape = tuple(inputs.shape[i] if n is None else n for i, n in enumerate(noise_shape[: inputs.ndim]))
    fits = len(noise_shape) == inputs.ndim and all(n in (1, d) for n, d in zip(shape, inputs.shape, strict=True))
    if not fits:
        raise ValueError(
            f"{base.describe(layer)}: argument `noise_shape` {noise_shape} does not broadcast to the "
            f"inputs' shape {inputs.shape}"
        )
    return shape


class SpatialDropout1D(Layer):
    """Dropout of whole features of a sequence (batch, time, features)."""

    rate: float = field(convert=arg.fraction)
    seed: int | None = base.seed()

    supports_masking = True

    def call(self, inputs: Float[Array, "batch time features"], training: bool = False) -> Array:
        base.require_rank(self, inputs, 3)
        return _drop_channels(self, inputs, -1) if training else inputs


class SpatialDropout2D(Layer):
    """Dropout of whole feature maps of images.

    Source: Tompson et al., 2014, "Efficient object localization using convolutional networks".
    """

    rate: float = field(convert=arg.fraction)
    data_format: str = base.data_format()
    seed: int | None = base.seed()

    supports_masking = True
    rank: ClassVar[int] = 2

    def call(self, inputs: Float[Array, "batch *spatial"], training: bool = False) -> Array:
        base.require_rank(self, inputs, self.rank + 2)
        return _drop_channels(self, inputs, base.channel_axis(self)) if training else inputs


class SpatialDropout3D(SpatialDropout2D):
    """Dropout of whole feature maps of volumes."""

    rank = 3


def _drop_channels(layer: Any, inputs: Array, axis: int) -> Array:
    if layer.rate == 0:
        return inputs
    shape = [inputs.shape[0]] + [1] * (inputs.ndim - 1)
    shape[axis] = inputs.shape[axis]
    return dropout(base.random_key(layer), inputs, layer.rate, tuple(shape))


class GaussianDropout(Layer):
    """Multiply by noise of mean 1 and standard deviation ``sqrt(rate / (1 - rate))`` in training."""

    rate: float = field(convert=arg.fraction)
    seed: int | None = base.seed()

    supports_masking = True

    def call(self, inputs: Float[Array, "*shape"], training: bool = False) -> Float[Array, "*shape"]:
        if not training or self.rate == 0:
            return inputs
        deviation = (self.rate / (1.0 - self.rate)) ** 0.5
        noise = in_rows(jax.random.normal, base.random_key(self), inputs.shape, self.compute_dtype)
        return inputs * (1 + deviation * noise)


class GaussianNoise(Layer):
    """Add noise of mean 0 and standard deviation ``stddev`` in training."""

    stddev: float = field(convert=arg.at_least_zero)
    seed: int | None = base.seed()

    supports_masking = True

    def call(self, inputs: Float[Array, "*shape"], training: bool = False) -> Float[Array, "*shape"]:
        if not training or self.stddev == 0:
            return inputs
        return inputs + self.stddev * in_rows(
            jax.random.normal, base.random_key(self), inputs.shape, self.compute_dtype
        )


class AlphaDropout(Layer):
    """Dropout that keeps the mean and variance of self-normalizing (SELU) activations.

    Source: Klambauer et al., 2017, "Self-normalizing neural networks".
    """

    rate: float = field(convert=arg.fraction)
    noise_shape: Any = field(None, convert=_noise_shape)
    seed: int | None = base.seed()

    supports_masking = True

    def call(self, inputs: Float[Array, "*shape"], training: bool = False) -> Float[Array, "*shape"]:
        if not training or self.rate == 0:
            return inputs
        dropped = -1.7580993408473766  # -scale * alpha of SELU
        keep = keep_mask(base.random_key(self), self.rate, _resolve(self, self.noise_shape, inputs))
        scale = ((1 - self.rate) * (1 + self.rate * dropped**2)) ** -0.5
        offset = -scale * dropped * self.rate
        kept = jnp.where(jnp.broadcast_to(keep, inputs.shape), inputs, jnp.asarray(dropped, inputs.dtype))
        return scale * kept + offset


class ActivityRegularization(Layer):
    """Return the inputs; add ``l1 * sum(|x|) + l2 * sum(x ** 2)``, divided by the batch size, to the losses.

    Attributes:
        l1: factor of the absolute values.
        l2: factor of the squares.
        keras2: as in Keras 1 and 2: the sum over the batch, not divided by its size.
    """

    l1: float = field(0.0, convert=arg.at_least_zero)
    l2: float = field(0.0, convert=arg.at_least_zero)
    keras2: bool = field(False, convert=bool, unknown_to_keras=True)

    supports_masking = True

    def call(self, inputs: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        penalty = regularizers.L1L2(self.l1, self.l2)(inputs)
        self.add_loss("penalty", penalty / (inputs.shape[0] if inputs.ndim and not self.keras2 else 1))
        return inputs

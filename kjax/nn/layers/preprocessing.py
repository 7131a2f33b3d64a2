"""Preprocessing of images inside the network: rescaling, and random flips, shifts and crops of each image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from kjax.nn import arguments as arg
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.value import field

# floats of one number or of one number a channel
_Numbers = float | tuple[Any, ...]


def _numbers(value: Any) -> _Numbers:
    array = np.asarray(value, np.float64)
    return arg.hashable(array.tolist())


class Rescaling(Layer):
    """``inputs * scale + offset``, as floats.

    Attributes:
        scale: a number, or an array that broadcasts to the inputs (one number for each channel, say).
        offset: the same.
    """

    scale: Any = field(convert=_numbers)
    offset: Any = field(0.0, convert=_numbers)

    supports_masking = True

    def call(self, inputs: Num[Array, "*shape"]) -> Float[Array, "*shape"]:
        x = inputs.astype(self.compute_dtype)
        return x * self._broadcast(self.scale, x) + self._broadcast(self.offset, x)

    def _broadcast(self, numbers: _Numbers, x: Array) -> Array:
        value = jnp.asarray(numbers, x.dtype)
        return value.reshape((1,) * (x.ndim - value.ndim) + value.shape) if value.ndim else value


class _ImageLayer(Layer):
    """Base of the layers that change images at random: (batch, height, width, channels) or one image of 3 axes.

    A subclass writes ``change(images, keys)`` for a batch with channels last; each image gets a key of its own.
    """

    def call(self, inputs: Num[Array, "*batch height width channels"], training: bool = False) -> Array:
        if inputs.ndim not in (3, 4):
            raise ValueError(
                f"{base.describe(self)}: argument `inputs` must be a batch of images (4 axes) or one image (3 axes), "
                f"received shape {inputs.shape}"
            )
        images = inputs.astype(self.compute_dtype)
        images = images[None] if inputs.ndim == 3 else images
        images = base.to_channels_last(self, images)
        if training:
            images = self.change(images, base.random_key(self))
        else:
            images = self.at_inference(images)
        images = base.from_channels_last(self, images)
        return images[0] if inputs.ndim == 3 else images

    def change(self, images: Float[Array, "batch height width channels"], key: Array) -> Array:
        """The images, changed at random."""
        raise NotImplementedError

    def at_inference(self, images: Float[Array, "batch height width channels"]) -> Array:
        """What happens outside training; nothing by default."""
        return images


class RandomFlip(_ImageLayer):
    """Each image mirrored with probability 1/2 in training.

    Attributes:
        mode: ``'horizontal'``, ``'vertical'``, or ``'horizontal_and_vertical'``: both at once (a turn by 180
            degrees) or neither, as Keras 3 does it.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.
    """

    mode: str = field(
        "horizontal_and_vertical", convert=arg.choice("horizontal", "vertical", "horizontal_and_vertical")
    )
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def change(self, images: Float[Array, "batch height width channels"], key: Array) -> Array:
        flip = jax.random.bernoulli(key, shape=(images.shape[0], 1, 1, 1))
        axes = tuple(axis for axis, name in ((1, "vertical"), (2, "horizontal")) if name in self.mode)
        return jnp.where(flip, jnp.flip(images, axes), images)


def _shift_range(value: Any) -> Any:
    numbers = tuple(value) if isinstance(value, Iterable) else (value,)
    if len(numbers) not in (1, 2) or any(not -1 <= float(n) <= 1 for n in numbers):
        raise ValueError(f"expected a number, or a lower and an upper one, from -1 to 1, received {value!r}")
    return tuple(float(n) for n in numbers) if isinstance(value, Iterable) else float(value)


class RandomTranslation(_ImageLayer):
    """Each image shifted by random parts of its height and width in training.

    Attributes:
        height_factor: largest shift down and up as a part of the height, or (lower, upper); negative is up.
        width_factor: the same to the right and left.
        fill_mode: what comes in from outside: ``'reflect'`` (``d c b a | a b c d``), ``'wrap'``, ``'constant'``,
            ``'nearest'``.
        interpolation: ``'bilinear'`` or ``'nearest'`` (whole pixels).
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        fill_value: for ``fill_mode='constant'``.
        data_format: where the channels are.
    """

    height_factor: Any = field(convert=_shift_range)
    width_factor: Any = field(convert=_shift_range)
    fill_mode: str = field("reflect", convert=arg.choice("reflect", "wrap", "constant", "nearest"))
    interpolation: str = field("bilinear", convert=arg.choice("bilinear", "nearest"))
    seed: int | None = base.seed()
    fill_value: float = field(0.0, convert=float)
    data_format: str = base.data_format()

    def change(self, images: Float[Array, "batch height width channels"], key: Array) -> Array:
        batch, height, width, _ = images.shape
        down_key, right_key = jax.random.split(key)
        down = height * _uniform(down_key, self.height_factor, batch)
        right = width * _uniform(right_key, self.width_factor, batch)
        images = self._shift(images, down, 1)
        return self._shift(images, right, 2)

    def _shift(self, images: Array, distance: Float[Array, "batch"], axis: int) -> Array:
        """Shift each image along one axis; a shift is separable, so that two gathers of whole lines do it."""
        size = images.shape[axis]
        position = jnp.arange(size, dtype=jnp.float32)[None, :] - distance[:, None]
        if self.interpolation == "nearest":
            return self._lines(images, jnp.round(position).astype("int32"), axis)
        below = jnp.floor(position)
        weight = jnp.expand_dims((position - below).astype(images.dtype), (3, 2) if axis == 1 else (3, 1))
        first = below.astype("int32")
        return self._lines(images, first, axis) * (1 - weight) + self._lines(images, first + 1, axis) * weight

    def _lines(self, images: Array, index: Array, axis: int) -> Array:
        size = images.shape[axis]
        outside = (index < 0) | (index >= size)
        match self.fill_mode:
            case "reflect":
                index = index % (2 * size)
                index = jnp.minimum(index, 2 * size - 1 - index)
            case "wrap":
                index = index % size
            case _:
                index = jnp.clip(index, 0, size - 1)
        shape = (images.shape[0], size, 1, 1) if axis == 1 else (images.shape[0], 1, size, 1)
        lines = jnp.take_along_axis(images, index.reshape(shape), axis=axis, mode="promise_in_bounds")
        if self.fill_mode != "constant":
            return lines
        return jnp.where(outside.reshape(shape), jnp.asarray(self.fill_value, images.dtype), lines)


def _uniform(key: Array, factor: Any, count: int) -> Float[Array, "count"]:
    lower, upper = (
        sorted(factor if len(factor) == 2 else factor * 2) if isinstance(factor, tuple) else (-abs(factor), abs(factor))
    )
    return jax.random.uniform(key, (count,), jnp.float32, lower, upper)


class RandomCrop(_ImageLayer):
    """A window of each image, at a random place in training and in the centre otherwise.

    Outside training, and where an image is not larger than the window, the largest window of the target's aspect
    ratio is taken and resized. (Keras 3.15 draws one place for a whole batch, and outside training returns the images
    as they are, so that their shape differs from that in training.)

    Attributes:
        height: height of the output.
        width: width of the output.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.
    """

    height: int = field(convert=arg.positive)
    width: int = field(convert=arg.positive)
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def change(self, images: Float[Array, "batch height width channels"], key: Array) -> Array:
        batch, height, width, _ = images.shape
        if height < self.height or width < self.width or (height, width) == (self.height, self.width):
            return self.at_inference(images)
        top_key, left_key = jax.random.split(key)
        top = jax.random.randint(top_key, (batch, 1, 1, 1), 0, height - self.height + 1)
        left = jax.random.randint(left_key, (batch, 1, 1, 1), 0, width - self.width + 1)
        rows = top + jnp.arange(self.height).reshape(1, -1, 1, 1)
        columns = left + jnp.arange(self.width).reshape(1, 1, -1, 1)
        images = jnp.take_along_axis(images, rows, axis=1, mode="promise_in_bounds")
        return jnp.take_along_axis(images, columns, axis=2, mode="promise_in_bounds")

    def at_inference(self, images: Float[Array, "batch height width channels"]) -> Array:
        """The centre of the images, resized to the window."""
        batch, height, width, channels = images.shape
        if (height, width) == (self.height, self.width):
            return images
        crop_height = max(min(height, int(width * self.height / self.width)), 1)
        crop_width = max(min(width, int(height * self.width / self.height)), 1)
        top, left = (height - crop_height) // 2, (width - crop_width) // 2
        images = images[:, top : top + crop_height, left : left + crop_width]
        return jax.image.resize(images, (batch, self.height, self.width, channels), "linear", antialias=False)

"""Blur, sharpness, erased rectangles, and values spread by histograms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import arguments as arg
from kjax.nn import image
from kjax.nn.layers import base
from kjax.nn.layers.preprocessing.base import (
    ImageLayer,
    bounds,
    chosen,
    data_format,
    per_image,
    uniform,
    value_range,
)
from kjax.nn.value import field

Shape = tuple[int, int, int, int]


def _odd(value: Any) -> tuple[int, int]:
    numbers = tuple(value) if isinstance(value, Iterable) else (value, value)
    if len(numbers) != 2 or any(int(n) != n or n < 1 or n % 2 == 0 for n in numbers):
        raise ValueError(f"expected an odd number, or two of them, received {value!r}")
    return int(numbers[0]), int(numbers[1])


class RandomGaussianBlur(ImageLayer):
    """Images blurred by a Gaussian of random width with a random probability in training.

    Attributes:
        factor: the probability, or (lower, upper) for it.
        kernel_size: columns and rows of the Gaussian, odd.
        sigma: largest standard deviation in pixels, from 0 to 1, or (lower, upper).
        value_range: lowest and highest value of the images.
        data_format: where the channels are.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
    """

    factor: Any = field(1.0, convert=bounds(0.0, 1.0))
    kernel_size: Any = field(3, convert=_odd)
    sigma: Any = field(1.0, convert=bounds(0.0, 1.0))
    value_range: Any = value_range()
    data_format: str = base.data_format()
    seed: int | None = base.seed()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        apply_key, sigma_key = jax.random.split(key)
        return {
            "should_apply_blur": chosen(apply_key, self.factor, shape[0]),
            "blur_factor": uniform(sigma_key, self.sigma, (shape[0], 2)) + 1e-6,
        }

    def alter(self, images: Array, transformation: Mapping[str, Any] | None) -> Array:
        if transformation is None:
            return images
        blurred = image.gaussian_blur(images, self.kernel_size, transformation["blur_factor"])
        images = jnp.where(per_image(transformation["should_apply_blur"]), blurred, images)
        return jnp.clip(images, *self.value_range)


class RandomSharpness(ImageLayer):
    """Each image mixed with its smoothed version in training: 0 is smooth, 0.5 changes nothing, 1 is sharper.

    Attributes:
        factor: upper limit of the random number, from 0 to 1, or (lower, upper).
        value_range: lowest and highest value of the images.
        data_format: where the channels are.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
    """

    factor: Any = field(convert=bounds(0.0, 1.0))
    value_range: Any = value_range()
    data_format: str = base.data_format()
    seed: int | None = base.seed()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        return {"factor": uniform(key, self.factor, (shape[0],))}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        ones = jnp.ones((3,), images.dtype)
        around = image.correlate_axis(image.correlate_axis(images, ones, 1), ones, 2)
        smooth = (around + 4.0 * images) / 13.0
        share = per_image(transformation["factor"], images.dtype) * 2
        return jnp.clip(images + (1.0 - share) * (smooth - images), *self.value_range)


def corners(key: Array, length: int, share: Array) -> tuple[Array, Array]:
    """Start and end of a window of a share of a length, at a random place, for each image."""
    size = share * length
    start = jax.random.uniform(key, share.shape) * (length - size)
    return start, start + size


def window_mask(shape: Shape, x: tuple[Array, Array], y: tuple[Array, Array]) -> Array:
    """Booleans (batch, height, width, 1): the pixels whose column and row lie in the windows."""
    rows, columns = image.grid(shape[1], shape[2])
    rows, columns = rows[..., None], columns[..., None]
    (left, right), (top, bottom) = ((per_image(a), per_image(b)) for a, b in (x, y))
    return (columns >= left) & (columns < right) & (rows >= top) & (rows < bottom)


def mask_of(values: Any, images: Array, layer: Any) -> Array:
    """Values for each pixel in the layer's data format, as (batch, height, width, channels) like the images.

    Values with one channel, or with as many as the pictures, also fit segmentation masks, which have one.
    """
    values = jnp.asarray(values)
    if values.ndim == 0:
        return jnp.broadcast_to(values, images.shape)
    if layer.data_format == "channels_first":
        values = jnp.moveaxis(values, 1, -1)
    if values.shape[-1] not in (1, images.shape[-1]):
        values = values[..., :1]
    return jnp.broadcast_to(values, images.shape)


def _fill(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, Iterable):
        numbers = tuple(float(v) for v in value)
        if len(numbers) != 3:
            raise ValueError(f"expected a number, or three of them, received {value!r}")
        return numbers
    return float(value)


class RandomErasing(ImageLayer):
    """A rectangle of images filled with one value or noise, with a random probability, in training.

    Attributes:
        factor: the probability, or (lower, upper) for it.
        scale: limits of the rectangle's area as a part of the image's (its sides are square roots of two such numbers).
        fill_value: a number, three numbers (one a channel), or None for noise.
        value_range: lowest and highest value of the images.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.

    Source: Zhong et al., 2017, "Random erasing data augmentation".
    """

    factor: Any = field(1.0, convert=bounds(0.0, 1.0))
    scale: Any = field((0.02, 0.33), convert=bounds(0.0, 1.0))
    fill_value: Any = field(None, convert=_fill)
    value_range: Any = value_range()
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        apply_key, size_key, x_key, y_key, noise_key = jax.random.split(key, 5)
        sides = jnp.sqrt(uniform(size_key, self.scale, (shape[0], 2)))
        mask = window_mask(shape, corners(x_key, shape[2], sides[:, 0]), corners(y_key, shape[1], sides[:, 1]))
        low, high = self.value_range
        if self.fill_value is None:
            filling = jax.random.normal(noise_key, shape) * high
        else:
            filling = jnp.asarray(self.fill_value, jnp.float32).reshape(1, 1, 1, -1)
        filling = base.from_channels_last(self, jnp.clip(filling, low, high))
        return {
            "apply_erasing": chosen(apply_key, self.factor, shape[0]),
            "batch_masks": base.from_channels_last(self, mask),
            "fill_value": filling,
        }

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        mask = mask_of(transformation["batch_masks"], images, self)
        filling = mask_of(jnp.asarray(transformation["fill_value"], images.dtype), images, self)
        erased = jnp.where(mask, filling, images)
        return jnp.where(per_image(transformation["apply_erasing"]), erased, images)


class AutoContrast(ImageLayer):
    """Each channel of each image stretched to the whole value range, in training or not.

    Attributes:
        value_range: lowest and highest value of the images.
    """

    value_range: Any = value_range()
    data_format: str = data_format()

    always = True
    draws = False

    def alter(self, images: Array, transformation: Any) -> Array:
        values = image.change_range(images, self.value_range, (0, 255))
        low, high = jnp.min(values, axis=(1, 2), keepdims=True), jnp.max(values, axis=(1, 2), keepdims=True)
        flat = high == low
        scale = 255.0 / jnp.where(flat, 1.0, high - low)
        stretched = jnp.clip(values * scale - low * scale, 0.0, 255.0)
        return jnp.where(flat, images, image.change_range(stretched, (0, 255), self.value_range))


class Equalization(ImageLayer):
    """The values of each channel spread so that all are about equally frequent, in training.

    As in Keras 3, the frequencies are those of a channel over the whole batch.

    Attributes:
        value_range: lowest and highest value of the images.
        bins: number of bins of the histogram.
        data_format: where the channels are.
    """

    value_range: Any = value_range()
    bins: int = field(256, convert=arg.positive)
    data_format: str = base.data_format()

    draws = False

    def alter(self, images: Array, transformation: Any) -> Array:
        values = image.change_range(images, self.value_range, (0, 255))
        channels = [self._equalize(values[..., c]) for c in range(images.shape[-1])]
        return image.change_range(jnp.stack(channels, axis=-1), (0, 255), self.value_range)

    def _equalize(self, channel: Array) -> Array:
        bins = self.bins
        index = jnp.clip((channel.astype(jnp.float32) * (bins - 1) / 255.0).astype(jnp.int32), 0, bins - 1)
        histogram = jnp.bincount(index.reshape(-1), length=bins)
        total = jnp.cumsum(histogram)
        first = total[jnp.argmax(total > 0)]
        spread = total[-1] - first
        table = (total - first) * 255 / jnp.where(spread == 0, 1, spread)
        table = jnp.clip(jnp.round(table), 0, 255).astype(channel.dtype)
        place = jnp.clip(channel / 255.0 * (bins - 1), 0, bins - 1).astype(jnp.int32)
        return jnp.where(jnp.count_nonzero(histogram) <= 1, channel, table[place])


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """CLAHE: each value spread by the histogram of its neighbourhood, in training or not.

    Images are cut into tiles; a pixel's value is mixed from what the tables of the four nearest tiles give.

    Attributes:
        value_range: lowest and highest value of the images.
        clip_limit: how often a value may occur, in multiples of the mean; the rest is spread over all values. 0 or less
            does not limit.
        tile_grid_size: number of tiles down and across.
        data_format: where the channels are.

    Source: Zuiderveld, 1994, "Contrast limited adaptive histogram equalization".
    """

    value_range: Any = value_range()
    clip_limit: float = field(4.0, convert=float)
    tile_grid_size: Any = field((8, 8), convert=arg.sizes(2))
    data_format: str = base.data_format()

    always = True
    draws = False
    keeps_type = True

    def alter(self, images: Array, transformation: Any) -> Array:
        values = image.change_range(images.astype(jnp.float32), self.value_range, (0, 255))
        return image.change_range(self._equalize(values), (0, 255), self.value_range)

    def _equalize(self, images: Array) -> Array:
        batch, height, width, channels = images.shape
        down, across = self.tile_grid_size
        tile_height, tile_width = -(-height // down), -(-width // across)
        padding = ((0, 0), (0, tile_height * down - height), (0, tile_width * across - width), (0, 0))
        pixels = jnp.clip(jnp.pad(images, padding, mode="symmetric"), 0, 255).astype(jnp.int32)
        tables = self._tables(pixels, tile_height, tile_width)
        # One more tile on every side, equal to its neighbour.
        tables = jnp.pad(tables, ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0)), mode="edge")
        top, below = _between(pixels.shape[1], tile_height)
        left, beside = _between(pixels.shape[2], tile_width)
        flat = tables.reshape(-1)
        image_index = jnp.arange(batch, dtype=jnp.int32).reshape(-1, 1, 1, 1)
        channel_index = jnp.arange(channels, dtype=jnp.int32).reshape(1, 1, 1, -1)

        def value(row: Array, column: Array) -> Array:
            tile = image_index * (down + 2) + row.reshape(1, -1, 1, 1)
            tile = tile * (across + 2) + column.reshape(1, 1, -1, 1)
            return jnp.take(flat, (tile * channels + channel_index) * 256 + pixels, mode="clip")

        beside, below = beside.reshape(1, 1, -1, 1), below.reshape(1, -1, 1, 1)
        upper = value(top, left) * (1 - beside) + value(top, left + 1) * beside
        lower = value(top + 1, left) * (1 - beside) + value(top + 1, left + 1) * beside
        return (upper * (1 - below) + lower * below)[:, :height, :width]

    def _tables(self, pixels: Array, tile_height: int, tile_width: int) -> Array:
        """What each tile makes of each value: (batch, tiles down, tiles across, channels, 256)."""
        batch, _, _, channels = pixels.shape
        down, across = self.tile_grid_size
        tiles = pixels.reshape(batch, down, tile_height, across, tile_width, channels).transpose(0, 1, 3, 5, 2, 4)
        count = tile_height * tile_width
        flat = tiles.reshape(-1, count)
        histogram = jax.vmap(lambda tile: jnp.bincount(tile, length=256))(flat).astype(jnp.float32)
        if self.clip_limit > 0:
            kept = jnp.minimum(histogram, self.clip_limit * count / 256.0)
            histogram = kept + jnp.sum(histogram - kept, axis=-1, keepdims=True) / 256.0
        total = jnp.cumsum(histogram, axis=-1)
        first = jnp.min(total, axis=-1, keepdims=True)
        spread = count - first
        table = jnp.clip((total - first) * 255.0 / jnp.where(spread == 0, 1.0, spread), 0, 255)
        return table.reshape(batch, down, across, channels, 256)


def _between(length: int, tile: int) -> tuple[Array, Array]:
    """For each pixel the tile (of those with one more on each side) whose centre lies before it, and how far before."""
    place = (jnp.arange(length, dtype=jnp.float32) - tile / 2.0) / tile + 1.0
    before = jnp.floor(place)
    return before.astype(jnp.int32), place - before

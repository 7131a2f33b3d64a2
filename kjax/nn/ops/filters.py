"""The part of ``keras.ops`` for images: colours, filters and similarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.ops.convert import array, floating
from kjax.nn.ops.image import on_batch

GREY = (0.2989, 0.5870, 0.1140)
"""Weights of red, green and blue in the luminance (ITU-R BT.601)."""


def _channels(data_format: str | None) -> int:
    return -3 if data_format == "channels_first" else -1


def _colours(name: str, images: Any, data_format: str | None, allowed: tuple[int, ...] = (3,)) -> Array:
    images = array(images)
    if images.ndim not in (3, 4):
        raise ValueError(f"{name}: expected an image (3 axes) or a batch (4 axes), received shape {images.shape}")
    if images.shape[_channels(data_format)] not in allowed:
        raise ValueError(f"{name}: expected {' or '.join(map(str, allowed))} channels, received shape {images.shape}")
    return images


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Array:
    """Colours as one channel of luminance; images of one channel stay as they are."""
    images = _colours("rgb_to_grayscale", images, data_format, (1, 3))
    axis = _channels(data_format)
    if images.shape[axis] == 1:
        return images
    wide = floating(images)
    grey = jnp.tensordot(wide, jnp.asarray(GREY, wide.dtype), axes=(axis, -1))
    return jnp.expand_dims(grey, axis).astype(images.dtype)


def _float_colours(name: str, images: Any, data_format: str | None) -> Array:
    images = _colours(name, images, data_format)
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(f"{name}: expected images of floats, received {images.dtype}")
    return images


def rgb_to_hsv(images: Any, data_format: str | None = None) -> Array:
    """Red, green and blue (0 to 1) as hue, saturation and value (0 to 1).

    Raises:
        ValueError: images that are no floats, or have not three channels.
    """
    images = _float_colours("rgb_to_hsv", images, data_format)
    axis = _channels(data_format)
    images = jnp.where(jnp.abs(images) < jnp.finfo(images.dtype).eps, 0, images)
    r, g, b = (jnp.take(images, i, axis=axis) for i in range(3))
    value = jnp.max(images, axis=axis)
    spread = value - jnp.min(images, axis=axis)
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1), 0)
    sixth = 1 / (6 * jnp.where(spread > 0, spread, 1))
    hue = jnp.where(value == g, sixth * (b - r) + 2 / 6, sixth * (r - g) + 4 / 6)
    hue = jnp.where(value == r, sixth * (g - b), hue)
    hue = jnp.where(spread > 0, hue, 0) + (hue < 0).astype(hue.dtype)
    return jnp.stack([hue, saturation, value], axis=axis).astype(images.dtype)


def hsv_to_rgb(images: Any, data_format: str | None = None) -> Array:
    """The inverse of :func:`rgb_to_hsv`."""
    images = _float_colours("hsv_to_rgb", images, data_format)
    axis = _channels(data_format)
    hue, saturation, value = (jnp.take(images, i, axis=axis) for i in range(3))
    place = jnp.mod(hue, 1) * 6
    shares = (
        jnp.clip(jnp.abs(place - 3) - 1, 0, 1),
        jnp.clip(2 - jnp.abs(place - 2), 0, 1),
        jnp.clip(2 - jnp.abs(place - 4), 0, 1),
    )
    return jnp.stack([value * (1 - saturation + saturation * share) for share in shares], axis=axis)


def _gaussian(size: int, sigma: Any, dtype: Any) -> Array:
    places = jnp.arange(size, dtype=dtype) - (size - 1) / 2
    weights = jnp.exp(-0.5 * jnp.square(places / jnp.asarray(sigma, dtype)))
    return weights / jnp.sum(weights)


def _filter(batch: Array, kernels: Array, padding: str) -> Array:
    """Each channel of a batch (channels last) with each kernel (height, width, count): channels * count channels."""
    channels = batch.shape[-1]
    apart = jnp.tile(kernels[:, :, None], (1, 1, 1, channels))
    return jax.lax.conv_general_dilated(
        batch,
        apart.astype(batch.dtype),
        (1, 1),
        padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=channels,
    )


def gaussian_blur(
    images: Any,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Any = (1.0, 1.0),
    data_format: str | None = None,
) -> Array:
    """Images smoothed by a Gaussian kernel; the borders are zeros.

    Args:
        images: image or batch of images.
        kernel_size: size of the kernel: along x, along y.
        sigma: standard deviations in pixels: along x, along y.
        data_format: where the channels are.
    """

    def function(batch: Array) -> Array:
        x, y = (_gaussian(kernel_size[i], sigma[i], batch.dtype) for i in range(2))
        return _filter(batch, jnp.outer(y, x)[..., None], "SAME")

    return on_batch("gaussian_blur", images, data_format, function)


def sobel_edges(images: Any, data_format: str | None = None) -> Array:
    """Differences along y and along x by Sobel's kernels, as a new last axis of size 2.

    Args:
        images: batch of images.
        data_format: where the channels are.
    """
    images = array(images)
    if images.ndim != 4:
        raise ValueError(f"sobel_edges: expected a batch of images (4 axes), received shape {images.shape}")
    batch = jnp.moveaxis(images, 1, 3) if data_format == "channels_first" else images
    across = jnp.asarray([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], batch.dtype)
    edges = [_filter(batch, kernel[..., None], "SAME") for kernel in (across.T, across)]
    if data_format == "channels_first":
        edges = [jnp.moveaxis(e, 3, 1) for e in edges]
    return jnp.stack(edges, axis=-1)


def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Array:
    """Structural similarity (Wang et al., 2004, https://doi.org/10.1109/TIP.2003.819861).

    Args:
        image1: image or batch of images.
        image2: as ``image1``.
        max_val: largest value of a pixel.
        filter_size: size of the Gaussian window.
        filter_sigma: its standard deviation.
        k1: keeps the comparison of means stable.
        k2: keeps the comparison of variances stable.
        data_format: where the channels are.

    Returns:
        One number for each image.
    """
    first, second = (
        floating(_colours("ssim", i, data_format, _any_channels(i, data_format))) for i in (image1, image2)
    )
    several = first.ndim == 4
    x, y = (i if several else i[None] for i in (first, second))
    if data_format == "channels_first":
        x, y = jnp.moveaxis(x, 1, 3), jnp.moveaxis(y, 1, 3)
    weights = _gaussian(filter_size, filter_sigma, x.dtype)
    window = jnp.outer(weights, weights)[..., None]

    def smooth(z: Array) -> Array:
        return _filter(z, window, "VALID")

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    both = smooth(x * y) - mean_x * mean_y
    above = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    result = jnp.mean(above / below, axis=(1, 2, 3)).astype(array(image1).dtype)
    return result if several else result[0]


def _any_channels(images: Any, data_format: str | None) -> tuple[int, ...]:
    shape = jnp.shape(images)
    return (shape[_channels(data_format)],) if len(shape) >= 3 else ()

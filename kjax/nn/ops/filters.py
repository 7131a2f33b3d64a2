"""The part of ``keras.ops`` for images: colours, filters and similarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import image
from kjax.nn.ops.convert import array, floating
from kjax.nn.ops.image import as_batch, on_batch


def _colours(name: str, images: Any, data_format: str | None, allowed: tuple[int, ...]) -> Array:
    """Images, whose rank and channels are checked."""
    images = array(images)
    if images.ndim not in (3, 4):
        raise ValueError(f"{name}: expected an image (3 axes) or a batch (4 axes), received shape {images.shape}")
    if images.shape[-3 if data_format == "channels_first" else -1] not in allowed:
        raise ValueError(f"{name}: expected {' or '.join(map(str, allowed))} channels, received shape {images.shape}")
    return images


def _float_colours(name: str, images: Any, data_format: str | None) -> Array:
    images = _colours(name, images, data_format, (3,))
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(f"{name}: expected images of floats, received {images.dtype}")
    return images


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Array:
    """Colours as one channel of luminance; images of one channel stay as they are."""
    images = _colours("rgb_to_grayscale", images, data_format, (1, 3))
    grey = on_batch("rgb_to_grayscale", floating(images), data_format, image.rgb_to_grayscale)
    return grey.astype(images.dtype)


def rgb_to_hsv(images: Any, data_format: str | None = None) -> Array:
    """Red, green and blue (0 to 1) as hue, saturation and value (0 to 1).

    Raises:
        ValueError: images that are no floats, or have not three channels.
    """
    return on_batch("rgb_to_hsv", _float_colours("rgb_to_hsv", images, data_format), data_format, image.rgb_to_hsv)


def hsv_to_rgb(images: Any, data_format: str | None = None) -> Array:
    """The inverse of :func:`rgb_to_hsv`."""
    return on_batch("hsv_to_rgb", _float_colours("hsv_to_rgb", images, data_format), data_format, image.hsv_to_rgb)


def gaussian_blur(
    images: Any,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Any = (1.0, 1.0),
    data_format: str | None = None,
) -> Array:
    """Images smoothed by a Gaussian kernel; the borders are zeros. Integers stay integers.

    Args:
        images: image or batch of images.
        kernel_size: size of the kernel: along x, along y.
        sigma: standard deviations in pixels: along x, along y.
        data_format: where the channels are.
    """
    images = array(images)

    def function(batch: Array) -> Array:
        return image.gaussian_blur(batch, kernel_size, sigma)

    blurred = on_batch("gaussian_blur", floating(images), data_format, function)
    return blurred if blurred.dtype == images.dtype else jnp.round(blurred).astype(images.dtype)


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
    smooth, change = jnp.asarray([1, 2, 1], batch.dtype), jnp.asarray([-1, 0, 1], batch.dtype)
    edges = [image.correlate_axis(image.correlate_axis(batch, change, axis), smooth, 3 - axis) for axis in (1, 2)]
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
    (x, several), (y, _) = (as_batch("ssim", floating(given)) for given in (image1, image2))
    if data_format == "channels_first":
        x, y = jnp.moveaxis(x, 1, 3), jnp.moveaxis(y, 1, 3)
    if min(x.shape[1:3]) < filter_size:
        raise ValueError(f"ssim: images of {x.shape[1:3]} pixels are smaller than `filter_size`, {filter_size}")
    weights = image.gaussian_kernel(filter_size, filter_sigma, x.dtype)
    before, after = (filter_size - 1) // 2, filter_size // 2

    def smooth(z: Array) -> Array:
        for axis in (1, 2):  # without what would need pixels from beyond the edges
            whole = image.correlate_axis(z, weights, axis)
            z = jax.lax.slice_in_dim(whole, before, z.shape[axis] - after, axis=axis)
        return z

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    both = smooth(x * y) - mean_x * mean_y
    above = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    result = jnp.mean(above / below, axis=(1, 2, 3)).astype(array(image1).dtype)
    return result if several else result[0]

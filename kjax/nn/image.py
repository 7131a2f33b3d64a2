"""Pictures as arrays: resizing, geometric transforms, blur and colours, as pure functions.

Arrays are (batch, height, width, channels) unless a function says otherwise. Coordinates are (row, column), counted from
the centre of the first pixel. Values from outside come from a *fill mode*: ``'constant'`` (``k k | a b c d | k k``),
``'nearest'`` (``a a | a b c d | d d``), ``'reflect'`` (``b a | a b c d | d c``), ``'mirror'`` (``c b | a b c d | c b``) or
``'wrap'`` (``c d | a b c d | a b``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
INTERPOLATIONS = ("nearest", "bilinear")
RESIZE_INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")

Images = Float[Array, "batch height width channels"]


# -- size -------------------------------------------------------------------------------------------------------------


def centred_window(height: int, width: int, target_height: int, target_width: int) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the largest centred window with the proportions of the target."""
    window_height = max(min(height, int(width * target_height / target_width)), 1)
    window_width = max(min(width, int(height * target_width / target_height)), 1)
    return (height - window_height) // 2, (width - window_width) // 2, window_height, window_width


def resize(
    images: Num[Array, "batch height width channels"],
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_value: float = 0.0,
) -> Array:
    """Resize images.

    Args:
        images: the images. Integers stay integers: what lies between them is rounded.
        size: (height, width) of the result.
        interpolation: one of :data:`RESIZE_INTERPOLATIONS`.
        antialias: blur before making images smaller.
        crop_to_aspect_ratio: cut to the new proportions instead of distorting.
        pad_to_aspect_ratio: fill up to the new proportions instead.
        fill_value: what to fill up with.
    """
    height, width = images.shape[1:3]
    target_height, target_width = size
    if crop_to_aspect_ratio:
        top, left, window_height, window_width = centred_window(height, width, target_height, target_width)
        images = images[:, top : top + window_height, left : left + window_width]
    elif pad_to_aspect_ratio:
        above = (max(height, int(width * target_height / target_width)) - height) // 2
        beside = (max(width, int(height * target_width / target_height)) - width) // 2
        # One of the two is zero; rounding may leave both at one, and then Keras fills the rows only.
        beside = 0 if above > 0 else beside
        images = jnp.pad(images, ((0, 0), (above, above), (beside, beside), (0, 0)), constant_values=fill_value)
    shape = (images.shape[0], target_height, target_width, images.shape[-1])
    resized = jax.image.resize(images, shape, interpolation, antialias=antialias)
    if jnp.issubdtype(images.dtype, jnp.integer) and resized.dtype != images.dtype:
        limits = jnp.iinfo(images.dtype)  # cubic and Lanczos interpolation overshoot
        resized = jnp.clip(jnp.round(resized), limits.min, limits.max).astype(images.dtype)
    return resized


# -- geometry ---------------------------------------------------------------------------------------------------------


def fill_index(index: Array, size: int, fill_mode: str) -> Array:
    """Positions from outside as positions inside, as the fill mode says (``'constant'``: the nearest)."""
    match fill_mode:
        case "wrap":
            return index % size
        case "reflect":
            index = index % (2 * size)
            return jnp.minimum(index, 2 * size - 1 - index)
        case "mirror":
            last = max(size - 1, 1)
            return jnp.minimum(jnp.abs((index + last) % (2 * last) - last), size - 1)
        case _:
            return jnp.clip(index, 0, size - 1)


def round_away(x: Array) -> Array:
    """The nearest integer, of two the one farther from zero."""
    return jnp.trunc(x + jnp.copysign(0.5, x)).astype(jnp.int32)


def sample(
    images: Num[Array, "batch height width channels"],
    rows: Float[Array, "batch *points"],
    columns: Float[Array, "batch *points"],
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Array:
    """The values of each image at its own points.

    Args:
        images: the images. Integers stay integers: what lies between them is rounded.
        rows: row of each point.
        columns: column of each point.
        interpolation: one of :data:`INTERPOLATIONS`.
        fill_mode: one of :data:`FILL_MODES`.
        fill_value: value for ``'constant'``.

    Returns:
        An array (batch, *points, channels).
    """
    batch, height, width, channels = images.shape
    flat = images.reshape(batch, height * width, channels)

    def at(i: Array, j: Array) -> Array:
        inside = fill_index(i, height, fill_mode) * width + fill_index(j, width, fill_mode)
        index = inside.reshape(batch, -1, 1)
        values = jnp.take_along_axis(flat, index, axis=1, mode="promise_in_bounds").reshape((*i.shape, channels))
        if fill_mode != "constant":
            return values
        outside = (i < 0) | (i >= height) | (j < 0) | (j >= width)
        return jnp.where(outside[..., None], jnp.asarray(fill_value, images.dtype), values)

    if interpolation == "nearest":
        return at(round_away(rows), round_away(columns))
    top, left = jnp.floor(rows), jnp.floor(columns)
    # Weights are not narrowed to the images' type.
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    i, j = top.astype(jnp.int32), left.astype(jnp.int32)
    upper = at(i, j) * (1 - right) + at(i, j + 1) * right
    lower = at(i + 1, j) * (1 - right) + at(i + 1, j + 1) * right
    between = upper * (1 - down) + lower * down
    if jnp.issubdtype(images.dtype, jnp.integer):
        between = round_away(between)
    return between.astype(images.dtype)


def grid(height: int, width: int) -> tuple[Array, Array]:
    """Row and column of each pixel, as float32 arrays (1, height, width)."""
    rows, columns = jnp.meshgrid(
        jnp.arange(height, dtype=jnp.float32), jnp.arange(width, dtype=jnp.float32), indexing="ij"
    )
    return rows[None], columns[None]


def affine_transform(
    images: Num[Array, "batch height width channels"],
    transform: Float[Array, "#batch 8"],
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Array:
    """Take each pixel (x, y) of the result from (a0 x + a1 y + a2, b0 x + b1 y + b2) of the image.

    Args:
        images: the images.
        transform: a0, a1, a2, b0, b1, b2 and two numbers without effect, for each image or for all.
        interpolation: one of :data:`INTERPOLATIONS`.
        fill_mode: one of :data:`FILL_MODES`.
        fill_value: value for ``'constant'``.
    """
    y, x = grid(*images.shape[1:3])
    a0, a1, a2, b0, b1, b2 = (number[..., None, None] for number in _numbers(transform, images.shape[0])[:6])
    return sample(images, b0 * x + b1 * y + b2, a0 * x + a1 * y + a2, interpolation, fill_mode, fill_value)


def _numbers(transform: Array, batch: int) -> Array:
    """The eight numbers (8, batch) of a transform of each image, or of one transform of all, in float32 or wider."""
    wide = transform.astype(jnp.promote_types(transform.dtype, jnp.float32))
    return jnp.broadcast_to(wide, (batch, 8)).T


def project(transform: Sequence[Array] | Array, x: Array, y: Array) -> tuple[Array, Array]:
    """Where a perspective transform takes points.

    Args:
        transform: h0 to h7, each ready to broadcast with the points.
        x: columns of the points.
        y: rows of the points.

    Returns:
        (h0 x + h1 y + h2) / (h6 x + h7 y + 1) and (h3 x + h4 y + h5) / (h6 x + h7 y + 1).
    """
    h0, h1, h2, h3, h4, h5, h6, h7 = transform
    depth = h6 * x + h7 * y + 1.0
    return (h0 * x + h1 * y + h2) / depth, (h3 * x + h4 * y + h5) / depth


def homography(start_points: Float[Array, "batch 4 2"], end_points: Float[Array, "batch 4 2"]) -> Array:
    """The eight numbers of the perspective transform that takes four points (x, y) of each image to four others.

    They take end points back to start points, see :func:`project`.
    """
    (x, y), (u, v) = jnp.moveaxis(start_points, -1, 0), jnp.moveaxis(end_points, -1, 0)
    zeros, ones = jnp.zeros_like(u), jnp.ones_like(u)
    of_x = jnp.stack([u, v, ones, zeros, zeros, zeros, -x * u, -x * v], axis=-1)
    of_y = jnp.stack([zeros, zeros, zeros, u, v, ones, -y * u, -y * v], axis=-1)
    matrix = jnp.concatenate([of_x, of_y], axis=1)
    return jnp.linalg.solve(matrix, jnp.concatenate([x, y], axis=-1)[..., None])[..., 0]


def perspective_transform(
    images: Num[Array, "batch height width channels"],
    start_points: Float[Array, "#batch 4 2"],
    end_points: Float[Array, "#batch 4 2"],
    interpolation: str = "bilinear",
    fill_value: float = 0.0,
) -> Array:
    """Move four points (x, y) of each image to four others, and everything else in perspective with them."""
    y, x = grid(*images.shape[1:3])
    numbers = _numbers(homography(start_points.astype(jnp.float32), end_points.astype(jnp.float32)), images.shape[0])
    columns, rows = project(numbers[..., None, None], x, y)
    return sample(images, rows, columns, interpolation, "constant", fill_value)


def rotation_matrix(angle: Float[Array, "batch"], height: int, width: int) -> Float[Array, "batch 8"]:
    """The affine transforms that turn images about their centres by angles in degrees."""
    radians = angle * jnp.asarray(jnp.pi / 180.0, angle.dtype)
    cosine, sine = jnp.cos(radians), jnp.sin(radians)
    x, y = 0.5 * (width - 1), 0.5 * (height - 1)
    zeros = jnp.zeros_like(angle)
    right = x - x * cosine + y * sine
    down = y - x * sine - y * cosine
    return jnp.stack([cosine, -sine, right, sine, cosine, down, zeros, zeros], axis=-1)


def displace(
    images: Num[Array, "batch height width channels"],
    noise: Float[Array, "batch height width directions"],
    alpha: Any,
    kernel: Float[Array, "*batch size"],
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
) -> Array:
    """Move every pixel by noise that was smoothed, so that neighbours move together.

    Args:
        images: the images.
        noise: random numbers: for rows and columns, or (one direction) for both at once.
        alpha: strength, a number or one ready to broadcast for each image.
        kernel: what smooths the noise along rows and along columns, for all images or for each.
        interpolation: one of :data:`INTERPOLATIONS`.
        fill_mode: one of :data:`FILL_MODES`.
        fill_value: value for ``'constant'``.
    """
    moves = alpha * correlate_axis(correlate_axis(noise, kernel, 1), kernel, 2)
    rows, columns = grid(*images.shape[1:3])
    return sample(images, rows + moves[..., 0], columns + moves[..., -1], interpolation, fill_mode, fill_value)


# -- blur -------------------------------------------------------------------------------------------------------------


def gaussian_kernel(size: int, sigma: Any, dtype: Any, reach: Any = None) -> Float[Array, "*batch size"]:
    """A normalized Gaussian at ``size`` points about its centre.

    Args:
        size: number of points.
        sigma: standard deviation, a number or one for each image.
        dtype: type of the result.
        reach: points farther than this from the centre are zero; by default none is.
    """
    sigma = jnp.asarray(sigma, dtype)[..., None]
    x = (jnp.arange(size, dtype=dtype) - (size - 1) / 2).reshape((1,) * (sigma.ndim - 1) + (size,))
    kernel = jnp.exp(-0.5 * (x / sigma) ** 2)
    if reach is not None:
        kernel = jnp.where(jnp.abs(x) <= jnp.asarray(reach, dtype)[..., None], kernel, 0)
    return kernel / jnp.sum(kernel, axis=-1, keepdims=True)


def correlate_axis(images: Images, kernel: Float[Array, "*batch size"], axis: int) -> Array:
    """Weighted sums of neighbours along an axis, with zeros beyond the edges.

    A short kernel is a sum of shifted images, a long one a product with a banded matrix: neither is a convolution,
    which XLA:CPU runs slowly inside a loop.

    Args:
        images: the images.
        kernel: the weights, for all images or for each; of an even number, one more lies after the pixel than before.
        axis: 1 (rows) or 2 (columns).
    """
    size, length = kernel.shape[-1], images.shape[axis]
    before = (size - 1) // 2
    each = kernel.reshape(-1, size)
    if size <= 9:
        padding = [(0, 0)] * 4
        padding[axis] = (before, size - 1 - before)
        padded = jnp.pad(images, padding)
        shifted = (jax.lax.slice_in_dim(padded, k, k + length, axis=axis) for k in range(size))
        return sum(
            (part * each[:, k].reshape(-1, 1, 1, 1) for k, part in enumerate(shifted)), jnp.zeros((), images.dtype)
        )
    offset = jnp.arange(length)[None, :] - jnp.arange(length)[:, None] + before
    band = jnp.where(((offset >= 0) & (offset < size))[None], each[:, jnp.clip(offset, 0, size - 1)], 0)
    band = jnp.broadcast_to(band, (images.shape[0], length, length))
    how = "bih,bhwc->biwc" if axis == 1 else "bjw,bhwc->bhjc"
    return jnp.einsum(how, band, images, precision=jax.lax.Precision.HIGHEST)


def gaussian_blur(images: Images, kernel_size: Sequence[int], sigma: Any) -> Array:
    """Blur images, with zeros beyond the edges.

    Args:
        images: the images.
        kernel_size: columns and rows of the Gaussian (as in Keras 3 the first one is the width).
        sigma: standard deviations along columns and rows: (2,), or (batch, 2) for each image.
    """
    sigma = jnp.asarray(sigma, images.dtype)
    across = gaussian_kernel(kernel_size[0], sigma[..., 0], images.dtype)
    down = gaussian_kernel(kernel_size[1], sigma[..., 1], images.dtype)
    return correlate_axis(correlate_axis(images, down, 1), across, 2)


# -- colours ----------------------------------------------------------------------------------------------------------

GRAY_WEIGHTS = (0.2989, 0.587, 0.114)
"""Shares of red, green and blue in the brightness, as in Keras 3."""


def rgb_to_grayscale(images: Num[Array, "*batch channels"]) -> Array:
    """The brightness of each pixel; channels last, one of them stays.

    Raises:
        ValueError: neither 1 nor 3 channels.
    """
    if images.shape[-1] == 1:
        return images
    if images.shape[-1] != 3:
        raise ValueError(f"colours need 3 channels (or 1, gray), received images of shape {images.shape}")
    gray = jnp.tensordot(images, jnp.asarray(GRAY_WEIGHTS, images.dtype), axes=1)
    return gray[..., None]


def rgb_to_hsv(images: Float[Array, "*batch 3"]) -> Array:
    """Hue (0 to 1), saturation and value; channels last."""
    images = jnp.where(jnp.abs(images) < jnp.finfo(images.dtype).eps, 0, images)
    red, green, blue = jnp.moveaxis(images, -1, 0)
    value = jnp.maximum(jnp.maximum(red, green), blue)
    spread = value - jnp.minimum(jnp.minimum(red, green), blue)
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1), 0)
    part = 1.0 / (6.0 * jnp.where(spread > 0, spread, 1))
    hue = jnp.where(value == green, part * (blue - red) + 2.0 / 6.0, part * (red - green) + 4.0 / 6.0)
    hue = jnp.where(value == red, part * (green - blue), hue)
    hue = jnp.where(spread > 0, hue, 0) + (hue < 0).astype(hue.dtype)
    return jnp.stack([hue, saturation, value], axis=-1)


def hsv_to_rgb(images: Float[Array, "*batch 3"]) -> Array:
    """The inverse of :func:`rgb_to_hsv`."""
    hue, saturation, value = jnp.moveaxis(images, -1, 0)
    sixth = jnp.mod(hue, 1.0) * 6.0
    red = jnp.clip(jnp.abs(sixth - 3.0) - 1.0, 0.0, 1.0)
    green = jnp.clip(2.0 - jnp.abs(sixth - 2.0), 0.0, 1.0)
    blue = jnp.clip(2.0 - jnp.abs(sixth - 4.0), 0.0, 1.0)
    return jnp.stack([value * (1.0 - saturation + saturation * part) for part in (red, green, blue)], axis=-1)


def change_range(images: Array, source: Sequence[float], target: Sequence[float]) -> Array:
    """Stretch values from one range to another.

    Args:
        images: values of any shape.
        source: (lowest, highest) they have.
        target: (lowest, highest) wanted.
    """
    if tuple(source) == tuple(target):
        return images
    low, high = source
    shares = (images - low) / (high - low)
    return shares * (target[1] - target[0]) + target[0]

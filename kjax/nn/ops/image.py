"""The part of ``keras.ops`` for images: geometry. Images are one or a batch, channels last or first.

The arithmetic is that of :mod:`kjax.nn.image`; here are Keras' arguments and their checks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import image
from kjax.nn.image import FILL_MODES, INTERPOLATIONS, RESIZE_INTERPOLATIONS
from kjax.nn.ops.convert import array, floating
from kjax.nn.ops.convolution import conv
from kjax.nn.value import did_you_mean

METHODS = ("linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5")


def choose(name: str, argument: str, value: Any, allowed: Sequence[str]) -> None:
    """Check an argument that is one of a few strings."""
    if value not in allowed:
        raise ValueError(f"{name}: `{argument}` cannot be {value!r}; {did_you_mean(str(value), allowed)}")


def as_batch(name: str, images: Any) -> tuple[Array, bool]:
    """Images as a batch, and whether they were one; checks the rank."""
    images = array(images)
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{name}: expected an image (3 axes) or a batch of images (4 axes), received an array of shape {images.shape}"
        )
    return (images, True) if images.ndim == 4 else (images[None], False)


def on_batch(name: str, images: Any, data_format: str | None, function: Callable[[Array], Array]) -> Array:
    """Apply a function of a batch with channels last to images in any form."""
    batch, several = as_batch(name, images)
    if data_format == "channels_first":
        result = jnp.moveaxis(function(jnp.moveaxis(batch, 1, 3)), 3, 1)
    else:
        result = function(batch)
    return result if several else result[0]


def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Array:
    """Images of another size.

    Args:
        images: image or batch of images. Integers stay integers: what lies between them is rounded.
        size: height and width.
        interpolation: ``'nearest'``, ``'bilinear'``, ``'bicubic'``, ``'lanczos3'`` or ``'lanczos5'``.
        antialias: whether images are smoothed before they are made smaller.
        crop_to_aspect_ratio: cut the middle of the wanted aspect ratio out first.
        pad_to_aspect_ratio: fill up to the wanted aspect ratio first.
        fill_mode: ``'constant'``.
        fill_value: value to fill up with.
        data_format: where the channels are.

    Raises:
        ValueError: arguments that do not exist or do not go together.
    """
    choose("resize", "interpolation", interpolation, RESIZE_INTERPOLATIONS)
    choose("resize", "fill_mode", fill_mode, ("constant",))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize: only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True")
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"resize: `size` must be (height, width), both of at least 1, received {size!r}")
    wanted = tuple(int(s) for s in size)

    def function(batch: Array) -> Array:
        return image.resize(
            batch, wanted, interpolation, antialias, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_value
        )

    return on_batch("resize", images, data_format, function)


def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0.0
) -> Array:
    """Values of an array at fractional places.

    Args:
        inputs: array.
        coordinates: (axes of ``inputs``, ...): the places.
        order: 0 (nearest) or 1 (linear).
        fill_mode: what lies outside: ``'constant'``, ``'nearest'``, ``'wrap'``, ``'mirror'`` or ``'reflect'``.
        fill_value: the constant.

    Raises:
        ValueError: shapes, an order or a mode that do not fit.
    """
    inputs = array(inputs)
    coordinates = jnp.stack([array(c) for c in coordinates]) if isinstance(coordinates, (list, tuple)) else coordinates
    coordinates = array(coordinates)
    if coordinates.ndim < 2 or coordinates.shape[0] != inputs.ndim:
        raise ValueError(
            f"map_coordinates: `coordinates` must have shape ({inputs.ndim}, ...), one row for each axis of `inputs` and at "
            f"least 2 axes, received {coordinates.shape}"
        )
    choose("map_coordinates", "fill_mode", fill_mode, FILL_MODES)
    if order not in (0, 1):
        raise ValueError(f"map_coordinates: `order` must be 0 or 1, received {order!r}")
    return jax.scipy.ndimage.map_coordinates(inputs, list(coordinates), order, fill_mode, fill_value)


def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Images turned, scaled, sheared and moved.

    Args:
        images: image or batch of images.
        transform: (8,) or (batch, 8): the output at (x, y) is the input at
            ``(a0 x + a1 y + a2, b0 x + b1 y + b2)``; the last two numbers must be 0.
        interpolation: ``'nearest'`` or ``'bilinear'``.
        fill_mode: what lies outside: ``'constant'``, ``'nearest'``, ``'wrap'``, ``'mirror'`` or ``'reflect'``.
        fill_value: the constant.
        data_format: where the channels are.

    Raises:
        ValueError: ranks or names that do not fit.
    """
    choose("affine_transform", "interpolation", interpolation, INTERPOLATIONS)
    choose("affine_transform", "fill_mode", fill_mode, FILL_MODES)
    transform = array(transform)
    if transform.ndim not in (1, 2):
        raise ValueError(
            f"affine_transform: `transform` must have shape (8,) or (batch, 8), received {transform.shape}"
        )

    def function(batch: Array) -> Array:
        return image.affine_transform(batch, jnp.atleast_2d(transform), interpolation, fill_mode, fill_value)

    return on_batch("affine_transform", images, data_format, function)


def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Images seen from elsewhere, so that four points come to lie at four others.

    Args:
        images: image or batch of images.
        start_points: (4, 2) or (batch, 4, 2): points (x, y) of the input.
        end_points: where they lie in the output.
        interpolation: ``'nearest'`` or ``'bilinear'``.
        fill_value: what lies outside.
        data_format: where the channels are.

    Raises:
        ValueError: shapes or names that do not fit.
    """
    choose("perspective_transform", "interpolation", interpolation, INTERPOLATIONS)
    start, end = array(start_points), array(end_points)
    if start.shape != end.shape or start.shape[-2:] != (4, 2) or start.ndim not in (2, 3):
        raise ValueError(
            "perspective_transform: `start_points` and `end_points` must both have shape (4, 2) or (batch, 4, 2), received "
            f"{start.shape} and {end.shape}"
        )
    start, end = (p if p.ndim == 3 else p[None] for p in (start, end))

    def function(batch: Array) -> Array:
        return image.perspective_transform(batch, start, end, interpolation, fill_value)

    return on_batch("perspective_transform", images, data_format, function)


def elastic(
    images: Any,
    key: Array,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Array:
    """Images distorted by smooth random displacements (Simard et al., 2003).

    Args:
        images: image or batch of images.
        key: random key.
        alpha: strength of the displacements.
        sigma: standard deviation of the noise, and of the blur that smooths it, in pixels.
        interpolation: ``'nearest'`` or ``'bilinear'``.
        fill_mode: what lies outside.
        fill_value: the constant outside.
        data_format: where the channels are.
    """
    choose("elastic_transform", "interpolation", interpolation, INTERPOLATIONS)
    choose("elastic_transform", "fill_mode", fill_mode, FILL_MODES)

    def function(batch: Array) -> Array:
        kind = floating(batch).dtype
        # One draw moves rows and columns, as in Keras.
        noise = sigma * jax.random.normal(key, (*batch.shape[:3], 1), kind)
        kernel = image.gaussian_kernel(int(6 * sigma) | 1, sigma, kind)
        return image.displace(batch, noise, alpha, kernel, interpolation, fill_mode, fill_value)

    return on_batch("elastic_transform", images, data_format, function)


def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Array:
    """Images scaled and moved along some axes, as ``jax.image.scale_and_translate``.

    Args:
        images: array.
        output_shape: shape of the result.
        scale: factor for each of ``spatial_dims``.
        translation: shift for each of ``spatial_dims``.
        spatial_dims: the axes.
        method: ``'linear'``, ``'cubic'``, ``'lanczos3'``, ``'lanczos5'``, ...
        antialias: whether images are smoothed before they are made smaller.
    """
    choose("scale_and_translate", "method", method, METHODS)
    return jax.image.scale_and_translate(
        array(images), tuple(output_shape), tuple(spatial_dims), array(scale), array(translation), method, antialias
    )


def extract_patches(
    images: Any,
    size: int | Sequence[int],
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Windows of images (or, with three sizes, of volumes) as vectors.

    Args:
        images: image or batch of images.
        size: height and width of a window.
        strides: distance between windows; their size by default.
        dilation_rate: distance between the points of a window.
        padding: ``'valid'`` or ``'same'``.
        data_format: where the channels are.
    """
    if not isinstance(size, (int, tuple, list)):
        raise TypeError(f"extract_patches: `size` must be an integer or a tuple, received {size!r}")
    rank = 2 if isinstance(size, int) else len(size)
    if rank not in (2, 3):
        raise ValueError(f"extract_patches: `size` must be an integer or a tuple of 2 or 3, received {size!r}")
    window = (size,) * rank if isinstance(size, int) else tuple(size)
    return _patches(images, window, strides, dilation_rate, padding, data_format)


def extract_patches_3d(
    volumes: Any,
    size: int | Sequence[int],
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Windows of volumes as vectors, see :func:`extract_patches`."""
    window = (size,) * 3 if isinstance(size, int) else tuple(size)
    if len(window) != 3:
        raise TypeError(f"extract_patches_3d: `size` must be an integer or a tuple of 3, received {size!r}")
    return _patches(volumes, window, strides, dilation_rate, padding, data_format)


def _patches(
    images: Any, window: tuple[int, ...], strides: Any, dilation: Any, padding: str, data_format: str | None
) -> Array:
    images = array(images)
    rank = len(window)
    if images.ndim not in (rank + 1, rank + 2):
        raise ValueError(f"windows of {rank} sizes need {rank + 1} or {rank + 2} axes, received shape {images.shape}")
    several = images.ndim == rank + 2
    batch = images if several else images[None]
    channels = batch.shape[1 if data_format == "channels_first" else -1]
    width = channels
    for s in window:
        width *= s
    kernel = jnp.eye(width, dtype=batch.dtype).reshape(*window, channels, width)
    patches = conv(batch, kernel, strides or window, padding, data_format, dilation)
    return patches if several else patches[0]


def _borders(
    name: str, arguments: str, before: int | None, after: int | None, target: int | None, size: int, sign: int
) -> tuple[int, int]:
    """Widths of the borders on both sides of an axis, of which one, or the length with (or without) them, is not given.

    Args:
        name: the function.
        arguments: names of the three arguments.
        before: width of the first border.
        after: width of the last one.
        target: length of the result.
        size: length of the axis.
        sign: 1 where borders are added, -1 where they are taken away.
    """
    if [before, after, target].count(None) != 1:
        raise ValueError(f"{name}: exactly two of {arguments} must be given")
    both = 0 if target is None else sign * (target - size)
    first = both - (after or 0) if before is None else before
    last = both - (before or 0) if after is None else after
    length = size + sign * (first + last)
    for argument, value in zip(arguments.split(", "), (first, last, length), strict=True):
        if value < 0:
            raise ValueError(f"{name}: `{argument}` must not be negative, received {value}")
    return first, last


def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Zeros around images; of (top, bottom, target height) and (left, right, target width) two are given each.

    Raises:
        ValueError: another number of arguments, or a size that would be negative.
    """
    rows, columns = "top_padding, bottom_padding, target_height", "left_padding, right_padding, target_width"

    def function(batch: Array) -> Array:
        height, width = batch.shape[1:3]
        top, bottom = _borders("pad_images", rows, top_padding, bottom_padding, target_height, height, 1)
        left, right = _borders("pad_images", columns, left_padding, right_padding, target_width, width, 1)
        return jnp.pad(batch, ((0, 0), (top, bottom), (left, right), (0, 0)))

    return on_batch("pad_images", images, data_format, function)


def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Parts of images; of (top, bottom, target height) and (left, right, target width) two are given each.

    Raises:
        ValueError: another number of arguments, or a size that would be negative.
    """
    rows, columns = "top_cropping, bottom_cropping, target_height", "left_cropping, right_cropping, target_width"

    def function(batch: Array) -> Array:
        height, width = batch.shape[1:3]
        top, bottom = _borders("crop_images", rows, top_cropping, bottom_cropping, target_height, height, -1)
        left, right = _borders("crop_images", columns, left_cropping, right_cropping, target_width, width, -1)
        return batch[:, top : height - bottom, left : width - right]

    return on_batch("crop_images", images, data_format, function)

"""The part of ``keras.ops`` for images: geometry. Images are one or a batch, channels last or first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.ops.convert import array
from kjax.nn.ops.convolution import conv
from kjax.nn.value import did_you_mean

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
ORDERS = {"nearest": 0, "bilinear": 1}
RESIZE = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")
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
        images: image or batch of images.
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
    choose("resize", "interpolation", interpolation, RESIZE)
    choose("resize", "fill_mode", fill_mode, ("constant",))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize: only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True")
    if len(size) != 2:
        raise ValueError(f"resize: `size` must be (height, width), received {size!r}")
    wanted = tuple(int(s) for s in size)

    def function(batch: Array) -> Array:
        if crop_to_aspect_ratio:
            batch = _crop_to(batch, wanted)
        elif pad_to_aspect_ratio:
            batch = _pad_to(batch, wanted, fill_value)
        shape = (batch.shape[0], *wanted, batch.shape[-1])
        return jax.image.resize(batch, shape, method=interpolation, antialias=antialias)

    return on_batch("resize", images, data_format, function)


def _aspect(size: int, of: int, to: int) -> int:
    return int(float(size * of) / to)


def _crop_to(batch: Array, wanted: tuple[int, ...]) -> Array:
    height, width = batch.shape[1:3]
    rows = max(min(height, _aspect(width, wanted[0], wanted[1])), 1)
    columns = max(min(width, _aspect(height, wanted[1], wanted[0])), 1)
    top, left = (height - rows) // 2, (width - columns) // 2
    return batch[:, top : top + rows, left : left + columns]


def _pad_to(batch: Array, wanted: tuple[int, ...], fill_value: float) -> Array:
    height, width = batch.shape[1:3]
    top = (max(height, _aspect(width, wanted[0], wanted[1])) - height) // 2
    left = (max(width, _aspect(height, wanted[1], wanted[0])) - width) // 2
    # One axis at most has to grow; the other's rounding must not.
    left = 0 if top > 0 else left
    return jnp.pad(batch, ((0, 0), (top, top), (left, left), (0, 0)), constant_values=fill_value)


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


def _sample(images: Array, rows: Array, columns: Array, order: int, fill_mode: str, fill_value: Any) -> Array:
    """Values of each image (batch, height, width, channels) at places (batch, rows, columns)."""

    def channel(plane: Array, y: Array, x: Array) -> Array:
        return jax.scipy.ndimage.map_coordinates(plane, [y, x], order, fill_mode, fill_value)

    return jax.vmap(jax.vmap(channel, (2, None, None), 2))(images, rows, columns)


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
    choose("affine_transform", "interpolation", interpolation, tuple(ORDERS))
    choose("affine_transform", "fill_mode", fill_mode, FILL_MODES)
    transform = array(transform)
    if transform.ndim not in (1, 2):
        raise ValueError(
            f"affine_transform: `transform` must have shape (8,) or (batch, 8), received {transform.shape}"
        )

    def function(batch: Array) -> Array:
        numbers = jnp.broadcast_to(jnp.atleast_2d(transform), (batch.shape[0], transform.shape[-1]))
        a0, a1, a2, b0, b1, b2 = (numbers[:, i, None, None] for i in range(6))
        y = jnp.arange(batch.shape[1]).reshape(1, -1, 1)
        x = jnp.arange(batch.shape[2]).reshape(1, 1, -1)
        return _sample(
            batch,
            b0 * x + b1 * y + b2,
            a0 * x + a1 * y + a2,
            ORDERS[interpolation],
            fill_mode,
            fill_value,
        )

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
    choose("perspective_transform", "interpolation", interpolation, tuple(ORDERS))
    start, end = (array(p).astype(jnp.float32) for p in (start_points, end_points))
    if start.shape != end.shape or start.shape[-2:] != (4, 2) or start.ndim not in (2, 3):
        raise ValueError(
            "perspective_transform: `start_points` and `end_points` must both have shape (4, 2) or (batch, 4, 2), received "
            f"{start.shape} and {end.shape}"
        )
    start, end = (p if p.ndim == 3 else p[None] for p in (start, end))

    def function(batch: Array) -> Array:
        h = jnp.broadcast_to(_homography(start, end), (batch.shape[0], 8))[..., None, None]
        y = jnp.arange(batch.shape[1]).reshape(1, -1, 1)
        x = jnp.arange(batch.shape[2]).reshape(1, 1, -1)
        depth = h[:, 6] * x + h[:, 7] * y + 1
        rows = (h[:, 3] * x + h[:, 4] * y + h[:, 5]) / depth
        columns = (h[:, 0] * x + h[:, 1] * y + h[:, 2]) / depth
        return _sample(batch, rows, columns, ORDERS[interpolation], "constant", fill_value)

    return on_batch("perspective_transform", images, data_format, function)


def _homography(start: Array, end: Array) -> Array:
    """The eight numbers of the map from output to input, from the four equations for x and the four for y."""
    x, y = end[..., 0], end[..., 1]
    none, one = jnp.zeros_like(x), jnp.ones_like(x)
    u, v = start[..., 0], start[..., 1]
    for_x = jnp.stack([x, y, one, none, none, none, -u * x, -u * y], axis=-1)
    for_y = jnp.stack([none, none, none, x, y, one, -v * x, -v * y], axis=-1)
    matrix = jnp.concatenate([for_x, for_y], axis=1)
    return jnp.linalg.solve(matrix, jnp.concatenate([u, v], axis=-1)[..., None])[..., 0]


def elastic_displacement(noise: Array, sigma: float) -> Array:
    """Noise (batch, height, width) smoothed into the displacements of :func:`elastic`."""
    from kjax.nn.ops.filters import gaussian_blur

    size = int(6 * sigma) | 1
    blurred = gaussian_blur(noise[..., None] * sigma, (size, size), (sigma, sigma), "channels_last")
    return blurred[..., 0]


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
    choose("elastic_transform", "interpolation", interpolation, tuple(ORDERS))
    choose("elastic_transform", "fill_mode", fill_mode, FILL_MODES)

    def function(batch: Array) -> Array:
        kind = batch.dtype if jnp.issubdtype(batch.dtype, jnp.floating) else jnp.dtype("float32")
        # One key for both directions, as in Keras.
        noise = jax.random.normal(key, batch.shape[:3], kind)
        shift = alpha * elastic_displacement(noise, sigma)
        rows = jnp.arange(batch.shape[1]).reshape(1, -1, 1) + shift
        columns = jnp.arange(batch.shape[2]).reshape(1, 1, -1) + shift
        return _sample(batch, rows, columns, ORDERS[interpolation], fill_mode, fill_value).astype(batch.dtype)

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
    rank = 2 if isinstance(size, int) else len(size)
    if rank not in (2, 3):
        raise TypeError(f"extract_patches: `size` must be an integer or a tuple of 2 or 3, received {size!r}")
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
    several = images.ndim == rank + 2
    batch = images if several else images[None]
    channels = batch.shape[1 if data_format == "channels_first" else -1]
    width = channels
    for s in window:
        width *= s
    kernel = jnp.eye(width, dtype=batch.dtype).reshape(*window, channels, width)
    patches = conv(batch, kernel, strides or window, padding, data_format, dilation)
    return patches if several else patches[0]


def _borders(name: str, given: dict[str, int | None]) -> None:
    for argument, value in given.items():
        if value is not None and value < 0:
            raise ValueError(f"{name}: `{argument}` must not be negative, received {value}")


def _sides(name: str, first: int | None, second: int | None, rest: int | None, arguments: str) -> None:
    if (first is None) + (second is None) + (rest is None) != 1:
        raise ValueError(f"{name}: exactly two of {arguments} must be given")


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
    _sides("pad_images", top_padding, bottom_padding, target_height, "top_padding, bottom_padding, target_height")
    _sides("pad_images", left_padding, right_padding, target_width, "left_padding, right_padding, target_width")

    def function(batch: Array) -> Array:
        height, width = batch.shape[1:3]
        top, bottom = _fill(top_padding, bottom_padding, target_height, height)
        left, right = _fill(left_padding, right_padding, target_width, width)
        _borders(
            "pad_images",
            {"top_padding": top, "bottom_padding": bottom, "left_padding": left, "right_padding": right},
        )
        return jnp.pad(batch, ((0, 0), (top, bottom), (left, right), (0, 0)))

    return on_batch("pad_images", images, data_format, function)


def _fill(before: int | None, after: int | None, target: int | None, size: int) -> tuple[int, int]:
    if before is None:
        assert after is not None and target is not None
        return target - size - after, after
    if after is None:
        assert target is not None
        return before, target - size - before
    return before, after


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
    _sides("crop_images", top_cropping, bottom_cropping, target_height, "top_cropping, bottom_cropping, target_height")
    _sides("crop_images", left_cropping, right_cropping, target_width, "left_cropping, right_cropping, target_width")

    def function(batch: Array) -> Array:
        height, width = batch.shape[1:3]
        top, rows = _cut(top_cropping, bottom_cropping, target_height, height)
        left, columns = _cut(left_cropping, right_cropping, target_width, width)
        _borders(
            "crop_images",
            {"top_cropping": top, "left_cropping": left, "target_height": rows, "target_width": columns},
        )
        return jax.lax.dynamic_slice_in_dim(
            jax.lax.dynamic_slice_in_dim(batch, top, rows, axis=1), left, columns, axis=2
        )

    return on_batch("crop_images", images, data_format, function)


def _cut(before: int | None, after: int | None, target: int | None, size: int) -> tuple[int, int]:
    if before is None:
        assert after is not None and target is not None
        return size - target - after, target
    if target is None:
        assert after is not None
        return before, size - before - after
    return before, target

"""Changes of single images, given or random, as arrays on the host.

The random ones draw from NumPy's global generator (``np.random.seed``) in the order in which Keras draws, so that seeded
scripts give the same pictures.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.keras.preprocessing.image.files import array_to_img, img_to_array


def transform_matrix_offset_center(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    """A transform of homogeneous coordinates about the centre of an image of ``x`` rows and ``y`` columns.

    The centre is taken half a pixel beyond the true one, as Keras 2 takes it.
    """
    row, column = x / 2 + 0.5, y / 2 + 0.5
    there = np.array([[1, 0, row], [0, 1, column], [0, 0, 1]])
    back = np.array([[1, 0, -row], [0, 1, -column], [0, 0, 1]])
    return there @ matrix @ back


def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 0,
    col_axis: int = 1,
    channel_axis: int = 2,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """Rotate, shift, shear and zoom an image.

    Args:
        x: image of 3 axes.
        theta: angle in degrees.
        tx: shift along the rows, in pixels.
        ty: shift along the columns, in pixels.
        shear: angle of the shear in degrees.
        zx: zoom along the rows; below 1 enlarges.
        zy: zoom along the columns.
        row_axis: axis of the rows.
        col_axis: axis of the columns.
        channel_axis: axis of the channels.
        fill_mode: ``'constant'``, ``'nearest'``, ``'reflect'`` or ``'wrap'``: what comes in from outside.
        cval: value for ``'constant'``.
        order: degree of the spline that interpolates.
    """
    from scipy import ndimage

    steps = []
    if theta != 0:
        angle = np.deg2rad(theta)
        sine, cosine = np.sin(angle), np.cos(angle)
        steps.append(np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]))
    if tx != 0 or ty != 0:
        steps.append(np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]]))
    if shear != 0:
        angle = np.deg2rad(shear)
        steps.append(np.array([[1, -np.sin(angle), 0], [0, np.cos(angle), 0], [0, 0, 1]]))
    if zx != 1 or zy != 1:
        steps.append(np.array([[zx, 0, 0], [0, zy, 0], [0, 0, 1]]))
    if not steps:
        return x
    matrix = steps[0]
    for step in steps[1:]:
        matrix = matrix @ step
    matrix = transform_matrix_offset_center(matrix, x.shape[row_axis], x.shape[col_axis])
    offset: Any = matrix[:2, 2]
    channels = [
        ndimage.affine_transform(channel, matrix[:2, :2], offset, order=order, mode=fill_mode, cval=cval)
        for channel in np.moveaxis(x, channel_axis, 0)
    ]
    return np.stack(channels, axis=channel_axis)


def flip_axis(x: Any, axis: int) -> np.ndarray:
    """The image mirrored along an axis."""
    return np.flip(np.asarray(x), axis)


def apply_channel_shift(x: np.ndarray, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """Add a number to all values and keep them in the range that they had.

    Args:
        x: image.
        intensity: the number.
        channel_axis: accepted for compatibility: all channels are treated alike.
    """
    del channel_axis
    return np.clip(x + intensity, np.min(x), np.max(x)).astype(x.dtype, copy=False)


def apply_brightness_shift(x: Any, brightness: float, scale: bool = True) -> np.ndarray:
    """Change the brightness with Pillow.

    Args:
        x: image of 3 axes.
        brightness: 0 is black, 1 changes nothing.
        scale: stretch the values to 0 ... 255 first, as Keras 2.2 does; False keeps them.
    """
    from PIL import ImageEnhance

    lowest, highest = float(np.min(x)), float(np.max(x))
    outside = lowest < 0 or highest > 255
    changed = img_to_array(ImageEnhance.Brightness(array_to_img(x, scale=scale or outside)).enhance(brightness))
    return changed / 255 * (highest - lowest) + lowest if outside and not scale else changed


def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Rotate by a random angle of up to ``rg`` degrees; other arguments as those of :func:`apply_affine_transform`."""
    return _apply(x, {"theta": np.random.uniform(-rg, rg)}, channel_axis, fill_mode, cval, interpolation_order)


def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Shift by random parts, up to ``wrg`` of the width and ``hrg`` of the height."""
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return _apply(x, {"tx": tx, "ty": ty}, channel_axis, fill_mode, cval, interpolation_order)


def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Shear by a random angle of up to ``intensity`` degrees."""
    shear = np.random.uniform(-intensity, intensity)
    return _apply(x, {"shear": shear}, channel_axis, fill_mode, cval, interpolation_order)


def random_zoom(
    x: np.ndarray,
    zoom_range: Any,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Zoom rows and columns by random factors from ``zoom_range`` = (lowest, highest)."""
    if len(zoom_range) != 2:
        raise ValueError(f"`zoom_range` should be a tuple or list of two floats, received {zoom_range!r}")
    zx, zy = (1, 1) if tuple(zoom_range) == (1, 1) else np.random.uniform(zoom_range[0], zoom_range[1], 2)
    return _apply(x, {"zx": zx, "zy": zy}, channel_axis, fill_mode, cval, interpolation_order)


def _apply(x: np.ndarray, how: dict[str, Any], channel_axis: int, fill_mode: str, cval: float, order: int) -> Any:
    # Keras takes the centre from the first two axes here, wherever the channels are; so the pictures stay the same.
    return apply_affine_transform(x, **how, channel_axis=channel_axis, fill_mode=fill_mode, cval=cval, order=order)


def random_channel_shift(x: np.ndarray, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """Add a random number of up to ``intensity_range`` to all values, within the range that they had."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x: Any, brightness_range: Any, scale: bool = True) -> np.ndarray:
    """Change the brightness by a random factor from ``brightness_range`` = (lowest, highest)."""
    if len(brightness_range) != 2:
        raise ValueError(f"`brightness_range` should be a tuple or list of two floats, received {brightness_range!r}")
    return apply_brightness_shift(x, np.random.uniform(brightness_range[0], brightness_range[1]), scale)

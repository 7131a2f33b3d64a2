"""Changes of single images, given or random, as arrays on the host.

The random ones draw from NumPy's global generator (``np.random.seed``) in the order in which Keras draws, so that seeded
scripts give the same pictures.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.keras.preprocessing.image.arguments import AXES, takes
from kjax.keras.preprocessing.image.files import array_to_img, img_to_array
from kjax.nn.value import did_you_mean

FILL_MODES = ("constant", "nearest", "reflect", "wrap", "mirror", "grid-constant", "grid-wrap", "grid-mirror")
"""What SciPy knows; Keras names the first four."""


def transform_matrix_offset_center(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    """A transform of homogeneous coordinates about the centre of an image of ``x`` rows and ``y`` columns.

    The centre is taken half a pixel beyond the true one, as Keras 2 takes it.
    """
    row, column = x / 2 + 0.5, y / 2 + 0.5
    there = np.array([[1, 0, row], [0, 1, column], [0, 0, 1]])
    back = np.array([[1, 0, -row], [0, 1, -column], [0, 0, 1]])
    return there @ matrix @ back


@takes(f"x theta tx ty shear zx zy {AXES} order", row_axis=0, col_axis=1, channel_axis=2)
def apply_affine_transform(x: np.ndarray, row_axis: int, col_axis: int, channel_axis: int, **how: Any) -> np.ndarray:
    """Rotate, shift, shear and zoom an image of 3 axes, as Keras 2 does with keras-preprocessing.

    (TensorFlow has turned the other way round, about the true centre, since 2.9.)

    Raises:
        ValueError: an image of another rank, axes that are not 0, 1 and 2, or an unknown fill mode.
    """
    if np.ndim(x) != 3:
        raise ValueError(f"an image has 3 axes (one image, no batch), received an array of shape {np.shape(x)}")
    if sorted((row_axis, col_axis, channel_axis)) != [0, 1, 2]:
        raise ValueError(
            "`row_axis`, `col_axis` and `channel_axis` must be 0, 1 and 2 in some order, "
            f"received {row_axis}, {col_axis} and {channel_axis}"
        )
    return _transform(x, x.shape[row_axis], x.shape[col_axis], channel_axis, **how)


def _transform(
    x: np.ndarray,
    height: int,
    width: int,
    channel_axis: int,
    fill_mode: str,
    cval: float,
    order: int,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
) -> np.ndarray:
    """The change about the centre of a picture of this height and width."""
    if fill_mode not in FILL_MODES:
        raise ValueError(f"`fill_mode` cannot be {fill_mode!r}; {did_you_mean(str(fill_mode), FILL_MODES)}")
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
    matrix = transform_matrix_offset_center(matrix, height, width)
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


@takes(f"x rg {AXES} interpolation_order")
def random_rotation(x: np.ndarray, rg: float, **how: Any) -> np.ndarray:
    """Rotate an image by a random angle."""
    return _apply(x, {"theta": np.random.uniform(-rg, rg)}, **how)


@takes(f"x wrg hrg {AXES} interpolation_order")
def random_shift(x: np.ndarray, wrg: float, hrg: float, **how: Any) -> np.ndarray:
    """Shift an image by random parts of its size."""
    tx = np.random.uniform(-hrg, hrg) * x.shape[how["row_axis"]]
    ty = np.random.uniform(-wrg, wrg) * x.shape[how["col_axis"]]
    return _apply(x, {"tx": tx, "ty": ty}, **how)


@takes(f"x intensity {AXES} interpolation_order")
def random_shear(x: np.ndarray, intensity: float, **how: Any) -> np.ndarray:
    """Shear an image by a random angle."""
    return _apply(x, {"shear": np.random.uniform(-intensity, intensity)}, **how)


@takes(f"x zoom_range {AXES} interpolation_order")
def random_zoom(x: np.ndarray, zoom_range: Any, **how: Any) -> np.ndarray:
    """Zoom rows and columns of an image by random factors."""
    if np.shape(zoom_range) != (2,):
        raise ValueError(f"`zoom_range` should be a tuple or list of two floats, received {zoom_range!r}")
    zx, zy = (1, 1) if tuple(zoom_range) == (1, 1) else np.random.uniform(zoom_range[0], zoom_range[1], 2)
    return _apply(x, {"zx": zx, "zy": zy}, **how)


def _apply(
    x: np.ndarray,
    change: dict[str, Any],
    interpolation_order: int,
    channel_axis: int,
    row_axis: int,
    col_axis: int,
    **how: Any,
) -> np.ndarray:
    del row_axis, col_axis
    # Keras takes the centre from the first two axes here, wherever the channels are; so the pictures stay the same.
    return _transform(x, x.shape[0], x.shape[1], channel_axis, order=interpolation_order, **how, **change)


def random_channel_shift(x: np.ndarray, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """Add a random number of up to ``intensity_range`` to all values, within the range that they had."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x: Any, brightness_range: Any, scale: bool = True) -> np.ndarray:
    """Change the brightness by a random factor from ``brightness_range`` = (lowest, highest)."""
    if np.shape(brightness_range) != (2,):
        raise ValueError(f"`brightness_range` should be a tuple or list of two floats, received {brightness_range!r}")
    return apply_brightness_shift(x, np.random.uniform(brightness_range[0], brightness_range[1]), scale)

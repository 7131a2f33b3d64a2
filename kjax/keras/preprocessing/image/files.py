"""Images between files, Pillow and arrays."""

from __future__ import annotations

import io
import os
import pathlib
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import respelled
from kjax.nn.arguments import data_format as check_data_format
from kjax.nn.image import centred_window

FORMATS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")
"""Endings of the files that count as images in a folder."""

RESAMPLING = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
"""Ways in which Pillow resizes."""


def pillow() -> Any:
    """The module ``PIL.Image``.

    Raises:
        ImportError: Pillow is not installed; the message says how to get it.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("images need Pillow: pip install Pillow") from error
    return Image


def format_of(data_format: str | None) -> str:
    """The data format that was asked for, or that of the session.

    Raises:
        ValueError: no data format.
    """
    try:
        return check_data_format(settings.image_data_format if data_format is None else data_format)
    except ValueError as error:
        raise ValueError(f"argument `data_format` {error}") from None


def check_channels(shape: tuple[int, ...], axis: int, data_format: str, who: str, frames: int) -> None:
    """Warn the caller so many frames above when the axis of the channels is not as long as images have channels."""
    if shape[axis] not in (1, 3, 4):
        warnings.warn(
            f"{who}: with data_format={data_format!r} axis {axis} holds the channels, 1, 3 or 4; the images have shape "
            f"{shape}, that is {shape[axis]} channels",
            stacklevel=frames + 1,
        )


@respelled
def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """An array as a Pillow image.

    Args:
        x: array (height, width, channels) with 1, 3 or 4 channels, or channels first.
        data_format: ``'channels_last'`` or ``'channels_first'``; the session's by default.
        scale: stretch the values so that the smallest is 0 and the largest 255.
        dtype: type to compute in; the session's float type by default.

    Raises:
        ValueError: another number of axes or channels.
    """
    image = pillow()
    x = np.asarray(x, dtype=dtype or settings.floatx)
    if x.ndim != 3:
        raise ValueError(f"an image has 3 axes (one image, no batch), received an array of shape {x.shape}")
    if format_of(data_format) == "channels_first":
        x = x.transpose(1, 2, 0)
    if scale:
        x = x - np.min(x)
        largest = np.max(x)
        if largest != 0:
            x /= largest
        x *= 255
    channels = x.shape[2]
    if channels in (3, 4):
        return image.fromarray(x.astype("uint8"))
    if channels == 1:
        # More than 8 bits a pixel need the 32-bit mode.
        return image.fromarray(x[:, :, 0].astype("int32" if np.max(x) > 255 else "uint8"))
    raise ValueError(f"an image has 1, 3 or 4 channels, received {channels} (shape {x.shape})")


@respelled
def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """A Pillow image (or an array) as an array of 3 axes.

    Args:
        img: the image.
        data_format: ``'channels_last'`` or ``'channels_first'``; the session's by default.
        dtype: type of the array; the session's float type by default.

    Raises:
        ValueError: neither 2 nor 3 axes.
    """
    first = format_of(data_format) == "channels_first"
    x = np.asarray(img, dtype=dtype or settings.floatx)
    if x.ndim == 3:
        return x.transpose(2, 0, 1) if first else x
    if x.ndim == 2:
        return x[None] if first else x[..., None]
    raise ValueError(f"an image has 2 or 3 axes, received an array of shape {x.shape}")


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array to an image file.

    Args:
        path: file name, or an open file.
        x: array of one image.
        data_format: ``'channels_last'`` or ``'channels_first'``; the session's by default.
        file_format: format; by default what the name ends in.
        scale: stretch the values to 0 ... 255.
        **kwargs: passed to Pillow's ``save``.
    """
    if file_format is None and isinstance(path, (str, pathlib.Path)):
        file_format = pathlib.Path(path).suffix[1:]
    if file_format is not None and file_format.lower() == "jpg":
        file_format = "jpeg"
    known = pillow().registered_extensions()
    if file_format and f".{file_format.lower()}" not in known and file_format.upper() not in known.values():
        raise ValueError(
            f"save_img: Pillow knows no format {file_format!r}; give `file_format`, such as 'png' or 'jpeg'"
        )
    img = array_to_img(x, data_format=data_format, scale=scale)
    if img.mode == "RGBA" and (file_format or "").lower() == "jpeg":
        warnings.warn("JPEG files have no transparency: the image is written as RGB", stacklevel=2)
        img = img.convert("RGB")
    img.save(path, format=file_format or None, **kwargs)


def load_img(
    path: Any,
    grayscale: Any = False,
    color_mode: str = "rgb",
    target_size: Any = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Read an image file with Pillow.

    Args:
        path: file name, or ``io.BytesIO``.
        grayscale: old spelling of ``color_mode='grayscale'``; a color mode is taken too.
        color_mode: ``'rgb'``, ``'rgba'`` or ``'grayscale'``.
        target_size: (height, width) to resize to.
        interpolation: how; one of :data:`RESAMPLING`.
        keep_aspect_ratio: cut the largest centred part of the target's proportions before resizing.

    Raises:
        ValueError: unknown color mode or interpolation.
        TypeError: no file.
    """
    if isinstance(grayscale, str):  # Keras 3 has the color mode in this place
        color_mode = grayscale
    elif grayscale:
        warnings.warn("load_img: `grayscale=True` is written color_mode='grayscale' today", stacklevel=2)
        color_mode = "grayscale"
    if color_mode not in ("rgb", "rgba", "grayscale"):
        raise ValueError(f'color_mode must be "grayscale", "rgb", or "rgba", received {color_mode!r}')
    image = pillow()
    if isinstance(path, io.BytesIO):
        img = image.open(path)
    elif isinstance(path, (str, bytes, os.PathLike)):
        with open(path, "rb") as file:
            img = image.open(io.BytesIO(file.read()))
    else:
        raise TypeError(f"path must be a file name or io.BytesIO, received {type(path).__name__}")
    if color_mode == "grayscale":
        img = img if img.mode in ("L", "I;16", "I") else img.convert("L")
    elif img.mode != color_mode.upper():
        img = img.convert(color_mode.upper())
    if target_size is None or img.size == (target_size[1], target_size[0]):
        return img
    if interpolation not in RESAMPLING:
        raise ValueError(f"unknown interpolation {interpolation!r}; known: {', '.join(RESAMPLING)}")
    size = (target_size[1], target_size[0])
    box = centred_box(img.size[1], img.size[0], target_size) if keep_aspect_ratio else None
    return img.resize(size, getattr(image.Resampling, interpolation.upper()), box=box)


def centred_box(height: int, width: int, target_size: Any) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the largest centred part that has the proportions of ``target_size``."""
    top, left, kept_height, kept_width = centred_window(height, width, *target_size)
    return left, top, left + kept_width, top + kept_height


def smart_resize(
    x: Any, size: Any, interpolation: str = "bilinear", data_format: str = "channels_last", **kwargs: Any
) -> Any:
    """Resize images without distortion: what does not fit the new proportions is cut off on both sides.

    Args:
        x: one image (3 axes) or a batch (4 axes).
        size: (height, width).
        interpolation: ``'bilinear'``, ``'nearest'``, ``'bicubic'``, ``'lanczos3'`` or ``'lanczos5'``.
        data_format: where the channels are.
        **kwargs: none are known.

    Returns:
        A NumPy array for a NumPy array, a JAX array otherwise.
    """
    from kjax.nn.ops.convert import floating
    from kjax.nn.ops.image import resize

    if kwargs:
        raise TypeError(f"smart_resize: unknown argument {next(iter(kwargs))!r}")
    if len(size) != 2:
        raise ValueError(f"argument `size` must be (height, width), received {size!r}")
    resized = resize(floating(x), size, interpolation, crop_to_aspect_ratio=True, data_format=data_format)
    return np.asarray(resized) if isinstance(x, np.ndarray) else resized


def list_pictures(directory: Any, ext: str | Iterable[str] = FORMATS) -> list[str]:
    """Paths of all image files in a folder and the folders inside.

    Args:
        directory: the folder.
        ext: ending, or endings, of the files.
    """
    endings = tuple(f".{e}" for e in ((ext,) if isinstance(ext, str) else ext))
    return [
        os.path.join(root, name)
        for root, _, names in os.walk(directory)
        for name in names
        if name.lower().endswith(endings)
    ]

"""Resizing of single pictures on the host, without compiling a program for each size of file."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from kjax.nn.image import centred_window


def _cubic(x: np.ndarray, b: float, c: float) -> np.ndarray:
    """Cubic kernels of two parameters. Source: Mitchell and Netravali, 1988, "Reconstruction filters"."""
    x = np.abs(x)
    near = ((12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + (6 - 2 * b)) / 6
    far = ((-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + (8 * b + 24 * c)) / 6
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(x: np.ndarray, radius: int) -> np.ndarray:
    return np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0.0)


KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bilinear": lambda x: np.maximum(0.0, 1.0 - np.abs(x)),
    "bicubic": lambda x: _cubic(x, 0.0, 0.5),
    "mitchellcubic": lambda x: _cubic(x, 1 / 3, 1 / 3),
    "lanczos3": lambda x: _lanczos(x, 3),
    "lanczos5": lambda x: _lanczos(x, 5),
    "gaussian": lambda x: np.where(np.abs(x) < 1.5, np.exp(-2.0 * x**2), 0.0),
}
INTERPOLATIONS = ("nearest", "area", *KERNELS)


@functools.lru_cache(maxsize=256)
def weights(old: int, new: int, how: str) -> np.ndarray:
    """What each old pixel contributes to each new one: (new, old)."""
    scale = old / new
    if how == "area":  # the share of each old pixel that lies in a new one
        edges = np.arange(new + 1) * scale
        low, high = edges[:-1, None], edges[1:, None]
        pixels = np.arange(old)
        matrix = np.clip(np.minimum(high, pixels + 1) - np.maximum(low, pixels), 0, None)
    else:
        centres = (np.arange(new) + 0.5) * scale - 0.5
        matrix = KERNELS[how](np.arange(old)[None, :] - centres[:, None])
    return (matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32)


def resample(pixels: np.ndarray, size: tuple[int, int], how: str = "bilinear", kept: str | None = None) -> np.ndarray:
    """Resize one picture.

    Args:
        pixels: float32 (height, width, channels).
        size: (height, width) of the result.
        how: one of :data:`INTERPOLATIONS`; no blur before pictures are made smaller, as in Keras.
        kept: ``'crop'`` cuts to the new proportions first, ``'pad'`` fills up with zeros, None distorts.
    """
    height, width = pixels.shape[:2]
    new_height, new_width = (int(s) for s in size)
    if kept == "crop":
        top, left, rows, columns = centred_window(height, width, new_height, new_width)
        pixels = pixels[top : top + rows, left : left + columns]
    elif kept == "pad":
        above = (max(height, int(width * new_height / new_width)) - height) // 2
        beside = (max(width, int(height * new_width / new_height)) - width) // 2
        sides = ((above, above), (0, 0)) if above > 0 else ((0, 0), (beside, beside))
        pixels = np.pad(pixels, (*sides, (0, 0)))
    height, width = pixels.shape[:2]
    if (height, width) == (new_height, new_width):
        return pixels
    if how == "nearest":
        rows = np.minimum(((np.arange(new_height) + 0.5) * height / new_height).astype(int), height - 1)
        columns = np.minimum(((np.arange(new_width) + 0.5) * width / new_width).astype(int), width - 1)
        return pixels[rows][:, columns]
    down, across = weights(height, new_height, how), weights(width, new_width, how)
    return np.einsum("ih,hwc,jw->ijc", down, pixels, across, optimize=True)

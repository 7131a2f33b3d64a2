"""TensorFlow's functions of pictures."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.legacy.tensorflow.door import define, dtype_of


@define
def resize_images(
    images: Any, size: Any, method: Any = "bilinear", preserve_aspect_ratio: bool = False, antialias: bool = False
) -> Any:
    method = {0: "bilinear", 1: "nearest", 2: "bicubic"}.get(method, method)
    rows, columns = (int(s) for s in size)
    channels = images.shape[-1]
    shape = (rows, columns, channels) if images.ndim == 3 else (images.shape[0], rows, columns, channels)
    return jax.image.resize(jnp.asarray(images, jnp.float32), shape, str(method), antialias=antialias)


@define
def flip_left_right(image: Any) -> Any:
    return jnp.flip(image, -2)


@define
def flip_up_down(image: Any) -> Any:
    return jnp.flip(image, -3)


@define
def adjust_brightness(image: Any, delta: Any) -> Any:
    return image + delta


@define
def convert_imagedtype_of(image: Any, dtype: Any) -> Any:
    if jnp.issubdtype(image.dtype, jnp.integer) and jnp.issubdtype(dtype_of(dtype), jnp.floating):
        return image.astype(dtype_of(dtype)) / jnp.iinfo(image.dtype).max
    return image.astype(dtype_of(dtype))


@define
def rgb_to_grayscale(images: Any) -> Any:
    return jnp.sum(images * jnp.asarray([0.2989, 0.587, 0.114]), axis=-1, keepdims=True)


@define
def grayscale_to_rgb(images: Any) -> Any:
    return jnp.repeat(images, 3, axis=-1)


@define
def central_crop(image: Any, central_fraction: float) -> Any:
    rows, columns = image.shape[-3:-1]
    top, left = int((rows - rows * central_fraction) / 2), int((columns - columns * central_fraction) / 2)
    return image[..., top : rows - top, left : columns - left, :]


@define
def total_variation(images: Any) -> Any:
    rows = jnp.abs(images[..., 1:, :, :] - images[..., :-1, :, :])
    columns = jnp.abs(images[..., :, 1:, :] - images[..., :, :-1, :])
    axes = (-1, -2, -3)
    return jnp.sum(rows, axes) + jnp.sum(columns, axes)

"""Images of another size: resized, cut in the centre, or cut at a random place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import arguments as arg
from kjax.nn import boxes as box_functions
from kjax.nn import image
from kjax.nn.layers import base
from kjax.nn.layers.preprocessing.base import ImageLayer, Transformation, size_of
from kjax.nn.value import ArgumentError, field

Shape = tuple[int, int, int, int]
Boxes = dict[str, Any]


class Resizing(ImageLayer):
    """Images resized to one size, in training or not. Integers stay integers.

    Attributes:
        height: height of the output.
        width: width of the output.
        interpolation: ``'bilinear'``, ``'nearest'``, ``'bicubic'``, ``'lanczos3'`` or ``'lanczos5'``.
        crop_to_aspect_ratio: cut to the new proportions instead of distorting.
        pad_to_aspect_ratio: fill up to the new proportions instead.
        fill_mode: only ``'constant'``.
        fill_value: what to fill up with.
        antialias: blur before making images smaller.
        data_format: where the channels are.
    """

    height: int = field(convert=arg.positive)
    width: int = field(convert=arg.positive)
    interpolation: str = field("bilinear", convert=arg.choice(*image.RESIZE_INTERPOLATIONS))
    crop_to_aspect_ratio: bool = base.flag(False)
    pad_to_aspect_ratio: bool = base.flag(False)
    fill_mode: str = field("constant", convert=arg.choice("constant"))
    fill_value: float = field(0.0, convert=float)
    antialias: bool = base.flag(False)
    data_format: str = base.data_format()

    always = True
    draws = False
    keeps_type = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ArgumentError(
                "Resizing: only one of the arguments `pad_to_aspect_ratio` and `crop_to_aspect_ratio` can be True"
            )

    def draw(self, key: Array, shape: Shape) -> tuple[int, int]:
        del key
        return shape[1], shape[2]

    def alter(self, images: Array, transformation: Any) -> Array:
        return self._resize(images, self.interpolation)

    def alter_masks(self, masks: Array, transformation: Any) -> Array:
        return self._resize(masks, "nearest")

    def _resize(self, images: Array, how: str) -> Array:
        return image.resize(
            images,
            (self.height, self.width),
            how,
            self.antialias,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
            self.fill_value,
        )

    def alter_boxes(self, boxes: Boxes, transformation: tuple[int, int]) -> Boxes:
        height, width = transformation
        given = jnp.asarray(boxes["boxes"])
        absent = jnp.all(given == -1, axis=-1) | jnp.all(given == 0, axis=-1)
        boxes = self.boxes_in_pixels(boxes, height, width)
        down, across = self.height / height, self.width / width
        right = below = 0
        if self.pad_to_aspect_ratio:
            down = across = min(down, across)
            below, right = (self.height - height * down) // 2, (self.width - width * across) // 2
        elif self.crop_to_aspect_ratio:
            down = across = max(down, across)
            below, right = -((height * down - self.height) // 2), -((width * across - self.width) // 2)
        scale, shift = jnp.asarray([across, down] * 2), jnp.asarray([right, below] * 2, jnp.float32)
        scaled = boxes["boxes"] * scale.reshape(1, 1, 4) + shift.reshape(1, 1, 4)
        boxes = box_functions.clip_to_image_size(boxes | {"boxes": scaled}, self.height, self.width)
        kept = jnp.where(absent[..., None], 0.0, boxes["boxes"])
        return box_functions.convert_format(
            boxes | {"boxes": kept}, "xyxy", self.bounding_box_format, self.height, self.width
        )


class CenterCrop(ImageLayer):
    """The centre of each image, in training or not; smaller images are resized without distortion.

    Attributes:
        height: height of the output.
        width: width of the output.
        data_format: where the channels are.
    """

    height: int = field(convert=arg.positive)
    width: int = field(convert=arg.positive)
    data_format: str = base.data_format()

    always = True
    draws = False

    def alter(self, images: Array, transformation: Any) -> Array:
        return cut_centre(images, self.height, self.width, "bilinear")

    def alter_masks(self, masks: Array, transformation: Any) -> Array:
        return cut_centre(masks, self.height, self.width, "nearest")

    def alter_boxes(self, boxes: Boxes, transformation: Mapping[str, Any]) -> Boxes:
        height, width = size_of(transformation, self)
        boxes = self.boxes_in_pixels(boxes, height, width)
        top, left, window_height, window_width = _centre(height, width, self.height, self.width)
        moved = box_functions.crop(boxes["boxes"], top, left, window_height, window_width)
        scale = jnp.asarray([self.width / window_width, self.height / window_height] * 2).reshape(1, 1, 4)
        return self.boxes_as_given(boxes | {"boxes": moved * scale}, self.height, self.width)


def _centre(height: int, width: int, target_height: int, target_width: int) -> tuple[int, int, int, int]:
    """The window that is cut: of the target's size where the image is large enough, else of its proportions."""
    if height >= target_height and width >= target_width:
        return (height - target_height) // 2, (width - target_width) // 2, target_height, target_width
    return image.centred_window(height, width, target_height, target_width)


def cut_centre(images: Array, height: int, width: int, how: str) -> Array:
    """The centre of images, or where they are too small, the largest part of those proportions, resized."""
    top, left, window_height, window_width = _centre(images.shape[1], images.shape[2], height, width)
    images = images[:, top : top + window_height, left : left + window_width]
    return images if images.shape[1:3] == (height, width) else image.resize(images, (height, width), how)


class RandomCrop(ImageLayer):
    """A window of each image, at a random place in training and in the centre otherwise.

    Outside training, and where an image is not larger than the window, the largest window of the target's aspect
    ratio is taken and resized. (Keras 3.15 draws one place for a whole batch, and outside training returns the images
    as they are, so that their shape differs from that in training.)

    Attributes:
        height: height of the output.
        width: width of the output.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.
    """

    height: int = field(convert=arg.positive)
    width: int = field(convert=arg.positive)
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: Shape) -> tuple[Any, Any]:
        batch, height, width, _ = shape
        if not self._is_larger(height, width):
            top, left, _, _ = image.centred_window(height, width, self.height, self.width)
            return top, left
        top_key, left_key = jax.random.split(key)
        top = jax.random.randint(top_key, (batch,), 0, height - self.height + 1)
        left = jax.random.randint(left_key, (batch,), 0, width - self.width + 1)
        return top, left

    def _is_larger(self, height: int, width: int) -> bool:
        return height >= self.height and width >= self.width and (height, width) != (self.height, self.width)

    def alter(self, images: Array, transformation: Transformation) -> Array:
        return self._cut(images, transformation, "bilinear")

    def alter_masks(self, masks: Array, transformation: Transformation) -> Array:
        return self._cut(masks, transformation, "nearest")

    def _cut(self, images: Array, transformation: Transformation, how: str) -> Array:
        if not self._is_larger(images.shape[1], images.shape[2]):
            return self._centre(images, how)
        top, left = (jnp.asarray(start).reshape(-1, 1, 1, 1) for start in transformation)
        rows = jnp.broadcast_to(
            top + jnp.arange(self.height).reshape(1, -1, 1, 1), (images.shape[0], self.height, 1, 1)
        )
        columns = left + jnp.arange(self.width).reshape(1, 1, -1, 1)
        columns = jnp.broadcast_to(columns, (images.shape[0], 1, self.width, 1))
        images = jnp.take_along_axis(images, rows, axis=1, mode="promise_in_bounds")
        return jnp.take_along_axis(images, columns, axis=2, mode="promise_in_bounds")

    def _centre(self, images: Array, how: str) -> Array:
        top, left, height, width = image.centred_window(images.shape[1], images.shape[2], self.height, self.width)
        images = images[:, top : top + height, left : left + width]
        return image.resize(images, (self.height, self.width), how)

    def at_inference(self, images: Array) -> Array:
        if images.shape[1:3] == (self.height, self.width):
            return images
        return self._centre(images, "bilinear" if jnp.issubdtype(images.dtype, jnp.floating) else "nearest")

    def alter_boxes(self, boxes: Boxes, transformation: Transformation) -> Boxes:
        """Boxes as they lie in the window. (Keras 3.15 subtracts the row from columns and the column from rows.)"""
        top, left = transformation
        boxes = box_functions.convert_format(boxes, self.bounding_box_format, "xyxy", self.height, self.width)
        moved = box_functions.crop(boxes["boxes"], jnp.asarray(top), jnp.asarray(left), self.height, self.width)
        return self.boxes_as_given(boxes | {"boxes": moved}, self.height, self.width)

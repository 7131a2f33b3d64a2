"""Random mirror images, shifts, turns, zooms, shears, perspectives and elastic distortions of each image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import arguments as arg
from kjax.nn import boxes as box_functions
from kjax.nn import image
from kjax.nn.layers import base
from kjax.nn.layers.preprocessing.base import (
    ImageLayer,
    as_given,
    bounds,
    chosen,
    fill_mode,
    interpolation,
    per_box,
    per_image,
    size_of,
    uniform,
    value_range,
)
from kjax.nn.value import field

Shape = tuple[int, int, int, int]
Boxes = dict[str, Any]


class RandomFlip(ImageLayer):
    """Each image mirrored with probability 1/2 in training.

    Attributes:
        mode: ``'horizontal'``, ``'vertical'``, or ``'horizontal_and_vertical'``: both at once (a turn by 180
            degrees) or neither, as Keras 3 does it.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.
    """

    mode: str = field(
        "horizontal_and_vertical", convert=arg.choice("horizontal", "vertical", "horizontal_and_vertical")
    )
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        flips = jax.random.bernoulli(key, shape=(shape[0], 1, 1, 1))
        return {"flips": flips, "input_shape": self._given_shape(shape)}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        axes = tuple(axis for axis, name in ((1, "vertical"), (2, "horizontal")) if name in self.mode)
        return jnp.where(per_image(transformation["flips"]), jnp.flip(images, axes), images)

    def alter_masks(self, masks: Array, transformation: Mapping[str, Any]) -> Array:
        return self.alter(masks, transformation)

    def alter_boxes(self, boxes: Boxes, transformation: Mapping[str, Any]) -> Boxes:
        height, width = size_of(transformation, self)
        boxes = self.boxes_in_pixels(boxes, height, width)
        x1, y1, x2, y2 = jnp.moveaxis(boxes["boxes"], -1, 0)
        flips = per_box(transformation["flips"])
        if "horizontal" in self.mode:
            x1, x2 = jnp.where(flips, width - x2, x1), jnp.where(flips, width - x1, x2)
        if "vertical" in self.mode:
            y1, y2 = jnp.where(flips, height - y2, y1), jnp.where(flips, height - y1, y2)
        return self.boxes_as_given(boxes | {"boxes": jnp.stack([x1, y1, x2, y2], axis=-1)}, height, width)


class _Warp(ImageLayer):
    """Base of the affine changes: a subclass says by which matrices pixels are looked up."""

    def matrices(self, transformation: Mapping[str, Any], height: int, width: int) -> Array:
        """The eight numbers of each image's affine transform."""
        raise NotImplementedError

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        return self._warp(images, transformation, self.interpolation)

    def alter_masks(self, masks: Array, transformation: Mapping[str, Any]) -> Array:
        return self._warp(masks, transformation, "nearest")

    def _warp(self, images: Array, transformation: Mapping[str, Any], how: str) -> Array:
        matrices = self.matrices(transformation, images.shape[1], images.shape[2])
        return image.affine_transform(images, matrices, how, self.fill_mode, self.fill_value)

    if TYPE_CHECKING:  # fields of the subclasses, each at its place
        interpolation: str = "bilinear"
        fill_mode: str = "reflect"
        fill_value: float = 0.0


_shift_range = as_given(bounds(-1.0, 1.0, both=True))


class RandomTranslation(ImageLayer):
    """Each image shifted by random parts of its height and width in training.

    Attributes:
        height_factor: largest shift down and up as a part of the height, or (lower, upper); negative is up.
        width_factor: the same to the right and left.
        fill_mode: what comes in from outside: ``'reflect'`` (``d c b a | a b c d``), ``'wrap'``, ``'constant'``,
            ``'nearest'``.
        interpolation: ``'bilinear'`` or ``'nearest'`` (whole pixels).
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        fill_value: for ``fill_mode='constant'``.
        data_format: where the channels are.
    """

    height_factor: Any = field(convert=_shift_range)
    width_factor: Any = field(convert=_shift_range)
    fill_mode: str = fill_mode()
    interpolation: str = interpolation()
    seed: int | None = base.seed()
    fill_value: float = field(0.0, convert=float)
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        down_key, right_key = jax.random.split(key)
        limits = bounds(-1.0, 1.0, both=True)
        down = shape[1] * uniform(down_key, limits(self.height_factor), (shape[0], 1))
        right = shape[2] * uniform(right_key, limits(self.width_factor), (shape[0], 1))
        return {"translations": jnp.concatenate([right, down], axis=1), "input_shape": self._given_shape(shape)}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        return self._shift_both(images, transformation, self.interpolation)

    def alter_masks(self, masks: Array, transformation: Mapping[str, Any]) -> Array:
        return self._shift_both(masks, transformation, "nearest")

    def _shift_both(self, images: Array, transformation: Mapping[str, Any], how: str) -> Array:
        right, down = jnp.moveaxis(jnp.asarray(transformation["translations"], jnp.float32), -1, 0)
        return self._shift(self._shift(images, down, 1, how), right, 2, how)

    def _shift(self, images: Array, distance: Array, axis: int, how: str) -> Array:
        """Shift each image along one axis; a shift is separable, so that two gathers of whole lines do it."""
        size = images.shape[axis]
        position = jnp.arange(size, dtype=jnp.float32)[None, :] - distance[:, None]
        if how == "nearest":
            return self._lines(images, image.round_away(position), axis)
        below = jnp.floor(position)
        weight = jnp.expand_dims((position - below).astype(images.dtype), (3, 2) if axis == 1 else (3, 1))
        first = below.astype("int32")
        return self._lines(images, first, axis) * (1 - weight) + self._lines(images, first + 1, axis) * weight

    def _lines(self, images: Array, index: Array, axis: int) -> Array:
        size = images.shape[axis]
        outside = (index < 0) | (index >= size)
        index = image.fill_index(index, size, self.fill_mode)
        shape = (images.shape[0], size, 1, 1) if axis == 1 else (images.shape[0], 1, size, 1)
        lines = jnp.take_along_axis(images, index.reshape(shape), axis=axis, mode="promise_in_bounds")
        if self.fill_mode != "constant":
            return lines
        return jnp.where(outside.reshape(shape), jnp.asarray(self.fill_value, images.dtype), lines)

    def alter_boxes(self, boxes: Boxes, transformation: Mapping[str, Any]) -> Boxes:
        height, width = size_of(transformation, self)
        boxes = self.boxes_in_pixels(boxes, height, width)
        shift = jnp.tile(jnp.asarray(transformation["translations"], jnp.float32), (1, 2))
        return self.boxes_as_given(boxes | {"boxes": boxes["boxes"] + shift[:, None, :]}, height, width)


class RandomRotation(_Warp):
    """Each image turned about its centre by a random angle in training.

    Attributes:
        factor: largest angle as a part of a full turn, or (lower, upper).
        fill_mode: what comes in from outside, as for :class:`RandomTranslation`.
        interpolation: ``'bilinear'`` or ``'nearest'``.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        fill_value: for ``fill_mode='constant'``.
        data_format: where the channels are.
    """

    factor: Any = field(convert=bounds(-1.0, 1.0))
    fill_mode: str = fill_mode()
    interpolation: str = interpolation()
    seed: int | None = base.seed()
    fill_value: float = field(0.0, convert=float)
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        angle = 360.0 * uniform(key, self.factor, (shape[0],))
        return {
            "angle": angle,
            "rotation_matrix": image.rotation_matrix(angle, shape[1], shape[2]),
            "image_height": shape[1],
            "image_width": shape[2],
            "batch_size": shape[0],
        }

    def matrices(self, transformation: Mapping[str, Any], height: int, width: int) -> Array:
        return jnp.asarray(transformation["rotation_matrix"]).reshape(-1, 8)

    def alter_boxes(self, boxes: Boxes, transformation: Mapping[str, Any]) -> Boxes:
        height, width = transformation["image_height"], transformation["image_width"]
        boxes = self.boxes_in_pixels(boxes, height, width)
        angle = jnp.asarray(transformation["angle"])
        zeros, ones = jnp.zeros_like(angle), jnp.ones_like(angle)
        turned = box_functions.affine_transform(boxes["boxes"], angle, zeros, zeros, ones, zeros, zeros, height, width)
        return self.boxes_as_given(boxes | {"boxes": turned}, height, width)


_zoom_range = bounds(-1.0, 1.0, both=True, open_low=True)


class RandomZoom(_Warp):
    """Each image enlarged or made smaller about its centre in training.

    Attributes:
        height_factor: largest change as a part of the height, or (lower, upper): -0.2 enlarges to 1 / 0.8, 0.2 shows
            1.2 times the height.
        width_factor: the same of the width; None keeps the proportions.
        fill_mode: what comes in from outside, as for :class:`RandomTranslation`.
        interpolation: ``'bilinear'`` or ``'nearest'``.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        fill_value: for ``fill_mode='constant'``.
        data_format: where the channels are.
    """

    height_factor: Any = field(convert=as_given(_zoom_range))
    width_factor: Any = field(None, convert=arg.optional(as_given(_zoom_range)))
    fill_mode: str = fill_mode()
    interpolation: str = interpolation()
    seed: int | None = base.seed()
    fill_value: float = field(0.0, convert=float)
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        height_key, width_key = jax.random.split(key)
        size = (shape[0], 1)
        height_zoom = 1.0 + uniform(height_key, _zoom_range(self.height_factor), size)
        width_zoom = height_zoom
        if self.width_factor is not None:
            width_zoom = 1.0 + uniform(width_key, _zoom_range(self.width_factor), size)
        return {"height_zoom": height_zoom, "width_zoom": width_zoom, "input_shape": self._given_shape(shape)}

    @staticmethod
    def _windows(transformation: Mapping[str, Any], height: int, width: int) -> tuple[Array, Array, Array, Array]:
        """Zoom and first pixel of what is shown, along columns and along rows."""
        across = jnp.asarray(transformation["width_zoom"], jnp.float32).reshape(-1)
        down = jnp.asarray(transformation["height_zoom"], jnp.float32).reshape(-1)
        return across, (width - 1) / 2 * (1 - across), down, (height - 1) / 2 * (1 - down)

    def matrices(self, transformation: Mapping[str, Any], height: int, width: int) -> Array:
        across, left, down, top = self._windows(transformation, height, width)
        zeros = jnp.zeros_like(across)
        return jnp.stack([across, zeros, left, zeros, down, top, zeros, zeros], axis=1)

    def alter_boxes(self, boxes: Boxes, transformation: Mapping[str, Any]) -> Boxes:
        height, width = size_of(transformation, self)
        boxes = self.boxes_in_pixels(boxes, height, width)
        across, left, down, top = self._windows(transformation, height, width)
        shown = jnp.stack([across * width, down * height] * 2, axis=1)[:, None]
        start = jnp.stack([left, top] * 2, axis=1)[:, None]
        shares = (jnp.clip(boxes["boxes"], start, start + shown) - start) / shown
        boxes = box_functions.clip_to_image_size(boxes | {"boxes": shares}, bounding_box_format="rel_xyxy")
        return box_functions.convert_format(boxes, "rel_xyxy", self.bounding_box_format, height, width)


_shear_range = bounds(0.0, 1.0, both=True)


class RandomShear(_Warp):
    """Each image sheared in training.

    Attributes:
        x_factor: largest shear along the width, or (lower, upper), from 0 to 1.
        y_factor: the same along the height.
        interpolation: ``'bilinear'`` or ``'nearest'``.
        fill_mode: what comes in from outside, as for :class:`RandomTranslation`.
        fill_value: for ``fill_mode='constant'``.
        data_format: where the channels are.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
    """

    x_factor: Any = field(0.0, convert=as_given(_shear_range))
    y_factor: Any = field(0.0, convert=as_given(_shear_range))
    interpolation: str = interpolation()
    fill_mode: str = fill_mode()
    fill_value: float = field(0.0, convert=float)
    data_format: str = base.data_format()
    seed: int | None = base.seed()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        sign_key, x_key, y_key = jax.random.split(key, 3)
        size = (shape[0], 1)
        sign = jnp.where(jax.random.bernoulli(sign_key, shape=size), -1.0, 1.0)
        shear_x = uniform(x_key, _shear_range(self.x_factor), size)
        shear_y = uniform(y_key, _shear_range(self.y_factor), size)
        factor = jnp.concatenate([shear_x, shear_y], axis=1) * sign
        return {"shear_factor": factor, "input_shape": self._given_shape(shape)}

    def matrices(self, transformation: Mapping[str, Any], height: int, width: int) -> Array:
        shear_x, shear_y = jnp.moveaxis(jnp.asarray(transformation["shear_factor"], jnp.float32), -1, 0)
        zeros, ones = jnp.zeros_like(shear_x), jnp.ones_like(shear_x)
        return jnp.stack([ones, shear_x, zeros, shear_y, ones, zeros, zeros, zeros], axis=1)

    def alter_boxes(self, boxes: Boxes, transformation: Mapping[str, Any]) -> Boxes:
        height, width = size_of(transformation, self)
        boxes = box_functions.convert_format(boxes, self.bounding_box_format, "rel_xyxy", height, width)
        x1, y1, x2, y2 = jnp.moveaxis(boxes["boxes"], -1, 0)
        factor = jnp.asarray(transformation["shear_factor"], jnp.float32)
        across, down = factor[:, :1], factor[:, 1:]
        x1, x2 = (
            x1 - across * jnp.where(across < 0, y1, y2),
            x2 - across * jnp.where(across < 0, y2, y1),
        )
        y1, y2 = (
            y1 - down * jnp.where(down > 0, x2, x1),
            y2 - down * jnp.where(down > 0, x1, x2),
        )
        boxes = box_functions.clip_to_image_size(
            boxes | {"boxes": jnp.stack([x1, y1, x2, y2], axis=-1)}, bounding_box_format="rel_xyxy"
        )
        return box_functions.convert_format(boxes, "rel_xyxy", self.bounding_box_format, height, width)


class RandomPerspective(ImageLayer):
    """Images seen from a random direction in training: the corners are moved, each on its own.

    Attributes:
        factor: probability that an image is changed, or (lower, upper) for it.
        scale: how far corners move, from 0 to 1.
        interpolation: ``'bilinear'`` or ``'nearest'``.
        fill_value: what comes in from outside.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.
    """

    factor: Any = field(1.0, convert=bounds(0.0, 1.0))
    scale: float = field(1.0, convert=arg.fraction)
    interpolation: str = interpolation()
    fill_value: float = field(0.0, convert=float)
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        apply_key, points_key = jax.random.split(key)
        batch, height, width, _ = shape
        moved = uniform(points_key, (-0.5 * self.scale, 0.5 * self.scale), (batch, 4, 2))
        right, bottom = width - 1, height - 1
        corners = jnp.asarray([[[0, 0], [right, 0], [0, bottom], [right, bottom]]], jnp.float32)
        start = jnp.broadcast_to(corners, (batch, 4, 2))
        return {
            "apply_perspective": chosen(apply_key, self.factor, batch),
            "start_points": start,
            "end_points": start + start * moved,
            "input_shape": self._given_shape(shape),
        }

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        return self._move(images, transformation, self.interpolation)

    def alter_masks(self, masks: Array, transformation: Mapping[str, Any]) -> Array:
        return self._move(masks, transformation, "nearest")

    def _move(self, images: Array, transformation: Mapping[str, Any], how: str) -> Array:
        points = [jnp.asarray(transformation[name]) for name in ("start_points", "end_points")]
        moved = image.perspective_transform(images, points[0], points[1], how, self.fill_value)
        return jnp.where(per_image(transformation["apply_perspective"]), moved, images)

    def alter_boxes(self, boxes: Boxes, transformation: Mapping[str, Any]) -> Boxes:
        height, width = size_of(transformation, self)
        boxes = self.boxes_in_pixels(boxes, height, width)
        start, end = (jnp.asarray(transformation[name], jnp.float32) for name in ("start_points", "end_points"))
        # The homography looks pixels up: from where they are shown to where they were. Boxes go the other way.
        to_shown = image.homography(end, start).T[..., None, None]
        x1, y1, x2, y2 = jnp.moveaxis(boxes["boxes"], -1, 0)
        xs, ys = jnp.stack([x1, x2, x1, x2], axis=-1), jnp.stack([y1, y2, y2, y1], axis=-1)
        new_x, new_y = image.project(to_shown, xs, ys)
        around = jnp.stack([new_x.min(-1), new_y.min(-1), new_x.max(-1), new_y.max(-1)], axis=-1)
        changed = jnp.asarray(transformation["apply_perspective"]).reshape(-1, 1, 1)
        return self.boxes_as_given(boxes | {"boxes": jnp.where(changed, around, boxes["boxes"])}, height, width)


class RandomElasticTransform(ImageLayer):
    """Images distorted in training as if drawn on rubber: every pixel moves, and neighbours move together.

    Attributes:
        factor: probability that an image is changed, or (lower, upper) for it.
        scale: how strongly, or (lower, upper), from 0 to 1.
        interpolation: ``'bilinear'`` or ``'nearest'``.
        fill_mode: what comes in from outside; ``'mirror'`` too.
        fill_value: for ``fill_mode='constant'``.
        value_range: lowest and highest value of the images.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.

    Source: Simard et al., 2003, "Best practices for convolutional neural networks applied to visual document
    analysis". Rows and columns are moved by fields of their own. (Keras 3.15 draws both from one seed, so that it moves
    along one diagonal only.)
    """

    factor: Any = field(1.0, convert=bounds(0.0, 1.0))
    scale: Any = field(1.0, convert=bounds(0.0, 1.0))
    interpolation: str = interpolation()
    fill_mode: str = fill_mode("constant", "nearest", "wrap", "mirror", "reflect")
    fill_value: float = field(0.0, convert=float)
    value_range: Any = value_range()
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any] | None:
        if self.scale[1] == 0 or self.factor[1] == 0:
            return None
        apply_key, factor_key, seed = jax.random.split(key, 3)
        return {
            "apply_transform": chosen(apply_key, self.factor, shape[0]),
            "distortion_factor": uniform(factor_key, self.scale, (shape[0],)),
            "seed": seed,
        }

    def alter(self, images: Array, transformation: Mapping[str, Any] | None) -> Array:
        if transformation is None:
            return images
        distorted = self._distort(images, transformation, self.interpolation)
        return jnp.clip(distorted, self.value_range[0], self.value_range[1])

    def alter_masks(self, masks: Array, transformation: Mapping[str, Any] | None) -> Array:
        return masks if transformation is None else self._distort(masks, transformation, "nearest")

    @staticmethod
    def strengths(height: int, width: int, factor: Any) -> tuple[Any, Any]:
        """How far pixels move, and the standard deviation of the noise and of its smoothing, in pixels."""
        return 0.1 * max(height, width) * factor, 0.05 * min(height, width) * factor

    def _distort(self, images: Array, transformation: Mapping[str, Any], how: str) -> Array:
        batch, height, width, _ = images.shape
        factor = jnp.broadcast_to(jnp.asarray(transformation["distortion_factor"], jnp.float32), (batch,))
        alpha, sigma = self.strengths(height, width, factor)
        # The Gaussian of each image ends at three of its own standard deviations.
        size = int(6 * 0.05 * min(height, width) * self.scale[1]) | 1
        reach = jnp.floor(6 * sigma) // 2
        kernel = image.gaussian_kernel(size, jnp.maximum(sigma, 1e-6), jnp.float32, reach)
        noise = jax.random.normal(transformation["seed"], (batch, height, width, 2)) * per_image(sigma)
        moved = image.displace(images, noise, per_image(alpha), kernel, how, self.fill_mode, self.fill_value)
        return jnp.where(per_image(transformation["apply_transform"]), moved, images)

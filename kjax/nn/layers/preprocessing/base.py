"""The base of layers on pictures: drawing a random change, applying it to images and to what belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from kjax.nn import arguments as arg
from kjax.nn import boxes as box_functions
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.value import field

Range = tuple[float, float]
Transformation = Any
"""Random parameters of one call: a dict of arrays with the names that Keras 3 uses, a tuple of them, or None."""


# -- arguments --------------------------------------------------------------------------------------------------------


def bounds(low: float, high: float, *, both: bool = False, open_low: bool = False) -> Callable[[Any], Range]:
    """A converter to (lower, upper): a number f within the bounds is (max(-f, low), f), two numbers are sorted.

    Args:
        low: smallest number that is allowed.
        high: largest number that is allowed.
        both: a number f is (-f, f) even where ``-f`` is below ``low``, and of two numbers each must be within the bounds.
        open_low: ``low`` itself is not allowed.
    """
    wanted = f"a number, or a lower and an upper one, from {low} to {high}"

    def inside(number: Any) -> bool:
        return low <= number <= high and not (open_low and number == low)

    def convert(value: Any) -> Range:
        value = 0.0 if value is None else value
        if isinstance(value, Iterable) and not isinstance(value, str):
            numbers = tuple(value)
            if len(numbers) != 2:
                raise ValueError(f"expected {wanted}, received {value!r}")
            first, second = (float(n) for n in numbers)
            allowed = inside(first) and inside(second) if both else first <= high and second >= low
            if not allowed:
                raise ValueError(f"expected {wanted}, received {value!r}")
            return min(first, second), max(first, second)
        if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)):
            raise ValueError(f"expected {wanted}, received {value!r}")
        number = float(value)
        if not inside(number):
            raise ValueError(f"expected {wanted}, received {value!r}")
        size = abs(number)
        return (-size if both else max(-size, float(low))) + 0.0, size  # + 0.0: no negative zero

    return convert


def as_given(convert: Callable[[Any], Range]) -> Callable[[Any], Any]:
    """A converter that checks, but keeps one number as one number: the config shows what the user wrote."""

    def check(value: Any) -> Any:
        converted = convert(value)
        if isinstance(value, Iterable):
            return converted
        return None if value is None else float(value)

    return check


def value_range() -> Any:
    """A field (lowest, highest) value of the images; 0 and 255 by default."""

    def convert(value: Any) -> Range:
        if not isinstance(value, Iterable) or isinstance(value, str) or len(tuple(value)) != 2:
            raise ValueError(
                f"expected two numbers, the lowest and the highest value of the images, received {value!r}"
            )
        low, high = sorted(value)
        return low, high

    return field((0, 255), convert=convert)


def data_format() -> Any:
    """A field for the data format that can be given by name only."""
    return field("channels_last", convert=arg.data_format, kw_only=True)


def fill_mode(*allowed: str) -> Any:
    """A field that says what comes in from outside the image."""
    return field("reflect", convert=arg.mode(*(allowed or ("reflect", "wrap", "constant", "nearest"))))


def interpolation() -> Any:
    """A field ``'bilinear'`` or ``'nearest'``."""
    return field("bilinear", convert=arg.mode("bilinear", "nearest"))


# -- random parameters ------------------------------------------------------------------------------------------------


def uniform(key: Array, limits: Range, shape: Sequence[int]) -> Array:
    """Uniform float32 numbers between two limits."""
    return jax.random.uniform(key, tuple(shape), jnp.float32, limits[0], limits[1])


def chosen(key: Array, factor: Range, count: int) -> Array:
    """For each image whether it is changed: with a probability that is itself drawn between two limits."""
    probability_key, threshold_key = jax.random.split(key)
    return jax.random.uniform(threshold_key, (count,)) < uniform(probability_key, factor, (count,))


def per_image(values: Any, dtype: Any = None) -> Array:
    """One number for each image, ready to broadcast over images."""
    return jnp.asarray(values, dtype).reshape(-1, 1, 1, 1)


def per_box(values: Any) -> Array:
    """One number for each image, ready to broadcast over (batch, boxes)."""
    return jnp.asarray(values).reshape(-1, 1)


def is_traced(value: Any) -> bool:
    """Whether a value is known in a running program only, so that no shape and no Python branch can follow from it."""
    return isinstance(value, Tracer)


def size_of(transformation: Mapping[str, Any], layer: Any) -> tuple[int, int]:
    """(height, width) of the images that a transformation was drawn for, from the shape it holds."""
    shape = transformation["input_shape"]
    rows = -2 if layer.data_format == "channels_first" else -3
    return shape[rows], shape[rows + 1]


# -- the steps of a call ----------------------------------------------------------------------------------------------


class Steps:
    """What a call does with pictures and what belongs to them, in terms of steps that whoever mixes this in has.

    The steps are ``get_random_transformation(data, training, seed)`` and ``transform_images``, ``transform_labels``,
    ``transform_bounding_boxes`` and ``transform_segmentation_masks``, each of a batch and a transformation.
    """

    if TYPE_CHECKING:
        bounding_box_format: Any
        get_random_transformation: Callable[..., Any]
        transform_images: Callable[..., Any]
        transform_labels: Callable[..., Any]
        transform_bounding_boxes: Callable[..., Any]
        transform_segmentation_masks: Callable[..., Any]

    def transform_single_image(self, image: Any, transformation: Transformation, training: bool = True) -> Any:
        """Apply drawn parameters to one image."""
        return _of_one(self.transform_images, image, transformation, training)

    def transform_single_label(self, label: Any, transformation: Transformation, training: bool = True) -> Any:
        """Apply drawn parameters to the label of one image."""
        return _of_one(self.transform_labels, label, transformation, training)

    def transform_single_bounding_box(
        self, bounding_box: Mapping[str, Any], transformation: Transformation, training: bool = True
    ) -> Any:
        """Apply drawn parameters to the dict of boxes of one image."""
        return _of_one(self.transform_bounding_boxes, dict(bounding_box), transformation, training)

    def transform_single_segmentation_mask(
        self, segmentation_mask: Any, transformation: Transformation, training: bool = True
    ) -> Any:
        """Apply drawn parameters to the segmentation mask of one image."""
        return _of_one(self.transform_segmentation_masks, segmentation_mask, transformation, training)

    def take_steps(self, inputs: Any, training: bool, who: str, **drawing: Any) -> Any:
        """Draw a change and apply it to images and to what comes with them.

        Args:
            inputs: a batch of images (4 axes), one image (3 axes), or a dict with ``'images'``; other entries than those
                of :class:`ImageLayer` are handed on.
            training: the mode.
            who: the layer's name in messages.
            **drawing: passed to ``get_random_transformation``.

        Raises:
            ValueError: no images, images of another rank, or boxes that are none or of a format that is not known.
        """
        data = dict(inputs) if isinstance(inputs, Mapping) else {"images": inputs}
        if "images" not in data:
            raise ValueError(f"{who}: a dict of inputs needs 'images', received keys {sorted(data)}")
        images = data["images"] = jnp.asarray(data["images"])
        if images.ndim not in (3, 4):
            raise ValueError(
                f"{who}: argument `inputs` must be a batch of images (4 axes) or one image (3 axes), "
                f"received shape {images.shape}"
            )
        if "bounding_boxes" in data:
            data["bounding_boxes"] = _checked_boxes(data["bounding_boxes"], self.bounding_box_format, who)
        given = data if isinstance(inputs, Mapping) else images
        transformation = self.get_random_transformation(given, training=training, **drawing)
        if images.ndim == 3:
            steps = (
                self.transform_single_image,
                self.transform_single_label,
                self.transform_single_bounding_box,
                self.transform_single_segmentation_mask,
            )
        else:
            steps = (
                self.transform_images,
                self.transform_labels,
                self.transform_bounding_boxes,
                self.transform_segmentation_masks,
            )
        for name, step in zip(("images", "labels", "bounding_boxes", "segmentation_masks"), steps, strict=True):
            if name in data:
                value = jax.tree.map(jnp.asarray, data[name])
                data[name] = step(value, transformation=transformation, training=training)
        return data if isinstance(inputs, Mapping) else data["images"]


def _of_one(step: Callable[..., Any], value: Any, transformation: Transformation, training: bool) -> Any:
    """What a step of a batch makes of a single thing."""
    batch = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], value)
    changed = step(batch, transformation=transformation, training=training)
    return jax.tree.map(lambda leaf: leaf[0], changed)


def _checked_boxes(bounding_boxes: Any, box_format: Any, who: str) -> dict[str, Any]:
    if box_format is None:
        raise ValueError(
            f"{who}: the inputs hold 'bounding_boxes', so the layer needs the argument "
            f"`bounding_box_format`, one of {', '.join(box_functions.FORMATS)}"
        )
    if not isinstance(bounding_boxes, Mapping) or not {"boxes", "labels"} <= set(bounding_boxes):
        raise ValueError(f"{who}: 'bounding_boxes' must be a dict with 'boxes' and 'labels'")
    boxes, labels = jnp.asarray(bounding_boxes["boxes"], jnp.float32), jnp.asarray(bounding_boxes["labels"])
    if boxes.ndim not in (2, 3) or boxes.shape[-1] != 4:
        raise ValueError(f"{who}: 'boxes' must have shape (batch, boxes, 4) or (boxes, 4), received {boxes.shape}")
    return {**bounding_boxes, "boxes": boxes, "labels": labels}


# -- the base ---------------------------------------------------------------------------------------------------------


class ImageLayer(Steps, Layer):
    """Base of the layers on pictures.

    The input is a batch of images (4 axes), one image (3 axes), or a dict with ``'images'`` and any of ``'labels'``,
    ``'bounding_boxes'`` (a dict of ``'boxes'`` (batch, boxes, 4) and ``'labels'`` (batch, boxes)) and
    ``'segmentation_masks'``. Images leave in the layer's compute type, masks in their own.

    A subclass writes ``draw`` (the random parameters of a batch) and ``alter`` (the images, channels last), and where
    they are not left alone ``alter_labels``, ``alter_boxes`` and ``alter_masks``.

    Attributes:
        bounding_box_format: one of :data:`kjax.nn.boxes.FORMATS`; needed when boxes are given.
    """

    if TYPE_CHECKING:
        bounding_box_format: Any = None
        # Every subclass declares it as a field, some by position, so that its place is not fixed here.
        data_format: str = "channels_last"
    else:
        bounding_box_format: Any = field(None, convert=arg.optional(arg.choice(*box_functions.FORMATS)), kw_only=True)

    autocast = False
    # Acts outside training as well.
    always: ClassVar[bool] = False
    # Outputs have the type of the images, not the compute type.
    keeps_type: ClassVar[bool] = False

    # -- what a subclass writes ----------------------------------------------------------------------------------

    def draw(self, key: Array, shape: tuple[int, int, int, int]) -> Transformation:
        """The random parameters for images of a shape (batch, height, width, channels)."""
        del key
        return {"input_shape": self._given_shape(shape)}

    def alter(self, images: Array, transformation: Transformation) -> Array:
        """The changed images, channels last."""
        raise NotImplementedError(f"{type(self).__name__} does not change images")

    def alter_labels(self, labels: Array, transformation: Transformation) -> Array:
        """The changed labels."""
        del transformation
        return labels

    def alter_boxes(self, boxes: dict[str, Any], transformation: Transformation) -> dict[str, Any]:
        """The changed boxes, in the layer's format."""
        del transformation
        return boxes

    def alter_masks(self, masks: Array, transformation: Transformation) -> Array:
        """The changed masks, channels last."""
        del transformation
        return masks

    # -- what users call -----------------------------------------------------------------------------------------

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Transformation:
        """Draw the random parameters for a batch.

        Args:
            data: images, or a dict with ``'images'``.
            training: False gives None, for layers that then do nothing.
            seed: a JAX random key.
        """
        images = data["images"] if isinstance(data, Mapping) else data
        if not (training or self.always):
            return None
        shape = tuple(np.shape(images))
        shape = (1, *shape) if len(shape) == 3 else shape
        batch, *rest = shape
        height, width, channels = (*rest[1:], rest[0]) if self.data_format == "channels_first" else rest
        key = jax.random.key(0) if seed is None else seed
        return self.draw(key, (batch, height, width, channels))

    def transform_images(self, images: Any, transformation: Transformation, training: bool = True) -> Array:
        """Apply drawn parameters to images.

        Args:
            images: batch or single image.
            transformation: what :meth:`get_random_transformation` gave.
            training: False leaves the images alone, where the layer acts in training only.
        """
        images = jnp.asarray(images)
        if not self.keeps_type:
            images = images.astype(self.compute_dtype)
        if not (training or self.always):
            return self._on_batch(images, self.at_inference)
        return self._on_batch(images, lambda batch: self._finish(self.alter(batch, transformation), images.dtype))

    def at_inference(self, images: Array) -> Array:
        """What happens to images outside training; nothing by default."""
        return images

    @staticmethod
    def _finish(images: Array, dtype: Any) -> Array:
        return images.astype(dtype)

    def transform_labels(self, labels: Any, transformation: Transformation, training: bool = True) -> Any:
        """Apply drawn parameters to labels."""
        return self.alter_labels(jnp.asarray(labels), transformation) if training or self.always else labels

    def transform_bounding_boxes(
        self, bounding_boxes: Mapping[str, Any], transformation: Transformation, training: bool = True
    ) -> dict[str, Any]:
        """Apply drawn parameters to boxes (in the layer's format) and their labels (-1 for those that vanish)."""
        found = dict(bounding_boxes)
        return self.alter_boxes(found, transformation) if training or self.always else found

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Transformation, training: bool = True
    ) -> Any:
        """Apply drawn parameters to segmentation masks."""
        masks = jnp.asarray(segmentation_masks)
        if not (training or self.always):
            return self._on_batch(masks, self.at_inference)
        return self._on_batch(masks, lambda batch: self.alter_masks(batch, transformation).astype(masks.dtype))

    # -- the layer -----------------------------------------------------------------------------------------------

    def call(self, inputs: Any, training: bool = False) -> Any:
        draws = self.draws and (training or self.always)
        key = base.random_key(self) if draws else jax.random.key(0)
        return self.take_steps(inputs, training, base.describe(self), seed=key)

    # Whether a call draws random numbers.
    draws: ClassVar[bool] = True

    def _on_batch(self, images: Array, function: Callable[[Array], Array]) -> Array:
        """Apply a function of a batch with channels last to images in the layer's format, or to a single one."""
        single = images.ndim == 3
        batch = base.to_channels_last(self, images[None] if single else images)
        batch = base.from_channels_last(self, function(batch))
        return batch[0] if single else batch

    def _given_shape(self, shape: tuple[int, int, int, int]) -> tuple[int, ...]:
        batch, height, width, channels = shape
        if self.data_format == "channels_first":
            return batch, channels, height, width
        return shape

    def boxes_in_pixels(self, boxes: dict[str, Any], height: Any, width: Any) -> dict[str, Any]:
        """Boxes of the layer's format as corners in pixels."""
        return box_functions.convert_format(boxes, self.bounding_box_format, "xyxy", height, width)

    def boxes_as_given(self, boxes: dict[str, Any], height: Any, width: Any) -> dict[str, Any]:
        """Corners in pixels, cut at the edges of the image, in the layer's format."""
        clipped = box_functions.clip_to_image_size(boxes, height, width)
        return box_functions.convert_format(clipped, "xyxy", self.bounding_box_format, height, width)

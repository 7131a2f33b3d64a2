"""Keras' layers on pictures: the steps of their calls, which users call and override, and their base for users' own."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp

from kjax.keras.core import scope as scopes
from kjax.keras.core.data_layer import DataLayer
from kjax.keras.core.preprocessing import DataMembers
from kjax.keras.core.settings import settings
from kjax.keras.random import draw_key
from kjax.nn import arguments as arg
from kjax.nn import boxes as box_functions
from kjax.nn import image as functions
from kjax.nn.layers.preprocessing.base import Steps, bounds

_STEPS = (
    "get_random_transformation",
    "transform_images",
    "transform_labels",
    "transform_bounding_boxes",
    "transform_segmentation_masks",
    "transform_single_image",
    "transform_single_label",
    "transform_single_bounding_box",
    "transform_single_segmentation_mask",
)


class ImageMembers(Steps, DataMembers):
    """Members of the layers on pictures. Called outside a model they act as in training, as in Keras.

    The module of such a layer is pure. Where a subclass overrides a step, its call takes the steps of the layer instead.
    """

    trains_by_default = True

    @property
    def takes_training(self) -> bool:
        """All of them may do something else in training."""
        return True

    @property
    def _composed_call(self) -> Any:
        cls: Any = type(self)
        if all(getattr(cls, step) is getattr(ImageMembers, step) for step in _STEPS):
            return None

        def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
            del mask
            return self.take_steps(inputs, bool(self._training_of((), {"training": training})), _who(self))

        return call

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer; the format of boxes only where it was given, as in Keras."""
        config = super().get_config()
        if config.get("bounding_box_format") is None:
            config.pop("bounding_box_format", None)
        return config

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw the random parameters of a change.

        Args:
            data: images, or a dict with ``'images'``.
            training: False draws nothing for layers that act in training only.
            seed: an integer, a ``SeedGenerator`` or a JAX key; by default a key of the call, or a fresh one.

        Returns:
            What :meth:`transform_images` and the others take.
        """
        if seed is None and scopes.current() is None:
            seed = self.fresh_key()
        key = draw_key(seed) if training or self._module.always else None  # type: ignore[attr-defined]
        return self._module.get_random_transformation(data, training, key)  # type: ignore[attr-defined]

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Apply drawn parameters to images, a batch or one."""
        return self._module.transform_images(images, transformation, training)  # type: ignore[attr-defined]

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        """Apply drawn parameters to labels."""
        return self._module.transform_labels(labels, transformation, training)  # type: ignore[attr-defined]

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        """Apply drawn parameters to a dict of boxes and labels."""
        return self._module.transform_bounding_boxes(  # type: ignore[attr-defined]
            bounding_boxes, transformation, training
        )

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Apply drawn parameters to segmentation masks."""
        return self._module.transform_segmentation_masks(  # type: ignore[attr-defined]
            segmentation_masks, transformation, training
        )


def _who(layer: Any) -> str:
    return f"{type(layer).__name__} (layer {layer.name!r})"


class BaseImagePreprocessingLayer(Steps, DataLayer):
    """Base of layers on pictures that users write.

    A subclass writes the steps of a call: ``get_random_transformation(data, training, seed)``,
    ``transform_images(images, transformation, training)``, and for what else comes with images ``transform_labels``,
    ``transform_bounding_boxes`` and ``transform_segmentation_masks``. Images may also be changed by
    ``_transform_images(images, transformation, interpolation)``, which then serves masks as well.

    Args:
        factor: strength of the change, a number or (lower, upper) within ``_FACTOR_BOUNDS``; a class that takes none sets
            ``_USE_BASE_FACTOR = False``.
        bounding_box_format: one of :data:`kjax.nn.boxes.FORMATS`; needed when boxes are given.
        data_format: where the channels are; the session's by default.
        **kwargs: those of every layer.
    """

    _USE_BASE_FACTOR: ClassVar[bool] = True
    _FACTOR_BOUNDS: ClassVar[tuple[float, float]] = (-1, 1)

    trains_by_default = True
    interpolation: Any = "bilinear"

    def __init__(
        self, factor: Any = None, bounding_box_format: Any = None, data_format: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if bounding_box_format is not None:
            arg.choice(*box_functions.FORMATS)(bounding_box_format)
        self.bounding_box_format = bounding_box_format
        self.data_format = arg.data_format(data_format or settings.image_data_format)
        if self._USE_BASE_FACTOR:
            self._set_factor(0.0 if factor is None else factor)
        elif factor is not None:
            raise ValueError(f"{type(self).__name__} does not take the argument `factor`, received {factor!r}")

    def _set_factor(self, factor: Any) -> None:
        try:
            self.factor = bounds(*self._FACTOR_BOUNDS)(factor)
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: argument `factor`: {error}") from None

    def call(self, data: Any, training: bool = True) -> Any:
        """Take the steps: draw a change, apply it to images and to what comes with them."""
        return self.take_steps(data, training, _who(self))

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw the random parameters of a change; none by default."""
        del data, training, seed

    def _transform_images(self, images: Any, transformation: Any, interpolation: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no `transform_images`; a layer on pictures writes it")

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Apply drawn parameters to a batch of images."""
        images = jnp.asarray(images, self.compute_dtype)
        return self._transform_images(images, transformation, self.interpolation) if training else images

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Apply drawn parameters to labels."""
        raise NotImplementedError(f"{type(self).__name__} was given 'labels' and has no `transform_labels`")

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        """Apply drawn parameters to a dict of boxes and labels."""
        raise NotImplementedError(
            f"{type(self).__name__} was given 'bounding_boxes' and has no `transform_bounding_boxes`"
        )

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        """Apply drawn parameters to segmentation masks: those of images, without interpolation."""
        if not training:
            return segmentation_masks
        return self._transform_images(segmentation_masks, transformation, "nearest")

    def _transform_value_range(
        self, images: Any, original_range: Any, target_range: Any, dtype: str = "float32"
    ) -> Any:
        if tuple(original_range) == tuple(target_range):
            return images
        return functions.change_range(jnp.asarray(images, dtype), original_range, target_range)

    def get_config(self) -> dict[str, Any]:
        """The data format and, where it was given, the format of boxes."""
        config = {**super().get_config(), "data_format": self.data_format}
        if self.bounding_box_format is not None:
            config["bounding_box_format"] = self.bounding_box_format
        return config


class ShiftMembers(ImageMembers):
    """Members of the layers that move points: of their affine transforms, and of boxes."""

    def get_transformed_x_y(self, x: Any, y: Any, transform: Any) -> tuple[Any, Any]:
        """Where an affine or perspective transform takes points.

        Args:
            x: columns ``[..., 1]``.
            y: rows ``[..., 1]``.
            transform: the eight numbers ``[..., 8]``, see :func:`kjax.nn.image.project`.
        """
        return functions.project(jnp.moveaxis(jnp.asarray(transform), -1, 0)[..., None], jnp.asarray(x), jnp.asarray(y))


class BoxShiftMembers(ShiftMembers):
    """Members of RandomTranslation and RandomShear."""

    def get_shifted_bbox(self, bounding_boxes: Any, w_shift_factor: Any, h_shift_factor: Any) -> dict[str, Any]:
        """Boxes of corners, moved to the left and upwards.

        Args:
            bounding_boxes: dict with ``'boxes'`` ``[boxes, 4]`` or ``[batch, boxes, 4]``.
            w_shift_factor: by how much to the left, for each image ``[batch, 1]``.
            h_shift_factor: by how much upwards.
        """
        boxes = jnp.asarray(bounding_boxes["boxes"])
        left, up = (jnp.asarray(shift, boxes.dtype) for shift in (w_shift_factor, h_shift_factor))
        shifts = [jnp.broadcast_to(_beside(shift, boxes), (*boxes.shape[:-1], 1)) for shift in (left, up)]
        return {**bounding_boxes, "boxes": boxes - jnp.concatenate(shifts * 2, axis=-1)}


class ZoomMembers(ShiftMembers):
    """Members of RandomZoom."""

    def get_clipped_bbox(
        self, bounding_boxes: Any, h_end: Any, h_start: Any, w_end: Any, w_start: Any
    ) -> dict[str, Any]:
        """Boxes of corners cut at the edges of a window, counted from its first pixel.

        Args:
            bounding_boxes: dict with ``'boxes'`` ``[boxes, 4]`` or ``[batch, boxes, 4]``.
            h_end: row at which the window ends, for each image ``[batch, 1]``.
            h_start: row at which it begins.
            w_end: column at which it ends.
            w_start: column at which it begins.
        """
        boxes = jnp.asarray(bounding_boxes["boxes"])
        ends, starts = (
            jnp.concatenate(
                [jnp.broadcast_to(_beside(jnp.asarray(v), boxes), (*boxes.shape[:-1], 1)) for v in pair] * 2, axis=-1
            )
            for pair in ((w_end, h_end), (w_start, h_start))
        )
        return {**bounding_boxes, "boxes": jnp.clip(boxes, starts, ends) - starts}


def _beside(values: Any, boxes: Any) -> Any:
    """One number for each image, ready to broadcast over (batch, boxes, 1)."""
    return values[..., None] if boxes.ndim == 3 else values


class ElasticMembers(ImageMembers):
    """Members of RandomElasticTransform."""

    def get_elastic_transform_params(self, height: int, width: int, factor: Any) -> tuple[Any, Any]:
        """How far pixels are moved and how smoothly, in pixels: a tenth of the longer side, a twentieth of the shorter.

        Args:
            height: height of the images.
            width: width of the images.
            factor: share of these lengths.
        """
        return self._module.strengths(height, width, factor)  # type: ignore[attr-defined]

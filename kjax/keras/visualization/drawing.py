"""Bounding boxes and segmentation masks drawn on pictures, as NumPy arrays on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kjax.keras.core.settings import settings
from kjax.nn import boxes as box_functions
from kjax.nn.arguments import data_format as check_data_format

PALETTE = (2**25 - 1, 2**15 - 1, 2**21 - 1)
"""Red, green and blue of class i are i times these numbers, modulo 255."""


def batch_of(images: Any, data_format: str | None) -> tuple[np.ndarray, str]:
    """A batch of images as a NumPy array with channels last, and the data format that it was given in.

    Raises:
        ValueError: another number of axes than 4, or an unknown data format.
    """
    data_format = check_data_format(data_format or settings.image_data_format)
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(f"`images` must be a batch of images (4 axes), received an array of shape {images.shape}")
    return (images.transpose(0, 2, 3, 1) if data_format == "channels_first" else images), data_format


def draw_bounding_boxes(
    images: Any,
    bounding_boxes: Mapping[str, Any],
    bounding_box_format: str,
    class_mapping: Mapping[int, str] | None = None,
    color: Sequence[int] = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int | None = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> np.ndarray:
    """Draw bounding boxes on images, with the names of their classes.

    Args:
        images: (batch, height, width, channels), or channels first. Floats that are at most 1 count as shares of 255.
        bounding_boxes: dict with ``'boxes'`` (batch, boxes, 4), ``'labels'`` (batch, boxes), of which -1 is no box, and
            where there are any ``'confidences'`` (batch, boxes), which are written behind the names.
        bounding_box_format: one of :data:`kjax.nn.boxes.FORMATS`.
        class_mapping: names of the classes by number; classes without one have no text.
        color: red, green and blue, from 0 to 255.
        line_thickness: thickness of the lines in pixels; -1 fills the boxes.
        text_thickness: thickness of the text; that of the lines where it is None.
        font_scale: size of the text.
        data_format: where the channels are; the session's by default.

    Returns:
        The images with the boxes, as an array of ``uint8`` of the shape of ``images``.

    Raises:
        ImportError: OpenCV is not installed.
        TypeError: boxes that are no dict.
        ValueError: images of another rank, or a dict without ``'boxes'`` and ``'labels'``.
    """
    cv2 = _opencv()
    batch, data_format = batch_of(images, data_format)
    if not isinstance(bounding_boxes, Mapping):
        raise TypeError(
            f"`bounding_boxes` must be a dict with 'boxes' and 'labels', received a {type(bounding_boxes).__name__}"
        )
    if not {"boxes", "labels"} <= set(bounding_boxes):
        raise ValueError(f"`bounding_boxes` needs 'boxes' and 'labels', received the keys {sorted(bounding_boxes)}")
    height, width = batch.shape[1:3]
    corners = box_functions.convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", height, width)
    corners, labels = np.asarray(corners).astype(int), np.asarray(bounding_boxes["labels"]).astype(int)
    if corners.ndim != 3 or len(corners) != len(batch) or labels.shape != corners.shape[:2]:
        raise ValueError(
            "'boxes' and 'labels' must have shapes (batch, boxes, 4) and (batch, boxes), "
            f"received {corners.shape} and {labels.shape} for {len(batch)} images"
        )
    confidences = bounding_boxes.get("confidences")
    confidences = None if confidences is None else np.asarray(confidences)
    drawn = np.array(_bytes(batch), order="C")
    for i, image in enumerate(drawn):
        for j, number in enumerate(labels[i].tolist()):
            if number == -1:
                continue
            x1, y1, x2, y2 = corners[i, j].tolist()
            cv2.rectangle(image, (x1, y1), (x2, y2), tuple(color), line_thickness)
            name = (class_mapping or {}).get(number)
            if name is None:
                continue
            text = str(name) if confidences is None else f"{name} | {confidences[i, j]:.2f}"
            thickness = text_thickness or line_thickness
            start = _start_of_text(x1, y1, font_scale, thickness)
            cv2.putText(image, text, start, cv2.FONT_HERSHEY_SIMPLEX, font_scale, tuple(color), thickness)
    return drawn.transpose(0, 3, 1, 2) if data_format == "channels_first" else drawn


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "draw_bounding_boxes needs OpenCV: pip install 'kjax[plot]', or opencv-python-headless"
        ) from error
    return cv2


def _bytes(images: np.ndarray) -> np.ndarray:
    """Values from 0 to 255; of floats those at most 1 are shares."""
    if images.dtype.kind == "f" or images.dtype.name == "bfloat16":
        images = images.astype(np.float32)
        scale = 255 if images.size and images.max() <= 1 else 1
        images = np.clip(images, 0, 255 / scale) * scale
    return images.astype(np.uint8)


def _start_of_text(x: int, y: int, font_scale: float, thickness: int) -> tuple[int, int]:
    """The lower left corner of the text: above the box where there is room for it, otherwise inside."""
    line = 2 * int(font_scale * 12)
    return (x, y - 8) if y - 8 > line else (x + 3, y + line + thickness + 3)


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: Mapping[int, Sequence[int]] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Colour the pixels of images by their classes.

    As in Keras 3.15 the classes from 0 to ``num_classes - 1`` are coloured; class 0 is black unless it is ignored.

    Args:
        images: (batch, height, width, channels), or channels first; values from 0 to 255.
        segmentation_masks: numbers of classes, (batch, height, width) or with one channel.
        num_classes: number of classes; the largest number in the masks by default.
        color_mapping: red, green and blue by class. One that begins with class 1 colours the classes from 1 to
            ``num_classes``. By default each class has a colour of its own.
        alpha: how opaque colours are, from 0 to 1.
        blend: False puts colours in place of pixels.
        ignore_index: class whose pixels stay as they are.
        data_format: where the channels are; the session's by default.

    Returns:
        The images, channels last: ``uint8``, or ``float32`` with ``blend=False``.

    Raises:
        TypeError: masks that are no integers.
        ValueError: images of another rank, masks of another shape, or a class without a colour.
    """
    batch, data_format = batch_of(images, data_format)
    pixels = batch.astype(np.float32)
    masks = np.asarray(segmentation_masks)
    if masks.dtype.kind not in "iu":
        raise TypeError(f"`segmentation_masks` must be integers, received {masks.dtype}")
    if masks.ndim == 4:
        masks = np.take(masks, 0, axis=1 if data_format == "channels_first" else 3)
    if masks.shape != pixels.shape[:3]:
        raise ValueError(
            f"`segmentation_masks` must have one number for each pixel, {pixels.shape[:3]}, "
            f"received shape {np.shape(segmentation_masks)}"
        )
    count = int(masks.max(initial=0)) if num_classes is None else num_classes
    coloured = pixels.copy()
    for number, shade in _colours(count, color_mapping).items():
        coloured[masks == number] = np.asarray(shade, np.float32)
    if not blend:
        return coloured
    mixed = pixels * (1 - alpha) + coloured * alpha
    mixed = np.where((masks != ignore_index)[..., None], mixed, pixels)
    return np.clip(mixed, 0, 255).astype(np.uint8)


def _colours(count: int, mapping: Mapping[int, Sequence[int]] | None) -> dict[int, Sequence[int]]:
    if mapping is None:
        return {i: [i * part % 255 for part in PALETTE] for i in range(count)}
    numbers = range(count) if 0 in mapping else range(1, count + 1)
    missing = [i for i in numbers if i not in mapping]
    if missing:
        raise ValueError(f"`color_mapping` has no colour for the classes {missing}; its keys are {sorted(mapping)}")
    return {i: mapping[i] for i in numbers}

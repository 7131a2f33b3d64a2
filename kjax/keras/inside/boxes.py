"""Bounding boxes inside of Keras: a class around the functions, the order of the numbers, checks and lists of boxes."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.inside.backend import is_tensor
from kjax.nn import boxes as functions

SUPPORTED_FORMATS = functions.FORMATS

_CORNERS = {"LEFT": 0, "TOP": 1, "RIGHT": 2, "BOTTOM": 3}
_ROWS_FIRST = {"TOP": 0, "LEFT": 1, "BOTTOM": 2, "RIGHT": 3}
_SIZES = {"X": 0, "Y": 1, "WIDTH": 2, "HEIGHT": 3}

XYXY = SimpleNamespace(**_CORNERS)
REL_XYXY = SimpleNamespace(**_CORNERS)
YXYX = SimpleNamespace(**_ROWS_FIRST)
REL_YXYX = SimpleNamespace(**_ROWS_FIRST)
XYWH = SimpleNamespace(**_SIZES)
REL_XYWH = SimpleNamespace(**_SIZES)
CENTER_XYWH = SimpleNamespace(**_SIZES)


class BoundingBox:
    """The functions of :mod:`kjax.nn.boxes` as methods."""

    convert_format = staticmethod(functions.convert_format)
    affine = staticmethod(functions.affine_transform)
    crop = staticmethod(functions.crop)
    pad = staticmethod(functions.pad)
    clip_to_image_size = staticmethod(functions.clip_to_image_size)


def _is_ragged(boxes: Any) -> bool:
    return isinstance(boxes, list) and any(isinstance(sample, list) for sample in boxes)


def validate_bounding_boxes(bounding_boxes: Any) -> None:
    """Check what comes with pictures as their boxes.

    Args:
        bounding_boxes: dict with ``'boxes'``, array (boxes, 4) or (batch, boxes, 4), and ``'labels'``, with an axis
            less or as many; or lists of the same lengths.

    Raises:
        ValueError: something else.
    """
    if not isinstance(bounding_boxes, Mapping) or not {"boxes", "labels"} <= set(bounding_boxes):
        raise ValueError(f"`bounding_boxes` must be a dict with 'boxes' and 'labels', received {bounding_boxes!r}")
    boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
    if isinstance(boxes, list):
        if not isinstance(labels, list):
            raise ValueError(f"`bounding_boxes`: boxes in a list have labels in a list, received {labels!r}")
        if len(boxes) != len(labels):
            raise ValueError(f"`bounding_boxes`: there are {len(boxes)} boxes and {len(labels)} labels")
        return
    rank, label_rank = np.ndim(boxes), np.ndim(labels)
    if rank not in (2, 3):
        raise ValueError(
            "`bounding_boxes`: boxes must have the shape (boxes, 4) or (batch, boxes, 4), received "
            f"{tuple(np.shape(boxes))}"
        )
    if label_rank not in (rank - 1, rank):
        raise ValueError(
            f"`bounding_boxes`: labels of boxes of the shape {tuple(np.shape(boxes))} have {rank - 1} or {rank} axes, "
            f"received the shape {tuple(np.shape(labels))}"
        )


def densify_bounding_boxes(
    bounding_boxes: Any,
    is_batched: bool = False,
    max_boxes: int | None = None,
    boxes_default_value: float = 0,
    labels_default_value: int = -1,
    backend: Any = None,
) -> dict[str, Any]:
    """Boxes as arrays; where pictures have various numbers of them, cut or filled up to one number.

    Args:
        bounding_boxes: see :func:`validate_bounding_boxes`; lists of boxes, for one picture or for each of a batch.
        is_batched: accepted for Keras; the nesting of lists tells.
        max_boxes: number of boxes of a picture; the largest by default.
        boxes_default_value: the four numbers of boxes that are added.
        labels_default_value: the labels of these.
        backend: accepted for Keras.

    Raises:
        ValueError: other boxes, or labels that are no integers.
    """
    del is_batched, backend
    validate_bounding_boxes(bounding_boxes)
    boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
    if not _is_ragged(boxes):
        kept = labels if is_tensor(labels) else jnp.asarray(labels)
        return {**bounding_boxes, "boxes": jnp.asarray(boxes, "float32"), "labels": kept}
    batched = any(isinstance(box, list) for sample in boxes for box in sample)
    samples = list(zip(boxes, labels, strict=True)) if batched else [(boxes, labels)]
    if not all(isinstance(label, int) for _, each in samples for label in each):
        raise ValueError(f"`bounding_boxes`: labels in lists must be integers, received {labels!r}")
    count = max(len(sample) for sample, _ in samples) if max_boxes is None else max_boxes
    full = np.full((len(samples), count, 4), boxes_default_value, np.float32)
    classes = np.full((len(samples), count), labels_default_value, np.int32)
    for i, (sample, each) in enumerate(samples):
        if sample and count:
            full[i, : len(sample)] = sample[:count]
            classes[i, : len(each)] = each[:count]
    found = (full, classes) if batched else (full[0], classes[0])
    return {"boxes": jnp.asarray(found[0]), "labels": jnp.asarray(found[1])}

"""Bounding boxes: formats, clipping, transforms, overlaps, and offsets from anchors, as pure functions.

A format says what the four numbers of a box are: two corners (``xyxy``), a corner and a size (``xywh``) or the centre
and a size (``center_xywh``); rows first in the ``yx`` variants; with ``rel_`` as shares of the picture's size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

EPSILON = 1e-7
"""Added to denominators, as in Keras 3."""

FORMATS = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")

Boxes = Float[Array, "*batch boxes 4"]
Parts = tuple[Array, Array, Array, Array]


def _parts(boxes: Array) -> Parts:
    return boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]


def _swap(parts: Parts) -> Parts:
    """From rows first to columns first, and back."""
    return parts[1], parts[0], parts[3], parts[2]


def _known(name: str, argument: str) -> str:
    if name.lower() not in FORMATS:
        raise ValueError(f"`{argument}` must be one of {', '.join(FORMATS)}; received {name!r}")
    return name.lower()


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = "float32"
) -> Any:
    """The same boxes in another format.

    Args:
        boxes: array ``[..., 4]``, or a dict that has one under ``'boxes'``.
        source: the format they are in, one of :data:`FORMATS`.
        target: the format wanted.
        height: rows of the picture; needed between relative and absolute formats.
        width: columns of it.
        dtype: type of the result.

    Raises:
        ValueError: an unknown format, another last axis, or a missing size.
    """
    if isinstance(boxes, Mapping):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    source, target = _known(source, "source"), _known(target, "target")
    boxes = jnp.asarray(boxes, dtype)
    if boxes.shape[-1:] != (4,):
        raise ValueError(f"`boxes` must have 4 numbers on the last axis, received shape {boxes.shape}")
    relative = source.startswith("rel_"), target.startswith("rel_")
    if any(relative) and (height is None or width is None):
        raise ValueError(
            f"from {source!r} to {target!r} both `height` and `width` are needed, received {height}, {width}"
        )
    if source == target:
        return boxes
    x1, y1, x2, y2 = _corners(source.removeprefix("rel_"), _parts(boxes))
    if relative[0] != relative[1]:
        across, down = _scale(width, boxes), _scale(height, boxes)
        if relative[1]:
            across, down = 1 / across, 1 / down
        x1, y1, x2, y2 = x1 * across, y1 * down, x2 * across, y2 * down
    return jnp.stack(_from_corners(target.removeprefix("rel_"), (x1, y1, x2, y2)), axis=-1)


def _scale(size: Any, boxes: Array) -> Array:
    """A size, of all pictures or of each, against the boxes' axes."""
    size = jnp.asarray(size, boxes.dtype)
    return size.reshape(size.shape + (1,) * (boxes.ndim - 1 - size.ndim)) if size.ndim else size


def _corners(form: str, parts: Parts) -> Parts:
    if form.endswith(("yxyx", "yxhw")):
        parts = _swap(parts)
    a, b, c, d = parts
    if form.startswith("center_"):
        return a - c / 2, b - d / 2, a + c / 2, b + d / 2
    return (a, b, a + c, b + d) if form == "xywh" else parts


def _from_corners(form: str, corners: Parts) -> Parts:
    x1, y1, x2, y2 = corners
    w, h = x2 - x1, y2 - y1
    if form.startswith("center_"):
        parts = x1 + w / 2, y1 + h / 2, w, h
    else:
        parts = (x1, y1, w, h) if form == "xywh" else corners
    return _swap(parts) if form.endswith(("yxyx", "yxhw")) else parts


def clip_to_image_size(
    bounding_boxes: Mapping[str, Any], height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> dict[str, Any]:
    """Cut boxes at the edges of the picture; the labels of boxes that vanish become -1.

    Args:
        bounding_boxes: dict with ``'boxes'`` ``[..., 4]`` and, where there are any, ``'labels'``.
        height: rows of the picture.
        width: columns of it.
        bounding_box_format: ``'xyxy'`` or ``'rel_xyxy'``.

    Raises:
        NotImplementedError: another format.
        ValueError: an unknown format, or a missing size.
    """
    _only(("xyxy", "rel_xyxy"), bounding_box_format, "clip_to_image_size")
    boxes = jnp.asarray(bounding_boxes["boxes"])
    down: Any = 1.0
    across: Any = 1.0
    if bounding_box_format == "xyxy":
        if height is None or width is None:
            raise ValueError("`height` and `width` are needed to clip boxes of the format 'xyxy'")
        down, across = _scale(height, boxes), _scale(width, boxes)
    boxes = _clip(boxes, down, across)
    result = {**bounding_boxes, "boxes": boxes}
    if bounding_boxes.get("labels") is not None:
        x1, y1, x2, y2 = _parts(boxes)
        result["labels"] = jnp.where((x2 - x1) * (y2 - y1) > 0, jnp.asarray(bounding_boxes["labels"]), -1)
    return result


def _clip(boxes: Array, height: Any, width: Any) -> Array:
    x1, y1, x2, y2 = _parts(boxes)
    rows = [jnp.clip(y, 0, height) for y in (y1, y2)]
    columns = [jnp.clip(x, 0, width) for x in (x1, x2)]
    return jnp.stack([columns[0], rows[0], columns[1], rows[1]], axis=-1)


def crop(
    boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy"
) -> Float[Array, "*batch boxes 4"]:
    """Boxes as they lie in a window of the picture, cut at its edges.

    Args:
        boxes: array ``[..., 4]`` in pixels.
        top: first row of the window.
        left: first column of it.
        height: rows of it.
        width: columns of it.
        bounding_box_format: ``'xyxy'``.

    Raises:
        NotImplementedError: another format.
    """
    _only(("xyxy",), bounding_box_format, "crop")
    boxes = jnp.asarray(boxes)
    moved = pad(boxes, -jnp.asarray(top), -jnp.asarray(left))
    return _clip(moved, _scale(height, boxes), _scale(width, boxes))


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> Float[Array, "*batch boxes 4"]:
    """Boxes as they lie when rows and columns are added before the picture.

    Args:
        boxes: array ``[..., 4]`` in pixels.
        top: rows added above.
        left: columns added on the left.
        height: accepted for Keras 3.
        width: accepted for Keras 3.
        bounding_box_format: ``'xyxy'``.

    Raises:
        NotImplementedError: another format.
    """
    del height, width
    _only(("xyxy",), bounding_box_format, "pad")
    boxes = jnp.asarray(boxes)
    x1, y1, x2, y2 = _parts(boxes)
    down, across = _scale(top, boxes), _scale(left, boxes)
    return jnp.stack([x1 + across, y1 + down, x2 + across, y2 + down], axis=-1)


def _only(allowed: tuple[str, ...], form: str, what: str) -> None:
    if form not in allowed:
        wanted = " or ".join(map(repr, allowed))
        raise NotImplementedError(
            f"{what}: `bounding_box_format` must be {wanted}, received {_known(form, 'bounding_box_format')!r}; "
            "convert_format() gives it"
        )


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Float[Array, "batch boxes 4"]:
    """The boxes around boxes that were turned, moved, scaled and sheared together with their picture.

    The map is the inverse of the one by which torchvision's ``affine`` looks up pixels, as Keras 3 defines it.

    Args:
        boxes: array ``[batch, boxes, 4]``.
        angle: degrees for each picture ``[batch]``.
        translate_x: shift by a share of the width ``[batch]``.
        translate_y: shift by a share of the height ``[batch]``.
        scale: factor ``[batch]``.
        shear_x: degrees ``[batch]``.
        shear_y: degrees ``[batch]``.
        height: rows of the pictures.
        width: columns of them.
        center_x: what stays in place, as a share of the width; 0.5 by default.
        center_y: likewise, of the height.
        bounding_box_format: format of the boxes.
    """
    corners = convert_format(boxes, bounding_box_format, "xyxy", height, width)
    vectors = [jnp.asarray(v, corners.dtype) for v in (angle, translate_x, translate_y, scale, shear_x, shear_y)]
    angle, translate_x, translate_y, scale, shear_x, shear_y = vectors
    rows, columns = jnp.asarray(height, corners.dtype) - 1, jnp.asarray(width, corners.dtype) - 1
    middle_x = (0.5 if center_x is None else center_x) * columns
    middle_y = (0.5 if center_y is None else center_y) * rows
    turn, lean_x, lean_y = (-jnp.deg2rad(v) for v in (angle, shear_x, shear_y))
    a = jnp.cos(turn - lean_y) / jnp.cos(lean_y)
    b = a * jnp.tan(lean_x) + jnp.sin(turn)
    c = -jnp.sin(turn - lean_y) / jnp.cos(lean_y)
    d = jnp.cos(turn) - c * jnp.tan(lean_x)
    from_x, from_y = middle_x - translate_x * columns, middle_y - translate_y * rows

    def each(v: Array) -> Array:
        return v[:, None, None]

    x1, y1, x2, y2 = _parts(corners)
    xs = jnp.stack([x1, x2, x2, x1], axis=-1) - each(from_x)
    ys = jnp.stack([y1, y1, y2, y2], axis=-1) - each(from_y)
    new_x = each(scale) * (each(d) * xs - each(b) * ys) + middle_x
    new_y = each(scale) * (each(a) * ys - each(c) * xs) + middle_y
    ends = [new_x.min(-1), new_y.min(-1), new_x.max(-1), new_y.max(-1)]
    return convert_format(jnp.stack(ends, axis=-1), "xyxy", bounding_box_format, height, width)


def _size_of(image_shape: Sequence[int] | None, form: str) -> tuple[Any, Any]:
    if image_shape is not None:
        return image_shape[0], image_shape[1]
    if "rel" in form:
        raise ValueError(f"`image_shape` is needed for boxes of the relative format {form!r}")
    return None, None


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Sequence[int] | None = None,
) -> Float[Array, "*batch first second"]:
    """Intersection over union of every pair of boxes.

    Args:
        boxes1: array ``[first, 4]`` or ``[batch, first, 4]``.
        boxes2: array ``[second, 4]`` or ``[batch, second, 4]``.
        bounding_box_format: format of both.
        use_masking: put ``mask_val`` where all numbers of one of the boxes are negative.
        mask_val: see there.
        image_shape: (rows, columns, channels), for relative formats.

    Raises:
        ValueError: boxes of another rank, or a missing ``image_shape``.
    """
    for name, boxes in (("boxes1", boxes1), ("boxes2", boxes2)):
        if jnp.ndim(boxes) not in (2, 3):
            raise ValueError(
                f"`{name}` must have the shape (boxes, 4) or (batch, boxes, 4), received {jnp.shape(boxes)}"
            )
    size = _size_of(image_shape, bounding_box_format)
    first = convert_format(boxes1, bounding_box_format, "xyxy", *size)[..., :, None, :]
    second = convert_format(boxes2, bounding_box_format, "xyxy", *size)[..., None, :, :]
    shape = jnp.broadcast_shapes(first.shape, second.shape)
    first, second = jnp.broadcast_to(first, shape), jnp.broadcast_to(second, shape)
    low = jnp.maximum(first[..., :2], second[..., :2])
    high = jnp.minimum(first[..., 2:], second[..., 2:])
    common = jnp.prod(jnp.maximum(high - low, 0), axis=-1)
    areas = [jnp.prod(boxes[..., 2:] - boxes[..., :2], axis=-1) for boxes in (first, second)]
    result = common / (areas[0] + areas[1] - common + EPSILON)
    if use_masking:
        hidden = (jnp.max(first, axis=-1) < 0) | (jnp.max(second, axis=-1) < 0)
        result = jnp.where(hidden, jnp.asarray(mask_val, result.dtype), result)
    return result


def compute_ciou(
    boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Sequence[int] | None = None
) -> Float[Array, "*boxes"]:
    """Complete intersection over union of boxes one by one: it also counts the distance of centres and the proportions.

    Source: Zheng et al., 2020, "Distance-IoU loss".

    Args:
        boxes1: array ``[..., 4]``.
        boxes2: array ``[..., 4]``.
        bounding_box_format: format of both.
        image_shape: (rows, columns, channels), for relative formats.
    """
    size = _size_of(image_shape, bounding_box_format)
    first = convert_format(boxes1, bounding_box_format, "xyxy", *size)
    second = convert_format(boxes2, bounding_box_format, "xyxy", *size)
    shapes = [(b[..., 2] - b[..., 0], b[..., 3] - b[..., 1] + EPSILON) for b in (first, second)]
    inner = jnp.minimum(first[..., 2:], second[..., 2:]) - jnp.maximum(first[..., :2], second[..., :2])
    outer = jnp.maximum(first[..., 2:], second[..., 2:]) - jnp.minimum(first[..., :2], second[..., :2])
    common = jnp.prod(jnp.maximum(inner, 0), axis=-1)
    union = sum(w * h for w, h in shapes) - common + EPSILON
    iou = common / (union + EPSILON)
    centres = [(b[..., :2] + b[..., 2:]) / 2 for b in (first, second)]
    apart = jnp.sum((centres[0] - centres[1]) ** 2, axis=-1) / (jnp.sum(outer**2, axis=-1) + EPSILON)
    angles = [jnp.arctan(w / h) for w, h in shapes]
    v = 4 / math.pi**2 * (angles[1] - angles[0]) ** 2
    return iou - (apart + v * v / (v - iou + (1 + EPSILON)))


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Sequence[int] | None = None,
) -> Float[Array, "*batch boxes 4"]:
    """Boxes as offsets from anchors: shifts in units of the anchor's size, and logarithms of the ratios of sizes.

    Args:
        anchors: array ``[boxes, 4]``.
        boxes: array ``[boxes, 4]`` or ``[batch, boxes, 4]``.
        anchor_format: format of the anchors.
        box_format: format of the boxes.
        encoding_format: ``'center_xywh'`` or ``'center_yxhw'``: order of the result.
        variance: four numbers that the offsets are divided by, or None.
        image_shape: (rows, columns, channels), for relative formats.

    Raises:
        ValueError: another encoding, or a variance of another length.
    """
    size = _size_of(image_shape, anchor_format + box_format)
    spread = _variance(variance, encoding_format)
    start = convert_format(anchors, anchor_format, encoding_format, *size)
    goal = convert_format(boxes, box_format, encoding_format, *size)
    sizes = [jnp.maximum(b[..., 2:], EPSILON) for b in (start, goal)]
    start, anchor_size = jnp.broadcast_to(start, goal.shape), jnp.broadcast_to(sizes[0], sizes[1].shape)
    offsets = [(goal[..., :2] - start[..., :2]) / anchor_size, jnp.log(sizes[1] / anchor_size)]
    return jnp.concatenate(offsets, axis=-1) / jnp.broadcast_to(spread, goal.shape)


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Sequence[int] | None = None,
) -> Any:
    """The boxes that offsets from anchors stand for; the inverse of :func:`encode_box_to_deltas`.

    Args:
        anchors: array ``[boxes, 4]``, or a dict of them by level.
        boxes_delta: offsets ``[boxes, 4]`` or ``[batch, boxes, 4]``, or a dict of them by level.
        anchor_format: format of the anchors.
        box_format: format wanted.
        encoded_format: ``'center_xywh'`` or ``'center_yxhw'``: order of the offsets.
        variance: four numbers that the offsets are multiplied by, or None.
        image_shape: (rows, columns, channels), for relative formats.

    Raises:
        ValueError: another encoding, or a variance of another length.
    """
    if isinstance(anchors, Mapping):
        given = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {level: decode_deltas_to_boxes(anchors[level], boxes_delta[level], *given) for level in anchors}
    size = _size_of(image_shape, anchor_format + box_format)
    spread = _variance(variance, encoded_format)
    start = convert_format(anchors, anchor_format, encoded_format, *size)
    deltas = jnp.asarray(boxes_delta, start.dtype)
    deltas = deltas * jnp.broadcast_to(spread, deltas.shape)
    start = jnp.broadcast_to(start, deltas.shape)
    centre = deltas[..., :2] * start[..., 2:] + start[..., :2]
    boxes = jnp.concatenate([centre, jnp.exp(deltas[..., 2:]) * start[..., 2:]], axis=-1)
    return convert_format(boxes, encoded_format, box_format, *size)


def _variance(variance: Any, encoding: str) -> Array:
    if encoding not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"offsets are encoded as 'center_xywh' or 'center_yxhw', received {encoding!r}")
    spread = jnp.ones(4, jnp.float32) if variance is None else jnp.asarray(variance, jnp.float32)
    if spread.shape != (4,):
        raise ValueError(f"`variance` must be four numbers, received shape {spread.shape}")
    return spread

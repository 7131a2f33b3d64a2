"""`tf.image` for object detection: boxes that overlap, cut out of pictures, drawn into them."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.legacy.tensorflow.door import define, shape_of, sized_by_values
from kjax.keras.legacy.tensorflow.tensor import Sizes, Tensor, unwrap, wrap

CombinedNonMaxSuppression = namedtuple(
    "CombinedNonMaxSuppression", ["nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections"]
)


def _overlaps(boxes: Any) -> Any:
    """Intersection over union of all pairs of boxes (y1, x1, y2, x2), in whatever order their corners come."""
    low, high = jnp.minimum(boxes[:, :2], boxes[:, 2:]), jnp.maximum(boxes[:, :2], boxes[:, 2:])
    sides = jnp.maximum(jnp.minimum(high[:, None], high[None]) - jnp.maximum(low[:, None], low[None]), 0)
    common, areas = jnp.prod(sides, -1), jnp.prod(high - low, -1)
    union = areas[:, None] + areas[None] - common
    return jnp.where(union > 0, common / jnp.where(union > 0, union, 1), 0)


def _choose(boxes: Any, scores: Any, number: int, iou_threshold: Any, score_threshold: Any, sigma: Any) -> Any:
    """Take the best box again and again; those that overlap it go, or (``sigma`` > 0) lose of their score.

    Returns:
        Numbers of the boxes (-1 behind the last), their scores, and how many there are.
    """
    overlaps = _overlaps(boxes)

    def step(left: Any, _: Any) -> Any:
        best = jnp.argmax(left)
        score = left[best]
        taken = score > jnp.maximum(score_threshold, -jnp.inf)
        near = overlaps[best]
        soft = left * jnp.exp(-0.5 * near**2 / jnp.where(sigma > 0, sigma, 1))
        lowered = jnp.where(sigma > 0, soft, jnp.where(near > iou_threshold, -jnp.inf, left))
        left = jnp.where(taken, lowered.at[best].set(-jnp.inf), left)
        return left, (jnp.where(taken, best, -1), jnp.where(taken, score, 0.0), taken)

    _, (chosen, kept, taken) = jax.lax.scan(step, scores, None, length=number)
    return chosen, kept, jnp.sum(taken)


def _as_arrays(boxes: Any, scores: Any) -> tuple[Any, Any]:
    return jnp.asarray(unwrap(boxes), jnp.float32), jnp.asarray(unwrap(scores), jnp.float32)


def non_max_suppression(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: float = 0.5, score_threshold: float = float("-inf"),
    name: str | None = None,
) -> Any:  # fmt: skip
    """``tf.image.non_max_suppression``: the numbers of the best boxes that do not overlap."""
    return non_max_suppression_with_scores(boxes, scores, max_output_size, iou_threshold, score_threshold)[0]


def non_max_suppression_with_scores(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: float = 0.5, score_threshold: float = float("-inf"),
    soft_nms_sigma: float = 0.0, name: str | None = None,
) -> Any:  # fmt: skip
    """``tf.image.non_max_suppression_with_scores``: the numbers of the best boxes, and their scores."""
    boxes, scores = _as_arrays(boxes, scores)
    number = min(int(unwrap(max_output_size)), boxes.shape[0])
    chosen, kept, count = _choose(boxes, scores, number, iou_threshold, score_threshold, soft_nms_sigma)
    count = int(count)  # while a function is traced there is no such number, and it runs step by step
    return wrap(chosen[:count].astype(jnp.int32)), wrap(kept[:count])


non_max_suppression = sized_by_values(non_max_suppression, lambda *a, **k: [((None,), "int32")], "non_max_suppression")
non_max_suppression_with_scores = sized_by_values(
    non_max_suppression_with_scores, lambda *a, **k: [((None,), "int32"), ((None,), "float32")], "non_max_suppression"
)


def non_max_suppression_padded(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: float = 0.5, score_threshold: float = float("-inf"),
    pad_to_max_output_size: bool = False, name: str | None = None, **options: Any,
) -> Any:  # fmt: skip
    """``tf.image.non_max_suppression_padded``: as many numbers as were asked for, and how many of them are boxes."""
    boxes, scores = _as_arrays(boxes, scores)
    number = int(unwrap(max_output_size))
    chosen, _, count = _choose(boxes, scores, min(number, boxes.shape[0]), iou_threshold, score_threshold, 0.0)
    chosen = jnp.pad(jnp.maximum(chosen, 0), (0, number - len(chosen))).astype(jnp.int32)
    return wrap(chosen if pad_to_max_output_size else chosen[: int(count)]), wrap(count.astype(jnp.int32))


@define
def combined_non_max_suppression(
    boxes: Any, scores: Any, max_output_size_per_class: Any, max_total_size: Any, iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"), pad_per_class: bool = False, clip_boxes: bool = True,
) -> Any:  # fmt: skip
    boxes, scores = jnp.asarray(boxes, jnp.float32), jnp.asarray(scores, jnp.float32)
    classes, per_class, total = scores.shape[-1], int(max_output_size_per_class), int(max_total_size)
    per_class = min(per_class, boxes.shape[1])

    def one(own: Any, marks: Any) -> Any:
        def of_class(index: Any) -> Any:
            mine = own[:, jnp.where(own.shape[1] > 1, index, 0)]
            chosen, kept, _ = _choose(mine, marks[:, index], per_class, iou_threshold, score_threshold, 0.0)
            return mine[jnp.maximum(chosen, 0)], jnp.where(chosen < 0, -jnp.inf, kept)

        found, kept = jax.vmap(of_class)(jnp.arange(classes))
        labels = jnp.repeat(jnp.arange(classes, dtype=jnp.float32), per_class)
        best, places = jax.lax.top_k(kept.reshape(-1), min(total, classes * per_class))
        valid = best > -jnp.inf
        found = jnp.where(valid[:, None], found.reshape(-1, 4)[places], 0)
        found = jnp.clip(found, 0, 1) if clip_boxes else found
        rest = max(total if not pad_per_class else min(total, classes * per_class), len(best)) - len(best)
        return (
            jnp.pad(found, ((0, rest), (0, 0))),
            jnp.pad(jnp.where(valid, best, 0), (0, rest)),
            jnp.pad(jnp.where(valid, labels[places], 0), (0, rest)),
            jnp.sum(valid, dtype=jnp.int32),
        )

    return CombinedNonMaxSuppression(*jax.vmap(one)(boxes, scores))


@define
def crop_and_resize(
    image: Any, boxes: Any, box_indices: Any, crop_size: Any, method: str = "bilinear", extrapolation_value: float = 0.0
) -> Any:
    rows, columns = shape_of(crop_size)
    image, boxes = jnp.asarray(image, jnp.float32), jnp.asarray(boxes, jnp.float32)
    height, width = image.shape[1:3]

    def places(low: Any, high: Any, size: int, count: int) -> Any:
        last = size - 1
        if count == 1:
            return 0.5 * (low + high)[None] * last
        return low * last + jnp.arange(count) * (high - low) * last / (count - 1)

    def one(box: Any, index: Any) -> Any:
        y, x = places(box[0], box[2], height, rows), places(box[1], box[3], width, columns)
        order = 0 if method == "nearest" else 1
        grid = jnp.meshgrid(y, x, indexing="ij")
        each = jax.vmap(
            lambda plane: jax.scipy.ndimage.map_coordinates(plane, grid, order, mode="nearest"), in_axes=-1, out_axes=-1
        )(image[index])
        inside = ((y >= 0) & (y <= height - 1))[:, None] & ((x >= 0) & (x <= width - 1))[None]
        return jnp.where(inside[..., None], each, extrapolation_value)

    return jax.vmap(one)(boxes, jnp.asarray(box_indices, jnp.int32))


@define
def draw_bounding_boxes(images: Any, boxes: Any, colors: Any = None) -> Any:
    images, boxes = jnp.asarray(images), jnp.asarray(boxes, jnp.float32)
    height, width, depth = images.shape[1:]
    palette = jnp.asarray([[1.0, 0.0, 0.0, 1.0]] if colors is None else colors, jnp.float32)
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None]

    def one(image: Any, own: Any) -> Any:
        for number in range(own.shape[0]):
            top, left, bottom, right = own[number]
            y1, y2 = jnp.trunc(top * (height - 1)), jnp.trunc(bottom * (height - 1))
            x1, x2 = jnp.trunc(left * (width - 1)), jnp.trunc(right * (width - 1))
            inside = (rows >= y1) & (rows <= y2) & (columns >= x1) & (columns <= x2)
            edge = (rows == y1) | (rows == y2) | (columns == x1) | (columns == x2)
            colour = palette[number % len(palette)][:depth]
            colour = jnp.pad(colour, (0, depth - len(colour)), constant_values=1.0)
            image = jnp.where((inside & edge)[..., None], colour.astype(image.dtype), image)
        return image

    return jax.vmap(one)(images, boxes)


def non_max_suppression_overlaps(
    overlaps: Any, scores: Any, max_output_size: Any, overlap_threshold: float = 0.5,
    score_threshold: float = float("-inf"), name: str | None = None,
) -> Any:  # fmt: skip
    """``tf.image.non_max_suppression_overlaps``: as :func:`non_max_suppression`, with the overlaps of all pairs given."""
    shares, marks = _as_arrays(overlaps, scores)
    chosen: list[int] = []
    for index in jnp.argsort(-marks).tolist():
        if float(marks[index]) <= score_threshold or len(chosen) >= int(unwrap(max_output_size)):
            break
        if all(float(shares[index, other]) <= overlap_threshold for other in chosen):
            chosen.append(index)
    return Tensor(jnp.asarray(chosen, jnp.int32))


def is_jpeg(contents: Any, name: str | None = None) -> Any:
    """``tf.io.is_jpeg``: whether a file begins as a JPEG picture does."""
    return Tensor(jnp.asarray(bytes(_bytes(contents)[:3]) == b"\xff\xd8\xff"))


def extract_jpeg_shape(contents: Any, output_type: Any = "int32", name: str | None = None) -> Any:
    """``tf.io.extract_jpeg_shape``: height, width and channels of a picture in a file."""
    import io

    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(_bytes(contents))) as picture:
        shape = (picture.height, picture.width, len(picture.getbands()))
    return np.asarray(shape, np.int32).view(Sizes)


def _bytes(contents: Any) -> bytes:
    found = unwrap(contents)
    return found.item() if hasattr(found, "item") else found

"""Bounding boxes against real Keras 3."""

from __future__ import annotations

import itertools
from types import ModuleType

import numpy as np
import pytest

from kjax.nn import boxes

rng = np.random.default_rng(0)
CORNERS = np.sort(rng.uniform(0, 60, (2, 5, 2, 2)), axis=2).reshape(2, 5, 4).astype("float32")  # x1 y1 x2 y2
OTHERS = np.sort(rng.uniform(0, 60, (2, 3, 2, 2)), axis=2).reshape(2, 3, 4).astype("float32")
SIZE = {"height": 48, "width": 64}


def close(got: object, want: object) -> None:
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=2e-5, atol=2e-5)


def test_every_format_into_every_other(keras3: ModuleType) -> None:
    oracle = keras3.utils.bounding_boxes
    for source, target in itertools.product(boxes.FORMATS, repeat=2):
        start = oracle.convert_format(CORNERS, "xyxy", source, **SIZE)
        close(boxes.convert_format(start, source, target, **SIZE), oracle.convert_format(start, source, target, **SIZE))


def test_clip_crop_and_pad(keras3: ModuleType) -> None:
    oracle = keras3.utils.bounding_boxes
    wild = {"boxes": CORNERS * 2 - 30, "labels": np.arange(10).reshape(2, 5)}
    for form, size in (("xyxy", SIZE), ("rel_xyxy", {})):
        got = boxes.clip_to_image_size(wild, **size, bounding_box_format=form)
        want = oracle.clip_to_image_size(wild, **size, bounding_box_format=form)
        close(got["boxes"], want["boxes"])
        np.testing.assert_array_equal(got["labels"], want["labels"])
        assert (np.asarray(got["labels"]) == -1).any()
    close(boxes.crop(CORNERS, 10, 5, 20, 30), oracle.crop(CORNERS, 10, 5, 20, 30))
    close(boxes.pad(CORNERS, 10, 5), oracle.pad(CORNERS, 10, 5))


def test_affine_transform(keras3: ModuleType) -> None:
    vectors = [np.array(v, "float32") for v in ([20, -35], [0.1, -0.2], [0, 0.3], [1.3, 0.7], [5, -8], [0, 12])]
    want = keras3.utils.bounding_boxes.affine_transform(CORNERS, *vectors, **SIZE)
    close(boxes.affine_transform(CORNERS, *vectors, **SIZE), want)


@pytest.mark.parametrize("batched", [True, False])
def test_overlaps(keras3: ModuleType, batched: bool) -> None:
    oracle = keras3.utils.bounding_boxes
    first, second = (CORNERS, OTHERS) if batched else (CORNERS[0], OTHERS[0])
    close(boxes.compute_iou(first, second, "xyxy"), oracle.compute_iou(first, second, "xyxy"))
    same = first[..., ::-1, :] + 1
    close(boxes.compute_ciou(first, same, "xywh"), oracle.compute_ciou(first, same, "xywh"))
    assert boxes.compute_iou(CORNERS, OTHERS[0], "xyxy").shape == (2, 5, 3)


def test_masked_overlaps(keras3: ModuleType) -> None:
    hidden = np.concatenate([CORNERS[:, :4], np.full((2, 1, 4), -1, "float32")], axis=1)
    want = keras3.utils.bounding_boxes.compute_iou(hidden, hidden, "xyxy", use_masking=True)
    got = boxes.compute_iou(hidden, hidden, "xyxy", use_masking=True)
    close(got, want)
    assert (np.asarray(got) == -1).sum() == 2 * 9


@pytest.mark.parametrize("encoding", ["center_xywh", "center_yxhw"])
@pytest.mark.parametrize("variance", [None, [0.1, 0.1, 0.2, 0.2]], ids=["plain", "variance"])
def test_offsets_from_anchors(keras3: ModuleType, encoding: str, variance: list[float] | None) -> None:
    oracle = keras3.utils.bounding_boxes
    anchors, targets = CORNERS[0], CORNERS + np.float32(2)
    want = oracle.encode_box_to_deltas(anchors, targets, "xyxy", "xyxy", encoding, variance)
    got = boxes.encode_box_to_deltas(anchors, targets, "xyxy", "xyxy", encoding, variance)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    back = boxes.decode_deltas_to_boxes(anchors, got, "xyxy", "xywh", encoding, variance)
    close(back, oracle.decode_deltas_to_boxes(anchors, want, "xyxy", "xywh", encoding, variance))
    levels = boxes.decode_deltas_to_boxes({"p3": anchors}, {"p3": got}, "xyxy", "xywh", encoding, variance)
    close(levels["p3"], back)


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="`source` must be one of xyxy"):
        boxes.convert_format(CORNERS, "corners", "xyxy")
    with pytest.raises(ValueError, match="both `height` and `width` are needed"):
        boxes.convert_format(CORNERS, "xyxy", "rel_xyxy")
    with pytest.raises(ValueError, match="4 numbers on the last axis"):
        boxes.convert_format(CORNERS[..., :3], "xyxy", "xywh")
    with pytest.raises(ValueError, match="four numbers"):
        boxes.encode_box_to_deltas(CORNERS[0], CORNERS[0], "xyxy", "xyxy", variance=[1, 2])
    with pytest.raises(NotImplementedError, match="crop: `bounding_box_format` must be 'xyxy', received 'xywh'"):
        boxes.crop(CORNERS, 1, 1, 2, 2, "xywh")
    with pytest.raises(NotImplementedError, match="'xyxy' or 'rel_xyxy'"):
        boxes.clip_to_image_size({"boxes": CORNERS}, 2, 2, "yxyx")
    with pytest.raises(ValueError, match="must be one of"):
        boxes.pad(CORNERS, 1, 1, bounding_box_format="corners")
    with pytest.raises(ValueError, match="`image_shape` is needed"):
        boxes.compute_iou(CORNERS, OTHERS, "rel_xyxy")

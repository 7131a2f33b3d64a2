"""Boxes and masks drawn on pictures, and galleries, against real Keras 3."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kjax.keras import visualization

pytest.importorskip("cv2", reason="OpenCV draws; it comes with kjax[plot]")
pyplot: Any = pytest.importorskip("matplotlib.pyplot", reason="Matplotlib draws; it comes with kjax[plot]")

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 60, 80, 3)).astype("uint8")
BOXES = {
    "boxes": np.array(
        [[[5, 30, 40, 55], [0, 0, 79, 59]], [[10, 2, 30, 20], [1, 1, 2, 2]], [[50.7, 20, 95, 70], [3, 4, 5, 6]]],
        "float32",
    ),
    "labels": np.array([[0, 1], [2, -1], [1, 7]]),
}
SCORED = BOXES | {"confidences": np.array([[0.25, 0.5], [0.125, 0], [1, 0.7]])}
NAMES = {0: "cat", 1: "dog", 2: "bird"}
MASKS = RNG.integers(0, 4, (3, 60, 80, 1))


@pytest.fixture(autouse=True)
def _no_window(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(pyplot, "show", lambda: None)
    yield
    pyplot.close("all")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"color": (255, 0, 10), "line_thickness": 3, "class_mapping": NAMES},
        {"class_mapping": NAMES, "font_scale": 0.5, "text_thickness": None, "line_thickness": 1},
    ],
)
def test_boxes_are_drawn_as_by_keras(keras3: ModuleType, arguments: dict[str, Any]) -> None:
    for images in (IMAGES, IMAGES.astype("float32") * 1.2, IMAGES / np.float32(255)):
        for boxes in (BOXES, SCORED):
            want = keras3.visualization.draw_bounding_boxes(images, dict(boxes), "xyxy", **arguments)
            got = visualization.draw_bounding_boxes(images, boxes, "xyxy", **arguments)
            assert got.dtype == "uint8"
            np.testing.assert_array_equal(got, want)
    shares = BOXES | {"boxes": BOXES["boxes"] / np.array([80, 60, 80, 60], "float32")}
    np.testing.assert_array_equal(
        visualization.draw_bounding_boxes(IMAGES, shares, "rel_xyxy", **arguments),
        keras3.visualization.draw_bounding_boxes(IMAGES, dict(shares), "rel_xyxy", **arguments),
    )


def test_boxes_on_images_with_channels_first() -> None:
    first = visualization.draw_bounding_boxes(
        IMAGES.transpose(0, 3, 1, 2), BOXES, "xyxy", class_mapping=NAMES, data_format="channels_first"
    )
    last = visualization.draw_bounding_boxes(IMAGES, BOXES, "xyxy", class_mapping=NAMES)
    np.testing.assert_array_equal(first, last.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"num_classes": 4, "alpha": 0.3},
        {"num_classes": 4, "ignore_index": 0},
        {"num_classes": 3, "color_mapping": {0: (1, 2, 3), 1: (255, 0, 0), 2: [0, 255, 7]}},
        {"num_classes": 4, "blend": False},
    ],
)
def test_masks_are_drawn_as_by_keras(keras3: ModuleType, arguments: dict[str, Any]) -> None:
    want = keras3.visualization.draw_segmentation_masks(IMAGES, MASKS, **arguments)
    got = visualization.draw_segmentation_masks(IMAGES, MASKS, **arguments)
    np.testing.assert_array_equal(got, np.asarray(want))
    assert got.dtype == np.asarray(want).dtype
    np.testing.assert_array_equal(visualization.draw_segmentation_masks(IMAGES, MASKS[..., 0], **arguments), got)
    first = visualization.draw_segmentation_masks(
        IMAGES.transpose(0, 3, 1, 2), MASKS.transpose(0, 3, 1, 2), data_format="channels_first", **arguments
    )
    np.testing.assert_array_equal(first, got)


def test_colours_from_class_one() -> None:
    colours = {1: (255, 0, 0), 2: (0, 255, 0), 3: (0, 0, 255)}
    got = visualization.draw_segmentation_masks(IMAGES, MASKS, 3, colours, alpha=1.0)
    for number in range(1, 4):
        assert np.all(got[MASKS[..., 0] == number] == colours[number])
    np.testing.assert_array_equal(got[MASKS[..., 0] == 0], IMAGES[MASKS[..., 0] == 0])


def test_bad_drawings() -> None:
    boxes, masks = visualization.draw_bounding_boxes, visualization.draw_segmentation_masks
    for call, kind, message in [
        (lambda: boxes(IMAGES[0], BOXES, "xyxy"), ValueError, "4 axes"),
        (lambda: boxes(IMAGES, [1], "xyxy"), TypeError, "dict"),
        (lambda: boxes(IMAGES, {"boxes": 1}, "xyxy"), ValueError, "'labels'"),
        (lambda: boxes(IMAGES[:2], BOXES, "xyxy"), ValueError, "2 images"),
        (lambda: boxes(IMAGES, BOXES, "corners"), ValueError, "xyxy"),
        (lambda: masks(IMAGES, MASKS * 1.0), TypeError, "integers"),
        (lambda: masks(IMAGES, MASKS[:, 1:]), ValueError, "one number for each pixel"),
        (lambda: masks(IMAGES, MASKS, 4, {0: (0, 0, 0), 2: (1, 1, 1)}), ValueError, r"classes \[1, 3\]"),
    ]:
        with pytest.raises(kind, match=message):
            call()


@pytest.mark.parametrize("missing", ["cv2", "matplotlib"])
def test_what_is_not_installed(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"kjax\[plot\]"):
        visualization.plot_bounding_box_gallery(IMAGES, "xyxy", BOXES)


# -- galleries --------------------------------------------------------------------------------------------------------


def pixels(module: Any, path: Path, name: str, *arguments: Any, **named: Any) -> np.ndarray:
    getattr(module, name)(*arguments, path=str(path), **named)
    return pyplot.imread(path)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("plot_image_gallery", {"rows": 1, "cols": 3, "scale": 1}),
        (
            "plot_image_gallery",
            {"rows": 3, "cols": 1, "y_true": [0, 1, 9], "y_pred": np.array([1, 1, 0]), "label_map": NAMES},
        ),
        (
            "plot_bounding_box_gallery",
            {"y_true": BOXES, "y_pred": SCORED, "class_mapping": NAMES, "legend": True, "rows": 1, "cols": 3},
        ),
        ("plot_segmentation_mask_gallery", {"num_classes": 4, "y_true": MASKS, "y_pred": 3 - MASKS, "scale": 1}),
    ],
)
def test_galleries_are_those_of_keras(keras3: ModuleType, name: str, arguments: dict[str, Any], tmp_path: Path) -> None:
    first = ("xyxy",) if "bounding" in name else ()
    want = pixels(keras3.visualization, tmp_path / "theirs.png", name, IMAGES, *first, **arguments)
    got = pixels(visualization, tmp_path / "ours.png", name, IMAGES, *first, **arguments)
    np.testing.assert_array_equal(got, want)


def test_galleries_of_images_in_other_forms(tmp_path: Path) -> None:
    """The same pictures whatever the range of the values and the place of the channels."""
    shares = IMAGES / np.float32(255)
    given: Any
    for name, given in [
        ("plot_image_gallery", {}),
        ("plot_bounding_box_gallery", {"bounding_box_format": "xyxy", "y_true": BOXES}),
        ("plot_segmentation_mask_gallery", {"num_classes": 4, "y_true": MASKS[..., 0], "ignore_index": 0}),
    ]:
        want = pixels(visualization, tmp_path / "a.png", name, IMAGES, scale=1, **given)
        got = pixels(visualization, tmp_path / "b.png", name, shares, value_range=(0, 1), scale=1, **given)
        assert np.abs(got - want).max() < 2 / 255, "values are cut to whole numbers"
        first = IMAGES.transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(
            pixels(visualization, tmp_path / "c.png", name, first, data_format="channels_first", scale=1, **given), want
        )


def test_every_image_has_its_place() -> None:
    for count, given, shape in [(5, {}, (3, 2)), (5, {"cols": 4}, (2, 4)), (5, {"rows": 1}, (1, 5)), (1, {}, (1, 1))]:
        visualization.plot_image_gallery(np.zeros((count, 4, 4, 1)), show=False, **given)
        figure = pyplot.gcf()
        assert (len(figure.axes)) == shape[0] * shape[1]
        assert sum(bool(place.images) for place in figure.axes) == count
        pyplot.close(figure)


def test_bad_galleries(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path"):
        visualization.plot_image_gallery(IMAGES, path=tmp_path / "a.png", show=True)
    with pytest.raises(ValueError, match="label_map"):
        visualization.plot_image_gallery(IMAGES, y_true=[0, 1, 2])
    with pytest.raises(ValueError, match="4 axes"):
        visualization.plot_image_gallery(IMAGES[0])
    with pytest.raises(ValueError, match="not both"):
        visualization.plot_bounding_box_gallery(IMAGES, "xyxy", BOXES, legend=True, legend_handles=[1])

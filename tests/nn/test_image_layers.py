"""Layers on pictures, driven with the random parameters that real Keras 3 drew: images, boxes, labels and masks."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import layers

L: Any = layers
RNG = np.random.default_rng(0)
IMAGES = (RNG.random((3, 8, 10, 3)) * 255).astype("float32")
MASKS = RNG.integers(0, 4, (3, 8, 10, 1)).astype("uint8")
LABELS = np.eye(4, dtype="float32")[[0, 2, 3]]
BOXES = {
    "boxes": np.array(
        [[[1, 1, 5, 6], [6, 2, 9, 7]], [[0, 0, 10, 8], [3, 3, 4, 4]], [[2, 5, 7, 8], [8, 0, 10, 3]]], "float32"
    ),
    "labels": np.array([[0, 1], [2, 3], [1, 1]], "int32"),
}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("RandomFlip", {"mode": "horizontal"}),
    ("RandomFlip", {"mode": "vertical"}),
    ("RandomFlip", {}),
    ("RandomTranslation", {"height_factor": 0.4, "width_factor": (-0.3, 0.1)}),
    ("RandomTranslation", {"height_factor": 0.4, "width_factor": 0.3, "fill_mode": "constant", "fill_value": 9.0}),
    ("RandomTranslation", {"height_factor": 0.9, "width_factor": 0.9, "fill_mode": "wrap", "interpolation": "nearest"}),
    ("RandomRotation", {"factor": 0.3}),
    ("RandomRotation", {"factor": (-0.1, 0.5), "fill_mode": "nearest", "interpolation": "nearest"}),
    ("RandomZoom", {"height_factor": (-0.4, 0.5)}),
    ("RandomZoom", {"height_factor": 0.3, "width_factor": (0.1, 0.2), "fill_mode": "constant"}),
    ("RandomShear", {"x_factor": 0.4, "y_factor": (0.1, 0.3)}),
    ("RandomPerspective", {"factor": 0.7, "scale": 0.5}),
    ("RandomGaussianBlur", {"factor": 0.7, "kernel_size": 5, "sigma": (0.3, 1.0)}),
    ("RandomContrast", {"factor": (0.4, 0.9)}),
    ("RandomBrightness", {"factor": 0.4}),
    ("RandomHue", {"factor": 0.8}),
    ("RandomSaturation", {"factor": (0.2, 0.9)}),
    ("RandomSharpness", {"factor": (0.0, 1.0)}),
    ("RandomGrayscale", {"factor": 0.5}),
    ("RandomInvert", {"factor": 0.5}),
    ("RandomPosterization", {"factor": (2, 7)}),
    ("RandomColorDegeneration", {"factor": (0.1, 0.9)}),
    ("RandomErasing", {"factor": 0.8, "fill_value": 2.0}),
    ("RandomErasing", {"factor": 0.8}),
    ("AutoContrast", {}),
    ("Equalization", {}),
    ("Solarization", {"addition_factor": 0.3, "threshold_factor": (0.2, 0.8)}),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (3, 4)}),
    ("CutMix", {}),
    ("MixUp", {"alpha": 0.6}),
    ("RandAugment", {"factor": 0.4}),
    ("AugMix", {}),
    ("Resizing", {"height": 5, "width": 7}),
    ("Resizing", {"height": 9, "width": 6, "crop_to_aspect_ratio": True, "interpolation": "nearest"}),
    ("Resizing", {"height": 9, "width": 6, "pad_to_aspect_ratio": True, "fill_value": 3.0}),
    ("CenterCrop", {"height": 5, "width": 6}),
    ("CenterCrop", {"height": 12, "width": 9}),
    ("RandomCrop", {"height": 5, "width": 6}),
]
WITHOUT_BOXES = ("CutMix", "MixUp", "RandomCrop", "ContrastLimitedAdaptiveHistogramEqualization")
"""Keras has none, or ours are not Keras', for the reasons given in their descriptions."""
WITHOUT_MASKS = ("AugMix", "MixUp", "CutMix", "CenterCrop", "ContrastLimitedAdaptiveHistogramEqualization")
"""Likewise: Keras mixes numbers of classes, gives a mask as many channels as the image, or has none."""


def name_of(case: tuple[str, dict[str, Any]]) -> str:
    return f"{case[0]}({', '.join(f'{k}={v}' for k, v in case[1].items())})"


def drawn_by(oracle: Any) -> Any:
    """Random parameters that the real layer draws, as NumPy arrays."""
    data = IMAGES if type(oracle).__name__ == "RandomGrayscale" else {"images": IMAGES}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)  # MixUp asks for int64
        return arrays(oracle.get_random_transformation(data, training=True))


def arrays(tree: Any) -> Any:
    """The same with NumPy arrays; the order of dicts, which RandAugment counts by, stays."""
    if isinstance(tree, dict):
        return {key: arrays(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(arrays(value) for value in tree)
    return np.asarray(tree) if hasattr(tree, "dtype") else tree


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_with_the_parameters_of_keras(keras3: ModuleType, case: tuple[str, dict[str, Any]]) -> None:
    name, arguments = case
    keras3.utils.set_random_seed(5)
    oracle = getattr(keras3.layers, name)(**arguments, bounding_box_format="xyxy")
    module = getattr(L, name)(**arguments, bounding_box_format="xyxy")
    drawn = drawn_by(oracle)
    got = jax.jit(lambda x: module.transform_images(x, drawn))(IMAGES)
    want = np.asarray(oracle.transform_images(jnp.asarray(IMAGES), drawn))
    assert got.shape == want.shape and got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-2 if name in ("RandAugment", "AugMix") else 2e-3)
    if name not in ("RandomGrayscale", "ContrastLimitedAdaptiveHistogramEqualization"):
        np.testing.assert_allclose(
            module.transform_labels(LABELS, drawn), oracle.transform_labels(jnp.asarray(LABELS), drawn), rtol=1e-5
        )
    if name not in WITHOUT_BOXES:
        given = {key: jnp.asarray(value) for key, value in BOXES.items()}
        wanted = oracle.transform_bounding_boxes(dict(given), transformation=drawn)
        boxes = module.transform_bounding_boxes(given, drawn)
        np.testing.assert_allclose(boxes["boxes"], wanted["boxes"], rtol=1e-4, atol=1e-3)
        np.testing.assert_array_equal(boxes["labels"], wanted["labels"])
    if name not in WITHOUT_MASKS:
        masks = module.transform_segmentation_masks(MASKS, drawn)
        assert masks.dtype == MASKS.dtype
        wanted = np.asarray(oracle.transform_segmentation_masks(jnp.asarray(MASKS), drawn))
        np.testing.assert_array_equal(masks, wanted)

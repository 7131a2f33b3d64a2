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


ACTING = [(name, arguments) for name, arguments in CASES if name not in ("Resizing", "CenterCrop", "RandomCrop")]
MORE = [
    ("RandomElasticTransform", {}),
    (
        "RandomColorJitter",
        {"brightness_factor": 0.3, "contrast_factor": 0.5, "saturation_factor": 0.4, "hue_factor": 0.3},
    ),
]
ALWAYS = ("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization")
WITHOUT_CHANCE = (*ALWAYS, "Equalization")


@pytest.mark.parametrize("case", [ACTING[i] for i in (0, 3, 6, 11, 12, 15, 22, 28, 29, 30, 31)] + MORE, ids=name_of)
def test_inside_a_compiled_step(case: tuple[str, dict[str, Any]]) -> None:
    """Determined by the key; both data formats and single images agree; nothing happens outside training."""
    name, arguments = case
    module = getattr(L, name)(**arguments)
    first = getattr(L, name)(**arguments, data_format="channels_first")

    @jax.jit
    def run(x: Any, y: Any, key: Any) -> Any:
        rngs = {"dropout": key}
        return module.apply({}, x, training=True, rngs=rngs), first.apply({}, y, training=True, rngs=rngs)

    last_out, first_out = run(IMAGES, IMAGES.transpose(0, 3, 1, 2), jax.random.key(0))
    np.testing.assert_allclose(last_out, first_out.transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-2)
    again, _ = run(IMAGES, IMAGES.transpose(0, 3, 1, 2), jax.random.key(0))
    np.testing.assert_array_equal(last_out, again)
    other, _ = run(IMAGES, IMAGES.transpose(0, 3, 1, 2), jax.random.key(1))
    assert np.isfinite(last_out).all() and np.abs(last_out - IMAGES).max() > 0.5
    assert not np.array_equal(last_out, other)
    np.testing.assert_array_equal(module.apply({}, jnp.asarray(IMAGES)), IMAGES)
    if name in ("RandAugment", "AugMix"):  # outside of a program they run the chosen changes alone
        alone = module.apply({}, jnp.asarray(IMAGES), training=True, rngs={"dropout": jax.random.key(0)})
        # A value at the edge of a step (posterization, solarization) may fall on its other side.
        assert np.mean(np.abs(alone - last_out) > 1e-2) < 0.01
    if name not in ("CutMix", "MixUp"):
        one = module.apply({}, jnp.asarray(IMAGES[0]), training=True, rngs={"dropout": jax.random.key(0)})
        assert one.shape == IMAGES[0].shape


def test_images_of_a_batch_are_changed_independently() -> None:
    same = np.repeat(IMAGES[:1], 64, axis=0)
    for module in (
        L.RandomRotation(0.2),
        L.RandomBrightness(0.5),
        L.RandomGaussianBlur((1.0, 1.0), sigma=(0.5, 1.0)),
        L.RandomErasing((1.0, 1.0)),
    ):
        changed = np.asarray(module.apply({}, jnp.asarray(same), training=True, rngs={"dropout": jax.random.key(3)}))
        assert len({image.tobytes() for image in changed}) > 60, type(module).__name__


@pytest.mark.parametrize(
    ("module", "mean"),
    [
        (L.RandomGrayscale(0.3), 0.3),
        (L.RandomInvert((0.2, 0.6)), 0.4),
        (L.RandomErasing((0.25, 0.25), fill_value=7.0), 0.25),
    ],
)
def test_how_often_images_are_changed(module: Any, mean: float) -> None:
    count = 4000
    same = jnp.asarray(np.repeat(IMAGES[:1, :3, :3], count, axis=0))
    changed = module.apply({}, same, training=True, rngs={"dropout": jax.random.key(4)})
    share = float(jnp.mean(jnp.any(jnp.abs(changed - same) > 1e-3, axis=(1, 2, 3))))
    # A window of a 3 by 3 image may hold no pixel's centre.
    slack = 0.15 if isinstance(module, L.RandomErasing) else 0.0
    assert mean - slack - 4 * (mean * (1 - mean) / count) ** 0.5 < share < mean + 4 * (mean * (1 - mean) / count) ** 0.5


def test_what_belongs_to_images_comes_along() -> None:
    data = {"images": IMAGES, "labels": LABELS, "bounding_boxes": BOXES, "segmentation_masks": MASKS}
    module = L.RandomFlip("horizontal", bounding_box_format="xyxy")
    # A key for which some images are mirrored and others are not.
    out = module.apply({}, data, training=True, rngs={"dropout": jax.random.key(0)})
    flipped = np.any(np.asarray(out["images"]) != IMAGES, axis=(1, 2, 3))
    assert 0 < flipped.sum() < 3
    np.testing.assert_array_equal(
        out["segmentation_masks"], np.where(flipped[:, None, None, None], MASKS[:, :, ::-1], MASKS)
    )
    x1 = np.where(flipped[:, None], 10 - BOXES["boxes"][..., 2], BOXES["boxes"][..., 0])
    np.testing.assert_allclose(out["bounding_boxes"]["boxes"][..., 0], x1)
    np.testing.assert_array_equal(out["labels"], LABELS)
    mixed = L.MixUp(0.5).apply(
        {}, {"images": IMAGES, "labels": LABELS}, training=True, rngs={"dropout": jax.random.key(1)}
    )
    np.testing.assert_allclose(np.sum(mixed["labels"], axis=1), 1.0, rtol=1e-6)
    single = jax.tree.map(lambda leaf: leaf[0], data)
    one = module.apply({}, single, training=True, rngs={"dropout": jax.random.key(1)})
    assert one["bounding_boxes"]["boxes"].shape == (2, 4) and one["images"].shape == IMAGES.shape[1:]


def test_whole_numbers_stay_whole_numbers(keras3: ModuleType) -> None:
    pixels = RNG.integers(0, 256, (2, 8, 10, 3)).astype("uint8")
    for interpolation in ("bilinear", "bicubic", "lanczos3"):
        want = np.asarray(keras3.layers.Resizing(5, 13, interpolation)(pixels))
        got = np.asarray(L.Resizing(5, 13, interpolation).apply({}, pixels))
        assert got.dtype == want.dtype == np.uint8
        # A value in the middle between two numbers may go either way.
        assert np.abs(got.astype(int) - want).max() <= 1 and np.mean(got != want) < 0.01


def test_no_changes_at_all() -> None:
    out = L.RandAugment(num_ops=0).apply({}, jnp.asarray(IMAGES), training=True, rngs={"dropout": jax.random.key(0)})
    np.testing.assert_array_equal(out, IMAGES)
    with pytest.raises(ValueError, match="at least 0"):
        L.RandAugment(num_ops=-1)


def test_number_of_boxes() -> None:
    module = L.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    out = module.apply({}, {"images": IMAGES, "bounding_boxes": BOXES})["bounding_boxes"]
    assert out["boxes"].shape == (3, 3, 4) and out["labels"][:, 2].tolist() == [-1] * 3
    fewer = L.MaxNumBoundingBoxes(1, bounding_box_format="xyxy").apply({}, {"images": IMAGES, "bounding_boxes": BOXES})
    np.testing.assert_array_equal(fewer["bounding_boxes"]["boxes"], BOXES["boxes"][:, :1])


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("RandomContrast", {"factor": 1.5}, "factor"),
        ("RandomRotation", {"factor": "0.2"}, "factor"),
        ("RandomZoom", {"height_factor": -1.0}, "height_factor"),
        ("RandomBrightness", {"factor": 0.1, "value_range": 255}, "value_range"),
        ("RandomGaussianBlur", {"kernel_size": 4}, "odd"),
        ("RandomTranslation", {"height_factor": 0.1, "width_factor": 0.1, "fill_mode": "mirror"}, "fill_mode"),
        ("RandomErasing", {"fill_value": (1, 2)}, "fill_value"),
        ("Resizing", {"height": 0, "width": 3}, "height"),
        ("RandomFlip", {"bounding_box_format": "corners"}, "bounding_box_format"),
    ],
)
def test_bad_arguments(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(L, name)(**arguments)


def test_bad_inputs() -> None:
    key = {"dropout": jax.random.key(0)}
    for data, message in [
        ({"labels": LABELS}, "needs 'images'"),
        ({"images": IMAGES, "bounding_boxes": BOXES}, "bounding_box_format"),
        ({"images": IMAGES[0, 0]}, "4 axes"),
    ]:
        with pytest.raises(ValueError, match=message):
            L.RandomFlip().apply({}, data, training=True, rngs=key)
    with pytest.raises(NotImplementedError, match="bounding boxes"):
        data = {"images": IMAGES, "bounding_boxes": BOXES}
        L.CutMix(bounding_box_format="xyxy").apply({}, data, training=True, rngs=key)

"""Layers on pictures as Keras layers: steps that users override, layers of their own, and members beyond arguments."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax import keras

RNG = np.random.default_rng(0)
IMAGES = (RNG.random((3, 6, 8, 3)) * 255).astype("float32")
DATA = {
    "images": IMAGES,
    "labels": np.eye(3, dtype="float32"),
    "bounding_boxes": {
        "boxes": np.array([[[1, 1, 5, 6]], [[0, 0, 8, 6]], [[2, 3, 7, 5]]], "float32"),
        "labels": np.array([[0], [2], [1]], "int32"),
    },
    "segmentation_masks": RNG.integers(0, 4, (3, 6, 8, 1)).astype("int32"),
}


def one(data: Any) -> Any:
    """The first sample of a batch."""
    return {key: one(value) for key, value in data.items()} if isinstance(data, dict) else data[0]


class Marked(keras.layers.RandomFlip):
    """Overrides every step, and says in what it returns that it was asked."""

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        drawn = super().get_random_transformation(data, training=training, seed=seed)
        return drawn and drawn | {"flips": jnp.ones_like(drawn["flips"])}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        return super().transform_images(images, transformation, training=training) + 1000.0 * training

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        return labels * 2

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
        return bounding_boxes | {"labels": bounding_boxes["labels"] + 10}

    def transform_segmentation_masks(self, segmentation_masks: Any, transformation: Any, training: bool = True) -> Any:
        return segmentation_masks * 0 + 7


@pytest.mark.parametrize("data", [DATA, one(DATA)], ids=["batch", "one"])
def test_overridden_steps_are_taken(data: dict[str, Any]) -> None:
    layer = Marked("horizontal", bounding_box_format="xyxy")
    out = layer(data)
    np.testing.assert_array_equal(out["images"], data["images"][..., ::-1, :] + 1000)
    np.testing.assert_array_equal(out["labels"], data["labels"] * 2)
    np.testing.assert_array_equal(out["bounding_boxes"]["labels"], data["bounding_boxes"]["labels"] + 10)
    assert np.all(np.asarray(out["segmentation_masks"]) == 7)
    np.testing.assert_array_equal(layer(data["images"], training=False), data["images"])


def test_overridden_steps_are_taken_inside_models() -> None:
    inputs = keras.Input((6, 8, 3))
    model = keras.Model(inputs, Marked("horizontal")(inputs))
    np.testing.assert_array_equal(model(IMAGES, training=True), IMAGES[:, :, ::-1] + 1000)
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), IMAGES)
    trained = keras.Sequential([Marked("horizontal"), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)])
    trained.compile("sgd", "mse")
    trained.layers[-1].build((None, 3))
    trained.layers[-1].set_weights([np.zeros((3, 1)), np.full(1, 2.0)])
    assert trained.evaluate(IMAGES, np.zeros((3, 1)), verbose=0) == pytest.approx(4.0)
    loss = trained.fit(IMAGES / 255, np.zeros((3, 1)), batch_size=3, verbose=0).history["loss"][0]
    assert loss == pytest.approx(4.0), "weights were zero, only the bias counts"
    assert np.abs(trained.layers[-1].get_weights()[0]).min() > 10, "the gradient saw the values of training"


def test_random_draws_of_an_overridden_step_move_on_and_are_seeded() -> None:
    class Noisy(keras.layers.RandomBrightness):
        def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
            noise = self.backend.random.uniform(
                (1, 1, 1, 1), seed=self._get_seed_generator(self.backend._backend), dtype="float32"
            )
            return self.backend.numpy.add(self.backend.cast(images, "float32"), noise)

    layers = [Noisy(0.5, seed=3), Noisy(0.5, seed=3)]
    first, second = ([float((layer(IMAGES) - IMAGES).mean()) for _ in range(2)] for layer in layers)
    assert first == second and first[0] != first[1]
    given = [layers[0].get_random_transformation(IMAGES, seed=5)["rgb_delta"] for _ in range(2)]
    np.testing.assert_array_equal(*given)
    generator = keras.random.SeedGenerator(1)
    given = [layers[0].get_random_transformation(IMAGES, seed=generator)["rgb_delta"] for _ in range(2)]
    assert not np.array_equal(*given)


def inverting(base: Any) -> Any:
    """A layer of a user's own: values of a share of the images are turned around."""

    class Inverting(base):
        _FACTOR_BOUNDS = (0, 1)

        def __init__(self, factor: Any = 0.5, value_range: Any = (0, 255), **kwargs: Any) -> None:
            super().__init__(factor=factor, **kwargs)
            self.value_range = value_range
            self.interpolation = None

        def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
            if not training:
                return None
            images = data["images"] if isinstance(data, dict) else data
            count = 1 if len(self.backend.shape(images)) == 3 else self.backend.shape(images)[0]
            return self.backend.numpy.arange(count) % 2 == 0

        def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
            images = self.backend.cast(images, self.compute_dtype)
            if not training:
                return images
            shares = self._transform_value_range(images, self.value_range, (0, 1))
            inverse = self._transform_value_range(1 - shares, (0, 1), self.value_range)
            return self.backend.numpy.where(transformation[:, None, None, None], inverse, images)

        def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
            return labels

        def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any, training: bool = True) -> Any:
            return bounding_boxes

        def transform_segmentation_masks(self, masks: Any, transformation: Any, training: bool = True) -> Any:
            return masks

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    return Inverting


def test_layers_of_users_are_those_of_keras(keras3: ModuleType) -> None:
    where = "keras.src.layers.preprocessing.image_preprocessing.base_image_preprocessing_layer"
    theirs = inverting(import_module(where).BaseImagePreprocessingLayer)(0.3, bounding_box_format="xyxy")
    ours = inverting(keras.layers.BaseImagePreprocessingLayer)(0.3, bounding_box_format="xyxy")
    assert ours.factor == theirs.factor == (0, 0.3)
    assert {**ours.get_config(), "name": ""} == {**theirs.get_config(), "name": "", "dtype": ours.get_config()["dtype"]}
    for data in (DATA, one(DATA)):
        got, want = ours(data), theirs({key: value for key, value in data.items()})
        np.testing.assert_allclose(got["images"], want["images"], rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(got["bounding_boxes"]["boxes"], want["bounding_boxes"]["boxes"])
    np.testing.assert_array_equal(ours(IMAGES, training=False), IMAGES)


def test_bad_layers_of_users() -> None:
    base = keras.layers.BaseImagePreprocessingLayer
    with pytest.raises(ValueError, match="argument `factor`"):
        base(1.5)
    with pytest.raises(NotImplementedError, match="transform_images"):
        base()(IMAGES)
    with pytest.raises(ValueError, match="3 axes"):
        base()(IMAGES[0, 0])

    class Bare(base):
        def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
            return images

    with pytest.raises(NotImplementedError, match="transform_labels"):
        Bare()({"images": IMAGES, "labels": np.ones(3)})
    with pytest.raises(ValueError, match="bounding_box_format"):
        Bare()(DATA)


def test_members_of_moving_layers(keras3: ModuleType) -> None:
    numbers = RNG.normal(size=(3, 8)).astype("float32") * 0.1
    x, y = (RNG.random((3, 1)).astype("float32") for _ in range(2))
    boxes = {"boxes": DATA["bounding_boxes"]["boxes"]}
    shifts = RNG.random((4, 3, 1)).astype("float32") * 3
    for name, arguments in (("RandomShear", ()), ("RandomTranslation", (0.1, 0.1)), ("RandomZoom", (0.1,))):
        ours, theirs = (getattr(module.layers, name)(*arguments) for module in (keras, keras3))
        for got, want in zip(
            ours.get_transformed_x_y(x, y, numbers), theirs.get_transformed_x_y(x, y, numbers), strict=True
        ):
            np.testing.assert_allclose(got, want, rtol=1e-5)
        member, count = ("get_clipped_bbox", 4) if name == "RandomZoom" else ("get_shifted_bbox", 2)
        given = tuple(shifts[:count] + np.array([5, 0, 6, 0])[:count, None, None].astype("float32"))
        got = getattr(ours, member)(dict(boxes), *given)
        want = getattr(theirs, member)(dict(boxes), *given)
        np.testing.assert_allclose(got["boxes"], want["boxes"], rtol=1e-5)
        flat = {"boxes": boxes["boxes"][0]}
        one_each = tuple(value[0] for value in given)
        np.testing.assert_allclose(
            getattr(ours, member)(dict(flat), *one_each)["boxes"],
            getattr(theirs, member)(dict(flat), *one_each)["boxes"],
            rtol=1e-5,
        )
    got = keras.layers.RandomElasticTransform().get_elastic_transform_params(40, 60, 0.5)
    assert got == keras3.layers.RandomElasticTransform().get_elastic_transform_params(40, 60, 0.5)


def test_random_height_and_width() -> None:
    higher, wider = keras.layers.RandomHeight((0.5, 0.5)), keras.layers.RandomWidth((-0.5, -0.5))
    out = higher({"images": IMAGES, "segmentation_masks": DATA["segmentation_masks"]}, training=True)
    assert out["images"].shape == (3, 9, 8, 3) and out["segmentation_masks"].shape == (3, 9, 8, 1)
    assert wider(IMAGES[0], training=True).shape == (6, 4, 3)
    np.testing.assert_array_equal(higher(IMAGES, training=False), IMAGES)
    inputs = keras.Input((6, 8, 3))
    outputs = higher(inputs)
    assert outputs.shape == (None, None, 8, 3)
    # A compiled program keeps the size: a bright row in the middle grows.
    row = np.zeros((1, 7, 4, 1), "float32")
    row[:, 3] = 1.0
    stretched = jax.jit(lambda x: higher.module.apply({}, x, training=True, rngs={"dropout": jax.random.key(0)}))(row)
    np.testing.assert_allclose(stretched[0, :, 0, 0], [0, 0, 1 / 3, 1, 1 / 3, 0, 0], atol=1e-5)
    with pytest.raises(ValueError, match=r"from -1\.0"):
        keras.layers.RandomHeight(-1.5)
    with pytest.raises(NotImplementedError, match="RandomZoom"):
        keras.layers.RandomWidth(0.1, bounding_box_format="xyxy")(DATA)


def test_data_layers_of_users() -> None:
    class Shifted(keras.layers.DataLayer):
        def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.seed = seed
            self.generator = keras.random.SeedGenerator(seed)

        def call(self, inputs: Any) -> Any:
            seed = self._get_seed_generator(self.backend._backend)
            shift = self.backend.random.uniform((), seed=seed)
            return self.backend.numpy.add(inputs, self.backend.cast(self.convert_weight(shift), "float32"))

    first, second = Shifted(seed=1), Shifted(seed=1)
    x = np.zeros((2, 3), "float32")
    given = [float(first(x)[0, 0]), float(first(x)[0, 0])]
    assert given[0] != given[1] and given == [float(second(x)[0, 0]), float(second(x)[0, 0])]
    inputs = keras.Input((3,))
    assert keras.Model(inputs, Shifted()(inputs)).predict(x, verbose=0).shape == (2, 3)

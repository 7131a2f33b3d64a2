"""Functions on pictures against ``keras.ops.image`` of real Keras 3."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import image
from kjax.nn.ops import image as operations

RNG = np.random.default_rng(0)
IMAGES = RNG.random((2, 5, 7, 3)).astype("float32")


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("kept", [{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True, "fill_value": 0.5}])
def test_resize(keras3: ModuleType, kept: dict[str, Any], data_format: str) -> None:
    x = IMAGES if data_format == "channels_last" else IMAGES.transpose(0, 3, 1, 2)
    for size, interpolation, antialias in [
        ((3, 9), "bilinear", True),
        ((8, 4), "bicubic", False),
        ((4, 4), "nearest", False),
    ]:
        arguments = {"interpolation": interpolation, "antialias": antialias, "data_format": data_format, **kept}
        want = keras3.ops.image.resize(x, size, **arguments)
        np.testing.assert_allclose(operations.resize(x, size, **arguments), want, rtol=1e-5, atol=1e-6)
    one = operations.resize(x[0], (3, 9), data_format=data_format, **kept)
    np.testing.assert_allclose(one, operations.resize(x, (3, 9), data_format=data_format, **kept)[0], rtol=1e-6)


@pytest.mark.parametrize("fill_mode", image.FILL_MODES)
@pytest.mark.parametrize("interpolation", image.INTERPOLATIONS)
def test_affine_transform(keras3: ModuleType, fill_mode: str, interpolation: str) -> None:
    turn = np.array(image.rotation_matrix(jnp.asarray([25.0, -140.0]), 5, 7))
    turn[1] += [0.3, 0.2, 11.0, 0.1, -0.4, -13.0, 0, 0]  # far outside, on both sides
    want = keras3.ops.image.affine_transform(IMAGES, turn, interpolation, fill_mode, 0.25, "channels_last")
    got = image.affine_transform(jnp.asarray(IMAGES), jnp.asarray(turn), interpolation, fill_mode, 0.25)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_perspective_transform(keras3: ModuleType) -> None:
    start = np.tile(np.array([[0, 0], [6, 0], [0, 4], [6, 4]], "float32"), (2, 1, 1))
    end = start + RNG.uniform(-1, 1, start.shape).astype("float32")
    want = keras3.ops.image.perspective_transform(IMAGES, start, end, fill_value=0.5, data_format="channels_last")
    got = image.perspective_transform(jnp.asarray(IMAGES), jnp.asarray(start), jnp.asarray(end), fill_value=0.5)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(3, 5), (11, 3)])
def test_gaussian_blur(keras3: ModuleType, size: tuple[int, int]) -> None:
    want = keras3.ops.image.gaussian_blur(IMAGES, size[::-1], (0.7, 1.9), "channels_last")
    got = image.gaussian_blur(jnp.asarray(IMAGES), size[::-1], jnp.asarray([0.7, 1.9]))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    own = image.gaussian_blur(jnp.asarray(IMAGES), size, jnp.asarray([[0.7, 1.9], [3.0, 0.5]]))
    np.testing.assert_allclose(own[:1], image.gaussian_blur(jnp.asarray(IMAGES[:1]), size, (0.7, 1.9)), rtol=1e-5)


def test_colours(keras3: ModuleType) -> None:
    for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb"):
        want = getattr(keras3.ops.image, name)(IMAGES, data_format="channels_last")
        np.testing.assert_allclose(getattr(image, name)(jnp.asarray(IMAGES)), want, rtol=1e-5, atol=1e-6, err_msg=name)
    with pytest.raises(ValueError, match="3 channels"):
        image.rgb_to_grayscale(jnp.ones((2, 2, 4)))


def test_bad_sizes() -> None:
    for arguments, message in [
        ({"images": IMAGES[0, 0]}, "3 axes"),
        ({"images": IMAGES, "interpolation": "area"}, "`interpolation` cannot be"),
        ({"images": IMAGES, "fill_mode": "reflect"}, "fill_mode"),
        ({"images": IMAGES, "crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "only one"),
    ]:
        with pytest.raises(ValueError, match=message):
            operations.resize(size=(2, 2), **arguments)

"""Layers that draw random numbers: how often, how much, independent from sample to sample, the same for one key."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import layers

L: Any = layers

# 4-sigma bounds on means of `N` draws
N = 20_000


def draw(layer: Any, x: Any, seed: int = 0) -> np.ndarray:
    """What the layer makes of ``x`` in training."""
    return np.asarray(layer.apply({}, jnp.asarray(x), training=True, rngs={"dropout": jax.random.key(seed)}))


def ones(*shape: int) -> np.ndarray:
    """Inputs of ones."""
    return np.ones(shape, "float32")


RANDOM = [
    L.Dropout(0.3),
    L.AlphaDropout(0.3),
    L.GaussianDropout(0.3),
    L.GaussianNoise(0.5),
    L.SpatialDropout1D(0.5),
    L.SpatialDropout2D(0.5),
    L.SpatialDropout3D(0.5),
    L.RandomFlip(),
    L.RandomTranslation(0.5, 0.5),
    L.RandomCrop(3, 3),
]
INPUTS = {"SpatialDropout1D": (8, 4, 9), "SpatialDropout3D": (8, 2, 2, 2, 9)}


def inputs_of(layer: Any) -> np.ndarray:
    """Inputs of a shape that the layer takes, different values everywhere."""
    shape = INPUTS.get(type(layer).__name__, (8, 5, 6, 3))
    return np.arange(1, 1 + np.prod(shape), dtype="float32").reshape(shape)


@pytest.mark.parametrize("layer", RANDOM, ids=lambda layer: type(layer).__name__)
def test_determined_by_the_key_and_the_seed(layer: Any) -> None:
    x = inputs_of(layer)
    np.testing.assert_array_equal(draw(layer, x, 1), draw(layer, x, 1))
    assert not np.array_equal(draw(layer, x, 1), draw(layer, x, 2))
    reseeded = type(layer).from_config(layer.get_config() | {"seed": 7})
    assert not np.array_equal(draw(layer, x, 1), draw(reseeded, x, 1))


@pytest.mark.parametrize("layer", RANDOM, ids=lambda layer: type(layer).__name__)
def test_samples_differ(layer: Any) -> None:
    x = np.broadcast_to(inputs_of(layer)[:1], (8, *inputs_of(layer).shape[1:]))
    y = draw(layer, x)
    assert len({sample.tobytes() for sample in y}) > 1


@pytest.mark.parametrize("layer", RANDOM, ids=lambda layer: type(layer).__name__)
def test_under_vmap_and_at_inference(layer: Any) -> None:
    x = inputs_of(layer)
    keys = jax.random.split(jax.random.key(0), 2)
    both = jax.vmap(lambda key: layer.apply({}, jnp.asarray(x), training=True, rngs={"dropout": key}))(keys)
    assert not np.array_equal(both[0], both[1])
    if not isinstance(layer, L.RandomCrop):
        np.testing.assert_array_equal(layer.apply({}, jnp.asarray(x)), x)


@pytest.mark.parametrize("layer", RANDOM, ids=lambda layer: type(layer).__name__)
def test_without_a_key(layer: Any) -> None:
    with pytest.raises(ValueError, match="draws random numbers: pass rngs="):
        layer.apply({}, jnp.asarray(inputs_of(layer)), training=True)


@pytest.mark.parametrize("rate", [0.002, 0.1, 0.5, 0.9, 0.999])
def test_dropout_rate_and_scale(rate: float) -> None:
    y = draw(L.Dropout(rate), ones(N // 10, 10))
    kept = y != 0
    assert abs(kept.mean() - (1 - rate)) < 4 * (rate * (1 - rate) / N) ** 0.5
    np.testing.assert_allclose(y[kept], 1 / (1 - rate), rtol=1e-6)
    # Neighbours are independent.
    for one, other in ((kept[1:], kept[:-1]), (kept[:, 1:], kept[:, :-1]), (kept[:, 5:], kept[:, :5])):
        agree = (one & other).mean()
        assert abs(agree - (1 - rate) ** 2) < 5 * ((1 - rate) / N) ** 0.5


def test_dropout_of_nothing_and_of_all() -> None:
    np.testing.assert_array_equal(draw(L.Dropout(0), ones(3, 3)), 1)
    np.testing.assert_array_equal(draw(L.Dropout(1), ones(3, 3)), 0)


def test_dropout_gradient_is_zero_where_dropped() -> None:
    layer, key = L.Dropout(0.5), jax.random.key(3)

    def total(x: Any) -> Any:
        return jnp.sum(layer.apply({}, x, training=True, rngs={"dropout": key}))

    x = jnp.ones((5, 5))
    np.testing.assert_array_equal(jax.grad(total)(x), layer.apply({}, x, training=True, rngs={"dropout": key}))


def test_noise_shape() -> None:
    y = draw(L.Dropout(0.5, noise_shape=(None, 1, None)), ones(20, 6, 10))
    assert (y == y[:, :1]).all() and 0 < (y == 0).mean() < 1
    with pytest.raises(ValueError, match=r"Dropout layer.*`noise_shape`.*does not broadcast"):
        draw(L.Dropout(0.5, noise_shape=(3, 1)), ones(20, 6))


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (L.SpatialDropout1D(0.4), (500, 3, 10), (1,)),
        (L.SpatialDropout2D(0.4), (500, 3, 2, 10), (1, 2)),
        (L.SpatialDropout2D(0.4, "channels_first"), (500, 10, 3, 2), (2, 3)),
        (L.SpatialDropout3D(0.4), (500, 2, 2, 2, 10), (1, 2, 3)),
    ],
    ids=["1D", "2D", "2D channels_first", "3D"],
)
def test_spatial_dropout_drops_whole_channels(layer: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    y = draw(layer, ones(*shape))
    maps = y.mean(axes)
    np.testing.assert_allclose(np.unique(maps), [0, 1 / 0.6], rtol=1e-6)
    assert abs((maps == 0).mean() - 0.4) < 4 * (0.24 / maps.size) ** 0.5


def test_gaussian_layers() -> None:
    noise = draw(L.GaussianNoise(0.5), 0 * ones(N))
    factor = draw(L.GaussianDropout(0.2), 3 * ones(N)) / 3
    for values, mean, deviation in ((noise, 0, 0.5), (factor, 1, 0.5)):
        assert abs(values.mean() - mean) < 4 * deviation / N**0.5
        assert abs(values.std() - deviation) < 4 * deviation / (2 * N) ** 0.5


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = np.random.default_rng(0).standard_normal(5 * N).astype("float32")
    y = draw(L.AlphaDropout(0.3), x)
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
    _, counts = np.unique(y, return_counts=True)  # all dropped values are the same one
    assert abs(counts.max() / y.size - 0.3) < 4 * (0.21 / y.size) ** 0.5


def test_activity_regularization(keras3: ModuleType) -> None:
    x = np.array([[1.0, -2.0], [0.5, 3.0]], "float32")
    _, updates = L.ActivityRegularization(l1=0.5, l2=0.1).apply({}, jnp.asarray(x), mutable=["losses"])
    oracle = keras3.layers.ActivityRegularization(l1=0.5, l2=0.1)
    oracle(x)
    assert float(updates["losses"]["penalty"]) == pytest.approx(float(oracle.losses[0]))


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_random_flip(mode: str, data_format: str) -> None:
    x = np.broadcast_to(np.arange(24, dtype="float32").reshape(1, 2, 3, 4), (400, 2, 3, 4))
    y = draw(L.RandomFlip(mode, data_format=data_format), x)
    height = 1 if data_format == "channels_last" else 2
    axes = {"horizontal": height + 1, "vertical": height}.get(mode, (height, height + 1))
    same, turned = (y == x).all((1, 2, 3)), (y == np.flip(x, axes)).all((1, 2, 3))
    assert (same | turned).all() and abs(turned.mean() - 0.5) < 4 * (0.25 / 400) ** 0.5


def test_random_crop() -> None:
    x = np.broadcast_to(np.arange(42, dtype="float32").reshape(1, 6, 7, 1), (600, 6, 7, 1))
    y = draw(L.RandomCrop(4, 5), x)[..., 0]
    top, left = y[:, 0, 0] // 7, y[:, 0, 0] % 7
    expected = y[:, :1, :1] + 7 * np.arange(4).reshape(1, 4, 1) + np.arange(5).reshape(1, 1, 5)
    np.testing.assert_array_equal(y, expected)
    for start, count in ((top, 3), (left, 3)):
        share = np.bincount(start.astype(int), minlength=count) / 600
        assert len(share) == count and (abs(share - 1 / count) < 4 * (0.25 / 600) ** 0.5).all()


@pytest.mark.parametrize("size", [(4, 4), (6, 3), (12, 12)])
def test_random_crop_at_inference_takes_the_centre(size: tuple[int, int], keras3: ModuleType) -> None:
    x = np.random.default_rng(0).random((2, 8, 6, 3), "float32")
    y = L.RandomCrop(*size).apply({}, jnp.asarray(x))
    centre = keras3.ops.image.resize(x, size, crop_to_aspect_ratio=True)
    np.testing.assert_allclose(y, centre, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fill_mode", ["reflect", "wrap", "constant", "nearest"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_random_translation_equals_keras(fill_mode: str, interpolation: str, keras3: ModuleType) -> None:
    # A range of one value draws that value, so that the shift itself can be compared.
    x = np.random.default_rng(0).random((2, 7, 6, 3), "float32")
    # No shift here is half a pixel, where rounding decides.
    args = {"fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 0.25}
    for down, right in ((0.3, -0.4), (-0.9, 1.0)):
        ours = L.RandomTranslation((down, down), (right, right), **args)
        theirs = keras3.layers.RandomTranslation((down, down), (right, right), **args)
        np.testing.assert_allclose(draw(ours, x), theirs(x, training=True), rtol=1e-5, atol=2e-6)
        first = L.RandomTranslation((down, down), (right, right), data_format="channels_first", **args)
        np.testing.assert_allclose(
            draw(first, np.moveaxis(x, -1, 1)), np.moveaxis(draw(ours, x), -1, 1), rtol=1e-6, atol=1e-6
        )


def test_random_translation_range() -> None:
    x = np.zeros((500, 16, 16, 1), "float32")
    x[:, 6, 8] = 1
    y = draw(L.RandomTranslation((-0.25, 0.5), 0.25, "constant"), x)[..., 0]
    down = (y.sum(2) * np.arange(16)).sum(1) - 6
    right = (y.sum(1) * np.arange(16)).sum(1) - 8
    assert down.min() >= -4 and down.max() <= 8 and abs(down.mean() - 2) < 4 * 12 / 12**0.5 / 500**0.5
    assert abs(right).max() <= 4 and abs(right.mean()) < 4 * 8 / 12**0.5 / 500**0.5
    assert abs(np.corrcoef(down, right)[0, 1]) < 4 / 500**0.5


def test_images_without_a_batch_axis() -> None:
    x = inputs_of(L.RandomFlip())[0]
    assert draw(L.RandomCrop(3, 3), x).shape == (3, 3, 3)
    assert draw(L.RandomTranslation(0.1, 0.1), x).shape == x.shape
    with pytest.raises(ValueError, match=r"RandomFlip layer.*4 axes.*received shape"):
        draw(L.RandomFlip(), x[0])

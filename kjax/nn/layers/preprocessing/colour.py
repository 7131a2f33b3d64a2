"""Random changes of the colours of each image: brightness, contrast, hue, saturation, gray, inverted, fewer values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import arguments as arg
from kjax.nn import image
from kjax.nn.layers import base
from kjax.nn.layers.preprocessing.base import (
    ImageLayer,
    bounds,
    chosen,
    data_format,
    per_image,
    uniform,
    value_range,
)
from kjax.nn.value import field

Shape = tuple[int, int, int, int]
EPSILON = 1e-7


class RandomBrightness(ImageLayer):
    """A random number added to all values of each image in training.

    Attributes:
        factor: largest number as a part of the value range, from -1 to 1, or (lower, upper).
        value_range: lowest and highest value of the images.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
    """

    factor: Any = field(convert=bounds(-1.0, 1.0))
    value_range: Any = value_range()
    seed: int | None = base.seed()
    data_format: str = data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        low, high = self.value_range
        return {"rgb_delta": uniform(key, self.factor, (shape[0], 1, 1, 1)) * (high - low)}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        return jnp.clip(images + per_image(transformation["rgb_delta"], images.dtype), *self.value_range)


class RandomContrast(ImageLayer):
    """The differences from each channel's mean multiplied by a random number for each image in training.

    Attributes:
        factor: f for a number between 1 and ``1 + f``, or (l, u) for one between ``1 - l`` and ``1 + u``, as Keras 3.15
            computes it.
        value_range: lowest and highest value of the images.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
    """

    factor: Any = field(convert=bounds(0.0, 1.0))
    value_range: Any = value_range()
    seed: int | None = base.seed()
    data_format: str = data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        lower, upper = self.factor
        return {"contrast_factor": uniform(key, (1.0 - lower, 1.0 + upper), (shape[0], 1, 1, 1))}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        mean = jnp.mean(images, axis=(1, 2), keepdims=True)
        factor = per_image(transformation["contrast_factor"], images.dtype)
        return jnp.clip((images - mean) * factor + mean, *self.value_range)


class RandomHue(ImageLayer):
    """The hue of each image moved by a random part of the colour circle in training.

    Attributes:
        factor: largest part, from 0 to 1 (half the circle to either side), or (lower, upper).
        value_range: lowest and highest value of the images.
        data_format: where the channels are.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
    """

    factor: Any = field(convert=bounds(0.0, 1.0))
    value_range: Any = value_range()
    data_format: str = base.data_format()
    seed: int | None = base.seed()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        sign_key, size_key = jax.random.split(key)
        sign = jnp.where(jax.random.bernoulli(sign_key, shape=(shape[0],)), -1.0, 1.0)
        return {"factor": sign * uniform(size_key, self.factor, (shape[0],)) * 0.5}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        hsv = image.rgb_to_hsv(image.change_range(images, self.value_range, (0, 1)))
        hue = hsv[..., :1] + per_image(transformation["factor"], images.dtype)
        hue = jnp.where(hue > 1.0, hue - 1.0, hue)
        hue = jnp.where(hue < 0.0, hue + 1.0, hue)
        rgb = image.hsv_to_rgb(jnp.concatenate([hue, hsv[..., 1:]], axis=-1))
        return image.change_range(jnp.clip(rgb, 0, 1), (0, 1), self.value_range)


class RandomSaturation(ImageLayer):
    """The saturation of each image multiplied by ``f / (1 - f)`` with a random f in training.

    Attributes:
        factor: limits of f: 0 is gray, 0.5 changes nothing, 1 is fully saturated; a number f for
            (-f, f), or (lower, upper).
        value_range: limits of the saturation after the change.
        data_format: where the channels are.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
    """

    factor: Any = field(convert=bounds(-1.0, 1.0))
    value_range: Any = value_range()
    data_format: str = base.data_format()
    seed: int | None = base.seed()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        factor = uniform(key, self.factor, (shape[0],))
        return {"factor": factor / (1 - factor + EPSILON)}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        hsv = image.rgb_to_hsv(images)
        factor = per_image(transformation["factor"], images.dtype)
        saturation = jnp.clip(hsv[..., 1:2] * factor, *self.value_range)
        return image.hsv_to_rgb(jnp.concatenate([hsv[..., :1], saturation, hsv[..., 2:]], axis=-1))


class RandomGrayscale(ImageLayer):
    """Each image made gray with a given probability in training; the number of channels stays.

    Attributes:
        factor: the probability.
        data_format: where the channels are.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
    """

    factor: float = field(0.5, convert=arg.fraction)
    data_format: str = base.data_format()
    seed: int | None = base.seed()

    def draw(self, key: Array, shape: Shape) -> Array:
        return jax.random.uniform(key, (shape[0], 1, 1, 1)) < self.factor

    def alter(self, images: Array, transformation: Array) -> Array:
        return jnp.where(per_image(transformation), image.rgb_to_grayscale(images), images)


class RandomColorDegeneration(ImageLayer):
    """Each image mixed with its gray version in training: 0 changes nothing, 1 is gray.

    Attributes:
        factor: largest share of gray, or (lower, upper).
        value_range: lowest and highest value of the images.
        data_format: where the channels are.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
    """

    factor: Any = field(convert=bounds(-1.0, 1.0))
    value_range: Any = value_range()
    data_format: str = base.data_format()
    seed: int | None = base.seed()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        return {"factor": uniform(key, self.factor, (shape[0], 1, 1, 1))}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        share = per_image(transformation["factor"], images.dtype)
        return jnp.clip(images + share * (image.rgb_to_grayscale(images) - images), *self.value_range)


class RandomInvert(ImageLayer):
    """Images inverted (the highest value minus each value) with a random probability in training.

    Attributes:
        factor: the probability, or (lower, upper) for it.
        value_range: lowest and highest value of the images.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.
    """

    factor: Any = field(1.0, convert=bounds(0.0, 1.0))
    value_range: Any = value_range()
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        return {"apply_inversion": chosen(key, self.factor, shape[0])}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        return jnp.where(per_image(transformation["apply_inversion"]), self.value_range[1] - images, images)


class RandomPosterization(ImageLayer):
    """Only the upper bits of each value kept, a random number of them for each image, in training.

    Attributes:
        factor: number of bits, from 1 to 8: n for 1 to ``n - 1`` (1 if n is 1), or (lower, upper) for lower to
            ``upper - 1``, as Keras 3.15 draws it; equal numbers fix it.
        value_range: lowest and highest value of the images.
        data_format: where the channels are.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
    """

    factor: Any = field(convert=bounds(1, 8))
    value_range: Any = value_range()
    data_format: str = base.data_format()
    seed: int | None = base.seed()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        lower, upper = (int(f) for f in self.factor)
        bits = jnp.full((shape[0],), lower, jnp.uint8)
        if lower != upper:
            bits = jax.random.randint(key, (shape[0],), lower, upper, jnp.uint8)
        return {"shift_factor": 8 - bits}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        values = image.change_range(images, self.value_range, (0, 255)).astype(jnp.uint8)
        shift = per_image(transformation["shift_factor"], jnp.uint8)
        kept = jnp.left_shift(jnp.right_shift(values, shift), shift)
        return image.change_range(kept.astype(images.dtype), (0, 255), self.value_range)


def _share(value: Any) -> tuple[float, float]:
    """(0, f) for a number f; two numbers sorted."""
    lower, upper = bounds(0.0, 1.0, both=True)(value)
    return max(lower, 0.0), upper


class Solarization(ImageLayer):
    """A random number added to each image, then all values above a random threshold inverted, in training.

    Attributes:
        addition_factor: largest addition as a part of the value range, or (lower, upper).
        threshold_factor: largest threshold, likewise.
        value_range: lowest and highest value of the images.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.

    As in Keras 3.15 the lower limits count in values of 0 to 255, the upper ones as parts of that range.
    """

    addition_factor: Any = field(0.0, convert=_share)
    threshold_factor: Any = field(0.0, convert=_share)
    value_range: Any = value_range()
    seed: int | None = base.seed()
    data_format: str = data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        addition_key, threshold_key = jax.random.split(key)
        size = (shape[0], 1, 1, 1)

        def drawn(key: Array, factor: tuple[float, float]) -> Array:
            return uniform(key, (factor[0], factor[1] * 255), size)

        return {
            "additions": drawn(addition_key, self.addition_factor),
            "thresholds": drawn(threshold_key, self.threshold_factor),
        }

    def alter(self, images: Array, transformation: Mapping[str, Any] | None) -> Array:
        if transformation is None:
            return images
        values = image.change_range(images, self.value_range, (0, 255))
        values = jnp.clip(values + per_image(transformation["additions"], images.dtype), 0, 255)
        values = jnp.where(values < per_image(transformation["thresholds"], images.dtype), values, 255 - values)
        return image.change_range(values, (0, 255), self.value_range)


class RandomColorJitter(ImageLayer):
    """Random brightness, contrast, saturation and hue of each image, one after the other, in training.

    Attributes:
        value_range: lowest and highest value of the images.
        brightness_factor: as that of :class:`RandomBrightness`, or None to leave it out.
        contrast_factor: as that of :class:`RandomContrast`.
        saturation_factor: as that of :class:`RandomSaturation`.
        hue_factor: as that of :class:`RandomHue`.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.
    """

    value_range: Any = value_range()
    brightness_factor: Any = field(None, convert=arg.hashable)
    contrast_factor: Any = field(None, convert=arg.hashable)
    saturation_factor: Any = field(None, convert=arg.hashable)
    hue_factor: Any = field(None, convert=arg.hashable)
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._parts()  # refuses factors that cannot be used

    def _parts(self) -> dict[str, ImageLayer]:
        classes = {
            "brightness": RandomBrightness,
            "contrast": RandomContrast,
            "saturation": RandomSaturation,
            "hue": RandomHue,
        }
        shared = {"value_range": self.value_range, "dtype": self.dtype, "parent": None}
        factors = {name: getattr(self, f"{name}_factor") for name in classes}
        return {name: classes[name](factor, **shared) for name, factor in factors.items() if factor is not None}

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        parts = self._parts()
        keys = jax.random.split(key, max(len(parts), 1))
        return {name: part.draw(k, shape) for (name, part), k in zip(parts.items(), keys, strict=False)}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        for name, part in self._parts().items():
            images = part.alter(images, transformation[name])
        return images

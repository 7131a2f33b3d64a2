"""Images mixed with one another, and chains of randomly chosen changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import arguments as arg
from kjax.nn.layers import base
from kjax.nn.layers.preprocessing.base import ImageLayer, bounds, is_traced, per_image, uniform, value_range
from kjax.nn.layers.preprocessing.colour import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomPosterization,
    Solarization,
)
from kjax.nn.layers.preprocessing.filters import (
    AutoContrast,
    Equalization,
    RandomSharpness,
    corners,
    mask_of,
    window_mask,
)
from kjax.nn.layers.preprocessing.geometry import RandomRotation, RandomShear, RandomTranslation
from kjax.nn.value import field

Shape = tuple[int, int, int, int]


def _mixed(weight: Any, first: Array, second: Array) -> Array:
    """``weight * first + (1 - weight) * second`` with one weight for each sample."""
    weight = jnp.asarray(weight, jnp.float32).reshape((-1,) + (1,) * (first.ndim - 1))
    return weight * first + (1.0 - weight) * second


class CutMix(ImageLayer):
    """A rectangle of each image replaced by that of another image of the batch, and labels mixed, in training.

    Attributes:
        factor: limits of the parameter of the beta distribution that the rectangle's area is drawn from.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.

    Source: Yun et al., 2019, "CutMix: regularization strategy to train strong classifiers with localizable features".
    """

    factor: Any = field(1.0, convert=bounds(0.0, 1.0))
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        alpha_key, weight_key, x_key, y_key, order_key = jax.random.split(key, 5)
        batch, height, width, _ = shape
        alpha = uniform(alpha_key, self.factor, ()) + 1e-6
        side = jnp.sqrt(1.0 - jax.random.beta(weight_key, alpha, alpha, (batch,)))
        x, y = corners(x_key, width, side), corners(y_key, height, side)
        return {
            "permutation_order": jax.random.permutation(order_key, batch),
            "batch_masks": base.from_channels_last(self, window_mask(shape, x, y)),
            "mix_weight": 1.0 - (x[1] - x[0]) * (y[1] - y[0]) / (width * height),
        }

    def alter(self, images: Array, transformation: Mapping[str, Any] | None) -> Array:
        if transformation is None:
            return images
        others = jnp.take(images, jnp.asarray(transformation["permutation_order"]), axis=0)
        return jnp.where(mask_of(transformation["batch_masks"], images, self), others, images)

    def alter_masks(self, masks: Array, transformation: Mapping[str, Any] | None) -> Array:
        return self.alter(masks, transformation)

    def alter_labels(self, labels: Array, transformation: Mapping[str, Any] | None) -> Array:
        if transformation is None:
            return labels
        others = jnp.take(labels, jnp.asarray(transformation["permutation_order"]), axis=0)
        return _mixed(transformation["mix_weight"], labels, others)

    def alter_boxes(self, boxes: dict[str, Any], transformation: Any) -> dict[str, Any]:
        raise NotImplementedError(f"{base.describe(self)}: images that were cut and mixed have no bounding boxes")


class MixUp(ImageLayer):
    """Each image mixed with another one of the batch, and labels likewise, in training.

    Attributes:
        alpha: parameter of the beta distribution that the shares are drawn from.
        data_format: where the channels are.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.

    Source: Zhang et al., 2017, "mixup: beyond empirical risk minimization".
    """

    alpha: float = field(0.2, convert=arg.at_least_zero)
    data_format: str = base.data_format()
    seed: int | None = base.seed()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        order_key, weight_key = jax.random.split(key)
        return {
            "mix_weight": jax.random.beta(weight_key, self.alpha, self.alpha, (shape[0],)),
            "permutation_order": jax.random.permutation(order_key, shape[0]),
        }

    def _mix(self, values: Array, transformation: Mapping[str, Any]) -> Array:
        others = jnp.take(values, jnp.asarray(transformation["permutation_order"]), axis=0)
        return _mixed(transformation["mix_weight"], values, others)

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        return self._mix(images, transformation)

    def alter_masks(self, masks: Array, transformation: Mapping[str, Any]) -> Array:
        return self._mix(masks, transformation)

    def alter_labels(self, labels: Array, transformation: Mapping[str, Any]) -> Array:
        return self._mix(labels, transformation)

    def alter_boxes(self, boxes: dict[str, Any], transformation: Mapping[str, Any]) -> dict[str, Any]:
        """The boxes of both images. (Keras 3.15 puts the labels of the second below those of the first, not beside.)"""
        order = jnp.asarray(transformation["permutation_order"])
        return {
            name: jnp.concatenate([boxes[name], jnp.take(boxes[name], order, axis=0)], axis=1)
            for name in ("boxes", "labels")
        }


class MaxNumBoundingBoxes(ImageLayer):
    """The number of boxes brought to one number: the rest is dropped, missing ones are filled; images stay as they are.

    Attributes:
        max_number: the number of boxes.
        fill_value: fills missing boxes and their labels.
    """

    max_number: int = field(convert=arg.positive)
    fill_value: int = field(-1, convert=arg.integer)
    data_format: str = field("channels_last", convert=arg.data_format, kw_only=True)

    always = True
    draws = False
    keeps_type = True

    def alter(self, images: Array, transformation: Any) -> Array:
        return images

    def alter_boxes(self, boxes: dict[str, Any], transformation: Any) -> dict[str, Any]:
        missing = max(self.max_number - boxes["boxes"].shape[1], 0)

        def brought(values: Array) -> Array:
            padding = ((0, 0), (0, missing)) + ((0, 0),) * (values.ndim - 2)
            return jnp.pad(values[:, : self.max_number], padding, constant_values=self.fill_value)

        return boxes | {name: brought(jnp.asarray(boxes[name])) for name in ("boxes", "labels")}


OPERATIONS: dict[str, Callable[[Any], ImageLayer]] = {
    "random_shear": lambda s: RandomShear(s.factor, s.factor, s.interpolation, **_shared(s)),
    "random_translation": lambda s: RandomTranslation(s.factor, s.factor, interpolation=s.interpolation, **_shared(s)),
    "random_rotation": lambda s: RandomRotation(s.factor, interpolation=s.interpolation, **_shared(s)),
    "random_brightness": lambda s: RandomBrightness(s.factor, s.value_range, **_shared(s)),
    "random_color_degeneration": lambda s: RandomColorDegeneration(s.factor, s.value_range, **_shared(s)),
    "random_contrast": lambda s: RandomContrast(s.factor, s.value_range, **_shared(s)),
    "random_sharpness": lambda s: RandomSharpness(s.factor, s.value_range, **_shared(s)),
    "random_posterization": lambda s: RandomPosterization(max(1, int(8 * s.factor[1])), s.value_range, **_shared(s)),
    "solarization": lambda s: Solarization(s.factor, s.factor, s.value_range, **_shared(s)),
    "auto_contrast": lambda s: AutoContrast(s.value_range, **_shared(s)),
    "equalization": lambda s: Equalization(s.value_range, **_shared(s)),
}
"""The changes that chains are made of, for the arguments of a chain."""

COLOUR_OPERATIONS = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")
"""Those that AugMix leaves out with ``all_ops=False``."""


def _shared(chain: Any) -> dict[str, Any]:
    # The chain hands images over with channels last.
    return {"dtype": chain.dtype, "parent": None}


class _Chain(ImageLayer):
    """Base of the layers that apply randomly chosen changes; which one is decided inside the compiled program."""

    def operations(self) -> dict[str, ImageLayer]:
        """The changes to choose from."""
        return {name: make(self) for name, make in OPERATIONS.items()}

    def _apply_one(self, images: Array, which: Array, drawn: Any, *, none: bool = False) -> Array:
        """The change number ``which`` (none at all for the number after the last one).

        Args:
            images: the images.
            which: an integer, traced or not: only the chosen change is computed.
            drawn: parameters of each change by name, or a key to draw those of the chosen one.
            none: whether there is such a number.
        """

        def step(name: str, layer: ImageLayer) -> Callable[[Array], Array]:
            def run(batch: Array) -> Array:
                given = drawn[name] if isinstance(drawn, Mapping) else layer.draw(drawn, _shape_of(batch))
                return layer.alter(batch, given).astype(batch.dtype)

            return run

        branches = [step(name, layer) for name, layer in self.operations().items()]
        if none:
            branches.append(lambda batch: batch)
        # Outside of a compiled program nothing but the change itself should be compiled.
        return jax.lax.switch(which, branches, images) if is_traced(which) else branches[int(which)](images)


def _fold(step: Callable[..., Array], start: Array, *columns: Any) -> Array:
    """Take a step for each row of the columns; in a compiled program the step is compiled once."""
    if any(is_traced(column) for column in columns):
        return jax.lax.scan(lambda value, row: (step(value, *row), None), start, columns)[0]
    for row in zip(*columns, strict=True):
        start = step(start, *row)
    return start


def _shape_of(images: Array) -> Shape:
    batch, height, width, channels = images.shape
    return batch, height, width, channels


def _count(value: Any) -> int:
    number = arg.integer(value)
    if number < 0:
        raise ValueError(f"expected an integer of at least 0, received {value!r}")
    return number


class RandAugment(_Chain):
    """A few changes, chosen at random from eleven, one after the other, in training.

    Which ones is chosen for each batch, how strongly for each image.

    Attributes:
        value_range: lowest and highest value of the images.
        num_ops: number of changes.
        factor: strength, from 0 to 1, or (lower, upper).
        interpolation: ``'bilinear'`` or ``'nearest'``.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.

    Source: Cubuk et al., 2019, "RandAugment: practical automated data augmentation with a reduced search space".
    """

    value_range: Any = value_range()
    num_ops: int = field(2, convert=_count)
    factor: Any = field(0.5, convert=bounds(0.0, 1.0))
    interpolation: str = field("bilinear", convert=arg.mode("bilinear", "nearest"))
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        which_key, draw_key = jax.random.split(key)
        layers = self.operations()
        keys = jax.random.split(draw_key, len(layers))
        return {
            "transforms": {name: layer.draw(k, shape) for (name, layer), k in zip(layers.items(), keys, strict=True)},
            "layer_idxes": jax.random.randint(which_key, (self.num_ops,), 0, len(OPERATIONS)),
        }

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        drawn = transformation["transforms"]
        return _fold(lambda batch, which: self._apply_one(batch, which, drawn), images, transformation["layer_idxes"])


class AugMix(_Chain):
    """Each image mixed from several chains of changes, chosen at random, and from itself, in training.

    Attributes:
        value_range: lowest and highest value of the images.
        num_chains: number of chains.
        chain_depth: changes in a chain.
        factor: strength, from 0 to 1, or (lower, upper).
        alpha: parameter of the distributions that the shares are drawn from.
        all_ops: False leaves out changes of brightness, colour, contrast and sharpness.
        interpolation: ``'bilinear'`` or ``'nearest'``.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.

    Source: Hendrycks et al., 2019, "AugMix: a simple data processing method to improve robustness and uncertainty".
    """

    value_range: Any = value_range()
    num_chains: int = field(3, convert=arg.positive)
    chain_depth: int = field(3, convert=arg.positive)
    factor: Any = field(0.3, convert=bounds(0.0, 1.0))
    alpha: float = field(1.0, convert=float)
    all_ops: bool = base.flag(True)
    interpolation: str = field("bilinear", convert=arg.mode("bilinear", "nearest"))
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def operations(self) -> dict[str, ImageLayer]:
        kept = super().operations()
        return kept if self.all_ops else {n: layer for n, layer in kept.items() if n not in COLOUR_OPERATIONS}

    def draw(self, key: Array, shape: Shape) -> dict[str, Any]:
        chains_key, weight_key, which_key, draw_key = jax.random.split(key, 4)
        places = (self.num_chains, self.chain_depth)
        shares = jax.random.gamma(chains_key, self.alpha, (shape[0], self.num_chains))
        return {
            "chain_mixing_weights": shares / jnp.sum(shares, axis=-1, keepdims=True),
            "weight_sample": jax.random.beta(weight_key, self.alpha, self.alpha, (shape[0],)),
            # One number more than there are changes: a place in a chain may stay empty.
            "layer_idxes": jax.random.randint(which_key, places, 0, len(self.operations()) + 1),
            "chain_transforms": jax.random.split(draw_key, places),
        }

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        weights = jnp.asarray(transformation["chain_mixing_weights"], images.dtype).T
        drawn = transformation["chain_transforms"]
        if isinstance(drawn, (list, tuple)):  # as Keras draws it: lists of changes with their parameters
            mixed = jnp.zeros_like(images)
            for chain, weight in zip(drawn, weights, strict=True):
                changed = images
                for each in chain:
                    changed = self.operations()[each["layer_name"]].alter(changed, each["transformation"])
                mixed = mixed + changed * per_image(weight)
        else:

            def step(batch: Array, which: Array, key: Array) -> Array:
                return self._apply_one(batch, which, key, none=True)

            def add_chain(mixed: Array, order: Array, keys: Array, weight: Array) -> Array:
                return mixed + _fold(step, images, order, keys) * per_image(weight)

            mixed = _fold(add_chain, jnp.zeros_like(images), transformation["layer_idxes"], drawn, weights)
        kept = per_image(transformation["weight_sample"], images.dtype)
        return jnp.clip(kept * images + (1 - kept) * mixed, *self.value_range)

"""Images of a random height or width: layers of tf.keras 2 that Keras 3 no longer has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import arguments as arg
from kjax.nn import image
from kjax.nn.layers import base
from kjax.nn.layers.preprocessing.base import ImageLayer, bounds, is_traced, uniform
from kjax.nn.value import field


class _RandomSize(ImageLayer):
    """Base of the two: one factor for each batch.

    Outside of compiled programs images leave in another size. A compiled program cannot give arrays a size at random:
    there they are stretched about their centre within the size that they have, and what comes in from outside is mirrored.
    """

    axis: ClassVar[int] = 1

    factor: Any = field(convert=bounds(-1.0, float("inf"), both=True, open_low=True))
    interpolation: str = field("bilinear", convert=arg.choice(*image.RESIZE_INTERPOLATIONS))
    seed: int | None = base.seed()
    data_format: str = base.data_format()

    def draw(self, key: Array, shape: tuple[int, int, int, int]) -> dict[str, Any]:
        return {"size_factor": 1.0 + uniform(key, self.factor, ()), "input_shape": self._given_shape(shape)}

    def open_axes(self, shape: tuple[Any, ...]) -> set[int]:
        """The axis whose size is open."""
        return {len(shape) - 3 + self.axis - (self.data_format == "channels_last")}

    def alter(self, images: Array, transformation: Mapping[str, Any]) -> Array:
        return self._stretch(images, transformation["size_factor"], self.interpolation)

    def alter_masks(self, masks: Array, transformation: Mapping[str, Any]) -> Array:
        return self._stretch(masks, transformation["size_factor"], "nearest")

    def alter_boxes(self, boxes: dict[str, Any], transformation: Any) -> dict[str, Any]:
        raise NotImplementedError(
            f"{base.describe(self)}: bounding boxes are not stretched; RandomZoom takes them along"
        )

    def _stretch(self, images: Array, factor: Any, how: str) -> Array:
        if not is_traced(factor):
            size = list(images.shape[1:3])
            size[self.axis - 1] = max(int(float(factor) * size[self.axis - 1]), 1)
            return image.resize(images, size, how)
        shown = 1.0 / factor
        start = 0.5 * (images.shape[self.axis] - 1) * (1.0 - shown)
        rows, columns = ((shown, start), (1.0, 0.0)) if self.axis == 1 else ((1.0, 0.0), (shown, start))
        matrix = jnp.stack([jnp.asarray(n, jnp.float32) for n in (columns[0], 0, columns[1], 0, *rows, 0, 0)])
        return image.affine_transform(images, matrix[None], "nearest" if how == "nearest" else "bilinear", "reflect")


class RandomHeight(_RandomSize):
    """Images made higher or lower at random in training.

    Outside of compiled programs they leave in another height. A compiled program cannot give arrays a size at random:
    there they are stretched about their centre within the height that they have.

    Attributes:
        factor: largest change as a part of the height, or (lower, upper): 0.2 gives 0.8 to 1.2 times the height.
        interpolation: one of :data:`kjax.nn.image.RESIZE_INTERPOLATIONS`.
        seed: tells apart layers; the key comes with ``rngs={'dropout': key}``.
        data_format: where the channels are.
    """

    axis = 1


class RandomWidth(_RandomSize):
    """Images made wider or narrower at random in training; see :class:`RandomHeight`."""

    axis = 2

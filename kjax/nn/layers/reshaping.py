"""Layers that rearrange, repeat, pad and cut the axes of an array."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Num

from kjax.nn import arguments as arg
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.ops import keras2
from kjax.nn.value import field

Pairs = tuple[tuple[int, int], ...]


class Flatten(Layer):
    """All axes but that of the batch as one: (batch, features)."""

    data_format: str = base.data_format()

    def call(self, inputs: Num[Array, "batch *shape"]) -> Num[Array, "batch features"]:
        base.require_rank(self, inputs, 1, at_least=True)
        if inputs.ndim > 2:
            inputs = base.to_channels_last(self, inputs)
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))


def _target_shape(value: Any) -> tuple[int, ...]:
    shape = tuple(arg.integer(n) for n in (value if hasattr(value, "__iter__") else (value,)))
    if shape.count(-1) > 1 or any(n < -1 for n in shape):
        raise ValueError(f"expected sizes of at least 0, at most one of them -1, received {value!r}")
    return shape


class Reshape(Layer):
    """The same values in another shape.

    Attributes:
        target_shape: the new sizes, without the batch axis; one may be -1, which is worked out.
    """

    target_shape: Any = field(convert=_target_shape)

    def call(self, inputs: Num[Array, "batch *shape"]) -> Num[Array, "batch *target_shape"]:
        base.require_rank(self, inputs, 1, at_least=True)
        size, known = math.prod(inputs.shape[1:]), math.prod(n for n in self.target_shape if n != -1)
        fits = size % known == 0 if -1 in self.target_shape and known else size == known
        if not fits:
            raise ValueError(
                f"{base.describe(self)}: The total size of the tensor must be unchanged: cannot give inputs of shape "
                f"{inputs.shape} the shape (batch, "
                f"{', '.join(map(str, self.target_shape))}) (argument `target_shape`)"
            )
        return inputs.reshape(inputs.shape[0], *(size // known if n == -1 else n for n in self.target_shape))


def _permutation(value: Any) -> tuple[int, ...]:
    dims = tuple(arg.integer(d) for d in value)
    if sorted(dims) != list(range(1, len(dims) + 1)):
        raise ValueError(f"expected the integers 1 to {len(dims)} in some order, received {value!r}")
    return dims


class Permute(Layer):
    """The axes in another order.

    Attributes:
        dims: the old axis, counted from 1 (the batch axis is not counted), at each new place.
    """

    dims: Any = field(convert=_permutation)

    def call(self, inputs: Num[Array, "batch *shape"]) -> Num[Array, "batch *permuted"]:
        base.require_rank(self, inputs, len(self.dims) + 1)
        return jnp.transpose(inputs, (0, *self.dims))


class RepeatVector(Layer):
    """(batch, features) repeated to (batch, n, features)."""

    n: int = field(convert=arg.positive)

    def call(self, inputs: Num[Array, "batch features"]) -> Num[Array, "batch n features"]:
        base.require_rank(self, inputs, 2)
        return jnp.broadcast_to(inputs[:, None, :], (inputs.shape[0], self.n, inputs.shape[1]))


def _sides(rank: int) -> Any:
    return arg.sizes(2, minimum=0) if rank == 1 else arg.pairs(rank)


def _as_pairs(rank: int, sides: Any) -> Pairs:
    return (sides,) if rank == 1 else sides


class _ZeroPadding(Layer):
    """Zeros around the spatial axes.

    Attributes:
        padding: one number for all sides, one for each axis, or a pair (before, after) for each axis; over time:
            one number for both sides, or (before, after).
        data_format: where the channels are.
    """

    padding: Any = field(1, convert=_sides, ranked=True)
    data_format: str = base.data_format()

    rank: ClassVar[int]

    def call(self, inputs: Num[Array, "batch *spatial_and_channels"]) -> Num[Array, "batch *padded"]:
        base.require_rank(self, inputs, self.rank + 2)
        widths = [(0, 0)] * inputs.ndim
        for axis, pair in zip(base.spatial_axes(self, inputs.ndim), _as_pairs(self.rank, self.padding), strict=True):
            widths[axis] = pair
        return jnp.pad(inputs, widths)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after the time steps."""

    rank = 1


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images."""

    rank = 2


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes."""

    rank = 3


class _Cropping(Layer):
    """Margins cut off the spatial axes; ``cropping`` is given as the ``padding`` of the zero padding layers."""

    rank: ClassVar[int]

    def call(self, inputs: Num[Array, "batch *spatial_and_channels"]) -> Num[Array, "batch *cropped"]:
        base.require_rank(self, inputs, self.rank + 2)
        layer: Any = self
        axes = (1,) if self.rank == 1 else base.spatial_axes(self, inputs.ndim)
        slices = [slice(None)] * inputs.ndim
        for axis, (before, after) in zip(axes, _as_pairs(self.rank, layer.cropping), strict=True):
            size = inputs.shape[axis]
            if isinstance(size, int) and before + after >= size:
                raise ValueError(
                    f"{base.describe(self)}: argument `cropping` takes {before} + {after} off axis {axis} "
                    f"of inputs of shape {inputs.shape}, which leaves nothing: it should be smaller than the corresponding "
                    "spatial dimension of the input"
                )
            slices[axis] = slice(before, size - after)
        return inputs[tuple(slices)]


class Cropping1D(_Cropping):
    """Time steps cut off at both ends."""

    cropping: Any = field(1, convert=_sides, ranked=True)

    rank = 1


class Cropping2D(_Cropping):
    """Margins cut off images."""

    cropping: Any = field(0, convert=_sides, ranked=True)
    data_format: str = base.data_format()

    rank = 2


class Cropping3D(_Cropping):
    """Margins cut off volumes."""

    cropping: Any = field(1, convert=_sides, ranked=True)
    data_format: str = base.data_format()

    rank = 3


def _repeat(inputs: Array, axes: tuple[int, ...], size: tuple[int, ...]) -> Array:
    for axis, count in zip(axes, size, strict=True):
        if count > 1:
            inputs = jnp.repeat(inputs, count, axis=axis)
    return inputs


class UpSampling1D(Layer):
    """Each time step repeated ``size`` times."""

    size: int = field(2, convert=arg.positive)

    def call(self, inputs: Num[Array, "batch steps channels"]) -> Array:
        base.require_rank(self, inputs, 3)
        return _repeat(inputs, (1,), (self.size,))


_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "bilinear_keras2")


class UpSampling2D(Layer):
    """Images enlarged by whole factors.

    Attributes:
        size: one factor, or one each for height and width.
        data_format: where the channels are.
        interpolation: ``'nearest'`` (repeats pixels), ``'bilinear'``, ``'bicubic'``, ``'lanczos3'``, ``'lanczos5'``, or
            ``'bilinear_keras2'``: what ``'bilinear'`` was in Keras 2, with pixels as points at their upper left corners.
    """

    size: Any = field((2, 2), convert=arg.sizes(2))
    data_format: str = base.data_format()
    interpolation: str = field("nearest", convert=arg.choice(*_INTERPOLATIONS))

    methods: ClassVar[dict[str, str]] = {"bilinear": "linear", "bicubic": "cubic"}

    def call(self, inputs: Num[Array, "batch height width channels"]) -> Array:
        base.require_rank(self, inputs, 4)
        axes = base.spatial_axes(self, 4)
        if self.interpolation == "nearest":
            return _repeat(inputs, axes, self.size)
        factors = dict(zip(axes, self.size, strict=True))
        if self.interpolation == "bilinear_keras2":
            for axis, factor in factors.items():
                inputs = keras2.stretched(inputs, axis, factor)
            return inputs
        shape = tuple(n * factors.get(axis, 1) for axis, n in enumerate(inputs.shape))
        method = self.methods.get(self.interpolation, self.interpolation)
        return jax.image.resize(inputs, shape, method, antialias=False)


class UpSampling3D(Layer):
    """Each voxel repeated.

    Attributes:
        size: one factor, or one for each spatial axis.
        data_format: where the channels are.
    """

    size: Any = field((2, 2, 2), convert=arg.sizes(3))
    data_format: str = base.data_format()

    def call(self, inputs: Num[Array, "batch depth height width channels"]) -> Array:
        base.require_rank(self, inputs, 5)
        return _repeat(inputs, base.spatial_axes(self, 5), self.size)

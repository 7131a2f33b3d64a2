"""Pooling: the maximum or mean of windows, of a whole axis, or of a given number of windows."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn import arguments as arg
from kjax.nn import lowering
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.ops.convolution import adaptive_average_pool, adaptive_max_pool
from kjax.nn.value import field


def _optional_sizes(rank: int) -> Any:
    return arg.optional(arg.sizes(rank))


class _Pooling(Layer):
    """Base of the layers that pool windows.

    Attributes:
        pool_size: size of the windows.
        strides: distance between windows; ``pool_size`` by default.
        padding: ``'valid'`` or ``'same'``.
        data_format: where the channels are.
    """

    pool_size: Any = field(convert=arg.sizes, ranked=True)
    strides: Any = field(None, convert=_optional_sizes, ranked=True)
    padding: str = field("valid", convert=arg.padding)
    data_format: str = base.data_format()

    rank: ClassVar[int]
    of: ClassVar[str] = "average"

    def call(self, inputs: Float[Array, "batch *spatial_and_channels"]) -> Float[Array, "batch *pooled"]:
        base.require_rank(self, inputs, self.rank + 2)
        strides = self.pool_size if self.strides is None else self.strides
        sizes = [inputs.shape[axis] for axis in base.spatial_axes(self, inputs.ndim)]
        if self.padding == "valid" and any(
            isinstance(n, int) and n < size for n, size in zip(sizes, self.pool_size, strict=True)
        ):
            raise ValueError(
                f"{base.describe(self)}: windows of `pool_size` {self.pool_size} do not fit into inputs of shape "
                f"{inputs.shape} with padding='valid'"
            )
        pool = lowering.max_pool if self.of == "max" else lowering.avg_pool
        x = base.to_channels_last(self, inputs)
        return base.from_channels_last(self, pool(x, self.pool_size, strides=strides, padding=self.padding))


class _MaxPooling(_Pooling):
    pool_size: Any = field(2, convert=arg.sizes, ranked=True)

    of = "max"


class MaxPooling1D(_MaxPooling):
    """The maximum of each window of time steps."""

    rank = 1


class MaxPooling2D(_MaxPooling):
    """The maximum of each window of images."""

    rank = 2


class MaxPooling3D(_MaxPooling):
    """The maximum of each window of volumes."""

    rank = 3


class AveragePooling1D(_Pooling):
    """The mean of each window of time steps, padding not counted."""

    rank = 1


class AveragePooling2D(_Pooling):
    """The mean of each window of images, padding not counted."""

    rank = 2


class AveragePooling3D(_Pooling):
    """The mean of each window of volumes, padding not counted."""

    rank = 3


class _GlobalPooling(Layer):
    """Base of the layers that pool whole spatial axes.

    Attributes:
        data_format: where the channels are.
        keepdims: keep the pooled axes with size 1.
    """

    data_format: str = base.data_format()
    keepdims: bool = base.flag(False)

    rank: ClassVar[int]
    of: ClassVar[str]

    def call(self, inputs: Float[Array, "batch *spatial_and_channels"]) -> Float[Array, "batch *channels"]:
        base.require_rank(self, inputs, self.rank + 2)
        pool = jnp.max if self.of == "max" else jnp.mean
        return pool(inputs, axis=base.spatial_axes(self, inputs.ndim), keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalPooling):
    """The maximum over all time steps."""

    rank, of = 1, "max"


class GlobalMaxPooling2D(_GlobalPooling):
    """The maximum over all pixels."""

    rank, of = 2, "max"


class GlobalMaxPooling3D(_GlobalPooling):
    """The maximum over all voxels."""

    rank, of = 3, "max"


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean over the time steps that count."""

    rank, of = 1, "average"
    supports_masking = True

    def call(self, inputs: Float[Array, "batch steps channels"], mask: Any = None) -> Float[Array, "batch *channels"]:
        if mask is None:
            return super().call(inputs)
        base.require_rank(self, inputs, 3)
        (axis,) = base.spatial_axes(self, 3)
        counts = jnp.expand_dims(jnp.asarray(mask, bool), 2 if axis == 1 else 1)
        total = jnp.sum(jnp.where(counts, inputs, jnp.zeros((), inputs.dtype)), axis=axis, keepdims=self.keepdims)
        return total / jnp.sum(counts.astype(inputs.dtype), axis=axis, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any) -> None:
        """None: there are no time steps left."""
        return None


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean over all pixels."""

    rank, of = 2, "average"


class GlobalAveragePooling3D(_GlobalPooling):
    """The mean over all voxels."""

    rank, of = 3, "average"


class _AdaptivePooling(Layer):
    """Base of the layers that pool each spatial axis to a given size, by windows of nearly equal sizes.

    Window ``i`` of ``n`` over an axis of size ``s`` goes from ``floor(i * s / n)`` to ``ceil((i + 1) * s / n)``.

    Attributes:
        output_size: sizes of the output's spatial axes.
        data_format: where the channels are.
    """

    output_size: Any = field(convert=arg.sizes, ranked=True)
    data_format: str = base.data_format()

    rank: ClassVar[int]
    of: ClassVar[str] = "average"

    def call(self, inputs: Float[Array, "batch *spatial_and_channels"]) -> Float[Array, "batch *pooled"]:
        base.require_rank(self, inputs, self.rank + 2)
        pool = adaptive_max_pool if self.of == "max" else adaptive_average_pool
        return pool(inputs, self.output_size, self.data_format)


class _AdaptiveMaxPooling(_AdaptivePooling):
    of = "max"


class AdaptiveAveragePooling1D(_AdaptivePooling):
    """The mean of a given number of windows of time steps."""

    rank = 1


class AdaptiveAveragePooling2D(_AdaptivePooling):
    """The mean of a given number of windows of images."""

    rank = 2


class AdaptiveAveragePooling3D(_AdaptivePooling):
    """The mean of a given number of windows of volumes."""

    rank = 3


class AdaptiveMaxPooling1D(_AdaptiveMaxPooling):
    """The maximum of a given number of windows of time steps."""

    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMaxPooling):
    """The maximum of a given number of windows of images."""

    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMaxPooling):
    """The maximum of a given number of windows of volumes."""

    rank = 3

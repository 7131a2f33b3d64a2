"""Locally connected layers: convolutions with a kernel of its own at each place (Keras 2)."""

from __future__ import annotations

import itertools
import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn import arguments as arg
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.value import field


class _LocallyConnected(Layer):
    """The body of LocallyConnected1D and LocallyConnected2D.

    Weights: ``kernel`` (places, prod(kernel_size) * channels, filters), ``bias`` (*places along each axis, filters).
    With ``channels_first`` images the second axis of the kernel goes over the channels first, as in Keras 2.

    Attributes:
        filters: number of output channels.
        kernel_size: size of the window.
        strides: distance between windows.
        padding: ``'valid'``.
        data_format: where the channels are.
    """

    filters: int = field(convert=arg.positive)
    kernel_size: Any = field(convert=arg.sizes, ranked=True)
    strides: Any = field(1, convert=arg.sizes, ranked=True)
    padding: str = field("valid", convert=arg.choice("valid"))
    data_format: str = base.data_format()
    activation: Any = base.activation()
    use_bias: bool = base.flag(True)
    kernel_initializer: Any = base.initializer("glorot_uniform")
    bias_initializer: Any = base.initializer("zeros")
    kernel_regularizer: Any = base.regularizer()
    bias_regularizer: Any = base.regularizer()
    kernel_constraint: Any = base.constraint()
    bias_constraint: Any = base.constraint()

    rank: ClassVar[int]

    def call(self, inputs: Float[Array, "batch *spatial_and_channels"]) -> Float[Array, "batch *spatial_and_filters"]:
        base.require_rank(self, inputs, self.rank + 2)
        x = base.to_channels_last(self, inputs)
        counts = tuple(
            (size - window) // stride + 1
            for size, window, stride in zip(x.shape[1:-1], self.kernel_size, self.strides, strict=True)
        )
        if min(counts) < 1:
            raise ValueError(
                f"{base.describe(self)}: inputs of shape {inputs.shape} are too small for `kernel_size` {self.kernel_size}"
            )
        windows = [
            x[
                :,
                *(slice(o, o + s * (n - 1) + 1, s) for o, s, n in zip(offset, self.strides, counts, strict=True)),
            ]
            for offset in itertools.product(*map(range, self.kernel_size))
        ]
        over_channels_first = self.data_format == "channels_first" and self.rank > 1
        patches = jnp.stack(windows, axis=-1 if over_channels_first else -2)
        places, features = math.prod(counts), math.prod(self.kernel_size) * x.shape[-1]
        patches = patches.reshape(x.shape[0], places, features)
        kernel = base.declared_weight(self, "kernel", (places, features, self.filters))
        y = jnp.einsum("bpi,pif->bpf", patches, kernel).reshape(x.shape[0], *counts, self.filters)
        if self.use_bias:
            bias = base.declared_weight(self, "bias", (*counts, self.filters))
            if over_channels_first:  # Keras reads the same numbers in the order of the output
                bias = jnp.moveaxis(bias.reshape(self.filters, *counts), 0, -1)
            y = y + bias[None]
        return base.from_channels_last(self, base.activate(self.activation, y))


class LocallyConnected1D(_LocallyConnected):
    """Locally connected layer over time."""

    rank = 1


class LocallyConnected2D(_LocallyConnected):
    """Locally connected layer over images."""

    rank = 2

"""Convolutions over one, two and three spatial axes."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn import arguments as arg
from kjax.nn.layers import windows as lowering
from kjax.nn.layers import base
from kjax.nn.module import Layer
from kjax.nn.value import ArgumentError, field


class _Convolution(Layer):
    """Base of all convolutions: checks, the data format, bias and activation."""

    rank: ClassVar[int]

    def __post_init__(self) -> None:
        super().__post_init__()
        layer: Any = self
        if max(layer.strides) > 1 and max(layer.dilation_rate) > 1 and not self.strides_with_dilation:
            raise ArgumentError(
                f"{type(self).__name__}: arguments `strides` {layer.strides} and `dilation_rate` "
                f"{layer.dilation_rate} cannot both be greater than 1"
            )

    strides_with_dilation: ClassVar[bool] = False

    def call(self, inputs: Float[Array, "batch *spatial_and_channels"]) -> Float[Array, "batch *spatial_and_filters"]:
        base.require_rank(self, inputs, self.rank + 2)
        layer: Any = self
        x = base.to_channels_last(self, inputs)
        x = self.convolve(x)
        if 0 in x.shape[1:-1]:
            raise ValueError(
                f"{base.describe(self)}: inputs of shape {inputs.shape} are too small for `kernel_size` "
                f"{layer.kernel_size}, `dilation_rate` {layer.dilation_rate} and padding={layer.padding!r}"
            )
        bias = base.declared_weight(self, "bias", (x.shape[-1],)) if layer.use_bias else None
        return base.from_channels_last(self, base.activate(layer.activation, base.add_bias(x, bias)))

    def convolve(self, x: Float[Array, "batch *spatial channels"]) -> Float[Array, "batch *spatial filters"]:
        """The convolution itself, channels last."""
        raise NotImplementedError


def _padding(rank: int) -> Any:
    return arg.choice("valid", "same", "causal") if rank == 1 else arg.padding


class _Conv(_Convolution):
    """The body of Conv1D, Conv2D, Conv3D.

    Weights: ``kernel`` (*kernel_size, channels / groups, filters), ``bias`` (filters,).

    Attributes:
        filters: number of output channels.
        kernel_size: size of the window.
        strides: distance between windows.
        padding: ``'valid'``, ``'same'`` or, over time, ``'causal'`` (an output sees no later inputs).
        data_format: where the channels are.
        dilation_rate: distance between the points of a window.
        groups: number of groups of channels that are convolved apart.
    """

    filters: int = field(convert=arg.positive)
    kernel_size: tuple[int, ...] = field(convert=arg.sizes, ranked=True)
    strides: tuple[int, ...] = field(1, convert=arg.sizes, ranked=True)
    padding: str = field("valid", convert=_padding, ranked=True)
    data_format: str = base.data_format()
    dilation_rate: tuple[int, ...] = field(1, convert=arg.sizes, ranked=True)
    groups: int = field(1, convert=arg.positive)
    activation: Any = base.activation()
    use_bias: bool = base.flag(True)
    kernel_initializer: Any = base.initializer("glorot_uniform")
    bias_initializer: Any = base.initializer("zeros")
    kernel_regularizer: Any = base.regularizer()
    bias_regularizer: Any = base.regularizer()
    kernel_constraint: Any = base.constraint()
    bias_constraint: Any = base.constraint()

    def __post_init__(self) -> None:
        super().__post_init__()
        layer: Any = self
        if layer.filters % layer.groups:
            raise ArgumentError(
                f"{type(self).__name__}: argument `filters`: {layer.filters} is no multiple of `groups` {layer.groups}"
            )

    def convolve(self, x: Float[Array, "batch *spatial channels"]) -> Float[Array, "batch *spatial filters"]:
        layer: Any = self
        channels = x.shape[-1]
        if channels % layer.groups:
            raise ValueError(
                f"{base.describe(self)}: argument `groups` {layer.groups} does not divide the {channels} channels "
                "of the inputs"
            )
        kernel = base.declared_weight(self, "kernel", (*layer.kernel_size, channels // layer.groups, layer.filters))
        padding = layer.padding
        if padding == "causal":
            before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
            x, padding = jnp.pad(x, ((0, 0), (before, 0), (0, 0))), "valid"
        return lowering.conv(
            x,
            kernel,
            strides=layer.strides,
            padding=padding,
            dilation=layer.dilation_rate,
            groups=layer.groups,
        )


class Conv1D(_Conv):
    """Convolution over time."""

    rank = 1


class Conv2D(_Conv):
    """Convolution over images."""

    rank = 2


class Conv3D(_Conv):
    """Convolution over volumes."""

    rank = 3

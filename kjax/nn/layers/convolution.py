"""Convolutions over one, two and three spatial axes: plain, transposed, depthwise, separable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn import arguments as arg
from kjax.nn import lowering
from kjax.nn.layers import base, low_rank
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
                f"{layer.dilation_rate} cannot both be greater than 1: `strides > 1` not supported in conjunction with `dilation_rate > 1`"
            )

    strides_with_dilation: ClassVar[bool] = False

    @property
    def activates_last(self) -> bool:
        """Whether the activation is of the outputs as they are: it sees the channels last."""
        return self.data_format == "channels_last"  # type: ignore[attr-defined]

    def call(self, inputs: Float[Array, "batch *spatial_and_channels"]) -> Float[Array, "batch *spatial_and_filters"]:
        base.require_rank(self, inputs, self.rank + 2)
        layer: Any = self
        x = self.convolve(base.to_channels_last(self, inputs))
        if any(isinstance(n, int) and n < 1 for n in x.shape[1:-1]):
            raise ValueError(
                f"{base.describe(self)}: inputs of shape {inputs.shape} are too small (Computed output size would be zero or negative) for `kernel_size` "
                f"{layer.kernel_size}, `dilation_rate` {layer.dilation_rate} and padding={layer.padding!r}"
            )
        bias = base.declared_weight(self, "bias", (x.shape[-1],)) if layer.use_bias else None
        return base.from_channels_last(self, base.activate(layer.activation, base.add_bias(x, bias)))

    def convolve(self, x: Float[Array, "batch *spatial channels"]) -> Float[Array, "batch ... filters"]:
        """The convolution itself, channels last."""
        raise NotImplementedError

    def _over_batch_axes(self, call: Callable[[Array], Array], inputs: Array) -> Array:
        """Call with all axes before those of a single example as one axis, and take them apart again."""
        more = jnp.ndim(inputs) - (self.rank + 2)
        if more <= 0:
            return call(inputs)
        leading = inputs.shape[: more + 1]
        outputs = call(inputs.reshape(-1, *inputs.shape[more + 1 :]))
        return outputs.reshape(*leading, *outputs.shape[1:])


def _padding(rank: int) -> Any:
    return arg.choice("valid", "same", "causal") if rank == 1 else arg.padding


class _Conv(_Convolution):
    """The body of Conv1D, Conv2D, Conv3D. Inputs may have several axes for the batch, which are kept.

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
    kernel_size: Any = field(convert=arg.sizes, ranked=True)
    strides: Any = field(1, convert=arg.sizes, ranked=True)
    padding: str = field("valid", convert=_padding, ranked=True)
    data_format: str = base.data_format()
    dilation_rate: Any = field(1, convert=arg.sizes, ranked=True)
    groups: int = field(1, convert=arg.positive)
    activation: Any = base.activation()
    use_bias: bool = base.flag(True)
    kernel_initializer: Any = base.initializer("glorot_uniform")
    bias_initializer: Any = base.initializer("zeros")
    kernel_regularizer: Any = base.regularizer()
    bias_regularizer: Any = base.regularizer()
    kernel_constraint: Any = base.constraint()
    bias_constraint: Any = base.constraint()
    lora_rank: int | None = low_rank.rank_field(kw_only=True)
    lora_alpha: float | None = low_rank.alpha_field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        low_rank.check(self, "kernel")
        layer: Any = self
        if layer.filters % layer.groups:
            raise ArgumentError(
                f"{type(self).__name__}: The number of filters must be evenly divisible by the number of groups: "
                f"argument `filters`: {layer.filters} is no multiple of `groups` {layer.groups}"
            )

    def call(self, inputs: Float[Array, "batch *more_and_channels"]) -> Float[Array, "batch *more_and_filters"]:
        return self._over_batch_axes(super().call, inputs)

    def convolve(self, x: Float[Array, "batch *spatial channels"]) -> Float[Array, "batch ... filters"]:
        layer: Any = self
        channels = x.shape[-1]
        if channels % layer.groups:
            raise ValueError(
                f"{base.describe(self)}: The number of input channels must be evenly divisible by the number of groups: "
                f"argument `groups` {layer.groups} does not divide the {channels} channels "
                "of the inputs"
            )
        shape = (*layer.kernel_size, channels // layer.groups, layer.filters)
        kernel = base.declared_weight(self, "kernel", shape, frozen=bool(layer.lora_rank))
        kernel = low_rank.adapted(self, "kernel", kernel)
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


class _DepthwiseConv(_Convolution):
    """The body of DepthwiseConv1D and DepthwiseConv2D: each channel convolved by itself.

    Weights: ``kernel`` (*kernel_size, channels, depth_multiplier), ``bias`` (channels * depth_multiplier,).

    Attributes:
        depth_multiplier: number of output channels for each input channel; the others as for plain convolutions.
    """

    kernel_size: Any = field(convert=arg.sizes, ranked=True)
    strides: Any = field(1, convert=arg.sizes, ranked=True)
    padding: str = field("valid", convert=arg.padding)
    depth_multiplier: int = field(1, convert=arg.positive)
    data_format: str = base.data_format()
    dilation_rate: Any = field(1, convert=arg.sizes, ranked=True)
    activation: Any = base.activation()
    use_bias: bool = base.flag(True)
    depthwise_initializer: Any = base.initializer("glorot_uniform")
    bias_initializer: Any = base.initializer("zeros")
    depthwise_regularizer: Any = base.regularizer()
    bias_regularizer: Any = base.regularizer()
    depthwise_constraint: Any = base.constraint()
    bias_constraint: Any = base.constraint()

    strides_with_dilation = True

    def convolve(self, x: Float[Array, "batch *spatial channels"]) -> Float[Array, "batch ... filters"]:
        return _depthwise(self, "kernel", x)


def _depthwise(layer: Any, name: str, x: Array) -> Array:
    channels = x.shape[-1]
    shape = (*layer.kernel_size, channels, layer.depth_multiplier)
    kernel = base.declared_weight(layer, name, shape, "depthwise")
    return lowering.conv(
        x,
        kernel.reshape(*layer.kernel_size, 1, channels * layer.depth_multiplier),
        strides=layer.strides,
        padding=layer.padding,
        dilation=layer.dilation_rate,
        groups=channels,
    )


class DepthwiseConv1D(_DepthwiseConv):
    """Depthwise convolution over time."""

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Depthwise convolution over images."""

    rank = 2


class _SeparableConv(_Convolution):
    """The body of SeparableConv1D and SeparableConv2D: a depthwise convolution, then one of windows of size 1.

    Weights: ``depthwise_kernel`` (*kernel_size, channels, depth_multiplier), ``pointwise_kernel`` (1, ..., channels *
    depth_multiplier, filters), ``bias`` (filters,).

    Attributes:
        filters: number of output channels.
        depth_multiplier: number of channels between the two for each input channel; the others as for plain
            convolutions.
    """

    filters: int = field(convert=arg.positive)
    kernel_size: Any = field(convert=arg.sizes, ranked=True)
    strides: Any = field(1, convert=arg.sizes, ranked=True)
    padding: str = field("valid", convert=arg.padding)
    data_format: str = base.data_format()
    dilation_rate: Any = field(1, convert=arg.sizes, ranked=True)
    depth_multiplier: int = field(1, convert=arg.positive)
    activation: Any = base.activation()
    use_bias: bool = base.flag(True)
    depthwise_initializer: Any = base.initializer("glorot_uniform")
    pointwise_initializer: Any = base.initializer("glorot_uniform")
    bias_initializer: Any = base.initializer("zeros")
    depthwise_regularizer: Any = base.regularizer()
    pointwise_regularizer: Any = base.regularizer()
    bias_regularizer: Any = base.regularizer()
    depthwise_constraint: Any = base.constraint()
    pointwise_constraint: Any = base.constraint()
    bias_constraint: Any = base.constraint()

    strides_with_dilation = True

    def convolve(self, x: Float[Array, "batch *spatial channels"]) -> Float[Array, "batch ... filters"]:
        x = _depthwise(self, "depthwise_kernel", x)
        shape = (*(1,) * self.rank, x.shape[-1], self.filters)
        pointwise = base.declared_weight(self, "pointwise_kernel", shape, "pointwise")
        return lowering.product(x, pointwise.reshape(shape[-2:]))


class SeparableConv1D(_SeparableConv):
    """Depthwise separable convolution over time."""

    rank = 1


class SeparableConv2D(_SeparableConv):
    """Depthwise separable convolution over images."""

    rank = 2


def _optional_sizes(rank: int) -> Any:
    return arg.optional(arg.sizes(rank, minimum=0))


class _ConvTranspose(_Convolution):
    """The body of Conv1DTranspose, Conv2DTranspose, Conv3DTranspose: the gradient of a convolution by its inputs.

    Weights: ``kernel`` (*kernel_size, filters, channels), ``bias`` (filters,).

    Attributes:
        filters: number of output channels.
        strides: factor by which the output is larger.
        padding: ``'valid'``: as large as needed; ``'same'``: ``strides`` times the inputs.
        output_padding: sizes added at the end of each axis, instead of what the padding implies; the others as for
            plain convolutions.
    """

    filters: int = field(convert=arg.positive)
    kernel_size: Any = field(convert=arg.sizes, ranked=True)
    strides: Any = field(1, convert=arg.sizes, ranked=True)
    padding: str = field("valid", convert=arg.padding)
    output_padding: Any = field(None, convert=_optional_sizes, ranked=True)
    data_format: str = base.data_format()
    dilation_rate: Any = field(1, convert=arg.sizes, ranked=True)
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
        padding: Any = self.output_padding
        if padding is not None and any(p >= s for p, s in zip(padding, self.strides, strict=True)):
            raise ArgumentError(
                f"{type(self).__name__}: argument `output_padding` {padding} must be smaller than `strides` {self.strides}"
            )

    def convolve(self, x: Float[Array, "batch *spatial channels"]) -> Float[Array, "batch ... filters"]:
        kernel = base.declared_weight(self, "kernel", (*self.kernel_size, self.filters, x.shape[-1]))
        extra = (None,) * self.rank if self.output_padding is None else self.output_padding
        reach = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]
        padding = [
            lowering.transposed_pads(r, s, self.padding, e) for r, s, e in zip(reach, self.strides, extra, strict=True)
        ]
        return lowering.conv_transpose(x, kernel, strides=self.strides, padding=padding, dilation=self.dilation_rate)


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution over time."""

    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution over images."""

    rank = 2


class _FormatFirst(_Convolution):
    """Puts ``data_format`` before ``output_padding``, as Keras has it for volumes only."""

    filters: int = field(convert=arg.positive)
    kernel_size: Any = field(convert=arg.sizes, ranked=True)
    strides: Any = field(1, convert=arg.sizes, ranked=True)
    padding: str = field("valid", convert=arg.padding)
    data_format: str = base.data_format()


class Conv3DTranspose(_ConvTranspose, _FormatFirst):
    """Transposed convolution over volumes."""

    rank = 3

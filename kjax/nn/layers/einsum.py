"""A dense layer of any rank, described by an einsum equation."""

from __future__ import annotations

import dataclasses
import functools
import re
import string
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn import arguments as arg
from kjax.nn.initializers import VarianceScaling
from kjax.nn.layers import base, low_rank
from kjax.nn.lowering import product
from kjax.nn.module import Layer
from kjax.nn.quantization import float8
from kjax.nn.quantization import product as quantized
from kjax.nn.quantization.contraction import Contraction
from kjax.nn.value import field

_FORMS = (
    r"(?P<left>)(?P<x>[a-zA-Z]+),(?P<w>[a-zA-Z]+)->(?P<y>[a-zA-Z]+)",
    r"(?P<left>\.\.\.)(?P<x>[a-zA-Z]+),(?P<w>[a-zA-Z]+)->\.\.\.(?P<y>[a-zA-Z]+)",
    r"(?P<left>)(?P<x>[a-zA-Z]+)\.\.\.,(?P<w>[a-zA-Z]+)->(?P<y>[a-zA-Z]+)\.\.\.",
)


def _equation(value: Any) -> str:
    text = str(value).replace(" ", "")
    if not any(re.fullmatch(form, text) for form in _FORMS):
        raise ValueError(f"expected the form 'ab,bc->ac', '...ab,bc->...ac' or 'ab...,bc->ac...', received {value!r}")
    return text


def _output_shape(value: Any) -> tuple[int | None, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


@dataclasses.dataclass(frozen=True)
class _Sizes:
    """What an equation and a shape of inputs say of the weights."""

    kernel: tuple[int, ...]
    bias: tuple[int, ...] | None
    input_axes: tuple[int, ...]
    output_axes: tuple[int, ...]


class EinsumDense(Layer):
    """``activation(einsum(equation, inputs, kernel) + bias)``.

    Weights: ``kernel`` and ``bias``, of the sizes that equation, inputs and ``output_shape`` give.

    Attributes:
        equation: einsum equation of inputs and kernel, such as ``'abc,cd->abd'`` or ``'...x,xy->...y'``.
        output_shape: shape of the output without the batch axis (and without what ``...`` stands for); None where the
            size follows from the inputs.
        activation: activation function.
        bias_axes: letters of the output along which the bias varies, or None: no bias.
        gptq_unpacked_column_size: outputs of a kernel that GPTQ quantized; known from the shapes.
    """

    equation: str = field(convert=_equation)
    output_shape: Any = field(convert=_output_shape)
    activation: Any = base.activation()
    bias_axes: str | None = field(None)
    kernel_initializer: Any = base.initializer("glorot_uniform")
    bias_initializer: Any = base.initializer("zeros")
    kernel_regularizer: Any = base.regularizer()
    bias_regularizer: Any = base.regularizer()
    kernel_constraint: Any = base.constraint()
    bias_constraint: Any = base.constraint()
    lora_rank: int | None = low_rank.rank_field()
    lora_alpha: float | None = low_rank.alpha_field()
    gptq_unpacked_column_size: int | None = field(None, convert=arg.optional(arg.positive))
    quantization_config: Any = quantized.config_field()
    calibrated: bool = quantized.calibrated_field()

    supports_masking = False
    activates_last = True

    def __post_init__(self) -> None:
        super().__post_init__()
        low_rank.check(self, "kernel")

    def call(self, inputs: Float[Array, "*shape"]) -> Float[Array, "*output_shape"]:
        sizes = self._sizes(inputs.shape)
        start = self.kernel_initializer
        if isinstance(start, VarianceScaling) and (start.input_axes is None or start.output_axes is None):
            # Which axes are inputs follows from the equation and not from their order.
            axes = {"input_axes": sizes.input_axes, "output_axes": sizes.output_axes}
            start = type(start).from_config({**start.get_config(), **axes})
        kernel = functools.partial(
            base.declared_weight, self, "kernel", sizes.kernel, initializer=start, frozen=bool(self.lora_rank)
        )
        mode, how = quantized.mode_of(self), self.contraction(inputs.ndim, sizes.kernel)
        outputs = kernel() if mode is None else quantized.product(self, inputs, how, kernel)
        bias = None if sizes.bias is None else base.declared_weight(self, "bias", sizes.bias)
        if mode is None:
            matrix = low_rank.adapted(self, "kernel", outputs)
            outputs = product(inputs, matrix) if how.is_dense else jnp.einsum(self.equation, inputs, matrix)
        else:
            outputs = low_rank.added(self, "kernel", how, inputs, outputs)
        if bias is not None:
            bias = float8.rounded_bias(self, bias) if mode == "float8" else bias
            outputs = outputs + bias.reshape((1,) * (outputs.ndim - bias.ndim) + bias.shape)
        return base.activate(self.activation, outputs)

    @nn.nowrap
    def contraction(self, ndim: int, kernel: tuple[int, ...]) -> Contraction:
        """The product of inputs of ``ndim`` axes with a kernel of a shape: the equation with letters for ``...``."""
        match = next(filter(None, (re.fullmatch(form, self.equation) for form in _FORMS)))
        x, w, y = match["x"], match["w"], match["y"]
        unused = (letter for letter in string.ascii_letters if letter not in x + w + y)
        more = "".join(next(unused) for _ in range(ndim - len(x)))
        named = zip(y if match["left"] and more else y[1:], self.output_shape, strict=False)
        free = tuple((letter, size) for letter, size in named if size is not None and letter not in w)
        if match["left"]:
            return Contraction(more + x, w, more + y, tuple(kernel), free=free)
        return Contraction(x + more, w, y + more, tuple(kernel), free=free)

    def open_axes(self, shape: tuple[Any, ...]) -> list[int]:
        """Axes of the output, for inputs of a shape, whose sizes Keras shows as unknown: None in ``output_shape``."""
        match = next(filter(None, (re.fullmatch(form, self.equation) for form in _FORMS)))
        first = (len(shape) - len(match["x"]) if match["left"] else 0) or 1
        return [first + i for i, size in enumerate(self.output_shape) if size is None]

    def _sizes(self, shape: tuple[Any, ...]) -> _Sizes:
        match = next(filter(None, (re.fullmatch(form, self.equation) for form in _FORMS)))
        x, w, y = match["x"], match["w"], match["y"]
        elided = len(shape) - len(x)
        if elided < 0 or (elided and "..." not in self.equation):
            self._refuse(f"inputs of shape {shape} do not have the axes of {x!r}")
        left = bool(match["left"])
        skipped = elided if left else 0
        known: dict[str, Any] = {letter: shape[skipped + i] for i, letter in enumerate(x)}
        # The given sizes start after the batch axis, which is the first letter unless `...` stands for it.
        letters = y if skipped else y[1:]
        if len(letters) != len(self.output_shape):
            self._refuse(f"argument `output_shape` {self.output_shape} must have {len(letters)} sizes, for {letters!r}")
        for letter, size in zip(letters, self.output_shape, strict=True):
            if size is not None and known.setdefault(letter, size) != size:
                self._refuse(f"axis {letter!r} has size {known[letter]} in the inputs, {size} in `output_shape`")
        unknown = [letter for letter in dict.fromkeys(w + y) if letter not in known]
        if unknown:
            self._refuse(f"the size of axis {unknown[0]!r} is neither in the inputs nor in `output_shape`")
        bias = None
        if self.bias_axes:
            missing = [letter for letter in self.bias_axes if letter not in y]
            if missing:
                self._refuse(f"axis {missing[0]!r} of `bias_axes` is not in the output {y!r}")
            first = min(y.index(letter) for letter in self.bias_axes)
            bias = tuple(known[letter] if letter in self.bias_axes else 1 for letter in y[first:])
            bias += (1,) * (0 if left else elided)
        outputs = tuple(i for i, letter in enumerate(w) if letter in y)
        inputs = tuple(i for i, letter in enumerate(w) if letter not in y)
        return _Sizes(tuple(known[letter] for letter in w), bias, inputs, outputs)

    def _refuse(self, why: str) -> None:
        raise ValueError(f"{base.describe(self)}: argument `equation` {self.equation!r}: {why}")

"""Products with quantized kernels: which weights a layer has in each mode, and what it computes with them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kjax.nn.dtypes import cast_floating
from kjax.nn.initializers import GivenValues, Ones, Zeros
from kjax.nn.module import Layer
from kjax.nn.ops import quantization as ops
from kjax.nn.quantization import float8
from kjax.nn.quantization.config import Int4QuantizationConfig, QuantizationConfig, config_field_value
from kjax.nn.quantization.contraction import Contraction
from kjax.nn.quantization.quantizers import AbsMaxQuantizer
from kjax.nn.value import field

INTEGER_MODES = ("int8", "int4", "gptq", "awq")
"""The modes in which the kernel itself is replaced."""


def config_field(**kwargs: Any) -> Any:
    """The field ``quantization_config``."""
    return field(None, convert=config_field_value, **kwargs)


def calibrated_field() -> Any:
    """The field ``calibrated``: False while a layer still computes with the weights that GPTQ or AWQ will quantize."""
    return field(True, convert=bool, unknown_to_keras=True)


def mode_of(layer: Any) -> str | None:
    """The quantization mode of a layer."""
    return layer.dtype_policy.quantization_mode


def replaces_kernel(layer: Any) -> bool:
    """Whether the layer has integers instead of its kernel."""
    return mode_of(layer) in INTEGER_MODES and layer.calibrated


def block_size(layer: Any) -> int | None:
    """Inputs that share a scale in mode int4; None: all of a channel."""
    config = layer.quantization_config
    found = config.block_size if isinstance(config, Int4QuantizationConfig) else None
    if not isinstance(config, Int4QuantizationConfig):
        found = getattr(layer.dtype_policy, "block_size", None)
    return None if found in (None, -1) else found


def inputs_quantizer(layer: Any, default: Any) -> Any:
    """What makes integers of the inputs, or None; ``default`` where the layer has no config."""
    return QuantizationConfig.activation_quantizer_or_default(layer.quantization_config, default)


def product(layer: Any, inputs: Array, how: Contraction, kernel: Callable[[], Array]) -> Array:
    """The product of inputs and a kernel as the mode of the layer says.

    Args:
        layer: a layer with a quantizing policy.
        inputs: the inputs.
        how: the contraction.
        kernel: declares the kernel of floats, in the modes in which there is one.
    """
    mode = mode_of(layer)
    if mode == "float8":
        return float8.product(layer, inputs, how, kernel)
    if mode in ("gptq", "awq"):
        weights = (_gptq if mode == "gptq" else _awq)(layer, how)
        if not layer.calibrated:
            return jnp.einsum(how.equation, inputs, kernel())
        return jnp.einsum(how.equation, inputs, cast_floating(weights(), layer.compute_dtype))
    weights = _int8(layer, how) if mode == "int8" else _int4(layer, how)
    quantizer = inputs_quantizer(layer, AbsMaxQuantizer() if mode == "int8" else None)
    forward = functools.partial(_scaled_after if mode == "int8" else _scaled_before, how, quantizer)
    if quantizer is None:
        return forward(inputs, weights)
    return straight_through(forward, functools.partial(_gradient, how), inputs, weights)


def floats(layer: Any, how: Contraction) -> Array:
    """The kernel of a bound layer with integers, as floats."""
    mode = mode_of(layer)
    if mode in ("gptq", "awq"):
        return (_gptq if mode == "gptq" else _awq)(layer, how)()
    if mode == "int4":
        return _int4(layer, how)[0]
    kernel, scale = _int8(layer, how)
    return kernel.astype(scale.dtype) / how.along_weights(scale)


# -- integers ------------------------------------------------------------------------------------------------------


def _int8(layer: Layer, how: Contraction) -> tuple[Array, Array]:
    """The integers and one scale a channel, as it broadcasts with the outputs."""
    kernel = layer.state("kernel", how.kernel, Zeros(), "int8")
    scale = layer.state("kernel_scale", how.scale_shape, Ones())
    return kernel, how.stored_along_outputs(cast_floating(scale, layer.compute_dtype))


def _int4(layer: Layer, how: Contraction) -> tuple[Array, None]:
    """The kernel as floats again."""
    rows, columns, size = how.rows, how.columns, block_size(layer)
    packed = layer.state("kernel", (rows, (columns + 1) // 2), Zeros(), "int8")
    groups = () if size is None else (-(-rows // size),)
    scale = layer.state("kernel_scale", (*groups, columns), Ones())
    values = ops.unpack_int4(packed, columns, axis=-1)
    if size is None:
        kernel = values.astype(layer.compute_dtype) / cast_floating(scale, layer.compute_dtype)[None]
    else:
        zero = layer.state("kernel_zero", (*groups, columns), Zeros(), "int8")
        index = layer.state("g_idx", (rows,), group_index(rows, size), "float32")
        kernel = ops.dequantize_with_zero_point(values, ops.of_groups(scale, index, 0), ops.of_groups(zero, index, 0))
    return cast_floating(kernel, layer.compute_dtype).reshape(how.kernel), None


def group_index(length: int, size: int) -> GivenValues:
    """The initializer of ``g_idx``: the number of the group of each input."""
    return GivenValues(np.arange(length, dtype="float32") // size)


def _gptq(layer: Any, how: Contraction) -> Callable[[], Array]:
    return _grouped(layer, how, layer.dtype_policy.weight_bits, None)


def _awq(layer: Any, how: Contraction) -> Callable[[], Array]:
    return _grouped(layer, how, 4, "awq_scales")


def _grouped(layer: Any, how: Contraction, bits: int, divided: str | None) -> Callable[[], Array]:
    """Declare the weights that GPTQ and AWQ give; what is returned makes the kernel of them.

    Args:
        layer: the layer.
        how: the contraction.
        bits: bits of an integer; four are packed, two in a byte.
        divided: name of the numbers that the inputs were multiplied by.
    """
    rows, columns = how.matrix()
    size = layer.dtype_policy.group_size
    groups = 1 if size == -1 else -(-rows // size)
    packs = bits == 4
    values = layer.state("quantized_kernel", ((columns + 1) // 2 if packs else columns, rows), Zeros(), "uint8")
    scale = layer.state("kernel_scale", (columns, groups), Ones())
    zero = layer.state("kernel_zero", (columns, groups), Zeros(), "uint8")
    factors = None if divided is None else layer.state(divided, (rows,), Ones())
    index = layer.state("g_idx", (rows,), Zeros(), "float32")

    def kernel() -> Array:
        whole = ops.unpack_int4(values, columns, axis=0, dtype="uint8") if packs else values
        floats = ops.dequantize_with_zero_point(whole, ops.of_groups(scale, index), ops.of_groups(zero, index)).T
        return (floats if factors is None else floats / factors[:, None]).reshape(how.kernel)

    return kernel


# -- products ------------------------------------------------------------------------------------------------------


def _scaled_after(how: Contraction, quantizer: Any, inputs: Array, weights: tuple[Array, Array]) -> Array:
    """The product of integers (or of floats with integers), divided by the scales afterwards."""
    kernel, scale = weights
    kind = inputs.dtype
    if quantizer is None:
        return jnp.einsum(how.equation, inputs, kernel.astype(kind)) / scale
    inputs, found = quantizer(inputs, axis=how.summed_inputs)
    return einsum_of_integers(how.equation, inputs, kernel).astype(kind) / (
        how.along_outputs(found, how.inputs) * scale
    )


def _scaled_before(how: Contraction, quantizer: Any, inputs: Array, weights: tuple[Array, None]) -> Array:
    """The product with a kernel of floats; the inputs may be integers."""
    kernel, _ = weights
    if quantizer is None:
        return jnp.einsum(how.equation, inputs, kernel)
    integers, found = quantizer(inputs, axis=how.summed_inputs)
    products = jnp.einsum(how.equation, integers.astype(kernel.dtype), kernel)
    return products / how.along_outputs(found, how.inputs)


def _gradient(how: Contraction, upstream: Array, weights: tuple[Array, Array | None]) -> Array:
    kernel, scale = weights
    floats = kernel if scale is None else kernel.astype(upstream.dtype) / how.along_weights(scale)
    return jnp.einsum(how.backward, upstream, floats)


def einsum_of_integers(equation: str, first: Array, second: Array) -> Array:
    """An einsum; of int8, the sums are int32."""
    integers = first.dtype == second.dtype == jnp.int8
    return jnp.einsum(equation, first, second, preferred_element_type=jnp.int32 if integers else None)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def straight_through(forward: Any, backward: Any, inputs: Array, weights: Any) -> Array:
    """``forward(inputs, weights)``, whose gradient for the inputs is ``backward(upstream, weights)``.

    Rounding has no gradient of use: it is passed over. Nothing flows to the weights.
    """
    del backward
    return forward(inputs, weights)


def _straight_forward(forward: Any, backward: Any, inputs: Array, weights: Any) -> tuple[Array, Any]:
    del backward
    return forward(inputs, weights), weights


def _straight_backward(forward: Any, backward: Any, weights: Any, upstream: Array) -> tuple[Array, Any]:
    del forward
    return backward(upstream, weights), jax.tree.map(_no_gradient, weights)


def _no_gradient(leaf: Array) -> Any:
    if jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.zeros_like(leaf)
    return np.zeros(leaf.shape, jax.dtypes.float0)


straight_through.defvjp(_straight_forward, _straight_backward)

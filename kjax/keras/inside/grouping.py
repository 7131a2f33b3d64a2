"""Quantization by scales and zero points, of tensors, of rows and of groups in rows: the functions of ``keras.src.quantizers``."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from kjax.keras.core.tensor import KerasTensor
from kjax.keras.inside.graphs import Operation
from kjax.keras.quantizers import fake_quant_with_min_max_vars
from kjax.nn.ops import quantization
from kjax.nn.ops.quantization import compute_quantization_parameters as compute_quantization_parameters


class FakeQuantWithMinMaxVars(Operation):
    """``keras.quantizers.fake_quant_with_min_max_vars`` as an operation.

    Args:
        num_bits: bits of the integers.
        narrow_range: whether the smallest integer is left out.
        axis: the axis of which each slice has a range of its own, or None.
    """

    def __init__(self, num_bits: int = 8, narrow_range: bool = False, axis: int | None = None) -> None:
        super().__init__()
        self.num_bits, self.narrow_range, self.axis = num_bits, narrow_range, axis

    def call(self, inputs: Any, min_vals: Any, max_vals: Any) -> Any:
        """The rounded inputs."""
        return fake_quant_with_min_max_vars(
            inputs, min_vals, max_vals, num_bits=self.num_bits, narrow_range=self.narrow_range, axis=self.axis
        )

    def compute_output_spec(self, inputs: Any, min_vals: Any, max_vals: Any) -> KerasTensor:
        """The same shape and type."""
        del min_vals, max_vals
        return KerasTensor(inputs.shape, dtype=inputs.dtype)


def adjust_and_nudge(min_range: Any, max_range: Any, num_bits: int, narrow_range: bool) -> tuple[Any, Any, Any, Any]:
    """A range moved so that zero is one of its integers.

    Args:
        min_range: its smallest number.
        max_range: its largest number.
        num_bits: bits of the integers.
        narrow_range: whether the smallest integer is left out.

    Returns:
        The smallest and the largest number, the step between integers, and one divided by it.
    """
    low, high = jnp.asarray(min_range, "float32"), jnp.asarray(max_range, "float32")
    first, last = int(narrow_range), (1 << num_bits) - 1
    step = (high - low) / (last - first)
    zero = jnp.round(jnp.clip(first - low / step, first, last))
    return (first - zero) * step, (last - zero) * step, step, (last - first) / (high - low)


def quantize_with_zero_point(input_tensor: Any, scale: Any, zero: Any, maxq: Any) -> Any:
    """Integers from 0 to ``maxq`` for numbers, as floats; a scale of zero counts as 1e-8."""
    numbers, scale, zero = map(jnp.asarray, (input_tensor, scale, zero))
    return quantization.quantize_with_zero_point(numbers, scale, zero, maxq)


def dequantize_with_zero_point(input_tensor: Any, scale: Any, zero: Any) -> Any:
    """The numbers that integers stand for."""
    integers, scale, zero = map(jnp.asarray, (input_tensor, scale, zero))
    return quantization.dequantize_with_zero_point(integers, scale, zero)


def quantize_with_sz_map(
    weights_matrix: Any, scale: Any, zero: Any, g_idx: Any, maxq: Any, group_axis: int = -1
) -> Any:
    """:func:`quantize_with_zero_point` where ``g_idx`` says of which group each place along an axis is."""
    return quantize_with_zero_point(weights_matrix, *_chosen(scale, zero, g_idx, group_axis), maxq)


def dequantize_with_sz_map(weights_matrix: Any, scale: Any, zero: Any, g_idx: Any, group_axis: int = -1) -> Any:
    """:func:`dequantize_with_zero_point` where ``g_idx`` says of which group each place along an axis is."""
    return dequantize_with_zero_point(weights_matrix, *_chosen(scale, zero, g_idx, group_axis))


def _chosen(scale: Any, zero: Any, groups: Any, axis: int) -> tuple[Any, Any]:
    places = jnp.asarray(groups, "int32")
    return jnp.take(jnp.asarray(scale), places, axis=axis), jnp.take(jnp.asarray(zero), places, axis=axis)

"""Convolution and pooling, channels last, straight through jax.lax."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array


def conv(inputs: Array, kernel: Array, *, strides: Sequence[int], padding: str, dilation: Sequence[int], groups: int) -> Array:
    rank = inputs.ndim - 2
    spatial = "DHW"[-rank:]
    layout = ("N" + spatial + "C", spatial + "IO", "N" + spatial + "C")
    return lax.conv_general_dilated(
        inputs, kernel, strides, padding.upper(), rhs_dilation=dilation, dimension_numbers=layout, feature_group_count=groups
    )


def max_pool(inputs: Array, size: Sequence[int], *, strides: Sequence[int], padding: str) -> Array:
    return lax.reduce_window(inputs, -jnp.inf, lax.max, (1, *size, 1), (1, *strides, 1), padding.upper())


def avg_pool(inputs: Array, size: Sequence[int], *, strides: Sequence[int], padding: str) -> Array:
    total = lax.reduce_window(inputs, 0.0, lax.add, (1, *size, 1), (1, *strides, 1), padding.upper())
    if padding == "valid":
        return total / math.prod(size)
    ones = jnp.ones((1, *inputs.shape[1:-1], 1), inputs.dtype)
    return total / lax.reduce_window(ones, 0.0, lax.add, (1, *size, 1), (1, *strides, 1), "SAME")


def conv_transpose(
    inputs: Array, kernel: Array, *, strides: Sequence[int], padding: Sequence[tuple[int, int]], dilation: Sequence[int]
) -> Array:
    rank = inputs.ndim - 2
    spatial = "DHW"[-rank:]
    layout = ("N" + spatial + "C", spatial + "IO", "N" + spatial + "C")
    return lax.conv_transpose(
        inputs, kernel, strides, padding, rhs_dilation=dilation, dimension_numbers=layout, transpose_kernel=True
    )

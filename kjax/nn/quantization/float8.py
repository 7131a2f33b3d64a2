"""Training with floats of eight bits: products of rounded numbers, whose scales follow the recent steps.

Source: Micikevicius et al., 2022, "FP8 formats for deep learning", and NVIDIA's Transformer Engine. Scales and histories
lie in the collection ``overwrite``: their "gradients" are their next values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.dtypes import QuantizedFloat8DTypePolicy
from kjax.nn.initializers import Ones, Zeros
from kjax.nn.module import OVERWRITE
from kjax.nn.ops.quantization import compute_float8_amax_history, compute_float8_scale, quantize_and_dequantize
from kjax.nn.quantization.contraction import Contraction

FORWARD, BACKWARD = "float8_e4m3fn", "float8_e5m2"
ROUNDED = ("inputs", "kernel", "outputs_grad")
"""What is rounded: each has a ``<name>_scale`` and a ``<name>_amax_history``."""

History = tuple[Array, Array]


def histories(layer: Any) -> dict[str, History]:
    """Declare scale and history of all that is rounded."""
    length = getattr(layer.dtype_policy, "amax_history_length", QuantizedFloat8DTypePolicy.default_amax_history_length)
    return {
        name: (
            layer.state(f"{name}_scale", (), Ones(), "float32", OVERWRITE),
            layer.state(f"{name}_amax_history", (length,), Zeros(), "float32", OVERWRITE),
        )
        for name in ROUNDED
    }


def product(layer: Any, inputs: Array, how: Contraction, kernel: Callable[[], Array]) -> Array:
    """The product of rounded inputs with a rounded kernel; the gradient of the outputs is rounded too.

    Args:
        layer: the layer.
        inputs: its inputs.
        how: the contraction.
        kernel: declares the kernel.
    """
    kept = histories(layer)
    trains = layer.trainable
    outputs = jnp.einsum(
        how.equation,
        round_value(trains, inputs, *kept["inputs"]),
        round_value(trains, kernel(), *kept["kernel"]),
    )
    return round_gradient(trains, outputs, *kept["outputs_grad"])


def rounded_bias(layer: Any, bias: Array) -> Array:
    """The bias as it is added: in float32 layers it is rounded to bfloat16, as the fused products of GPUs need it."""
    return bias.astype(jnp.bfloat16).astype(bias.dtype) if layer.compute_dtype == "float32" else bias


def _next(trains: bool, x: Array, scale: Array, history: Array, kind: str) -> History:
    """Scale and history after a step that saw ``x``."""
    if not trains:
        return scale, history
    largest = float(jnp.finfo(kind).max)
    return compute_float8_scale(jnp.max(history), scale, largest), compute_float8_amax_history(x, history)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def round_value(trains: bool, x: Array, scale: Array, history: Array) -> Array:
    """``x`` rounded to float8_e4m3fn; its gradient is passed on.

    Args:
        trains: whether scale and history move on.
        x: any array.
        scale: what it is divided by before it is rounded.
        history: the largest absolute values of recent steps.
    """
    del trains, history
    return quantize_and_dequantize(x, scale, FORWARD, x.dtype)


def _round_forward(trains: bool, x: Array, scale: Array, history: Array) -> tuple[Array, History]:
    return round_value(trains, x, scale, history), _next(trains, x, scale, history, FORWARD)


def _round_backward(trains: bool, following: History, upstream: Array) -> tuple[Array, Array, Array]:
    del trains
    return (upstream, *following)


round_value.defvjp(_round_forward, _round_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def round_gradient(trains: bool, x: Array, scale: Array, history: Array) -> Array:
    """``x``, whose gradient is rounded to float8_e5m2; the arguments are those of :func:`round_value`."""
    del trains, scale, history
    return x


def _gradient_forward(trains: bool, x: Array, scale: Array, history: Array) -> tuple[Array, History]:
    del trains
    return x, (scale, history)


def _gradient_backward(trains: bool, kept: History, upstream: Array) -> tuple[Array, Array, Array]:
    rounded = quantize_and_dequantize(upstream, kept[0], BACKWARD, upstream.dtype)
    return (rounded, *_next(trains, upstream, *kept, BACKWARD))


round_gradient.defvjp(_gradient_forward, _gradient_backward)

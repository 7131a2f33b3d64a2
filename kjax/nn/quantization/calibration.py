"""GPTQ and AWQ: integers for a kernel with the help of the inputs that it gets; pure functions on arrays."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from kjax.nn.ops.quantization import (
    compute_quantization_parameters,
    dequantize_with_zero_point,
    of_groups,
    pack_int4,
    quantize_with_zero_point,
)
from kjax.nn.quantization.config import AWQConfig, GPTQConfig

BLOCK = 128
"""Columns after which GPTQ hands the errors on to all later columns at once."""


def moments(inputs: Float[Array, "samples features"], known: Any = None) -> dict[str, Array]:
    """What GPTQ and AWQ need to know of the inputs of a layer, with what is known of earlier ones.

    Args:
        inputs: inputs.
        known: what this function returned for earlier inputs.

    Returns:
        ``hessian``: twice the mean of the products of features; ``largest``: the largest absolute value of each feature;
        ``count``: number of samples.
    """
    x = inputs.astype(jnp.float32)
    gram = x.T @ x
    gram, largest, count = (gram + gram.T) / 2.0, jnp.max(jnp.abs(x), axis=0), x.shape[0]
    if known is None:
        return {"hessian": gram * (2.0 / count), "largest": largest, "count": jnp.asarray(count, jnp.float32)}
    total = known["count"] + count
    return {
        "hessian": known["hessian"] * (known["count"] / total) + gram * (2.0 / total),
        "largest": jnp.maximum(known["largest"], largest),
        "count": total,
    }


def _packed(values: Array, bits: int) -> Array:
    values = values.astype(jnp.uint8)
    return pack_int4(values, 0, "uint8")[0] if bits == 4 else values


# -- GPTQ ----------------------------------------------------------------------------------------------------------


def gptq(kernel: Float[Array, "inputs outputs"], hessian: Float[Array, "inputs inputs"], config: GPTQConfig) -> Any:
    """A kernel as GPTQ quantizes it.

    Args:
        kernel: the kernel as a matrix.
        hessian: that of :func:`moments`.
        config: bits, groups and so on.

    Returns:
        The state of a layer: ``quantized_kernel``, ``kernel_scale``, ``kernel_zero``, ``g_idx``.
    """
    # As for Keras, the damped Hessian's diagonal says which inputs matter most; inputs that were never seen count as 1.
    diagonal = jnp.diagonal(hessian)
    dead = diagonal == 0
    diagonal = jnp.where(dead, 1.0, diagonal)
    damped = diagonal + config.hessian_damping * jnp.mean(diagonal)
    full = hessian + jnp.diag(jnp.where(dead, 1.0, jnp.zeros_like(diagonal)))
    full = full - jnp.diag(jnp.diagonal(full)) + jnp.diag(damped)
    inverse = jnp.linalg.inv(full)
    weights, inputs = kernel.T, kernel.shape[0]
    size = inputs if config.group_size == -1 else config.group_size
    # Fractions, as Keras keeps them: only their whole part counts.
    index = jnp.arange(inputs, dtype=jnp.int32) / size
    back = None
    if config.activation_order:
        order = jnp.argsort(-damped)
        back = jnp.argsort(order)
        weights, inverse = weights[:, order], inverse[order][:, order]
        index = index[back]
    values, scale, zero = _gptq(weights, inverse, config.weight_bits, config.symmetric, config.per_channel, size)
    values = values if back is None else values[:, back]
    return {
        "quantized_kernel": _packed(values, config.weight_bits),
        "kernel_scale": scale,
        "kernel_zero": zero,
        "g_idx": index.astype(jnp.float32),
    }


@functools.partial(jax.jit, static_argnums=(2, 3, 4, 5))
def _gptq(
    weights: Array, inverse: Array, bits: int, symmetric: bool, per_channel: bool, size: int
) -> tuple[Array, Array, Array]:
    """Integers, and scales and zeros of the groups, for weights (outputs, inputs) and an inverse Hessian."""
    outputs, inputs = weights.shape
    groups = -(-inputs // size)
    scale, zero = jnp.ones((outputs, groups), weights.dtype), jnp.zeros((outputs, groups), jnp.uint8)
    values = jnp.zeros(weights.shape, jnp.int32)
    last = 2**bits - 1
    for start in range(0, inputs, BLOCK):
        end = min(start + BLOCK, inputs)
        for group in range(groups):  # a group's range is that of its weights when its first block begins
            first = group * size
            if start <= first < end:
                found = compute_quantization_parameters(
                    weights[:, first : first + size],
                    bits=bits,
                    symmetric=symmetric,
                    per_channel=per_channel,
                    compute_dtype=weights.dtype,
                )
                scale, zero = scale.at[:, group].set(found[0][:, 0]), zero.at[:, group].set(found[1][:, 0])
        members = np.arange(start, end) // size
        done, errors = _block(
            weights[:, start:end],
            inverse[start:end, start:end],
            jnp.take(scale, members, axis=1),
            jnp.take(zero, members, axis=1),
            last,
        )
        values = values.at[:, start:end].set(done)
        weights = weights.at[:, end:].add(-(errors @ inverse[start:end, end:]))
    return values, scale, zero


def _block(weights: Array, inverse: Array, scale: Array, zero: Array, last: int) -> tuple[Array, Array]:
    """The integers of a block, column after column, and the errors that later columns correct."""
    width = weights.shape[1]

    def column(i: Any, carry: Any) -> Any:
        weights, values, errors = carry
        own, step, base = (jax.lax.dynamic_slice_in_dim(a, i, 1, axis=1) for a in (weights, scale, zero))
        rounded = quantize_with_zero_point(own, step, base, last)
        row = jax.lax.dynamic_slice_in_dim(inverse, i, 1, axis=0)
        pivot = jax.lax.dynamic_slice_in_dim(row, i, 1, axis=1)
        error = (own - dequantize_with_zero_point(rounded, step, base)) / pivot
        weights = weights - error * jnp.where(jnp.arange(width)[None] > i, row, 0.0)
        values = jax.lax.dynamic_update_slice(values, rounded.astype(jnp.int32), (0, i))
        return weights, values, jax.lax.dynamic_update_slice(errors, error, (0, i))

    start = weights, jnp.zeros(weights.shape, jnp.int32), jnp.zeros_like(weights)
    _, values, errors = jax.lax.fori_loop(0, width, column, start)
    return values, errors


# -- AWQ -----------------------------------------------------------------------------------------------------------


def awq(kernel: Float[Array, "inputs outputs"], largest: Float[Array, " inputs"], config: AWQConfig) -> Any:
    """A kernel as AWQ quantizes it: inputs are weighted by a power of their magnitude, the one with the least error.

    Args:
        kernel: the kernel as a matrix.
        largest: that of :func:`moments`.
        config: groups and number of exponents.

    Returns:
        The state of a layer: ``quantized_kernel``, ``kernel_scale``, ``kernel_zero``, ``awq_scales``, ``g_idx``.
    """
    values, scale, zero, factors = _awq(kernel.T, largest, config.group_size, config.num_grid_points)
    size = kernel.shape[0] if config.group_size == -1 else config.group_size
    return {
        "quantized_kernel": _packed(values, 4),
        "kernel_scale": scale,
        "kernel_zero": zero,
        "awq_scales": factors,
        "g_idx": jnp.asarray(np.arange(kernel.shape[0]) // size, jnp.float32),
    }


@functools.partial(jax.jit, static_argnums=(2, 3))
def _awq(weights: Array, largest: Array, size: int, points: int) -> tuple[Array, Array, Array, Array]:
    seen = jnp.where(largest < 1e-8, jnp.ones_like(largest), largest.astype(jnp.float32))
    index = np.arange(weights.shape[1]) // (weights.shape[1] if size == -1 else size)

    def quantized(factors: Array) -> tuple[Array, Array, Array]:
        scaled = weights * factors[None]
        scale, zero, last = compute_quantization_parameters(scaled, bits=4, per_channel=True, group_size=size)
        values = quantize_with_zero_point(scaled, of_groups(scale, index), of_groups(zero, index), last)
        return values, scale, zero

    def factors_of(ratio: Array) -> Array:
        factors = jnp.maximum(jnp.power(seen, ratio), 1e-4)
        return factors / jnp.maximum(jnp.sqrt(jnp.max(factors) * jnp.min(factors)), 1e-8)

    def loss_of(ratio: Array) -> Array:
        factors = factors_of(ratio)
        values, scale, zero = quantized(factors)
        again = dequantize_with_zero_point(values, of_groups(scale, index), of_groups(zero, index)) / factors[None]
        return jnp.mean(jnp.square(weights - again) * jnp.square(seen)[None])

    ratios = jnp.asarray(np.arange(points + 1) / points, jnp.float32)
    best = factors_of(ratios[jnp.argmin(jax.lax.map(loss_of, ratios))])
    return (*quantized(best), best)


# -- data ----------------------------------------------------------------------------------------------------------


def windows(tokens: np.ndarray, length: int, count: int, seed: int = 42) -> np.ndarray:
    """Sequences from a text, spread over it evenly; a text that is too short is repeated.

    Args:
        tokens: the text as integers.
        length: tokens in a sequence.
        count: number of sequences.
        seed: chooses where the first begins.

    Returns:
        int32 (count, length).
    """
    tokens = np.asarray(tokens, np.int32).reshape(-1)
    if tokens.size == 0:
        raise ValueError("the calibration data are empty")
    tokens = np.tile(tokens, -(-count * length // tokens.size)) if tokens.size < count * length else tokens
    places = tokens.size - length + 1
    first = int(np.random.default_rng(seed).integers(places))
    starts = (first + np.arange(count) * max(1, places // count)) % places
    return np.lib.stride_tricks.sliding_window_view(tokens, length)[starts]

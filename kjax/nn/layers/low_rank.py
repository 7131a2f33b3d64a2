"""Low-rank adaptation: a frozen kernel plus a product of two thin matrices that are trained instead."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn import arguments as arg
from kjax.nn.dtypes import cast_floating
from kjax.nn.initializers import HeUniform, Zeros
from kjax.nn.module import Layer
from kjax.nn.quantization.contraction import Contraction
from kjax.nn.value import ArgumentError, field


def rank_field(**kwargs: Any) -> Any:
    """The field ``lora_rank``: the length of the thin axis, or None (or 0) for no adaptation."""
    return field(None, convert=lambda value: arg.positive(value) if value else None, **kwargs)


def alpha_field(**kwargs: Any) -> Any:
    """The field ``lora_alpha``: the product is multiplied by ``lora_alpha / lora_rank``; None stands for the rank."""
    return field(None, convert=arg.optional(float), **kwargs)


def check(layer: Any, family: str) -> None:
    """Refuse a constraint on a weight that is adapted.

    Raises:
        ArgumentError: there is one.
    """
    if layer.lora_rank and getattr(layer, f"{family}_constraint") is not None:
        raise ArgumentError(
            f"{type(layer).__name__}: arguments `lora_rank` and `{family}_constraint` exclude each other: what is trained "
            "is not the kernel but its correction"
        )


def scale(layer: Any) -> float:
    """What the product is multiplied by."""
    return (layer.lora_rank if layer.lora_alpha is None else layer.lora_alpha) / layer.lora_rank


def factors(layer: Layer, name: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """The two factors of the correction of a weight: ``(*shape[:-1], rank)`` and ``(rank, shape[-1])``.

    They are kept in float32, whatever the layer computes in: their updates are small.

    Args:
        layer: the layer, with fields ``lora_rank`` and ``lora_alpha``.
        name: name of the weight.
        shape: its shape.
    """
    holder: Any = layer
    regularizer = getattr(holder, f"{name}_regularizer", None)
    common: dict[str, Any] = {"regularizer": regularizer, "dtype": "float32", "cast": False}
    first = layer.weight(f"lora_{name}_a", (*shape[:-1], holder.lora_rank), HeUniform(), **common)
    second = layer.weight(f"lora_{name}_b", (holder.lora_rank, shape[-1]), Zeros(), **common)
    return first, second


def adapted(layer: Layer, name: str, value: Array) -> Array:
    """A weight with its correction, ``value + scale * a @ b``, or the weight where there is none.

    Source: Hu et al., 2021, "LoRA: low-rank adaptation of large language models".
    """
    holder: Any = layer
    if not holder.lora_rank:
        return value
    first, second = factors(layer, name, value.shape)
    return value + cast_floating(scale(layer) * jnp.matmul(first, second), str(value.dtype))


def added(layer: Layer, name: str, how: Contraction, inputs: Array, outputs: Array) -> Array:
    """The products with a quantized weight, plus those with its correction.

    Args:
        layer: the layer.
        name: name of the weight.
        how: what is summed over.
        inputs: the inputs.
        outputs: their products with the weight.

    Raises:
        NotImplementedError: in mode float8.
    """
    holder: Any = layer
    if not holder.lora_rank:
        return outputs
    if holder.dtype_policy.quantization_mode == "float8":
        raise NotImplementedError(f"{type(layer).__name__}: float8 has no low-rank adaptation (LoRA)")
    first, second = factors(layer, name, how.kernel)
    if how.weights[-1] == how.outputs[-1]:
        more = jnp.matmul(jnp.einsum(how.equation, inputs, first), second)
    else:
        more = jnp.einsum(how.equation, inputs, jnp.matmul(first, second))
    return outputs + cast_floating(scale(layer) * more, str(outputs.dtype))

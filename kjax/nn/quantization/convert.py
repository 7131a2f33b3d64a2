"""From a layer with floats to one with integers: pure functions from a layer and its variables to others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.dtypes import Policy
from kjax.nn.module import PARAMS, STATE, Layer, WeightSpec, describe
from kjax.nn.ops.quantization import abs_max_quantize_grouped_with_zero_point as quantize_groups
from kjax.nn.ops.quantization import pack_int4
from kjax.nn.quantization import product, table
from kjax.nn.quantization.config import QuantizationConfig, resolve
from kjax.nn.quantization.contraction import Contraction
from kjax.nn.quantization.quantizers import AbsMaxQuantizer

NIBBLES = (-8, 7)

KERNEL_MODES, TABLE_MODES = ("int8", "int4", "float8", "gptq", "awq"), ("int8", "int4")


def modes_of(layer: Any) -> tuple[str, ...]:
    """The modes in which a layer, or a class of layers, can be quantized; none for most.

    Those with a kernel have a method ``contraction``, attention has dense layers in ``projections``.
    """
    names = getattr(layer, "__dataclass_fields__", {})
    if "projections" in names or ("quantization_config" in names and hasattr(layer, "contraction")):
        return KERNEL_MODES
    return TABLE_MODES if "quantization_config" in names else ()


def quantize(layer: Any, variables: Mapping[str, Any], config: Any, ndim: int = 2) -> tuple[Layer, dict[str, Any]]:
    """A layer that keeps its weights in fewer bits, and its variables.

    After ``'gptq'`` and ``'awq'`` the layer computes with its floats until :func:`calibrated` has given it others.

    Args:
        layer: Dense, EinsumDense, Embedding or ReversibleEmbedding, without quantization.
        variables: its variables: ``{'params': {...}}``.
        config: a :class:`QuantizationConfig` or a mode: ``'int8'``, ``'int4'``, ``'float8'``.
        ndim: number of axes of the inputs, for an equation with ``...``.

    Returns:
        The layer and its variables, as ``apply`` takes them.

    Raises:
        NotImplementedError: the layer cannot be quantized in this way.
        ValueError: it is quantized already, or the config does not fit.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from kjax import nn
        >>> layer, x = nn.Dense(4), jnp.ones((2, 3))
        >>> variables = layer.init(jax.random.key(0), x)
        >>> small, integers = quantize(layer, variables, "int8")
        >>> small.dtype, integers["state"]["kernel"].dtype
        ('int8_from_float32', dtype('int8'))
        >>> small.apply(integers, x).shape
        (2, 4)
    """
    params = dict(variables.get(PARAMS, {}))
    new, specs, values = converted(layer, params, resolve(None, config), ndim)
    result: dict[str, Any] = {name: dict(inner) for name, inner in variables.items() if name != PARAMS}
    for spec in specs:
        (name,) = spec.path
        value = values.get(name) if spec.collection == STATE else None
        if value is None:
            kept = spec.collection == PARAMS
            value = params[name] if kept else spec.initializer(None, spec.shape, jnp.dtype(spec.dtype))  # type: ignore[misc]
        result.setdefault(spec.collection, {})[name] = value
    return new, result


def converted(
    layer: Any, weights: Mapping[str, Any], config: QuantizationConfig, ndim: int, policy: Policy | None = None
) -> tuple[Layer, tuple[WeightSpec, ...], dict[str, Array]]:
    """What :func:`quantize` does, by parts.

    Args:
        layer: the layer.
        weights: its weights by name.
        config: how.
        ndim: number of axes of the inputs.
        policy: the policy of the new layer; made from the config by default.

    Returns:
        The new layer, what is known of each of its weights, and the values of those that are made of the old ones.
    """
    mode = config.mode
    if layer.dtype_policy.quantization_mode is not None:
        raise ValueError(f"{type(layer).__name__}: the layer is already quantized with dtype {layer.dtype!r}")
    if mode not in modes_of(layer):
        known = modes_of(layer)
        wanted = f"expected one of {known}" if known else "the layer has none"
        raise NotImplementedError(f"{type(layer).__name__}: Invalid quantization mode {mode!r}: {wanted}")
    spelled = f"{config.dtype_policy_string()}_from_{layer.dtype}" if policy is None else policy.spelling
    changes: dict[str, Any] = {"dtype": spelled}
    changes["quantization_config"] = config.without_data() if hasattr(config, "without_data") else config  # pyright: ignore
    how = layer.contraction(ndim, tuple(weights["kernel"].shape)) if hasattr(layer, "contraction") else None
    if mode in ("gptq", "awq"):
        changes["calibrated"] = False
        if mode == "gptq" and how is not None and hasattr(layer, "gptq_unpacked_column_size"):
            changes["gptq_unpacked_column_size"] = how.matrix()[1]
    new = layer.clone(**changes)
    values: dict[str, Array] = {}
    if mode in ("int8", "int4"):
        values = integers(new, weights, how, config.weight_quantizer)
    return new, specs_of(new, how), values


def specs_of(layer: Any, how: Contraction | None) -> tuple[WeightSpec, ...]:
    """What is known of each weight of a layer, for inputs that fit its contraction (tokens, for a table)."""
    example = jax.ShapeDtypeStruct((1, 1), jnp.int32) if how is None else jax.ShapeDtypeStruct(how.example, jnp.float32)
    return describe(layer, example).weights


def integers(
    layer: Any, weights: Mapping[str, Any], how: Contraction | None, weight_quantizer: Any = None
) -> dict[str, Array]:
    """Weights as the integers that a layer of mode int8 or int4 has, with their scales, by name.

    Args:
        layer: the layer with its quantizing policy.
        weights: its weights as floats: ``kernel``, or ``embeddings`` and ``reverse_embeddings``.
        how: the contraction of the kernel.
        weight_quantizer: in place of the usual one.
    """
    size = product.block_size(layer) if product.mode_of(layer) == "int4" else None
    packs = product.mode_of(layer) == "int4"
    if how is not None:
        return _kernel(layer, jnp.asarray(weights["kernel"]), how, packs, size, weight_quantizer)
    found = _table("embeddings", jnp.asarray(weights["embeddings"]), packs, size, weight_quantizer)
    if "reverse_embeddings" in weights:
        back = _table("reverse_embeddings", jnp.asarray(weights["reverse_embeddings"]).T, packs, size, weight_quantizer)
        found |= {name: value.T for name, value in back.items() if value.ndim == 2}
        found |= {name: value for name, value in back.items() if value.ndim == 1}
    return found


def _quantizer(given: Any, axis: Any, packs: bool) -> Any:
    if given is not None:
        return given
    return AbsMaxQuantizer(axis, NIBBLES) if packs else AbsMaxQuantizer(axis)


def _kernel(layer: Any, kernel: Array, how: Contraction, packs: bool, size: int | None, given: Any) -> dict[str, Array]:
    if not packs:
        values, scale = _quantizer(given, how.summed_weights, packs)(kernel, to_numpy=True)
        _check_scale(layer, scale, how.kernel, how.summed_weights)
        scale = jnp.squeeze(scale, how.summed_weights) if how.plain else how.along_outputs(scale, how.weights)
        return {"kernel": values, "kernel_scale": scale}
    flat = kernel.reshape(how.rows, how.columns)
    if size is not None:
        values, scale, zero = quantize_groups(flat, size, to_numpy=True)
        return {"kernel": pack_int4(values, -1)[0], "kernel_scale": scale, "kernel_zero": zero}
    values, scale = _quantizer(given, 0, packs)(flat, to_numpy=True)
    _check_scale(layer, scale, flat.shape, (0,))
    return {"kernel": pack_int4(values, -1)[0], "kernel_scale": jnp.squeeze(scale, 0)}


def _check_scale(layer: Any, scale: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    wanted = tuple(1 if i in axes else s for i, s in enumerate(shape))
    if tuple(scale.shape) != wanted:
        raise ValueError(
            f"{type(layer).__name__}: the `weight_quantizer` gives scales of shape {tuple(scale.shape)} for weights of "
            f"shape {tuple(shape)}, but {wanted} is needed: give it axis={axes if len(axes) != 1 else axes[0]}"
        )


def _table(name: str, rows: Array, packs: bool, size: int | None, given: Any) -> dict[str, Array]:
    if size is not None:
        values, scale, zero = (v.T for v in quantize_groups(rows.T, size, to_numpy=True))
        return {name: pack_int4(values, -1)[0], f"{name}_scale": scale, f"{name}_zero": zero}
    values, scale = _quantizer(given, -1, packs)(rows, to_numpy=True)
    values = pack_int4(values, -1)[0] if packs else values
    return {name: values, f"{name}_scale": jnp.squeeze(scale, -1)}


def floats(layer: Any, variables: Mapping[str, Any], ndim: int, kernel: tuple[int, ...] = ()) -> Array:
    """The weight of a layer with integers as floats: its kernel, or its table of vectors.

    Args:
        layer: the layer.
        variables: its variables.
        ndim: number of axes of the inputs.
        kernel: shape of the kernel.
    """

    def of(bound: Any) -> Array:
        if kernel:
            return product.floats(bound, bound.contraction(ndim, kernel))
        return table.declared(bound, "embeddings", bound.input_dim, bound.output_dim).floats(bound.compute_dtype)

    return layer.apply(variables, method=of)


def calibrated(layer: Any, ndim: int, kernel: tuple[int, ...]) -> tuple[Layer, tuple[WeightSpec, ...]]:
    """A layer of mode gptq or awq that computes with its integers, and what is known of its weights.

    Args:
        layer: the layer.
        ndim: number of axes of the inputs.
        kernel: shape of the kernel.
    """
    new = layer.clone(calibrated=True)
    return new, specs_of(new, new.contraction(ndim, kernel))

"""Tables of vectors (embeddings) as integers: each row has a scale, or one for each group of its numbers."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.dtypes import cast_floating
from kjax.nn.initializers import Ones, Zeros
from kjax.nn.ops import quantization as ops
from kjax.nn.quantization.contraction import Contraction
from kjax.nn.quantization.product import (
    block_size,
    einsum_of_integers,
    group_index,
    inputs_quantizer,
    mode_of,
    straight_through,
)
from kjax.nn.quantization.quantizers import AbsMaxQuantizer


@dataclasses.dataclass(frozen=True)
class Table:
    """A quantized table of shape (rows, width).

    Attributes:
        values: the integers; in mode int4 two in a byte, along the axis of the width.
        scale: (rows,) to divide by, or (rows, groups) to multiply with.
        zero: (rows, groups), or None.
        index: the group of each place of a row, or None.
        width: length of a row.
        packed: whether there are two in a byte.
    """

    values: Array
    scale: Array
    zero: Array | None
    index: Array | None
    width: int
    packed: bool

    def rows(self, ids: Array, dtype: str) -> Array:
        """Rows as floats."""

        def taken(array: Array) -> Array:
            return jnp.take(array, ids, axis=0)

        part = dataclasses.replace(
            self,
            values=taken(self.values),
            scale=taken(self.scale),
            zero=None if self.zero is None else taken(self.zero),
        )
        return part.floats(dtype)

    def integers(self) -> Array:
        """The integers, one a byte."""
        return ops.unpack_int4(self.values, self.width, axis=-1) if self.packed else self.values

    def floats(self, dtype: str) -> Array:
        """All rows as floats."""
        values = self.integers().astype(dtype)
        if self.zero is None:
            return values / jnp.expand_dims(cast_floating(self.scale, dtype), -1)
        assert self.index is not None
        scale, zero = (ops.of_groups(v, self.index) for v in (self.scale, self.zero))
        return cast_floating(ops.dequantize_with_zero_point(values, scale, zero), dtype)


def declared(layer: Any, name: str, rows: int, width: int) -> Table:
    """The table that a layer has in the place of a weight (rows, width).

    Args:
        layer: a layer with a policy of mode int8 or int4.
        name: name of the weight.
        rows: number of rows.
        width: length of a row.

    Raises:
        NotImplementedError: another mode.
    """
    mode = mode_of(layer)
    if mode == "int8":
        values = layer.state(name, (rows, width), Zeros(), "int8")
        return Table(values, layer.state(f"{name}_scale", (rows,), Ones()), None, None, width, False)
    if mode != "int4":
        raise NotImplementedError(
            f"{type(layer).__name__}: Invalid quantization mode {mode!r}: expected one of ('int8', 'int4')"
        )
    size = block_size(layer)
    groups = () if size is None else (-(-width // size),)
    values = layer.state(name, (rows, (width + 1) // 2), Zeros(), "int8")
    scale = layer.state(f"{name}_scale", (rows, *groups), Ones())
    if size is None:
        return Table(values, scale, None, None, width, True)
    zero = layer.state(f"{name}_zero", (rows, *groups), Zeros(), "int8")
    index = layer.state("g_idx", (width,), group_index(width, size), "float32")
    return Table(values, scale, zero, index, width, True)


def declared_reverse(layer: Any, rows: int, width: int, index: Array | None) -> Table:
    """The table of ``reverse_embeddings``, which is stored turned: (width, rows), packed along the width.

    Args:
        layer: the layer.
        rows: number of rows.
        width: length of a row.
        index: the group of each place of a row, or None.
    """
    name, packed = "reverse_embeddings", mode_of(layer) == "int4"
    size = block_size(layer) if packed else None
    groups = () if size is None else (-(-width // size),)
    values = layer.state(name, ((width + 1) // 2 if packed else width, rows), Zeros(), "int8").T
    scale = layer.state(f"{name}_scale", (*groups, rows), Ones())
    if size is None:
        return Table(values, scale, None, None, width, packed)
    # Keras keeps this one as floats.
    zero = layer.state(f"{name}_zero", (*groups, rows), Zeros())
    return Table(values, scale.T, zero.T, index, width, packed)


def logits(layer: Any, inputs: Array, table: Table) -> Array:
    """The inner products of vectors with all rows.

    Args:
        layer: the layer.
        inputs: (..., width).
        table: the table.
    """
    quantizer = inputs_quantizer(layer, AbsMaxQuantizer(axis=-1))
    how = Contraction.dense(inputs.ndim, (table.width, table.values.shape[0]))
    # The grouped table is made floats first; otherwise the products are divided by the scales.
    weights = (table.floats(layer.compute_dtype), None) if table.zero is not None else (table.integers(), table.scale)
    forward = functools.partial(_products, how, quantizer, layer.compute_dtype)
    if quantizer is None:
        return forward(inputs, weights)
    return straight_through(forward, functools.partial(_gradient, how), inputs, weights)


def _products(how: Contraction, quantizer: Any, dtype: str, inputs: Array, weights: Any) -> Array:
    rows, scale = weights
    found: Any = jnp.ones((1,), dtype)
    if quantizer is not None:
        inputs, found = quantizer(inputs)
    same = inputs.dtype == rows.dtype
    products = einsum_of_integers(
        how.equation, inputs if same else inputs.astype(dtype), (rows if same else rows.astype(dtype)).T
    )
    found = found.reshape((1,) * (products.ndim - found.ndim) + found.shape)
    return products.astype(dtype) / (
        found if scale is None else found * _last(cast_floating(scale, dtype), products.ndim)
    )


def _last(vector: Array, ndim: int) -> Array:
    """A vector along the last of ``ndim`` axes."""
    return vector.reshape((1,) * (ndim - 1) + vector.shape)


def _gradient(how: Contraction, upstream: Array, weights: Any) -> Array:
    rows, scale = weights
    floats = rows.astype(upstream.dtype)
    floats = floats if scale is None else floats / scale[:, None]
    return jnp.einsum(how.backward, upstream, floats.T)

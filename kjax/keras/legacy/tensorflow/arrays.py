"""TensorFlow's functions that make arrays and change their shapes."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.legacy.tensorflow.door import define, dtype_of, function_of, shape_of
from kjax.keras.legacy.tensorflow.tape import unwrap


@define
def reshape(tensor: Any, shape: Any) -> Any:
    return jnp.reshape(tensor, shape_of(shape))


@define
def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    return jnp.transpose(a, perm)


@define
def matrix_transpose(a: Any) -> Any:
    return jnp.swapaxes(a, -1, -2)


@define
def concat(values: Any, axis: int) -> Any:
    return jnp.concatenate(list(values), int(axis))


@define
def stack(values: Any, axis: int = 0) -> Any:
    return jnp.stack(list(values), axis)


@define
def unstack(value: Any, num: int | None = None, axis: int = 0) -> Any:
    return [jnp.take(value, i, axis) for i in builtins.range(num or value.shape[axis])]


@define
def squeeze(input: Any, axis: Any = None) -> Any:
    return jnp.squeeze(input, tuple(axis) if isinstance(axis, list) else axis)


@define
def expand_dims(input: Any, axis: Any = -1) -> Any:
    return jnp.expand_dims(input, int(axis))


@define
def tile(input: Any, multiples: Any) -> Any:
    return jnp.tile(input, shape_of(multiples))


@define
def repeat(input: Any, repeats: Any, axis: Any = None) -> Any:
    return jnp.repeat(input, repeats, axis)


@define
def gather(params: Any, indices: Any, validate_indices: Any = None, axis: int = 0, batch_dims: int = 0) -> Any:
    if batch_dims:
        return jax.vmap(lambda p, i: gather_raw(p, i, axis - 1, batch_dims - 1))(params, indices)
    return jnp.take(params, jnp.asarray(indices, jnp.int32), axis)


def gather_raw(params: Any, indices: Any, axis: int, batch_dims: int) -> Any:
    """``gather`` on arrays."""
    if batch_dims:
        return jax.vmap(lambda p, i: gather_raw(p, i, axis - 1, batch_dims - 1))(params, indices)
    return jnp.take(params, indices, axis)


@define
def embedding_lookup(params: Any, ids: Any) -> Any:
    return jnp.take(params, jnp.asarray(ids, jnp.int32), 0)


@define
def gather_nd(params: Any, indices: Any) -> Any:
    return params[tuple(jnp.moveaxis(jnp.asarray(indices, jnp.int32), -1, 0))]


@define
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    return jnp.argwhere(condition) if x is None else jnp.where(condition, x, y)


@define
def cast(x: Any, dtype: Any) -> Any:
    return jnp.asarray(x).astype(dtype_of(dtype))


@define
def boolean_mask(tensor: Any, mask: Any) -> Any:
    return tensor[np.asarray(mask, bool)]


@define
def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    extra = {"constant_values": constant_values} if mode.lower() == "constant" else {}
    return jnp.pad(tensor, [tuple(int(p) for p in pair) for pair in paddings], mode.lower(), **extra)


@define
def split(value: Any, num_or_size_splits: Any, axis: int = 0) -> Any:
    if isinstance(num_or_size_splits, (int, np.integer)):
        return jnp.split(value, int(num_or_size_splits), axis)
    return jnp.split(value, np.cumsum([int(s) for s in num_or_size_splits])[:-1], axis)


@define
def reverse(tensor: Any, axis: Any) -> Any:
    return jnp.flip(tensor, tuple(axis) if isinstance(axis, (list, tuple)) else axis)


@define
def roll(input: Any, shift: Any, axis: Any) -> Any:
    return jnp.roll(input, shift, axis)


@define
def slice(input_: Any, begin: Any, size: Any) -> Any:
    index = tuple(
        builtins.slice(int(b), None if int(s) == -1 else int(b) + int(s)) for b, s in zip(begin, size, strict=True)
    )
    return input_[index]


@define
def strided_slice(input_: Any, begin: Any, end: Any, strides: Any = None) -> Any:
    strides = [1] * len(begin) if strides is None else strides
    return input_[tuple(builtins.slice(b, e, s) for b, e, s in zip(begin, end, strides, strict=True))]


def shape(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """``tf.shape``: the sizes, as integers where they are known."""
    from kjax.keras.core.tensor import is_symbolic

    if is_symbolic(input):
        from kjax.keras import ops

        return ops.shape(input)
    return tuple(int(s) for s in jnp.shape(unwrap(input)))


def rank(input: Any, name: str | None = None) -> int:
    """``tf.rank``: number of axes."""
    return len(input.shape) if hasattr(input, "shape") else np.ndim(input)


def size(input: Any, out_type: Any = None, name: str | None = None) -> int:
    """``tf.size``: number of elements."""
    return int(np.size(unwrap(input)))


@define
def constant(value: Any, dtype: Any = None, shape: Any = None) -> Any:
    array = np.asarray(value)
    if dtype is None and array.dtype == np.float64 and not isinstance(value, np.ndarray):
        dtype = "float32"
    array = array.astype(dtype_of(dtype)) if dtype is not None and str(dtype) != "string" else array
    if shape is not None:
        array = np.broadcast_to(array, shape_of(shape)) if array.size == 1 else array.reshape(shape_of(shape))
    return jnp.asarray(array) if array.dtype.kind in "biufc" else array


@define
def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None) -> Any:
    if isinstance(value, (list, tuple)):
        value = jnp.stack([jnp.asarray(v) for v in value]) if any(hasattr(v, "shape") for v in value) else value
    array = value if hasattr(value, "dtype") else np.asarray(value)
    if getattr(array, "dtype", None) is not None and array.dtype.kind not in "biufcV":
        return array
    return jnp.asarray(array, dtype_of(dtype))


def _filled(compute: Callable[..., Any], name: str) -> Callable[..., Any]:
    def make(shape: Any, dtype: Any = "float32") -> Any:
        return compute(shape_of(shape), dtype_of(dtype))

    return function_of(make, name)


zeros, ones = _filled(jnp.zeros, "zeros"), _filled(jnp.ones, "ones")


@define
def zeros_like(input: Any, dtype: Any = None) -> Any:
    return jnp.zeros_like(input, dtype_of(dtype))


@define
def ones_like(input: Any, dtype: Any = None) -> Any:
    return jnp.ones_like(input, dtype_of(dtype))


@define
def fill(dims: Any, value: Any) -> Any:
    return jnp.full(shape_of(dims), value)


@define
def eye(num_rows: int, num_columns: int | None = None, batch_shape: Any = None, dtype: Any = "float32") -> Any:
    return jnp.eye(num_rows, num_columns, dtype=dtype_of(dtype))


@define
def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Any:
    return (
        jnp.arange(start, limit, delta, dtype_of(dtype))
        if limit is not None
        else jnp.arange(0, start, delta, dtype_of(dtype))
    )


@define
def linspace(start: Any, stop: Any, num: int, axis: int = 0) -> Any:
    return jnp.linspace(start, stop, int(num), axis=axis)


@define
def identity(input: Any) -> Any:
    return jnp.asarray(input)


@define
def one_hot(
    indices: Any, depth: int, on_value: Any = 1, off_value: Any = 0, axis: int = -1, dtype: Any = "float32"
) -> Any:
    hot = jax.nn.one_hot(jnp.asarray(indices, jnp.int32), int(depth), axis=axis, dtype=dtype_of(dtype))
    return hot * (on_value - off_value) + off_value if (on_value, off_value) != (1, 0) else hot


@define
def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool") -> Any:
    lengths = jnp.asarray(lengths)
    maxlen = int(jnp.max(lengths)) if maxlen is None else int(maxlen)
    return (jnp.arange(maxlen) < lengths[..., None]).astype(dtype_of(dtype))

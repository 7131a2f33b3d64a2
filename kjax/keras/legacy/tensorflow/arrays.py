"""TensorFlow's functions that make arrays and change their shapes."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core import doors
from kjax.keras.core import scope as scopes
from kjax.keras.core.name_scopes import current_path
from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.legacy.tensorflow.door import (
    define,
    dtype_of,
    function_of,
    numbers,
    shape_of,
    sized_by_values,
    tensor_of_list,
)
from kjax.keras.legacy.tensorflow.tensor import Sizes, Tensor, as_bytes, is_leaf, is_text, sizes, unwrap, wrap


@define
def reshape(tensor: Any, shape: Any) -> Any:
    return jnp.reshape(_stacked(tensor), shape_of(shape))


@define
def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    turned = jnp.transpose(a, perm)
    return jnp.conj(turned) if conjugate else turned


@define
def matrix_transpose(a: Any) -> Any:
    return jnp.swapaxes(a, -1, -2)


@define
def concat(values: Any, axis: int = 0) -> Any:
    return jnp.concatenate([jnp.asarray(v) for v in values], int(axis))


@define
def stack(values: Any, axis: int = 0) -> Any:
    return jnp.stack([jnp.asarray(v) for v in values], axis)


@define
def unstack(value: Any, num: int | None = None, axis: int = 0) -> Any:
    return [jnp.take(value, i, axis) for i in builtins.range(num or value.shape[axis])]


@define
def squeeze(input: Any, axis: Any = None) -> Any:
    return jnp.squeeze(input, tuple(axis) if isinstance(axis, list) else axis)


@define
def expand_dims(input: Any, axis: Any = -1) -> Any:
    return jnp.expand_dims(_stacked(input), int(axis))


@define
def tile(input: Any, multiples: Any) -> Any:
    return jnp.tile(input, shape_of(multiples))


@define
def repeat(input: Any, repeats: Any, axis: Any = None) -> Any:
    return jnp.repeat(input, np.asarray(repeats) if isinstance(repeats, (list, tuple)) else repeats, axis)


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
def _where(condition: Any, x: Any, y: Any) -> Any:
    return jnp.where(condition, x, y)


_places = sized_by_values(
    function_of(jnp.argwhere, "argwhere"), lambda condition: [((None, len(condition.shape)), "int32")], "where"
)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """``tf.where``: one of two values, or, of a condition alone, the places where it holds."""
    return _places(condition) if x is None else _where(condition, x, y)


@define
def cast(x: Any, dtype: Any) -> Any:
    if hasattr(x, "with_values") and hasattr(x, "dense_shape"):  # a sparse tensor
        return x.with_values(cast(x.values, dtype))
    return _stacked(x).astype(dtype_of(dtype))


@define
def _masked(tensor: Any, mask: Any, axis: int | None = None) -> Any:
    return tensor[(builtins.slice(None),) * (axis or 0) + (np.asarray(mask, bool),)]


def _masked_shape(tensor: Any, mask: Any, axis: int | None = None) -> list[tuple[Any, str]]:
    before = axis or 0
    return [((*tensor.shape[:before], None, *tensor.shape[before + len(mask.shape) :]), str(tensor.dtype))]


boolean_mask = sized_by_values(_masked, _masked_shape, "boolean_mask")


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
    """``tf.shape``: the sizes, as integers that are known while everything else is traced."""
    from kjax.keras.core.tensor import is_symbolic

    if is_symbolic(input):
        from kjax.keras import backend

        return backend.shape(input) if None in input.shape else sizes(input.shape)
    if getattr(input, "rows_differ", False):
        return RaggedShape(input)
    return sizes(jnp.shape(unwrap(input)), out_type)


class RaggedShape:
    """``tf.shape`` of a ragged tensor: the number of rows, and their lengths.

    Args:
        tensor: the tensor.
    """

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    @property
    def rank(self) -> int:
        """Number of axes."""
        return self._tensor.ndim

    def __getitem__(self, axis: int) -> Any:
        if axis == 0:
            return sizes(len(self._tensor))
        if axis == 1:
            raise ValueError("the rows of a ragged tensor have no common length; row_lengths() gives those of all")
        return sizes(self._tensor.flat_values.shape[axis - self._tensor.ragged_rank])

    def __repr__(self) -> str:
        lengths = [str(len(self._tensor)), *(str(tuple(map(int, n))) for n in self._tensor.nested_row_lengths())]
        lengths += map(str, self._tensor.flat_values.shape[1:])
        return f"<DynamicRaggedShape lengths=[{', '.join(lengths)}] num_row_partitions={self._tensor.ragged_rank}>"


def rank(input: Any, name: str | None = None) -> Any:
    """``tf.rank``: number of axes."""
    return sizes(len(input.shape) if hasattr(input, "shape") else np.ndim(input))


def size(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """``tf.size``: number of elements."""
    return sizes(np.size(unwrap(input.flat_values if hasattr(input, "flat_values") else input)), out_type)


def _array_of(value: Any, dtype: Any, shape: Any = None) -> Any:
    if isinstance(value, (list, tuple)) and any(isinstance(v, Tracer) for v in jax.tree.leaves(value)):
        value = _stacked(value)
    if not isinstance(value, jax.Array):
        array = np.asarray(value)
        if is_text(array):
            array = as_bytes(array)
            return array if shape is None else array.reshape(shape_of(shape))
        if dtype is None:
            array = array if isinstance(value, (np.ndarray, np.generic)) else tensor_of_list(array)
        elif array.dtype.kind not in "biufcV":
            raise ValueError(f"cannot make a tensor of type {dtype} of {value!r}")
        value = array
    if isinstance(value, np.ndarray) and value.size <= 64:
        with jax.ensure_compile_time_eval():  # numbers that are written down are known while a function is traced
            array = jnp.asarray(value, dtype_of(dtype))
    else:
        array = jnp.asarray(value, dtype_of(dtype))
    if shape is None:
        return array
    return jnp.broadcast_to(array, shape_of(shape)) if array.size == 1 else array.reshape(shape_of(shape))


def _stacked(value: Any) -> Any:
    return jnp.stack([_stacked(v) for v in value]) if isinstance(value, (list, tuple)) else jnp.asarray(value)


@define
def _tensor(value: Any, dtype: Any = None, shape: Any = None) -> Any:
    return _array_of(value, dtype, shape)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """``tf.constant``: numbers as a tensor, strings as a tensor of bytes."""
    if is_text(value) or (isinstance(value, (list, tuple)) and is_text(np.asarray(value))):
        return Tensor(_array_of(value, None, shape))
    if dtype is None and any(isinstance(leaf, (int, complex)) for leaf in jax.tree.leaves(value)[:1]):
        array = None if any(isinstance(leaf, Tracer) or is_leaf(leaf) for leaf in _leaves(value)) else np.asarray(value)
        value = tensor_of_list(array) if array is not None and array.dtype.kind in "ic" else value
    made = _tensor(value, dtype, shape)
    if isinstance(made, Tensor) and scopes.is_drawing():
        made.label = "/".join(part for part in (current_path(), name or "Const") if part)
    return made


def _leaves(value: Any) -> list[Any]:
    return jax.tree.leaves(value, is_leaf=is_leaf)


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None, preferred_dtype: Any = None
) -> Any:
    """``tf.convert_to_tensor``."""
    if isinstance(value, (list, tuple)) and not any(hasattr(v, "dtype") for v in jax.tree.leaves(value)):
        return constant(value, dtype)
    if hasattr(value, "dtype") and is_text(unwrap(value)):
        return wrap(unwrap(value))
    if isinstance(value, (list, tuple)):
        return stack([convert_to_tensor(v, dtype) for v in value])
    return constant(value, dtype) if isinstance(value, str) else _tensor(value, dtype)


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
    matrix = jnp.eye(num_rows, num_columns, dtype=dtype_of(dtype))
    return matrix if batch_shape is None else jnp.broadcast_to(matrix, (*shape_of(batch_shape), *matrix.shape))


@define
def _range(start: Any, limit: Any, delta: Any, dtype: Any) -> Any:
    return jnp.arange(start, limit, delta, dtype_of(dtype))


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None) -> Any:
    """``tf.range``; while a function is compiled, integers that are known are known to Python too."""
    start, limit = (0, start) if limit is None else (start, limit)
    known = all(isinstance(v, (int, np.integer, Sizes)) for v in (start, limit, delta))
    if known and dtype is None and scopes.current() is not None:
        return sizes(np.arange(start, limit, delta))
    return _range(start, limit, delta, dtype)


@define
def _linspace(start: Any, stop: Any, num: int, axis: int, dtype: Any) -> Any:
    return jnp.linspace(start, stop, int(num), axis=axis, dtype=dtype_of(dtype))


def linspace(start: Any, stop: Any, num: int, name: str | None = None, axis: int = 0) -> Any:
    """``tf.linspace``; between integers the numbers are of 64 bits."""
    start, stop = (numbers(end) if isinstance(end, (list, tuple)) else end for end in (start, stop))
    whole = all(np.asarray(unwrap(end)).dtype.kind in "iu" for end in (start, stop) if not symbolic_leaves(end))
    return _linspace(start, stop, num, axis, "float64" if whole and not symbolic_leaves((start, stop)) else None)


@define
def identity(input: Any) -> Any:
    return jnp.asarray(input)


@define
def one_hot(
    indices: Any, depth: int, on_value: Any = None, off_value: Any = None, axis: Any = None, dtype: Any = None
) -> Any:
    # Without a type it is that of the values where they are given, else float32.
    given = [value for value in (on_value, off_value) if value is not None]
    kind = dtype_of(dtype) if dtype is not None else jnp.result_type(*given) if given else jnp.float32
    on, off = (
        jnp.asarray(default if value is None else value, kind) for value, default in ((on_value, 1), (off_value, 0))
    )
    hot = jax.nn.one_hot(jnp.asarray(indices, jnp.int32), int(depth), axis=-1 if axis is None else axis, dtype=bool)
    return jnp.where(hot, on, off)


@define
def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool") -> Any:
    lengths = jnp.asarray(lengths)
    maxlen = int(jnp.max(lengths)) if maxlen is None else int(maxlen)
    return (jnp.arange(maxlen) < lengths[..., None]).astype(dtype_of(dtype))


@define
def ensure_shape(x: Any, shape: Any) -> Any:
    if len(shape) != x.ndim or any(s is not None and int(s) != n for s, n in zip(shape, x.shape, strict=True)):
        raise ValueError(f"ensure_shape: the shape is {x.shape}, not {tuple(shape)}")
    return x


@define
def reverse_sequence(input: Any, seq_lengths: Any, seq_axis: int | None = None, batch_axis: int = 0) -> Any:
    axis = 1 if seq_axis is None else seq_axis
    rows = jnp.moveaxis(input, (batch_axis, axis), (0, 1))
    steps = jnp.arange(rows.shape[1])[None]
    lengths = jnp.asarray(seq_lengths)[:, None]
    places = jnp.where(steps < lengths, lengths - 1 - steps, steps)
    found = jnp.take_along_axis(rows, places.reshape(*places.shape, *[1] * (rows.ndim - 2)), 1)
    return jnp.moveaxis(found, (0, 1), (batch_axis, axis))


@define
def batch_gather(params: Any, indices: Any) -> Any:
    return jnp.take_along_axis(params, jnp.asarray(indices, jnp.int32), -1)


@define
def to_float(x: Any) -> Any:
    return jnp.asarray(x, jnp.float32)


@define
def to_int32(x: Any) -> Any:
    return jnp.asarray(x).astype(jnp.int32)


def shape_n(input: Any, out_type: Any = None, name: str | None = None) -> list[Any]:
    """``tf.shape_n``: the sizes of several tensors."""
    return [shape(tensor) for tensor in input]


def identity_n(input: Any, name: str | None = None) -> list[Any]:
    """``tf.identity_n``."""
    return [identity(tensor) for tensor in input]


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """``tf.get_static_value``: the values, or None while they are traced."""
    value = unwrap(tensor)
    return None if isinstance(value, Tracer) else np.asarray(value)


def as_dtype(type_value: Any) -> Any:
    """``tf.as_dtype``: a type by its name."""
    from kjax.keras.legacy.tensorflow.dtype import DType

    if type_value in (float, int):  # numbers of Python, as tensors have them
        return DType("float32" if type_value is float else "int32")
    return DType(str(type_value) if isinstance(type_value, str) else np.dtype(type_value).name)


doors.tensors.fill(stack=stack)

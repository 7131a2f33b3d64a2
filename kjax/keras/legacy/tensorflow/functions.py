"""TensorFlow's functions on arrays, with its argument names, as far as Keras scripts use them."""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core.settings import next_key, settings
from kjax.keras.core.variable import Variable as _Variable
from kjax.keras.legacy.tensorflow.tape import OPERATORS, apply, operator, unwrap


def _function(compute: Callable[..., Any], name: str, **renamed: str) -> Callable[..., Any]:
    """A function under TensorFlow's name; ``renamed`` maps its argument names to those of ``compute``."""

    def function(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("name", None)
        given = {renamed.get(key, key): value for key, value in kwargs.items()}
        return apply(compute, args, given, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``tf.{name}``."
    try:
        function.__signature__ = inspect.signature(compute)  # type: ignore[attr-defined]
    except (TypeError, ValueError):  # a ufunc without one
        pass
    return function


def _dtype(dtype: Any) -> Any:
    return None if dtype is None else jnp.dtype(getattr(dtype, "name", dtype))


# -- one to one --------------------------------------------------------------------------------------------------

_ELEMENTWISE = {
    "abs": jnp.abs,
    "add": jnp.add,
    "ceil": jnp.ceil,
    "cos": jnp.cos,
    "cosh": jnp.cosh,
    "divide": jnp.true_divide,
    "truediv": jnp.true_divide,
    "equal": jnp.equal,
    "erf": jax.scipy.special.erf,
    "exp": jnp.exp,
    "expm1": jnp.expm1,
    "floor": jnp.floor,
    "floormod": jnp.mod,
    "greater": jnp.greater,
    "greater_equal": jnp.greater_equal,
    "is_finite": jnp.isfinite,
    "is_inf": jnp.isinf,
    "is_nan": jnp.isnan,
    "less": jnp.less,
    "less_equal": jnp.less_equal,
    "log": jnp.log,
    "log1p": jnp.log1p,
    "log_sigmoid": jax.nn.log_sigmoid,
    "logical_and": jnp.logical_and,
    "logical_not": jnp.logical_not,
    "logical_or": jnp.logical_or,
    "logical_xor": jnp.logical_xor,
    "maximum": jnp.maximum,
    "minimum": jnp.minimum,
    "multiply": jnp.multiply,
    "negative": jnp.negative,
    "not_equal": jnp.not_equal,
    "pow": jnp.power,
    "reciprocal": jnp.reciprocal,
    "round": jnp.round,
    "sigmoid": jax.nn.sigmoid,
    "sign": jnp.sign,
    "sin": jnp.sin,
    "sinh": jnp.sinh,
    "softplus": jax.nn.softplus,
    "sqrt": jnp.sqrt,
    "square": jnp.square,
    "subtract": jnp.subtract,
    "tan": jnp.tan,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "swish": jax.nn.swish,
    "softsign": jax.nn.soft_sign,
    "einsum": jnp.einsum,
    "stop_gradient": jax.lax.stop_gradient,
    "trace": jnp.trace,
    "inv": jnp.linalg.inv,
    "det": jnp.linalg.det,
    "cholesky": jnp.linalg.cholesky,
    "diag": jnp.diag,
    "diag_part": jnp.diagonal,
    "meshgrid": jnp.meshgrid,
    "broadcast_to": jnp.broadcast_to,
    "searchsorted": jnp.searchsorted,
}
for _name, _compute in _ELEMENTWISE.items():
    globals()[_name] = _function(_compute, _name, input="x", features="x", a="a")

_REDUCTIONS = {
    "reduce_all": jnp.all,
    "reduce_any": jnp.any,
    "reduce_logsumexp": jax.scipy.special.logsumexp,
    "reduce_max": jnp.max,
    "reduce_mean": jnp.mean,
    "reduce_min": jnp.min,
    "reduce_prod": jnp.prod,
    "reduce_std": jnp.std,
    "reduce_sum": jnp.sum,
    "reduce_variance": jnp.var,
    "count_nonzero": jnp.count_nonzero,
}


def _reduction(compute: Callable[..., Any], name: str) -> Callable[..., Any]:
    def reduce(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
        axis = tuple(int(a) for a in np.ravel(axis)) if np.ndim(axis) else axis
        return compute(input_tensor, axis=axis, keepdims=keepdims)

    return _function(reduce, name, reduction_indices="axis", keep_dims="keepdims", input="input_tensor")


for _name, _compute in _REDUCTIONS.items():
    globals()[_name] = _reduction(_compute, _name)


def _define(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function written with TensorFlow's argument names, through the one door."""
    return _function(function, function.__name__)


# -- shapes ------------------------------------------------------------------------------------------------------


@_define
def reshape(tensor: Any, shape: Any) -> Any:
    return jnp.reshape(tensor, _shape_of(shape))


def _shape_of(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, (int, np.integer)):
        return (int(shape),)
    return tuple(int(-1 if s is None else s) for s in shape)


@_define
def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    return jnp.transpose(a, perm)


@_define
def matrix_transpose(a: Any) -> Any:
    return jnp.swapaxes(a, -1, -2)


@_define
def concat(values: Any, axis: int) -> Any:
    return jnp.concatenate(list(values), int(axis))


@_define
def stack(values: Any, axis: int = 0) -> Any:
    return jnp.stack(list(values), axis)


@_define
def unstack(value: Any, num: int | None = None, axis: int = 0) -> Any:
    return [jnp.take(value, i, axis) for i in builtins.range(num or value.shape[axis])]


@_define
def squeeze(input: Any, axis: Any = None) -> Any:
    return jnp.squeeze(input, tuple(axis) if isinstance(axis, list) else axis)


@_define
def expand_dims(input: Any, axis: Any = -1) -> Any:
    return jnp.expand_dims(input, int(axis))


@_define
def tile(input: Any, multiples: Any) -> Any:
    return jnp.tile(input, _shape_of(multiples))


@_define
def repeat(input: Any, repeats: Any, axis: Any = None) -> Any:
    return jnp.repeat(input, repeats, axis)


@_define
def gather(params: Any, indices: Any, validate_indices: Any = None, axis: int = 0, batch_dims: int = 0) -> Any:
    if batch_dims:
        return jax.vmap(lambda p, i: gather_raw(p, i, axis - 1, batch_dims - 1))(params, indices)
    return jnp.take(params, jnp.asarray(indices, jnp.int32), axis)


def gather_raw(params: Any, indices: Any, axis: int, batch_dims: int) -> Any:
    """``gather`` on arrays."""
    if batch_dims:
        return jax.vmap(lambda p, i: gather_raw(p, i, axis - 1, batch_dims - 1))(params, indices)
    return jnp.take(params, indices, axis)


@_define
def embedding_lookup(params: Any, ids: Any) -> Any:
    return jnp.take(params, jnp.asarray(ids, jnp.int32), 0)


@_define
def gather_nd(params: Any, indices: Any) -> Any:
    return params[tuple(jnp.moveaxis(jnp.asarray(indices, jnp.int32), -1, 0))]


@_define
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    return jnp.argwhere(condition) if x is None else jnp.where(condition, x, y)


@_define
def cast(x: Any, dtype: Any) -> Any:
    return jnp.asarray(x).astype(_dtype(dtype))


@_define
def boolean_mask(tensor: Any, mask: Any) -> Any:
    return tensor[np.asarray(mask, bool)]


@_define
def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    extra = {"constant_values": constant_values} if mode.lower() == "constant" else {}
    return jnp.pad(tensor, [tuple(int(p) for p in pair) for pair in paddings], mode.lower(), **extra)


@_define
def split(value: Any, num_or_size_splits: Any, axis: int = 0) -> Any:
    if isinstance(num_or_size_splits, (int, np.integer)):
        return jnp.split(value, int(num_or_size_splits), axis)
    return jnp.split(value, np.cumsum([int(s) for s in num_or_size_splits])[:-1], axis)


@_define
def reverse(tensor: Any, axis: Any) -> Any:
    return jnp.flip(tensor, tuple(axis) if isinstance(axis, (list, tuple)) else axis)


@_define
def roll(input: Any, shift: Any, axis: Any) -> Any:
    return jnp.roll(input, shift, axis)


@_define
def slice(input_: Any, begin: Any, size: Any) -> Any:
    index = tuple(builtins.slice(int(b), None if int(s) == -1 else int(b) + int(s)) for b, s in zip(begin, size, strict=True))
    return input_[index]


@_define
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


# -- making ------------------------------------------------------------------------------------------------------


@_define
def constant(value: Any, dtype: Any = None, shape: Any = None) -> Any:
    array = np.asarray(value)
    if dtype is None and array.dtype == np.float64 and not isinstance(value, np.ndarray):
        dtype = "float32"
    array = array.astype(_dtype(dtype)) if dtype is not None and str(dtype) != "string" else array
    if shape is not None:
        array = np.broadcast_to(array, _shape_of(shape)) if array.size == 1 else array.reshape(_shape_of(shape))
    return jnp.asarray(array) if array.dtype.kind in "biufc" else array


@_define
def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None) -> Any:
    if isinstance(value, (list, tuple)):
        value = jnp.stack([jnp.asarray(v) for v in value]) if any(hasattr(v, "shape") for v in value) else value
    array = value if hasattr(value, "dtype") else np.asarray(value)
    if getattr(array, "dtype", None) is not None and array.dtype.kind not in "biufcV":
        return array
    return jnp.asarray(array, _dtype(dtype))


def _filled(compute: Callable[..., Any], name: str) -> Callable[..., Any]:
    def make(shape: Any, dtype: Any = "float32") -> Any:
        return compute(_shape_of(shape), _dtype(dtype))

    return _function(make, name)


zeros, ones = _filled(jnp.zeros, "zeros"), _filled(jnp.ones, "ones")


@_define
def zeros_like(input: Any, dtype: Any = None) -> Any:
    return jnp.zeros_like(input, _dtype(dtype))


@_define
def ones_like(input: Any, dtype: Any = None) -> Any:
    return jnp.ones_like(input, _dtype(dtype))


@_define
def fill(dims: Any, value: Any) -> Any:
    return jnp.full(_shape_of(dims), value)


@_define
def eye(num_rows: int, num_columns: int | None = None, batch_shape: Any = None, dtype: Any = "float32") -> Any:
    return jnp.eye(num_rows, num_columns, dtype=_dtype(dtype))


@_define
def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Any:
    return jnp.arange(start, limit, delta, _dtype(dtype)) if limit is not None else jnp.arange(0, start, delta, _dtype(dtype))


@_define
def linspace(start: Any, stop: Any, num: int, axis: int = 0) -> Any:
    return jnp.linspace(start, stop, int(num), axis=axis)


@_define
def identity(input: Any) -> Any:
    return jnp.asarray(input)


@_define
def one_hot(
    indices: Any, depth: int, on_value: Any = 1, off_value: Any = 0, axis: int = -1, dtype: Any = "float32"
) -> Any:
    hot = jax.nn.one_hot(jnp.asarray(indices, jnp.int32), int(depth), axis=axis, dtype=_dtype(dtype))
    return hot * (on_value - off_value) + off_value if (on_value, off_value) != (1, 0) else hot


@_define
def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool") -> Any:
    lengths = jnp.asarray(lengths)
    maxlen = int(jnp.max(lengths)) if maxlen is None else int(maxlen)
    return (jnp.arange(maxlen) < lengths[..., None]).astype(_dtype(dtype))


# -- mathematics -------------------------------------------------------------------------------------------------


@_define
def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    a = jnp.swapaxes(a, -1, -2) if transpose_a else a
    return jnp.matmul(a, jnp.swapaxes(b, -1, -2) if transpose_b else b)


@_define
def tensordot(a: Any, b: Any, axes: Any) -> Any:
    return jnp.tensordot(a, b, axes)


@_define
def add_n(inputs: Any) -> Any:
    return functools.reduce(jnp.add, inputs)


@_define
def argmax(input: Any, axis: Any = 0, output_type: Any = "int64") -> Any:
    return jnp.argmax(input, 0 if axis is None else axis)


@_define
def argmin(input: Any, axis: Any = 0, output_type: Any = "int64") -> Any:
    return jnp.argmin(input, 0 if axis is None else axis)


@_define
def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False) -> Any:
    return jnp.argsort(values, axis, descending=direction == "DESCENDING")


@_define
def sort(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Any:
    return jnp.sort(values, axis, descending=direction == "DESCENDING")


@_define
def top_k(input: Any, k: int = 1, sorted: bool = True) -> Any:
    return jax.lax.top_k(input, k)


@_define
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    own = jnp.take_along_axis(predictions, jnp.asarray(targets, jnp.int32)[:, None], 1)
    return jnp.sum(predictions > own, axis=1) < k


@_define
def cumsum(x: Any, axis: int = 0) -> Any:
    return jnp.cumsum(x, axis)


@_define
def cumprod(x: Any, axis: int = 0) -> Any:
    return jnp.cumprod(x, axis)


@_define
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    return jnp.clip(t, clip_value_min, clip_value_max)


@_define
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None) -> Any:
    length = jnp.sqrt(jnp.sum(jnp.square(t), axis=axes, keepdims=True))
    return t * clip_norm / jnp.maximum(length, clip_norm)


@_define
def global_norm(t_list: Any) -> Any:
    return jnp.sqrt(sum(jnp.sum(jnp.square(t)) for t in t_list if t is not None))


@_define
def clip_by_global_norm(t_list: Any, clip_norm: Any) -> Any:
    length = jnp.sqrt(sum(jnp.sum(jnp.square(t)) for t in t_list))
    return [t * clip_norm / jnp.maximum(length, clip_norm) for t in t_list], length


@_define
def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, dim: Any = None) -> Any:
    axis = dim if axis is None else axis
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(x), axis=axis, keepdims=True), epsilon))


@_define
def l2_loss(t: Any) -> Any:
    return jnp.sum(jnp.square(t)) / 2


@_define
def rsqrt(x: Any) -> Any:
    return jax.lax.rsqrt(x)


@_define
def squared_difference(x: Any, y: Any) -> Any:
    return jnp.square(jnp.subtract(x, y))


@_define
def multiply_no_nan(x: Any, y: Any) -> Any:
    return jnp.where(y == 0, 0, x * y)


@_define
def divide_no_nan(x: Any, y: Any) -> Any:
    return jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y))


@_define
def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False) -> Any:
    return jnp.linalg.norm(
        jnp.ravel(tensor) if axis is None and ord == "euclidean" and not keepdims else tensor,
        ord=None if ord == "euclidean" else ord,
        axis=axis,
        keepdims=keepdims,
    )


@_define
def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False) -> Any:
    axes = tuple(axes)
    return jnp.mean(x, axes, keepdims=keepdims), jnp.var(x, axes, keepdims=keepdims)


@_define
def segment_sum(data: Any, segment_ids: Any) -> Any:
    return jax.ops.segment_sum(data, segment_ids, int(np.max(segment_ids)) + 1)


@_define
def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: int) -> Any:
    return jax.ops.segment_sum(data, segment_ids, int(num_segments))


def unique(x: Any, name: str | None = None) -> Any:
    """``tf.unique``: the values in the order of their first places, and the place of each element among them."""
    values, first, inverse = np.unique(np.asarray(unwrap(x)), return_index=True, return_inverse=True)
    order = np.argsort(first)
    places = np.argsort(order)
    return jnp.asarray(values[order]), jnp.asarray(places[inverse.reshape(-1)])


def dynamic_partition(data: Any, partitions: Any, num_partitions: int) -> list[Any]:
    """``tf.dynamic_partition``: the rows of each number."""
    data, partitions = unwrap(data), np.asarray(unwrap(partitions))
    return [data[partitions == i] for i in builtins.range(num_partitions)]


@_define
def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any) -> Any:
    return jnp.asarray(tensor).at[tuple(jnp.moveaxis(jnp.asarray(indices, jnp.int32), -1, 0))].set(updates)


# -- networks ----------------------------------------------------------------------------------------------------


@_define
def softmax(logits: Any, axis: int = -1) -> Any:
    return jax.nn.softmax(logits, axis)


@_define
def log_softmax(logits: Any, axis: int = -1) -> Any:
    return jax.nn.log_softmax(logits, axis)


@_define
def leaky_relu(features: Any, alpha: float = 0.2) -> Any:
    return jax.nn.leaky_relu(features, alpha)


@_define
def crelu(features: Any, axis: int = -1) -> Any:
    return jnp.concatenate([jax.nn.relu(features), jax.nn.relu(-features)], axis)


@_define
def gelu(features: Any, approximate: bool = False) -> Any:
    return jax.nn.gelu(features, approximate)


@_define
def bias_add(value: Any, bias: Any, data_format: Any = None) -> Any:
    channels_first = data_format is not None and data_format.startswith("NC")
    return value + (bias.reshape(-1, *[1] * (value.ndim - 2)) if channels_first else bias)


@_define
def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None) -> Any:
    labels = jnp.asarray(labels, logits.dtype)
    return jax.nn.relu(logits) - logits * labels + jnp.log1p(jnp.exp(-jnp.abs(logits)))


@_define
def softmax_cross_entropy_with_logits(labels: Any = None, logits: Any = None, axis: int = -1) -> Any:
    return -jnp.sum(jnp.asarray(labels, logits.dtype) * jax.nn.log_softmax(logits, axis), axis)


@_define
def sparse_softmax_cross_entropy_with_logits(labels: Any = None, logits: Any = None) -> Any:
    chosen = jnp.asarray(labels, jnp.int32)[..., None]
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), chosen, -1)[..., 0]


@_define
def batch_normalization(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float) -> Any:
    scaled = (x - mean) * jax.lax.rsqrt(variance + variance_epsilon)
    scaled = scaled if scale is None else scaled * scale
    return scaled if offset is None else scaled + offset


def _spatial(value: Any, dims: int) -> tuple[int, ...]:
    if isinstance(value, (int, np.integer)):
        return (int(value),) * dims
    value = tuple(int(v) for v in value)
    return value[1:-1] if len(value) == dims + 2 else value * dims if len(value) == 1 else value


_PLACES = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC")}


def _convolution(x: Any, filters: Any, strides: Any, padding: Any, dilations: Any, dims: int, groups: int = 1) -> Any:
    return jax.lax.conv_general_dilated(
        x,
        filters,
        _spatial(1 if strides is None else strides, dims),
        padding,
        rhs_dilation=_spatial(1 if dilations is None else dilations, dims),
        dimension_numbers=_PLACES[dims],
        feature_group_count=groups,
    )


@_define
def conv2d(input: Any, filters: Any, strides: Any = 1, padding: str = "VALID", data_format: str = "NHWC", dilations: Any = None) -> Any:
    return _convolution(input, filters, strides, padding, dilations, 2)


@_define
def conv1d(input: Any, filters: Any, stride: Any = 1, padding: str = "VALID", data_format: str = "NWC", dilations: Any = None) -> Any:
    return _convolution(input, filters, stride, padding, dilations, 1)


@_define
def depthwise_conv2d(input: Any, filter: Any, strides: Any, padding: str, data_format: Any = None, dilations: Any = None) -> Any:
    rows, columns, channels, multiplier = filter.shape
    kernel = jnp.reshape(filter, (rows, columns, 1, channels * multiplier))
    return _convolution(input, kernel, strides, padding, dilations, 2, channels)


@_define
def conv2d_transpose(input: Any, filters: Any, output_shape: Any, strides: Any, padding: str = "SAME", data_format: str = "NHWC") -> Any:
    return jax.lax.conv_transpose(
        input, filters, _spatial(strides, 2), padding, dimension_numbers=_PLACES[2], transpose_kernel=True
    )


def _pool(x: Any, ksize: Any, strides: Any, padding: str, start: Any, reduce: Any) -> Any:
    window = (1, *_spatial(ksize, 2), 1)
    steps = (1, *_spatial(ksize if strides is None else strides, 2), 1)
    return jax.lax.reduce_window(x, start, reduce, window, steps, padding)


@_define
def max_pool2d(input: Any, ksize: Any, strides: Any = None, padding: str = "VALID", data_format: str = "NHWC") -> Any:
    return _pool(input, ksize, strides, padding, -jnp.inf, jax.lax.max)


@_define
def avg_pool2d(input: Any, ksize: Any, strides: Any = None, padding: str = "VALID", data_format: str = "NHWC") -> Any:
    sums = _pool(input, ksize, strides, padding, 0.0, jax.lax.add)
    return sums / _pool(jnp.ones_like(input), ksize, strides, padding, 0.0, jax.lax.add)


max_pool, avg_pool = max_pool2d, avg_pool2d


@_define
def dropout(x: Any, rate: float = 0.5, noise_shape: Any = None, seed: Any = None) -> Any:
    if not rate:
        return x
    keep = jax.random.bernoulli(next_key(), 1 - rate, noise_shape or jnp.shape(x))
    return jnp.where(keep, x / (1 - rate), 0)


# -- random numbers ----------------------------------------------------------------------------------------------


@_define
def random_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    return mean + stddev * jax.random.normal(_key(seed), _shape_of(shape), _dtype(dtype))


@_define
def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    return mean + stddev * jax.random.truncated_normal(_key(seed), -2.0, 2.0, _shape_of(shape), _dtype(dtype))


@_define
def random_uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None) -> Any:
    if jnp.issubdtype(_dtype(dtype), jnp.integer):
        return jax.random.randint(_key(seed), _shape_of(shape), minval, maxval, _dtype(dtype))
    return jax.random.uniform(_key(seed), _shape_of(shape), _dtype(dtype), minval, 1.0 if maxval is None else maxval)


def _key(seed: Any) -> Any:
    return next_key()


@_define
def stateless_normal(shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32") -> Any:
    key = jax.random.fold_in(jax.random.key(int(seed[0])), int(seed[1]))
    return mean + stddev * jax.random.normal(key, _shape_of(shape), _dtype(dtype))


@_define
def stateless_uniform(shape: Any, seed: Any, minval: Any = 0, maxval: Any = 1, dtype: Any = "float32") -> Any:
    key = jax.random.fold_in(jax.random.key(int(seed[0])), int(seed[1]))
    return jax.random.uniform(key, _shape_of(shape), _dtype(dtype), minval, maxval)


@_define
def shuffle(value: Any, seed: Any = None) -> Any:
    return jax.random.permutation(next_key(), value)


@_define
def categorical(logits: Any, num_samples: int, dtype: Any = None, seed: Any = None) -> Any:
    samples = jax.random.categorical(next_key(), logits, axis=-1, shape=(num_samples, *logits.shape[:-1]))
    return jnp.moveaxis(samples, 0, -1)


# -- pictures ----------------------------------------------------------------------------------------------------


@_define
def resize_images(images: Any, size: Any, method: Any = "bilinear", preserve_aspect_ratio: bool = False, antialias: bool = False) -> Any:
    method = {0: "bilinear", 1: "nearest", 2: "bicubic"}.get(method, method)
    rows, columns = (int(s) for s in size)
    channels = images.shape[-1]
    shape = (rows, columns, channels) if images.ndim == 3 else (images.shape[0], rows, columns, channels)
    return jax.image.resize(jnp.asarray(images, jnp.float32), shape, str(method), antialias=antialias)


@_define
def flip_left_right(image: Any) -> Any:
    return jnp.flip(image, -2)


@_define
def flip_up_down(image: Any) -> Any:
    return jnp.flip(image, -3)


@_define
def adjust_brightness(image: Any, delta: Any) -> Any:
    return image + delta


@_define
def convert_image_dtype(image: Any, dtype: Any) -> Any:
    if jnp.issubdtype(image.dtype, jnp.integer) and jnp.issubdtype(_dtype(dtype), jnp.floating):
        return image.astype(_dtype(dtype)) / jnp.iinfo(image.dtype).max
    return image.astype(_dtype(dtype))


@_define
def rgb_to_grayscale(images: Any) -> Any:
    return jnp.sum(images * jnp.asarray([0.2989, 0.587, 0.114]), axis=-1, keepdims=True)


@_define
def grayscale_to_rgb(images: Any) -> Any:
    return jnp.repeat(images, 3, axis=-1)


@_define
def central_crop(image: Any, central_fraction: float) -> Any:
    rows, columns = image.shape[-3:-1]
    top, left = int((rows - rows * central_fraction) / 2), int((columns - columns * central_fraction) / 2)
    return image[..., top : rows - top, left : columns - left, :]


@_define
def total_variation(images: Any) -> Any:
    rows = jnp.abs(images[..., 1:, :, :] - images[..., :-1, :, :])
    columns = jnp.abs(images[..., :, 1:, :] - images[..., :, :-1, :])
    axes = (-1, -2, -3)
    return jnp.sum(rows, axes) + jnp.sum(columns, axes)


# -- control -----------------------------------------------------------------------------------------------------


def map_fn(fn: Callable[[Any], Any], elems: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """``tf.map_fn``: a function applied to each row."""
    from kjax.keras import ops

    return apply(lambda e: ops.map(fn, e), (elems,), {}, "map_fn")


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, **kwargs: Any) -> Any:
    """``tf.foldl``: rows combined from the first to the last."""

    def fold(rows: Any) -> Any:
        start, rest = (rows[0], rows[1:]) if initializer is None else (initializer, rows)
        return jax.lax.scan(lambda carry, row: (fn(carry, row), None), start, rest)[0]

    return apply(fold, (elems,), {}, "foldl")


def scan(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, **kwargs: Any) -> Any:
    """``tf.scan``: rows combined from the first to the last, all results kept."""

    def run(rows: Any) -> Any:
        start = rows[0] if initializer is None else initializer
        rest = rows[1:] if initializer is None else rows

        def step(carry: Any, row: Any) -> Any:
            new = fn(carry, row)
            return new, new

        found = jax.lax.scan(step, start, rest)[1]
        return found if initializer is not None else jnp.concatenate([start[None], found])

    return apply(run, (elems,), {}, "scan")


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any], name: str | None = None) -> Any:
    """``tf.cond`` for a condition that is known."""
    return true_fn() if bool(unwrap(pred)) else false_fn()


def while_loop(cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, **kwargs: Any) -> Any:
    """``tf.while_loop``, step by step."""
    state = list(loop_vars)
    while bool(unwrap(cond(*state))):
        new = body(*state)
        state = list(new) if isinstance(new, (list, tuple)) else [new]
    return state


def function(func: Any = None, **options: Any) -> Any:
    """``tf.function``: the function itself; layers and models inside are compiled all the same."""
    return func if func is not None else lambda f: f


def py_function(func: Callable[..., Any], inp: Any, Tout: Any = None, name: str | None = None) -> Any:
    """``tf.py_function``: the function, called now."""
    return func(*inp)


def print(*inputs: Any, output_stream: Any = None, **options: Any) -> None:
    """``tf.print``."""
    builtins.print(*[unwrap(i) for i in inputs])


def is_tensor(x: Any) -> bool:
    """Whether it is a tensor: an array of JAX, a variable, or a symbolic tensor."""
    from kjax.keras.core.tensor import is_symbolic
    from kjax.keras.legacy.tensorflow.tape import Tensor

    return isinstance(x, (jax.Array, _Variable, Tensor)) or is_symbolic(x)


class Variable(_Variable):
    """``tf.Variable``.

    Args:
        initial_value: its value, or a function that gives it.
        trainable: whether it is trained.
        name: its name.
        dtype: its type.
        **options: accepted.
    """

    def __init__(
        self, initial_value: Any = None, trainable: bool = True, validate_shape: bool = True, *args: Any,
        name: str | None = None, dtype: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        value = unwrap(initial_value() if callable(initial_value) else initial_value)
        if not hasattr(value, "dtype"):
            value = np.asarray(value)
            value = value.astype(settings.floatx) if value.dtype == np.float64 else value
        super().__init__(value, dtype=None if dtype is None else str(dtype), trainable=trainable, name=name)

    def assign(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Set the value."""
        super().assign(unwrap(value))
        return self

    def read_value(self) -> Any:
        """The value as a tensor."""
        return identity(self)

    @property
    def initializer(self) -> Any:  # type: ignore[override]
        """It has its value from the start."""
        return None

    @initializer.setter
    def initializer(self, value: Any) -> None:
        del value


def get_variable(name: str, shape: Any = None, dtype: Any = "float32", initializer: Any = None, **kwargs: Any) -> Any:
    """``tf.get_variable``: a variable made by an initializer; Glorot uniform by default."""
    made = _Variable(initializer or "glorot_uniform", _shape_of(shape), str(dtype), name=name)
    return Variable(made.value, name=name)


for _name, _compute in OPERATORS.items():
    setattr(Variable, _name, operator(_compute))

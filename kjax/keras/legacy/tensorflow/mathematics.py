"""TensorFlow's functions of numbers: element by element, sums, products."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.legacy.tensorflow.door import define, dtype_of, function_of, tensor_of_list
from kjax.keras.legacy.tensorflow.tensor import Tensor, true_divide, unwrap, wrap

_ELEMENTWISE = {
    "abs": jnp.abs,
    "acos": jnp.arccos,
    "acosh": jnp.arccosh,
    "angle": jnp.angle,
    "asin": jnp.arcsin,
    "asinh": jnp.arcsinh,
    "atan": jnp.arctan,
    "atan2": jnp.arctan2,
    "atanh": jnp.arctanh,
    "complex": jax.lax.complex,
    "conj": jnp.conj,
    "digamma": jax.scipy.special.digamma,
    "erfinv": jax.scipy.special.erfinv,
    "floordiv": jnp.floor_divide,
    "imag": jnp.imag,
    "lgamma": jax.scipy.special.gammaln,
    "real": jnp.real,
    "rint": jnp.rint,
    "xlogy": jax.scipy.special.xlogy,
    "bitwise_and": jnp.bitwise_and,
    "bitwise_or": jnp.bitwise_or,
    "bitwise_xor": jnp.bitwise_xor,
    "add": jnp.add,
    "ceil": jnp.ceil,
    "cos": jnp.cos,
    "cosh": jnp.cosh,
    "divide": true_divide,
    "truediv": true_divide,
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
}
for _name, _compute in _ELEMENTWISE.items():
    globals()[_name] = function_of(_compute, _name, all_tensors=True, input="x", features="x")

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
    "reduce_euclidean_norm": lambda x, axis, keepdims: jnp.sqrt(jnp.sum(jnp.square(x), axis=axis, keepdims=keepdims)),
    "count_nonzero": jnp.count_nonzero,
}


OF_FLOATS = frozenset({"reduce_std", "reduce_variance"})
"""Reductions that TensorFlow refuses for integers."""


def _reduction(compute: Callable[..., Any], name: str) -> Callable[..., Any]:
    def reduce(input_tensor: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
        if isinstance(input_tensor, (list, tuple)):
            input_tensor = jnp.stack([jnp.asarray(part) for part in input_tensor])
        axis = tuple(int(a) for a in np.ravel(axis)) if np.ndim(axis) else axis
        if jnp.asarray(input_tensor).dtype.kind in "iu":
            if name in OF_FLOATS:
                raise TypeError(
                    f"tf.{name}: the input must be real or complex, received integers; tf.cast makes them real"
                )
            if name == "reduce_mean":  # of integers an integer, cut off
                count = jnp.size(input_tensor) // builtins.max(jnp.sum(input_tensor, axis=axis).size, 1)
                return jax.lax.div(
                    total := jnp.sum(input_tensor, axis=axis, keepdims=keepdims), jnp.full_like(total, count)
                )
        return compute(input_tensor, axis=axis, keepdims=keepdims)

    return function_of(reduce, name, reduction_indices="axis", keep_dims="keepdims", input="input_tensor")


for _name, _compute in _REDUCTIONS.items():
    globals()[_name] = _reduction(_compute, _name)


@define
def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    a = jnp.swapaxes(a, -1, -2) if transpose_a else a
    return jnp.matmul(a, jnp.swapaxes(b, -1, -2) if transpose_b else b)


@define
def tensordot(a: Any, b: Any, axes: Any) -> Any:
    return jnp.tensordot(a, b, axes)


@define
def add_n(inputs: Any) -> Any:
    return functools.reduce(jnp.add, inputs)


@define
def argmax(input: Any, axis: Any = None, output_type: Any = "int64", dimension: Any = None) -> Any:
    axis = dimension if axis is None else axis
    return jnp.argmax(jnp.asarray(input), 0 if axis is None else int(axis)).astype(dtype_of(output_type))


@define
def argmin(input: Any, axis: Any = None, output_type: Any = "int64", dimension: Any = None) -> Any:
    axis = dimension if axis is None else axis
    return jnp.argmin(jnp.asarray(input), 0 if axis is None else int(axis)).astype(dtype_of(output_type))


@define
def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False) -> Any:
    return jnp.argsort(values, axis, descending=direction == "DESCENDING").astype(jnp.int32)


@define
def sort(values: Any, axis: int = -1, direction: str = "ASCENDING") -> Any:
    return jnp.sort(values, axis, descending=direction == "DESCENDING")


@define
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = "int32") -> Any:
    rows, wanted = jnp.asarray(sorted_sequence), jnp.asarray(values)
    find = functools.partial(jnp.searchsorted, side=side)
    for _ in builtins.range(rows.ndim - 1):
        find = jax.vmap(find)
    return find(rows, wanted).astype(dtype_of(out_type))


class TopKV2(NamedTuple):
    """What :func:`top_k` gives."""

    values: Any
    indices: Any


@define
def _top_k(input: Any, k: int) -> Any:
    return jax.lax.top_k(input, k)


def top_k(input: Any, k: int = 1, sorted: bool = True, name: str | None = None) -> TopKV2:
    """``tf.nn.top_k``: the largest entries along the last axis, and where they are."""
    return TopKV2(*_top_k(input, k))


@define
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    if jnp.ndim(targets) > jnp.ndim(predictions):  # the order of TensorFlow 1
        targets, predictions = predictions, targets
    own = jnp.take_along_axis(
        predictions, jnp.broadcast_to(jnp.asarray(targets, jnp.int32), len(predictions))[:, None], 1
    )
    return jnp.sum(predictions > own, axis=1) < k


@define
def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    return _running(jnp.cumsum, x, int(axis), exclusive, reverse, 0)


@define
def cumprod(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    return _running(jnp.cumprod, x, int(axis), exclusive, reverse, 1)


def _running(function: Any, x: Any, axis: int, exclusive: bool, reverse: bool, start: int) -> Any:
    x = jnp.flip(jnp.asarray(x), axis) if reverse else jnp.asarray(x)
    if exclusive:
        widths = [(0, 0)] * x.ndim
        widths[axis] = (1, 0)
        x = jax.lax.slice_in_dim(jnp.pad(x, widths, constant_values=start), 0, x.shape[axis], axis=axis)
    found = function(x, axis)
    return jnp.flip(found, axis) if reverse else found


@define
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    return jnp.clip(t, clip_value_min, clip_value_max)


@define
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None) -> Any:
    length = jnp.sqrt(jnp.sum(jnp.square(t), axis=axes, keepdims=True))
    return t * clip_norm / jnp.maximum(length, clip_norm)


@define
def global_norm(t_list: Any) -> Any:
    return jnp.sqrt(sum(jnp.sum(jnp.square(t)) for t in t_list if t is not None))


@define
def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None) -> Any:
    length = jnp.sqrt(sum(jnp.sum(jnp.square(t)) for t in t_list if t is not None)) if use_norm is None else use_norm
    return [None if t is None else t * clip_norm / jnp.maximum(length, clip_norm) for t in t_list], length


@define
def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, dim: Any = None) -> Any:
    axis = dim if axis is None else axis
    return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(x), axis=axis, keepdims=True), epsilon))


@define
def l2_loss(t: Any) -> Any:
    return jnp.sum(jnp.square(t)) / 2


@define
def rsqrt(x: Any) -> Any:
    return jax.lax.rsqrt(x)


@define
def squared_difference(x: Any, y: Any) -> Any:
    return jnp.square(jnp.subtract(x, y))


@define
def multiply_no_nan(x: Any, y: Any) -> Any:
    return jnp.where(y == 0, 0, x * y)


@define
def divide_no_nan(x: Any, y: Any) -> Any:
    return jnp.where(y == 0, 0, x / jnp.where(y == 0, 1, y))


@define
def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False) -> Any:
    axis = tuple(axis) if isinstance(axis, list) else axis
    return jnp.linalg.norm(
        jnp.ravel(tensor) if axis is None and ord == "euclidean" and not keepdims else tensor,
        ord=None if ord == "euclidean" else ord,
        axis=axis,
        keepdims=keepdims,
    )


@define
def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False) -> Any:
    axes = tuple(axes)
    return jnp.mean(x, axes, keepdims=keepdims), jnp.var(x, axes, keepdims=keepdims)


class Unique(NamedTuple):
    """What ``tf.unique`` returns."""

    y: Any
    idx: Any


def unique(x: Any, name: str | None = None) -> Any:
    """``tf.unique``: the values in the order of their first places, and the place of each element among them."""
    given = unwrap(x) if hasattr(x, "dtype") else tensor_of_list(np.asarray(x))
    values, first, inverse = np.unique(np.asarray(given), return_index=True, return_inverse=True)
    order = np.argsort(first)
    places = np.argsort(order)
    return Unique(
        Tensor(values[order]),
        wrap(jnp.asarray(places[inverse.reshape(-1)])),
    )


def dynamic_partition(data: Any, partitions: Any, num_partitions: int) -> list[Any]:
    """``tf.dynamic_partition``: the rows of each number."""
    numbers = np.asarray(unwrap(partitions))
    return list(_partition(data, tuple(numbers == i for i in builtins.range(int(num_partitions)))))


@define
def _partition(data: Any, masks: Any) -> Any:
    return tuple(jnp.asarray(data)[np.asarray(mask)] for mask in masks)


@define
def erfcinv(x: Any) -> Any:
    return jax.scipy.special.erfinv(1 - jnp.asarray(x))


@define
def approx_max_k(operand: Any, k: int, **options: Any) -> Any:
    return jax.lax.approx_max_k(jnp.asarray(operand), int(k))


@define
def approx_min_k(operand: Any, k: int, **options: Any) -> Any:
    return jax.lax.approx_min_k(jnp.asarray(operand), int(k))

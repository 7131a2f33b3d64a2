"""Functions of TensorFlow in graphs of tf.keras (``TFOpLambda``), as the operations that Keras 3 has for them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from kjax.keras.core.operation import Operation
from kjax.keras.ops.table import by_class
from kjax.nn.value import did_you_mean

CLASSES = ("TFOpLambda", "SlicingOpLambda")
"""Classes of the layers that tf.keras made of function calls on symbolic tensors."""

# TensorFlow's name, Keras' operation, and the arguments after the first: those in order, then, after a semicolon, those by name
# (TensorFlow's name and, after a colon, Keras' where it is another).
_TABLE = """
math.add=Add(y) math.subtract=Subtract(y) math.multiply=Multiply(y) math.divide=TrueDivide(y) math.truediv=TrueDivide(y)
math.floordiv=FloorDivide(y) math.floormod=Mod(y) math.mod=Mod(y) math.pow=Power(y) math.maximum=Maximum(y) math.minimum=Minimum(y)
__operators__.add=Add(y) __operators__.getitem=GetItem(slice_spec) __operators__.ne=NotEqual(other) __operators__.eq=Equal(other)
math.greater=Greater(y) math.greater_equal=GreaterEqual(y) math.less=Less(y) math.less_equal=LessEqual(y) math.equal=Equal(y)
math.not_equal=NotEqual(y) math.logical_and=LogicalAnd(y) math.logical_or=LogicalOr(y) math.logical_not=LogicalNot
math.negative=Negative math.abs=Absolute math.exp=Exp math.log=Log math.log1p=Log1p math.sqrt=Sqrt math.square=Square
math.rsqrt=Rsqrt math.sin=Sin math.cos=Cos math.tanh=Tanh math.sigmoid=Sigmoid math.softplus=Softplus math.sign=Sign
math.floor=Floor math.ceil=Ceil math.round=Round math.erf=Erf math.reciprocal=Reciprocal math.divide_no_nan=DivideNoNan(y)
math.reduce_sum=Sum(;axis,keepdims) math.reduce_mean=Mean(;axis,keepdims)
math.reduce_max=Max(;axis,keepdims) math.reduce_min=Min(;axis,keepdims) math.reduce_prod=Prod(;axis,keepdims)
math.reduce_std=Std(;axis,keepdims) math.reduce_variance=Var(;axis,keepdims) math.reduce_any=Any(;axis,keepdims)
math.reduce_all=All(;axis,keepdims) math.reduce_logsumexp=Logsumexp(;axis,keepdims) math.argmax=Argmax(;axis)
math.argmin=Argmin(;axis) math.cumsum=Cumsum(;axis) math.l2_normalize=Normalize(;axis) nn.l2_normalize=Normalize(;axis)
linalg.l2_normalize=Normalize(;axis) linalg.matmul=Matmul(b) linalg.norm=Norm(;axis,keepdims)
concat=Concatenate(;axis) stack=Stack(;axis) unstack=Unstack(;axis,num) reshape=Reshape(;shape:newshape) expand_dims=ExpandDims(;axis)
squeeze=Squeeze(;axis) compat.v1.squeeze=Squeeze(;axis) transpose=Transpose(;perm:axes) compat.v1.transpose=Transpose(;perm:axes) tile=Tile(;multiples:repeats)
repeat=Repeat(;repeats,axis) reverse=Flip(;axis) cast=Cast(;dtype) clip_by_value=Clip(;clip_value_min:x_min,clip_value_max:x_max)
where=Where(x,y) compat.v1.where_v2=Where(x,y) gather=Take(indices;axis) compat.v1.gather=Take(indices;axis) stop_gradient=StopGradient
zeros_like=ZerosLike ones_like=OnesLike one_hot=OneHot(;depth:num_classes,axis)
nn.relu=Relu nn.relu6=Relu6 nn.leaky_relu=LeakyRelu(;alpha:negative_slope) nn.elu=Elu nn.selu=Selu nn.gelu=Gelu(;approximate)
nn.silu=Silu nn.swish=Silu nn.sigmoid=Sigmoid nn.tanh=Tanh nn.softmax=Softmax(;axis) nn.log_softmax=LogSoftmax(;axis)
nn.softplus=Softplus nn.softsign=Softsign
"""


_OFF = (
    "conjugate",
    "transpose_a",
    "transpose_b",
    "adjoint_a",
    "adjoint_b",
    "a_is_sparse",
    "b_is_sparse",
    "exclusive",
    "reverse",
)
"""Arguments that may be left out where they are false."""


@functools.cache
def _table() -> dict[str, tuple[str, tuple[str, ...], dict[str, str]]]:
    found = {}
    for item in _TABLE.split():
        name, _, rest = item.partition("=")
        operation, _, arguments = rest.rstrip(")").partition("(")
        ordered, _, named = arguments.partition(";")
        pairs = (pair.partition(":") for pair in named.split(",") if pair)
        found[name] = (
            operation,
            tuple(a for a in ordered.split(",") if a),
            {theirs: ours or theirs for theirs, _, ours in pairs},
        )
    return {name: entry for name, entry in found.items() if entry[0] in by_class()}


def operation_from_config(entry: Mapping[str, Any]) -> Operation:
    """The operation for a ``TFOpLambda``.

    Args:
        entry: its entry in the model's config.

    Raises:
        ValueError: a function that is not in the table.
    """
    function = str(entry["config"].get("function") or entry["config"].get("symbol"))
    if function not in _table():
        raise ValueError(
            f"the model calls TensorFlow's function tf.{function}, which kjax cannot read; {did_you_mean(function, _table())}"
        )
    known = by_class()[_table()[function][0]]
    operation = Operation(known.call, known.name, known)
    operation.name = entry["config"]["name"]
    return operation


def arguments(
    entry: Mapping[str, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call as the operation takes them.

    Args:
        entry: the entry of the ``TFOpLambda``.
        args: what the call was given by position.
        kwargs: what it was given by name.

    Raises:
        ValueError: an argument that has no counterpart.
    """
    function = str(entry["config"].get("function") or entry["config"].get("symbol"))
    _, ordered, named = _table()[function]
    left = {key: value for key, value in kwargs.items() if key != "name" and value is not None}
    left = {key: value for key, value in left.items() if key not in _OFF or value}
    args += tuple(_indices(left.pop(key)) if key == "slice_spec" else left.pop(key) for key in ordered if key in left)
    unknown = set(left) - set(named)
    if unknown:
        raise ValueError(f"the call of tf.{function} has an argument {min(unknown)!r}, which kjax cannot read")
    return args, {named[key]: _hashable(value) for key, value in left.items()}


def _indices(spec: Any) -> Any:
    """What stands between brackets: slices were written as dicts, the dots as text."""
    if isinstance(spec, Mapping):
        return slice(*(spec.get(key) for key in ("start", "stop", "step")))
    if isinstance(spec, list):
        return tuple(_indices(item) for item in spec)
    return ... if spec in ("...", {"class_name": "Ellipsis"}) else spec


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value

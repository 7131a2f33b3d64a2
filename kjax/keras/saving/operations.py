"""Functions on symbolic tensors (``x + y``, ``ops.mean(x)``) as the operations that real Keras writes into graphs."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core.operation import Operation
from kjax.keras.core.settings import to_snake_case
from kjax.keras.core.tensor import _get_item
from kjax.nn.value import did_you_mean


@dataclasses.dataclass(frozen=True)
class Entry:
    """An operation of real Keras.

    Attributes:
        name: its class.
        module: where real Keras keeps it.
        function: what it computes: called with the call's tensors, and with the config's arguments by name.
        arguments: arguments in the config: their names in Keras, and here.
    """

    name: str
    module: str
    function: Callable[..., Any]
    arguments: Mapping[str, str]


def cast(x: Any, dtype: Any) -> Any:
    """An array in another type."""
    return jnp.asarray(x).astype(dtype)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """1 at the place of each integer, 0 elsewhere."""
    del sparse
    return jax.nn.one_hot(x, num_classes, axis=axis, dtype=dtype or jnp.float32)


def einsum(*operands: Any, subscripts: str) -> Any:
    """Sum of products in Einstein's notation."""
    return jnp.einsum(subscripts, *operands)


def divide_no_nan(x1: Any, x2: Any) -> Any:
    """``x1 / x2``, 0 where ``x2`` is 0."""
    safe = jnp.where(jnp.equal(x2, 0), jnp.ones_like(x2), x2)
    return jnp.where(jnp.equal(x2, 0), 0, jnp.divide(x1, safe))


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the largest value, as int32."""
    return jnp.argmax(x, axis=axis, keepdims=keepdims).astype("int32")


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the smallest value, as int32."""
    return jnp.argmin(x, axis=axis, keepdims=keepdims).astype("int32")


def normalize(x: Any, axis: int = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """``x`` divided by its norm along ``axis``."""
    floor = 1e-12 if epsilon is None else epsilon
    if order == 2:
        return x * jax.lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(x), axis=axis, keepdims=True), floor**2))
    return x / jnp.maximum(jnp.linalg.norm(x, order, axis=axis, keepdims=True), floor)


def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """The largest values along the last axis, and their indices."""
    del sorted
    return tuple(jax.lax.top_k(x, k))


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Parts of an array, as a list."""
    return list(jnp.split(x, indices_or_sections, axis))


def unstack(x: Any, num: int | None = None, axis: int = 0) -> Any:
    """The slices of an array along an axis, as a list."""
    del num
    return [jnp.take(x, i, axis=axis) for i in range(x.shape[axis])]


def _activation(name: str) -> Callable[..., Any]:
    from kjax.nn import activations

    return getattr(activations, name)


# Arguments: Keras' name, and jax.numpy's after a colon where it is another.
_NUMPY = """
Abs=abs Absolute=abs Add Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh Ceil Cos Cosh Divide Dot Equal Exp Exp2
Expm1 Fabs Floor FloorDivide Fmod Greater GreaterEqual Hypot Inner Isfinite Isinf Isnan Less LessEqual Log Log10 Log1p Log2
Logaddexp Logaddexp2 LogicalAnd LogicalNot LogicalOr LogicalXor Matmul Maximum Minimum Mod Multiply Negative NotEqual Outer
Power Ravel Real Imag Conj Conjugate Angle Reciprocal Sign Sin Sinc Sinh Size Sqrt Square Subtract Tan Tanh TrueDivide Trunc
Vdot Where Cbrt Cross(axisa,axisb,axisc,axis) Heaviside Signbit Copy Vstack Hstack Dstack Kron Fliplr Flipud Fmax Fmin
All(axis,keepdims) Any(axis,keepdims) Amax(axis,keepdims) Amin(axis,keepdims) Max(axis,keepdims,initial)
Min(axis,keepdims,initial) Mean(axis,keepdims) Median(axis,keepdims) Sum(axis,keepdims) Prod(axis,keepdims,dtype)
Std(axis,keepdims) Var(axis,keepdims) CountNonzero(axis) Cumsum(axis,dtype) Cumprod(axis,dtype) Ptp(axis,keepdims)
BroadcastTo(shape) Clip(x_min:min,x_max:max) Concatenate(axis) Diag(k) Diagonal(offset,axis1,axis2) Diff(n,axis)
ExpandDims(axis) Flip(axis) Moveaxis(source,destination) NanToNum(nan,posinf,neginf) OnesLike(dtype) ZerosLike(dtype)
Pad(pad_width,mode) Repeat(repeats,axis) Reshape(newshape:shape) Roll(shift,axis) Rot90(k,axes) Round(decimals) Sort(axis)
Argsort(axis) Squeeze(axis) Stack(axis) Swapaxes(axis1,axis2) Take(axis) TakeAlongAxis(axis) Tensordot(axes)
Tile(repeats:reps) Trace(offset,axis1,axis2) Transpose(axes) Tril(k) Triu(k) Average(axis) FullLike(dtype)
"""

_NN = """
Celu(alpha) Elu(alpha) Gelu(approximate) Glu(axis) HardShrink(threshold) HardSigmoid HardSilu HardTanh
LeakyRelu(negative_slope) LogSigmoid LogSoftmax(axis) Relu Relu6 Selu Sigmoid Silu SoftShrink(threshold) Softmax(axis)
Softplus Softsign SparsePlus SparseSigmoid Sparsemax(axis) Squareplus(b) TanhShrink Threshold(threshold,default_value)
"""


def _parse(text: str, module: str, find: Callable[[str], Callable[..., Any]]) -> dict[str, Entry]:
    entries = {}
    for item in text.split():
        label, _, rest = item.partition("(")
        name, _, function = label.partition("=")
        pairs = (argument.partition(":") for argument in rest.rstrip(")").split(",") if argument)
        arguments = {ours_or_theirs: other or ours_or_theirs for ours_or_theirs, _, other in pairs}
        entries[name] = Entry(name, module, find(function or to_snake_case(name)), arguments)
    return entries


@functools.cache
def table() -> dict[str, Entry]:
    """All operations, by class name."""
    numpy, nn, math, core = (f"keras.src.ops.{m}" for m in ("numpy", "nn", "math", "core"))
    entries = _parse(_NUMPY, numpy, lambda name: getattr(jnp, _SPELLINGS.get(name, name)))
    entries |= _parse(_NN, nn, _activation)
    own = [
        Entry("GetItem", numpy, _get_item, {}),
        Entry("Argmax", numpy, argmax, {"axis": "axis", "keepdims": "keepdims"}),
        Entry("Argmin", numpy, argmin, {"axis": "axis", "keepdims": "keepdims"}),
        Entry("Einsum", numpy, einsum, {"subscripts": "subscripts"}),
        Entry("Split", numpy, split, {"indices_or_sections": "indices_or_sections", "axis": "axis"}),
        Entry("DivideNoNan", numpy, divide_no_nan, {}),
        Entry(
            "Norm",
            "keras.src.ops.linalg",
            jnp.linalg.norm,
            {"ord": "ord", "axis": "axis", "keepdims": "keepdims"},
        ),
        Entry("OneHot", nn, one_hot, {k: k for k in ("num_classes", "axis", "dtype", "sparse")}),
        Entry("Normalize", nn, normalize, {k: k for k in ("axis", "order", "epsilon")}),
        Entry("Rsqrt", math, jax.lax.rsqrt, {}),
        Entry("Erf", math, jax.lax.erf, {}),
        Entry("Logsumexp", math, jax.nn.logsumexp, {"axis": "axis", "keepdims": "keepdims"}),
        Entry("TopK", math, top_k, {"k": "k", "sorted": "sorted"}),
        Entry("Cast", core, cast, {"dtype": "dtype"}),
        Entry("StopGradient", core, jax.lax.stop_gradient, {}),
        Entry("Unstack", core, unstack, {"num": "num", "axis": "axis"}),
    ]
    return entries | {entry.name: entry for entry in own}


_SPELLINGS = {"conj": "conjugate", "amax": "max", "amin": "min", "abs": "abs", "fabs": "fabs"}
"""Names of ``jax.numpy`` that differ from Keras' class names in lower case."""


@functools.cache
def _by_function() -> dict[int, Entry]:
    entries: dict[int, Entry] = {}
    for entry in table().values():
        entries.setdefault(id(entry.function), entry)
    # Where several of Keras' classes compute the same, the one that its operators write.
    for name in ("Absolute", "TrueDivide", "Max", "Min"):
        entries[id(table()[name].function)] = table()[name]
    return entries


def entry_of(operation: Operation) -> Entry | None:
    """What real Keras calls the function of an operation, or None."""
    return table().get(operation._class_label) or _by_function().get(id(operation.function))


def operation_config(
    operation: Operation, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Any, ...], dict[str, Any]]:
    """An operation as real Keras writes it, and the arguments that stay with its call.

    Args:
        operation: the operation.
        args: positional arguments of its only call.
        kwargs: keyword arguments of its only call.

    Raises:
        ValueError: a function that real Keras has no operation for.
    """
    entry = entry_of(operation)
    if entry is None:
        function = operation.function
        name = getattr(function, "__name__", repr(function))
        raise ValueError(
            f"the function {name!r} applied to a symbolic tensor ({operation.name!r}) cannot be written to a config: "
            "put it into a layer of your own class, or a Lambda layer with a registered function"
        )
    from kjax.keras.saving.serialization import serialize_keras_object

    theirs = {ours: name for name, ours in entry.arguments.items()}
    given = dict(kwargs)
    if theirs:
        # What was given by position but belongs to the operation itself, such as the axis of `mean(x, 1)`.
        parameters = list(inspect.signature(operation.function).parameters)
        while args and len(args) <= len(parameters) and parameters[len(args) - 1] in theirs:
            given[parameters[len(args) - 1]] = args[-1]
            args = args[:-1]
    config = {"name": operation.name, **_defaults(entry.function, tuple(entry.arguments.items()))}
    config |= {theirs[key]: serialize_keras_object(value) for key, value in given.items() if key in theirs}
    rest = {key: value for key, value in given.items() if key not in theirs}
    found = {
        "module": entry.module,
        "class_name": entry.name,
        "config": config,
        "registered_name": entry.name,
    }
    return found, args, rest


@functools.cache
def _defaults(entry_function: Callable[..., Any], arguments: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """The operation's arguments that have a default, under Keras' names."""
    parameters = inspect.signature(entry_function).parameters
    defaults = {name: parameters[ours].default for name, ours in arguments if ours in parameters}
    return {name: value for name, value in defaults.items() if value is None or isinstance(value, (bool, int, float))}


def is_operation(config: Mapping[str, Any]) -> bool:
    """Whether an entry of a graph is an operation and not a layer."""
    if "module" in config:
        return str(config["module"]).startswith("keras.src.ops.")
    # Keras 3 writes no modules into .h5 files; layers have arguments there that operations do not.
    inner = config.get("config")
    return (
        config.get("class_name") in table()
        and isinstance(inner, Mapping)
        and "trainable" not in inner
        and "name" in inner
    )


def operation_from_config(config: Mapping[str, Any]) -> tuple[Operation, dict[str, Any]]:
    """The operation that real Keras, or :func:`operation_config`, wrote, and keyword arguments for its calls.

    Raises:
        ValueError: an operation that kjax does not have.
    """
    name = config["class_name"]
    entry = table().get(name)
    if entry is None:
        raise ValueError(
            f"the file uses Keras' operation {name!r}, which kjax cannot read; {did_you_mean(name, table())}"
        )
    inner = dict(config["config"])
    label = inner.pop("name", None) or to_snake_case(name)
    kwargs = {}
    for key, value in inner.items():
        if key not in entry.arguments:
            raise ValueError(f"the operation {label!r} ({name}) has an argument {key!r}, which kjax cannot read")
        kwargs[entry.arguments[key]] = _hashable(value)
    kwargs = {key: value for key, value in kwargs.items() if not (value is None and key in ("initial", "dtype"))}
    operation = Operation(entry.function, to_snake_case(name))
    operation.name = label
    return operation, kwargs


def _hashable(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value


def positional(operation: Operation, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments of a call as JSON gives them back, with the tuples that indexing needs."""
    if operation.function is _get_item and len(args) == 2 and isinstance(args[1], list):
        return args[0], tuple(args[1])
    return args

"""The operators of tensors and variables, and which types TensorFlow lets them compute with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core.doors import tensors
from kjax.keras.core.settings import settings
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.tensorflow.tensor import (
    OPERATORS,
    Sizes,
    Tensor,
    apply,
    as_bytes,
    is_leaf,
    is_text,
    unwrap_leaf,
    wide_here,
)

OPERATIONS: dict[str, str] = {
    "__add__": "AddV2", "__sub__": "Sub", "__mul__": "Mul", "__truediv__": "RealDiv", "__floordiv__": "FloorDiv",
    "__mod__": "FloorMod", "__pow__": "Pow", "__matmul__": "MatMul", "__lt__": "Less", "__le__": "LessEqual",
    "__gt__": "Greater", "__ge__": "GreaterEqual",
    "add": "AddV2", "subtract": "Sub", "multiply": "Mul", "divide": "RealDiv", "truediv": "RealDiv", "floordiv": "FloorDiv",
    "floormod": "FloorMod", "pow": "Pow", "matmul": "MatMul", "less": "Less", "less_equal": "LessEqual",
    "greater": "Greater", "greater_equal": "GreaterEqual", "maximum": "Maximum", "minimum": "Minimum",
}  # fmt: skip
"""TensorFlow's names of operations of two tensors, by method and by function."""

SHORT = {"float32": "float", "float64": "double", "float16": "half"}
"""Names of types in TensorFlow's messages, where they are others."""


class InvalidArgumentError(ValueError):
    """An error that TensorFlow calls so; ``tf.errors.InvalidArgumentError`` is any ``ValueError``."""

    @property
    def message(self) -> str:
        """What it says."""
        return str(self)


def check_types(pair: tuple[Any, ...], operation: str) -> None:
    """Raise an error where two tensors, or an integer tensor and a float of Python, cannot be computed with.

    Integers and floats do not mix in TensorFlow, nor do floats of different sizes; integers of different sizes do here.

    Args:
        pair: the operands.
        operation: TensorFlow's name; nothing is checked without one.

    Raises:
        ValueError: tensors of such types (``tf.errors.InvalidArgumentError``).
        TypeError: a float beside an integer tensor; tensors of such types in a function that is compiled.
    """
    if not operation or len(pair) != 2 or settings.floatx == "float64" or not wide_here() or scopes.is_drawing():
        return
    first, second = (_type_of(thing) for thing in pair)
    if isinstance(pair[1], float) and first in _INTEGERS:
        if operation not in ("AddV2", "RealDiv"):
            raise TypeError(f"Cannot convert {pair[1]} to EagerTensor of dtype {first}")
        second = "float32"
    if isinstance(pair[0], float) and second in _INTEGERS:
        raise TypeError(f"Cannot convert {pair[0]} to EagerTensor of dtype {second}")
    if not first or not second or first == second or (first in _INTEGERS and second in _INTEGERS):
        return
    if operation == "RealDiv":
        raise TypeError(f"`x` and `y` must have the same dtype, got tf.{first} != tf.{second}.")
    if scopes.current() is not None:
        raise TypeError(
            f"Input 'y' of '{operation}' Op has type {second} that does not match type {first} of argument 'x'."
        )
    raise InvalidArgumentError(
        f"cannot compute {operation} as input #1(zero-based) was expected to be a {SHORT.get(first, first)} tensor but is a "
        f"{SHORT.get(second, second)} tensor [Op:{operation}] name: "
    )


_INTEGERS = frozenset("int8 int16 int32 int64 uint8 uint16 uint32 uint64".split())
_CHECKED = _INTEGERS | frozenset("float16 bfloat16 float32 float64".split())


def _type_of(thing: Any) -> str:
    """The type of a tensor or variable of numbers; of other things an empty name."""
    if not is_leaf(thing) or hasattr(thing, "rows_differ"):
        return ""
    dtype = thing.stored_dtype if isinstance(thing, Variable) else str(getattr(unwrap_leaf(thing), "dtype", ""))
    return dtype if dtype in _CHECKED and not isinstance(unwrap_leaf(thing), Sizes) else ""


_NODES = {
    "AddV2": "add", "Sub": "subtract", "Mul": "multiply", "RealDiv": "true_divide", "Pow": "power", "MatMul": "matmul",
    "FloorDiv": "floordiv", "FloorMod": "floormod", "__getitem__": "get_item", "__neg__": "negative", "__abs__": "absolute",
    "__lt__": "less", "__le__": "less_equal", "__gt__": "greater", "__ge__": "greater_equal", "__invert__": "logical_not",
    "__and__": "logical_and", "__or__": "logical_or", "__pow__": "power", "__rpow__": "power", "__mod__": "floormod",
    "__floordiv__": "floordiv", "__matmul__": "matmul", "__rmatmul__": "matmul",
}  # fmt: skip
"""What operators are called as nodes of a graph, by TensorFlow's name or their own."""


def operator(compute: Callable[..., Any]) -> Callable[..., Any]:
    """A method of tensors and variables that computes with the object and another."""

    def method(self: Any, *others: Any) -> Any:
        if is_sum and is_text(getattr(self, "value", None)):
            return tensors.join_strings([self, *others][:: 1 if compute is jnp.add else -1])
        if takes_lists and others and isinstance(others[0], (list, tuple, np.ndarray)):
            others = (_beside(self, others[0]),)
        pair = (self, *others)
        check_types(pair[::-1] if is_reflected else pair, title)
        return apply(compute, pair, {}, label)

    title = OPERATIONS.get(name := next((n for n, c in OPERATORS.items() if c is compute), ""), "")
    is_reflected = name.startswith("__r") and name != "__round__"
    title = title or OPERATIONS.get(name.replace("__r", "__", 1), "")
    label = _NODES.get(title) or _NODES.get(name) or "operator"
    takes_lists = compute is not OPERATORS["__getitem__"]
    is_sum = compute in (OPERATORS["__add__"], OPERATORS["__radd__"])
    return method


def _beside(tensor: Any, other: Any) -> Any:
    """A list or an array of NumPy beside a tensor, of whose type it becomes a tensor."""
    if isinstance(other, Sizes):
        return other
    array = _listed(other) if isinstance(other, (list, tuple)) else other
    if getattr(tensor, "rows_differ", False):
        return array
    own = np.dtype(tensor.stored_dtype if isinstance(tensor, Variable) else tensor.value.dtype)
    numeric = isinstance(array, np.ndarray) and array.dtype.kind in "iuf"
    return array.astype(own) if numeric and (own.kind in "fcV" or own.kind == array.dtype.kind) else array


def _listed(numbers: Any) -> Any:
    """A list beside a tensor, which stands for one."""
    if any(is_leaf(leaf) for leaf in jax.tree.leaves(numbers, is_leaf=is_leaf)):
        return tensors.stack(list(numbers))
    array = np.asarray(numbers)
    return as_bytes(array) if array.dtype.kind in "OSU" else array


for _name, _compute in OPERATORS.items():
    setattr(Tensor, _name, operator(_compute))
Tensor.__eq__ = operator(jnp.equal)  # type: ignore[method-assign]
Tensor.__ne__ = operator(jnp.not_equal)  # type: ignore[method-assign]

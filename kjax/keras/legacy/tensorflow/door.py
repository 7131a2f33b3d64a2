"""How a function of the stand-in is made: through one door, with TensorFlow's argument names."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core.graph_names import note
from kjax.keras.core.operation import SizedByValues
from kjax.keras.core.settings import key_of_seed, next_key
from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.tensorflow.operators import OPERATIONS, check_types
from kjax.keras.legacy.tensorflow.tensor import apply, as_bytes, unwrap

TENSORS = frozenset(
    "b y rhs vec diagonal segment_ids indices targets predictions labels logits updates weights diagonals".split()
)
"""Arguments that are tensors wherever they stand, so that lists of numbers are too."""


def function_of(
    compute: Callable[..., Any], name: str, all_tensors: bool = False, **renamed: str
) -> Callable[..., Any]:
    """A function under TensorFlow's name.

    Args:
        compute: what it does with arrays.
        name: TensorFlow's name.
        all_tensors: whether lists of numbers stand for tensors in every place, and not in the first alone.
        **renamed: its argument names and those of ``compute``.
    """

    tensors_at: frozenset[int] = frozenset()
    with contextlib.suppress(TypeError, ValueError):  # a ufunc has no signature
        tensors_at = frozenset(i for i, name in enumerate(inspect.signature(compute).parameters) if name in TENSORS)

    operation = OPERATIONS.get(name, "")

    def function(*args: Any, **kwargs: Any) -> Any:
        title = kwargs.pop("name", None)
        count = len(args) if all_tensors else 1
        if args and isinstance(args[0], (str, bytes)) and name != "einsum":
            args = (as_bytes(args[0]), *args[1:])
        args = (*map(numbers, args[:count]), *args[count:])
        if tensors_at:
            args = tuple(numbers(arg) if i in tensors_at else arg for i, arg in enumerate(args))
            kwargs = {key: numbers(value) if key in TENSORS else value for key, value in kwargs.items()}
        given = {renamed.get(key, key): value for key, value in kwargs.items()}
        check_types((*args, *given.values())[:2], operation)
        return note(apply(compute, args, given, name), title)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``tf.{name}``."
    with contextlib.suppress(TypeError, ValueError):  # a ufunc has none
        function.__signature__ = inspect.signature(compute)  # type: ignore[attr-defined]
    return function


def sized_by_values(
    function: Callable[..., Any], shapes: Callable[..., list[tuple[Any, str]]], name: str
) -> Callable[..., Any]:
    """A function whose results have sizes that depend on values; in a graph it is a node that is computed uncompiled.

    Args:
        function: the function.
        shapes: from the arguments to (shape, type) of each result.
        name: its name.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("name", None)
        tree = jax.tree.map(_drawn, (args, kwargs), is_leaf=_is_variable) if scopes.is_drawing() else (args, kwargs)
        if not symbolic_leaves(tree):
            return function(*args, **kwargs)
        args, kwargs = tree
        return SizedByValues(_plain_results(function), name, shapes)._symbolic_call(args, kwargs)

    return call


def _plain_results(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: unwrap(function(*args, **kwargs))


def _is_variable(leaf: Any) -> bool:
    return isinstance(leaf, Variable)


def _drawn(leaf: Any) -> Any:
    return leaf.__symbolic__() if isinstance(leaf, Variable) else leaf


def fresh_key(seed: Any = None) -> Any:
    """A key for random numbers: of the step that is traced, the next of the session, or the next of a seed.

    Args:
        seed: of one function; its numbers are those of other runs of the script, and others at each call.
    """
    active = scopes.current()
    key = active.next_key() if active is not None else None
    if key is not None:
        return key
    return next_key() if seed is None else key_of_seed(int(np.asarray(seed)))


def numbers(thing: Any) -> Any:
    """A list of numbers as an array; other things as they are."""
    if not isinstance(thing, (list, tuple)) or not thing:
        return thing
    inner = thing
    while isinstance(inner, (list, tuple)) and inner:
        inner = inner[0]
    leaves = jax.tree.leaves(thing)
    if not isinstance(inner, (int, float, np.generic)) or not all(
        isinstance(v, (int, float, np.generic)) for v in leaves
    ):
        return thing
    try:
        array = np.asarray(thing)
    except ValueError:  # rows of different lengths: a list of tensors
        return thing
    return array if isinstance(inner, np.generic) else tensor_of_list(array)


def tensor_of_list(array: np.ndarray) -> np.ndarray:
    """The array that NumPy makes of numbers of Python, in the type that a tensor of them has."""
    if array.dtype == np.int64:
        fits = not array.size or (array.min() >= -(2**31) and array.max() < 2**31)
        return array.astype(np.int32) if fits else array
    return array.astype(OF_PYTHON.get(array.dtype.name, array.dtype))


OF_PYTHON = {"float64": "float32"}
"""Types of NumPy for numbers of Python, and those of tensors."""


def dtype_name(dtype: Any) -> str:
    """The name of a type, be it ``tf.DType``, NumPy's or a class of Python."""
    return jnp.dtype(dtype if isinstance(dtype, type) else getattr(dtype, "name", dtype)).name


def dtype_of(dtype: Any) -> Any:
    """NumPy's type of a name or ``tf.DType``, of 64 bits where there are such (see ``core.wide``); None stays."""
    return None if dtype is None else jax.dtypes.canonicalize_dtype(dtype_name(dtype))


def shape_of(shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of integers; None is what remains."""
    if isinstance(shape, (int, np.integer)):
        return (int(shape),)
    if getattr(shape, "ndim", None) == 0:
        return (int(shape),)
    return tuple(int(-1 if s is None else s) for s in shape)


def define(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a function that is written with TensorFlow's argument names: it goes through the one door."""
    return function_of(function, function.__name__)

"""From a pure function of arrays to a function of ``keras.ops``: variables, symbolic tensors and settings come in here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core import scope as scopes
from kjax.keras.core.doors import nodes
from kjax.keras.core.operation import Operation
from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.core.types import array_dtype, normalize_data_format, standardize_dtype
from kjax.keras.core.variable import Variable
from kjax.keras.ops.table import Entry, entries
from kjax.nn.ops import sparse
from kjax.nn.ops.elementwise import FLOATING

FLOAT_BY_DEFAULT = frozenset("zeros ones empty full eye identity tri one_hot multi_hot".split())
"""Functions whose result is of the session's float type where no type is given."""

WINDOWS = frozenset("bartlett blackman hamming hanning kaiser".split())
"""Functions whose result is always of the session's float type."""

TO_FLOAT = frozenset([*FLOATING.split(), *"average mean median norm std var".split()])
"""Functions that turn integers into the session's float type."""

BOTH_TO_FLOAT = frozenset("arctan2 logaddexp logaddexp2".split())
"""Functions that turn two arrays of integers into it."""

SIZES_NEEDED = {"fft": 1, "fft2": 2, "ifft2": 2, "qr": 2}
"""Functions that Keras gives no symbolic tensors with free axes among so many of the last."""

OF_SIZES = frozenset("convert_to_tensor expand_dims concatenate stack append cast prod squeeze reshape flip".split())
"""Functions of sizes: their results are known while a model is traced, so that they can be shapes themselves."""

_PLAIN = (jax.Array, np.ndarray, int, float, str, type(None))


def lift(entry: Entry) -> Callable[..., Any]:
    """The function of ``keras.ops`` for an operation."""
    function = entry.function
    parameters = entry.signature.parameters
    by_settings = [
        name
        for name in parameters
        if (name == "data_format" and parameters[name].default is None)
        or (name == "epsilon" and parameters[name].default is None)
        or (name == "dtype" and entry.name in FLOAT_BY_DEFAULT)
    ]

    standard = [(place, name) for place, name in enumerate(parameters) if name in ("dtype", "data_format")]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not (all(map(_is_plain, args)) and all(map(_is_plain, kwargs.values()))):
            if symbolic_leaves((args, kwargs)):
                return symbolic(args, kwargs)
            values = jax.tree.map(_value, (args, kwargs), is_leaf=_is_variable)
            if sparse.holds_sparse(values):
                args, kwargs = _with_settings(*values) if by_settings else values
                return sparse.call(entry.name, function, args, kwargs)
            if scopes.recording() is not None:
                return scopes.recorder.call_function(compute, args, kwargs)
            args, kwargs = values
        if entry.name in OF_SIZES and _are_sizes(args) and _are_sizes(kwargs):
            with jax.ensure_compile_time_eval():
                return compute(*args, **kwargs)
        return compute(*args, **kwargs)

    def compute(*args: Any, **kwargs: Any) -> Any:
        if standard:
            args, kwargs = _standardized(args, kwargs, array_dtype)
        if by_settings:
            args, kwargs = _with_settings(args, kwargs)
        if settings.floatx != "float32":
            return _in_floatx(entry.name, function, args, kwargs)
        return function(*args, **kwargs)

    def _with_settings(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        bound = entry.signature.bind(*args, **kwargs)
        for name in by_settings:
            if bound.arguments.get(name) is None:
                bound.arguments[name] = _SETTINGS[name]()
        return bound.args, bound.kwargs

    def _standardized(args: tuple[Any, ...], kwargs: dict[str, Any], dtype: Callable[[Any], str]) -> Any:
        """The arguments that name a type or a data format in the form that all functions take."""
        for place, name in standard:
            convert = dtype if name == "dtype" else normalize_data_format
            if kwargs.get(name) is not None:
                kwargs = {**kwargs, name: convert(kwargs[name])}
            elif place < len(args) and args[place] is not None:
                args = (*args[:place], convert(args[place]), *args[place + 1 :])
        return args, kwargs

    def symbolic(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args, kwargs = _with_settings(*_standardized(args, kwargs, standardize_dtype))
        if settings.floatx != "float32":
            args = _floats(entry.name, args)
        tensors, arguments = entry.split(args, kwargs)
        if entry.name == "unstack":
            _check_slices(tensors[0], **arguments)
        if entry.name in SIZES_NEEDED:
            _check_sizes(entry.name, tensors[0])
        return Operation(entry.call, entry.name, entry)._symbolic_call(tensors, arguments)

    return call


_SETTINGS: dict[str, Callable[[], Any]] = {
    "data_format": lambda: settings.image_data_format,
    "epsilon": lambda: settings.epsilon,
    "dtype": lambda: settings.floatx,
}


def _check_slices(x: Any, num: int | None, axis: int) -> None:
    if num is None and -len(x.shape) <= axis < len(x.shape) and x.shape[axis] is None:
        raise ValueError(
            f"unstack: cannot infer argument `num` from shape {x.shape}, whose axis {axis} is free; give it"
        )


def _check_sizes(name: str, x: Any) -> None:
    count = SIZES_NEEDED[name]
    for tensor in symbolic_leaves(x):
        if None in tensor.shape[-count:]:
            raise ValueError(
                f"{name}: the last {f'{count} axes' if count > 1 else 'axis'} must be fully defined, received shape "
                f"{tensor.shape}"
            )


def _is_plain(leaf: Any) -> bool:
    return isinstance(leaf, _PLAIN)


def _are_sizes(tree: Any) -> bool:
    """Whether there are only a few integers, and known ones."""
    return all(map(_is_size, jax.tree.leaves(tree)))


def _is_size(leaf: Any) -> bool:
    if isinstance(leaf, (int, str)):
        return True
    known = isinstance(leaf, (jax.Array, np.ndarray, np.generic)) and not isinstance(leaf, Tracer)
    return known and leaf.size <= 16 and leaf.dtype.kind in "iu"


def _is_variable(leaf: Any) -> bool:
    return isinstance(leaf, Variable)


def _value(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Variable) else leaf


def _in_floatx(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call in a session whose float type is not float32."""
    if name == "arange" and len(args) < 4 and kwargs.get("dtype") is None:
        if any(type(value) is float for value in (*args, *kwargs.values())):
            kwargs = {**kwargs, "dtype": settings.floatx}
    result = function(*_floats(name, args), **kwargs)
    return result.astype(settings.floatx) if name in WINDOWS else result


def _floats(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of a function in a session whose float type is not float32: integers in that type, where they become floats."""
    count = 1 if name in TO_FLOAT else 2 if name in BOTH_TO_FLOAT else 0
    if not count or len(args) < count:
        return args
    known = [x if hasattr(x, "dtype") else jnp.asarray(x) for x in args[:count]]
    if any(not jnp.issubdtype(array_dtype(x.dtype), jnp.integer) and array_dtype(x.dtype) != "bool" for x in known):
        return args
    return (_operation("cast", known[0], settings.floatx), *args[1:])


@functools.cache
def functions() -> dict[str, Callable[..., Any]]:
    """All functions of ``keras.ops``, by name."""
    as_they_are = frozenset("shape dtype is_tensor convert_to_numpy custom_gradient vectorize ndim size".split())
    return {name: entry.function if name in as_they_are else lift(entry) for name, entry in entries().items()}


def _operation(name: str, *args: Any) -> Any:
    return functions()[name](*args)


nodes.fill(operation=_operation)

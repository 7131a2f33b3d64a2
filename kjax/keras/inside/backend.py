"""The names of ``keras.src.backend``: tensors, types, variables and scopes of the only backend that there is."""

from __future__ import annotations

import contextlib
import dataclasses
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import jax
import jax.numpy as jnp

from kjax.keras import ops
from kjax.keras.backend.session import device as device
from kjax.keras.backend.session import device_scope as device_scope
from kjax.keras.backend.session import is_float_dtype as is_float_dtype
from kjax.keras.backend.session import is_int_dtype as is_int_dtype
from kjax.keras.backend.session import result_type as result_type
from kjax.keras.backend.session import standardize_dtype as standardize_dtype
from kjax.keras.config import backend as backend
from kjax.keras.core import masks
from kjax.keras.core import scope as scopes
from kjax.keras.core.operation import Operation
from kjax.keras.core.stateless import StatelessScope as StatelessScope
from kjax.keras.core.stateless import SymbolicScope as SymbolicScope
from kjax.keras.core.stateless import open_scopes
from kjax.keras.core.tensor import KerasTensor as KerasTensor
from kjax.keras.core.tensor import is_symbolic as is_keras_tensor
from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.core.variable import Variable as Variable
from kjax.keras.inside.names import current_path as current_path
from kjax.keras.inside.names import get_global_attribute as get_global_attribute
from kjax.keras.inside.names import name_scope as name_scope
from kjax.keras.inside.names import set_global_attribute as set_global_attribute
from kjax.keras.inside.shapes import shape_equal as shape_equal
from kjax.keras.inside.shapes import standardize_shape as standardize_shape
from kjax.nn.ops.keras2 import rnn as rnn

IS_THREAD_SAFE = True
SUPPORTS_SPARSE_TENSORS = True
SUPPORTS_RAGGED_TENSORS = False
SUPPORTS_COMPLEX_DTYPES = True

BOOL_TYPES = ("bool",)
INT_TYPES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
FLOAT_TYPES = ("bfloat16", "float16", "float32", "float64")
COMPLEX_TYPES = ("complex64", "complex128")
FLOAT8_TYPES = ("float8_e4m3fn", "float8_e5m2")
WEAK_TYPES = ("int", "float")
ALLOWED_DTYPES = (
    *("float16", "float32", "float64", *INT_TYPES, "bfloat16", "bool", "string"),
    *(*FLOAT8_TYPES, *COMPLEX_TYPES),
)
PYTHON_DTYPES_MAP = {bool: "bool", int: "int32", float: "float32", str: "string", "int": "int32", complex: "complex64"}

BackendVariable = KerasVariable = JaxVariable = Variable
backend_name_scope = name_scope

cast = ops.cast
cond = ops.cond
convert_to_numpy = ops.convert_to_numpy
scatter = ops.scatter
shape = ops.shape
stop_gradient = ops.stop_gradient
vectorized_map = ops.vectorized_map


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is an array of JAX; symbolic tensors and variables are none."""
    return isinstance(x, jax.Array)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Any:
    """An array of JAX with the values of an array, number, list or variable.

    Args:
        x: the values.
        dtype: the type; that of the values by default, of floats the session's.
        sparse: False makes sparse arrays dense.
        ragged: refused where it is True.

    Raises:
        ValueError: ragged tensors were asked for.
    """
    if ragged:
        raise ValueError("kjax has no ragged tensors")
    if isinstance(x, Variable) and dtype is None:
        return x.value
    return ops.convert_to_tensor(x, None if dtype is None else standardize_dtype(dtype), sparse)


def random_seed_dtype() -> str:
    """Type of the states of seeds."""
    return "uint32"


def compute_output_spec(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Symbolic tensors of the shapes and types of what a function returns; nothing is computed.

    Args:
        fn: the function.
        *args: its arguments, symbolic tensors among them.
        **kwargs: its keyword arguments.
    """
    specs, _, structure = Operation(fn, "compute_output_spec")._output_specs(args, kwargs)
    return jax.tree.unflatten(structure, specs)


def any_symbolic_tensors(args: Any = None, kwargs: Any = None) -> bool:
    """Whether symbolic tensors are among arguments."""
    return bool(symbolic_leaves((args or (), kwargs or {})))


def get_stateless_scope() -> StatelessScope | None:
    """The innermost stateless scope, or None."""
    return next((scope for scope in reversed(open_scopes()) if isinstance(scope, StatelessScope)), None)


def in_stateless_scope() -> bool:
    """Whether the present code is inside of a stateless scope."""
    return get_stateless_scope() is not None


def get_symbolic_scope() -> SymbolicScope | None:
    """The innermost symbolic scope, or None."""
    return next((scope for scope in reversed(open_scopes()) if isinstance(scope, SymbolicScope)), None)


def in_symbolic_scope() -> bool:
    """Whether the present code is inside of a symbolic scope."""
    return get_symbolic_scope() is not None


def set_keras_mask(x: Any, mask: Any) -> None:
    """Let a mask travel with a tensor; None takes it away."""
    active = scopes.current()
    if is_keras_tensor(x):
        x._keras_mask = mask
    elif active is not None:
        active.masks[id(x)] = (x, mask)
    elif mask is None:
        masks.drop(x)
    else:
        masks.keep(x, mask)


def get_keras_mask(x: Any) -> Any:
    """The mask that travels with a tensor, or None."""
    if is_keras_tensor(x):
        return getattr(x, "_keras_mask", None)
    return masks.mask_of(x)


class AutocastScope:
    """Inside, variables of floats are read in another type.

    Args:
        dtype: the type, or None: as they are stored.

    Raises:
        ValueError: no type of floats.
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = None if dtype is None else standardize_dtype(dtype)
        if self.dtype is not None and not is_float_dtype(self.dtype):
            raise ValueError(f"`AutocastScope` can only be used with a floating-point target dtype, received {dtype!r}")
        self._stack = contextlib.ExitStack()

    def maybe_cast(self, value: Any) -> Any:
        """Floats in the type of the scope, other values as they are."""
        if self.dtype is not None and jnp.issubdtype(value.dtype, jnp.floating):
            return cast(value, self.dtype)
        return value

    def __enter__(self) -> Self:
        active = scopes.current()
        inner = scopes.Scope() if active is None else dataclasses.replace(active)
        inner.autocast = self.dtype
        self._stack.enter_context(scopes.enter(inner))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()


def get_autocast_scope() -> AutocastScope | None:
    """The scope that says in which type variables are read, or None."""
    active = scopes.current()
    return None if active is None or active.autocast is None else AutocastScope(active.autocast)


_attributes: dict[int, tuple[dict[str, Any], Any]] = {}
"""What :func:`set_tensor_attr` keeps, by the identity of the tensor, with what tells its end."""


def set_tensor_attr(tensor: Any, attr: str, value: Any) -> None:
    """Keep an attribute of a tensor as long as the tensor lives; None takes it away."""
    if attr == "_keras_mask":
        set_keras_mask(tensor, value)
        return
    kept = _attributes.pop(id(tensor), ({}, None))[0]
    kept = {name: held for name, held in {**kept, attr: value}.items() if held is not None}
    if kept:
        key = id(tensor)
        _attributes[key] = (kept, weakref.ref(tensor, lambda _: _attributes.pop(key, None)))


def get_tensor_attr(tensor: Any, attr: str) -> Any:
    """What :func:`set_tensor_attr` keeps, or None."""
    return get_keras_mask(tensor) if attr == "_keras_mask" else _attributes.get(id(tensor), ({},))[0].get(attr)


def cudnn_ok(*args: Any, **kwargs: Any) -> bool:
    """False: recurrent layers are written in JAX for all devices."""
    del args, kwargs
    return False


def initialize_all_variables() -> None:
    """Nothing: variables of kjax have their values from the start."""


def register_uninitialized_variable(variable: Any) -> None:
    """Nothing: variables of kjax have their values from the start."""
    del variable

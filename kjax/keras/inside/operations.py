"""The operations of ``keras.ops`` as classes (``Add``, ``Mean``, ``Conv``), as Keras has them beside the functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import jax

from kjax.keras.core import operation, stateless
from kjax.keras.core.tensor import is_symbolic, symbolic_leaves
from kjax.keras.core.types import normalize_data_format
from kjax.keras.inside.backend import any_symbolic_tensors as any_symbolic_tensors
from kjax.keras.inside.backend import name_scope as name_scope
from kjax.keras.ops.lift import functions
from kjax.keras.ops.table import Entry, by_class, entries


class TableOperation(operation.Operation, stateless.Operation):
    """An operation whose arguments were given to its constructor, and whose tensors come with the call.

    Args:
        *args: arguments of the operation, in the order of Keras.
        name: its name.
        **kwargs: the same by name.

    Raises:
        TypeError: an argument that the operation has not, or one is missing.
    """

    table_entry: ClassVar[Entry]

    def __init__(self, *args: Any, name: str | None = None, **kwargs: Any) -> None:
        entry = type(self).table_entry
        known = [p for p in entry.signature.parameters if p in entry.arguments]
        known += [p for p in entry.arguments if p not in known]
        given = dict(zip(known, args, strict=False)) | kwargs
        unknown = [key for key in given if key not in known]
        if unknown or len(args) > len(known):
            raise TypeError(f"{type(self).__name__} takes the arguments {known}, received {args} and {kwargs}")
        missing = [key for key, default in _defaults(entry).items() if default is _REQUIRED and key not in given]
        if missing:
            raise TypeError(f"{type(self).__name__}: the arguments {missing} are missing")
        operation.Operation.__init__(self, entry.call, entry.name, entry)
        if name is not None:
            self.name, self._explicit_name = name, True
        self.arguments = given
        for key, value in self._all_arguments().items():
            if not hasattr(type(self), key):
                if key == "data_format":
                    value = normalize_data_format(value)
                object.__setattr__(self, key, value)

    def _all_arguments(self) -> dict[str, Any]:
        return _defaults(type(self).table_entry) | self.arguments

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result for tensors: numbers, or a symbolic tensor."""
        entry = type(self).table_entry
        named = self.arguments | dict(zip(entry.tensors, args, strict=False)) | kwargs
        rest = args[len(entry.tensors) :]
        if not symbolic_leaves((args, kwargs)):
            return self._compute_now(named, rest)
        if rest:
            tensors, arguments = args, {**self.arguments, **kwargs}
        else:
            tensors, arguments = entry.split((), named)
        return self._symbolic_call(tensors, arguments)

    def _compute_now(self, named: dict[str, Any], rest: tuple[Any, ...]) -> Any:
        entry = type(self).table_entry
        if not rest:
            return functions()[entry.name](**named)
        values = (*(named.pop(p) for p in entry.tensors), *rest)
        return entry.call(*jax.tree.map(_value, values, is_leaf=_has_value), **named)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic tensors of the shapes and types of the results; no graph is drawn."""
        entry = type(self).table_entry
        named = self.arguments | dict(zip(entry.tensors, args, strict=False)) | kwargs
        rest = args[len(entry.tensors) :]
        tensors, arguments = (args, {**self.arguments, **kwargs}) if rest else entry.split((), named)
        specs, _, structure = self._output_specs(tensors, arguments)
        return jax.tree.unflatten(structure, specs)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the operation on symbolic tensors."""
        return self(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal operation."""
        return {"name": self.name, **self._all_arguments()}

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Make an operation from what :meth:`get_config` returned."""
        return cls(**config)


_REQUIRED = inspect.Parameter.empty


@functools.cache
def _defaults(entry: Entry) -> dict[str, Any]:
    """The arguments of an operation with their defaults; those that come by name only are off."""
    parameters = entry.signature.parameters
    return {key: parameters[key].default if key in parameters else False for key in entry.arguments}


def _has_value(leaf: Any) -> bool:
    return hasattr(leaf, "value") and not is_symbolic(leaf)


def _value(leaf: Any) -> Any:
    return leaf.value if _has_value(leaf) else leaf


@functools.cache
def operation_class(name: str) -> type[TableOperation] | None:
    """The class of an operation by Keras' name for it, or None."""
    entry = by_class().get(name)
    if entry is None:
        return None
    body: dict[str, Any] = {
        "table_entry": entry,
        "__doc__": entry.function.__doc__,
        "__module__": f"keras.src.ops.{entry.module}",
    }
    if "dtype" in entry.arguments:  # not the type that a layer computes in
        body["dtype"] = property(lambda self: self._all_arguments()["dtype"])
    return type(name, (TableOperation,), body)


@functools.cache
def part(module: str) -> Any:
    """The classes and functions of one module of ``keras.ops``."""
    found: dict[str, Callable[..., Any]] = {}
    for entry in entries().values():
        if entry.module == module:
            found[entry.name] = functions()[entry.name]
            if entry.class_name is not None:
                found[entry.class_name] = operation_class(entry.class_name)  # type: ignore[assignment]
    if module == "numpy":  # two functions have classes of their own names beside those that files name
        found |= {"Abs": found["Absolute"], "Conj": found["Conjugate"]}
    return SimpleNamespace(**found)


_PARTS = "core einops image linalg math nn numpy"


def __getattr__(name: str) -> Any:
    if name in _PARTS.split():
        return part(name)
    found = operation_class(name) if not name.startswith("_") else None
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found

"""Filling a public module from a registry: every name that a string may have is also an attribute."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import configs
from kjax.keras.core import scope as scopes
from kjax.keras.core.operation import Operation
from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.legacy.form import serialized as serialized_by_era
from kjax.keras.legacy.measures import older


def fill(
    names: dict[str, Any],
    registry: Any,
    get: Callable[[Any], Any],
    serialized: str = "obj",
    deserialized: str = "config",
) -> None:
    """Add the registered names, ``get``, ``serialize`` and ``deserialize`` to a module.

    Args:
        names: the module's ``globals()``; what it has already stays.
        registry: the registry of one kind of thing.
        get: what resolves names, configs and objects.
        serialized: how Keras calls the argument of this module's ``serialize``.
        deserialized: how Keras calls that of ``deserialize``.
    """
    for name in registry.names():
        if name.isidentifier():
            entry = registry.lookup(name)
            function = getattr(entry, "function", None)
            # In Keras the short names of losses and metrics are functions, those of other things are classes.
            names.setdefault(name, function if function is not None and not name[:1].isupper() else entry)
    for long, kind in (("MSE", "mse"), ("MAE", "mae"), ("MAPE", "mape"), ("MSLE", "msle"), ("KLD", "kld")):
        if long in names and kind in names:
            names[long] = names[kind]

    def serialize(thing: Any) -> Any:
        """The config of a thing, or the name of a function."""
        return serialized_by_era(thing, configs.serialize_keras_object)

    def deserialize(thing: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The thing that a name or a config stands for."""
        with configs.custom_object_scope(custom_objects or {}):
            return get(thing)

    def serialize_keras_object(instance: Any) -> Any:
        """As in ``keras.saving``; Keras 2 had it in every module."""
        return serialized_by_era(instance, configs.serialize_keras_object)

    def deserialize_keras_object(config: Any, custom_objects: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """As in ``keras.saving``; Keras 2 had it in every module."""
        return configs.deserialize_keras_object(config, custom_objects, **kwargs)

    for name, thing in list(names.items()):
        if inspect.isfunction(thing) and thing.__module__.startswith("kjax.nn.") and not name.startswith("_"):
            if name not in ("get", "register"):
                names[name] = on_tensors(thing)
    names.setdefault("serialize_keras_object", serialize_keras_object)
    names.setdefault("deserialize_keras_object", deserialize_keras_object)
    names.setdefault("get", get)
    names.setdefault("serialize", _rename_first(serialize, serialized))
    names.setdefault("deserialize", _rename_first(deserialize, deserialized))


@functools.cache
def on_tensors(today: Callable[..., Any]) -> Callable[..., Any]:
    """A function of floor 1 that takes variables and symbolic tensors too; whoever wants a value gets the pure one back."""

    @functools.wraps(today)
    def call(*args: Any, **kwargs: Any) -> Any:
        function = older(today) if settings.era in OLD_ERAS else today
        if not all(map(_is_array, args)) or not all(map(_is_array, kwargs.values())):
            if symbolic_leaves((args, kwargs)):
                return _draw(function, args, kwargs)
            args, kwargs = jax.tree.map(_value, (args, kwargs), is_leaf=_is_variable)
            if args and isinstance(args[0], (list, tuple)) and function.__module__ == "kjax.nn.activations":
                args = (jnp.asarray(args[0]), *args[1:])
        if scopes.recording() is not None:
            return scopes.recorder.call_function(function, args, kwargs)
        return function(*args, **kwargs)

    call.pure_function = today  # type: ignore[attr-defined]
    return call


def _draw(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call on symbolic tensors: the operation of ``keras.ops`` where it is the same, otherwise a node of its own."""
    from kjax.keras.ops.table import entries

    name = function.__name__
    entry = entries().get(name)
    if entry is not None and function.__module__ == "kjax.nn.activations":
        known = list(inspect.signature(function).parameters)
        given = dict(zip(known, args, strict=False)) | kwargs
        if set(given) <= set(entry.signature.parameters):
            tensors, arguments = entry.split((), given)
            return Operation(entry.call, name, entry)._symbolic_call(tensors, arguments)
    return Operation(function, name)._symbolic_call(args, kwargs)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, (jax.Array, np.ndarray, int, float, str, type(None)))


def _is_variable(leaf: Any) -> bool:
    return isinstance(leaf, Variable)


def _value(leaf: Any) -> Any:
    return leaf.value if isinstance(leaf, Variable) else leaf


def _rename_first(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A function whose first argument may also be given by ``name``."""
    first, *others = inspect.signature(function).parameters.values()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if name in kwargs:
            args = (kwargs.pop(name), *args)
        return function(*args, **kwargs)

    call.__signature__ = inspect.Signature([first.replace(name=name), *others])  # type: ignore[attr-defined]
    return call


def make_symbolic(names: dict[str, Any], classes: dict[Any, Any]) -> None:
    """Let the functions of a module take symbolic tensors.

    Args:
        names: the module's ``globals()``.
        classes: the classes that functions stand for where one is given to ``compile``; the new functions are added.
    """
    for name, thing in list(names.items()):
        if inspect.isfunction(thing) and thing in classes and not hasattr(thing, "__wrapped__"):
            names[name] = on_tensors(thing)
            classes[names[name]] = classes[thing]

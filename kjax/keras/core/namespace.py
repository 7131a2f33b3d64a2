"""Filling a public module from a registry: every name that a string may have is also an attribute."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any


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
        from kjax.keras.saving import serialize_keras_object

        return serialize_keras_object(thing)

    def deserialize(thing: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The thing that a name or a config stands for."""
        from kjax.keras.saving import custom_object_scope

        with custom_object_scope(custom_objects or {}):
            return get(thing)

    def serialize_keras_object(instance: Any) -> Any:
        """As in ``keras.saving``; Keras 2 had it in every module."""
        from kjax.keras.saving import serialize_keras_object as function

        return function(instance)

    def deserialize_keras_object(config: Any, custom_objects: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """As in ``keras.saving``; Keras 2 had it in every module."""
        from kjax.keras.saving import deserialize_keras_object as function

        return function(config, custom_objects, **kwargs)

    names.setdefault("serialize_keras_object", serialize_keras_object)
    names.setdefault("deserialize_keras_object", deserialize_keras_object)
    names.setdefault("get", get)
    names.setdefault("serialize", _rename_first(serialize, serialized))
    names.setdefault("deserialize", _rename_first(deserialize, deserialized))


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

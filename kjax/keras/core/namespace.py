"""Filling a public module from a registry: every name that a string may have is also an attribute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def fill(names: dict[str, Any], registry: Any, get: Callable[[Any], Any]) -> None:
    """Add the registered names, ``get``, ``serialize`` and ``deserialize`` to a module.

    Args:
        names: the module's ``globals()``; what it has already stays.
        registry: the registry of one kind of thing.
        get: what resolves names, configs and objects.
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

    def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The thing that a name or a config stands for."""
        from kjax.keras.saving import custom_object_scope

        with custom_object_scope(custom_objects or {}):
            return get(config)

    names.setdefault("get", get)
    names.setdefault("serialize", serialize)
    names.setdefault("deserialize", deserialize)

"""The door to configs: how layers and optimizers write and read one another, which :mod:`kjax.keras.saving` knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kjax.keras.core import doors

fill = doors.configs.fill


def serialize_keras_object(obj: Any) -> Any:
    """An object as a dict of plain things."""
    return doors.configs.serialize_keras_object(obj)


def deserialize_keras_object(config: Any, custom_objects: Any = None, **kwargs: Any) -> Any:
    """The object that a dict of :func:`serialize_keras_object` stands for."""
    return doors.configs.deserialize_keras_object(config, custom_objects, **kwargs)


def serialize_argument(value: Any) -> Any:
    """An argument of a constructor as configs hold it."""
    return doors.configs.serialize_argument(value)


def module_config(layer: Any, module: Any, config: dict[str, Any]) -> dict[str, Any]:
    """The config of a layer around a module, as Keras writes that of its class.

    Args:
        layer: the layer.
        module: its module.
        config: name, trainable and dtype.
    """
    return doors.configs.module_config(layer, module, config)


def custom_object_scope(custom_objects: Any) -> Any:
    """A context manager in which a user's classes and functions are known by their names."""
    return doors.configs.custom_object_scope(custom_objects)


def older_config(thing: Any, config: dict[str, Any]) -> dict[str, Any]:
    """A config of today as ``get_config`` of Keras 2 returned it."""
    return doors.configs.older_config(thing, config)


def older_entry(entry: Any) -> Any:
    """What :func:`serialize_keras_object` returned, as Keras 2 wrote it."""
    return doors.configs.older_entry(entry)


_HOLDING = ("layer", "backward_layer", "cell", "cells", "function", "mask")
"""Arguments of built-in layers that are layers, or registered functions."""


def with_revived(config: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's arguments, with layers and functions for what stands for them in its config."""
    return {k: _revived(v) if k in _HOLDING or _names_function(v) else v for k, v in config.items()}


def _names_function(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("class_name") == "function"


def _revived(value: Any) -> Any:
    """The layer of a config, whose weights the layer around makes; lists of them; other things as they are."""
    if isinstance(value, (list, tuple)):
        return [_revived(item) for item in value]
    if isinstance(value, Mapping) and "class_name" in value and value["class_name"] != "__lambda__":
        return deserialize_keras_object({key: part for key, part in value.items() if key != "build_config"})
    return value

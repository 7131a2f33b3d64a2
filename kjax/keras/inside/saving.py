"""Files and configs, by the names that Keras has for them inside: ``saving_lib``, ``serialization_lib``, older formats."""

from __future__ import annotations

import contextlib
import enum
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kjax.keras.core.layer import Layer
from kjax.keras.core.metric import Metric
from kjax.keras.core.optimizer import Optimizer
from kjax.keras.core.stateless import Function
from kjax.keras.losses import Loss
from kjax.keras.saving import deserialize_keras_object, hdf5, keras_zip, legacy_h5, orbax_folder, serialize_keras_object
from kjax.keras.saving.formats import load_weights as _load_weights
from kjax.keras.saving.formats import save_weights as _save_weights
from kjax.keras.saving.registration import get_custom_objects
from kjax.keras.saving.serialization import in_safe_mode as in_safe_mode
from kjax.keras.saving.serialization import safe_scope as SafeModeScope
from kjax.keras.saving.serialization import serialize_dict as serialize_dict
from kjax.keras.saving.serialization import sharing as ObjectSharingScope
from kjax.keras.saving.weights_h5 import read_weights, write_weights

PLAIN_TYPES = (str, int, float, bool)
BUILTIN_MODULES = frozenset("activations constraints initializers losses metrics optimizers regularizers".split())
GLOBAL_CUSTOM_OBJECTS = get_custom_objects()

save_model_to_hdf5 = legacy_h5.save_model
load_model_from_hdf5 = legacy_h5.load_model


class _Saveables(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, (Layer, Metric, Optimizer, Loss, Function))


class KerasSaveable(metaclass=_Saveables):
    """What files of Keras hold: layers, models, metrics, losses and optimizers are instances of it."""


class SerializableDict:
    """Arguments to be written into a config.

    Args:
        **config: the arguments.
    """

    def __init__(self, **config: Any) -> None:
        self.config = config

    def serialize(self) -> Any:
        """The arguments as JSON takes them."""
        return serialize_keras_object(self.config)


def save_weights_only(
    model: Any, filepath: Any, max_shard_size: float | None = None, objects_to_skip: Any = None
) -> None:
    """Write the weights of a model, see ``model.save_weights``."""
    _save_weights(model, filepath, max_shard_size=max_shard_size, objects_to_skip=objects_to_skip)


def load_weights_only(model: Any, filepath: Any, skip_mismatch: bool = False, objects_to_skip: Any = None) -> None:
    """Read the weights of a model, see ``model.load_weights``."""
    _load_weights(model, filepath, skip_mismatch=skip_mismatch, objects_to_skip=objects_to_skip)


def _save_model_to_fileobj(model: Any, fileobj: Any, weights_format: str = "h5") -> None:
    del weights_format
    keras_zip.save(model, fileobj)


def _load_model_from_fileobj(
    fileobj: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    return keras_zip.load(fileobj, custom_objects, compile, safe_mode)


def save_weights_to_hdf5_group(group: Any, model: Any) -> None:
    """Write weights into a group of an old HDF5 file."""
    legacy_h5.write_weights(model, group)


def load_weights_from_hdf5_group(group: Any, model: Any, skip_mismatch: bool = False) -> None:
    """Read weights, layer after layer, from a group of an old HDF5 file."""
    legacy_h5.read_weights(model, group, skip_mismatch)


def load_weights_from_hdf5_group_by_name(group: Any, model: Any, skip_mismatch: bool = False) -> None:
    """Read weights, by names of layers, from a group of an old HDF5 file."""
    legacy_h5.read_weights(model, group, skip_mismatch, match="given names")


@contextlib.contextmanager
def keras_option_scope(use_legacy_config: bool = True) -> Iterator[None]:
    """Accepted for compatibility: old configs are recognised."""
    del use_legacy_config
    yield


HDF5_OBJECT_HEADER_LIMIT = 64512
"""Bytes that an attribute of an HDF5 file can hold; longer lists are written in pieces."""


def save_attributes_to_hdf5_group(group: Any, name: str, data: Any) -> None:
    """Write a list of strings as an attribute of a group, in pieces where it is long."""
    hdf5.write_names(group.attrs, name, [hdf5.decoded(item) for item in data])


def load_attributes_from_hdf5_group(group: Any, name: str) -> list[str]:
    """The list of strings that is an attribute of a group; empty where there is none."""
    return list(hdf5.names(group.attrs, name))


def save_subset_weights_to_hdf5_group(group: Any, weights: Any) -> None:
    """Write variables into a group of an old HDF5 file."""
    legacy_h5._write_list(group, weights)


def load_subset_weights_from_hdf5_group(group: Any) -> list[np.ndarray]:
    """The arrays of a group of an old HDF5 file, in the order in which they were written."""
    return [np.asarray(group[name]) for name in load_attributes_from_hdf5_group(group, "weight_names")]


def save_optimizer_weights_to_hdf5_group(group: Any, optimizer: Any) -> None:
    """Write the variables of an optimizer into a group of an old HDF5 file."""
    if optimizer.variables:
        legacy_h5._write_list(group.create_group("optimizer_weights"), optimizer.variables)


def load_optimizer_weights_from_hdf5_group(group: Any) -> list[np.ndarray]:
    """The arrays of the optimizer in a group of an old HDF5 file."""
    return load_subset_weights_from_hdf5_group(group["optimizer_weights"])


def is_orbax_checkpoint(filepath: Any) -> bool:
    """Whether a folder is a checkpoint of Orbax, or holds numbered ones."""
    return orbax_folder.is_checkpoint(filepath)


def find_latest_orbax_checkpoint(checkpoint_dir: Any) -> str:
    """The checkpoint with the largest number in a folder.

    Raises:
        ValueError: there is none.
    """
    return str(orbax_folder._checkpoint(checkpoint_dir))


class Encoder(json.JSONEncoder):
    """Writes configs of older files: tuples are marked, objects are replaced by their configs."""

    def default(self, o: Any) -> Any:
        """What stands for an object; see :func:`get_json_type`."""
        return get_json_type(o)

    def encode(self, o: Any) -> str:
        """The thing as JSON."""
        return super().encode(_marked(o))


def _marked(thing: Any) -> Any:
    if isinstance(thing, tuple):
        return {"class_name": "__tuple__", "items": [_marked(item) for item in thing]}
    if isinstance(thing, list):
        return [_marked(item) for item in thing]
    return {key: _marked(value) for key, value in thing.items()} if isinstance(thing, dict) else thing


def get_json_type(obj: Any) -> Any:
    """What stands in JSON for an object: its config, its numbers, or its name.

    Raises:
        TypeError: nothing does.
    """
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        return {**serialize_keras_object(obj), "__passive_serialization__": True}
    if isinstance(obj, (np.ndarray, np.generic)):
        return obj.tolist()
    if isinstance(obj, Mapping):
        return dict(obj)
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__"}
    if isinstance(obj, enum.Enum):
        return obj.value
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "value": obj.decode()}
    if callable(obj):
        return obj.__name__
    raise TypeError(f"JSON has nothing for {obj!r} of the type {type(obj).__name__}")


def decode(json_string: str) -> Any:
    """JSON as Python, with tuples, bytes and ``...`` where they were written as such."""
    return json.loads(json_string, object_hook=_revived)


def decode_and_deserialize(json_string: str, module_objects: Any = None, custom_objects: Any = None) -> Any:
    """As :func:`decode`; configs that :class:`Encoder` put in the place of objects become objects again.

    Args:
        json_string: the text.
        module_objects: classes by name.
        custom_objects: classes by name, which come first.
    """
    known = {**(module_objects or {}), **(custom_objects or {})}

    def revived(thing: dict[str, Any]) -> Any:
        if "__passive_serialization__" in thing and validate_config(thing):
            config = {key: value for key, value in thing.items() if key != "__passive_serialization__"}
            return deserialize_keras_object(config, custom_objects=known)
        return _revived(thing)

    return json.loads(json_string, object_hook=revived)


def _revived(thing: dict[str, Any]) -> Any:
    kind = thing.get("class_name")
    if kind == "__tuple__":
        return tuple(thing["items"])
    if kind == "__ellipsis__":
        return Ellipsis
    return thing["value"].encode() if kind == "__bytes__" else thing


def validate_config(config: Any) -> bool:
    """Whether a thing is the config of an object."""
    return isinstance(config, dict) and "class_name" in config and "config" in config


__all__ = [
    "BUILTIN_MODULES",
    "GLOBAL_CUSTOM_OBJECTS",
    "HDF5_OBJECT_HEADER_LIMIT",
    "PLAIN_TYPES",
    "Encoder",
    "KerasSaveable",
    "ObjectSharingScope",
    "SafeModeScope",
    "SerializableDict",
    "decode",
    "decode_and_deserialize",
    "deserialize_keras_object",
    "find_latest_orbax_checkpoint",
    "get_json_type",
    "is_orbax_checkpoint",
    "keras_option_scope",
    "load_attributes_from_hdf5_group",
    "load_model_from_hdf5",
    "load_optimizer_weights_from_hdf5_group",
    "load_subset_weights_from_hdf5_group",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "load_weights_only",
    "read_weights",
    "save_attributes_to_hdf5_group",
    "save_model_to_hdf5",
    "save_optimizer_weights_to_hdf5_group",
    "save_subset_weights_to_hdf5_group",
    "save_weights_only",
    "save_weights_to_hdf5_group",
    "serialize_keras_object",
    "validate_config",
    "write_weights",
]

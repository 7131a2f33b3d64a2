"""Files and configs, by the names that Keras has for them inside: ``saving_lib``, ``serialization_lib``, older formats."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from kjax.keras.core.layer import Layer
from kjax.keras.core.metric import Metric
from kjax.keras.core.optimizer import Optimizer
from kjax.keras.core.stateless import Function
from kjax.keras.losses import Loss
from kjax.keras.saving import deserialize_keras_object, keras_zip, legacy_h5, serialize_keras_object
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


def decode(json_string: str) -> Any:
    """JSON as Python, with tuples where they were written as such."""

    def revived(thing: dict[str, Any]) -> Any:
        return tuple(thing["items"]) if thing.get("class_name") == "__tuple__" else thing

    return json.loads(json_string, object_hook=revived)


def validate_config(config: Any) -> bool:
    """Whether a thing is the config of an object."""
    return isinstance(config, dict) and "class_name" in config and "config" in config


__all__ = [
    "BUILTIN_MODULES",
    "GLOBAL_CUSTOM_OBJECTS",
    "PLAIN_TYPES",
    "KerasSaveable",
    "ObjectSharingScope",
    "SafeModeScope",
    "SerializableDict",
    "decode",
    "deserialize_keras_object",
    "keras_option_scope",
    "load_model_from_hdf5",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "load_weights_only",
    "read_weights",
    "save_model_to_hdf5",
    "save_weights_only",
    "save_weights_to_hdf5_group",
    "serialize_keras_object",
    "validate_config",
    "write_weights",
]

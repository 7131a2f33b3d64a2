"""Files and configs: every format of Keras, read and written. Each name is loaded when it is first used."""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "save_model": "formats",
    "load_model": "formats",
    "save_weights": "formats",
    "load_weights": "formats",
    "export_model": "exported",
    "load_exported": "archive",
    "Exported": "exported",
    "KerasFileEditor": "editor",
    "ExportArchive": "archive",
    "model_to_json": "architecture",
    "model_from_json": "architecture",
    "model_to_yaml": "architecture",
    "model_from_yaml": "architecture",
    "model_from_config": "architecture",
    "serialize_keras_object": "serialization",
    "deserialize_keras_object": "serialization",
    "UnsafeError": "serialization",
    "FileFormatError": "errors",
    "register_keras_serializable": "registration",
    "custom_object_scope": "registration",
    "CustomObjectScope": "registration",
    "get_custom_objects": "registration",
    "get_registered_name": "registration",
    "get_registered_object": "registration",
}
"""Names and the files in which they are."""


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(f"kjax.keras.saving.{_PLACES[name]}"), name)
    from kjax.nn.value import did_you_mean

    raise AttributeError(f"module 'kjax.keras.saving' has no attribute {name!r}; {did_you_mean(name, _PLACES)}")


def __dir__() -> list[str]:
    return sorted(_PLACES)

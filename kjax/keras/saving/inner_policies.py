"""How layers inside users' layers are quantized: their configs say nothing of it, so that it is noted beside the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kjax.keras.core.layer import Layer
from kjax.keras.core.quantized import FIELDS, QuantizedMembers
from kjax.keras.saving.layout import places

_OWN = "kjax.keras."


def noted(model: Any) -> dict[str, dict[str, Any]]:
    """Fields of the quantized layers that users' classes make by themselves, by their places in weights files.

    Args:
        model: a built model.
    """
    if not model.built or all(layer.quantization_mode is None for layer in _able(model).values()):
        return {}
    found = {place.path: place.owner for place in places(model) if isinstance(place.owner, Layer)}
    hiding = [path for path, layer in found.items() if not type(layer).__module__.startswith(_OWN)]
    result = {}
    for path, layer in _able(model).items():
        if layer.quantization_mode is not None and any(_is_inside(path, outer) for outer in hiding):
            result[path] = _written(layer)
    return result


def applied(model: Any, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Give the layers of a built model what :func:`noted` returned for one like it; their values are those of fresh layers.

    Args:
        model: the model.
        entries: fields by place.
    """
    if not entries:
        return
    able = _able(model)
    for path, fields in entries.items():
        if path in able and able[path].quantization_mode is None:
            able[path].adopt_fields({name: _revived(value) for name, value in fields.items() if name in FIELDS})


def _able(model: Any) -> dict[str, Any]:
    """The layers that can be quantized, those inside attention too, by their places."""
    result: dict[str, Any] = {}
    for place in places(model):
        layer = place.owner
        if isinstance(layer, QuantizedMembers):
            result[place.path] = layer
        elif hasattr(layer, "dense_parts"):
            for part in layer.dense_parts():
                result[f"{_head(place.path)}:{part.name}"] = part
    return result


def _head(path: str) -> str:
    """The place of an attention layer, for that of a dense layer inside."""
    head, _, last = path.rpartition("/")
    return head if last.endswith("_dense") else path


def _is_inside(path: str, outer: str) -> bool:
    return not outer or path.startswith((f"{outer}/", f"{outer}:"))


def _written(layer: Any) -> dict[str, Any]:
    from kjax.keras.saving.serialization import serialize_argument

    fields = {name: getattr(layer._module, name) for name in FIELDS if hasattr(layer._module, name)}
    return {name: serialize_argument(value) for name, value in fields.items()}


def _revived(value: Any) -> Any:
    from kjax.keras.saving.serialization import deserialize_keras_object

    return deserialize_keras_object(value) if isinstance(value, Mapping) else value

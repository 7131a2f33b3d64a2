"""A new layer made as another one was, with weights of its own."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.layer import Layer
from kjax.keras.core.symbolic import call_signature


def copy_layer(layer: Layer, name: str | None = None, **changes: Any) -> Any:
    """Make a layer from the arguments that another one was made from; layers among them are copied too.

    Args:
        layer: the layer.
        name: name of the copy; that of the layer by default.
        **changes: arguments with other values; set as attributes where the constructor does not take them.
    """
    args, kwargs = layer._init_arguments
    names, free = call_signature(type(layer).__init__)
    kwargs = {key: _copied(value) for key, value in kwargs.items()}
    args = tuple(_copied(value) for value in args)
    placed = dict(zip(names, args, strict=False))
    later = {}
    for key, value in changes.items():
        if key in placed:
            args = tuple(value if key == n else a for n, a in zip(names, args, strict=False))
        elif key in names or free:
            kwargs[key] = value
        else:
            later[key] = value
    if free or "name" in names:
        kwargs.pop("name", None)
        kwargs["name"] = name or layer.name
    copy = type(layer)(*args, **kwargs)
    for key, value in later.items():
        setattr(copy, key, value)
    copy._explicit_name = layer._explicit_name
    return copy


def _copied(value: Any) -> Any:
    if isinstance(value, Layer):
        return copy_layer(value)
    if isinstance(value, (list, tuple)) and any(isinstance(item, Layer) for item in value):
        return type(value)(_copied(item) for item in value)
    return value

"""The Keras activations: those of floor 1, under every name of Keras; names mean what they meant in the present era."""

from __future__ import annotations

import functools
from typing import Any

from kjax.keras.core.layer import Layer as Layer
from kjax.keras.core.namespace import fill
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import respelled as _respelled
from kjax.keras.legacy.spellings import ERA_VALUES
from kjax.nn import activations as _values
from kjax.nn.activations import *  # noqa: F403

_CHANGED = ERA_VALUES["activation"]


def get(identifier: Any) -> Any:
    """The activation function for a name, a function, or None (linear).

    Raises:
        ValueError: unknown name.
    """
    if isinstance(identifier, str) and settings.era in ("1", "2"):
        identifier = _CHANGED.get(identifier, identifier)
    return _values.get(identifier)


fill(globals(), _values.registry, get, "activation")
_written = globals()["serialize"]


def serialize(activation: Any) -> Any:
    """The name of a built-in activation function, the config of anything else.

    Args:
        activation: the function or object.
    """
    config = _written(activation)
    name = config.get("config") if isinstance(config, dict) else None
    pure = getattr(activation, "pure_function", activation)
    if isinstance(name, str) and name in _values.registry.names() and _values.get(name) is pure:
        return name
    return config


def _softmax(today: Any) -> Any:
    @functools.wraps(today)
    def softmax(x: Any, axis: int = -1) -> Any:
        if settings.era in ("1", "2") and getattr(x, "ndim", 2) == 1:
            raise ValueError(f"Cannot apply softmax to a tensor that is 1D: received shape {tuple(x.shape)}")
        return today(x, axis)

    return softmax


softmax = _softmax(globals()["softmax"])
relu = _respelled(globals()["relu"])
deserialize = _respelled(globals()["deserialize"], "deserialize_activation")
_today = {_name: globals().pop(_name) for _name in _CHANGED}


def __getattr__(name: str) -> Any:
    if name in _today:
        return globals()[_CHANGED[name]] if settings.era in ("1", "2") else _today[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_today])

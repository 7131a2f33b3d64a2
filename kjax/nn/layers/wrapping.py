"""What layers around another layer share."""

from __future__ import annotations

from typing import Any

import flax.linen as nn

from kjax.nn.module import Layer, accepts


def wrapped(value: Any) -> nn.Module:
    """A Flax module.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, nn.Module):
        raise TypeError(f"expected a layer, received {value!r}")
    return value


def accepted(layer: nn.Module, **context: Any) -> dict[str, Any]:
    """Those of the arguments ``mask`` and ``training`` that the layer's call takes."""
    if isinstance(layer, Layer):
        return context
    return {name: value for name, value in context.items() if accepts(layer, name)}


def call_with(layer: nn.Module, *args: Any, **context: Any) -> Any:
    """Call the layer with those of ``mask`` and ``training`` that it takes."""
    return layer(*args, **accepted(layer, **context))

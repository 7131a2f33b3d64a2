"""Third-party Flax modules as Keras layers."""

from __future__ import annotations

from typing import Any

import flax.linen as nn

from kjax.keras.core.layer import Layer
from kjax.keras.core.pure import PureLayer


class FlaxLayer(PureLayer):
    """A Flax (linen) module as a Keras layer: its variables become the layer's weights.

    Args:
        module: the module.
        **kwargs: arguments of every layer.
    """

    def __init__(self, module: nn.Module, **kwargs: Any) -> None:
        Layer.__init__(self, **kwargs)
        self._adopt(module)

    def get_config(self) -> dict[str, Any]:
        """The module itself stands in the config: it is a value, but not one that JSON can hold."""
        return {"name": self.name, "trainable": self._trainable, "module": self._module}


def as_layer(thing: Any) -> Layer:
    """A layer from a Flax module.

    Raises:
        TypeError: something else.
    """
    if isinstance(thing, nn.Module):
        return FlaxLayer(thing)
    raise TypeError(f"expected a Keras layer or a Flax module, received {type(thing).__name__}: {thing!r}")

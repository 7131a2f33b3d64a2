"""The base of layers that users write around another layer."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, Self

from kjax.keras.core import configs
from kjax.keras.core.layer import Layer
from kjax.keras.legacy.form import of_era


class Wrapper(Layer, metaclass=abc.ABCMeta):
    """A layer around another, kept as :attr:`layer`; a subclass writes ``call``.

    The built-in layers around another count as its subclasses.

    Args:
        layer: the layer inside.
        **kwargs: arguments of every layer.

    Raises:
        TypeError: ``layer`` is no layer.
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            from kjax.keras.core.foreign import as_layer

            layer = as_layer(layer)
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside."""
        if not self.layer.built:
            self.layer.build(input_shape)
        self.built = True

    @of_era
    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal layer."""
        return {**super().get_config(), "layer": configs.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        """Make a layer from what :meth:`get_config` returned."""
        config = dict(config)
        layer = config.pop("layer")
        if isinstance(layer, Mapping):
            layer = configs.deserialize_keras_object(layer, custom_objects=custom_objects)
        return cls(layer, **config)

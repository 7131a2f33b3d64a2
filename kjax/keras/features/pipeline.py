"""Pipeline: preprocessing layers one after the other, as one layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kjax.keras.core import configs
from kjax.keras.core.layer import Layer, call_signature


class Pipeline(Layer):
    """Layers one after the other, where a model is not needed: to prepare data.

    Args:
        layers: the layers.
        name: the pipeline's name.
    """

    def __init__(self, layers: Sequence[Layer], name: str | None = None) -> None:
        super().__init__(name=name)
        if not all(isinstance(layer, Layer) for layer in layers):
            raise TypeError(f"Pipeline: argument `layers` must be a list of layers, received {layers!r}")
        self._pipeline_layers = list(layers)

    @property
    def layers(self) -> list[Layer]:
        """The layers."""
        return self._pipeline_layers

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Apply the layers; mode and mask go to those that name them."""
        for layer in self._pipeline_layers:
            names, _ = call_signature(type(layer).call)
            kwargs = {"training": training} if "training" in names or layer.takes_training else {}
            if "mask" in names and mask is not None:
                kwargs["mask"] = mask
            inputs = layer(inputs, **kwargs)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """The layers and the name."""
        return {"layers": [configs.serialize_keras_object(layer) for layer in self._pipeline_layers], "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a pipeline from what :meth:`get_config` returned."""
        if not isinstance(config.get("layers"), (list, tuple)):
            raise ValueError(f"a config of a Pipeline holds a list of `layers`, received {config.get('layers')!r}")
        return cls([configs.deserialize_keras_object(layer) for layer in config["layers"]], name=config.get("name"))

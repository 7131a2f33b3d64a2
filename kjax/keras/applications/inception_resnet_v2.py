"""InceptionResNetV2."""

from __future__ import annotations

from typing import Any

from kjax import keras
from kjax.keras.applications.application import (
    Frame,
    activation,
    application,
    channel_axis,
    conv,
    dense_head,
    kernels,
    norm,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions

SOURCE = "Szegedy et al., 2017, 'Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning'."

preprocess_input = preprocessing("tf")


class CustomScaleLayer(keras.layers.Layer):  # the name that files of Keras have
    """``first + second * scale``.

    Args:
        scale: the factor.
        **kwargs: of the layer.
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        """Add the scaled second input to the first."""
        return inputs[0] + inputs[1] * self.scale

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal layer."""
        return {**super().get_config(), "scale": self.scale}


def _conv(x: Any, filters: int, size: Any, stride: int = 1, padding: str = "same", name: str | None = None) -> Any:
    x = conv(x, filters, size, stride, padding, name, use_bias=False)
    x = norm(x, name and f"{name}_bn", scale=False)
    return activation(x, name and f"{name}_ac")


def _chain(x: Any, *steps: Any) -> Any:
    for step in steps:
        x = _conv(x, *step)
    return x


def _join(branches: list[Any], name: str) -> Any:
    return keras.layers.Concatenate(axis=channel_axis() % 4, name=name)(branches)


_BLOCKS: dict[str, list[list[Any]]] = {
    "block35": [[(32, 1)], [(32, 1), (32, 3)], [(32, 1), (48, 3), (64, 3)]],
    "block17": [[(192, 1)], [(128, 1), (160, (1, 7)), (192, (7, 1))]],
    "block8": [[(192, 1)], [(192, 1), (224, (1, 3)), (256, (3, 1))]],
}


def _residual(x: Any, kind: str, index: int, scale: float, *, activate: bool = True) -> Any:
    name = f"{kind}_{index}"
    mixed = _join([_chain(x, *chain) for chain in _BLOCKS[kind]], f"{name}_mixed")
    up = conv(mixed, x.shape[channel_axis() % 4], 1, padding="same", name=f"{name}_conv")
    x = CustomScaleLayer(scale)([x, up])
    return activation(x, f"{name}_ac") if activate else x


def _reduce(x: Any, name: str, chains: list[list[Any]]) -> Any:
    branches = [_chain(x, *chain) for chain in chains]
    return _join([*branches, keras.layers.MaxPooling2D(3, strides=2)(x)], name)


def _body(x: Any) -> Any:
    x = _chain(x, (32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3))
    x = keras.layers.MaxPooling2D(3, strides=2)(x)
    x = _chain(x, (80, 1, 1, "valid"), (192, 3, 1, "valid"))
    x = keras.layers.MaxPooling2D(3, strides=2)(x)
    branches = [_chain(x, *chain) for chain in ([(96, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)])]
    pooled = keras.layers.AveragePooling2D(3, strides=1, padding="same")(x)
    x = _join([*branches, _conv(pooled, 64, 1)], "mixed_5b")
    for i in range(1, 11):
        x = _residual(x, "block35", i, 0.17)
    x = _reduce(x, "mixed_6a", [[(384, 3, 2, "valid")], [(256, 1), (256, 3), (384, 3, 2, "valid")]])
    for i in range(1, 21):
        x = _residual(x, "block17", i, 0.1)
    first, second = [(256, 1), (384, 3, 2, "valid")], [(256, 1), (288, 3, 2, "valid")]
    x = _reduce(x, "mixed_7a", [first, second, [(256, 1), (288, 3), (320, 3, 2, "valid")]])
    for i in range(1, 10):
        x = _residual(x, "block8", i, 0.2)
    x = _residual(x, "block8", 10, 1.0, activate=False)
    return _conv(x, 1536, 1, name="conv_7b")


_FILES = kernels(
    "inception_resnet_v2",
    "inception_resnet_v2",
    "e693bd0210a403b3192acc6073ad2e96",
    "d19885ff4a710c122648d3b5c3b684e4",
)
_FRAME = Frame(299, _FILES, minimum=75, head=dense_head("avg_pool"))


@application("InceptionResNetV2", SOURCE, name="inception_resnet_v2")
def InceptionResNetV2(**arguments: Any) -> Any:
    """See :func:`application`."""
    return _FRAME.build(_body, **arguments)

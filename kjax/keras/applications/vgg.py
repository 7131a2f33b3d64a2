"""VGG16 and VGG19."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kjax import keras
from kjax.keras.applications.application import Frame, application, conv, kernels, preprocessing

SOURCE = "Simonyan and Zisserman, 2015, 'Very Deep Convolutional Networks for Large-Scale Image Recognition'."

preprocess_input = preprocessing("caffe")


def _head(x: Any, classes: int, activation: Any) -> Any:
    x = keras.layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = keras.layers.Dense(4096, activation="relu", name=name)(x)
    return keras.layers.Dense(classes, activation=activation, name="predictions")(x)


def _body(depths: tuple[int, ...]) -> Callable[[Any], Any]:
    def body(x: Any) -> Any:
        for block, (filters, depth) in enumerate(zip((64, 128, 256, 512, 512), depths, strict=True), 1):
            for i in range(1, depth + 1):
                x = conv(x, filters, 3, padding="same", activation="relu", name=f"block{block}_conv{i}")
            x = keras.layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
        return x

    return body


def _network(name: str, depths: tuple[int, ...], top: str, no_top: str) -> Callable[..., Any]:
    frame = Frame(224, kernels(name.lower(), name.lower(), top, no_top), head=_head)

    @application(name, SOURCE, name=name.lower())
    def build(**arguments: Any) -> Any:
        return frame.build(_body(depths), **arguments)

    return build


VGG16 = _network("VGG16", (2, 2, 3, 3, 3), "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc")
VGG19 = _network("VGG19", (2, 2, 4, 4, 4), "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6")

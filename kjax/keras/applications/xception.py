"""Xception."""

from __future__ import annotations

from typing import Any

from kjax import keras
from kjax.keras.applications.application import (
    Frame,
    activation,
    application,
    conv,
    dense_head,
    kernels,
    norm,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions
from kjax.keras.legacy.incidental import held_by as _held_by

__getattr__ = _held_by("applications.xception")

SOURCE = "Chollet, 2017, 'Xception: Deep Learning with Depthwise Separable Convolutions'."

preprocess_input = preprocessing("tf")


def _separable(x: Any, filters: int, name: str) -> Any:
    x = keras.layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return norm(x, f"{name}_bn")


def _reduction(x: Any, first: int, second: int, block: int) -> Any:
    """Two separable convolutions and a pooling, beside a strided 1x1 convolution."""
    name = f"block{block}"
    residual = norm(conv(x, second, 1, 2, padding="same", use_bias=False))
    if block > 2:
        x = activation(x, f"{name}_sepconv1_act")
    x = activation(_separable(x, first, f"{name}_sepconv1"), f"{name}_sepconv2_act")
    x = _separable(x, second, f"{name}_sepconv2")
    x = keras.layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return keras.layers.add([x, residual])


def _body(x: Any) -> Any:
    for i, (filters, stride) in enumerate(((32, 2), (64, 1)), 1):
        x = norm(conv(x, filters, 3, stride, use_bias=False, name=f"block1_conv{i}"), f"block1_conv{i}_bn")
        x = activation(x, f"block1_conv{i}_act")
    for block, filters in enumerate((128, 256, 728), 2):
        x = _reduction(x, filters, filters, block)
    for block in range(5, 13):
        residual = x
        for i in (1, 2, 3):
            x = activation(x, f"block{block}_sepconv{i}_act")
            x = _separable(x, 728, f"block{block}_sepconv{i}")
        x = keras.layers.add([x, residual])
    x = _reduction(x, 728, 1024, 13)
    for i, filters in enumerate((1536, 2048), 1):
        x = activation(_separable(x, filters, f"block14_sepconv{i}"), f"block14_sepconv{i}_act")
    return x


_FILES = kernels("xception", "xception", "0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97")
_FRAME = Frame(299, _FILES, minimum=71, head=dense_head("avg_pool"))


@application("Xception", SOURCE, name="xception")
def Xception(**arguments: Any) -> Any:
    """See :func:`application`."""
    return _FRAME.build(_body, **arguments)

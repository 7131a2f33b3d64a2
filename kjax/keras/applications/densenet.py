"""DenseNet121, 169 and 201."""

from __future__ import annotations

from collections.abc import Callable
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
    pad,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions
from kjax.keras.applications.resnet import EPSILON, POOL_NAMES
from kjax.keras.legacy.incidental import held_by as _held_by

__getattr__ = _held_by("applications.densenet")

SOURCE = "Huang et al., 2017, 'Densely Connected Convolutional Networks'."
GROWTH = 32

preprocess_input = preprocessing("torch")


def _block(x: Any, name: str) -> Any:
    new = activation(norm(x, f"{name}_0_bn", epsilon=EPSILON), f"{name}_0_relu")
    new = norm(conv(new, 4 * GROWTH, 1, use_bias=False, name=f"{name}_1_conv"), f"{name}_1_bn", epsilon=EPSILON)
    new = activation(new, f"{name}_1_relu")
    new = conv(new, GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")
    return keras.layers.Concatenate(axis=_axis(), name=f"{name}_concat")([x, new])


def _transition(x: Any, name: str) -> Any:
    x = activation(norm(x, f"{name}_bn", epsilon=EPSILON), f"{name}_relu")
    x = conv(x, x.shape[_axis()] // 2, 1, use_bias=False, name=f"{name}_conv")
    return keras.layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def _axis() -> int:
    return channel_axis() % 4


def _network(name: str, depths: tuple[int, ...], top: str, no_top: str) -> Callable[..., Any]:
    files = kernels(name.lower(), "densenet", top, no_top)
    frame = Frame(224, files, head=dense_head("avg_pool"), pool_names=POOL_NAMES, channels_first=False)

    def body(x: Any) -> Any:
        x = conv(pad(x, 3), 64, 7, 2, use_bias=False, name="conv1_conv")
        x = activation(norm(x, "conv1_bn", epsilon=EPSILON), "conv1_relu")
        x = keras.layers.MaxPooling2D(3, strides=2, name="pool1")(pad(x, 1))
        for stage, depth in enumerate(depths, 2):
            for i in range(1, depth + 1):
                x = _block(x, f"conv{stage}_block{i}")
            if stage < 5:
                x = _transition(x, f"pool{stage}")
        return activation(norm(x, "bn", epsilon=EPSILON), "relu")

    @application(name, SOURCE, name=name.lower())
    def build(**arguments: Any) -> Any:
        return frame.build(body, **arguments)

    return build


DenseNet121 = _network(
    "DenseNet121", (6, 12, 24, 16), "9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"
)
DenseNet169 = _network(
    "DenseNet169", (6, 12, 32, 32), "d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"
)
DenseNet201 = _network(
    "DenseNet201", (6, 12, 48, 32), "1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"
)

"""ResNet50, 101 and 152: the bottleneck networks of He et al."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from kjax import keras
from kjax.keras.applications.application import (
    Frame,
    Weights,
    activation,
    application,
    conv,
    dense_head,
    kernels,
    norm,
    pad,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions
from kjax.keras.core.settings import settings
from kjax.keras.legacy import applications as older
from kjax.keras.legacy.arguments import OLD_ERAS

SOURCE = "He et al., 2016, 'Deep Residual Learning for Image Recognition'."
EPSILON = 1.001e-5
POOL_NAMES = ("avg_pool", "max_pool")

preprocess_input = preprocessing("caffe")


def stem(x: Any, *, normalized: bool) -> Any:
    """The first layers.

    Args:
        x: pictures.
        normalized: whether normalization and ReLU follow the convolution.
    """
    x = conv(pad(x, 3, "conv1_pad"), 64, 7, 2, name="conv1_conv")
    if normalized:
        x = activation(norm(x, "conv1_bn", epsilon=EPSILON), "conv1_relu")
    return keras.layers.MaxPooling2D(3, strides=2, name="pool1_pool")(pad(x, 1, "pool1_pad"))


def _block(x: Any, filters: int, stride: int, name: str, *, project: bool) -> Any:
    shortcut = x
    if project:
        shortcut = norm(conv(x, 4 * filters, 1, stride, name=f"{name}_0_conv"), f"{name}_0_bn", epsilon=EPSILON)
    x = norm(conv(x, filters, 1, stride, name=f"{name}_1_conv"), f"{name}_1_bn", epsilon=EPSILON)
    x = conv(activation(x, f"{name}_1_relu"), filters, 3, padding="same", name=f"{name}_2_conv")
    x = activation(norm(x, f"{name}_2_bn", epsilon=EPSILON), f"{name}_2_relu")
    x = norm(conv(x, 4 * filters, 1, name=f"{name}_3_conv"), f"{name}_3_bn", epsilon=EPSILON)
    return activation(keras.layers.Add(name=f"{name}_add")([shortcut, x]), f"{name}_out")


def _network(name: str, depths: tuple[int, ...], top: str, no_top: str) -> Callable[..., Any]:
    head = dense_head("avg_pool")
    frame = Frame(224, kernels(name.lower(), "resnet", top, no_top), head=head, pool_names=POOL_NAMES)

    def body(x: Any) -> Any:
        x = stem(x, normalized=True)
        for stage, (filters, depth) in enumerate(zip((64, 128, 256, 512), depths, strict=True), 2):
            for i in range(1, depth + 1):
                stride = 2 if i == 1 and stage > 2 else 1
                x = _block(x, filters, stride, f"conv{stage}_block{i}", project=i == 1)
        return x

    @application(name, SOURCE, name=name.lower())
    def build(**arguments: Any) -> Any:
        if name == "ResNet50" and settings.era in OLD_ERAS:  # other names of layers, and another file
            then = dataclasses.replace(
                frame, weights=_weights_before, head=older.resnet50_head, pool_names=(None, None)
            )
            return then.build(lambda x: older.resnet50_body(x, settings.era == "1"), **arguments)
        return frame.build(body, **arguments)

    return build


_BEFORE = "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
_CHECKSUMS = {True: "a7b3fe01876f51b976af0dea6bc144eb", False: "a268eb855778b3df3c7506639542a6af"}


def _weights_before(include_top: bool) -> Weights:
    name = f"resnet50_weights_tf_dim_ordering_tf_kernels{'' if include_top else '_notop'}.h5"
    return Weights(name, f"{_BEFORE}{name}", _CHECKSUMS[include_top])


ResNet50 = _network("ResNet50", (3, 4, 6, 3), "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626")
ResNet101 = _network("ResNet101", (3, 4, 23, 3), "f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21")
ResNet152 = _network("ResNet152", (3, 8, 36, 3), "100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c")

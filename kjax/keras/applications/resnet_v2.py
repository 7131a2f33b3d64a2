"""ResNet50V2, 101V2 and 152V2: normalization and activation before the convolutions."""

from __future__ import annotations

from collections.abc import Callable
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
    pad,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions
from kjax.keras.applications.resnet import EPSILON, POOL_NAMES, stem

SOURCE = "He et al., 2016, 'Identity Mappings in Deep Residual Networks'."

preprocess_input = preprocessing("tf")


def _block(x: Any, filters: int, stride: int, name: str, *, project: bool) -> Any:
    before = activation(norm(x, f"{name}_preact_bn", epsilon=EPSILON), f"{name}_preact_relu")
    if project:
        shortcut = conv(before, 4 * filters, 1, stride, name=f"{name}_0_conv")
    else:
        shortcut = keras.layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = norm(conv(before, filters, 1, use_bias=False, name=f"{name}_1_conv"), f"{name}_1_bn", epsilon=EPSILON)
    x = pad(activation(x, f"{name}_1_relu"), 1, f"{name}_2_pad")
    x = norm(conv(x, filters, 3, stride, use_bias=False, name=f"{name}_2_conv"), f"{name}_2_bn", epsilon=EPSILON)
    x = conv(activation(x, f"{name}_2_relu"), 4 * filters, 1, name=f"{name}_3_conv")
    return keras.layers.Add(name=f"{name}_out")([shortcut, x])


def _network(name: str, depths: tuple[int, ...], top: str, no_top: str) -> Callable[..., Any]:
    head = dense_head("avg_pool")
    frame = Frame(224, kernels(name.lower(), "resnet", top, no_top), head=head, pool_names=POOL_NAMES)

    def body(x: Any) -> Any:
        x = stem(x, normalized=False)
        for stage, (filters, depth) in enumerate(zip((64, 128, 256, 512), depths, strict=True), 2):
            for i in range(1, depth + 1):
                stride = 2 if i == depth and stage < 5 else 1
                x = _block(x, filters, stride, f"conv{stage}_block{i}", project=i == 1)
        return activation(norm(x, "post_bn", epsilon=EPSILON), "post_relu")

    @application(name, SOURCE, name=name.lower())
    def build(**arguments: Any) -> Any:
        return frame.build(body, **arguments)

    return build


ResNet50V2 = _network(
    "ResNet50V2", (3, 4, 6, 3), "3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"
)
ResNet101V2 = _network(
    "ResNet101V2", (3, 4, 23, 3), "6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"
)
ResNet152V2 = _network(
    "ResNet152V2", (3, 8, 36, 3), "a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"
)

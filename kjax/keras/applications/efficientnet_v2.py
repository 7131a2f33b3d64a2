"""EfficientNetV2: B0 to B3, S, M and L."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kjax import keras
from kjax.keras.applications.application import (
    BASE_URL,
    Frame,
    Weights,
    activation,
    application,
    channel_axis,
    conv,
    dense_head,
    norm,
    preprocessing,
)
from kjax.keras.applications.efficientnet import DENSE_KERNEL, DROP_CONNECT, KERNEL, POOL_NAMES, residual, squeeze
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions

SOURCE = "Tan and Le, 2021, 'EfficientNetV2: Smaller Models and Faster Training'."
MOMENTUM = 0.9

# Size of the kernel is 3. Repeats, filters before and after, expansion, squeeze-and-excitation, stride, fused.
BASE = (
    (1, 32, 16, 1, 0, 1, True),
    (2, 16, 32, 4, 0, 2, True),
    (2, 32, 48, 4, 0, 2, True),
    (3, 48, 96, 4, 0.25, 2, False),
    (5, 96, 112, 6, 0.25, 1, False),
    (8, 112, 192, 6, 0.25, 2, False),
)
SMALL = (
    (2, 24, 24, 1, 0, 1, True),
    (4, 24, 48, 4, 0, 2, True),
    (4, 48, 64, 4, 0, 2, True),
    (6, 64, 128, 4, 0.25, 2, False),
    (9, 128, 160, 6, 0.25, 1, False),
    (15, 160, 256, 6, 0.25, 2, False),
)
MEDIUM = (
    (3, 24, 24, 1, 0, 1, True),
    (5, 24, 48, 4, 0, 2, True),
    (5, 48, 80, 4, 0, 2, True),
    (7, 80, 160, 4, 0.25, 2, False),
    (14, 160, 176, 6, 0.25, 1, False),
    (18, 176, 304, 6, 0.25, 2, False),
    (5, 304, 512, 6, 0.25, 1, False),
)
LARGE = (
    (4, 32, 32, 1, 0, 1, True),
    (7, 32, 64, 4, 0, 2, True),
    (7, 64, 96, 4, 0, 2, True),
    (10, 96, 192, 4, 0.25, 2, False),
    (19, 192, 224, 6, 0.25, 1, False),
    (25, 224, 384, 6, 0.25, 2, False),
    (7, 384, 640, 6, 0.25, 1, False),
)

# Stages, factors of width and depth, size of the picture, checksums.
VARIANTS: dict[str, tuple[Any, float, float, int, str, str]] = {
    "B0": (BASE, 1.0, 1.0, 224, "21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"),
    "B1": (BASE, 1.0, 1.1, 240, "069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"),
    "B2": (BASE, 1.1, 1.2, 260, "424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"),
    "B3": (BASE, 1.2, 1.4, 300, "1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"),
    "S": (SMALL, 1.0, 1.0, 384, "e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"),
    "M": (MEDIUM, 1.0, 1.0, 480, "a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"),
    "L": (LARGE, 1.0, 1.0, 480, "27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"),
}

preprocess_input = preprocessing(None)


def _round(filters: float) -> int:
    return max(8, int(filters + 4) // 8 * 8)


def _norm(x: Any, name: str) -> Any:
    return norm(x, name, momentum=MOMENTUM)


def _block(
    inputs: Any, before: int, after: int, expansion: int, share: float, stride: int, fused: bool, drop: float, name: str
) -> Any:
    wide, x = before * expansion, inputs
    plain: dict[str, Any] = {"padding": "same", "use_bias": False, "kernel_initializer": KERNEL}
    if expansion != 1:
        size, step = (3, stride) if fused else (1, 1)
        x = _norm(conv(x, wide, size, step, name=f"{name}expand_conv", **plain), f"{name}expand_bn")
        x = activation(x, f"{name}expand_activation", "swish")
    if not fused:
        x = keras.layers.DepthwiseConv2D(
            3, strides=stride, padding="same", use_bias=False, depthwise_initializer=KERNEL, name=f"{name}dwconv2"
        )(x)
        x = activation(_norm(x, f"{name}bn"), f"{name}activation", "swish")
    if share:
        x = squeeze(x, wide, max(1, int(before * share)), name)
    alone = fused and expansion == 1
    size, step = (3, stride) if alone else (1, 1)
    x = _norm(conv(x, after, size, step, name=f"{name}project_conv", **plain), f"{name}project_bn")
    if alone:
        x = activation(x, f"{name}project_activation", "swish")
    return residual(x, inputs, drop, name) if stride == 1 and before == after else x


def _scaled(x: Any, variant: str) -> Any:
    """The pictures as the network wants them, from 0 to 255."""
    if not variant.startswith("B") or x.shape[channel_axis()] != 3:
        return keras.layers.Rescaling(scale=1.0 / 128.0, offset=-1)(x)
    x = keras.layers.Rescaling(scale=1.0 / 255)(x)
    mean, variance = [0.485, 0.456, 0.406], [0.229**2, 0.224**2, 0.225**2]
    return keras.layers.Normalization(mean=mean, variance=variance, axis=channel_axis() % 4)(x)


def _network(variant: str) -> Callable[..., Any]:
    stages, width, depth, size, top, no_top = VARIANTS[variant]
    name = f"efficientnetv2-{variant.lower()}"

    def files(include_top: bool) -> Weights:
        file = f"{name}{'' if include_top else '_notop'}.h5"
        return Weights(file, f"{BASE_URL}efficientnet_v2/{file}", top if include_top else no_top)

    head = dense_head("avg_pool", 0.2, kernel_initializer=DENSE_KERNEL)
    frame = Frame(size, files, head=head, pool_names=POOL_NAMES)

    @application(
        f"EfficientNetV2{variant}",
        SOURCE,
        more="\n    include_preprocessing: scale pictures from 0 to 255 inside the network.",
        include_preprocessing=True,
        name=name,
    )
    def build(*, include_preprocessing: bool, **arguments: Any) -> Any:
        def body(x: Any) -> Any:
            x = _scaled(x, variant) if include_preprocessing else x
            plain: dict[str, Any] = {"padding": "same", "use_bias": False, "kernel_initializer": KERNEL}
            x = _norm(conv(x, _round(stages[0][1] * width), 3, 2, name="stem_conv", **plain), "stem_bn")
            x = activation(x, "stem_activation", "swish")
            total, done = sum(repeats for repeats, *_ in stages), 0
            for i, (repeats, before, after, expansion, share, stride, fused) in enumerate(stages, 1):
                before, after = _round(before * width), _round(after * width)
                for j in range(math.ceil(depth * repeats)):
                    prefix, drop = f"block{i}{chr(97 + j)}_", DROP_CONNECT * done / total
                    step = 1 if j else stride
                    x = _block(x, after if j else before, after, expansion, share, step, fused, drop, prefix)
                    done += 1
            x = _norm(conv(x, _round(1280 * width), 1, name="top_conv", **plain), "top_bn")
            return activation(x, "top_activation", "swish")

        return frame.build(body, **arguments)

    return build


EfficientNetV2B0, EfficientNetV2B1, EfficientNetV2B2, EfficientNetV2B3 = (_network(f"B{i}") for i in range(4))
EfficientNetV2S, EfficientNetV2M, EfficientNetV2L = (_network(size) for size in "SML")

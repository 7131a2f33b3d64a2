"""EfficientNetB0 to B7."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kjax import keras
from kjax.keras.applications.application import (
    Frame,
    Weights,
    activation,
    application,
    channel_axis,
    conv,
    correct_pad,
    dense_head,
    make_divisible,
    norm,
    pad,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions

SOURCE = "Tan and Le, 2019, 'EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks'."
POOL_NAMES = ("avg_pool", "max_pool")
KERNEL = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
DENSE_KERNEL = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0 / 3.0, "mode": "fan_out", "distribution": "uniform"},
}
DEVIATION = (0.229, 0.224, 0.225)
DROP_CONNECT = 0.2

# Size of the kernel, repeats, filters before and after, expansion, stride.
STAGES = (
    (3, 1, 32, 16, 1, 1),
    (3, 2, 16, 24, 6, 2),
    (5, 2, 24, 40, 6, 2),
    (3, 3, 40, 80, 6, 2),
    (5, 3, 80, 112, 6, 1),
    (5, 4, 112, 192, 6, 2),
    (3, 1, 192, 320, 6, 1),
)

# Factors of width and depth, size of the picture, dropout, checksums.
VARIANTS = {
    "B0": (1.0, 1.0, 224, 0.2, "902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    "B1": (1.0, 1.1, 240, 0.2, "1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
    "B2": (1.1, 1.2, 260, 0.3, "b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    "B3": (1.2, 1.4, 300, 0.3, "ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
    "B4": (1.4, 1.8, 380, 0.4, "18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    "B5": (1.6, 2.2, 456, 0.4, "ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
    "B6": (1.8, 2.6, 528, 0.5, "165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
    "B7": (2.0, 3.1, 600, 0.5, "8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
}

preprocess_input = preprocessing(None)


def squeeze(x: Any, filters: int, reduced: int, prefix: str) -> Any:
    """Squeeze and excitation: channels weighed by a small network of their averages.

    Args:
        x: features.
        filters: their channels.
        reduced: channels in between.
        prefix: of the layers' names.
    """
    first = channel_axis() == 1
    weights = keras.layers.GlobalAveragePooling2D(name=f"{prefix}se_squeeze")(x)
    shape = (filters, 1, 1) if first else (1, 1, filters)
    weights = keras.layers.Reshape(shape, name=f"{prefix}se_reshape")(weights)
    same: dict[str, Any] = {"padding": "same", "kernel_initializer": KERNEL}
    weights = conv(weights, reduced, 1, activation="swish", name=f"{prefix}se_reduce", **same)
    weights = conv(weights, filters, 1, activation="sigmoid", name=f"{prefix}se_expand", **same)
    return keras.layers.multiply([x, weights], name=f"{prefix}se_excite")


def residual(x: Any, inputs: Any, drop: float, prefix: str) -> Any:
    """The sum with the inputs, whole samples of the new part being dropped."""
    if drop > 0:
        x = keras.layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{prefix}drop")(x)
    return keras.layers.add([x, inputs], name=f"{prefix}add")


def _block(inputs: Any, size: int, before: int, after: int, expansion: int, stride: int, drop: float, name: str) -> Any:
    wide, x = before * expansion, inputs
    plain: dict[str, Any] = {"padding": "same", "use_bias": False, "kernel_initializer": KERNEL}
    if expansion != 1:
        x = norm(conv(x, wide, 1, name=f"{name}expand_conv", **plain), f"{name}expand_bn")
        x = activation(x, f"{name}expand_activation", "swish")
    if stride == 2:
        x = pad(x, correct_pad(x, size), f"{name}dwconv_pad")
    x = keras.layers.DepthwiseConv2D(
        size,
        strides=stride,
        padding="valid" if stride == 2 else "same",
        use_bias=False,
        depthwise_initializer=KERNEL,
        name=f"{name}dwconv",
    )(x)
    x = activation(norm(x, f"{name}bn"), f"{name}activation", "swish")
    x = squeeze(x, wide, max(1, int(before * 0.25)), name)
    x = norm(conv(x, after, 1, name=f"{name}project_conv", **plain), f"{name}project_bn")
    return residual(x, inputs, drop, name) if stride == 1 and before == after else x


def _network(variant: str) -> Callable[..., Any]:
    width, depth, size, dropout, top, no_top = VARIANTS[variant]

    @application(f"EfficientNet{variant}", SOURCE, name=f"efficientnet{variant.lower()}")
    def build(**arguments: Any) -> Any:
        def files(include_top: bool) -> Weights:
            name = f"efficientnet{variant.lower()}{'' if include_top else '_notop'}.h5"
            url = f"https://storage.googleapis.com/keras-applications/{name}"
            return Weights(name, url, top if include_top else no_top)

        def body(x: Any) -> Any:
            x = keras.layers.Rescaling(1.0 / 255.0)(x)
            x = keras.layers.Normalization(axis=channel_axis() % 4)(x)
            if arguments["weights"] == "imagenet":
                # The trained weights expect this: their normalization divided by the deviation, not its square.
                x = keras.layers.Rescaling([1.0 / math.sqrt(d) for d in DEVIATION])(x)
            x = pad(x, correct_pad(x, 3), "stem_conv_pad")
            plain: dict[str, Any] = {"use_bias": False, "kernel_initializer": KERNEL}
            x = norm(conv(x, make_divisible(32 * width), 3, 2, name="stem_conv", **plain), "stem_bn")
            x = activation(x, "stem_activation", "swish")
            total = sum(math.ceil(depth * repeats) for _, repeats, *_ in STAGES)
            done = 0
            for i, (kernel, repeats, before, after, expansion, stride) in enumerate(STAGES, 1):
                before, after = make_divisible(before * width), make_divisible(after * width)
                for j in range(math.ceil(depth * repeats)):
                    name, drop = f"block{i}{chr(97 + j)}_", DROP_CONNECT * done / total
                    x = _block(x, kernel, after if j else before, after, expansion, 1 if j else stride, drop, name)
                    done += 1
            x = conv(x, make_divisible(1280 * width), 1, padding="same", name="top_conv", **plain)
            return activation(norm(x, "top_bn"), "top_activation", "swish")

        head = dense_head("avg_pool", dropout, kernel_initializer=DENSE_KERNEL)
        return Frame(size, files, head=head, pool_names=POOL_NAMES).build(body, **arguments)

    return build


EfficientNetB0, EfficientNetB1, EfficientNetB2, EfficientNetB3 = (_network(f"B{i}") for i in range(4))
EfficientNetB4, EfficientNetB5, EfficientNetB6, EfficientNetB7 = (_network(f"B{i}") for i in range(4, 8))

"""MobileNetV3Small and MobileNetV3Large."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from kjax import keras
from kjax.keras.applications.application import (
    BASE_URL,
    Frame,
    Weights,
    application,
    channel_axis,
    conv,
    correct_pad,
    make_divisible,
    norm,
    pad,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions

SOURCE = "Howard et al., 2019, 'Searching for MobileNetV3'."
POOL_NAMES = ("avg_pool", "max_pool")
NORM = {"epsilon": 1e-3, "momentum": 0.999}

preprocess_input = preprocessing(None)

# Expansion, filters, size of the kernel (None: the network's), stride, squeeze-and-excitation, hard swish.
SMALL = (
    (1, 16, 3, 2, True, False),
    (72 / 16, 24, 3, 2, False, False),
    (88 / 24, 24, 3, 1, False, False),
    (4, 40, None, 2, True, True),
    (6, 40, None, 1, True, True),
    (6, 40, None, 1, True, True),
    (3, 48, None, 1, True, True),
    (3, 48, None, 1, True, True),
    (6, 96, None, 2, True, True),
    (6, 96, None, 1, True, True),
    (6, 96, None, 1, True, True),
)
LARGE = (
    (1, 16, 3, 1, False, False),
    (4, 24, 3, 2, False, False),
    (3, 24, 3, 1, False, False),
    (3, 40, None, 2, True, False),
    (3, 40, None, 1, True, False),
    (3, 40, None, 1, True, False),
    (6, 80, 3, 2, False, True),
    (2.5, 80, 3, 1, False, True),
    (2.3, 80, 3, 1, False, True),
    (2.3, 80, 3, 1, False, True),
    (6, 112, 3, 1, True, True),
    (6, 112, 3, 1, True, True),
    (6, 160, None, 2, True, True),
    (6, 160, None, 1, True, True),
    (6, 160, None, 1, True, True),
)

CHECKSUMS = {
    "large_224_0.75_float": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
    "large_224_1.0_float": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "large_minimalistic_224_1.0_float": ("675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973"),
    "small_224_0.75_float": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
    "small_224_1.0_float": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "small_minimalistic_224_1.0_float": ("99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4"),
}


def _relu(x: Any) -> Any:
    return keras.layers.ReLU()(x)


def _hard_swish(x: Any) -> Any:
    return keras.layers.Activation("hard_swish")(x)


def _squeeze(inputs: Any, filters: int, prefix: str) -> Any:
    prefix = f"{prefix}squeeze_excite_"
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}avg_pool")(inputs)
    x = conv(x, make_divisible(filters * 0.25), 1, padding="same", name=f"{prefix}conv")
    x = keras.layers.ReLU(name=f"{prefix}relu")(x)
    x = conv(x, filters, 1, padding="same", name=f"{prefix}conv_1")
    x = keras.layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)
    return keras.layers.Multiply(name=f"{prefix}mul")([inputs, x])


@dataclasses.dataclass(frozen=True)
class _Style:
    """What a minimalistic network does without."""

    kernel: int
    activation: Callable[[Any], Any]
    squeeze: bool


_FULL = _Style(5, _hard_swish, True)
_MINIMALISTIC = _Style(3, _relu, False)


def _block(x: Any, row: tuple[Any, ...], alpha: float, style: _Style, block: int) -> Any:
    expansion, filters, size, stride, squeeze, swish = row
    filters, size = make_divisible(filters * alpha), size or style.kernel
    activate = style.activation if swish else _relu
    shortcut, channels = x, x.shape[channel_axis()]
    wide = make_divisible(channels * expansion)
    prefix = f"expanded_conv_{block}_" if block else "expanded_conv_"
    if block:
        x = conv(x, wide, 1, padding="same", use_bias=False, name=f"{prefix}expand")
        x = activate(norm(x, f"{prefix}expand_bn", **NORM))
    if stride == 2:
        x = pad(x, correct_pad(x, size), f"{prefix}depthwise_pad")
    x = keras.layers.DepthwiseConv2D(
        size, strides=stride, padding="same" if stride == 1 else "valid", use_bias=False, name=f"{prefix}depthwise"
    )(x)
    x = activate(norm(x, f"{prefix}depthwise_bn", **NORM))
    if squeeze and style.squeeze:
        x = _squeeze(x, wide, prefix)
    x = conv(x, filters, 1, padding="same", use_bias=False, name=f"{prefix}project")
    x = norm(x, f"{prefix}project_bn", **NORM)
    return keras.layers.Add(name=f"{prefix}add")([shortcut, x]) if stride == 1 and channels == filters else x


def _head(style: _Style, width: int, dropout: float) -> Any:
    def head(x: Any, classes: int, activation: Any) -> Any:
        x = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = style.activation(conv(x, width, 1, padding="same", name="conv_2"))
        if dropout > 0:
            x = keras.layers.Dropout(dropout)(x)
        x = conv(x, classes, 1, padding="same", name="logits")
        return keras.layers.Activation(activation, name="predictions")(keras.layers.Flatten()(x))

    return head


def _network(name: str, kind: str, rows: tuple[Any, ...], width: int) -> Callable[..., Any]:
    @application(
        name,
        SOURCE,
        order="input_shape alpha minimalistic include_top weights input_tensor classes pooling dropout_rate "
        "classifier_activation include_preprocessing name",
        more="\n    alpha: factor of the numbers of filters.\n    minimalistic: no squeeze-and-excitation, no hard swish, "
        "no 5x5 kernels.\n    dropout_rate: share that is dropped before the classifier.\n    include_preprocessing: "
        "scale pictures from 0 to 255 inside the network.",
        alpha=1.0,
        minimalistic=False,
        dropout_rate=0.2,
        include_preprocessing=True,
        name=name,
    )
    def build(
        *, alpha: float, minimalistic: bool, dropout_rate: float, include_preprocessing: bool, **arguments: Any
    ) -> Any:
        style = _MINIMALISTIC if minimalistic else _FULL
        known = f"{kind}{'_minimalistic' if minimalistic else ''}_224_{alpha}_float"
        if arguments["weights"] == "imagenet" and known not in CHECKSUMS:
            raise ValueError(f"there are no weights of ImageNet for `alpha`={alpha}, `minimalistic`={minimalistic}")

        def weights(include_top: bool) -> Weights:
            file = f"weights_mobilenet_v3_{known}{'' if include_top else '_no_top_v2'}.h5"
            return Weights(file, f"{BASE_URL}mobilenet_v3/{file}", CHECKSUMS[known][not include_top])

        def body(x: Any) -> Any:
            if include_preprocessing:
                x = keras.layers.Rescaling(scale=1.0 / 127.5, offset=-1.0)(x)
            x = style.activation(norm(conv(x, 16, 3, 2, "same", "conv", use_bias=False), "conv_bn", **NORM))
            for block, row in enumerate(rows):
                x = _block(x, row, alpha, style, block)
            last = make_divisible(x.shape[channel_axis()] * 6)
            x = conv(x, last, 1, padding="same", use_bias=False, name="conv_1")
            return style.activation(norm(x, "conv_1_bn", **NORM))

        head = _head(style, make_divisible(width * alpha) if alpha > 1 else width, dropout_rate)
        if arguments["input_shape"] is None and arguments["input_tensor"] is None:  # free, with a classifier too
            sides = (3, None, None) if channel_axis() == 1 else (None, None, 3)
            arguments["input_tensor"] = keras.layers.Input(sides)
        return Frame(224, weights, head=head, pool_names=POOL_NAMES).build(body, **arguments)

    return build


MobileNetV3Small = _network("MobileNetV3Small", "small", SMALL, 1024)
MobileNetV3Large = _network("MobileNetV3Large", "large", LARGE, 1280)

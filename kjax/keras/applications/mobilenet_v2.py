"""MobileNetV2."""

from __future__ import annotations

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
    dense_head,
    make_divisible,
    norm,
    pad,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions
from kjax.keras.applications.mobilenet import named_rows, relu6, square_size

SOURCE = "Sandler et al., 2018, 'MobileNetV2: Inverted Residuals and Linear Bottlenecks'."
SIZES = (96, 128, 160, 192, 224)
ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
STAGES = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))
"""Filters, number of blocks, and stride of the first."""

NORM = {"epsilon": 1e-3, "momentum": 0.999}

preprocess_input = preprocessing("tf")


def _block(inputs: Any, filters: int, stride: int, expansion: int, block: int) -> Any:
    channels = inputs.shape[channel_axis()]
    prefix = f"block_{block}_" if block else "expanded_conv_"
    x = inputs
    if block:
        x = conv(x, expansion * channels, 1, padding="same", use_bias=False, name=f"{prefix}expand")
        x = relu6(norm(x, f"{prefix}expand_BN", **NORM), f"{prefix}expand_relu")
    if stride == 2:
        x = pad(x, correct_pad(x, 3), f"{prefix}pad")
    x = keras.layers.DepthwiseConv2D(
        3, strides=stride, use_bias=False, padding="same" if stride == 1 else "valid", name=f"{prefix}depthwise"
    )(x)
    x = relu6(norm(x, f"{prefix}depthwise_BN", **NORM), f"{prefix}depthwise_relu")
    x = conv(x, filters, 1, padding="same", use_bias=False, name=f"{prefix}project")
    x = norm(x, f"{prefix}project_BN", **NORM)
    if channels == filters and stride == 1:
        return keras.layers.Add(name=f"{prefix}add")([inputs, x])
    return x


@application(
    "MobileNetV2",
    SOURCE,
    order="input_shape alpha include_top weights input_tensor pooling classes classifier_activation name",
    more="\n    alpha: factor of the numbers of filters.",
    alpha=1.0,
    name=None,
)
def MobileNetV2(*, alpha: float, name: str | None, **arguments: Any) -> Any:
    """See :func:`application`."""
    tensor = arguments["input_tensor"]
    if arguments["input_shape"] is None and tensor is not None:
        size = square_size(tuple(tensor.shape[1:]), SIZES)
    else:
        size = square_size(arguments["input_shape"], SIZES)
    if arguments["weights"] == "imagenet" and alpha not in ALPHAS:
        raise ValueError(f"there are weights of ImageNet for `alpha` in {ALPHAS}, received {alpha}")

    def weights(include_top: bool) -> Weights:
        file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{size}"
        file += ".h5" if include_top else "_no_top.h5"
        return Weights(file, f"{BASE_URL}mobilenet_v2/{file}")

    def body(x: Any) -> Any:
        x = conv(x, make_divisible(32 * alpha), 3, 2, "same", "Conv1", use_bias=False)
        x = relu6(norm(x, "bn_Conv1", **NORM), "Conv1_relu")
        block = 0
        for filters, depth, stride in STAGES:
            for i in range(depth):
                wanted = make_divisible(int(filters * alpha))
                x = _block(x, wanted, stride if i == 0 else 1, 6 if block else 1, block)
                block += 1
        x = conv(x, make_divisible(1280 * alpha) if alpha > 1 else 1280, 1, use_bias=False, name="Conv_1")
        return relu6(norm(x, "Conv_1_bn", **NORM), "out_relu")

    frame = Frame(size, weights, head=dense_head())
    return frame.build(body, name=name or f"mobilenetv2_{alpha:0.2f}_{named_rows(arguments, size)}", **arguments)

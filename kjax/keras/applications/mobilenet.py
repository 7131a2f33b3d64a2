"""MobileNet."""

from __future__ import annotations

from typing import Any

from kjax import keras
from kjax.keras.applications.application import (
    BASE_URL,
    Frame,
    Weights,
    application,
    conv,
    norm,
    pad,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions
from kjax.keras.legacy.incidental import held_by as _held_by

__getattr__ = _held_by("applications.mobilenet")

SOURCE = "Howard et al., 2017, 'MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications'."
SIZES = (128, 160, 192, 224)
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *(((512, 1),) * 5), (1024, 2), (1024, 1))
"""Filters and strides of the blocks."""

preprocess_input = preprocessing("tf")


def relu6(x: Any, name: str | None = None) -> Any:
    """ReLU cut off at 6."""
    return keras.layers.ReLU(6.0, name=name)(x)


def square_size(shape: Any, sizes: tuple[int, ...]) -> int:
    """The size of the trained network whose weights fit pictures of a shape.

    Args:
        shape: shape of a picture without the batch axis, or None.
        sizes: the sizes for which there are weights.
    """
    if shape is None:
        return 224
    rows, columns = shape[1:] if keras.config.image_data_format() == "channels_first" else shape[:2]
    return rows if rows == columns and rows in sizes else 224


def _depthwise(x: Any, filters: int, stride: int, depth_multiplier: int, block: int) -> Any:
    if stride > 1:
        x = pad(x, ((0, 1), (0, 1)), f"conv_pad_{block}")
    layer = keras.layers.DepthwiseConv2D(
        3,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        depth_multiplier=depth_multiplier,
        use_bias=False,
        name=f"conv_dw_{block}",
    )
    x = relu6(norm(layer(x), f"conv_dw_{block}_bn"), f"conv_dw_{block}_relu")
    x = conv(x, filters, 1, padding="same", use_bias=False, name=f"conv_pw_{block}")
    return relu6(norm(x, f"conv_pw_{block}_bn"), f"conv_pw_{block}_relu")


def _head(dropout: float) -> Any:
    def head(x: Any, classes: int, activation: Any) -> Any:
        x = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = keras.layers.Dropout(dropout, name="dropout")(x)
        x = conv(x, classes, 1, padding="same", name="conv_preds")
        x = keras.layers.Reshape((classes,), name="reshape_2")(x)
        return keras.layers.Activation(activation, name="predictions")(x)

    return head


@application(
    "MobileNet",
    SOURCE,
    order="input_shape alpha depth_multiplier dropout include_top weights input_tensor pooling classes "
    "classifier_activation name",
    more="\n    alpha: factor of the numbers of filters.\n    depth_multiplier: filters of a channel in the depthwise "
    "convolutions.\n    dropout: share that is dropped before the classifier.",
    alpha=1.0,
    depth_multiplier=1,
    dropout=0.001,
    name=None,
)
def MobileNet(*, alpha: float, depth_multiplier: int, dropout: float, name: str | None, **arguments: Any) -> Any:
    """See :func:`application`."""
    size = square_size(arguments["input_shape"], SIZES)
    if arguments["weights"] == "imagenet" and (depth_multiplier != 1 or alpha not in (0.25, 0.5, 0.75, 1.0)):
        raise ValueError(
            "there are weights of ImageNet for `depth_multiplier`=1 and `alpha` 0.25, 0.5, 0.75 and 1; "
            f"received {depth_multiplier} and {alpha}"
        )

    def weights(include_top: bool) -> Weights:
        share = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}[alpha]
        file = f"mobilenet_{share}_{size}_tf{'' if include_top else '_no_top'}.h5"
        return Weights(file, f"{BASE_URL}mobilenet/{file}")

    def body(x: Any) -> Any:
        x = conv(x, int(32 * alpha), 3, 2, "same", "conv1", use_bias=False)
        x = relu6(norm(x, "conv1_bn"), "conv1_relu")
        for block, (filters, stride) in enumerate(BLOCKS, 1):
            x = _depthwise(x, int(filters * alpha), stride, depth_multiplier, block)
        return x

    rows = named_rows(arguments, size)
    frame = Frame(size, weights, head=_head(dropout))
    return frame.build(body, name=name or f"mobilenet_{alpha:0.2f}_{rows}", **arguments)


def named_rows(arguments: dict[str, Any], size: int) -> Any:
    """The number of rows that is part of the model's name."""
    shape = arguments["input_shape"]
    if arguments["weights"] == "imagenet":
        return size
    if shape is None:
        return size if arguments["include_top"] else None
    return shape[1] if keras.config.image_data_format() == "channels_first" else shape[0]

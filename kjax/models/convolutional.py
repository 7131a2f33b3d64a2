"""A plain convolutional network for small pictures."""

from __future__ import annotations

from collections.abc import Sequence

from kjax import nn


def cnn(
    input_shape: Sequence[int] = (32, 32, 3),
    classes: int = 10,
    filters: Sequence[int] = (32, 64),
    units: int = 512,
    augment: Sequence[nn.Layer] = (),
    dtype: str = "float32",
) -> nn.Graph:
    """The network of Keras' ``cifar10_cnn`` example: two convolutions and a pooling for each width, then two dense layers.

    Args:
        input_shape: (height, width, channels) of pictures with values from 0 to 255.
        classes: number of outputs; they are probabilities.
        filters: channels of each block.
        units: width of the hidden dense layer.
        augment: layers applied to the pictures first, in training.
        dtype: dtype policy; the probabilities are float32 in any case.
    """
    net = nn.GraphBuilder()
    x = net(nn.Rescaling(1 / 255.0), net.input(input_shape, name="image"))
    for layer in augment:
        x = net(layer, x)
    for width in filters:
        x = net(nn.Conv2D(width, (3, 3), padding="same", activation="relu", dtype=dtype), x)
        x = net(nn.Conv2D(width, (3, 3), activation="relu", dtype=dtype), x)
        x = net(nn.MaxPooling2D((2, 2), dtype=dtype), x)
        x = net(nn.Dropout(0.25, dtype=dtype), x)
    x = net(nn.Flatten(dtype=dtype), x)
    x = net(nn.Dense(units, "relu", dtype=dtype), x)
    x = net(nn.Dropout(0.5, dtype=dtype), x)
    x = net(nn.Dense(classes, dtype=dtype), x)
    return net.build(net(nn.Activation("softmax"), x))

"""Multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence

from kjax import nn


def mlp(
    input_shape: Sequence[int] = (28, 28, 1),
    classes: int = 10,
    units: Sequence[int] = (512, 512),
    dropout: float = 0.2,
    dtype: str = "float32",
) -> nn.Graph:
    """Dense layers with ReLU and dropout, as in Keras' ``mnist_mlp`` example.

    Args:
        input_shape: shape of one sample.
        classes: number of outputs; they are probabilities.
        units: width of each hidden layer.
        dropout: share of the hidden values that is dropped.
        dtype: dtype policy; the probabilities are float32 in any case.
    """
    net = nn.GraphBuilder()
    x = net.input(input_shape)
    x = net(nn.Flatten(dtype=dtype), x)
    for width in units:
        x = net(nn.Dense(width, "relu", dtype=dtype), x)
        x = net(nn.Dropout(dropout, dtype=dtype), x)
    x = net(nn.Dense(classes, dtype=dtype), x)
    return net.build(net(nn.Activation("softmax"), x))

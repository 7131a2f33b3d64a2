"""Residual networks for small pictures (He et al. 2016, "Deep Residual Learning for Image Recognition")."""

from __future__ import annotations

from collections.abc import Sequence

from kjax import nn


def _residual_network(
    input_shape: Sequence[int],
    classes: int,
    widths: Sequence[int],
    blocks: int,
    penalty: float,
    project_by_convolution: bool,
    augment: Sequence[nn.Layer],
    dtype: str,
) -> nn.Graph:
    net = nn.GraphBuilder()

    def conv(x: nn.Ref, filters: int, size: int = 3, stride: int = 1) -> nn.Ref:
        regularizer = nn.regularizers.L2(penalty) if penalty else None
        layer = nn.Conv2D(
            filters,
            (size, size),
            strides=(stride, stride),
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=regularizer,
            dtype=dtype,
        )
        return net(layer, x)

    def norm(x: nn.Ref) -> nn.Ref:
        return net(nn.BatchNormalization(dtype=dtype), x)

    def relu(x: nn.Ref) -> nn.Ref:
        return net(nn.Activation("relu", dtype=dtype), x)

    x = net(nn.Rescaling(1 / 255.0), net.input(input_shape, name="image"))
    for layer in augment:
        x = net(layer, x)
    x = relu(norm(conv(x, widths[0])))
    for stage, width in enumerate(widths):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = relu(norm(conv(x, width, stride=stride)))
            y = norm(conv(y, width))
            if stride == 2:
                x = conv(x, width, 1, 2)
                if project_by_convolution:
                    x = norm(x)
            x = relu(net(nn.Add(dtype=dtype), [x, y]))
    x = net(nn.GlobalAveragePooling2D(dtype=dtype), x)
    x = net(nn.Dense(classes, kernel_initializer="he_normal", dtype=dtype), x)
    return net.build(net(nn.Activation("softmax"), x))


def resnet_cifar(
    depth: int = 20,
    input_shape: Sequence[int] = (32, 32, 3),
    classes: int = 10,
    augment: Sequence[nn.Layer] = (),
    dtype: str = "float32",
) -> nn.Graph:
    """The residual network of the paper's CIFAR section, with 16, 32 and 64 channels.

    Args:
        depth: number of layers with weights: 20, 32, 44, 56, 110 (6n + 2).
        input_shape: (height, width, channels) of pictures with values from 0 to 255.
        classes: number of outputs; they are probabilities.
        augment: layers applied to the pictures first, in training.
        dtype: dtype policy; the probabilities are float32 in any case.

    Raises:
        ValueError: a depth that is not 6n + 2.
    """
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"resnet_cifar: depth must be 6n + 2 (20, 32, 44, 56, 110), received {depth}")
    return _residual_network(input_shape, classes, (16, 32, 64), (depth - 2) // 6, 1e-4, False, augment, dtype)


def resnet18(
    input_shape: Sequence[int] = (32, 32, 3),
    classes: int = 10,
    augment: Sequence[nn.Layer] = (),
    dtype: str = "float32",
) -> nn.Graph:
    """ResNet-18 with the small stem that is usual on CIFAR: 64 to 512 channels, 11 million weights.

    Args:
        input_shape: (height, width, channels) of pictures with values from 0 to 255.
        classes: number of outputs; they are probabilities.
        augment: layers applied to the pictures first, in training.
        dtype: dtype policy; the probabilities are float32 in any case.
    """
    return _residual_network(input_shape, classes, (64, 128, 256, 512), 2, 5e-4, True, augment, dtype)

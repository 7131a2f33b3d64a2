"""What networks written for Keras 2 took from its applications besides the networks."""

from __future__ import annotations

from typing import Any

from kjax.keras import layers
from kjax.keras.core.settings import settings, unique_name

_LAYERS: Any = layers


def obtain_input_shape(
    input_shape: Any, default_size: int, min_size: int, data_format: str | None = None, require_flatten: bool = True,
    weights: Any = None,
) -> tuple[int | None, ...]:  # fmt: skip
    """The shape of the pictures that a network takes.

    Args:
        input_shape: what the user gave, or None.
        default_size: side of the pictures where nothing was given.
        min_size: smallest side.
        data_format: where the channels are; by default that of the session.
        require_flatten: whether the sizes have to be known, because the network ends with dense layers.
        weights: ``'imagenet'`` fixes the channels, and with ``require_flatten`` the sizes too.

    Raises:
        ValueError: a shape that the network cannot take.
    """
    first = (data_format or settings.image_data_format) == "channels_first"

    def with_channels(size: int | None, channels: int = 3) -> tuple[int | None, ...]:
        return (channels, size, size) if first else (size, size, channels)

    if input_shape is not None and len(input_shape) != 3:
        raise ValueError(f"`input_shape` must be a tuple of three integers, received {tuple(input_shape)}")
    if weights != "imagenet" and input_shape is not None:
        default = with_channels(default_size, input_shape[0 if first else -1])
    else:
        default = with_channels(default_size)
    if weights == "imagenet" and require_flatten:
        if input_shape is not None and tuple(input_shape) != default:
            raise ValueError(
                f"with the top and the weights of ImageNet `input_shape` must be {default}, received {input_shape}"
            )
        return default
    if input_shape is None:
        return default if require_flatten else with_channels(None)
    if weights == "imagenet" and input_shape[0 if first else -1] != 3:
        raise ValueError(f"the weights of ImageNet are for 3 channels, received the `input_shape` {tuple(input_shape)}")
    sizes = tuple(input_shape[1:] if first else input_shape[:2])
    if any(size is not None and size < min_size for size in sizes):
        raise ValueError(f"the sides must be at least {min_size}, received the `input_shape` {tuple(input_shape)}")
    if require_flatten and None in input_shape:
        raise ValueError("with dense layers at the end `input_shape` must have no free sizes")
    return tuple(input_shape)


def _normalized(tensor: Any, ending: str, filters: int, size: Any, base: str, **options: Any) -> Any:
    """A convolution with the batch normalization behind it, named after the block."""
    tensor = _LAYERS.Conv2D(filters, size, name=f"res{base}_branch{ending}", **options)(tensor)
    return _LAYERS.BatchNormalization(axis=_channels(), name=f"bn{base}_branch{ending}")(tensor)


def _channels() -> int:
    return 1 if settings.image_data_format == "channels_first" else 3


def _bottleneck(tensor: Any, kernel_size: Any, filters: Any, base: str, shortcut: Any, strides: Any) -> Any:
    first, middle, last = filters
    options = {} if settings.era == "1" else {"kernel_initializer": "he_normal"}
    found = _normalized(tensor, "2a", first, (1, 1), base, strides=strides, **options)
    found = _LAYERS.Activation("relu")(found)
    sizes = kernel_size if isinstance(kernel_size, (list, tuple)) else (kernel_size, kernel_size)
    found = _normalized(found, "2b", middle, tuple(sizes), base, padding="same", **options)
    found = _LAYERS.Activation("relu")(found)
    found = _normalized(found, "2c", last, (1, 1), base, **options)
    beside = _normalized(tensor, "1", last, (1, 1), base, strides=strides, **options) if shortcut else tensor
    total = _added(found, beside)
    return _LAYERS.Activation("relu")(total)


def _added(*tensors: Any) -> Any:
    name = unique_name("merge") if settings.era == "1" else None
    return _LAYERS.Add(name=name)(list(tensors))


def resnet50_body(pictures: Any, ends_with_pooling: bool) -> Any:
    """ResNet50 before its networks got the names and epsilons of today, up to its head.

    Args:
        pictures: the input.
        ends_with_pooling: whether an average over 7x7 places follows, which Keras 1 left in without the head, too.
    """
    first = settings.era == "1"
    options = {} if first else {"kernel_initializer": "he_normal"}
    x = _LAYERS.ZeroPadding2D((3, 3), name=None if first else "conv1_pad")(pictures)
    x = _LAYERS.Conv2D(64, (7, 7), strides=(2, 2), name="conv1", **options)(x)
    x = _LAYERS.Activation("relu")(_LAYERS.BatchNormalization(axis=_channels(), name="bn_conv1")(x))
    x = x if first else _LAYERS.ZeroPadding2D((1, 1), name="pool1_pad")(x)
    x = _LAYERS.MaxPooling2D((3, 3), strides=(2, 2))(x)
    for stage, (filters, depth) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 2):
        sizes = [filters, filters, 4 * filters]
        x = conv_block(x, 3, sizes, stage, "a", strides=(1, 1) if stage == 2 else (2, 2))
        for letter in "bcdef"[: depth - 1]:
            x = identity_block(x, 3, sizes, stage, letter)
    return _LAYERS.AveragePooling2D((7, 7), name="avg_pool")(x) if ends_with_pooling else x


def resnet50_head(x: Any, classes: int, activation: Any) -> Any:
    """The head of that network.

    Args:
        x: what :func:`resnet50_body` gave.
        classes: number of classes.
        activation: the last activation.
    """
    if settings.era == "1":
        x = _LAYERS.Flatten()(x)
    else:
        x = _LAYERS.GlobalAveragePooling2D(name="avg_pool")(x)
    return _LAYERS.Dense(classes, activation=activation, name="fc1000")(x)


def identity_block(input_tensor: Any, kernel_size: Any, filters: Any, stage: int, block: str) -> Any:
    """``keras.applications.resnet50.identity_block``: a bottleneck whose shortcut is its input.

    Args:
        input_tensor: the input.
        kernel_size: size of the middle convolution.
        filters: numbers of filters of the three convolutions.
        stage: number of the stage, for the names of the layers.
        block: letter of the block, for the names of the layers.
    """
    return _bottleneck(input_tensor, kernel_size, filters, f"{stage}{block}", shortcut=False, strides=(1, 1))


def conv_block(input_tensor: Any, kernel_size: Any, filters: Any, stage: int, block: str, strides: Any = (2, 2)) -> Any:
    """``keras.applications.resnet50.conv_block``: a bottleneck with a convolution on its shortcut.

    Args:
        input_tensor: the input.
        kernel_size: size of the middle convolution.
        filters: numbers of filters of the three convolutions.
        stage: number of the stage, for the names of the layers.
        block: letter of the block, for the names of the layers.
        strides: of the first convolution and of that on the shortcut.
    """
    return _bottleneck(input_tensor, kernel_size, filters, f"{stage}{block}", shortcut=True, strides=strides)


def conv2d_bn(
    x: Any, filters: Any = None, num_row: Any = None, num_col: Any = None, padding: str = "same", strides: Any = (1, 1), name: str | None = None,
    **then: Any,
) -> Any:  # fmt: skip
    """``keras.applications.inception_v3.conv2d_bn``: a convolution and a batch normalization.

    Args:
        x: the input.
        filters: number of filters.
        num_row: rows of the kernel.
        num_col: columns of the kernel.
        padding: of the convolution; ``border_mode`` in Keras 1.
        strides: of the convolution; ``subsample`` in Keras 1.
        name: beginning of the layers' names.
        **then: the arguments as Keras 1 called them.
    """
    padding, strides = then.pop("border_mode", padding), then.pop("subsample", strides)
    filters, num_row, num_col = (then.pop(old, value) for old, value in (("nb_filter", filters), ("nb_row", num_row), ("nb_col", num_col)))  # fmt: skip
    if then:
        raise TypeError(f"conv2d_bn: unknown argument {next(iter(then))!r}")
    names = (None, None) if name is None else (f"{name}_conv", f"{name}_bn")
    how = {"strides": strides, "padding": padding, "name": names[0]}
    if settings.era == "1":  # the activation came before the normalization
        x = _LAYERS.Conv2D(filters, (num_row, num_col), activation="relu", **how)(x)
        return _LAYERS.BatchNormalization(axis=_channels(), name=names[1])(x)
    x = _LAYERS.Conv2D(filters, (num_row, num_col), use_bias=False, **how)(x)
    x = _LAYERS.BatchNormalization(axis=_channels(), scale=False, name=names[1])(x)
    return _LAYERS.Activation("relu", name=name)(x)

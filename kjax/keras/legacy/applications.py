"""What networks written for Keras 2 took from its applications besides the networks."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.settings import settings


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

"""Convolutions."""

from __future__ import annotations

from typing import Any

from kjax.nn import layers
from tests.nn.oracle import Case

L: Any = layers

FIRST = "channels_first"


def case(name: str, *args: Any, shape: tuple[int, ...], **kwargs: Any) -> Case:
    """The same arguments for both layers."""
    return Case(getattr(L, name)(*args, **kwargs), lambda K: getattr(K, name)(*args, **kwargs), [shape], scale=4.0)


CASES = [
    case("Conv1D", 4, 3, shape=(2, 7, 3)),
    case("Conv1D", 4, 3, strides=2, padding="causal", activation="relu", shape=(2, 7, 3)),
    case("Conv1D", 4, 2, dilation_rate=2, padding="causal", data_format=FIRST, shape=(2, 3, 7)),
    case("Conv2D", 4, 3, shape=(2, 6, 5, 3)),
    case("Conv2D", 4, (3, 2), strides=2, padding="same", use_bias=False, shape=(2, 6, 5, 3)),
    case("Conv2D", 4, 3, padding="same", data_format=FIRST, activation="relu", shape=(2, 3, 6, 5)),
    case("Conv2D", 4, 3, dilation_rate=2, padding="same", groups=2, shape=(2, 6, 5, 4)),
    case("Conv2D", 4, 1, strides=(2, 1), shape=(2, 6, 5, 3)),
    case("Conv2D", 4, 3, dtype="mixed_bfloat16", shape=(2, 6, 5, 3)),
    case("Conv3D", 3, 2, padding="same", shape=(1, 4, 3, 5, 2)),
    case("Conv3D", 3, (2, 1, 3), strides=(1, 2, 1), data_format=FIRST, shape=(1, 2, 3, 4, 5)),
    case("DepthwiseConv1D", 3, depth_multiplier=2, shape=(2, 7, 3)),
    case("DepthwiseConv2D", (3, 2), strides=2, padding="same", activation="relu", shape=(2, 6, 5, 3)),
    case("DepthwiseConv2D", 2, depth_multiplier=2, data_format=FIRST, dilation_rate=2, shape=(2, 3, 6, 5)),
    case("SeparableConv1D", 4, 3, depth_multiplier=2, padding="same", shape=(2, 7, 3)),
    case("SeparableConv2D", 4, 3, strides=2, use_bias=False, shape=(2, 6, 5, 3)),
    case("SeparableConv2D", 4, 2, data_format=FIRST, padding="same", shape=(2, 3, 6, 5)),
    case("Conv1DTranspose", 4, 3, strides=2, shape=(2, 5, 3)),
    case("Conv1DTranspose", 4, 2, strides=3, padding="same", output_padding=1, shape=(2, 5, 3)),
    case("Conv1DTranspose", 4, 2, strides=3, shape=(2, 5, 3)),
    case("Conv2DTranspose", 4, (3, 2), strides=2, padding="same", activation="relu", shape=(2, 4, 5, 3)),
    case("Conv2DTranspose", 4, 3, strides=(2, 1), output_padding=(1, 0), data_format=FIRST, shape=(2, 3, 4, 5)),
    case("Conv2DTranspose", 4, 3, dilation_rate=2, padding="same", use_bias=False, shape=(2, 4, 5, 3)),
    case("Conv3DTranspose", 2, 2, strides=2, padding="same", shape=(1, 2, 3, 2, 3)),
]

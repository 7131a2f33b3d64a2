"""InceptionV3."""

from __future__ import annotations

from typing import Any

from kjax import keras
from kjax.keras.applications.application import (
    Frame,
    activation,
    application,
    channel_axis,
    conv,
    dense_head,
    kernels,
    norm,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions
from kjax.keras.legacy.incidental import held_by as _held_by

__getattr__ = _held_by("applications.inception_v3")

SOURCE = "Szegedy et al., 2016, 'Rethinking the Inception Architecture for Computer Vision'."

preprocess_input = preprocessing("tf")

Step = tuple[int, Any] | tuple[int, Any, int, str]
"""Filters, size of the kernel, and where they differ from 1 and 'same' stride and padding."""


def _conv(x: Any, filters: int, size: Any, stride: int = 1, padding: str = "same") -> Any:
    return activation(norm(conv(x, filters, size, stride, padding, use_bias=False), scale=False))


def _chain(x: Any, *steps: Any) -> Any:
    for step in steps:
        x = _conv(x, *step)
    return x


def _join(branches: list[Any], name: str | None = None) -> Any:
    return keras.layers.Concatenate(axis=channel_axis() % 4, name=name)(branches)


def _average(x: Any) -> Any:
    return keras.layers.AveragePooling2D(3, strides=1, padding="same")(x)


def _mix(x: Any, name: str, chains: list[list[Any]], pooled: int) -> Any:
    """Chains of convolutions side by side, and a convolution of the average."""
    branches = [_chain(x, *chain) for chain in chains]
    return _join([*branches, _conv(_average(x), pooled, 1)], name)


def _reduce(x: Any, name: str, chains: list[list[Any]]) -> Any:
    """Chains whose last step has stride 2, and a maximum."""
    branches = [_chain(x, *chain) for chain in chains]
    return _join([*branches, keras.layers.MaxPooling2D(3, strides=2)(x)], name)


def _wide(x: Any, name: str) -> Any:
    """The last blocks, whose branches fork once more."""
    one = _conv(x, 320, 1)
    start = _conv(x, 384, 1)
    index = int(name.removeprefix("mixed")) - 9
    three = _join([_conv(start, 384, (1, 3)), _conv(start, 384, (3, 1))], f"mixed9_{index}")
    start = _chain(x, (448, 1), (384, 3))
    double = _join([_conv(start, 384, (1, 3)), _conv(start, 384, (3, 1))])
    return _join([one, three, double, _conv(_average(x), 192, 1)], name)


def _body(x: Any) -> Any:
    x = _chain(x, (32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3))
    x = keras.layers.MaxPooling2D(3, strides=2)(x)
    x = _chain(x, (80, 1, 1, "valid"), (192, 3, 1, "valid"))
    x = keras.layers.MaxPooling2D(3, strides=2)(x)
    for i, pooled in enumerate((32, 64, 64)):
        x = _mix(x, f"mixed{i}", [[(64, 1)], [(48, 1), (64, 5)], [(64, 1), (96, 3), (96, 3)]], pooled)
    x = _reduce(x, "mixed3", [[(384, 3, 2, "valid")], [(64, 1), (96, 3), (96, 3, 2, "valid")]])
    for i, n in enumerate((128, 160, 160, 192), 4):
        seven = [(n, 1), (n, (1, 7)), (192, (7, 1))]
        double = [(n, 1), (n, (7, 1)), (n, (1, 7)), (n, (7, 1)), (192, (1, 7))]
        x = _mix(x, f"mixed{i}", [[(192, 1)], seven, double], 192)
    three = [(192, 1), (320, 3, 2, "valid")]
    seven = [(192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, "valid")]
    x = _reduce(x, "mixed8", [three, seven])
    return _wide(_wide(x, "mixed9"), "mixed10")


_FILES = kernels("inception_v3", "inception_v3", "9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63")
_FRAME = Frame(299, _FILES, minimum=75, head=dense_head("avg_pool"))


@application("InceptionV3", SOURCE, name="inception_v3")
def InceptionV3(**arguments: Any) -> Any:
    """See :func:`application`."""
    return _FRAME.build(_body, **arguments)

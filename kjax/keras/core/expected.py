"""What the built-in layers expect of their inputs, as Keras declares it: one table instead of one method a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kjax.keras.core.input_spec import InputSpec
from kjax.nn import Layer as ModuleBase

Shape = tuple[Any, ...] | None
"""That of the inputs for which the layer was built; None before."""


def _number(ndim: int) -> Callable[[Any, Shape], Any]:
    return lambda module, shape: InputSpec(ndim=ndim)


def _at_least(ndim: int, axis: Callable[[Any], int | None] = lambda module: None) -> Callable[[Any, Shape], Any]:
    """At least ``ndim`` axes; once the layer is built, the axis of the channels has the size it was built for."""

    def spec(module: Any, shape: Shape) -> Any:
        channels = axis(module)
        axes = None if shape is None or channels is None else {channels: shape[channels]}
        return InputSpec(min_ndim=ndim, axes=axes)

    return spec


def _channels(module: Any) -> int:
    return 1 if module.data_format == "channels_first" else -1


def _as_built(module: Any, shape: Shape) -> Any:
    return None if shape is None else InputSpec(ndim=len(shape), axes={module.axis: shape[module.axis]})


def _rank_as_built(module: Any, shape: Shape) -> Any:
    del module
    return None if shape is None else InputSpec(ndim=len(shape))


def _slopes(module: Any, shape: Shape) -> Any:
    if shape is None:
        return None
    shared = module.shared_axes or ()
    return InputSpec(ndim=len(shape), axes={i: shape[i] for i in range(1, len(shape)) if i not in shared})


def _permuted(module: Any, shape: Shape) -> Any:
    del shape
    return InputSpec(ndim=len(module.dims) + 1)


def _spectral(module: Any, shape: Shape) -> Any:
    del module
    return None if shape is None else InputSpec(min_ndim=1, axes={-1: shape[-1]})


def _of_layer(module: Any, shape: Shape) -> Any:
    del shape
    rule = EXPECTED.get(type(module.layer).__name__)
    return None if rule is None else rule(module.layer, None)


EXPECTED: dict[str, Callable[[Any, Shape], Any]] = {
    "Dense": _at_least(2, lambda module: -1),
    "EinsumDense": _rank_as_built,
    "Flatten": _at_least(1),
    "Permute": _permuted,
    "RepeatVector": _number(2),
    "PReLU": _slopes,
    "BatchNormalization": _as_built,
    "GroupNormalization": _as_built,
    "SpectralNormalization": _spectral,
    "STFTSpectrogram": _number(3),
    "SimpleRNN": lambda module, shape: [InputSpec(ndim=3)],
    "LSTM": _number(3),
    "GRU": _number(3),
    "Bidirectional": _of_layer,
}
for _rank in (1, 2, 3):
    for _name in ("Conv{}D", "Conv{}DTranspose", "SeparableConv{}D", "DepthwiseConv{}D"):
        EXPECTED[_name.format(_rank)] = _at_least(_rank + 2, _channels)
    for _name in (
        *("MaxPooling{}D", "AveragePooling{}D", "GlobalMaxPooling{}D", "GlobalAveragePooling{}D"),
        *("SpatialDropout{}D", "UpSampling{}D", "Cropping{}D", "ZeroPadding{}D"),
    ):
        EXPECTED[_name.format(_rank)] = _number(_rank + 2)
    EXPECTED[f"ConvLSTM{_rank}D"] = _number(_rank + 3)


def expected_inputs(module: Any, shape: Shape) -> Any:
    """What the layer of a module expects of its first argument: specifications, or None where anything may come.

    Args:
        module: a module of floor 1; others expect nothing that is known.
        shape: that of the inputs for which the layer was built, None before.
    """
    rule = EXPECTED.get(type(module).__name__) if isinstance(module, ModuleBase) else None
    return None if rule is None else rule(module, shape)


BUILT_AT_ONCE = frozenset(
    (
        "Activation ActivityRegularization AlphaDropout AveragePooling1D AveragePooling2D AveragePooling3D Dropout "
        "ELU GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D "
        "GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D Identity LeakyReLU Masking MaxPooling1D "
        "MaxPooling2D MaxPooling3D ReLU Reshape Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D "
        "UnitNormalization"
    ).split()
)
"""Layers that are built when they are made, whatever their inputs; no shapes are written for them."""

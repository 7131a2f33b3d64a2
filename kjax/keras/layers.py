"""The Keras layers: derived from the modules of floor 1, all by one mechanism."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from kjax import nn
from kjax.keras.core import configs, doors
from kjax.keras.core.adaptation import ConvolutionMembers, SpectralMembers
from kjax.keras.core.attention import AttentionMembers
from kjax.keras.core.data_layer import DataLayer as DataLayer
from kjax.keras.core.derived import derive
from kjax.keras.core.expected import BUILT_AT_ONCE
from kjax.keras.core.foreign import FlaxLayer as FlaxLayer
from kjax.keras.core.functions import JaxLayer as JaxLayer
from kjax.keras.core.input_spec import InputSpec as InputSpec
from kjax.keras.core.lambdas import LambdaMembers
from kjax.keras.core.layer import Layer as Layer
from kjax.keras.core.lengths import LengthMembers
from kjax.keras.core.operation import Input as Input
from kjax.keras.core.operation import InputLayer as InputLayer
from kjax.keras.core.pictures import BaseImagePreprocessingLayer as BaseImagePreprocessingLayer
from kjax.keras.core.pictures import BoxShiftMembers, ElasticMembers, ImageMembers, ZoomMembers
from kjax.keras.core.preprocessing import (
    DataMembers,
    DiscretizationMembers,
    MelMembers,
    NormalizationMembers,
    RescalingMembers,
)
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.quantized import QuantizedKernelMembers, QuantizedTableMembers
from kjax.keras.core.recurrent import (
    BidirectionalMembers,
    CellMembers,
    ConvolutionCellMembers,
    RecurrentMembers,
    StackedMembers,
)
from kjax.keras.core.wrapper import Wrapper as Wrapper
from kjax.keras.features import HashedCrossing as HashedCrossing
from kjax.keras.features import Hashing as Hashing
from kjax.keras.features import IntegerLookup as IntegerLookup
from kjax.keras.features import Pipeline as Pipeline
from kjax.keras.features import StringLookup as StringLookup
from kjax.keras.features import TextVectorization as TextVectorization
from kjax.keras.legacy.form import serialized
from kjax.nn import layers as modules
from kjax.nn.layers.preprocessing.base import ImageLayer

# Names of real Keras for the same layer.
ALIASES = {
    "TFDataLayer": "DataLayer",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "Deconv2D": "Conv2DTranspose",
    "Deconv3D": "Conv3DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "ConvRNN2D": "RNN",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalAvgPool3D": "GlobalAveragePooling3D",
}


def serialize(layer: Any) -> dict[str, Any]:
    """The config of a layer, with its class."""
    return serialized(layer, configs.serialize_keras_object)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The layer that a config stands for.

    Args:
        config: what :func:`serialize` returned.
        custom_objects: a user's classes and functions by name.

    Raises:
        ValueError: an unknown class, or something that is no layer.
    """
    layer = configs.deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(layer, Layer):
        raise ValueError(f"the config is not that of a layer but of a {type(layer).__name__}: {config!r}")
    return layer


MERGES = {
    "add": "Add",
    "subtract": "Subtract",
    "multiply": "Multiply",
    "average": "Average",
    "maximum": "Maximum",
    "minimum": "Minimum",
    "concatenate": "Concatenate",
    "dot": "Dot",
}
"""Merging layers as functions: ``add([x, y])`` is ``Add()([x, y])``."""


def _merge_function(name: str, cls: type[PureLayer]) -> Any:
    def merge(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return cls(*args, **kwargs)(inputs)

    merge.__name__ = merge.__qualname__ = name
    merge.__doc__ = f"``{cls.__name__}(...)(inputs)``.\n\nArgs:\n    inputs: list of tensors.\n    *args: of the layer."
    parameters = list(inspect.signature(cls).parameters.values())
    first = inspect.Parameter("inputs", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    merge.__signature__ = inspect.Signature([first, *parameters])  # type: ignore[attr-defined]
    return merge


def __getattr__(name: str) -> Any:
    """Layers that only older generations had."""
    if not name.startswith("_"):
        if (older := doors.older_layers.find(name)) is not None:
            return older
        from kjax.keras.legacy.incidental import find
        from kjax.nn.value import did_you_mean

        if (found := find("layers", name)) is not None:
            return found
        hint = did_you_mean(name, [entry for entry in globals() if not entry.startswith("_")])
        raise AttributeError(f"module 'kjax.keras.layers' has no attribute {name!r}; {hint}")
    raise AttributeError(f"module 'kjax.keras.layers' has no attribute {name!r}")


RECURRENT = ("LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")

MEMBERS: dict[str, tuple[type[PureLayer], ...]] = {
    **dict.fromkeys((f"{name}Cell" for name in RECURRENT), (CellMembers,)),
    **dict.fromkeys((f"ConvLSTM{n}DCell" for n in (1, 2, 3)), (CellMembers, ConvolutionCellMembers)),
    **dict.fromkeys(("Dense", "EinsumDense"), (QuantizedKernelMembers,)),
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), (ConvolutionMembers,)),
    "Embedding": (LengthMembers, QuantizedTableMembers),
    "ReversibleEmbedding": (QuantizedTableMembers,),
    "Lambda": (LambdaMembers,),
    "SpectralNormalization": (SpectralMembers,),
    "StackedRNNCells": (StackedMembers,),
    "RNN": (RecurrentMembers,),
    "Bidirectional": (BidirectionalMembers,),
    "MultiHeadAttention": (AttentionMembers,),
    "GroupQueryAttention": (AttentionMembers,),
    "CategoryEncoding": (DataMembers,),
    "MelSpectrogram": (MelMembers,),
    "Normalization": (NormalizationMembers,),
    "Rescaling": (RescalingMembers,),
    "Discretization": (DiscretizationMembers,),
    **dict.fromkeys(("RandomShear", "RandomTranslation"), (BoxShiftMembers,)),
    "RandomZoom": (ZoomMembers,),
    "RandomElasticTransform": (ElasticMembers,),
}
"""What the Keras layers have beyond arguments and weights."""

RNN = derive(modules.RNN, bases=MEMBERS["RNN"])
MEMBERS.update(dict.fromkeys(RECURRENT, (RNN,)))
for _name, _thing in vars(modules).items():
    if inspect.isclass(_thing) and issubclass(_thing, nn.Layer) and _name != "RNN":
        _members = MEMBERS.get(_name, (ImageMembers,) if issubclass(_thing, ImageLayer) else ())
        globals()[_name] = derive(_thing, bases=_members)
for _name in RECURRENT:
    globals()[_name].cell_class = globals()[f"{_name}Cell"]
for _name in ("TimeDistributed", "Bidirectional", "SpectralNormalization"):
    Wrapper.register(globals()[_name])
for _name in BUILT_AT_ONCE:
    if _name in globals():
        globals()[_name]._built_at_once = True
for _alias, _name in ALIASES.items():
    if _name in globals():
        globals()[_alias] = globals()[_name]
for _function, _name in MERGES.items():
    if _name in globals():
        globals()[_function] = _merge_function(_function, globals()[_name])

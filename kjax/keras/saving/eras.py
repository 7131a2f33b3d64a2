"""What differed between the generations of Keras, as tables: class names, arguments, defaults, meanings of names."""

from __future__ import annotations

import contextlib
import contextvars
import re
from collections.abc import Callable, Iterator
from typing import Any

from kjax.keras.legacy import spellings

KERAS1, KERAS2, TF_KERAS, KERAS3 = "Keras 1", "Keras 2", "tf.keras", "Keras 3"

_era: contextvars.ContextVar[str | None] = contextvars.ContextVar("era", default=None)


def era() -> str:
    """The generation of the file that is being read; configs that come without a file are taken for those of Keras 2."""
    return _era.get() or KERAS2


def is_old() -> bool:
    """Whether a file is being read that is older than Keras 3."""
    return _era.get() not in (None, KERAS3)


@contextlib.contextmanager
def reading(version: Any) -> Iterator[str]:
    """Inside, configs are read as those of a version of Keras.

    Args:
        version: what the file says (``'2.2.4'``, ``'2.4.0'``, ``'2.2.4-tf'``, ``'3.15.1'``), or None where it says nothing.
    """
    token = _era.set(of_version(version))
    try:
        yield era()
    finally:
        _era.reset(token)


def of_version(version: Any) -> str:
    """The generation of a version string; files of Keras 1 say nothing in places where later ones do."""
    if isinstance(version, bytes):
        version = version.decode("utf-8", "replace")
    match = re.match(r"(\d+)(?:\.(\d+))?", str(version or ""))
    if match is None:
        return KERAS1 if version is None else KERAS2
    major, minor = int(match[1]), int(match[2] or 0)
    if major >= 3:
        return KERAS3
    if major < 2:
        return KERAS1
    # Keras of its own ended with 2.3; 2.4 and later, and versions that end in "-tf", are that of TensorFlow.
    return TF_KERAS if "tf" in str(version) or minor >= 4 else KERAS2


CLASSES = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "TimeDistributedDense": "Dense",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "LayerNormalizationV1": "LayerNormalization",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
    "DenseV2": "Dense",
    "Container": "Functional",
    "Model": "Functional",
}
"""Classes that have another name now."""

MERGE_MODES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
    "cos": "Dot",
}
"""Modes of Keras 1's layer ``Merge``, and the layers that do the same."""

ARGUMENTS = spellings.LAYERS
"""Arguments of Keras 1 and their names since, by class of today."""

_KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")

ONLY_IN_CONFIGS: dict[str, tuple[str, ...]] = {
    "*": (
        "input_dtype",
        "consume_less",
        "batch_size",
        "adjustment",
        "virtual_batch_size",
        "fused",
        "quantization_config",
    ),
    "InputLayer": ("sparse", "ragged", "trainable", "optional", "type_spec", "input_tensor"),
    "LSTM": ("forget_bias_init",),
    "LocallyConnected1D": ("implementation",),
    "LocallyConnected2D": ("implementation",),
    "ConvLSTM1D": ("implementation", "time_major"),
    "ConvLSTM2D": ("time_major", "forget_bias_init"),
    "ConvLSTM3D": ("implementation", "time_major"),
    "RNN": ("time_major",),
    "DepthwiseConv1D": ("groups", *_KERNEL),
    "DepthwiseConv2D": ("groups", *_KERNEL),
    "SeparableConv1D": ("groups", *_KERNEL),
    "SeparableConv2D": ("groups", *_KERNEL),
    "Conv1DTranspose": ("groups",),
    "Conv2DTranspose": ("groups", "output_shape"),
    "Conv3DTranspose": ("groups",),
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape"),
    "Normalization": ("_mean", "_variance"),
    "Embedding": ("input_length",),
    "SpatialDropout2D": ("noise_shape",),
    "SpatialDropout3D": ("noise_shape",),
    "Lambda": (
        "module",
        "function_type",
        "output_shape_type",
        "output_shape_module",
        "mask_type",
        "mask_module",
    ),
}
"""Arguments without a meaning today, beside those that scripts gave too."""


def dropped(name: str) -> tuple[str, ...]:
    """The arguments of a class without a meaning today."""
    return (*ONLY_IN_CONFIGS["*"], *ONLY_IN_CONFIGS.get(name, ()), *spellings.DROPPED.get(name, ()))


WITHOUT_ORDER = tuple(f"{name}{n}D" for name in ("UpSampling", "ZeroPadding", "Cropping") for n in (2, 3))
"""Layers whose order of axes Keras 1 left out of their configs."""

RECURRENT = "LSTM GRU SimpleRNN RNN ConvLSTM2D Bidirectional".split()
"""Layers that were called on a list of the sequences and the initial states."""

DEFAULTS: dict[str, dict[str, Any]] = {**spellings.ERA_DEFAULTS, "LeakyReLU": {"negative_slope": 0.3}}
"""Defaults of Keras 1 and 2 that are others now, for arguments that a config does not name."""

ACTIVATION_ARGUMENTS = ("activation", "recurrent_activation")


def _rmsprop_of_tensorflow(config: dict[str, Any]) -> dict[str, Any]:
    """With a momentum TensorFlow ran a kernel of its own, with ``epsilon`` under the root."""
    return {**config, "keras2": not config.get("momentum")}


def _nadam_of_tensorflow(config: dict[str, Any]) -> dict[str, Any]:
    """``decay`` was how the momentum warms up."""
    return {**{k: v for k, v in config.items() if k != "decay"}, "schedule_decay": config.get("decay", 0.004)}


OPTIMIZERS_BEFORE_2_11: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "RMSprop": _rmsprop_of_tensorflow,
    "Adagrad": lambda config: {**config, "keras2": True},
    "Nadam": _nadam_of_tensorflow,
}
"""What the optimizers of TensorFlow did before its version 2.11, in arguments of today."""

CONSTRAINT_ARGUMENTS = {"m": "max_value"}
"""Arguments of constraints that had another name in Keras 1."""

OPTIMIZER_CLASSES: dict[str, str | None] = {"TFOptimizer": None}
"""Optimizers that have another name now; None for those that cannot be made again."""

OPTIMIZER_SLOTS_OF_TENSORFLOW: dict[str, dict[str, str]] = {
    "SGD": {"momentum": "momentum"},
    "RMSprop": {"rms": "velocity", "momentum": "momentum", "mg": "average_gradient"},
    "Adagrad": {"accumulator": "accumulator"},
    "Adadelta": {"accum_grad": "accumulated_grad", "accum_var": "accumulated_delta_var"},
    "Adam": {"m": "momentum", "v": "velocity", "vhat": "velocity_hat"},
    "Adamax": {"m": "momentum", "v": "norm"},
    "Nadam": {"m": "momentum", "v": "velocity"},
    "Ftrl": {"accumulator": "accumulator", "linear": "linear"},
}
"""Names of the slots in TensorFlow before 2.11, and today's."""

OPTIMIZER_SCALARS_OF_TENSORFLOW = {"momentum_cache": "u_product"}
"""Numbers that an optimizer carried, and their names today."""

OPTIMIZER_SLOTS = {
    "SGD": ("momentum",),
    "RMSprop": ("velocity", "momentum", "average_gradient"),
    "Adagrad": ("accumulator",),
    "Adadelta": ("accumulated_grad", "accumulated_delta_var"),
    "Adam": ("momentum", "velocity", "velocity_hat"),
    "Adamax": ("momentum", "norm"),
    "Nadam": ("momentum", "velocity"),
}
"""The order of the slots before Keras 3, under the names of today."""

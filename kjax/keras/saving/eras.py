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

COMMON_ARGUMENTS = {
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "output_dim": "units",
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "subsample": "strides",
    "subsample_length": "strides",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "atrous_rate": "dilation_rate",
    "pool_length": "pool_size",
    "stride": "strides",
    "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer",
    "depthwise_init": "depthwise_initializer",
    "pointwise_init": "pointwise_initializer",
    "concat_axis": "axis",
}
"""Arguments of Keras 1 and their names since Keras 2."""

CLASS_ARGUMENTS: dict[str, dict[str, str]] = {
    "Embedding": {
        "output_dim": "output_dim",
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    "Dropout": {"p": "rate"},
    "SpatialDropout1D": {"p": "rate"},
    "SpatialDropout2D": {"p": "rate"},
    "SpatialDropout3D": {"p": "rate"},
    "GaussianDropout": {"p": "rate"},
    "AlphaDropout": {"p": "rate"},
    "GaussianNoise": {"sigma": "stddev"},
    "UpSampling1D": {"length": "size"},
    "LeakyReLU": {"alpha": "negative_slope"},
}
"""Arguments of single classes, where they differ from the table of all."""

_KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")

DROPPED = {
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
    "LSTM": ("implementation", "time_major", "forget_bias_init"),
    "GRU": ("implementation", "time_major"),
    "SimpleRNN": ("implementation", "time_major"),
    "LSTMCell": ("implementation",),
    "GRUCell": ("implementation",),
    "ConvLSTM2D": ("implementation", "time_major"),
    "RNN": ("time_major",),
    "BatchNormalization": ("mode",),
    "DepthwiseConv1D": ("groups", *_KERNEL),
    "DepthwiseConv2D": ("groups", *_KERNEL),
    "SeparableConv1D": ("groups", *_KERNEL),
    "SeparableConv2D": ("groups", *_KERNEL),
    "Conv1DTranspose": ("groups",),
    "Conv2DTranspose": ("groups",),
    "Conv3DTranspose": ("groups",),
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape"),
    "ConvLSTM1D": ("implementation", "time_major"),
    "ConvLSTM3D": ("implementation", "time_major"),
    "SimpleRNNCell": ("implementation",),
    "Normalization": ("_mean", "_variance"),
    "Embedding": ("input_length", "dropout", "sparse"),
    "AlphaDropout": (),
    "TimeDistributed": (),
    "Lambda": (
        "module",
        "function_type",
        "output_shape_type",
        "output_shape_module",
        "mask_type",
        "mask_module",
    ),
}
"""Arguments without a meaning today."""

DROPPED_IF_NONE = {name: ("noise_shape",) for name in ("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")}
"""Arguments without a meaning today, unless they were used."""

RECURRENT = "LSTM GRU SimpleRNN RNN ConvLSTM2D Bidirectional".split()
"""Layers that were called on a list of the sequences and the initial states."""

CUDNN_ARGUMENTS = {
    "CuDNNLSTM": {"activation": "tanh", "recurrent_activation": "sigmoid"},
    "CuDNNGRU": {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True},
}
"""What the layers for NVIDIA's library always did, in words of the plain layers."""

DEFAULTS: dict[str, dict[str, Any]] = {**spellings.ERA_DEFAULTS, "LeakyReLU": {"negative_slope": 0.3}}
"""Defaults of Keras 1 and 2 that are others now, for arguments that a config does not name."""

ACTIVATIONS = {"hard_sigmoid": "hard_sigmoid_keras2"}
"""Names of functions that meant another function before Keras 3."""

INTERPOLATIONS = {"bilinear": "bilinear_keras2"}
"""Interpolations that were another in Keras 1 and 2 (those of tf.keras are those of today)."""

ACTIVATION_ARGUMENTS = ("activation", "recurrent_activation")

DATA_FORMATS = {"tf": "channels_last", "th": "channels_first", "default": "channels_last"}

INITIALIZERS = {
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_uniform",
    "normal",
    "uniform",
}

OPTIMIZER_DROPPED = ("jit_compile", "is_legacy_optimizer")
"""Arguments of optimizers without a meaning today."""


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

METRICS: dict[str, str] = {}
"""Names of metrics that are another now."""

"""Names of symbolic tensors in the eras of Keras 1 and 2: those that TensorFlow 1 gave what real Keras computed."""

from __future__ import annotations

import collections
from typing import Any

ACTIVATIONS = {
    "relu": "Relu",
    "softmax": "Softmax",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "elu": "Elu",
    "selu": "mul",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "exponential": "Exp",
    "hard_sigmoid": "clip_by_value",
    "hard_sigmoid_keras2": "clip_by_value",
}
"""By activation, the operation that came last in a layer that has it."""

_KINDS = {
    "BiasAdd": "Conv2D Conv2DTranspose Conv3D DepthwiseConv2D SeparableConv2D Dense",
    "add": "Add Conv1D SeparableConv1D LocallyConnected1D LocallyConnected2D PReLU",
    "mul": "Multiply Masking ThresholdedReLU",
    "sub": "Subtract",
    "truediv": "Average",
    "Maximum": "Maximum",
    "Minimum": "Minimum",
    "concat": "Concatenate UpSampling1D Bidirectional",
    "Reshape": "Flatten Reshape",
    "Reshape_1": "TimeDistributed",
    "transpose": "Permute",
    "Tile": "RepeatVector",
    "cond/Merge": "Dropout SpatialDropout1D SpatialDropout2D GaussianNoise GaussianDropout AlphaDropout BatchNormalization",
    "embedding_lookup/Identity": "Embedding",
    "TensorArrayReadV3": "SimpleRNN GRU LSTM ConvLSTM2D RNN",
    "MaxPool": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "AvgPool": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "Squeeze": "MaxPooling1D AveragePooling1D",
    "Mean": "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D",
    "Max": "GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D",
    "Pad": "ZeroPadding1D ZeroPadding2D ZeroPadding3D",
    "strided_slice": "Cropping1D Cropping2D Cropping3D",
    "ResizeNearestNeighbor": "UpSampling2D",
    "LeakyRelu": "LeakyReLU",
    "Elu": "ELU",
    "Relu": "ReLU",
    "Softmax": "Softmax",
}
LAYERS = {layer: operation for operation, names in _KINDS.items() for layer in names.split()}
"""By layer, the operation that came last."""

FUNCTIONS = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "true_divide": "truediv",
    "divide": "truediv",
    "power": "pow",
    "get_item": "strided_slice",
    "concatenate": "concat",
    "transpose": "transpose",
    "matmul": "MatMul",
    "dot": "MatMul",
    "negative": "Neg",
    "absolute": "Abs",
    "clip": "clip_by_value",
    "clip_by_value": "clip_by_value",
    "argmax": "ArgMax",
    "argmin": "ArgMin",
    "concat": "concat",
    "stack": "stack",
    "unstack": "unstack",
    "split": "split",
    "floordiv": "floordiv",
    "floormod": "FloorMod",
    "batch_matmul": "MatMul",
    "expand_dims": "ExpandDims",
    "one_hot": "one_hot",
    "conv2d": "Conv2D",
    "biasadd": "BiasAdd",
    "bias_add": "BiasAdd",
    "softmax_cross_entropy_with_logits": "softmax_cross_entropy_with_logits",
    **{f"reduce_{kind}": kind.capitalize() for kind in ("sum", "mean", "max", "min", "prod", "all", "any")},
}
"""By function of tensors, the operation; others are written in capitals."""


_WEIGHTS_OF_KERAS1 = {
    "kernel": "W", "recurrent_kernel": "U", "bias": "b", "embeddings": "W", "alpha": "alphas",
    "moving_mean": "running_mean", "moving_variance": "running_std",
}  # fmt: skip


def weight_of_keras1(path: str) -> str:
    """``dense_1_W``, as Keras 1 called the weight at ``dense_1/kernel``; layers around the layer had no part in it.

    Args:
        path: the place of the weight today.
    """
    around, _, name = path.rpartition("/")
    layer = around.rpartition("/")[2]
    if not layer or name.startswith(f"{layer}_"):
        return name
    return f"{layer}_{_WEIGHTS_OF_KERAS1.get(name, name)}"


def name_of(layer: Any, index: int, place: int) -> str:
    """The name of a tensor.

    Args:
        layer: what makes it.
        index: number of the call.
        place: number of the tensor among the outputs of the call.
    """
    kind = _kind(layer)
    if kind == "InputLayer":
        return f"{layer.name}:{place}"
    if kind == "Operation":
        return f"{layer.__dict__.get('_graph_name') or _of_function(layer.name)}:{place}"
    scope = layer.name if index == 0 else f"{layer.name}_{index}"
    plan = getattr(layer, "_plan", None)
    if plan is not None and place < len(plan.outputs):
        return f"{scope}/{plan.outputs[place].name}"
    return f"{scope}/{_last(layer, kind)}:{place}"


def shown(name: str, shape: tuple[int | None, ...], dtype: str) -> str:
    """How TensorFlow 1 printed a tensor."""
    return f'Tensor("{name}", shape={_sizes(shape)}, dtype={dtype})'


def shown_inside(name: str, shape: tuple[int | None, ...], dtype: str) -> str:
    """How TensorFlow 1 printed a tensor in a list or a dict."""
    return f"<tf.Tensor {name!r} shape={_sizes(shape)} dtype={dtype}>"


def _sizes(shape: tuple[int | None, ...]) -> str:
    sizes = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({sizes}{',' if len(shape) == 1 else ''})"


def _kind(layer: Any) -> str:
    return next((base.__name__ for base in type(layer).__mro__ if base.__module__.startswith("kjax.")), "")


def in_scope(around: str, kind: str, counts: collections.Counter[str]) -> str:
    """The name of an operation below name scopes, where they count operations of their own.

    Args:
        around: the names of the scopes.
        kind: the function.
        counts: how many of each name there are; one more afterwards.
    """
    name = f"{around}/{_of_function(kind)}"
    counts[name.lower()] += 1
    count = counts[name.lower()] - 1
    return f"{name}_{count}" if count else name


def _of_function(name: str) -> str:
    """``mean_2``, the second of its kind, was ``Mean_1``."""
    stem, _, number = name.rpartition("_")
    if not stem or not number.isdigit():
        stem, number = name, "1"
    found = FUNCTIONS.get(stem) or "".join(part.capitalize() for part in stem.split("_"))
    return found if number in ("0", "1") else f"{found}_{int(number) - 1}"


def _last(layer: Any, kind: str) -> str:
    if kind in ("SimpleRNN", "GRU", "LSTM", "ConvLSTM2D", "RNN"):
        return "transpose_1" if getattr(layer, "return_sequences", False) else LAYERS[kind]
    activation = getattr(layer, "activation", None)
    named = getattr(activation, "__name__", "")
    if named in ACTIVATIONS:
        return ACTIVATIONS[named]
    if kind == "Activation":
        return "Identity"
    if getattr(layer, "use_bias", True) is False:
        return "MatMul" if kind == "Dense" else "convolution"
    return LAYERS.get(kind, "Identity")

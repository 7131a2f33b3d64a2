"""Kernels between backends of old: Theano flipped its convolution kernels, TensorFlow did not."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from kjax.keras.core.settings import settings

_FLIPPED = (
    "Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose SeparableConv1D SeparableConv2D "
    "DepthwiseConv1D DepthwiseConv2D LocallyConnected1D LocallyConnected2D ConvLSTM1D ConvLSTM2D ConvLSTM3D"
).split()


def convert_kernel(kernel: Any, dim_ordering: str | None = None) -> np.ndarray:
    """Turn the spatial axes of a convolution kernel around: from Theano's convention to TensorFlow's, and back.

    Args:
        kernel: array ``[*spatial, in, out]`` with one to three spatial axes.
        dim_ordering: ``'th'`` where the spatial axes are the last, as Keras 1 kept kernels for Theano; in scripts of Keras 1
            that of the images by default.

    Raises:
        ValueError: another number of axes, or an unknown order.
    """
    kernel = np.asarray(kernel)
    if not 3 <= kernel.ndim <= 5:
        raise ValueError(f"convert_kernel: a convolution kernel has 3 to 5 axes, received shape {kernel.shape}")
    if dim_ordering not in (None, "tf", "th"):
        raise ValueError(f"convert_kernel: `dim_ordering` must be 'tf', 'th' or None, received {dim_ordering!r}")
    if dim_ordering is None and settings.era == "1" and settings.image_data_format == "channels_first":
        dim_ordering = "th"
    first = 2 if dim_ordering == "th" else 0
    return np.copy(np.flip(kernel, axis=tuple(range(first, first + kernel.ndim - 2))))


def convert_all_kernels_in_model(model: Any) -> None:
    """Turn every convolution kernel of a model around, in nested models too: for weights that Theano trained.

    Args:
        model: a built model; its weights are changed in place.
    """
    for layer in model.layers:
        if getattr(layer, "kernels_are_mirrored", False):
            # Real Keras 1 left it to the script; here they are right since the file was read.
            warnings.warn(
                f"convert_all_kernels_in_model: those of {layer.name!r} were turned around when they were read from a file "
                "that Theano wrote; they stay as they are",
                stacklevel=2,
            )
        elif hasattr(layer, "layers"):
            convert_all_kernels_in_model(layer)
        elif type(layer).__name__ in _FLIPPED:
            for variable in (v for v in layer.weights if 3 <= len(v.shape) <= 5):
                variable.assign(convert_kernel(variable.numpy(), "tf"))


def convert_dense_weights_data_format(
    dense: Any, previous_feature_map_shape: tuple[int, int, int], target_data_format: str = "channels_first"
) -> None:
    """Reorder the rows of a Dense layer that follows a Flatten, for the other order of the picture's axes.

    Args:
        dense: the Dense layer; its weights are changed in place.
        previous_feature_map_shape: shape of what was flattened, without batch, in the order of the target.
        target_data_format: order that the weights are converted to.

    Raises:
        ValueError: an unknown order, or a kernel that does not fit the shape.
    """
    if target_data_format not in ("channels_first", "channels_last"):
        raise ValueError(f"target_data_format is 'channels_first' or 'channels_last', received {target_data_format!r}")
    kernel, *others = dense.get_weights()
    shape = tuple(previous_feature_map_shape)
    if kernel.shape[0] != int(np.prod(shape)):
        raise ValueError(
            f"the kernel has {kernel.shape[0]} rows, a feature map of shape {shape} needs {np.prod(shape)}"
        )
    if target_data_format == "channels_first":
        channels, *spatial = shape
        rows = kernel.reshape(*spatial, channels, kernel.shape[1])
        kernel = np.moveaxis(rows, -2, 0).reshape(kernel.shape)
    else:
        *spatial, channels = shape
        rows = kernel.reshape(channels, *spatial, kernel.shape[1])
        kernel = np.moveaxis(rows, 0, -2).reshape(kernel.shape)
    dense.set_weights([kernel, *others])

"""Pictures for networks that were trained on ImageNet, and the names of its classes."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from kjax.keras.legacy.incidental import held_by as _held_by

__getattr__ = _held_by("applications.imagenet_utils")

CLASS_INDEX_URL = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
CLASS_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"

# mode: (divisor, mean of the channels, deviation of the channels, whether the channels are turned around)
_MODES: dict[str, tuple[float, list[float], list[float], bool]] = {
    "caffe": (1.0, [103.939, 116.779, 123.68], [1.0, 1.0, 1.0], True),
    "tf": (127.5, [1.0, 1.0, 1.0], [1.0, 1.0, 1.0], False),
    "torch": (255.0, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], False),
}


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe", **legacy: Any) -> Any:
    """Scale the pixels as a network expects them.

    Args:
        x: one picture or several, RGB from 0 to 255: an array or a symbolic tensor. Float arrays of NumPy are changed
            in place, as in Keras.
        data_format: ``'channels_first'`` or ``'channels_last'``; the setting by default.
        mode: ``'caffe'`` (BGR, less the mean), ``'tf'`` (from -1 to 1) or ``'torch'`` (from 0 to 1, normalized).
        **legacy: ``dim_ordering`` of Keras 1; modules of Keras that scripts of Keras 2 pass along.

    Raises:
        ValueError: an unknown mode or order of axes.
    """
    from kjax import keras

    order = legacy.pop("dim_ordering", None)
    if order is not None:
        data_format = {"tf": "channels_last", "th": "channels_first"}.get(order, order)
    data_format = data_format or keras.config.image_data_format()
    if mode not in _MODES:
        raise ValueError(f"`mode` must be one of {', '.join(_MODES)}; received {mode!r}")
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            f"The `data_format` argument must be one of 'channels_first', 'channels_last', received {data_format!r}"
        )
    divisor, mean, deviation, turned = _MODES[mode]
    axis = -1 if data_format == "channels_last" else len(x.shape) - 3
    if isinstance(x, np.ndarray):
        x = x if np.issubdtype(x.dtype, np.floating) else x.astype(keras.config.floatx())
        x = np.flip(x, axis) if turned else x
        shape = np.ones(x.ndim, int)
        shape[axis] = 3
        x /= divisor
        x -= np.reshape(mean, shape) if mode != "tf" else 1.0
        if mode == "torch":
            x /= np.reshape(deviation, shape)
        return x
    ops = keras.ops
    x = ops.flip(x, axis) if turned else x
    shape = [1] * len(x.shape)
    shape[axis] = 3
    if mode == "tf":
        return x / divisor - 1.0
    return (x / divisor - np.asarray(mean, np.float32).reshape(shape)) / np.asarray(deviation, np.float32).reshape(
        shape
    )


@functools.cache
def _class_index() -> dict[str, list[str]]:
    from kjax.data.datasets.get_file import get_file

    path = get_file("imagenet_class_index.json", CLASS_INDEX_URL, cache_subdir="models", file_hash=CLASS_INDEX_MD5)
    return json.loads(Path(path).read_text())


def decode_predictions(preds: Any, top: int = 5, **legacy: Any) -> list[list[tuple[str, str, float]]]:
    """The most probable classes of ImageNet.

    Args:
        preds: array ``[samples, 1000]`` of probabilities.
        top: how many classes.
        **legacy: modules of Keras that scripts of Keras 2 pass along.

    Returns:
        For each sample a list of (WordNet id, name, probability), the most probable first.

    Raises:
        ValueError: an array of another shape.
    """
    del legacy
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(f"decode_predictions: expected an array of shape (samples, 1000), received {preds.shape}")
    names = _class_index()
    best = np.argsort(-preds, axis=1, kind="stable")[:, :top]
    return [[(*names[str(i)], row[i]) for i in order] for row, order in zip(preds, best, strict=True)]  # type: ignore[misc]

"""``keras.utils.np_utils``: what Keras 1 and 2 had for NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.keras.utils.numeric import normalize as normalize
from kjax.keras.utils.numeric import to_categorical as to_categorical


def binary_logloss(p: Any, y: Any) -> Any:
    """The mean negative log likelihood of classes 0 and 1.

    Args:
        p: probabilities of class 1, kept 1e-15 away from 0 and 1.
        y: the classes.
    """
    p, y = np.clip(np.asarray(p), 1e-15, 1 - 1e-15), np.asarray(y)
    return -sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / len(y)


def multiclass_logloss(p: Any, y: Any) -> Any:
    """The mean negative log likelihood of classes that count from 1.

    Args:
        p: probabilities (samples, classes).
        y: the classes, 1 for the first.
    """
    rows = np.arange(len(y))
    return -np.mean(np.log(np.asarray(p)[rows, np.asarray(y) - 1]))


def accuracy(p: Any, y: Any) -> Any:
    """The share of equal entries."""
    return np.mean([a == b for a, b in zip(p, y, strict=False)])


def probas_to_classes(y_pred: Any) -> np.ndarray:
    """Classes of probabilities: the likeliest column, or 1 above a half where there is one column."""
    y_pred = np.asarray(y_pred)
    if y_pred.ndim > 1 and y_pred.shape[1] > 1:
        return categorical_probas_to_classes(y_pred)
    return (y_pred.reshape(len(y_pred)) > 0.5).astype(int)


def categorical_probas_to_classes(p: Any) -> np.ndarray:
    """The likeliest column of each row."""
    return np.argmax(p, axis=1)

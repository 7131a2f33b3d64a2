"""Arrays into the forms that losses and layers want."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Num

from kjax.keras.core.settings import settings


def to_categorical(x: Any, num_classes: int | None = None, dtype: Any = None, **legacy: Any) -> Num[np.ndarray, "..."]:
    """Integer classes as one-hot rows.

    Args:
        x: integers from 0; a last axis of length 1 is dropped.
        num_classes: number of classes; the largest plus one by default (``nb_classes`` in Keras 1).
        dtype: type of the result; float64 by default, in the eras of Keras 2 and tf.keras float32.
        **legacy: ``nb_classes``, ``y``.

    Returns:
        Array of the shape of ``x`` with a further last axis of ``num_classes``.

    Raises:
        ValueError: a class below 0 or not below ``num_classes``.
    """
    num_classes = legacy.pop("nb_classes", num_classes)
    if legacy:
        raise TypeError(f"to_categorical: unknown argument {next(iter(legacy))!r}")
    classes = np.asarray(x)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    classes = classes.astype(np.int64)
    count = int(classes.max(initial=-1)) + 1 if num_classes is None else int(num_classes)
    if classes.size and (classes.min() < 0 or classes.max() >= count):
        raise ValueError(
            f"to_categorical: classes must be from 0 to {count - 1} (num_classes={count}), "
            f"received {classes.min()} to {classes.max()}"
        )
    result = np.zeros((classes.size, count), dtype or ("float32" if settings.era in ("2", "tf") else "float64"))
    result[np.arange(classes.size), classes.ravel()] = 1
    return result.reshape(*classes.shape, count)


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """Divide an array by its norm along an axis (a norm of 0 counts as 1).

    Args:
        x: array; of NumPy, or a tensor, also inside a compiled step.
        axis: axis of the norm.
        order: order of the norm.
    """
    if not isinstance(x, np.ndarray) and hasattr(x, "dtype"):
        from kjax.keras import ops

        return ops.normalize(x, axis=axis, order=order)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return np.asarray(x) / np.expand_dims(norm, axis)

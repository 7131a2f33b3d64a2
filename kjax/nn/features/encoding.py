"""Integers as numbers, one-hot rows, sets or counts, on the host (NumPy) or on the device (JAX)."""

from __future__ import annotations

from typing import Any

MODES = ("int", "one_hot", "multi_hot", "count")


def encode(indices: Any, mode: str, depth: int, dtype: Any, xp: Any, weights: Any = None) -> Any:
    """Encode integers as Keras 3 does.

    Args:
        indices: integers of any shape; those outside ``range(depth)`` leave no trace, except for ``'int'``.
        mode: ``'int'``: the integers; ``'one_hot'``: a row of ``depth`` for each (a last axis of size 1 makes room);
            ``'multi_hot'``: one row for all integers along axis 1, 1 where any occurs; ``'count'``: how often each does.
        depth: size of the rows.
        dtype: type of the result.
        xp: ``numpy`` or ``jax.numpy``.
        weights: what each integer counts, for ``'count'``.
    """
    if mode == "int":
        return indices.astype(dtype)
    if indices.ndim == 0:
        indices = indices.reshape(1)
    if mode == "one_hot" and indices.ndim > 1 and indices.shape[-1] == 1:
        indices = indices.reshape(indices.shape[:-1])
    axis = 1 if indices.ndim > 1 else 0
    values = xp.arange(depth, dtype=indices.dtype).reshape((1,) * indices.ndim + (depth,))
    hot = (indices[..., None] == values).astype(dtype if weights is None else weights.dtype)
    if mode == "one_hot":
        return hot
    if mode == "multi_hot":
        return xp.max(hot, axis=axis, initial=0)
    return xp.sum(hot if weights is None else hot * weights[..., None], axis=axis)


def encoded_shape(shape: Any, mode: str, depth: int | None) -> tuple[int | None, ...]:
    """Shape of encoded integers (:func:`encode`)."""
    shape = tuple(shape)
    if mode == "int":
        return shape
    if not shape:
        return (depth,)
    if mode == "one_hot":
        kept = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
        return (*kept, depth)
    return (shape[0], *shape[2:], depth) if len(shape) > 1 else (depth,)

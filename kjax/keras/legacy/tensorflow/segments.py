"""Reductions over the rows of each segment: ``tf.math.segment_sum``, ``tf.math.unsorted_segment_mean``, ``tf.sparse.segment_sum``, ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.legacy.tensorflow.door import define


def _counts(ids: Any, number: int, like: Any) -> Any:
    """Rows of each segment, at least 1, to divide an array of as many axes as ``like`` has by."""
    count = jax.ops.segment_sum(jnp.ones(jnp.shape(ids), like.dtype), ids, number)
    return jnp.maximum(count, 1).reshape(-1, *[1] * (like.ndim - 1))


def _mean(data: Any, ids: Any, number: int) -> Any:
    total, count = jax.ops.segment_sum(data, ids, number), _counts(ids, number, data)
    return jax.lax.div(total, jnp.broadcast_to(count, total.shape))  # of integers rounded towards zero


def _sqrt_n(data: Any, ids: Any, number: int) -> Any:
    return jax.ops.segment_sum(data, ids, number) / jnp.sqrt(_counts(ids, number, data))


def _bounded(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """A maximum or minimum, which of no rows is the end of the type's range and not infinite."""

    def compute(data: Any, ids: Any, number: int) -> Any:
        found = reduce(data, ids, number)
        if not jnp.issubdtype(found.dtype, jnp.floating):
            return found
        rows = jax.ops.segment_sum(jnp.ones(jnp.shape(ids), jnp.int32), ids, number)
        empty = (rows == 0).reshape(-1, *[1] * (found.ndim - 1))
        info = jnp.finfo(found.dtype)
        return jnp.where(empty, jnp.clip(found, info.min, info.max), found)

    return compute


_REDUCTIONS: dict[str, Callable[[Any, Any, int], Any]] = {
    "sum": jax.ops.segment_sum,
    "prod": jax.ops.segment_prod,
    "max": _bounded(jax.ops.segment_max),
    "min": _bounded(jax.ops.segment_min),
    "mean": _mean,
    "sqrt_n": _sqrt_n,
}
"""From rows, the segment of each and the number of segments to a row for each segment."""


def _sorted(kind: str) -> Callable[..., Any]:
    """``tf.math.segment_...``: as many segments as the last number says; of no rows the extrema are 0."""

    def function(data: Any, segment_ids: Any) -> Any:
        ids = jnp.asarray(segment_ids)
        number = int(np.max(np.asarray(segment_ids))) + 1
        found = _REDUCTIONS[kind](jnp.asarray(data), ids, number)
        if kind not in ("max", "min"):
            return found
        rows = jax.ops.segment_sum(jnp.ones(ids.shape, jnp.int32), ids, number)
        return jnp.where((rows == 0).reshape(-1, *[1] * (found.ndim - 1)), jnp.zeros((), found.dtype), found)

    function.__name__ = f"segment_{kind}"
    return define(function)


def _unsorted(kind: str) -> Callable[..., Any]:
    """``tf.math.unsorted_segment_...``: of a number of segments that is given; rows may lie along several axes."""

    def function(data: Any, segment_ids: Any, num_segments: int) -> Any:
        data, ids = jnp.asarray(data), jnp.asarray(segment_ids)
        return _REDUCTIONS[kind](data.reshape(-1, *data.shape[ids.ndim :]), ids.ravel(), int(num_segments))

    function.__name__ = f"unsorted_segment_{kind}"
    return define(function)


def _gathered(kind: str) -> Callable[..., Any]:
    """``tf.sparse.segment_...``: of rows that are chosen first."""

    def function(data: Any, indices: Any, segment_ids: Any, num_segments: Any = None) -> Any:
        number = int(np.max(np.asarray(segment_ids))) + 1 if num_segments is None else int(num_segments)
        return _REDUCTIONS[kind](jnp.asarray(data)[jnp.asarray(indices)], jnp.asarray(segment_ids), number)

    function.__name__ = f"sparse_segment_{kind}"
    return define(function)


segment_sum, segment_prod, segment_max, segment_min, segment_mean = map(_sorted, "sum prod max min mean".split())
unsorted_segment_sum, unsorted_segment_prod, unsorted_segment_max = map(_unsorted, ("sum", "prod", "max"))
unsorted_segment_min, unsorted_segment_mean, unsorted_segment_sqrt_n = map(_unsorted, ("min", "mean", "sqrt_n"))
sparse_segment_sum, sparse_segment_mean, sparse_segment_sqrt_n = map(_gathered, ("sum", "mean", "sqrt_n"))

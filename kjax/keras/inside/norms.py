"""Lengths of gradients, as ``keras.src.optimizers.base_optimizer`` has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kjax.keras import ops


def global_norm(value_list: Iterable[Any]) -> Any:
    """The length of several arrays as one vector; None does not count."""
    return ops.sqrt(sum(ops.sum(ops.square(value)) for value in value_list if value is not None))


def clip_by_global_norm(value_list: Iterable[Any], clip_norm: float) -> list[Any]:
    """Arrays scaled so that their common length is at most ``clip_norm``; NaN where it is not finite."""
    values = list(value_list)
    length = global_norm(values)
    # The difference is 0, or NaN where the length is not finite.
    scale = clip_norm * ops.minimum(1.0 / length, 1.0 / clip_norm) + (length - length)
    return [None if value is None else value * scale for value in values]

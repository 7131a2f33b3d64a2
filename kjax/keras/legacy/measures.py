"""What losses and metrics give in the eras of Keras 1 and 2 where a script calls them as functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from kjax.nn import metrics
from kjax.nn.losses.wrapper import classes

_AXES: dict[Any, int | None] = {
    metrics.binary_accuracy: -1,
    metrics.top_k_categorical_accuracy: None,
    metrics.sparse_top_k_categorical_accuracy: None,
}
"""Metrics that were means, and over which axis: one for each sample, or one for all."""


@functools.cache
def older(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of Keras 2 that is called as this one of floor 1; itself where nothing changed."""
    if function in _AXES:
        return _mean_of(function, _AXES[function])
    return getattr(classes.get(function), "keras2", None) or function


def _mean_of(function: Callable[..., Any], axis: int | None) -> Callable[..., Any]:
    @functools.wraps(function)
    def mean(*args: Any, **kwargs: Any) -> Any:
        return jnp.mean(function(*args, **kwargs), axis=axis)

    return mean

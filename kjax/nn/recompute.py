"""Intermediate results that are computed again for the gradient instead of kept: memory for time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def checkpointed(function: Callable[..., Any], *args: Any, transform: Callable[..., Any] = jax.checkpoint) -> Any:
    """``jax.checkpoint`` of a call whose arguments may hold other things than arrays.

    Args:
        function: the function; what is no array among its arguments stays as it is.
        *args: trees of arrays and other things.
        transform: what is applied to the function of the arrays.
    """
    leaves, structure = jax.tree.flatten(args)
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, (jax.Array, np.ndarray))]

    def of_arrays(*arrays: Any, **others: Any) -> Any:
        filled = list(leaves)
        for place, array in zip(places, arrays, strict=True):
            filled[place] = array
        return function(*jax.tree.unflatten(structure, filled), **others)

    return transform(of_arrays)(*[leaves[i] for i in places])


@dataclasses.dataclass(frozen=True)
class Recomputed:
    """A function of arrays, such as an activation, of which only the arguments are kept for the gradient.

    Attributes:
        function: the function.
    """

    function: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return checkpointed(lambda a, k: self.function(*a, **k), args, kwargs)

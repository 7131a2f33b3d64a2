"""The penalty on rows or columns of a matrix that are not orthogonal to each other."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn.arguments import choice
from kjax.nn.numerics import l2_normalize
from kjax.nn.regularizers import Regularizer, registry
from kjax.nn.value import field


def _factor(value: Any) -> float:
    number = float(value)
    if not 0 <= number < float("inf"):
        raise ValueError(f"expected a finite number of at least 0, received {value!r}")
    return number


@registry.add("orthogonal_regularizer")
@dataclasses.dataclass(frozen=True)
class OrthogonalRegularizer(Regularizer):
    """``factor`` times the mean absolute cosine of all pairs of rows (or columns) of a matrix.

    Attributes:
        factor: strength of the penalty.
        mode: ``'rows'`` or ``'columns'``.
    """

    factor: float = field(0.01, convert=_factor)
    mode: str = field("rows", convert=choice("rows", "columns"))

    def __call__(self, x: Float[Array, "rows columns"]) -> Float[Array, ""]:
        if x.ndim != 2:
            raise ValueError(f"Inputs to OrthogonalRegularizer must have rank 2, received shape {x.shape}")
        vectors = l2_normalize(x if self.mode == "rows" else x.T, axis=1)
        number = vectors.shape[0]
        cosines = jnp.abs(vectors @ vectors.T) * (1 - jnp.eye(number, dtype=x.dtype))
        return self.factor * 0.5 * jnp.sum(cosines) / (number * (number - 1) / 2)

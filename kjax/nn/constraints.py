"""Constraints: pure projections of a weight, applied after each update, as Keras defines them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn.arguments import axes
from kjax.nn.equality import ContentValue
from kjax.nn.numerics import EPSILON
from kjax.nn.value import Registry, field, later_too


class Constraint(ContentValue):
    """Base of constraints; a subclass writes ``__call__(self, w) -> array of the same shape``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls) and cls.__module__.startswith("kjax.nn."):
            cls.__call__ = later_too(vars(cls)["__call__"])

    def __call__(self, w: Array) -> Array:
        """The projected weight; the base class changes nothing."""
        return w


registry = Registry("constraint", Constraint)
registry.register(Constraint, "constraint")


def _norms(w: Array, axis: int | Sequence[int]) -> Array:
    return jnp.sqrt(jnp.sum(jnp.square(w), axis, keepdims=True))


@registry.add("max_norm", "maxnorm")
@dataclasses.dataclass(frozen=True, eq=False)
class MaxNorm(Constraint):
    """Shrinks the vectors along ``axis`` whose Euclidean norm exceeds ``max_value``.

    Attributes:
        max_value: largest norm.
        axis: axis or axes of one vector: 0 for a (inputs, units) matrix, (0, 1, 2) for a convolution in two
            dimensions.
    """

    max_value: float = field(2, convert=float)
    axis: int | Sequence[int] = field(0, convert=axes)

    def __call__(self, w: Float[Array, "..."]) -> Float[Array, "..."]:
        norms = _norms(w, self.axis)
        return w * (jnp.clip(norms, 0, self.max_value) / (EPSILON + norms))


@registry.add("non_neg", "nonneg")
@dataclasses.dataclass(frozen=True, eq=False)
class NonNeg(Constraint):
    """Negative values become 0."""

    def __call__(self, w: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.maximum(w, 0)


@registry.add("unit_norm", "unitnorm")
@dataclasses.dataclass(frozen=True, eq=False)
class UnitNorm(Constraint):
    """Scales the vectors along ``axis`` to the Euclidean norm 1.

    Attributes:
        axis: axis or axes of one vector.
    """

    axis: int | Sequence[int] = field(0, convert=axes)

    def __call__(self, w: Float[Array, "..."]) -> Float[Array, "..."]:
        return w / (EPSILON + _norms(w, self.axis))


@registry.add("min_max_norm")
@dataclasses.dataclass(frozen=True, eq=False)
class MinMaxNorm(Constraint):
    """Moves the Euclidean norm of the vectors along ``axis`` towards an interval.

    Attributes:
        min_value: smallest norm.
        max_value: largest norm.
        rate: part of the way: 1 goes all of it at once.
        axis: axis or axes of one vector.
    """

    min_value: float = field(0.0, convert=float)
    max_value: float = field(1.0, convert=float)
    rate: float = field(1.0, convert=float)
    axis: int | Sequence[int] = field(0, convert=axes)

    def __call__(self, w: Float[Array, "..."]) -> Float[Array, "..."]:
        norms = _norms(w, self.axis)
        wanted = self.rate * jnp.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (EPSILON + norms))


get = registry.get

"""Weight and activity penalties: pure functions from an array to a scalar, as Keras 3 defines them."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn.value import Registry, Value, field, later_too


class Regularizer(Value):
    """Base of penalties; a subclass writes ``__call__(self, x) -> scalar``.

    What stands for an array that comes later has a method ``__call_later__(function, *args)``; it gives what stands for the
    penalty.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls):
            cls.__call__ = later_too(vars(cls)["__call__"])

    def __call__(self, x: Array) -> Array:
        """The penalty on ``x``."""
        raise NotImplementedError


registry = Registry("regularizer", Regularizer)


def _strength(value: Any) -> float:
    number = float(0.0 if value is None else value)
    if not number >= 0 or number == float("inf"):
        raise ValueError(f"expected a finite number of at least 0, received {value!r}")
    return number


def absolute(x: Array) -> Array:
    """``|x|`` with slope 0 at 0, as TensorFlow and PyTorch have it; that of JAX is 1."""
    return x * jax.lax.stop_gradient(jnp.sign(x))


@registry.add("l1")
@dataclasses.dataclass(frozen=True)
class L1(Regularizer):
    """``l1 * sum(|x|)``.

    Attributes:
        l1: the factor.
        keras2: weights that are 0 are not pulled either way, as in Keras 1 and 2; Keras 3 on JAX pulls them down.
    """

    l1: float = field(0.01, convert=_strength)
    keras2: bool = field(False, convert=bool, unknown_to_keras=True)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, ""]:
        return self.l1 * jnp.sum(absolute(x) if self.keras2 else jnp.abs(x))


@registry.add("l2")
@dataclasses.dataclass(frozen=True)
class L2(Regularizer):
    """``l2 * sum(x ** 2)``."""

    l2: float = field(0.01, convert=_strength)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, ""]:
        return self.l2 * jnp.sum(jnp.square(x))


@registry.add("l1_l2", "l1l2")
@dataclasses.dataclass(frozen=True)
class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x ** 2)``.

    Attributes:
        l1: factor of the absolute values.
        l2: factor of the squares.
        keras2: as of :class:`L1`.
    """

    l1: float = field(0.0, convert=_strength)
    l2: float = field(0.0, convert=_strength)
    keras2: bool = field(False, convert=bool, unknown_to_keras=True)

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, ""]:
        return self.l1 * jnp.sum(absolute(x) if self.keras2 else jnp.abs(x)) + self.l2 * jnp.sum(jnp.square(x))


@registry.add()
@dataclasses.dataclass(frozen=True)
class EigenvalueRegularizer(Regularizer):
    """``k`` times the largest singular value of a matrix, found by nine steps of power iteration from ones; of Keras 1.

    Attributes:
        k: the factor.

    Raises:
        ValueError: when called: an array that is no matrix.
    """

    k: float = field(0.01, convert=_strength)

    def __call__(self, x: Float[Array, "rows columns"]) -> Float[Array, ""]:
        if x.ndim != 2:
            raise ValueError(f"EigenvalueRegularizer is for matrices, received an array of shape {x.shape}")
        covariance = x.T @ x
        vector = jnp.ones((x.shape[1], 1), x.dtype)
        for _ in range(9):
            vector = covariance @ vector
        largest = jnp.sum(vector * (covariance @ vector)) / jnp.sum(vector * vector)
        return self.k * jnp.sqrt(largest)


def _penalty(value: Any) -> Any:
    return registry.get(value)


@registry.add()
@dataclasses.dataclass(frozen=True)
class SummedOverBatch(Regularizer):
    """An activity penalty that counts with the sum over the batch, as before TensorFlow 2, and not with the mean.

    Attributes:
        penalty: the penalty. Layers divide what it gives by the number of samples.
    """

    penalty: Any = field(None, convert=_penalty)

    def __call__(self, x: Float[Array, "samples ..."]) -> Float[Array, ""]:
        return self.penalty(x) * x.shape[0]


def of_keras2(penalty: Any) -> Any:
    """A penalty as Keras 1 and 2 had it.

    Args:
        penalty: a penalty, anything that stands for one, or None.
    """
    found = registry.get(penalty)
    return dataclasses.replace(found, keras2=True) if isinstance(found, (L1, L1L2)) and found.l1 else found


get = registry.get

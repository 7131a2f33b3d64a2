"""The state of an optimizer as the list of arrays that Keras keeps in files (``optimizer.variables``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.optimizers.base import Optimizer
from kjax.nn.optimizers.state import OptimizerState


def to_variables(
    optimizer: Optimizer, state: OptimizerState, params: Any, order: Sequence[int] | None = None
) -> list[Array]:
    """The arrays of ``state`` in the order of Keras' ``optimizer.variables``: count, learning rate, slots.

    Args:
        optimizer: the optimizer.
        state: its state.
        params: tree of the parameters, or of their ``jax.ShapeDtypeStruct``.
        order: the indices of the leaves of ``params`` in the order in which Keras counts the weights; that of
            the tree by default.
    """
    found: list[Array] = []

    def collect(value: Array) -> Array:
        found.append(value)
        return value

    optimizer.visit_variables(state, params, _order(params, order), collect)
    return found


def from_variables(
    optimizer: Optimizer,
    state: OptimizerState,
    params: Any,
    values: Sequence[Any],
    order: Sequence[int] | None = None,
) -> OptimizerState:
    """The state with the arrays of ``values`` in place of its own; the reverse of :func:`to_variables`.

    Args:
        optimizer: the optimizer.
        state: a state of it, for example a fresh one.
        params: as for :func:`to_variables`.
        values: arrays.
        order: as for :func:`to_variables`.

    Raises:
        ValueError: another number of arrays, or other shapes, than the optimizer has.
    """
    name = type(optimizer).__name__
    needed = len(to_variables(optimizer, state, params, order))
    if len(values) != needed:
        raise ValueError(f"{name} has {needed} variables for these parameters, received {len(values)} arrays")
    left = iter(enumerate(values))

    def replace(old: Array) -> Array:
        i, value = next(left)
        new = jnp.asarray(value, jnp.result_type(old))
        if new.shape != jnp.shape(old):
            raise ValueError(f"{name}: variable {i} has shape {jnp.shape(old)}, received shape {new.shape}")
        return new

    return optimizer.visit_variables(state, params, _order(params, order), replace)


def _order(params: Any, order: Sequence[int] | None) -> Sequence[int]:
    count = len(jax.tree.leaves(params))
    if order is None:
        return range(count)
    if sorted(order) != list(range(count)):
        raise ValueError(f"`order` must hold each number from 0 to {count - 1} once, received {list(order)}")
    return order

"""The state that every kjax optimizer carries, and reading and setting the learning rate in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int


class OptimizerState(NamedTuple):
    """State of an optimizer: a pytree. What an optimizer does not use is empty.

    Attributes:
        count: int32 scalar, the number of calls of ``update`` (without those skipped for gradients that are
            not finite). With gradient accumulation it counts micro-steps.
        learning_rate: float32 scalar; the one that the next update uses. With a schedule it shows the
            schedule's value at ``count``, and setting it has no effect. None for a wrapped Optax
            transformation.
        slots: for each slot name (as Keras names its variables) a tree like the parameters.
        scalars: numbers that a rule carries from step to step, by name.
        average: moving average of the parameters (``use_ema``).
        accumulator: sum of gradients since the last update (``gradient_accumulation_steps``).
        inner: state of wrapped optimizers.
    """

    count: Int[Array, ""]
    learning_rate: Any
    slots: dict[str, Any]
    scalars: dict[str, Array]
    average: Any = None
    accumulator: Any = None
    inner: Any = None


def full_like(parameter: Any, value: float, without_axis: int | None = None) -> Array:
    """An array of the type and on the devices of ``parameter``, filled with ``value``.

    Args:
        parameter: an array or a ``jax.ShapeDtypeStruct``.
        value: what to fill it with.
        without_axis: an axis of the parameter that the array has not.
    """
    shape = _without(parameter.shape, without_axis)
    if not isinstance(parameter, jax.Array) or isinstance(parameter, Tracer):
        return jnp.full(shape, value, parameter.dtype)
    # Through the host, since JAX would compile one program for each shape.
    array = np.full(shape, value, parameter.dtype)
    sharding = parameter.sharding
    if without_axis is not None and isinstance(sharding, NamedSharding):
        spec = _without((*sharding.spec, *[None] * (parameter.ndim - len(sharding.spec))), without_axis)
        while spec and spec[-1] is None:  # as compiled programs write it
            spec = spec[:-1]
        sharding = NamedSharding(sharding.mesh, PartitionSpec(*spec))
    return _place(array, parameter, sharding)


def _without(sequence: tuple[Any, ...], axis: int | None) -> tuple[Any, ...]:
    return tuple(x for i, x in enumerate(sequence) if axis is None or i != axis % len(sequence))


def scalar(value: np.generic, params: Any) -> Array:
    """A number on the devices of the parameters.

    Args:
        value: NumPy number.
        params: tree of the parameters.
    """
    leaves = [leaf for leaf in jax.tree.leaves(params) if isinstance(leaf, jax.Array)]
    committed = [leaf for leaf in leaves if not isinstance(leaf, Tracer) and leaf.committed]
    return _place(value, committed[0]) if committed else jnp.asarray(value)


def _place(value: np.ndarray | np.generic, like: jax.Array, sharding: Any = None) -> Array:
    # An array that is not committed to a device stays so: a compiled step that has seen the one kind would be
    # compiled again for the other.
    if not like.committed:
        return jnp.asarray(value)
    sharding = sharding or like.sharding
    if isinstance(sharding, NamedSharding) and len(sharding.spec) > value.ndim:
        sharding = NamedSharding(sharding.mesh, PartitionSpec())
    return jax.device_put(value, sharding)


def get_learning_rate(state: Any) -> Float[Array, ""]:
    """The learning rate in an optimizer's state.

    Args:
        state: an :class:`OptimizerState`, or a state of Optax that holds one or that was made by
            ``optax.inject_hyperparams`` with a hyper-parameter ``learning_rate``.

    Returns:
        float32 scalar.

    Raises:
        ValueError: there is none, or more than one.
    """
    found = _holders(state)
    _check_one(found)
    return _read(found[0])


def set_learning_rate(state: Any, value: Any) -> Any:
    """The same state with another learning rate; compiled steps accept it without being compiled again.

    Args:
        state: as for :func:`get_learning_rate`.
        value: number or scalar array.

    Raises:
        ValueError: there is no learning rate to set in the state, or more than one.
    """
    _check_one(_holders(state))
    return jax.tree.map(
        lambda node: _write(node, value) if _holds(node) else node, state, is_leaf=lambda node: _holds(node)
    )


def _holds(node: Any) -> bool:
    if isinstance(node, OptimizerState):
        return node.learning_rate is not None
    hyperparams = getattr(node, "hyperparams", None)
    return isinstance(hyperparams, dict) and "learning_rate" in hyperparams


def _holders(state: Any) -> list[Any]:
    return [node for node in jax.tree.leaves(state, is_leaf=_holds) if _holds(node)]


def _check_one(found: list[Any]) -> None:
    if not found:
        raise ValueError(
            "this optimizer's state has no learning rate: make an Optax optimizer with "
            "`optax.inject_hyperparams(optax.sgd)(learning_rate=0.1)`, so that it can be read and set"
        )
    if len(found) > 1:
        raise ValueError(
            f"this optimizer's state has {len(found)} learning rates: read and set them in the states of the "
            "single optimizers (`state.inner[i]` of a MultiOptimizer)"
        )


def _read(node: Any) -> Array:
    value = node.learning_rate if isinstance(node, OptimizerState) else node.hyperparams["learning_rate"]
    return jnp.asarray(value)


def _write(node: Any, value: Any) -> Any:
    if isinstance(node, OptimizerState):
        return node._replace(learning_rate=_scalar_like(value, node.learning_rate))
    hyperparams = dict(node.hyperparams)
    hyperparams["learning_rate"] = _scalar_like(value, hyperparams["learning_rate"])
    return node._replace(hyperparams=hyperparams)


def _scalar_like(value: Any, old: Any) -> Array:
    dtype = jnp.result_type(old)
    traced = isinstance(value, Tracer) or isinstance(old, Tracer)
    if traced or not isinstance(old, jax.Array):
        return jnp.asarray(value, dtype)
    number = np.asarray(value, dtype)
    if number.ndim and number.shape != old.shape:
        raise ValueError(f"the learning rate has the shape {old.shape}, received one of shape {number.shape}")
    return _place(np.broadcast_to(number, old.shape), old)

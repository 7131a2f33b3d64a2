"""Adafactor: second moments of a matrix kept as one row and one column."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kjax.nn.optimizers.base import registry
from kjax.nn.optimizers.rule import Rule, RuleOptimizer, Scalars, Slot, Slots, zeros
from kjax.nn.optimizers.schedules import LearningRate, learning_rate
from kjax.nn.optimizers.state import full_like
from kjax.nn.value import field


def _means_over(axis: int) -> Slot:
    def start(path: str, parameter: Any) -> Array | None:
        del path
        return full_like(parameter, 0, axis) if parameter.ndim >= 2 else None

    return start


def _vector(path: str, parameter: Any) -> Array | None:
    return None if parameter.ndim >= 2 else zeros(path, parameter)


def velocity(row: Array, column: Array) -> Array:
    """The second moments for which their means over the last axis (``row``) and the one before stand."""
    row, column = jnp.asarray(row), jnp.asarray(column)  # they may lie in variables
    return (row / jnp.mean(row, axis=-1, keepdims=True))[..., None] * column[..., None, :]


def _root_mean_square(x: Array) -> Array:
    return jnp.sqrt(jnp.mean(jnp.square(x)))


@dataclasses.dataclass(frozen=True)
class AdafactorRule(Rule):
    """The arguments of :class:`Adafactor` and its step."""

    learning_rate: LearningRate = field(0.001, convert=learning_rate)
    beta_2_decay: float = field(-0.8, convert=float)
    epsilon_1: float = field(1e-30, convert=float)
    epsilon_2: float = field(1e-3, convert=float)
    clip_threshold: float = field(1.0, convert=float)
    relative_step: bool = field(True, convert=bool)

    def slots(self) -> dict[str, Slot]:
        return {"row": _means_over(-1), "column": _means_over(-2), "velocity": _vector}

    def stored(self, name: str, slots: Slots) -> Any:
        if slots["row"] is None:  # Keras has a number in place of the means of a vector
            return slots["velocity"] if name == "velocity" else np.float32(0)
        return velocity(slots["row"], slots["column"]) if name == "velocity" else slots[name]

    def prepare(self, iteration: Array, learning_rate: Array, scalars: Scalars) -> tuple[Any, Scalars]:
        step = (iteration + 1).astype(learning_rate.dtype)
        rate = jnp.minimum(learning_rate, 1 / jnp.sqrt(step))
        return (rate, 1 - jnp.power(step, self.beta_2_decay)), scalars

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        rate, beta_2 = common
        squares = jnp.square(gradient) + self.epsilon_1
        new: Slots = {"row": None, "column": None, "velocity": None}
        if gradient.ndim >= 2:
            row = new["row"] = beta_2 * slots["row"] + (1 - beta_2) * jnp.mean(squares, axis=-1)
            column = new["column"] = beta_2 * slots["column"] + (1 - beta_2) * jnp.mean(squares, axis=-2)
            second = velocity(row, column)
        else:
            second = new["velocity"] = beta_2 * slots["velocity"] + (1 - beta_2) * squares
        direction = gradient / jnp.sqrt(second)
        direction = direction / jnp.maximum(1.0, _root_mean_square(direction) / self.clip_threshold)
        size = jnp.maximum(self.epsilon_2, _root_mean_square(parameter)) * rate
        return -size * direction, new


@registry.add()
@dataclasses.dataclass(frozen=True)
class Adafactor(RuleOptimizer, AdafactorRule):
    """RMSprop in little memory: of the squares of a matrix only the means of rows and of columns are kept.

    The last two axes of a tensor are factored. Steps are scaled by the root mean square of the weights and by
    ``min(learning_rate, 1 / sqrt(t))``. Keras also stores the product of the means, which it never reads;
    here it is not stored. Reference: Shazeer & Stern, 2018 (arXiv:1804.04235).

    Attributes:
        learning_rate: number, schedule, or function of the step.
        beta_2_decay: the decay rate of the means is ``1 - t ** beta_2_decay``.
        epsilon_1: added to squared gradients.
        epsilon_2: least root mean square of weights that scales a step.
        clip_threshold: largest root mean square of the direction.
        relative_step: accepted as in Keras 3.15.1, where it has no effect: the bound by ``1 / sqrt(t)``
            applies either way.
    """

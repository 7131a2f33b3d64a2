"""Rules that divide the gradient by a root mean (or sum) of its past squares."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.optimizers.base import registry
from kjax.nn.optimizers.rule import Rule, RuleOptimizer, Slot, Slots, filled, zeros
from kjax.nn.optimizers.schedules import LearningRate, learning_rate
from kjax.nn.value import field


def root(square: Array, epsilon: float, keras2: bool) -> Array:
    """A root that is kept from 0 by ``epsilon`` under it or, as before Keras 3, added to it."""
    return jnp.sqrt(square) + epsilon if keras2 else jnp.sqrt(square + epsilon)


@dataclasses.dataclass(frozen=True)
class RMSpropRule(Rule):
    """The arguments of :class:`RMSprop` and its step."""

    learning_rate: LearningRate = field(0.001, convert=learning_rate)
    rho: float = field(0.9, convert=float)
    momentum: float = field(0.0, convert=float)
    epsilon: float = field(1e-7, convert=float)
    centered: bool = field(False, convert=bool)
    keras2: bool = field(False, convert=bool, unknown_to_keras=True)

    def slots(self) -> dict[str, Slot]:
        slots: dict[str, Slot] = {"velocity": zeros}
        if self.momentum > 0:
            slots["momentum"] = zeros
        if self.centered:
            slots["average_gradient"] = zeros
        return slots

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        return tuple((name,) for name in self.slots())

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        velocity = self.rho * slots["velocity"] + (1 - self.rho) * jnp.square(gradient)
        new = {"velocity": velocity}
        variance = velocity
        if self.centered:
            mean = new["average_gradient"] = self.rho * slots["average_gradient"] + (1 - self.rho) * gradient
            variance = velocity - jnp.square(mean)
        increment = common * gradient / root(variance, self.epsilon, self.keras2)
        if self.momentum > 0:
            increment = new["momentum"] = self.momentum * slots["momentum"] + increment
        return -increment, new


@registry.add()
@dataclasses.dataclass(frozen=True)
class RMSprop(RuleOptimizer, RMSpropRule):
    """``v = rho * v + (1 - rho) * g^2``; ``w -= lr * g / sqrt(v + epsilon)``.

    Reference: Hinton, "Neural Networks for Machine Learning", lecture 6e, 2012.

    Attributes:
        learning_rate: number, schedule, or function of the step.
        rho: decay rate of the moving average of squared gradients.
        momentum: momentum of the increments.
        epsilon: added under the root.
        centered: divide by the estimated standard deviation: subtract the square of the mean gradient.
        keras2: add ``epsilon`` to the root and not under it, as Keras 1 and 2 did.
    """


@dataclasses.dataclass(frozen=True)
class AdagradRule(Rule):
    """The arguments of :class:`Adagrad` and its step."""

    learning_rate: LearningRate = field(0.001, convert=learning_rate)
    initial_accumulator_value: float = field(0.1, convert=float)
    epsilon: float = field(1e-7, convert=float)
    keras2: bool = field(False, convert=bool, unknown_to_keras=True)

    def slots(self) -> dict[str, Slot]:
        return {"accumulator": filled(self.initial_accumulator_value)}

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        accumulator = slots["accumulator"] + jnp.square(gradient)
        step = -(common * gradient) / root(accumulator, self.epsilon, self.keras2)
        return step, {"accumulator": accumulator}


@registry.add()
@dataclasses.dataclass(frozen=True)
class Adagrad(RuleOptimizer, AdagradRule):
    """``a += g^2``; ``w -= lr * g / sqrt(a + epsilon)``.

    Reference: Duchi, Hazan & Singer, JMLR 2011.

    Attributes:
        learning_rate: number, schedule, or function of the step.
        initial_accumulator_value: first value of the sum of squares.
        epsilon: added under the root.
        keras2: add ``epsilon`` to the root and not under it, as Keras 1 and 2 did.
    """


@dataclasses.dataclass(frozen=True)
class AdadeltaRule(Rule):
    """The arguments of :class:`Adadelta` and its step."""

    learning_rate: LearningRate = field(0.001, convert=learning_rate)
    rho: float = field(0.95, convert=float)
    epsilon: float = field(1e-7, convert=float)

    def slots(self) -> dict[str, Slot]:
        return {"accumulated_grad": zeros, "accumulated_delta_var": zeros}

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        squares, deltas = slots["accumulated_grad"], slots["accumulated_delta_var"]
        squares = self.rho * squares + (1 - self.rho) * jnp.square(gradient)
        delta = -jnp.sqrt(deltas + self.epsilon) * gradient / jnp.sqrt(squares + self.epsilon)
        deltas = self.rho * deltas + (1 - self.rho) * jnp.square(delta)
        return common * delta, {"accumulated_grad": squares, "accumulated_delta_var": deltas}


@registry.add()
@dataclasses.dataclass(frozen=True)
class Adadelta(RuleOptimizer, AdadeltaRule):
    """Steps of the size of the root mean square of past steps, over that of past gradients.

    Reference: Zeiler, 2012 (arXiv:1212.5701); its own learning rate is 1.

    Attributes:
        learning_rate: number, schedule, or function of the step.
        rho: decay rate of both moving averages.
        epsilon: added under the roots.
    """

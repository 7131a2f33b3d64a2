"""Gradient descent with momentum, and Lion."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.arguments import fraction
from kjax.nn.optimizers.base import registry
from kjax.nn.optimizers.rule import Rule, RuleOptimizer, Slot, Slots, zeros
from kjax.nn.optimizers.schedules import LearningRate, learning_rate
from kjax.nn.value import field


@dataclasses.dataclass(frozen=True)
class SGDRule(Rule):
    """The arguments of :class:`SGD` and its step."""

    learning_rate: LearningRate = field(0.01, convert=learning_rate)
    momentum: float = field(0.0, convert=fraction)
    nesterov: bool = field(False, convert=bool)

    def slots(self) -> dict[str, Slot]:
        return {"momentum": zeros} if self.momentum else {}

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        descent = gradient * common
        if not slots:
            return -descent, {}
        velocity = slots["momentum"] * self.momentum - descent
        update = velocity * self.momentum - descent if self.nesterov else velocity
        return update, {"momentum": velocity}


@registry.add()
@dataclasses.dataclass(frozen=True)
class SGD(RuleOptimizer, SGDRule):
    """Gradient descent: ``w -= lr * g``; with momentum ``v = momentum * v - lr * g; w += v``.

    Attributes:
        learning_rate: number, schedule, or function of the step.
        momentum: from 0 to 1.
        nesterov: look ahead: ``w += momentum * v - lr * g`` with the new ``v``.
    """


def _lion_beta(value: Any) -> float:
    number = float(value)
    if not 0 < number <= 1:
        raise ValueError(f"expected a number above 0 and up to 1, received {value!r}")
    return number


@dataclasses.dataclass(frozen=True)
class LionRule(Rule):
    """The arguments of :class:`Lion` and its step."""

    learning_rate: LearningRate = field(0.001, convert=learning_rate)
    beta_1: float = field(0.9, convert=_lion_beta)
    beta_2: float = field(0.99, convert=float)

    def slots(self) -> dict[str, Slot]:
        return {"momentum": zeros}

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        momentum = slots["momentum"]
        # Keras casts these two betas to the type of the weight before it subtracts them from 1.
        beta_1, beta_2 = (jnp.asarray(beta, gradient.dtype) for beta in (self.beta_1, self.beta_2))
        direction = jnp.sign(momentum * beta_1 + gradient * (1 - beta_1))
        return -common * direction, {"momentum": momentum * beta_2 + gradient * (1 - beta_2)}


@registry.add()
@dataclasses.dataclass(frozen=True)
class Lion(RuleOptimizer, LionRule):
    """Steps of one size along the sign of ``beta_1 * m + (1 - beta_1) * g``; then ``m`` moves on with
    ``beta_2``.

    Reference: Chen et al., 2023 (arXiv:2302.06675).

    Attributes:
        learning_rate: number, schedule, or function of the step.
        beta_1: weight of the momentum in the direction of the step.
        beta_2: decay rate of the momentum.
    """

"""FTRL: follow the regularized leader, which makes weights exactly zero."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.optimizers.base import registry
from kjax.nn.optimizers.rule import Rule, RuleOptimizer, Slot, Slots, filled, zeros
from kjax.nn.optimizers.schedules import LearningRate, learning_rate
from kjax.nn.value import field


def _not_negative(value: Any) -> float:
    number = float(value)
    if not number >= 0:
        raise ValueError(f"expected a number of at least 0, received {value!r}")
    return number


def _not_positive(value: Any) -> float:
    number = float(value)
    if not number <= 0:
        raise ValueError(f"expected a number of at most 0, received {value!r}")
    return number


@dataclasses.dataclass(frozen=True)
class FtrlRule(Rule):
    """The arguments of :class:`Ftrl` and its step."""

    learning_rate: LearningRate = field(0.001, convert=learning_rate)
    learning_rate_power: float = field(-0.5, convert=_not_positive)
    initial_accumulator_value: float = field(0.1, convert=_not_negative)
    l1_regularization_strength: float = field(0.0, convert=_not_negative)
    l2_regularization_strength: float = field(0.0, convert=_not_negative)
    l2_shrinkage_regularization_strength: float = field(0.0, convert=_not_negative)
    beta: float = field(0.0, convert=float)

    def slots(self) -> dict[str, Slot]:
        return {"accumulator": filled(self.initial_accumulator_value), "linear": zeros}

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        rate = common
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        if self.beta:
            l2 = l2 + self.beta / (2.0 * rate)
        shrunk = gradient
        if self.l2_shrinkage_regularization_strength:
            shrunk = gradient + 2 * self.l2_shrinkage_regularization_strength * parameter
        accumulator = slots["accumulator"] + jnp.square(gradient)
        before = jnp.power(slots["accumulator"], -self.learning_rate_power)
        after = jnp.power(accumulator, -self.learning_rate_power)
        linear = slots["linear"] + (shrunk - (after - before) / rate * parameter)
        new = (jnp.clip(linear, -l1, l1) - linear) / (after / rate + 2 * l2)
        return new - parameter, {"accumulator": accumulator, "linear": linear}


@registry.add()
@dataclasses.dataclass(frozen=True)
class Ftrl(RuleOptimizer, FtrlRule):
    """Follow the regularized leader, with L1 and L2 terms inside the optimizer; for large sparse models.

    Reference: McMahan et al., KDD 2013, "Ad Click Prediction: a View from the Trenches".

    Attributes:
        learning_rate: number, schedule, or function of the step.
        learning_rate_power: at most 0; how the learning rate falls with the accumulated squares; 0: not at
            all.
        initial_accumulator_value: first value of the sum of squares.
        l1_regularization_strength: L1 term; makes weights zero.
        l2_regularization_strength: L2 term, a penalty that stabilizes.
        l2_shrinkage_regularization_strength: L2 term on the current weights, a penalty on their size.
        beta: the beta of the paper.
    """

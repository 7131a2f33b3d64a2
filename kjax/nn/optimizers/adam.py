"""Adam and its relatives: rules with moving averages of the gradient and of its square."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kjax.nn.arguments import integer
from kjax.nn.optimizers.base import registry
from kjax.nn.optimizers.rule import Rule, RuleOptimizer, Scalars, Slot, Slots, zeros
from kjax.nn.optimizers.schedules import LearningRate, learning_rate
from kjax.nn.value import field


def power(beta: float, iteration: Array, like: Array) -> Array:
    """``beta ** (iteration + 1)`` in the type of ``like``, rounded as Keras rounds it."""
    return jnp.power(jnp.asarray(beta, like.dtype), (iteration + 1).astype(like.dtype))


def moments(gradient: Array, slots: Slots, beta_1: Any, beta_2: Any) -> tuple[Array, Array]:
    """The new moving averages of the gradient and of its square; betas are Python floats or scalar arrays."""
    momentum, velocity = slots["momentum"], slots["velocity"]
    momentum = momentum + (gradient - momentum) * (1 - beta_1)
    velocity = velocity + (jnp.square(gradient) - velocity) * (1 - beta_2)
    return momentum, velocity


@dataclasses.dataclass(frozen=True)
class AdamRule(Rule):
    """The arguments of :class:`Adam` and its step."""

    learning_rate: LearningRate = field(0.001, convert=learning_rate)
    beta_1: float = field(0.9, convert=float)
    beta_2: float = field(0.999, convert=float)
    epsilon: float = field(1e-7, convert=float)
    amsgrad: bool = field(False, convert=bool)

    def slots(self) -> dict[str, Slot]:
        slots: dict[str, Slot] = {"momentum": zeros, "velocity": zeros}
        return slots | {"velocity_hat": zeros} if self.amsgrad else slots

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        groups = (("momentum", "velocity"),)
        return (*groups, ("velocity_hat",)) if self.amsgrad else groups

    def prepare(self, iteration: Array, learning_rate: Array, scalars: Scalars) -> tuple[Any, Scalars]:
        first = 1 - power(self.beta_1, iteration, learning_rate)
        second = 1 - power(self.beta_2, iteration, learning_rate)
        return learning_rate * jnp.sqrt(second) / first, scalars

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        momentum, velocity = moments(gradient, slots, self.beta_1, self.beta_2)
        new = {"momentum": momentum, "velocity": velocity}
        if self.amsgrad:
            velocity = new["velocity_hat"] = jnp.maximum(slots["velocity_hat"], velocity)
        return -(momentum * common) / (jnp.sqrt(velocity) + self.epsilon), new


@registry.add()
@dataclasses.dataclass(frozen=True)
class Adam(RuleOptimizer, AdamRule):
    """Steps along the mean gradient divided by the root mean square of past gradients.

    ``lr_t = lr * sqrt(1 - beta_2^t) / (1 - beta_1^t)``, ``w -= lr_t * m / (sqrt(v) + epsilon)``; ``epsilon``
    is the "epsilon hat" of the paper. Reference: Kingma & Ba, 2014 (arXiv:1412.6980); AMSGrad: Reddi et al.,
    2018.

    Attributes:
        learning_rate: number, schedule, or function of the step.
        beta_1: decay rate of the moving average of gradients.
        beta_2: decay rate of the moving average of squared gradients.
        epsilon: added to the denominator.
        amsgrad: divide by the largest average so far.
    """


@dataclasses.dataclass(frozen=True)
class _DecaySecond:
    # The last base, so its fields come first: Keras has AdamW's `weight_decay` right after the learning rate.
    learning_rate: LearningRate = 0.001
    weight_decay: float | None = None


@registry.add()
@dataclasses.dataclass(frozen=True)
class AdamW(Adam, _DecaySecond):
    """:class:`Adam` with weight decay apart from the gradient.

    Reference: Loshchilov & Hutter, 2019 (arXiv:1711.05101).

    Attributes:
        weight_decay: fraction of each weight, times the learning rate, that a step subtracts.
    """

    weight_decay: float | None = field(0.004, convert=float)


@dataclasses.dataclass(frozen=True)
class AdamaxRule(Rule):
    """The arguments of :class:`Adamax` and its step."""

    learning_rate: LearningRate = field(0.001, convert=learning_rate)
    beta_1: float = field(0.9, convert=float)
    beta_2: float = field(0.999, convert=float)
    epsilon: float = field(1e-7, convert=float)

    def slots(self) -> dict[str, Slot]:
        return {"momentum": zeros, "norm": zeros}

    def prepare(self, iteration: Array, learning_rate: Array, scalars: Scalars) -> tuple[Any, Scalars]:
        return (learning_rate, 1 - power(self.beta_1, iteration, learning_rate)), scalars

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        rate, correction = common
        momentum = slots["momentum"] + (gradient - slots["momentum"]) * (1 - self.beta_1)
        norm = jnp.maximum(self.beta_2 * slots["norm"], jnp.abs(gradient))
        update = -(rate * momentum) / (correction * (norm + self.epsilon))
        return update, {"momentum": momentum, "norm": norm}


@registry.add()
@dataclasses.dataclass(frozen=True)
class Adamax(RuleOptimizer, AdamaxRule):
    """Adam with the infinity norm: the mean gradient over the (decaying) largest past gradient.

    Reference: Kingma & Ba, 2014 (arXiv:1412.6980), section 7.1.

    Attributes:
        learning_rate: number, schedule, or function of the step.
        beta_1: decay rate of the moving average of gradients.
        beta_2: decay rate of the norm.
        epsilon: added to the norm.
    """


@dataclasses.dataclass(frozen=True)
class NadamRule(Rule):
    """The arguments of :class:`Nadam` and its step."""

    learning_rate: LearningRate = field(0.001, convert=learning_rate)
    beta_1: float = field(0.9, convert=float)
    beta_2: float = field(0.999, convert=float)
    epsilon: float = field(1e-7, convert=float)
    schedule_decay: float = field(1.0, convert=float, unknown_to_keras=True)

    def slots(self) -> dict[str, Slot]:
        return {"momentum": zeros, "velocity": zeros}

    def scalars(self) -> dict[str, float]:
        return {"u_product": 1.0}

    def scalars_after(self, steps: int) -> dict[str, float]:
        """The scalars after so many steps, for files that do not have them."""
        times = np.arange(1, steps + 1)
        return {"u_product": float(np.prod(self.beta_1 * (1.0 - 0.5 * 0.96 ** (self.schedule_decay * times))))}

    def prepare(self, iteration: Array, learning_rate: Array, scalars: Scalars) -> tuple[Any, Scalars]:
        def momentum(iteration: Array) -> Array:
            return self.beta_1 * (1.0 - 0.5 * power(0.96**self.schedule_decay, iteration, learning_rate))

        now, then = momentum(iteration), momentum(iteration + 1)
        product = scalars["u_product"] * now
        ahead = then / (1 - product * then)
        present = (1 - now) / (1 - product)
        correction = 1 - power(self.beta_2, iteration, learning_rate)
        return (learning_rate, ahead, present, correction), {"u_product": product}

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        rate, ahead, present, correction = common
        # Keras casts these two betas to the type of the weight before it subtracts them from 1.
        beta_1, beta_2 = (jnp.asarray(beta, gradient.dtype) for beta in (self.beta_1, self.beta_2))
        momentum, velocity = moments(gradient, slots, beta_1, beta_2)
        direction = ahead * momentum + present * gradient
        update = -(direction * rate) / (jnp.sqrt(velocity / correction) + self.epsilon)
        return update, {"momentum": momentum, "velocity": velocity}


@registry.add()
@dataclasses.dataclass(frozen=True)
class Nadam(RuleOptimizer, NadamRule):
    """Adam with Nesterov momentum: ``mu_t = beta_1 * (1 - 0.5 * 0.96^(schedule_decay * t))`` warms the momentum up.

    Reference: Dozat, 2015, "Incorporating Nesterov Momentum into Adam".

    Attributes:
        learning_rate: number, schedule, or function of the step.
        beta_1: decay rate of the moving average of gradients.
        beta_2: decay rate of the moving average of squared gradients.
        epsilon: added to the denominator.
        schedule_decay: how fast the momentum warms up; before Keras 3 it was 0.004.
    """


@dataclasses.dataclass(frozen=True)
class LambRule(Rule):
    """The arguments of :class:`Lamb` and its step."""

    learning_rate: LearningRate = field(0.001, convert=learning_rate)
    beta_1: float = field(0.9, convert=float)
    beta_2: float = field(0.999, convert=float)
    epsilon: float = field(1e-7, convert=float)

    def slots(self) -> dict[str, Slot]:
        return {"momentum": zeros, "velocity": zeros}

    def prepare(self, iteration: Array, learning_rate: Array, scalars: Scalars) -> tuple[Any, Scalars]:
        first = 1.0 - power(self.beta_1, iteration, learning_rate)
        second = 1.0 - power(self.beta_2, iteration, learning_rate)
        return (learning_rate, first, second), scalars

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        rate, first, second = common
        momentum, velocity = moments(gradient, slots, self.beta_1, self.beta_2)
        direction = (momentum / first) / (jnp.sqrt(velocity / second) + self.epsilon)
        size = jnp.sqrt(jnp.sum(jnp.square(parameter)))
        length = jnp.sqrt(jnp.sum(jnp.square(direction)))
        ratio = jnp.where((size > 0) & (length > 0), size / length, 1.0)
        return -(ratio * rate) * direction, {"momentum": momentum, "velocity": velocity}


@registry.add()
@dataclasses.dataclass(frozen=True)
class Lamb(RuleOptimizer, LambRule):
    """Adam whose step on each tensor is as long as ``lr`` times the norm of that tensor; for large batches.

    Reference: You et al., 2019 (arXiv:1904.00962).

    Attributes:
        learning_rate: number, schedule, or function of the step.
        beta_1: decay rate of the moving average of gradients.
        beta_2: decay rate of the moving average of squared gradients.
        epsilon: added to the denominator.
    """


def _copy(path: str, parameter: Any) -> Array:
    del path
    return jnp.array(parameter, copy=True)


@dataclasses.dataclass(frozen=True)
class ScheduleFreeAdamWRule(Rule):
    """The arguments of :class:`ScheduleFreeAdamW` and its step."""

    learning_rate: LearningRate = field(0.0025, convert=learning_rate)
    beta_1: float = field(0.9, convert=float)
    beta_2: float = field(0.999, convert=float)
    epsilon: float = field(1e-8, convert=float)
    warmup_steps: int = field(0, convert=integer)

    def slots(self) -> dict[str, Slot]:
        return {"momentum": _copy, "velocity": zeros}

    def prepare(self, iteration: Array, learning_rate: Array, scalars: Scalars) -> tuple[Any, Scalars]:
        step = (iteration + 1).astype(learning_rate.dtype)
        if self.warmup_steps > 0:
            learning_rate = learning_rate * jnp.minimum(step / self.warmup_steps, 1.0)
        return (learning_rate, 1 - power(self.beta_2, iteration, learning_rate), 1.0 / step), scalars

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        rate, correction, weight = common
        beta_1, beta_2 = (jnp.asarray(beta, gradient.dtype) for beta in (self.beta_1, self.beta_2))
        velocity = slots["velocity"] + (jnp.square(gradient) - slots["velocity"]) * (1 - beta_2)
        before = slots["momentum"]
        after = before - rate * gradient / (jnp.sqrt(velocity / correction) + self.epsilon)
        # The parameter lies between the two sequences; so the averaged one need not be stored.
        average = (parameter - (1 - beta_1) * before) / beta_1
        average = (1 - weight) * average + weight * after
        update = (1 - beta_1) * after + beta_1 * average - parameter
        return update, {"momentum": after, "velocity": velocity}


@registry.add()
@dataclasses.dataclass(frozen=True)
class ScheduleFreeAdamW(RuleOptimizer, ScheduleFreeAdamWRule):
    """Adam whose parameters lie between the sequence of steps and its average, which replaces a schedule.

    Reference: Defazio et al., 2024 (arXiv:2405.15682).

    Attributes:
        learning_rate: number, schedule, or function of the step.
        beta_1: weight of the average in the parameters.
        beta_2: decay rate of the moving average of squared gradients.
        epsilon: added to the denominator.
        warmup_steps: steps in which the learning rate rises from 0.
    """

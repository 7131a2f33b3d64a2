"""Learning-rate schedules: pure functions from the step to the learning rate, as Keras defines them."""

from __future__ import annotations

import dataclasses
import inspect
import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from kjax.nn.arguments import hashable, integer, optional, positive
from kjax.nn.dtypes import default_float
from kjax.nn.value import ArgumentError, Registry, Value, field

LearningRate: TypeAlias = float | Callable[..., Any]
"""A number, a schedule, or any callable from the step (int32 scalar) to a number."""


class LearningRateSchedule(Value):
    """Base of schedules; a subclass writes ``__call__(self, step)``.

    The built-in ones are frozen dataclasses; one's own may be an ordinary class with an ``__init__``. It is
    called with a traced step inside compiled training steps, so it must compute with ``jax.numpy`` and not
    branch on the step with Python's ``if``.
    """

    def __call__(self, step: Any) -> Any:
        """The learning rate at ``step`` (int32 scalar: the number of updates that have been made)."""
        raise NotImplementedError(f"{type(self).__name__} must define `__call__(self, step)`")


registry = Registry("learning-rate schedule", LearningRateSchedule)


def get(identifier: Any) -> Any:
    """A schedule from its config ``{'class_name': ..., 'config': {...}}``; a callable stays as it is."""
    return registry.get(identifier)


def number(value: Any) -> Array:
    """A value in the type that learning rates have: float32, or float64 where that is the session's float type."""
    return jnp.asarray(value, default_float[-1]())


def at_step(schedule: Callable[..., Any], step: Any) -> Float[Array, ""]:
    """The value of ``schedule`` at ``step`` as a scalar of the type of :func:`number`.

    Args:
        schedule: a schedule or another callable of the step; one without parameters, which Keras allows too,
            is called without the step.
        step: integer scalar.
    """
    value = schedule() if _takes_nothing(schedule) else schedule(step)
    return number(value)


def _takes_nothing(function: Callable[..., Any]) -> bool:
    if isinstance(function, LearningRateSchedule):
        return False
    try:
        return not inspect.signature(function).parameters
    except (TypeError, ValueError):  # builtins and compiled functions need not have a signature
        return False


def learning_rate(value: Any) -> LearningRate:
    """Converter of the argument ``learning_rate``.

    Args:
        value: a number, a 0-d array, a schedule, a schedule's config dict, or a callable of the step.

    Raises:
        TypeError, ValueError: it is none of these.
    """
    if isinstance(value, Tracer):
        raise TypeError(
            "received a traced value; make the optimizer with a number and put the traced value into its "
            "state with `set_learning_rate(state, value)`"
        )
    if isinstance(value, Mapping):
        return get(value)
    if callable(value):
        return value
    if isinstance(value, numbers.Real) or (hasattr(value, "shape") and value.shape == ()):
        number = float(value)
        if math.isnan(number):
            raise ValueError("expected a number, received nan")
        return number
    raise TypeError(
        f"it should be float, or an instance of LearningRateSchedule, or a callable of the step, received {value!r}"
    )


def _values(sequence: Any) -> tuple[Any, ...]:
    return tuple(float(v) if isinstance(v, float) else v for v in hashable(list(sequence)))


@registry.add()
@dataclasses.dataclass(frozen=True)
class ExponentialDecay(LearningRateSchedule):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``.

    Attributes:
        initial_learning_rate: value at step 0.
        decay_steps: steps in which it is multiplied by ``decay_rate``.
        decay_rate: factor.
        staircase: whether the exponent is rounded down to an integer.
        name: name in configs.
    """

    initial_learning_rate: float = field(convert=float)
    decay_steps: int = field(convert=positive)
    decay_rate: float = field(convert=float)
    staircase: bool = field(False, convert=bool)
    name: str | None = "ExponentialDecay"

    def __call__(self, step: Any) -> Float[Array, ""]:
        periods = _periods(step, self.decay_steps, self.staircase)
        return self.initial_learning_rate * jnp.power(number(self.decay_rate), periods)


@registry.add()
@dataclasses.dataclass(frozen=True)
class InverseTimeDecay(LearningRateSchedule):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``.

    With ``decay_steps=1`` it is the argument ``decay`` of Keras 2's optimizers.

    Attributes:
        initial_learning_rate: value at step 0.
        decay_steps: steps in one period.
        decay_rate: what one period adds to the denominator.
        staircase: whether the number of periods is rounded down to an integer.
        name: name in configs.
    """

    initial_learning_rate: float = field(convert=float)
    decay_steps: int = field(convert=positive)
    decay_rate: float = field(convert=float)
    staircase: bool = field(False, convert=bool)
    name: str | None = "InverseTimeDecay"

    def __call__(self, step: Any) -> Float[Array, ""]:
        periods = _periods(step, self.decay_steps, self.staircase)
        return self.initial_learning_rate / (1.0 + self.decay_rate * periods)


@registry.add()
@dataclasses.dataclass(frozen=True)
class PiecewiseConstantDecay(LearningRateSchedule):
    """``values[0]`` up to and including step ``boundaries[0]``, then ``values[1]`` up to ``boundaries[1]``,
    ...

    Attributes:
        boundaries: increasing steps at which the value changes.
        values: one value more than there are boundaries.
        name: name in configs.

    Raises:
        ArgumentError: the lengths do not fit or the boundaries do not increase.
    """

    boundaries: Any = field(convert=_values)
    values: Any = field(convert=_values)
    name: str | None = "PiecewiseConstant"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.values) != len(self.boundaries) + 1:
            raise ArgumentError(
                "PiecewiseConstantDecay: The length of boundaries should be 1 less than the length of values, received "
                f"{len(self.boundaries)} boundaries and {len(self.values)} values"
            )
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ArgumentError(f"PiecewiseConstantDecay: `boundaries` must increase, received {self.boundaries}")

    def __call__(self, step: Any) -> Float[Array, ""]:
        step = jnp.asarray(step)
        values = number(self.values)
        # Keras casts the boundaries to the type of the step, so 2.5 counts as 2 for an integer step.
        return values[jnp.sum(step > jnp.asarray(self.boundaries).astype(step.dtype))]


@registry.add()
@dataclasses.dataclass(frozen=True)
class PolynomialDecay(LearningRateSchedule):
    """``(initial - end_learning_rate) * (1 - step / decay_steps) ** power + end_learning_rate``.

    Attributes:
        initial_learning_rate: value at step 0.
        decay_steps: step at which the end is reached.
        end_learning_rate: value from there on.
        power: exponent; 1 is a straight line.
        cycle: instead of staying at the end, start anew with ``decay_steps`` replaced by its next multiple.
        name: name in configs.
    """

    initial_learning_rate: float = field(convert=float)
    decay_steps: int = field(convert=positive)
    end_learning_rate: float = field(0.0001, convert=float)
    power: float = field(1.0, convert=float)
    cycle: bool = field(False, convert=bool)
    name: str | None = "PolynomialDecay"

    def __call__(self, step: Any) -> Float[Array, ""]:
        step = number(step)
        if self.cycle:
            steps = self.decay_steps * jnp.where(step == 0, 1.0, jnp.ceil(step / self.decay_steps))
        else:
            steps = number(self.decay_steps)
            step = jnp.minimum(step, steps)
        left = 1 - step / steps
        left = left if self.power == 1 else jnp.power(left, number(self.power))
        return (self.initial_learning_rate - self.end_learning_rate) * left + self.end_learning_rate


@registry.add()
@dataclasses.dataclass(frozen=True)
class CosineDecay(LearningRateSchedule):
    """Half a period of a cosine down to ``alpha`` times the initial value, after an optional linear warm-up.

    Reference: Loshchilov & Hutter, "SGDR" (arXiv:1608.03983); warm-up: Goyal et al. (arXiv:1706.02677).

    Attributes:
        initial_learning_rate: value at step 0.
        decay_steps: steps that the decay takes (after the warm-up).
        alpha: end value as a fraction of the value at which the decay starts.
        name: name in configs.
        warmup_target: value at the end of the warm-up, at which the decay starts; None: no warm-up.
        warmup_steps: steps of the warm-up.
    """

    initial_learning_rate: float = field(convert=float)
    decay_steps: int = field(convert=positive)
    alpha: float = field(0.0, convert=float)
    name: str | None = "CosineDecay"
    warmup_target: float | None = field(None, convert=optional(float))
    warmup_steps: int = field(0, convert=integer)

    def __call__(self, step: Any) -> Float[Array, ""]:
        step = number(step)
        if self.warmup_target is None:
            return self._decay(jnp.minimum(step, self.decay_steps), self.initial_learning_rate)
        step = jnp.minimum(step, self.decay_steps + self.warmup_steps)
        decayed = self._decay(step - self.warmup_steps, self.warmup_target)
        if self.warmup_steps <= 0:
            return decayed
        start = number(self.initial_learning_rate)
        warm = (number(self.warmup_target) - start) * (step / self.warmup_steps) + start
        return jnp.where(step < self.warmup_steps, warm, decayed)

    def _decay(self, step: Array, start: float) -> Array:
        cosine = 0.5 * (1.0 + jnp.cos(math.pi * (step / self.decay_steps)))
        return start * ((1 - self.alpha) * cosine + self.alpha)


@registry.add()
@dataclasses.dataclass(frozen=True)
class CosineDecayRestarts(LearningRateSchedule):
    """A cosine decay that starts anew again and again.

    Reference: Loshchilov & Hutter, "SGDR" (arXiv:1608.03983).

    Attributes:
        initial_learning_rate: value at step 0.
        first_decay_steps: steps of the first period.
        t_mul: each period is this many times longer than the one before.
        m_mul: each period starts at this many times the value at which the one before started.
        alpha: end value as a fraction of ``initial_learning_rate``.
        name: name in configs.
    """

    initial_learning_rate: float = field(convert=float)
    first_decay_steps: int = field(convert=positive)
    t_mul: float = field(2.0, convert=float)
    m_mul: float = field(1.0, convert=float)
    alpha: float = field(0.0, convert=float)
    name: str | None = "SGDRDecay"

    def __call__(self, step: Any) -> Float[Array, ""]:
        fraction = number(step) / self.first_decay_steps
        if self.t_mul == 1:
            restarts = jnp.floor(fraction)
            fraction = fraction - restarts
        else:
            # The start of period i, in first periods, is the geometric sum (1 - t^i) / (1 - t).
            ratio = number(self.t_mul)
            restarts = jnp.floor(jnp.log(1.0 - fraction * (1.0 - ratio)) / jnp.log(ratio))
            length = jnp.power(ratio, restarts)
            fraction = (fraction - (1.0 - length) / (1.0 - ratio)) / length
        height = 0.5 if self.m_mul == 1 else 0.5 * jnp.power(number(self.m_mul), restarts)
        cosine = height * (1.0 + jnp.cos(math.pi * fraction))
        alpha = number(self.alpha)
        return self.initial_learning_rate * ((1 - alpha) * cosine + alpha)


def _periods(step: Any, decay_steps: int, staircase: bool) -> Array:
    periods = number(step) / decay_steps
    return jnp.floor(periods) if staircase else periods

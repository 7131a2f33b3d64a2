"""Optimizers whose hyper-parameters are numbers of the state, which may be set between steps without compiling anew."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import jax
from jaxtyping import Array

from kjax.nn.optimizers.base import Visit
from kjax.nn.optimizers.rule import RuleOptimizer, Scalars, Slots
from kjax.nn.optimizers.state import OptimizerState, scalar

_PREFIX = "driven_"


def driven_name(name: str) -> str:
    """Key of a hyper-parameter among the scalars of the state."""
    return f"{_PREFIX}{name}"


class Driven(RuleOptimizer):
    """A rule that reads some of its hyper-parameters from the state."""

    driven: ClassVar[tuple[str, ...]] = ()

    def init(self, params: Any) -> OptimizerState:
        """The state of the rule, and the hyper-parameters."""
        state = super().init(params)
        numbers = {driven_name(name): scalar(jax.numpy.float32(getattr(self, name)), params) for name in self.driven}
        return state._replace(scalars=state.scalars | numbers)

    def visit_variables(self, state: OptimizerState, params: Any, order: Sequence[int], visit: Visit) -> OptimizerState:
        """The numbers of the rule: its hyper-parameters are arguments, and no numbers that it learned."""
        numbers, rest = _apart(state.scalars)
        visited = super().visit_variables(state._replace(scalars=rest), params, order, visit)
        return visited._replace(scalars=visited.scalars | numbers)

    def _decayed(self, rate: Array, iteration: Array, scalars: Scalars) -> Array:
        present: Any = super(Driven, self._with(_apart(scalars)[0]))
        return present._decayed(rate, iteration, {})

    def _apply(
        self,
        gradients: Sequence[Array],
        parameters: Sequence[Array],
        paths: Sequence[str],
        slots: Sequence[Slots],
        scalars: Scalars,
        iteration: Array,
        learning_rate: Any,
    ) -> tuple[list[Array], list[Slots], Scalars]:
        numbers, rest = _apart(scalars)
        present: Any = super(Driven, self._with(numbers))
        updates, new_slots, after = present._apply(gradients, parameters, paths, slots, rest, iteration, learning_rate)
        return updates, new_slots, after | numbers

    def _with(self, numbers: Scalars) -> Any:
        """A copy with these values in its fields."""
        present = copy.copy(self)
        for name in self.driven:
            object.__setattr__(present, name, numbers[driven_name(name)])
        return present


def _apart(scalars: Scalars) -> tuple[Scalars, Scalars]:
    """The hyper-parameters, and the other numbers."""
    numbers = {name: value for name, value in scalars.items() if name.startswith(_PREFIX)}
    return numbers, {name: value for name, value in scalars.items() if name not in numbers}


@functools.cache
def _class_of(cls: type, names: tuple[str, ...]) -> type:
    return type(cls.__name__, (Driven, cls), {"driven": names, "__doc__": cls.__doc__})


def drive(rule: RuleOptimizer, names: Sequence[str]) -> RuleOptimizer:
    """The same optimizer with some hyper-parameters in its state.

    Args:
        rule: the optimizer.
        names: names of fields that are numbers. Whether a slot exists, and whether the learning rate decays, follows
            from the values that ``rule`` has.
    """
    return _class_of(type(rule), tuple(names))(**{name: getattr(rule, name) for name in rule.__dataclass_fields__})

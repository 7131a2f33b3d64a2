"""Optimizers whose step a user wrote: their methods, run on variables that stand for traced values, as floor-1 rules."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
import numpy as np
from jaxtyping import Array

from kjax.keras.core import scope as scopes
from kjax.keras.core.variable import Variable
from kjax.nn import optimizers as rules
from kjax.nn.optimizers.rule import Scalars, Slots
from kjax.nn.optimizers.schedules import LearningRate, learning_rate
from kjax.nn.value import field


@dataclasses.dataclass(frozen=True)
class _OwnRule(rules.Rule):
    learning_rate: LearningRate = field(0.001, convert=learning_rate)


@dataclasses.dataclass(frozen=True)
class Own(rules.RuleOptimizer, _OwnRule):
    """The arguments that every optimizer has, for one whose step a user wrote."""


class Stepwise(rules.RuleOptimizer):
    """Runs the owner's ``update_step`` for each weight; clipping, decay, accumulation and averages stay where they are.

    The owner's own variables travel as scalars of the state, named by :func:`own_name`.
    """

    owner: ClassVar[Any]

    def init(self, params: Any) -> rules.OptimizerState:
        """The state of the rule, and the first values of the owner's variables."""
        state = super().init(params)
        own = {own_name(i): box.value for i, box in enumerate(self.owner._own)}
        return state._replace(scalars=state.scalars | own)

    def visit_variables(self, state: Any, params: Any, order: Sequence[int], visit: Callable[..., Any]) -> Any:
        """First what the rule has, then the owner's variables."""
        own = {name: value for name, value in state.scalars.items() if name.startswith(_OWN)}
        rest = {name: value for name, value in state.scalars.items() if name not in own}
        visited = super().visit_variables(state._replace(scalars=rest), params, order, visit)
        return visited._replace(scalars=visited.scalars | {name: visit(value) for name, value in own.items()})

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
        owner, tree = self.owner, self.owner.state
        boxes: list[Variable] = owner._leaves
        order: list[int] = owner._order
        columns = {name: jax.tree.leaves(tree.slots[name], is_leaf=_leaf) for name in tree.slots}
        slot_boxes = [(i, name, column[i]) for name, column in columns.items() for i in range(len(boxes))]
        slot_boxes = [(i, name, box) for i, name, box in slot_boxes if box is not None]
        shared = [tree.count, *([tree.learning_rate] if isinstance(tree.learning_rate, Variable) else [])]
        bound = [*boxes, *(box for _, _, box in slot_boxes), *tree.scalars.values(), *shared]
        values = [*parameters, *(slots[i][name] for i, name, _ in slot_boxes), *(scalars[n] for n in tree.scalars)]
        clipped = self._clip(gradients, paths)

        def run() -> None:
            for i in order:
                box, rate = boxes[i], self.decay_rate(paths[i], parameters[i])
                if rate and not self._is_excluded(paths[i]):
                    box.assign(box.value - box.value * rate * learning_rate)
                owner._call_update_step(clipped[i], box, learning_rate)

        _, after = scopes.run_with(bound, [*values, iteration, learning_rate][: len(bound)], run)
        parameters_after = after[: len(boxes)]
        slots_after = after[len(boxes) : len(boxes) + len(slot_boxes)]
        new_slots = [dict(slot) for slot in slots]
        for (i, name, _), value in zip(slot_boxes, slots_after, strict=True):
            new_slots[i][name] = value
        first = len(boxes) + len(slot_boxes)
        new_scalars = dict(zip(tree.scalars, after[first : first + len(tree.scalars)], strict=True))
        updates = [new - old for new, old in zip(parameters_after, parameters, strict=True)]
        return updates, new_slots, new_scalars


def stepwise(owner: Any, rule: Any) -> Any:
    """A rule that runs ``owner.update_step``; equal only to that of the same owner."""
    cls = type(type(rule).__name__, (Stepwise, type(rule)), {"owner": owner, "__doc__": Stepwise.__doc__})
    return cls(**{f.name: getattr(rule, f.name) for f in dataclasses.fields(rule) if f.init})


@dataclasses.dataclass(frozen=True)
class Applied(rules.Optimizer):
    """A rule whose owner has an ``apply`` or ``apply_gradients`` of its own around it.

    Attributes:
        owner: the Keras optimizer, compared by identity.
        rule: what its base class would run.
    """

    owner: Any
    rule: Any
    name: str | None = None

    def init(self, params: Any) -> rules.OptimizerState:
        """The rule's state."""
        return self.rule.init(params)

    def scale_loss(self, state: Any, loss: Any) -> Any:
        """As the rule does."""
        return self.rule.scale_loss(state, loss)

    def finalize(self, state: Any, params: Any) -> Any:
        """As the rule does."""
        return self.rule.finalize(state, params)

    def visit_variables(self, state: Any, params: Any, order: Sequence[int], visit: Callable[..., Any]) -> Any:
        """As the rule does."""
        return self.rule.visit_variables(state, params, order, visit)

    def update(self, grads: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, Any]:
        """Run the owner's method on variables that stand for the parameters and the state."""
        del extra_args
        owner = self.owner
        parameters, structure = jax.tree.flatten(params)
        gradients = jax.tree.leaves(grads)
        state_leaves, state_structure = jax.tree.flatten(state)
        boxes = [*owner._leaves, *jax.tree.leaves(owner.state, is_leaf=_is_box)]

        def run() -> None:
            owner._apply_written_by_user([gradients[i] for i in owner._order], stepped(owner._trainable_variables))

        _, after = scopes.run_with(boxes, [*parameters, *state_leaves], run)
        count = len(parameters)
        updates = [new - old for new, old in zip(after[:count], parameters, strict=True)]
        return jax.tree.unflatten(structure, updates), jax.tree.unflatten(state_structure, after[count:])


_OWN = "own_"


def own_name(number: int) -> str:
    """Key of an owner's variable among the scalars of the state."""
    return f"{_OWN}{number:03}"


def takes_learning_rate(function: Callable[..., Any]) -> bool:
    """Whether an ``update_step`` takes the learning rate, as in Keras 3 (in tf.keras it does not)."""
    parameters = inspect.signature(function).parameters.values()
    return len(parameters) > 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters)


def zero_array(value: Any) -> np.ndarray:
    """Zeros like an array or a variable."""
    return np.zeros(value.shape, value.dtype)


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)


def _leaf(thing: Any) -> bool:
    return thing is None or isinstance(thing, Variable)


def stepped(variables: Sequence[Any]) -> list[Any]:
    """Those of some variables that an optimizer steps: the others are replaced by their gradients (float8)."""
    return [v for v in variables if not getattr(v, "overwrite_with_gradient", False)]

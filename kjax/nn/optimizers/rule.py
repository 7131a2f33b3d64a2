"""Update rules, and the one mechanism around them: clipping, weight decay, accumulation, moving averages."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from kjax.nn.arguments import fraction, hashable, integer, optional
from kjax.nn.dtypes import default_float
from kjax.nn.optimizers import schedules
from kjax.nn.optimizers.base import Optimizer, Visit, check_gradients, flatten
from kjax.nn.optimizers.schedules import LearningRate
from kjax.nn.optimizers.state import OptimizerState, full_like, scalar
from kjax.nn.row_gradients import is_clipped
from kjax.nn.value import ArgumentError, field

Slot: TypeAlias = Callable[[str, Any], Any]
"""How a slot starts: from path ('dense/kernel') and value of a parameter to an array, or None: no slot."""

Slots: TypeAlias = dict[str, Any]
"""The slots of one parameter by name."""

Scalars: TypeAlias = dict[str, Array]
"""Numbers carried from step to step by name."""


def zeros(path: str, parameter: Any) -> Array:
    """A slot that starts at zero."""
    del path
    return full_like(parameter, 0)


def _copied(path: str, parameter: Any) -> Array:
    del path
    return jnp.array(parameter)


def filled(value: float) -> Slot:
    """A slot that starts at ``value``."""
    return lambda path, parameter: full_like(parameter, value)


class Rule:
    """An update rule: its slots, and its step for one tensor. All else is done by :class:`RuleOptimizer`.

    Hyper-parameters such as ``beta_1`` are fields and stay Python floats, because Keras computes ``1 -
    beta_1`` in Python's double precision: ``1 - 0.999`` in float32 is off by 5e-5. So only the learning rate
    can change without compiling anew.
    """

    learning_rate: LearningRate

    def slots(self) -> dict[str, Slot]:
        """The slots by name: how each starts for one parameter."""
        return {}

    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        """The order of the slots in Keras' files: group by group; in a group, parameter by parameter."""
        names = tuple(self.slots())
        return (names,) if names else ()

    def stored(self, name: str, slots: Slots) -> Any:
        """What Keras' files hold for the slot ``name`` of one parameter; None: nothing."""
        return slots[name]

    def scalars(self) -> dict[str, float]:
        """Numbers that are carried from step to step: their first values."""
        return {}

    def prepare(self, iteration: Array, learning_rate: Array, scalars: Scalars) -> tuple[Any, Scalars]:
        """What all tensors share in one step, computed once.

        Args:
            iteration: int32 scalar, the number of steps before this one.
            learning_rate: floating-point scalar.
            scalars: the carried numbers.

        Returns:
            What :meth:`step` gets as ``common`` (a tree of scalars, each cast to the type of the tensor), and
            the carried numbers for the next step.
        """
        del iteration
        return learning_rate, scalars

    def step(self, gradient: Array, parameter: Array, slots: Slots, common: Any) -> tuple[Array, Slots]:
        """The step of one tensor.

        Args:
            gradient: of the shape and type of the parameter.
            parameter: its value (after weight decay).
            slots: its slots.
            common: from :meth:`prepare`.

        Returns:
            The update, which is added to the parameter, and the new slots.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `step`")


def _rate(value: Any) -> np.generic:
    return np.dtype(default_float[-1]()).type(value)


def _accumulation_steps(value: Any) -> int | None:
    if not value:
        return None
    number = integer(value)
    if number < 2:
        raise ValueError(f"expected an integer of at least 2 (or None), received {value!r}")
    return number


def _frequency(value: Any) -> int | None:
    if not value:
        return None
    number = integer(value)
    if number < 1:
        raise ValueError(f"expected a positive integer or None, received {value!r}")
    return number


def patterns(value: Any) -> tuple[str, ...]:
    """Converter of arguments that are regular expressions: one, several, or None for none."""
    found = (value,) if isinstance(value, str) else hashable(tuple(value or ()))
    for pattern in found:
        if not isinstance(pattern, str):
            raise TypeError(f"expected regular expressions, received {pattern!r}")
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    return found


def exactly(path: str) -> str:
    """The pattern that finds this path alone."""
    return f"^{re.escape(path)}$"


@dataclasses.dataclass(frozen=True)
class RuleOptimizer(Optimizer, Rule):
    """The arguments that all optimizers share, and the mechanism that runs a rule.

    An optimizer is ``class SGD(RuleOptimizer, SGDRule)``: dataclasses collect fields from the last base to
    the first, so the arguments of the rule come before these, in Keras' order. One's own rule needs no second
    class: derive from this one, declare ``learning_rate`` and other fields, write ``slots`` and ``step``.

    The order of what a step does is that of Keras 3.15.1: unscale, accumulate, clip, decay the weights, apply
    the rule, average. (Constraints come after that, in the training step.)

    Attributes:
        weight_decay: fraction of each weight, times the learning rate, that a step subtracts.
        clipnorm: largest L2 norm of each gradient.
        clipvalue: largest absolute value of each element of a gradient.
        global_clipnorm: largest L2 norm of all gradients together.
        use_ema: whether to keep a moving average of the parameters.
        ema_momentum: weight of the old average.
        ema_overwrite_frequency: every so many steps the parameters are replaced by the average; None: never.
        loss_scale_factor: the loss is multiplied and the gradients are divided by it.
        gradient_accumulation_steps: the rule runs once in so many calls of ``update``, with the mean
            gradient.
        name: name in configs.
        exclude_from_weight_decay: regular expressions, searched in the path of a parameter
            (``'dense/bias'``); those found are not decayed.
        clips_as_keras2: as in Keras 1 and 2, ``global_clipnorm`` and ``clipvalue`` may both be set (the norm is first), and
            ``clipvalue`` clips the gradients of the rows that an embedding looks up before those of one row are added up.
        decay: the decay over time of Keras 1 and 2: a step uses ``learning_rate / (1 + decay * iterations)``, and
            the number ``learning_rate`` may be set all the same.
        ema_starts_with_weights: as in tf.keras, the average begins with the weights before the first step.
    """

    weight_decay: float | None = field(None, convert=optional(float))
    clipnorm: float | None = field(None, convert=optional(float))
    clipvalue: float | None = field(None, convert=optional(float))
    global_clipnorm: float | None = field(None, convert=optional(float))
    use_ema: bool = field(False, convert=bool)
    ema_momentum: float = field(0.99, convert=fraction)
    ema_overwrite_frequency: int | None = field(None, convert=_frequency)
    loss_scale_factor: float | None = field(None, convert=optional(float))
    gradient_accumulation_steps: int | None = field(None, convert=_accumulation_steps)
    name: str | None = None
    exclude_from_weight_decay: Any = field((), convert=patterns, kw_only=True)
    clips_as_keras2: bool = field(False, convert=bool, kw_only=True)
    decay: float = field(0.0, convert=float, kw_only=True)
    ema_starts_with_weights: bool = field(False, convert=bool, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        clips = {name: getattr(self, name) for name in ("clipnorm", "clipvalue", "global_clipnorm")}
        given = [f"{name}={value}" for name, value in clips.items() if value is not None]
        if len(given) > 1 and not (self.clips_as_keras2 and self.clipnorm is None):
            raise ArgumentError(
                f"{type(self).__name__}: Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set, received "
                f"{', '.join(given)}"
            )

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments; those that are unknown to Keras 3 only if they are set."""
        config = super().get_config()
        for name in ("exclude_from_weight_decay", "clips_as_keras2", "decay", "ema_starts_with_weights"):
            if not config[name]:
                del config[name]
        return config

    @property
    def structure(self) -> Self:
        changes: dict[str, Any] = {"name": None}
        if not callable(self.learning_rate):
            changes["learning_rate"] = 0.0
        return dataclasses.replace(self, **changes)

    def scale_loss(self, state: OptimizerState, loss: Any) -> Any:
        del state
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize(self, state: OptimizerState, params: Any) -> Any:
        return state.average if self.use_ema else params

    def init(self, params: Any) -> OptimizerState:
        paths, leaves, treedef = flatten(params, self)

        def tree(start: Slot) -> Any:
            return treedef.unflatten([start(path, leaf) for path, leaf in zip(paths, leaves, strict=True)])

        return OptimizerState(
            count=scalar(np.int32(0), params),
            learning_rate=self._first_learning_rate(params),
            slots={name: tree(start) for name, start in self.slots().items()},
            scalars={name: scalar(np.float32(value), params) for name, value in self.scalars().items()},
            average=tree(_copied if self.ema_starts_with_weights else zeros) if self.use_ema else None,
            accumulator=tree(zeros) if self.gradient_accumulation_steps else None,
        )

    def update(
        self, grads: Any, state: OptimizerState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, OptimizerState]:
        del extra_args
        paths, parameters, treedef = flatten(params, self)
        gradients = check_gradients(grads, treedef, self)
        if self.loss_scale_factor is not None:
            gradients = [g / self.loss_scale_factor for g in gradients]
        gradients = [jnp.asarray(g, p.dtype) for g, p in zip(gradients, parameters, strict=True)]
        slots = self._slots(state, treedef)
        changes: dict[str, Any] = {}
        iteration = state.count

        def apply(gradients: Sequence[Array]) -> tuple[list[Array], list[Slots], Scalars]:
            rate = self._scheduled(state.count) if callable(self.learning_rate) else state.learning_rate
            if self.decay:
                rate = self._decayed(rate, iteration, state.scalars)
            return self._apply(gradients, parameters, paths, slots, state.scalars, iteration, rate)

        if self.gradient_accumulation_steps is None:
            updates, new_slots, scalars = apply(gradients)
        else:
            steps = np.int32(self.gradient_accumulation_steps)
            iteration = jax.lax.div(state.count, steps)
            accumulated = treedef.flatten_up_to(state.accumulator)
            sums = [g + a for g, a in zip(gradients, accumulated, strict=True)]
            # `cond` and not a choice between two results: the rule runs only where its result is used.
            updates, new_slots, scalars, sums = jax.lax.cond(
                jax.lax.rem(state.count + 1, steps) == 0,
                lambda: (*apply([g / steps for g in sums]), [jnp.zeros_like(g) for g in sums]),
                lambda: ([jnp.zeros_like(p) for p in parameters], slots, dict(state.scalars), sums),
            )
            changes["accumulator"] = treedef.unflatten(sums)
        if self.use_ema:
            averages = treedef.flatten_up_to(state.average)
            updates, averages = self._average(updates, parameters, averages, iteration)
            changes["average"] = treedef.unflatten(averages)
        count = state.count + 1
        if callable(self.learning_rate):
            changes["learning_rate"] = self._scheduled(count)
        slot_trees = {name: treedef.unflatten([slot[name] for slot in new_slots]) for name in state.slots}
        return treedef.unflatten(updates), state._replace(count=count, slots=slot_trees, scalars=scalars, **changes)

    def visit_variables(self, state: OptimizerState, params: Any, order: Sequence[int], visit: Visit) -> OptimizerState:
        treedef = jax.tree.structure(params)
        changes: dict[str, Any] = {"count": visit(state.count)}
        if state.learning_rate is not None and not callable(self.learning_rate):
            changes["learning_rate"] = visit(state.learning_rate)
        for name in ("average", "accumulator"):
            if getattr(state, name) is not None:
                leaves = treedef.flatten_up_to(getattr(state, name))
                for i in order:
                    leaves[i] = visit(leaves[i])
                changes[name] = treedef.unflatten(leaves)
        slots = self._slots(state, treedef)
        for group in self.slot_groups():
            for i in order:
                for name in group:
                    stored = self.stored(name, slots[i])
                    value = None if stored is None else visit(stored)
                    if slots[i][name] is not None:
                        slots[i] = slots[i] | {name: value}
        changes["slots"] = {name: treedef.unflatten([slot[name] for slot in slots]) for name in state.slots}
        changes["scalars"] = {name: visit(value) for name, value in state.scalars.items()}
        return state._replace(**changes)

    def known_as(self, names: Mapping[str, str]) -> Self:
        """This optimizer for parameters that have other names too, in which patterns are searched as in their paths.

        Args:
            names: the other name of each path.
        """
        found = [path for path, name in names.items() if self._is_excluded(name) and not self._is_excluded(path)]
        if not found:
            return self
        exact = tuple(map(exactly, found))
        return dataclasses.replace(self, exclude_from_weight_decay=(*self.exclude_from_weight_decay, *exact))

    def decay_rate(self, path: str, parameter: Array) -> float | None:
        """The weight decay of one parameter; None or 0: none."""
        del path, parameter
        return self.weight_decay

    def _decayed(self, rate: Array, iteration: Array, scalars: Scalars) -> Array:
        """The learning rate after ``decay``."""
        del scalars
        return rate / (1.0 + self.decay * iteration.astype(rate.dtype))

    def _scheduled(self, count: Array) -> Array:
        assert callable(self.learning_rate)
        return schedules.at_step(self.learning_rate, count)

    def _first_learning_rate(self, params: Any) -> Array:
        if not callable(self.learning_rate):
            return scalar(_rate(self.learning_rate), params)
        value = self._scheduled(jnp.asarray(np.int32(0)))
        return value if isinstance(value, Tracer) else scalar(_rate(value), params)

    def _slots(self, state: OptimizerState, treedef: Any) -> list[Slots]:
        wanted = set(self.slots())
        if set(state.slots) != wanted:
            raise ValueError(
                f"{type(self).__name__}.update: the state has the slots {sorted(state.slots)}, but the slots "
                f"{sorted(wanted)} are needed; make the state with `init` of the same optimizer"
            )
        columns = {name: treedef.flatten_up_to(tree) for name, tree in state.slots.items()}
        return [{name: column[i] for name, column in columns.items()} for i in range(treedef.num_leaves)]

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
        # At least float32: in bfloat16, 0.999 is 1, and the bias correction of Adam would be 0.
        dtype = jnp.result_type(jnp.float32, *parameters)
        common, new_scalars = self.prepare(iteration, jnp.asarray(learning_rate, dtype), dict(scalars))
        new_scalars = {name: new_scalars[name].astype(old.dtype) for name, old in scalars.items()}
        dtypes = {p.dtype for p in parameters}
        common_as = {d: jax.tree.map(lambda c, d=d: jnp.asarray(c, d), common) for d in dtypes}
        updates, new_slots = [], []
        clipped = self._clip(gradients, paths)
        for gradient, parameter, path, slot in zip(clipped, parameters, paths, slots, strict=True):
            rate, decay = self.decay_rate(path, parameter), None
            if rate and not self._is_excluded(path):
                decay = parameter * rate * jnp.asarray(learning_rate, parameter.dtype)
                parameter = parameter - decay
            update, new = self.step(gradient, parameter, slot, common_as[parameter.dtype])
            updates.append(update if decay is None else update - decay)
            new_slots.append({name: new[name] for name in slot})
        return updates, new_slots, new_scalars

    def _is_excluded(self, path: str) -> bool:
        return any(re.search(pattern, path) for pattern in self.exclude_from_weight_decay)

    @property
    def row_limit(self) -> float | None:
        """How steps shall clip gradients of looked up rows (:func:`kjax.nn.row_gradients.clipping`), or None."""
        # Where a norm comes first, it is not known while the gradients are taken.
        return self.clipvalue if self.clips_as_keras2 and not self.global_clipnorm and self.clipvalue else None

    def _clip(self, gradients: Sequence[Array], paths: Sequence[str] = ()) -> Sequence[Array]:
        if self.clipnorm and self.clipnorm > 0:
            limit = self.clipnorm
            norms = [jnp.sqrt(jnp.sum(jnp.square(g))) for g in gradients]
            return [g * limit / jnp.maximum(norm, limit) for g, norm in zip(gradients, norms, strict=True)]
        if self.global_clipnorm and self.global_clipnorm > 0:
            limit = self.global_clipnorm
            norm = jnp.sqrt(sum((jnp.sum(jnp.square(g)) for g in gradients), start=jnp.float32(0)))
            # `norm - norm` is nan where the norm is not finite, so that no step is made with zeroed
            # gradients.
            scale = limit * jnp.minimum(1.0 / norm, 1.0 / limit) + (norm - norm)
            gradients = [g * scale.astype(g.dtype) for g in gradients]
        if self.clipvalue and self.clipvalue > 0:
            done = [is_clipped(path) for path in paths] or [False] * len(gradients)
            limit = self.clipvalue
            return [g if d else jnp.clip(g, -limit, limit) for g, d in zip(gradients, done, strict=True)]
        return gradients

    def _average(
        self,
        updates: Sequence[Array],
        parameters: Sequence[Array],
        averages: Sequence[Array],
        iteration: Array,
    ) -> tuple[list[Array], list[Array]]:
        momentum: Any = jnp.float32(self.ema_momentum)
        if not self.ema_starts_with_weights:
            momentum = jnp.where(iteration == 0, 0.0, self.ema_momentum)
        every = self.ema_overwrite_frequency
        due = None if every is None else jax.lax.rem(iteration + 1, np.int32(every)) == 0
        new_updates, new_averages = [], []
        for update, parameter, average in zip(updates, parameters, averages, strict=True):
            weight = momentum.astype(parameter.dtype)
            new = weight * average + (1 - weight) * (parameter + update)
            new_averages.append(new)
            new_updates.append(update if due is None else jnp.where(due, new - parameter, update))
        return new_updates, new_averages

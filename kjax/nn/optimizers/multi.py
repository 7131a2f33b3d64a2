"""Several optimizers, each for some of the parameters."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from kjax.nn.arguments import optional
from kjax.nn.optimizers.base import Optimizer, Visit, check_gradients, flatten, one, registry
from kjax.nn.optimizers.state import OptimizerState, scalar
from kjax.nn.optimizers.wrappers import LossScaleOptimizer, unscaled
from kjax.nn.value import ArgumentError, Value, field


def _single(value: Any) -> Optimizer:
    optimizer = one(value)
    if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        raise TypeError(f"a {type(optimizer).__name__} cannot be one of several optimizers")
    return optimizer


def _entries(value: Any) -> tuple[tuple[str, Optimizer], ...]:
    items = value.items() if isinstance(value, Mapping) else value or ()
    entries = tuple((pattern, _single(optimizer)) for pattern, optimizer in items)
    for pattern, _ in entries:
        if not isinstance(pattern, str):
            raise TypeError(f"expected paths or regular expressions as keys, received {pattern!r}")
    return entries


@dataclasses.dataclass(frozen=True)
class OptimizerMap(Value):
    """Which optimizer trains which parameter.

    Attributes:
        default_optimizer: for parameters that no key matches; anything that ``get`` accepts.
        optimizer_map: dict from paths (``'encoder/dense/kernel'``) or regular expressions, which must match a
            whole path (``'encoder/.*'``), to optimizers. An equal path wins over a regular expression.
        members: for each entry, the default one last, its place in :attr:`optimizers`.
    """

    default_optimizer: Any = field(convert=_single)
    optimizer_map: Any = field((), convert=_entries)
    members: tuple[int, ...] = field((), init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for pattern, _ in self.optimizer_map:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ArgumentError(f"OptimizerMap: {pattern!r} is no regular expression: {error}") from None
        # One object under several keys is one optimizer, as in Keras; equal objects are not.
        places: dict[int, int] = {}
        members = tuple(places.setdefault(id(o), len(places)) for o in self._all())
        object.__setattr__(self, "members", members)

    def _all(self) -> list[Optimizer]:
        return [*(optimizer for _, optimizer in self.optimizer_map), self.default_optimizer]

    @property
    def optimizers(self) -> list[Optimizer]:
        """The single optimizers in the order of the map, the default one last."""
        return list(dict(zip(self.members, self._all(), strict=True)).values())

    @property
    def structure(self) -> OptimizerMap:
        """The map to the structures of the optimizers."""
        structures = [optimizer.structure for optimizer in self.optimizers]
        patterns = [pattern for pattern, _ in self.optimizer_map]
        *entries, default = (structures[member] for member in self.members)
        return OptimizerMap(default, tuple(zip(patterns, entries, strict=True)))

    def place(self, path: str) -> int:
        """Which of :attr:`optimizers` trains the parameter at ``path``.

        Raises:
            ValueError: several regular expressions match.
        """
        patterns = [pattern for pattern, _ in self.optimizer_map]
        if path in patterns:
            return self.members[patterns.index(path)]
        found = [i for i, pattern in enumerate(patterns) if re.fullmatch(pattern, path)]
        if len(found) > 1:
            listed = ", ".join(repr(patterns[i]) for i in found)
            raise ValueError(f"OptimizerMap: several keys match the parameter {path!r}: {listed}")
        return self.members[found[0] if found else -1]

    def __call__(self, path: str) -> Optimizer:
        """The optimizer of the parameter at ``path``."""
        return self.optimizers[self.place(path)]

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments."""
        return {"default_optimizer": self.default_optimizer, "optimizer_map": dict(self.optimizer_map)}


def _choice(value: Any) -> Callable[[str], Any]:
    if isinstance(value, Mapping):
        config = value.get("config", value)
        if "default_optimizer" in config:
            return OptimizerMap.from_config(config)
    if not callable(value):
        raise TypeError(f"expected an OptimizerMap or a function of a parameter's path, received {value!r}")
    return value


class Part(NamedTuple):
    """One of the single optimizers, and which leaves it trains."""

    optimizer: Optimizer
    leaves: list[int]


@registry.add()
@dataclasses.dataclass(frozen=True)
class MultiOptimizer(Optimizer):
    """Trains each parameter with the optimizer that a map or a function chooses for it.

    ``state.inner`` holds the states of the single optimizers: in the order of ``OptimizerMap.optimizers``, or
    of first use for a function. Their learning rates are read and set there.

    Attributes:
        optimizer_map: an :class:`OptimizerMap`, or a function from a parameter's path to an optimizer;
            parameters for which it returns equal ones share one.
        loss_scale_factor: the loss is multiplied and the gradients are divided by it.
        name: name in configs.
    """

    optimizer_map: Any = field(convert=_choice)
    loss_scale_factor: float | None = field(None, convert=optional(float))
    name: str | None = None

    @property
    def structure(self) -> Self:
        chosen = self.optimizer_map
        if isinstance(chosen, OptimizerMap):
            chosen = chosen.structure
        return dataclasses.replace(self, optimizer_map=chosen, name=None)

    def scale_loss(self, state: OptimizerState, loss: Any) -> Any:
        del state
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def parts(self, paths: Sequence[str]) -> list[Part]:
        """The single optimizers and the indices of the parameters that each trains."""
        if isinstance(self.optimizer_map, OptimizerMap):
            optimizers = self.optimizer_map.optimizers
            places = [self.optimizer_map.place(path) for path in paths]
        else:
            chosen = [_single(self.optimizer_map(path)) for path in paths]
            optimizers = list(dict.fromkeys(chosen))
            places = [optimizers.index(optimizer) for optimizer in chosen]
        return [
            Part(unscaled(optimizer, self.loss_scale_factor), [j for j, p in enumerate(places) if p == i])
            for i, optimizer in enumerate(optimizers)
        ]

    def init(self, params: Any) -> OptimizerState:
        paths, leaves, treedef = flatten(params, self)
        states = [part.optimizer.init(_only(part, leaves, treedef)) for part in self.parts(paths)]
        return OptimizerState(scalar(np.int32(0), params), None, {}, {}, inner=tuple(states))

    def update(
        self, grads: Any, state: OptimizerState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, OptimizerState]:
        paths, parameters, treedef = flatten(params, self)
        gradients = check_gradients(grads, treedef, self)
        updates: list[Any] = [None] * len(parameters)
        states = list(state.inner)
        for i, part in enumerate(self.parts(paths)):
            if part.leaves:
                own = (_only(part, gradients, treedef), states[i], _only(part, parameters, treedef))
                changes, states[i] = part.optimizer.update(*own, **extra_args)
                _put(part, jax.tree.leaves(changes), updates)
        return treedef.unflatten(updates), state._replace(count=state.count + 1, inner=tuple(states))

    def visit_variables(self, state: OptimizerState, params: Any, order: Sequence[int], visit: Visit) -> OptimizerState:
        paths, leaves, treedef = flatten(params, self)
        count = visit(state.count)
        visit(jnp.asarray(np.float32(0)))  # a learning rate that Keras has, but does not use
        states = []
        for part, inner in zip(self.parts(paths), state.inner, strict=True):
            own = [part.leaves.index(i) for i in order if i in part.leaves]
            states.append(part.optimizer.visit_variables(inner, _only(part, leaves, treedef), own, visit))
        return state._replace(count=count, inner=tuple(states))

    def finalize(self, state: OptimizerState, params: Any) -> Any:
        paths, leaves, treedef = flatten(params, self)
        result = list(leaves)
        for part, inner in zip(self.parts(paths), state.inner, strict=True):
            final = part.optimizer.finalize(inner, _only(part, leaves, treedef))
            _put(part, jax.tree.leaves(final), result)
        return treedef.unflatten(result)


def _only(part: Part, leaves: Sequence[Any], treedef: Any) -> Any:
    own = set(part.leaves)
    return treedef.unflatten([leaf if i in own else None for i, leaf in enumerate(leaves)])


def _put(part: Part, values: Sequence[Any], into: list[Any]) -> None:
    for i, value in zip(part.leaves, values, strict=True):
        into[i] = value

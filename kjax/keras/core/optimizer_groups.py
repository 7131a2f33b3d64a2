"""Keras optimizers around others: one that scales the loss, and one that gives each weight to another optimizer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Self

import jax
import jax.numpy as jnp

from kjax.keras.core import configs
from kjax.keras.core import scope as scopes
from kjax.keras.core.optimizer import Optimizer, derive_optimizer, get
from kjax.keras.core.optimizer_state import is_box, state_box
from kjax.nn import optimizers as rules
from kjax.nn.optimizers.base import flatten


class ScalingBase(Optimizer):
    """What is particular about the handle of :class:`kjax.nn.optimizers.LossScaleOptimizer`."""

    def __init__(self, inner_optimizer: Any, *args: Any, **kwargs: Any) -> None:
        self._inner = get(inner_optimizer)
        super().__init__(self._inner.rule, *args, **kwargs)

    def _adopt(self, rule: Any) -> None:
        super()._adopt(rule)
        if "_inner" not in self.__dict__:
            self._inner = Optimizer.wrap(rule.inner_optimizer)
        self._rate, self._iterations = self._inner._rate, self._inner._iterations

    @property
    def inner_optimizer(self) -> Optimizer:
        """The optimizer whose loss is scaled."""
        return self._inner

    def _running_rule(self, tree: Any) -> Any:
        return dataclasses.replace(self.rule, inner_optimizer=self._inner.pure)

    def _make_state(self, tree: Any) -> Any:
        self._inner.prepare(tree, self._trainable_variables)
        fresh = super()._make_state(tree)
        own = {name: fresh.scalars[name] for name in ("step_counter", "dynamic_scale")}
        return self._inner.state._replace(scalars=self._inner.state.scalars | own)

    def __getattr__(self, name: str) -> Any:
        tree = self.__dict__.get("_tree")
        if name in ("step_counter", "dynamic_scale") and tree is not None:
            return tree.scalars[name]
        return super().__getattr__(name)

    def _present_scale(self) -> Any:
        return self.rule.initial_scale if self.__dict__.get("_tree") is None else self.dynamic_scale

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the present scale."""
        return loss * self._present_scale()

    get_scaled_loss = scale_loss

    dynamic = True
    """Whether the scale follows the gradients, as it always does."""

    @property
    def loss_scale(self) -> Any:
        """The present scale."""
        scale = self._present_scale()
        return scopes.shown(scale.value if hasattr(scale, "stored_dtype") else jnp.float32(scale))

    def get_unscaled_gradients(self, grads: Any) -> list[Any]:
        """Gradients of a scaled loss as those of the loss, as tf.keras 2 gave them before ``apply_gradients``.

        Args:
            grads: the gradients.
        """
        self._are_unscaled = True  # :meth:`apply`, which takes gradients of the scaled loss, must know
        scale = self._present_scale()
        return [None if g is None else g / scale for g in grads]

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update variables by gradients of the scaled loss; see :meth:`Optimizer.apply`."""
        if self.__dict__.pop("_are_unscaled", False):
            scale = self._present_scale()
            grads = [None if g is None else g * scale for g in grads]
        super().apply(grads, trainable_variables)

    def check_finite(self, grads: Any) -> Any:
        """Whether all gradients are finite."""
        return jnp.all(jnp.stack([jnp.all(jnp.isfinite(g)) for g in jax.tree.leaves(grads)]))

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """As the inner optimizer does."""
        self._inner.finalize_variable_values(var_list)


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Which optimizer trains which weight: a dict from paths, or regular expressions that match whole paths.

    Args:
        default_optimizer: for weights that no key matches.
        optimizer_map: dict from keys to optimizers.
    """

    def __init__(self, default_optimizer: Any, optimizer_map: Mapping[str, Any] | None = None) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"argument `default_optimizer` must be a Keras optimizer, received {default_optimizer!r}")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"argument `optimizer_map` must be a dict, received {optimizer_map!r}")
        self._default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of weights that no key matches."""
        return self._default_optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        found = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(f"OptimizerMap: several keys match {key!r}: {', '.join(map(repr, found))}")
        return self._optimizer_map[found[0]] if found else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Any) -> None:
        if not isinstance(key, str):
            raise ValueError(f"OptimizerMap: keys are paths or regular expressions, received {key!r}")
        if key in self._optimizer_map:
            raise ValueError(f"OptimizerMap: the key {key!r} is there already")
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"OptimizerMap: {key!r} needs a Keras optimizer, received {optimizer!r}")
        if isinstance(optimizer, (ScalingBase, SeveralBase)):
            raise ValueError(f"OptimizerMap: a {type(optimizer).__name__} cannot be one of several optimizers")
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __call__(self, variable: Any) -> Optimizer:
        """The optimizer of a variable."""
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal map."""
        return {
            "default_optimizer": configs.serialize_keras_object(self.default_optimizer),
            "optimizer_map": {key: configs.serialize_keras_object(value) for key, value in self._optimizer_map.items()},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        """Make a map from what :meth:`get_config` returned."""
        del custom_objects
        entries = {key: get(value) for key, value in (config.get("optimizer_map") or {}).items()}
        return cls(get(config["default_optimizer"]), entries)


class SeveralBase(Optimizer):
    """What is particular about the handle of :class:`kjax.nn.optimizers.MultiOptimizer`."""

    def __init__(self, optimizer_map: Any, loss_scale_factor: float | None = None, name: str | None = None) -> None:
        self._choose = _chooser(optimizer_map)
        if isinstance(optimizer_map, OptimizerMap):
            entries = {key: value.rule for key, value in optimizer_map.items()}
            optimizer_map = rules.OptimizerMap(optimizer_map.default_optimizer.rule, entries)
        elif not isinstance(optimizer_map, (rules.OptimizerMap, Mapping)):
            optimizer_map = _RuleChoice(optimizer_map)
        self._adopt(rules.MultiOptimizer(optimizer_map, loss_scale_factor, name))

    def _adopt(self, rule: Any) -> None:
        super()._adopt(rule)
        if "_choose" not in self.__dict__:
            self._choose = _chooser(rule.optimizer_map)
        self._members: list[Optimizer] = []

    @property
    def optimizers(self) -> list[Optimizer]:
        """The single optimizers that train weights; known when the optimizer was built."""
        return list(self._members)

    @property
    def loss_scale_factor(self) -> float | None:
        """Factor of the loss."""
        return self.rule.loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self.rule, self._pure = dataclasses.replace(self.rule, loss_scale_factor=value), None

    @property
    def learning_rate(self) -> Any:
        """Not one number: each of :attr:`optimizers` has its own."""
        raise AttributeError(f"{self.name}: each of its `optimizers` has a learning rate of its own")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(f"{self.name}: set the learning rates of its `optimizers`, not {value!r} for all of them")

    lr = learning_rate

    def _running_rule(self, tree: Any) -> Any:
        paths, boxes, _ = flatten(tree, self.rule)
        if not boxes:
            return self.rule
        chosen = [self._choose(box) for box in boxes]
        self._members = list({id(o): o for o in chosen}.values())
        # One object under several keys is one optimizer.
        single = {id(member): member.rule for member in self._members}
        exact = {path: single[id(o)] for path, o in zip(paths, chosen, strict=True)}
        return dataclasses.replace(
            self.rule, optimizer_map=rules.OptimizerMap(single[id(self._members[-1])], tuple(exact.items()))
        )

    def _make_state(self, tree: Any) -> Any:
        with scopes.outside(), jax.ensure_compile_time_eval():
            params = jax.tree.map(lambda v: v.value, tree, is_leaf=is_box)
            state = self._running_rule(tree).init(params)
            made = jax.tree_util.tree_map_with_path(lambda path, leaf: state_box(self.name, path, leaf), state)
        inner = [member._share(part) for member, part in zip(self._members, made.inner, strict=True)]
        return made._replace(count=self._iterations, inner=tuple(inner))

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """Replace weights by their moving averages, where one of the optimizers keeps them."""
        if self._tree is None:
            return
        params = {id(v): v for v in (self._leaves if var_list is None else var_list)}
        for part in self._tree.inner:
            if part.average is not None:
                averages = self._structure.flatten_up_to(part.average)
                for box, average in zip(self._leaves, averages, strict=True):
                    if average is not None and id(box) in params:
                        box.assign(average.value)


@dataclasses.dataclass(frozen=True)
class _RuleChoice:
    """A user's function from a variable to an optimizer, as the rule's function; used when the paths are known."""

    function: Any

    def __call__(self, path: str) -> Any:
        return self.function(path).rule


def _chooser(given: Any) -> Any:
    if isinstance(given, OptimizerMap):
        return given
    if isinstance(given, Mapping):
        return OptimizerMap.from_config(given.get("config", given))
    if isinstance(given, rules.OptimizerMap):
        handles = [Optimizer.wrap(rule) for rule in given.optimizers]
        return lambda variable: handles[given.place(variable.path)]
    if isinstance(given, _RuleChoice):
        given = given.function
    seen: dict[int, Optimizer] = {}

    def choose(variable: Any) -> Optimizer:
        found = given(variable)
        return seen.setdefault(id(found), get(found))

    return choose


LossScaleOptimizer = derive_optimizer(rules.LossScaleOptimizer, ScalingBase)
MultiOptimizer = derive_optimizer(rules.MultiOptimizer, SeveralBase)

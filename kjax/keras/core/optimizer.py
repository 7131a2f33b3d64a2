"""Keras optimizers: handles that keep an optimizer's state in variables, around the Optax rules of floor 1."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.keras.core.settings import settings, to_snake_case
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.arguments import optimizer_call
from kjax.keras.legacy.spellings import OPTIMIZERS
from kjax.nn import optimizers as rules
from kjax.nn.value import did_you_mean


class Optimizer:
    """Base of the Keras optimizers.

    Args:
        *args: arguments of the rule, in Keras' order.
        **kwargs: the same by name; ``lr`` and ``decay`` of older scripts too.

    Raises:
        TypeError: an unknown argument.
    """

    rule_class: ClassVar[type[rules.Optimizer] | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        assert self.rule_class is not None
        names = [f.name for f in dataclasses.fields(self.rule_class) if f.init]  # type: ignore[arg-type]
        args, kwargs = optimizer_call(self.rule_class.__name__, args, kwargs, settings.era)
        decay = kwargs.pop("decay", 0.0)
        if kwargs.get("epsilon", 0) is None:
            kwargs.pop("epsilon")
        for key in kwargs:
            if key not in names:
                raise TypeError(f"{type(self).__name__}: unknown argument {key!r}; {did_you_mean(key, names)}")
        rule = self.rule_class(*args, **kwargs)
        if decay:
            schedule = rules.schedules.InverseTimeDecay(rule.learning_rate, 1, float(decay))  # type: ignore[attr-defined]
            rule = dataclasses.replace(rule, learning_rate=schedule)  # type: ignore[type-var]
        self._adopt(rule)

    @classmethod
    def wrap(cls, rule: Any) -> Optimizer:
        """The handle of a rule: of its own class where there is one."""
        handle = Optimizer.__new__(_classes.get(type(rule), Optimizer))
        handle._adopt(rule)
        return handle

    def _adopt(self, rule: Any) -> None:
        object.__setattr__(self, "rule", rule)
        self._tree: Any = None
        self._built_for: tuple[int, ...] = ()
        self.iterations = Variable(jnp.int32(0), trainable=False, name="iterations", path=f"{self.name}/iterations")
        rate = getattr(rule, "learning_rate", None)
        self._rate: Variable | None = None
        if isinstance(rate, (int, float)):
            self._rate = Variable(
                jnp.float32(rate), trainable=False, name="learning_rate", path=f"{self.name}/learning_rate"
            )

    @property
    def name(self) -> str:
        """The optimizer's name."""
        return getattr(self.rule, "name", None) or to_snake_case(type(self.rule).__name__)

    def __getattr__(self, name: str) -> Any:
        rule = self.__dict__.get("rule")
        if rule is not None and not name.startswith("_") and hasattr(rule, name):
            return getattr(rule, name)
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    # -- the learning rate ---------------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a variable; with a schedule the present value."""
        if self._rate is not None:
            return self._rate
        if self._tree is not None:
            state = jax.tree.map(lambda v: v.value, self._tree, is_leaf=_is_box)
            return rules.get_learning_rate(state)
        rate = getattr(self.rule, "learning_rate", None)
        if rate is None:
            return rules.get_learning_rate(self.rule.init({}))
        return rate(self.iterations.value)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value):
            self._adopt_schedule(value)
        elif self._rate is not None:
            self._rate.assign(jnp.float32(value.value if isinstance(value, Variable) else value))
        elif self._tree is not None and getattr(self.rule, "learning_rate", None) is None:
            boxes = self._tree
            state = jax.tree.map(lambda v: v.value, boxes, is_leaf=_is_box)
            changed = rules.set_learning_rate(state, value)
            jax.tree.map(lambda box, new: box.assign(new), boxes, changed, is_leaf=_is_box)
        else:
            raise ValueError(
                f"{self.name}: the learning rate follows a schedule, so it cannot be set; "
                "make the optimizer with a number to set it by hand"
            )

    lr = learning_rate

    def _adopt_schedule(self, schedule: Any) -> None:
        object.__setattr__(self, "rule", dataclasses.replace(self.rule, learning_rate=schedule))
        self._rate = None

    # -- state ---------------------------------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the state exists."""
        return self._tree is not None

    def build(self, variables: Any) -> None:
        """Make the state for weights.

        Args:
            variables: list or tree of :class:`Variable`.
        """
        boxes = jax.tree.leaves(variables, is_leaf=_is_box)
        ids = tuple(id(v) for v in boxes)
        if self._tree is not None and ids == self._built_for:
            return
        params = jax.tree.map(lambda v: v.value, variables, is_leaf=_is_box)
        state = self.rule.init(params)
        tree = jax.tree_util.tree_map_with_path(lambda path, leaf: _state_box(self.name, path, leaf), state)
        if isinstance(tree, rules.OptimizerState):
            tree = tree._replace(count=self.iterations)
            if self._rate is not None:
                tree = tree._replace(learning_rate=self._rate)
        self._tree, self._built_for = tree, ids

    @property
    def tree(self) -> Any:
        """The state, with variables as leaves; None before it exists."""
        return self._tree

    @property
    def variables(self) -> list[Variable]:
        """Iterations, learning rate, and the variables of the state."""
        first = [self.iterations] + ([self._rate] if self._rate is not None else [])
        rest = jax.tree.leaves(self._tree, is_leaf=_is_box) if self._tree is not None else []
        return first + [v for v in rest if all(v is not f for f in first)]

    weights = variables

    def get_weights(self) -> list[Any]:
        """Values of :attr:`variables`."""
        return [v.numpy() for v in self.variables]

    def set_weights(self, weights: Any) -> None:
        """Set the values of :attr:`variables`."""
        for box, value in zip(self.variables, weights, strict=True):
            box.assign(value)

    # -- use by hand ---------------------------------------------------------------------------------------------

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update variables by gradients.

        Args:
            grads: gradients, in the order of the variables.
            trainable_variables: list of :class:`Variable`; those of the last call by default.
        """
        if trainable_variables is None:
            trainable_variables = self._last_variables
        boxes = list(trainable_variables)
        self._last_variables = boxes
        self.build(boxes)
        params = [v.value for v in boxes]
        state = jax.tree.map(lambda v: v.value, self._tree, is_leaf=_is_box)
        updates, state = self.rule.update(list(grads), state, params)
        for box, value, change in zip(boxes, params, updates, strict=True):
            new = value + change
            box.assign(box.constraint(new) if box.constraint is not None else new)
        jax.tree.map(lambda box, value: box.assign(value), self._tree, state, is_leaf=_is_box)

    def apply_gradients(self, grads_and_vars: Any) -> Array:
        """Update variables by (gradient, variable) pairs; returns the number of updates done."""
        pairs = [(g, v) for g, v in grads_and_vars if g is not None]
        if not pairs:
            raise ValueError("no gradients were given for any variable")
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations.value

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal optimizer, with the present learning rate."""
        from kjax.keras.saving.serialization import serialize_argument

        config = {key: serialize_argument(value) for key, value in self.rule.get_config().items()}
        if self._rate is not None:
            config["learning_rate"] = float(self._rate)
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        """Make an optimizer from what :meth:`get_config` returned."""
        del custom_objects
        config = {OPTIMIZERS.get(key, key): value for key, value in config.items()}
        rate = config.get("learning_rate")
        if isinstance(rate, Mapping):
            config["learning_rate"] = rules.schedules.get(rate)
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


_classes: dict[type, type[Optimizer]] = {}


def derive_optimizer(rule_class: type[rules.Optimizer]) -> type[Optimizer]:
    """The Keras class of a rule."""
    parameters = list(inspect.signature(rule_class).parameters.values())
    body = {"rule_class": rule_class, "__doc__": rule_class.__doc__, "__module__": "kjax.keras.optimizers"}
    cls = type(rule_class.__name__, (Optimizer,), body)
    extra = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    cls.__signature__ = inspect.Signature([*parameters, extra])  # type: ignore[attr-defined]
    _classes[rule_class] = cls
    return cls


def get(identifier: Any) -> Optimizer:
    """The optimizer handle for a name, a config, a rule, an Optax transformation or a handle."""
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, str):
        # By way of the handle's class, which knows the defaults of the era.
        named = _classes.get(type(rules.get(identifier)))
        if named is not None:
            return named()
    return Optimizer.wrap(rules.get(identifier))


def _state_box(owner: str, path: Any, leaf: Any) -> Variable:
    names = [str(getattr(e, "key", getattr(e, "name", getattr(e, "idx", e)))) for e in path]
    return Variable(
        leaf,
        dtype=leaf.dtype,
        trainable=False,
        name="_".join(names[1:]) or names[0],
        path="/".join((owner, *names)),
    )


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)

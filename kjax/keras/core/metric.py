"""Keras metrics: objects that keep a metric's state, around the pure metrics of floor 1."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp

from kjax.keras.core import scope as scopes
from kjax.keras.core.settings import to_snake_case
from kjax.keras.core.variable import Variable
from kjax.nn import metrics as rules


class Metric:
    """Base of metrics with a state.

    A user's metric makes its state with ``add_weight`` and writes ``update_state`` and ``result``; inside a training
    step they run as pure functions.

    Args:
        dtype: type to compute in.
        name: its name in the logs.
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or to_snake_case(type(self).__name__)
        self.dtype = str(jnp.dtype(dtype)) if isinstance(dtype, str) or dtype else "float32"
        self._variables: list[Variable] = []

    @property
    def variables(self) -> list[Variable]:
        """The state."""
        return list(self._variables)

    weights = variables
    non_trainable_variables = variables

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Add a value to the state."""
        del aggregation
        shape = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
        variable = Variable(initializer, shape, dtype or self.dtype, trainable=False, name=name)
        self._variables.append(variable)
        return variable

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> Variable:
        """Add a value to the state; Keras 2's order of arguments (name first) is understood."""
        if isinstance(shape, str):
            shape, name = kwargs.pop("shape", ()), shape
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add data to the state."""
        raise NotImplementedError(f"{type(self).__name__} has no `update_state` method")

    def result(self) -> Any:
        """The value for the data so far."""
        raise NotImplementedError(f"{type(self).__name__} has no `result` method")

    def reset_state(self) -> None:
        """Forget all data."""
        for variable in self._variables:
            variable.assign(variable.fresh_value())

    def reset_states(self) -> None:
        """The name of :meth:`reset_state` in Keras 2."""
        self.reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add data and return the value."""
        self.update_state(*args, **kwargs)
        return self.result()

    @property
    def pure(self) -> Any:
        """The metric as a value of floor 1."""
        return StatefulMetric(self)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a metric from what :meth:`get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class StatefulMetric(rules.Metric):
    """A user's metric as a pure one: its variables are bound to the state while its methods are traced.

    Args:
        owner: the metric.
    """

    def __init__(self, owner: Metric) -> None:
        super().__init__(name=owner.name)
        self.owner = owner

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StatefulMetric) and other.owner is self.owner

    def __hash__(self) -> int:
        return hash(id(self.owner))

    def init(self, y_true: Any = None, y_pred: Any = None) -> Any:
        """Fresh values of the metric's variables."""
        return tuple(variable.fresh_value() for variable in self.owner.variables)

    def update(self, state: Any, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Any:
        """The values after ``update_state``."""
        scope = self._scope(state)
        weight = mask if sample_weight is None else sample_weight
        with scopes.enter(scope):
            if weight is not None:
                self.owner.update_state(y_true, y_pred, sample_weight=weight)
            else:
                self.owner.update_state(y_true, y_pred)
        return tuple(scope.values[id(variable)] for variable in self.owner.variables)

    def compute(self, state: Any) -> Any:
        """``result`` for the values."""
        with scopes.enter(self._scope(state)):
            value = self.owner.result()
            return jnp.asarray(value.value if isinstance(value, Variable) else value)

    def _scope(self, state: Any) -> scopes.Scope:
        return scopes.Scope(values={id(v): value for v, value in zip(self.owner.variables, state, strict=True)})


class PureMetric(Metric):
    """A metric of floor 1 with its state kept in variables; subclasses are made by :func:`derive_metric`."""

    rule_class: ClassVar[type[rules.Metric]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.rule = self.rule_class(*args, **kwargs)
        super().__init__(None, self.rule.name)
        self._state: Any = None

    @property
    def pure(self) -> Any:
        """The metric as a value of floor 1."""
        cls = type(self)
        own = cls.update_state is not PureMetric.update_state or cls.result is not PureMetric.result
        return super().pure if own else self.rule

    def __getattr__(self, name: str) -> Any:
        rule = self.__dict__.get("rule")
        if rule is not None and not name.startswith("_") and hasattr(rule, name):
            return getattr(rule, name)
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def _read(self, *args: Any) -> Any:
        if self._state is None:
            fresh = self.rule.init(*args[:2])
            self._state = jax.tree.map(lambda leaf: Variable(leaf, dtype=leaf.dtype, trainable=False), fresh)
            self._variables.extend(jax.tree.leaves(self._state, is_leaf=_is_box))
        return jax.tree.map(lambda v: v.value, self._state, is_leaf=_is_box)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add data: targets, predictions and sample weights (a mean or sum takes values and weights)."""
        args, kwargs = jax.tree.map(lambda v: v.value if isinstance(v, Variable) else v, (args, kwargs))
        given = inspect.signature(self.rule.update).bind(None, *args, **kwargs).args[1:]
        arrays = tuple(None if a is None else jnp.asarray(a) for a in given)
        new = self.rule.update(self._read(*arrays), *arrays)
        jax.tree.map(lambda box, value: box.assign(value), self._state, new, is_leaf=_is_box)

    def result(self) -> Any:
        """The value for the data so far."""
        return self.rule.compute(self._read())

    def reset_state(self) -> None:
        """Forget all data."""
        if self._state is not None:
            for box in self._variables:
                box.assign(jnp.zeros(box.shape, box.dtype))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return dict(self.rule.get_config())


def derive_metric(rule_class: type[rules.Metric]) -> type[PureMetric]:
    """The Keras class of a metric of floor 1."""
    body = {"rule_class": rule_class, "__doc__": rule_class.__doc__, "__module__": "kjax.keras.metrics"}
    cls = type(rule_class.__name__, (PureMetric,), body)
    cls.__signature__ = inspect.signature(rule_class)  # type: ignore[attr-defined]
    return cls


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)

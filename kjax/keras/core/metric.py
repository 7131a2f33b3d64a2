"""Keras metrics: objects that keep a metric's state, around the pure metrics of floor 1."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import masks
from kjax.keras.core import scope as scopes
from kjax.keras.core.settings import counted_name, settings
from kjax.keras.core.variable import Variable
from kjax.nn import metrics as rules
from kjax.nn.dtypes import Policy, abstract, policy_name
from kjax.nn.equality import snake_case
from kjax.nn.losses.base import merge_mask
from kjax.nn.metrics.confusion import DecisionCount
from kjax.nn.metrics.iou import ConfusionMatrixMetric

_NUMPY = (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError)
"""What JAX raises where a metric computes with NumPy: such a metric works with ``run_eagerly``, and is not traced."""


class Metric:
    """Base of metrics with a state.

    A user's metric makes its state with ``add_weight`` and writes ``update_state`` and ``result``; inside a training
    step they run as pure functions. Variables and metrics set as attributes belong to the state.

    Args:
        dtype: type to compute in.
        name: its name in the logs; by default that of the class, counted up (``auc``, ``auc_1``).
    """

    tracked_state: ClassVar[bool] = True
    """Layers that keep a metric as an attribute count its variables among their state."""

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or counted_name(type(self))
        self._dtype = Policy(policy_name(dtype) or settings.floatx).compute_dtype
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        """Type that the metric computes in."""
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """The state: the metric's own variables, then those of the metrics that it holds."""
        if "_variables" not in self.__dict__:
            raise RuntimeError(f"{type(self).__name__}.__init__ must call super().__init__() first")
        found: dict[int, Variable] = {id(v): v for v in self._variables}
        attributes = [value for name, value in self.__dict__.items() if name != "_variables"]
        for kind in (Variable, Metric):
            for member in _members(attributes, kind):
                for variable in [member] if kind is Variable else member.variables:
                    found.setdefault(id(variable), variable)
        return list(found.values())

    @property
    def weights(self) -> list[Variable]:
        """The same as :attr:`variables`."""
        return self.variables

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as :attr:`variables`: nothing in a metric is trained."""
        return self.variables

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Add a value to the state."""
        if "_variables" not in self.__dict__:
            raise RuntimeError(
                f"You forgot to call `super().__init__()` in `{type(self).__name__}.__init__`, before it adds variables"
            )
        shape = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
        variable = Variable(
            initializer or "zeros",
            shape,
            dtype or settings.floatx,
            trainable=False,
            autocast=False,
            aggregation=aggregation,
            name=name,
            path=None if name is None else f"{self.name}/{name}",
        )
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
        """Add a value to the state; Keras 2's order of arguments (name first, then shape) is understood."""
        if isinstance(shape, str):
            given = initializer if isinstance(initializer, (tuple, list)) else None
            shape, name = kwargs.pop("shape", given or ()), shape
            initializer = None if given is not None else initializer
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add data to the state."""
        raise NotImplementedError(f"{type(self).__name__} has no `update_state` method")

    def result(self) -> Any:
        """The value for the data so far."""
        raise NotImplementedError(f"{type(self).__name__} has no `result` method")

    def reset_state(self) -> None:
        """Forget all data: the variables become zero, as in Keras."""
        if type(self).reset_states is not Metric.reset_states:
            self.reset_states()  # a metric written for Keras 2
            return
        for variable in self.variables:
            variable.assign(jnp.zeros(variable.shape, variable.stored_dtype))
        for reset in self.__dict__.get("_resets_with", ()):
            reset()

    def merge_state(self, metrics: Sequence[Metric]) -> None:
        """Add the states of other metrics of the same kind to this one (tf.keras 2).

        Args:
            metrics: metrics with the same variables.

        Raises:
            ValueError: one of them has other variables.
        """
        for other in metrics:
            mine, theirs = self.variables, other.variables
            if [v.shape for v in mine] != [v.shape for v in theirs]:
                raise ValueError(
                    f"merge_state: {other.name!r} has other variables than {self.name!r}; only metrics of the same kind, "
                    "which have seen data of the same shape, can be merged"
                )
            for variable, value in zip(mine, theirs, strict=True):
                variable.assign(variable.value + value.value)

    def reset_states(self) -> None:
        """The name of :meth:`reset_state` in Keras 2."""
        self.reset_state()

    def show(self, state: Any) -> None:
        """Take over the state that a run ended with: arrays, as :attr:`pure` keeps them."""
        for variable, value in zip(self.variables, jax.tree.leaves(state), strict=True):
            variable.store(value)

    # -- as pure functions ---------------------------------------------------------------------------------------

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """The values of :attr:`variables` after data; nothing is stored.

        Args:
            metric_variables: values before.
            *args: arguments of :meth:`update_state`.
            **kwargs: the same by name.
        """
        values = list(metric_variables)
        if len(values) == len(self.variables):
            known = len(values)
            self._prepare(*args)
            values += self.stateless_reset_state()[known:]  # variables that the data have just brought into being
        return self._run(values, lambda: self.update_state(*args, **kwargs))[1]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """:meth:`result` for given values of :attr:`variables`."""
        return self._run(metric_variables, lambda: jax.tree.map(_value, self.result(), is_leaf=_is_box))[0]

    def stateless_reset_state(self) -> list[Any]:
        """The values of :attr:`variables` before any data."""
        fresh = [
            v.fresh_value() if v.initializer is not None else np.zeros(v.shape, v.stored_dtype) for v in self.variables
        ]
        return self._run(fresh, self.reset_state)[1]

    def _run(self, values: Sequence[Any], function: Callable[[], Any]) -> tuple[Any, list[Any]]:
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                f"Argument `metric_variables` must be a list of tensors corresponding 1:1 to the variables of metric {self.name!r}: "
                f"it has {len(variables)} variables, but {len(values)} values were given"
            )
        return scopes.run_with(variables, list(values), function)

    def _prepare(self, *args: Any) -> None:
        """Make variables whose shape depends on the data."""

    def _discover(self, y_true: Any, y_pred: Any) -> None:
        """Make variables that only the first data bring into being, by tracing ``update_state``."""
        if y_true is None or y_pred is None:
            return

        def update(*data: Any) -> None:
            with scopes.enter(scopes.Scope(abstract=True)):
                self.update_state(*data)

        with contextlib.suppress(*_NUMPY):
            jax.eval_shape(update, *jax.tree.map(_abstract, (y_true, y_pred)))

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
        self._parts: tuple[str, ...] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StatefulMetric) and other.owner is self.owner

    def __hash__(self) -> int:
        return hash(id(self.owner))

    def init(self, y_true: Any = None, y_pred: Any = None) -> Any:
        """Values of the metric's variables before any data."""
        self.owner._discover(y_true, y_pred)
        return tuple(self.owner.stateless_reset_state())

    @property
    def parts(self) -> tuple[str, ...]:
        """Keys of the result where it is a dict; asked for when :meth:`init` has made the state."""
        if self._parts is None:
            found: Any = ()

            def result(state: Any) -> Any:
                nonlocal found
                value = self.owner.stateless_result(state)
                found = tuple(value) if isinstance(value, Mapping) else ()
                return value

            with contextlib.suppress(*_NUMPY):
                jax.eval_shape(result, [jax.ShapeDtypeStruct(v.shape, v.stored_dtype) for v in self.owner.variables])
            self._parts = tuple(found)
        return self._parts

    def update(self, state: Any, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Any:
        """The values after ``update_state``."""
        known = _takes_weights(type(self.owner).update_state)
        weight = sample_weight if sample_weight is not None else (mask if known else None)
        kwargs = {} if weight is None else {"sample_weight": weight}
        return tuple(self.owner.stateless_update_state(state, y_true, y_pred, **kwargs))

    def compute(self, state: Any) -> Any:
        """``result`` for the values."""
        return jax.tree.map(jnp.asarray, self.owner.stateless_result(state))


@functools.cache
def _takes_weights(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters
    return "sample_weight" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


class PureMetric(Metric):
    """A metric of floor 1 with its state kept in variables; subclasses are made by :func:`derive_metric`."""

    rule_class: ClassVar[type[rules.Metric]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        rule = self.rule_class(*args, **kwargs)
        given = inspect.signature(self.rule_class).bind(*args, **kwargs)
        given.apply_defaults()
        if given.arguments.get("name") is None and rule.name == snake_case(type(rule).__name__):
            object.__setattr__(rule, "name", counted_name(type(self)))  # nobody else has the rule yet
        self._adopt(rule)

    def _adopt(self, rule: rules.Metric) -> None:
        self.rule = rule
        super().__init__(rule.dtype, rule.name)
        self._state: Any = None

    @classmethod
    def wrap(cls, rule: rules.Metric) -> Self:
        """The metric of a value of floor 1."""
        metric = cls.__new__(cls)
        metric._adopt(rule)
        return metric

    @property
    def pure(self) -> Any:
        """The metric as a value of floor 1."""
        cls = type(self)
        own = any(
            getattr(cls, name) is not getattr(PureMetric, name) for name in ("update_state", "result", "reset_state")
        )
        return super().pure if own else self.rule

    def __getattr__(self, name: str) -> Any:
        rule = self.__dict__.get("rule")
        if rule is not None and not name.startswith("_"):
            if hasattr(rule, name):
                return getattr(rule, name)
            if name in _parts_of(rule):
                self._make_state()
                return self._state[_parts_of(rule).index(name)]
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    @property
    def variables(self) -> list[Variable]:
        """The state; empty where its shape depends on the data and there were none so far."""
        self._make_state()
        return super().variables

    def _make_state(self, *data: Any) -> None:
        if self.__dict__.get("_state") is not None:
            return
        with jax.ensure_compile_time_eval():
            try:
                fresh = self.rule.init(*data[:2])
            except (ValueError, TypeError):
                if data:
                    raise
                return  # the shape depends on the data, which are still to come
            self._make_state_of(fresh)  # the first values are stored ones, also where a step is being traced

    def _make_state_of(self, values: Any) -> None:
        parts = _parts_of(self.rule)

        def box(leaf: Any, name: str | None = None) -> Variable:
            path = None if name is None else f"{self.name}/{name}"
            kwargs = {
                "trainable": False,
                "autocast": False,
                "aggregation": "sum",
                "name": name or "state",
                "path": path,
            }
            return Variable(leaf, dtype=leaf.dtype, **kwargs)

        if parts:
            self._state = tuple(box(value, name) for name, value in zip(parts, _rows(values, parts), strict=True))
        else:
            self._state = jax.tree.map(lambda leaf: box(leaf, _NAMES.get(type(self.rule))), values)
        self._variables[:0] = jax.tree.leaves(self._state, is_leaf=_is_box)

    def _packed(self, boxes: Any) -> Any:
        """The state as the rule keeps it: parts that are variables of their own lie in one array."""
        values = jax.tree.map(_value, boxes, is_leaf=_is_box)
        return jnp.stack(jnp.broadcast_arrays(*values)) if _parts_of(self.rule) else values

    def _prepare(self, *args: Any) -> None:
        self._make_state(*jax.tree.map(_abstract, args))

    def _values(self) -> Any:
        self._make_state()
        if self._state is None:
            raise ValueError(f"metric {self.name!r} has seen no data, and its state depends on their shape")
        return self._packed(self._state)

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Add data: targets, predictions and sample weights (a mean or sum takes values and weights).

        Returns:
            None; of an IoU the matrix of counts, as in Keras.
        """
        args, kwargs = jax.tree.map(_value, scopes.plain((args, kwargs)), is_leaf=_is_box)
        given = inspect.signature(self.rule.update).bind(None, *args, **kwargs).arguments
        if "y_pred" in given and given.get("mask") is None:
            given["mask"] = masks.mask_of(given["y_pred"])
        if "values" in given and (mask := masks.mask_of(given["values"])) is not None:
            given["sample_weight"] = merge_mask(given.get("sample_weight"), mask, self.rule.dtype, "sum")
        arrays = {k: None if v is None else jnp.asarray(v) for k, v in given.items() if k != "state"}
        self._prepare(*list(arrays.values())[:2])
        new = self.rule.update(self._values(), **arrays)
        self._each(lambda box, value: box.assign(value), new)
        return self._values() if isinstance(self.rule, ConfusionMatrixMetric) else None

    def _each(self, function: Callable[[Variable, Any], Any], state: Any) -> None:
        """Call a function with each variable and its part of a state."""
        names = _parts_of(self.rule)
        parts = _rows(state, names) if names else state
        jax.tree.map(function, self._state, parts, is_leaf=_is_box)

    def result(self) -> Any:
        """The value for the data so far."""
        return self.rule.compute(self._values())

    def show(self, state: Any) -> None:
        """Take over the state that a run ended with."""
        if self.pure is not self.rule:  # a subclass that measures in a way of its own
            super().show(state)
        elif self.__dict__.get("_state") is None:
            self._make_state_of(state)
        else:
            self._each(lambda box, value: box.store(value), state)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal metric."""
        return dict(self.rule.get_config())


@functools.cache
def derive_metric(rule_class: type[rules.Metric]) -> type[PureMetric]:
    """The Keras class of a metric of floor 1."""
    body = {"rule_class": rule_class, "__doc__": rule_class.__doc__, "__module__": "kjax.keras.metrics"}
    cls = type(rule_class.__name__, (PureMetric,), body)
    cls.__signature__ = inspect.signature(rule_class)  # type: ignore[attr-defined]
    return cls


_NAMES: dict[type, str] = {
    rules.Sum: "total",
    **{cls: "total_confusion_matrix" for cls in vars(rules).values() if inspect.isclass(cls) and "IoU" in cls.__name__},
}
"""Names of states that are one variable in Keras too."""


_SCALARS = ("num_samples",)
"""Parts that are one number, which fills its row of the packed array."""


def _parts_of(rule: rules.Metric) -> tuple[str, ...]:
    """Names of the variables in which Keras keeps what the rule has in one packed array; none for other states."""
    if isinstance(rule, (rules.Mean, rules.MeanMetric)):
        return ("total", "count")
    if isinstance(rule, DecisionCount):
        return tuple(rule.counted) if len(rule.counted) > 1 else ("accumulator",)
    if isinstance(rule, rules.FBetaScore):
        return ("true_positives", "false_positives", "false_negatives", "intermediate_weights")
    if isinstance(rule, rules.R2Score):
        return ("num_samples", "squared_sum", "sum", "residual", "count")
    if isinstance(rule, rules.AUC):
        return ("true_positives", "false_positives", "true_negatives", "false_negatives")
    return ()


def _rows(state: Any, parts: Sequence[str]) -> tuple[Any, ...]:
    """The parts of a packed state, each as Keras has it."""
    return tuple(row[0] if name in _SCALARS else row for name, row in zip(parts, state, strict=True))


def _members(value: Any, kind: type) -> Iterator[Any]:
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _members(item, kind)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _members(item, kind)


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)


def _value(thing: Any) -> Any:
    return thing.value if isinstance(thing, Variable) else thing


def _abstract(thing: Any) -> Any:
    if isinstance(thing, Variable):
        return jax.ShapeDtypeStruct(thing.shape, jnp.dtype(thing.dtype))
    array = thing if hasattr(thing, "shape") and hasattr(thing, "dtype") else jnp.asarray(thing)
    return abstract(array)

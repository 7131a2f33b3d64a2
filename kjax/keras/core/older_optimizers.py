"""Optimizers that users wrote for Keras 2 (``get_updates``) and for tf.keras 2 (``_resource_apply_dense``)."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.core import doors
from kjax.keras.core import scope as scopes
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.core.updates import Update
from kjax.keras.core.variable import Variable
from kjax.nn import optimizers as rules

_present: contextvars.ContextVar[dict[int, Any] | None] = contextvars.ContextVar("gradients_present", default=None)
"""Gradients by ``id`` of the variable, while ``get_updates`` of an optimizer runs."""
_made: contextvars.ContextVar[Made | None] = contextvars.ContextVar("made", default=None)

NO_GRADIENT = (
    "{}: An operation has `None` for gradient: the loss does not depend on the variables {}, or through functions alone "
    "that have no gradient, such as K.argmax, K.round, K.eval"
)


class Made:
    """The variables that ``get_updates`` makes: the first run makes them, later runs get the same again.

    Attributes:
        variables: in the order in which they were made.
        updates: what is assigned when ``get_updates`` is through: until then variables have the values before the step.
    """

    def __init__(self) -> None:
        self.variables: list[Variable] = []
        self.updates: list[tuple[Variable, Any]] = []
        self._place = 0

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """A run."""
        self._place = 0
        self.updates.clear()
        token = _made.set(self)
        try:
            yield
        finally:
            _made.reset(token)
        for variable, value in self.updates:
            variable.assign(value)
        self.updates.clear()

    def take_returned(self, update: Any) -> None:
        """Note an update that ``get_updates`` returns, a pair or one drawn before: its variable is the optimizer's then."""
        if isinstance(update, Update):
            target, (value,) = update.target, update.tensors
        elif isinstance(update, (tuple, list)) and len(update) == 2 and isinstance(update[0], Variable):
            target, value = update
        else:
            return
        if is_symbolic(value):
            known = doors.values.values_of([value])
            if known is None:
                return  # depends on placeholders: K.function computes it
            value = known[id(value)]
        if id(target) not in (_present.get() or {}):
            self.next(lambda: target)
        self.updates.append((target, value))

    def next(self, make: Callable[[], Variable]) -> Variable:
        """The variable that is made next."""
        if self._place == len(self.variables):
            self.variables.append(make())
        self._place += 1
        return self.variables[self._place - 1]


def remembered(make: Callable[[], Variable]) -> Variable:
    """A variable that the backend makes: in ``get_updates`` always the same at the same place."""
    made = _made.get()
    return make() if made is None else made.next(make)


def postponed(variable: Variable, value: Any) -> bool:
    """Note an assignment for the end of ``get_updates``; False where none runs."""
    made = _made.get()
    if made is not None:
        made.updates.append((variable, value))
    return made is not None


def remembering() -> bool:
    """Whether ``get_updates`` of an optimizer runs."""
    return _made.get() is not None


class OlderOptimizer:
    """What optimizers of Keras 2 and tf.keras 2 call of their base class."""

    # -- Keras 2 ---------------------------------------------------------------------------------------------------

    def _made_by_updates(self) -> Made:
        return self.__dict__.setdefault("_updates_made", Made())

    def get_gradients(self: Any, loss: Any, params: Any) -> list[Any]:
        """Symbolic gradients of a symbolic loss, clipped (Keras 2).

        Args:
            loss: a symbolic tensor.
            params: variables.

        Raises:
            ValueError: the loss does not depend on one of them.
        """
        from kjax.keras.core.operation import apply_function

        present = present_gradients(self, list(params))
        if present is not None:
            return present
        grads = doors.graphs.gradients(loss, list(params))
        for grad, param in zip(grads, params, strict=True):
            if grad is None:
                raise ValueError(NO_GRADIENT.format(self.name, [param.path]))
        if not isinstance(self.rule, rules.RuleOptimizer):
            return grads
        return list(apply_function(lambda g: list(self.rule._clip(g)), (grads,), {}, name="clip"))

    def _find_variables_of_updates(self: Any, weights: Sequence[Variable]) -> None:
        """Run ``get_updates`` once on zeros, so that the variables that it makes exist."""
        made = self._made_by_updates()
        made.variables.clear()
        scope = scopes.Scope({id(v): v.stored_value() for v in weights}, keeps=True)
        with scopes.outside(), scopes.enter(scope):
            self._run_updates([jnp.zeros(v.shape, v.dtype) for v in weights], weights)
        known = {id(v) for v in self._own}
        self._own += [v for v in made.variables if id(v) not in known]
        self._pure = None

    def _run_updates(self: Any, grads: Sequence[Any], weights: Sequence[Variable]) -> None:
        """Run ``get_updates``, whose :meth:`get_gradients` gives these gradients."""
        names = [name for name in inspect.signature(self.get_updates).parameters if name in _UPDATE_ARGUMENTS]
        given = {name: list(weights) if name == "params" else _UPDATE_ARGUMENTS[name]() for name in names}
        token = _present.set({id(v): g for v, g in zip(weights, grads, strict=True)})
        made = self._made_by_updates()
        try:
            with made.again():
                for update in self.get_updates(**given) or ():
                    made.take_returned(update)
        finally:
            _present.reset(token)

    def _step_inside(self: Any, grads: list[Any], params: list[Variable]) -> None:
        """A step while ``get_updates`` of an optimizer around this one runs: the state is one of its variables then."""
        if not self.built:
            self.build(params)
        for variable in self.variables:
            remembered(lambda v=variable: v)
        held = {id(v): v for v in (*params, *self.variables)}
        inner = scopes.Scope({i: v.value for i, v in held.items()})
        with scopes.enter(inner):
            self.apply(grads, params)
        for i in inner.changed:  # at the end, so that the other updates see the values before the step
            postponed(held[i], inner.values[i])

    # -- tf.keras 2 ------------------------------------------------------------------------------------------------

    gradient_transformers: Sequence[Callable[..., Any]] = ()
    """Functions of (gradient, variable) pairs that each step passes through, before gradients are clipped."""

    @property
    def _has_transformers(self) -> bool:
        return bool(self.gradient_transformers)

    def _take_transformers(self, kwargs: dict[str, Any]) -> None:
        """Keep the arguments ``gradient_transformers`` and ``gradient_aggregator`` of tf.keras' constructors.

        Args:
            kwargs: the arguments of the constructor; these two are taken out.

        Raises:
            TypeError: one of them is no function.
        """
        aggregate = kwargs.pop("gradient_aggregator", None)
        functions = [*([] if aggregate is None else [aggregate]), *(kwargs.pop("gradient_transformers", None) or ())]
        for function in functions:
            if not callable(function):
                raise TypeError(
                    f"{type(self).__name__}: `gradient_transformers` must be functions from a list of (gradient, "
                    f"variable) pairs to such a list, received {function!r}"
                )
        if functions:
            self.gradient_transformers = functions

    def _transformed(self, grads: list[Any], boxes: list[Any]) -> tuple[list[Any], list[Any]]:
        """Gradients and variables as the functions of :attr:`gradient_transformers` return them."""
        if not self.gradient_transformers:
            return grads, boxes
        pairs = list(zip(scopes.shown(grads), boxes, strict=True))
        for function in self.gradient_transformers:
            pairs = list(function(pairs))
        return list(scopes.plain([g for g, _ in pairs])), [v for _, v in pairs]

    _use_locking = False

    @functools.cached_property
    def _initial_decay(self: Any) -> float:
        """What was given as ``decay``."""
        return float(getattr(self.rule, "decay", 0.0) or 0.0)

    def _hyper(self) -> dict[str, Any]:
        return self.__dict__.setdefault("_hyper_values", {})

    def _set_hyper(self: Any, name: str, value: Any) -> None:
        """Keep a number of the optimizer's; the learning rate is a variable."""
        if name == "learning_rate":
            self.learning_rate = value
        else:
            self._hyper()[name] = value

    def _get_hyper(self: Any, name: str, dtype: Any = None) -> Any:
        """A number of the optimizer's, of a type."""
        value = self.learning_rate if name == "learning_rate" else self._hyper()[name]
        value = value() if callable(value) else value
        return value if dtype is None else jnp.asarray(value, str(dtype))

    def _serialize_hyperparameter(self: Any, name: str) -> Any:
        value = self._get_hyper(name)
        return float(value) if name == "learning_rate" or hasattr(value, "dtype") else value

    def _decayed_lr(self: Any, var_dtype: Any = "float32") -> Any:
        """The present learning rate."""
        rate = jnp.asarray(self._get_hyper("learning_rate"), str(var_dtype))
        decay = self._hyper().get("decay") or 0.0
        return rate / (1.0 + decay * jnp.asarray(self._iterations.value, rate.dtype)) if decay else rate

    def add_slot(self: Any, var: Variable, slot_name: str, initializer: Any = "zeros", shape: Any = None) -> Variable:
        """A value that the optimizer keeps for a weight."""
        slots = self.__dict__.setdefault("_slots_by_name", {})
        if (id(var), slot_name) not in slots:
            slots[id(var), slot_name] = self.add_variable_from_reference(var, slot_name, initializer)
        return slots[id(var), slot_name]

    def get_slot(self: Any, var: Variable, slot_name: str) -> Variable:
        """What :meth:`add_slot` made, or what a built-in optimizer keeps for a weight."""
        own = self.__dict__.get("_slots_by_name", {})
        if (id(var), slot_name) in own:
            return own[id(var), slot_name]
        for name, column in self._columns():
            if slot_name in (name, self._slot_name(name)):
                return next(box for weight, box in zip(self._leaves, column, strict=True) if weight is var)
        raise KeyError(f"{self.name}: no slot {slot_name!r} for {var.name!r}; there are {self.get_slot_names()}")

    def get_slot_names(self: Any) -> list[str]:
        """Names of the slots."""
        own = dict.fromkeys(name for _, name in self.__dict__.get("_slots_by_name", {}))
        return [*own, *(self._slot_name(name) for name, _ in self._columns())]

    def _slot_name(self: Any, name: str) -> str:
        return SLOTS.get(type(self.rule).__name__, {}).get(name, name)

    def _columns(self: Any) -> list[tuple[str, list[Any]]]:
        """The slots of the state by name: a variable for each weight."""
        slots = getattr(self._tree, "slots", None) or {}
        return [
            (n, jax.tree.leaves(tree, is_leaf=lambda x: x is None or isinstance(x, Variable)))
            for n, tree in slots.items()
        ]

    def _create_slots(self, var_list: Any) -> None:
        """Make the slots of weights; a user's optimizer writes this."""

    def _prepare_local(self: Any, var_device: Any, var_dtype: Any, apply_state: dict[Any, Any]) -> None:
        """Numbers that the steps of all weights share."""
        rate = self._decayed_lr(var_dtype)
        apply_state.setdefault((var_device, var_dtype), {}).update(lr_t=rate, neg_lr_t=-rate, lr=rate)

    def _prepare(self: Any, var_list: Sequence[Variable]) -> dict[Any, Any]:
        state: dict[Any, Any] = {}
        for key in {(v.device, v.dtype) for v in var_list}:
            state[key] = {}
            self._prepare_local(*key, state)
        return state

    def _fallback_apply_state(self: Any, var_device: Any, var_dtype: Any) -> dict[str, Any]:
        state = {(var_device, var_dtype): {}}
        self._prepare_local(var_device, var_dtype, state)
        return state[var_device, var_dtype]

    def _step_by_resource(self: Any, gradient: Any, variable: Variable) -> None:
        """The step of a weight by the method that tf.keras 2 calls."""
        names = inspect.signature(self._resource_apply_dense).parameters
        extra = {"apply_state": self._prepare([variable])} if "apply_state" in names else {}
        self._resource_apply_dense(gradient, variable, **extra)


_MOMENTS = {"momentum": "m", "velocity": "v", "velocity_hat": "vhat", "norm": "v"}
SLOTS: dict[str, dict[str, str]] = {
    **dict.fromkeys(("Adam", "Adamax", "Nadam"), _MOMENTS),
    "RMSprop": {"velocity": "rms", "average_gradient": "mg"},
    "Adadelta": {"accumulated_grad": "accum_grad", "accumulated_delta_var": "accum_var"},
}
"""Slots of today and their names in tf.keras, by class."""

_UPDATE_ARGUMENTS: dict[str, Callable[[], Any]] = {
    "loss": lambda: None,
    "params": list,
    "constraints": dict,
}


def present_gradients(optimizer: Any, params: Sequence[Variable]) -> list[Any] | None:
    """The gradients for which ``get_updates`` runs, clipped; None where none are at hand."""
    present = _present.get()
    if present is None:
        return None
    grads = [present[id(v)] for v in params]
    return list(jax.tree.leaves(optimizer.rule._clip(grads)))

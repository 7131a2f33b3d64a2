"""Keras optimizers: handles that keep an optimizer's state in variables, around the Optax rules of floor 1."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import configs, doors
from kjax.keras.core import scope as scopes
from kjax.keras.core.graph_names import note
from kjax.keras.core.layer import UnknownArgumentError
from kjax.keras.core.older_optimizers import NO_GRADIENT, OlderOptimizer, present_gradients
from kjax.keras.core.optimizer_state import StateKeeper, cut, is_box, is_slot, values_of
from kjax.keras.core.settings import settings
from kjax.keras.core.stepwise import Applied, Own, stepped, stepwise, takes_learning_rate
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.core.updates import Effect, Group, Update
from kjax.keras.core.variable import Variable
from kjax.keras.legacy import homes
from kjax.keras.legacy.arguments import optimizer_call
from kjax.keras.legacy.form import of_era
from kjax.keras.legacy.spellings import OPTIMIZERS
from kjax.nn import optimizers as rules
from kjax.nn.optimizers.driven import drive
from kjax.nn.value import did_you_mean


class Optimizer(OlderOptimizer, StateKeeper):
    """Base of the Keras optimizers.

    A user's optimizer calls ``super().__init__(learning_rate=..., ...)``, makes its variables in ``build`` (with
    ``add_optimizer_variables``, ``add_variable``) and writes ``update_step(self, gradient, variable, learning_rate)``,
    which assigns them; inside a compiled step that is a pure function. A subclass of a built-in optimizer may do the
    same, or change the gradients in an ``apply`` of its own.

    Args:
        *args: arguments of the rule, in Keras' order.
        **kwargs: the same by name; ``lr`` and ``decay`` of older scripts too.

    Raises:
        TypeError: an unknown argument.
    """

    rule_class: ClassVar[type[rules.Optimizer] | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        rule_class = self.rule_class or Own
        if self.rule_class is None and args and isinstance(args[0], str):  # tf.keras had the name first
            kwargs["name"], args = args[0], args[1:]
        names = [f.name for f in dataclasses.fields(rule_class) if f.init]  # type: ignore[arg-type]
        args, kwargs = optimizer_call(rule_class.__name__, args, kwargs, settings.era)
        self._take_transformers(kwargs)
        for key in ("epsilon", "decay"):
            if key in kwargs and kwargs[key] is None:
                del kwargs[key]
        for key in kwargs:
            if key not in names:
                raise UnknownArgumentError(
                    f"Argument(s) not recognized by {type(self).__name__}: unknown argument {key!r}; {did_you_mean(key, names)}"
                )
        args, kwargs = jax.tree.map(_rule_of, (args, kwargs), is_leaf=lambda x: not isinstance(x, (tuple, dict)))
        self._adopt(rule_class(*args, **kwargs))

    @classmethod
    def wrap(cls, rule: Any) -> Optimizer:
        """The handle of a rule: of its own class where there is one."""
        handle = Optimizer.__new__(_class_of(type(rule)) or Optimizer)
        handle._adopt(rule)
        return handle

    @property
    def pure(self) -> Any:
        """What a training step is made with: an optimizer of floor 1."""
        if self._pure is None:
            layout = jax.tree.unflatten(self._structure, self._leaves) if self.built else {}
            rule = self._running_rule(layout)
            cls = type(self)
            whole = self._has_transformers or any(map(self._writes, ("apply", "apply_gradients", "get_updates")))
            if self.rule_class is None and cls is not Optimizer and not self._writes("update_step") and not whole:
                raise NotImplementedError(
                    f"{cls.__name__} must define `update_step(gradient, variable, learning_rate)`"
                )
            if self._driven:
                rule = drive(rule, tuple(self._driven))
            if self._writes("update_step") or self._writes("get_updates"):
                rule = stepwise(self, rule)
            if whole:
                rule = Applied(_Identity(self), rule)
            self._pure = rule
        return self._pure

    def _writes(self, method: str) -> bool:
        """Whether a user's class has a method of its own in place of the base's."""
        if method == "update_step" and hasattr(type(self), "_resource_apply_dense"):
            return True
        return getattr(type(self), method) is not getattr(Optimizer, method)

    # -- for optimizers that users write -------------------------------------------------------------------------

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A variable of the optimizer's own."""
        del aggregation, layout
        path = f"{self.name}/{name}" if name and settings.era == "3" else None
        variable = Variable(initializer, tuple(shape), dtype, trainable=False, name=name, path=path)
        self._own.append(variable)
        self._pure = None
        return variable

    def add_variable_from_reference(
        self,
        reference_variable: Any = None,
        name: str | None = None,
        initializer: Any = "zeros",
        *,
        model_variable: Any = None,
        variable_name: str | None = None,
        **kwargs: Any,
    ) -> Variable:
        """A variable of the shape and type of a weight; ``model_variable`` and ``variable_name`` are tf.keras' names."""
        weight = reference_variable if reference_variable is not None else model_variable
        name = name or variable_name or "var"
        shape = kwargs.get("shape") or weight.shape
        label = f"{weight.path.replace('/', '_')}_{name}"
        if kwargs.get("initial_value") is not None:
            path = f"{self.name}/{label}" if settings.era == "3" else None
            variable = Variable(
                kwargs["initial_value"], dtype=weight.stored_dtype, trainable=False, name=label, path=path
            )
            self._own.append(variable)
            self._pure = None
            return variable
        return self.add_variable(shape, initializer, weight.stored_dtype, name=label)

    def add_optimizer_variables(self, trainable_variables: Any, name: Any, initializer: Any = "zeros") -> Any:
        """A variable for each weight; with several names a tuple of lists.

        Args:
            trainable_variables: the weights.
            name: a name, or several.
            initializer: one, or one for each name.
        """
        names = [name] if isinstance(name, str) else list(name)
        several = isinstance(initializer, (list, tuple))
        initial = list(initializer) if several else [initializer] * len(names)
        if len(initial) != len(names):
            raise ValueError(f"{len(names)} names and {len(initial)} initializers were given")
        made: tuple[list[Variable], ...] = tuple([] for _ in names)
        for weight in trainable_variables:
            for column, label, start in zip(made, names, initial, strict=True):
                column.append(self.add_variable_from_reference(weight, label, start))
        return made[0] if isinstance(name, str) else made

    def _get_variable_index(self, variable: Any) -> int:
        return next(i for i, v in enumerate(self._trainable_variables) if v is variable)

    _index_dict: Any = property(lambda self: {id(v): i for i, v in enumerate(self._trainable_variables)})

    def _var_key(self, variable: Any) -> int:
        return id(variable)

    def assign(self, variable: Any, value: Any) -> None:
        """Set a variable."""
        variable.assign(value)

    def assign_add(self, variable: Any, value: Any) -> None:
        """Add to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Any, value: Any) -> None:
        """Subtract from a variable."""
        variable.assign_sub(value)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One weight's step: assigns the weight and the slots that belong to it.

        Args:
            gradient: its gradient.
            variable: the weight.
            learning_rate: present learning rate.
        """
        rule, tree = self.rule, self._tree
        if hasattr(self, "_resource_apply_dense"):
            self._step_by_resource(gradient, variable)
            return
        if self.rule_class is None or not isinstance(rule, rules.RuleOptimizer):
            raise NotImplementedError(
                f"{type(self).__name__} must define `update_step(gradient, variable, learning_rate)`"
            )
        number = next(i for i, v in enumerate(self._leaves) if v is variable)
        boxes = {name: jax.tree.leaves(column, is_leaf=is_slot)[number] for name, column in tree.slots.items()}
        slots = {name: None if box is None else box.value for name, box in boxes.items()}
        value = variable.value
        scalars = {name: box.value for name, box in tree.scalars.items()}
        rate = jnp.asarray(learning_rate.value if isinstance(learning_rate, Variable) else learning_rate)
        common, scalars = rule.prepare(self._iterations.value, rate, scalars)
        common = jax.tree.map(lambda c: jnp.asarray(c, value.dtype), common)
        update, slots = rule.step(jnp.asarray(gradient, value.dtype), value, slots, common)
        variable.assign(value + update)
        for name, box in boxes.items():
            if box is not None:
                box.assign(slots[name])
        if number == self._order[-1]:  # what all weights share moves on with the last of them
            for name, box in tree.scalars.items():
                box.assign(scalars[name])

    def _call_update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if takes_learning_rate(self.update_step):
            self.update_step(gradient, variable, learning_rate)
        else:
            self.update_step(gradient, variable)  # type: ignore[call-arg]

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Keep weights from decaying; to be called before the state exists.

        Args:
            var_list: variables.
            var_names: regular expressions, searched in the names of variables: ``['bias']``.
        """
        if self.built:
            raise ValueError(f"{self.name}: exclude weights from decay before the optimizer is built")
        self._excluded = ({id(v) for v in var_list or ()}, list(var_names or ()))
        self._pure = None

    # -- use by hand ---------------------------------------------------------------------------------------------

    def scale_loss(self, loss: Any) -> Any:
        """The loss to differentiate, where gradients are scaled against underflow; otherwise the loss."""
        if self._tree is None:
            return loss if getattr(self.rule, "loss_scale_factor", None) is None else loss * self.rule.loss_scale_factor
        return self.rule.scale_loss(values_of(self.state), loss)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update variables by gradients.

        Args:
            grads: gradients, in the order of the variables; weights whose gradient is None keep their values.
            trainable_variables: list of :class:`Variable`; those that the optimizer was built for by default.

        Raises:
            ValueError: variables that the optimizer was not built for.
        """
        grads = list(scopes.plain(list(grads)))
        if not grads:
            return
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    f"When passing `grads` without `variables`, the optimizer must already be built: {self.name} is not; call its "
                    "`build(trainable_variables)` first"
                )
            trainable_variables = self._trainable_variables
        boxes = list(trainable_variables)
        if len(boxes) != len(grads):
            raise ValueError(
                f"the gradients must match the variables one to one: {self.name} received {len(grads)} gradients for {len(boxes)} variables"
            )
        if not self.built:
            self.build(boxes)
        grads, boxes = self._transformed(grads, boxes)
        if self._writes("get_updates"):
            self._run_updates(grads, boxes)
            return
        overwritten = False
        for v, g in zip(boxes, grads, strict=True):
            if getattr(v, "overwrite_with_gradient", False) and g is not None:
                v.assign(g)
                overwritten = True
        grads = [g for g, v in zip(grads, boxes, strict=True) if not getattr(v, "overwrite_with_gradient", False)]
        boxes = stepped(boxes)
        pairs = {id(v): g for g, v in zip(grads, boxes, strict=True) if g is not None}
        unknown = [v for v in boxes if id(v) not in self._built_for]
        if unknown:
            raise ValueError(
                f"Unknown variable: {unknown[0]!r}. {self.name} can only be called for the variables it was originally built with; "
                "use an optimizer of its own for each set of variables, or build it for all of them"
            )
        if not pairs and overwritten and not boxes:
            return
        if not pairs:
            raise ValueError(f"No gradients provided for any variable of {self.name}")
        missing = [v.path for v in boxes if id(v) not in pairs]
        if missing:
            warnings.warn(f"{self.name}: there are no gradients for the variables {missing}", stacklevel=2)
        self._apply_pairs(pairs)

    def _apply_pairs(self, pairs: Mapping[int, Any]) -> None:
        rule = self.pure
        rule = rule.rule if isinstance(rule, Applied) else rule
        chosen = [i for i, v in enumerate(self._leaves) if id(v) in pairs]
        boxes = [self._leaves[i] for i in chosen]
        gradients = [jnp.asarray(pairs[id(v)]) for v in boxes]
        state = self.state
        if len(chosen) == len(self._leaves):
            tree: Any = self._structure
        elif isinstance(rule, rules.RuleOptimizer):
            state, tree = cut(state, chosen), jax.tree.structure(boxes, is_leaf=is_box)
        else:  # a transformation whose state cannot be cut: no gradient counts as zero
            boxes, tree = self._leaves, self._structure
            gradients = [jnp.asarray(pairs.get(id(v), np.zeros(v.shape, v.stored_dtype))) for v in boxes]
        args = (
            jax.tree.unflatten(tree, gradients),
            values_of(state),
            jax.tree.unflatten(tree, [v.value for v in boxes]),
        )
        traced = scopes.current() is not None
        updates, new_state = rule.update(*args) if traced else _compiled(rule.structure)(*args)
        for box, change in zip(boxes, jax.tree.leaves(updates), strict=True):
            new = box.value + change
            box.assign(box.constraint(new) if box.constraint is not None else new)
        jax.tree.map(lambda box, value: box.assign(value), state, new_state, is_leaf=is_box)

    def apply_gradients(self, grads_and_vars: Any, **kwargs: Any) -> Any:
        """Update variables by (gradient, variable) pairs; returns the number of updates done.

        For symbolic gradients it returns the step as an operation of a session, which adds 1 to ``global_step``.
        """
        pairs = list(grads_and_vars)
        if any(is_symbolic(g) for g, _ in pairs):
            return self._step_in_graph([(g, v) for g, v in pairs if g is not None], kwargs.get("global_step"))
        if not pairs:
            raise ValueError(f"No gradients provided for any variable of {self.name}")
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def _apply_written_by_user(self, grads: list[Any], variables: list[Variable]) -> None:
        if self._writes("apply_gradients"):
            self.apply_gradients(zip(grads, variables, strict=True))
        else:
            self.apply(grads, variables)

    drawn_rate: Any = None
    """A symbolic learning rate for steps in graphs."""

    def _step_in_graph(self, pairs: Sequence[tuple[Any, Variable]], global_step: Any = None) -> Any:
        step = _Step(self, [g for g, _ in pairs], [v for _, v in pairs])
        if global_step is None:
            return step
        return Group([step, Update(global_step, global_step.__symbolic__() + 1)])

    def compute_gradients(self, loss: Any, var_list: Any = None, **kwargs: Any) -> list[tuple[Any, Variable]]:
        """Pairs (symbolic gradient, variable) for a symbolic loss (TensorFlow 1).

        Args:
            loss: a symbolic tensor.
            var_list: variables; by default those that are trained among those that the loss depends on.
            **kwargs: accepted.
        """
        from kjax.keras.core.evaluate import nodes_between, variables_of

        if var_list is None:
            var_list = [v for v in variables_of(nodes_between([], [loss])[0]) if v.trainable and not v.frozen]
        boxes = list(var_list) if isinstance(var_list, (list, tuple)) else [var_list]
        return list(zip(doors.graphs.gradients(loss, boxes), boxes, strict=True))

    def minimize(self, loss: Any, var_list: Any = None, tape: Any = None, **kwargs: Any) -> Any:
        """Make one step down a loss, as tf.keras has it; returns the number of updates done.

        Args:
            loss: a function without arguments, or a value that was computed inside ``tape``. For a symbolic tensor the
                step is returned, as an operation of a session (TensorFlow 1).
            var_list: the variables; those that the optimizer was built for by default.
            tape: a gradient tape.
            **kwargs: ``name`` and the like.
        """
        if is_symbolic(loss):
            if isinstance(var_list, Variable) or not isinstance(
                var_list, (list, tuple, type(None))
            ):  # the place of global_step
                kwargs["global_step"], var_list = var_list, None
            pairs = self.compute_gradients(loss, kwargs.get("var_list", var_list))
            if all(g is None for g, _ in pairs):
                raise ValueError(f"{self.name}.minimize: the loss depends on none of the variables")
            return note(self.apply_gradients(pairs, global_step=kwargs.get("global_step")), kwargs.get("name"))
        boxes = list(self._trainable_variables if var_list is None else var_list)
        if tape is not None:
            value = loss() if callable(loss) else loss
            self.apply(tape.gradient(value, boxes), boxes)
            return self._iterations
        if not callable(loss):
            raise ValueError(f"{self.name}.minimize: `loss` must be a function, or computed inside of a `tape`")

        def of_values(values: list[Any]) -> Any:
            return jnp.sum(jnp.asarray(scopes.run_with(boxes, values, loss)[0]))

        self.apply(jax.grad(of_values)([box.value for box in boxes]), boxes)
        return self._iterations

    def get_updates(self, *args: Any, **kwargs: Any) -> list[Any]:
        """The step as updates for ``K.function``: ``get_updates(loss, params)``, in Keras 1 with the params first.

        Args:
            *args: a symbolic loss and a list of variables, in either order (constraints between them are those of the
                variables).
            **kwargs: ``loss`` and ``params`` by name.
        """

        lists = [a for a in args if isinstance(a, (list, tuple))]
        params: list[Variable] = list(kwargs.get("params") or (lists[0] if lists else ()))
        others = [a for a in args if not isinstance(a, (list, tuple, dict))]
        loss = kwargs["loss"] if "loss" in kwargs else others[0] if others else None
        present = present_gradients(self, params)
        if present is not None:  # inside of an optimizer around this one, while a model is trained
            self._step_inside(present, params)
            return []
        grads = doors.graphs.gradients(loss, params)
        missing = [p.path for p, g in zip(params, grads, strict=True) if g is None]
        if missing:
            raise ValueError(NO_GRADIENT.format(self.name, missing))
        return [_Step(self, grads, params)]

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The values of the weights and of :attr:`variables` after an update; nothing is stored.

        Args:
            optimizer_variables: values of :attr:`variables`.
            grads: gradients, in the order of the weights that the optimizer was built for.
            trainable_variables: values of these weights.

        Returns:
            New values of the weights, and of the optimizer's variables.

        Raises:
            ValueError: the optimizer was not built, or other numbers of values.
        """
        if not self.built:
            raise ValueError(f"To call `stateless_apply`, {self.name} must be built: call optimizer.build(variables)")
        own, weights = self.variables, self._trainable_variables
        for what, have, want in (
            ("optimizer_variables", optimizer_variables, own),
            ("trainable_variables", trainable_variables, weights),
        ):
            if len(have) != len(want):
                raise ValueError(
                    f"Argument `{what}` must be a list of tensors corresponding 1:1 to the variables of {self.name}: {len(want)} values "
                    f"are needed, {len(have)} were received"
                )
        values = [*trainable_variables, *optimizer_variables]
        _, after = scopes.run_with([*weights, *own], values, lambda: self.apply(list(grads)))
        return after[: len(weights)], after[len(weights) :]

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """Replace weights by their moving averages, where ``use_ema`` keeps them.

        Args:
            var_list: the weights; all that the optimizer was built for by default.
        """
        if not getattr(self.rule, "use_ema", False) or self._tree is None:
            return
        averages = jax.tree.leaves(self._tree.average, is_leaf=is_box)
        wanted = {id(v) for v in (self._leaves if var_list is None else var_list)}
        for box, average in zip(self._leaves, averages, strict=True):
            if id(box) in wanted:
                box.assign(average.value)

    @of_era
    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal optimizer, with the present learning rate."""
        config = {key: configs.serialize_argument(value) for key, value in self.rule.get_config().items()}
        if self._rate is not None and "learning_rate" in config:
            rate = self._rate.numpy()
            config["learning_rate"] = float(str(rate)) if settings.era == "tf" else float(rate)
        config |= {
            name: float(box.numpy()) for name, box in self._hyperparameters.items() if name in config or box.is_used
        }
        return config | {"name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        """Make an optimizer from what :meth:`get_config`, or an older Keras, returned."""
        config = {OPTIMIZERS.get(key, key): value for key, value in config.items()}
        rate = config.get("learning_rate")
        if isinstance(rate, Mapping):
            with configs.custom_object_scope(custom_objects or {}):
                config["learning_rate"] = rules.schedules.get(rate)
        return cls(**config)

    def __repr__(self) -> str:
        return homes.shown(self, f"<{type(self).__name__} name={self.name}>")


_classes: dict[type, type[Optimizer]] = {}


def derive_optimizer(rule_class: type[rules.Optimizer], base: type[Optimizer] = Optimizer) -> type[Optimizer]:
    """The Keras class of a rule.

    Args:
        rule_class: the rule.
        base: what the class is derived from.
    """
    parameters = list(inspect.signature(rule_class).parameters.values())
    body = {"rule_class": rule_class, "__doc__": rule_class.__doc__, "__module__": "kjax.keras.optimizers"}
    cls = type(rule_class.__name__, (base,), body)
    extra = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    cls.__signature__ = inspect.Signature([*parameters, extra])  # type: ignore[attr-defined]
    _classes[rule_class] = cls
    return cls


def _class_of(rule_class: Any) -> type[Optimizer] | None:
    """The Keras class of an optimizer of floor 1; none of them may have been asked for before."""
    importlib.import_module("kjax.keras.optimizers.built_in")
    return _classes.get(rule_class)


def get(identifier: Any) -> Any:
    """The optimizer handle for a name, a config, a rule, an Optax transformation or a handle; None stays None."""
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, Mapping) and "class_name" in identifier:
        name = identifier.get("registered_name") or ""
        entry = rules.registry.lookup(name if ">" in name else str(identifier["class_name"]))
        cls = _class_of(entry) or entry if isinstance(entry, type) else None
        if cls is not None and issubclass(cls, Optimizer):
            return cls.from_config(dict(identifier.get("config") or {}))
    elif isinstance(identifier, str):
        entry = rules.registry.lookup(identifier)
        if isinstance(entry, type) and issubclass(entry, Optimizer):
            return entry()
        # By way of the handle's class, which knows the defaults of the era.
        named = _class_of(entry)
        if named is not None:
            return named()
    return Optimizer.wrap(rules.get(identifier))


class _Step(Effect):
    """One step of an optimizer as an update of ``K.function``, or an operation of a session.

    Args:
        optimizer: the optimizer.
        gradients: symbolic gradients.
        variables: a variable for each.
    """

    def __init__(self, optimizer: Optimizer, gradients: list[Any], variables: list[Variable]) -> None:
        rate = optimizer.drawn_rate
        super().__init__(gradients if rate is None else [*gradients, rate])
        self.optimizer, self.variables, self.name = optimizer, variables, optimizer.name
        together = optimizer.__dict__.setdefault("_stepped_in_graphs", [])
        together += [v for v in variables if all(v is not other for other in together)]

    def apply(self, values: Sequence[Any]) -> None:
        """Make the step."""
        if self.optimizer.drawn_rate is not None:
            *values, rate = values
            self.optimizer.learning_rate = float(np.asarray(rate))
        if not self.optimizer.built:  # for all its steps in the graph
            self.optimizer.build(self.optimizer.__dict__["_stepped_in_graphs"])
        self.optimizer.apply(values, self.variables)


class _Identity:
    """An object as a field of a value: compared by identity, with its attributes at hand."""

    def __init__(self, thing: Any) -> None:
        self.__dict__["thing"] = thing

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["thing"], name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.__dict__["thing"] is self.__dict__["thing"]

    def __hash__(self) -> int:
        return id(self.__dict__["thing"])


@functools.lru_cache(maxsize=64)
def _compiled(structure: Any) -> Callable[..., Any]:
    return jax.jit(structure.update)


def _rule_of(thing: Any) -> Any:
    return thing.rule if isinstance(thing, Optimizer) else thing

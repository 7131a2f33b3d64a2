"""The state of a Keras optimizer: learning rate, iterations and slots in variables, laid out as floor 1 wants them."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import scope as scopes
from kjax.keras.core import values
from kjax.keras.core.settings import counted_name, settings, to_snake_case
from kjax.keras.core.stepwise import own_name, stepped
from kjax.keras.core.variable import Variable
from kjax.keras.legacy import slots as older_slots
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.nn import optimizers as rules
from kjax.nn.optimizers import schedules
from kjax.nn.optimizers.base import flatten
from kjax.nn.optimizers.driven import driven_name

_OF_WEIGHTS = {"average": "average", "accumulator": "gradient_accumulator"}
"""What Keras calls the parts of the state, besides the slots, that have a variable for each weight."""


class StateKeeper:
    """The part of :class:`kjax.keras.optimizers.Optimizer` that keeps the state.

    Attributes:
        rule: the optimizer of floor 1 whose arguments this one has.
    """

    rule: Any
    pure: Any
    _writes: Any
    _find_variables_of_updates: Any
    _create_slots: Any

    def _adopt(self, rule: Any) -> None:
        self.rule = rule
        if getattr(rule, "name", None) is None and "_name" not in self.__dict__:
            self._name = counted_name(self._named_after)
        self._tree: Any = None
        self._built_for: frozenset[int] = frozenset()
        self._layout: Any = None
        self._own: list[Variable] = []
        self._early = 0
        self._first_rate: float | None = None
        self._leaves: list[Variable] = []
        self._order: list[int] = []
        self._trainable_variables: list[Variable] = []
        self._excluded: tuple[set[int], list[str]] = (set(), [])
        self._pure: Any = None
        self._iterations = Variable(jnp.int32(0), trainable=False, name="iteration", path=self._path("iteration"))
        rate = getattr(getattr(rule, "inner_optimizer", rule), "learning_rate", None)
        self._rate: Variable | None = None
        if isinstance(rate, (int, float)):
            self._rate = Variable(
                schedules.number(rate), trainable=False, name="learning_rate", path=self._path("learning_rate")
            )
        self._hyperparameters = older_slots.hyperparameters(self)

    def _path(self, name: str) -> str:
        return name if settings.era == "tf" else f"{self.name}/{name}"

    @property
    def name(self) -> str:
        """The optimizer's name."""
        own = self.__dict__.get("_name") or getattr(self.rule, "name", None)
        return own or to_snake_case(self._named_after.__name__)

    @property
    def _named_after(self) -> type:
        return type(self.rule if type(self).__name__ == "Optimizer" else self)

    @name.setter
    def name(self, value: str | None) -> None:
        self._name = value

    def __getattr__(self, name: str) -> Any:
        rule = self.__dict__.get("rule")
        if name in self.__dict__.get("_hyperparameters", ()):
            return self._hyperparameters[name]
        if self.__dict__.get("_hyperparameters") and name in older_slots.FURTHER:
            return older_slots.FURTHER[name](self)
        if rule is not None:
            if not name.startswith("_") and hasattr(rule, name):
                return getattr(rule, name)
            slot = name.strip("_")
            tree: Any = self.__dict__.get("_tree")
            for known in getattr(tree, "slots", {}):  # `_momentums`, `_velocities`: the slots, weight by weight
                if slot in (known, f"{known}s", f"{known[:-1]}ies"):
                    column = jax.tree.leaves(tree.slots[known], is_leaf=is_slot)
                    return [column[i] for i in self._order]
        if name in ("_momentums", "_velocities", "momentums", "velocities") and rule is not None:
            raise AttributeError(f"{type(self).__name__}: {name!r} exists when the optimizer was built")
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    # -- the learning rate ---------------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a variable; with a schedule the present value."""
        if self._rate is not None:
            return self._rate
        rate = getattr(getattr(self.rule, "inner_optimizer", self.rule), "learning_rate", None)
        if rate is not None:
            return rules.schedules.at_step(rate, self._iterations.value)
        if self._tree is not None:
            state = jax.tree.map(lambda v: v.value, self._tree, is_leaf=is_box)
            return rules.get_learning_rate(state)
        return self._first_rate or rules.get_learning_rate(self.rule.init({}))

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, Variable):
            if value is self._rate:
                return
            if self.rule_class is None and not self.built:  # a user's optimizer that keeps a rate of its own
                self._rate = value
                return
            value = value.value
        if callable(value):
            self._adopt_schedule(value)
        elif self._rate is not None:
            self._rate.assign(schedules.number(value))
        elif getattr(self.rule, "learning_rate", None) is None:  # an Optax transformation
            if self._tree is None:
                rules.set_learning_rate(self.rule.init({}), value)  # complains where there is none
                self._first_rate = float(value)
                return
            boxes = self._tree
            state = jax.tree.map(lambda v: v.value, boxes, is_leaf=is_box)
            changed = rules.set_learning_rate(state, value)
            jax.tree.map(lambda box, new: box.assign(new), boxes, changed, is_leaf=is_box)
        else:
            raise TypeError(
                f"{self.name}: This optimizer was created with a `LearningRateSchedule`, hence its learning rate is not settable; "
                "make the optimizer with a number to set it by hand"
            )

    lr = learning_rate

    @property
    def _learning_rate(self) -> Any:
        """The variable, or the schedule itself: what tf.keras kept under this name."""
        return self._rate if self._rate is not None else getattr(self.rule, "learning_rate", None)

    @_learning_rate.setter
    def _learning_rate(self, value: Any) -> None:
        self.learning_rate = value

    def _build_learning_rate(self, learning_rate: Any) -> Any:
        """Keep a rate, as optimizers written for tf.keras do in their ``__init__``."""
        self.learning_rate = learning_rate
        return self._learning_rate

    def _adopt_schedule(self, schedule: Any) -> None:
        self.rule = dataclasses.replace(self.rule, learning_rate=schedule)
        self._rate = self._pure = None

    @property
    def iterations(self) -> Any:
        """Number of updates so far; with gradient accumulation the number of accumulated ones."""
        steps = getattr(self.rule, "gradient_accumulation_steps", None)
        return self._iterations if not steps else self._iterations.value // steps

    @iterations.setter
    def iterations(self, value: Any) -> None:
        if isinstance(value, Variable) and not self.built:
            self._iterations = value
        else:
            self._iterations.assign(value)

    # -- state ---------------------------------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the state exists."""
        return self._tree is not None

    @built.setter
    def built(self, value: bool) -> None:
        """Ignored: optimizers written for Keras set it in ``build``."""

    def is_prepared(self, mark: Any) -> bool:
        """Whether nothing has changed since :meth:`prepare` returned ``mark``."""
        return mark is not None and mark[0] is self and mark[1] is self._tree and mark[2] is self._structure

    def prepare(self, tree: Any, order: Sequence[Variable] | None = None) -> Any:
        """Make the state for a tree of weights, unless it was made for these.

        Args:
            tree: tree of :class:`Variable`.
            order: the same variables in the order in which Keras lists them; that of the tree by default.

        Returns:
            A mark for :meth:`is_prepared`.
        """
        leaves = jax.tree.leaves(tree, is_leaf=is_box)
        given = list(order) if order is not None else leaves
        listed = stepped(given)
        if self.built and self._built_for == frozenset(map(id, leaves)):
            self._arrange(tree, leaves, listed)
            self._trainable_variables = given
            return self, self._tree, self._structure
        if self.built:
            self._own = self._own[: self._early]  # what the last `build` made belongs to other weights
        self._early = len(self._own)
        self._layout, self._tree, self._pure = tree, None, None
        try:
            self.build(listed)
            if self._tree is None:  # a `build` that does not call that of its base
                StateKeeper.build(self, listed)
        finally:
            self._layout = None
        self._trainable_variables = given
        return self, self._tree, self._structure

    def _arrange(self, tree: Any, leaves: list[Variable], listed: list[Variable]) -> None:
        """Lay the state out for another tree of the same weights."""
        structure = jax.tree.structure(tree, is_leaf=is_box)
        moves = structure != self._structure or any(a is not b for a, b in zip(leaves, self._leaves, strict=True))
        if moves:
            places = {id(v): i for i, v in enumerate(self._leaves)}
            old, chosen = self._structure, [places[id(v)] for v in leaves]

            def moved(part: Any) -> Any:
                if jax.tree.structure(part, is_leaf=is_slot) != old:
                    return part
                found = jax.tree.leaves(part, is_leaf=is_slot)
                return jax.tree.unflatten(structure, [found[i] for i in chosen])

            def is_part(part: Any) -> bool:
                return jax.tree.structure(part, is_leaf=is_slot) == old

            self._tree = jax.tree.map(moved, self._tree, is_leaf=is_part)
            self._leaves, self._structure = leaves, structure
        numbers = {id(v): i for i, v in enumerate(self._leaves)}
        order = [numbers[id(v)] for v in listed]
        if moves or order != self._order:
            self._pure = None
        self._trainable_variables, self._order = listed, order

    def build(self, variables: Any) -> None:
        """Make the state for weights.

        Args:
            variables: list or tree of :class:`Variable`.
        """
        if isinstance(variables, Mapping):
            self.prepare(variables)
            return
        given = list(variables)
        listed = stepped(given)
        tree = listed if self._layout is None else self._layout
        if self._layout is None and self.built and self._built_for == frozenset(map(id, listed)):
            return
        self._pure = None
        self._leaves = jax.tree.leaves(tree, is_leaf=is_box)
        self._structure = jax.tree.structure(tree, is_leaf=is_box)
        self._built_for = frozenset(map(id, self._leaves))
        numbers = {id(v): i for i, v in enumerate(self._leaves)}
        self._trainable_variables = given
        self._order = [numbers[id(v)] for v in listed]
        self._tree = self._make_state(tree)
        if self._writes("get_updates"):
            self._find_variables_of_updates(listed)
        if hasattr(self, "_resource_apply_dense"):
            self._create_slots(listed)

    def _make_state(self, tree: Any) -> Any:
        # The first values are stored ones, also where the first use is inside a step that is being traced.
        with scopes.outside(), jax.ensure_compile_time_eval():
            params = jax.tree.map(lambda v: v.value, tree, is_leaf=is_box)
            state = self._running_rule(tree).init(params)
            if self._first_rate is not None:
                state = rules.set_learning_rate(state, self._first_rate)
            boxes = jax.tree_util.tree_map_with_path(lambda path, leaf: state_box(self.name, path, leaf), state)
        if not isinstance(boxes, rules.OptimizerState):
            return boxes
        self._name_after_weights(boxes)
        return self._share(boxes)

    def _name_after_weights(self, boxes: Any) -> None:
        """Call the variables of a state as Keras does: after the weights to which they belong."""
        columns = {**boxes.slots, **{name: getattr(boxes, part) for part, name in _OF_WEIGHTS.items()}}
        for name, column in columns.items():
            slots = jax.tree.leaves(column, is_leaf=is_slot) if column is not None else ()
            for weight, slot in zip(self._leaves, slots, strict=False):
                if slot is not None:
                    slot.name = f"{weight.path.replace('/', '_')}_{name}"
                    slot.path = f"{self.name}/{slot.short_name}"
                    if settings.era == "tf":
                        then = older_slots.NAMES_OF_TF.get(type(self.rule).__name__, {}).get(name, name)
                        slot.path = f"{self.name}/{then}/{weight.path}"

    def _share(self, boxes: Any) -> Any:
        """Put the variables that exist before the state into it."""
        boxes = boxes._replace(count=self._iterations)
        return boxes if self._rate is None else boxes._replace(learning_rate=self._rate)

    def _running_rule(self, tree: Any) -> Any:
        """The rule with what is known of the weights: those that do not decay."""
        ids, patterns = self._excluded
        rule = self.rule
        paths, leaves, _ = flatten(tree, rule)
        if isinstance(rule, rules.RuleOptimizer):
            rule = rule.known_as({path: box.path for path, box in zip(paths, leaves, strict=True)})
        if not ids and not patterns:
            return rule
        found = [
            path
            for path, box in zip(paths, leaves, strict=True)
            if id(box) in ids
            or any(re.search(pattern, box.name) or re.search(pattern, box.path) for pattern in patterns)
        ]
        return dataclasses.replace(
            rule, exclude_from_weight_decay=(*rule.exclude_from_weight_decay, *map(rules.exactly, found))
        )

    @property
    def _driven(self) -> dict[str, Variable]:
        """Arguments that are numbers of the state: in Keras 1 and 2 scripts set them while a model is trained."""
        return {name: box for name, box in self._hyperparameters.items() if box.is_used}

    @property
    def state(self) -> Any:
        """The state as the rule knows it, with variables as leaves; None before it exists."""
        if self._tree is None or not (self._own or self._driven):
            return self._tree
        own = {own_name(i): box for i, box in enumerate(self._own)}
        own |= {driven_name(name): box for name, box in self._driven.items()}
        return self._tree._replace(scalars=self._tree.scalars | own)

    @property
    def tree(self) -> Any:
        """The same as :attr:`state`."""
        return self.state

    @property
    def variables(self) -> list[Variable]:
        """Iterations, learning rate, and the variables of the state, in Keras' order; scripts of tf.keras see no rate."""
        for_script = settings.era == "tf" and scopes.read_by_script()
        found = [self._iterations] + ([self._rate] if self._rate is not None else [])
        if self._tree is not None:
            params = jax.tree.unflatten(
                self._structure, [jax.ShapeDtypeStruct(v.shape, jnp.dtype(v.stored_dtype)) for v in self._leaves]
            )

            def collect(leaf: Any) -> Any:
                if isinstance(leaf, Variable) and all(leaf is not f for f in found):
                    found.append(leaf)
                return leaf

            self.pure.visit_variables(self.state, params, self._order, collect)
        found += [v for v in self._own if all(v is not f for f in found)]
        return Called(v for v in found if not for_script or v is not self._rate) if settings.era == "tf" else found

    @property
    def weights(self) -> list[Variable]:
        """The same as :attr:`variables`, as older generations call it; in Keras 1 and 2 they were others."""
        older = older_slots.weights(self) if settings.era in OLD_ERAS else None
        return self.variables if older is None else older

    @weights.setter
    def weights(self, value: Any) -> None:
        """Ignored: optimizers written for Keras 2 list their variables, which are known already."""

    def get_weights(self) -> list[Any]:
        """Values of :attr:`weights`."""
        return values.read(self.weights)

    def set_weights(self, weights: Any) -> None:
        """Set the values of :attr:`weights`.

        Raises:
            ValueError: another number of arrays, or another shape; nothing is changed then.
        """
        self._set_values(self.weights, list(weights))

    def _set_values(self, boxes: list[Variable], given: list[Any]) -> None:
        if len(boxes) != len(given):
            hint = "" if self.built else "; it has no state yet: build it, or train one step, first"
            raise ValueError(f"{self.name} has {len(boxes)} variables, received {len(given)} arrays{hint}")
        for box, value in zip(boxes, given, strict=True):
            box.check_shape(value)
        values.write(boxes, given)

    def save_own_variables(self, store: Any) -> None:
        """Write :attr:`variables` into a mapping under ``'0'``, ``'1'``, ..."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read :attr:`variables` from a mapping that :meth:`save_own_variables` filled."""
        if len(store) != len(self.variables):
            warnings.warn(
                f"Skipping variable loading for optimizer {self.name!r}, because it has {len(self.variables)} variables and the file "
                f"has {len(store)}",
                stacklevel=2,
            )
            return
        for i, variable in enumerate(self.variables):
            variable.assign(np.asarray(store[str(i)]))


class Called(list[Variable]):
    """A list that may be called: ``variables`` was a method in tf.keras, and later a property."""

    def __call__(self) -> list[Variable]:
        return list(self)


def cut(state: Any, chosen: Sequence[int]) -> Any:
    """The part of a rule's state that belongs to some of the weights, as lists in their order."""

    def part(tree: Any) -> Any:
        if tree is None:
            return None
        leaves = jax.tree.leaves(tree, is_leaf=is_slot)
        return [leaves[i] for i in chosen]

    slots = {name: part(tree) for name, tree in state.slots.items()}
    return state._replace(slots=slots, average=part(state.average), accumulator=part(state.accumulator))


def values_of(tree: Any) -> Any:
    """The values of a tree of variables."""
    return jax.tree.map(lambda v: v.value, tree, is_leaf=is_box)


def state_box(owner: str, path: Any, leaf: Any) -> Variable:
    """The variable of a leaf of the state."""
    names = [str(getattr(e, "key", getattr(e, "name", getattr(e, "idx", e)))) for e in path]
    return Variable(
        leaf,
        dtype=leaf.dtype,
        trainable=False,
        name="_".join(names[1:]) or names[0],
        path="/".join((owner, *names)),
    )


def is_box(thing: Any) -> bool:
    """Whether a thing is a variable."""
    return isinstance(thing, Variable)


def is_slot(thing: Any) -> bool:
    """Whether a thing is a weight's slot, or the place of one that it does not have."""
    return thing is None or isinstance(thing, Variable)

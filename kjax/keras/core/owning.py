"""What a layer owns: variables, layers and metrics, found in its attributes, as lists and as trees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import numpy as np

from kjax.keras.core import structure, values
from kjax.keras.core.doors import older_weights
from kjax.keras.core.metric import Metric
from kjax.keras.core.seeds import SeedGenerator
from kjax.keras.core.settings import settings
from kjax.keras.core.tracking import may_hold, members
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.nn.module import PARAMS, STATE, WeightSpec

Tree = dict[str, Any]
"""Nested dicts: collection, then names, then :class:`Variable`."""


_UNTRACKED = frozenset(
    (
        *("_init_arguments", "_own_variables", "_undeclared", "_held", "_given_layers", "_parts", "_boxes"),
        *("_state_parts", "_prepared", "_generator", "_original", "_whole"),
        *("_module", "_described", "_initial_values", "_build_shapes", "_dtype_policy"),
        *("_inbound_nodes", "_outbound_nodes", "_when_built"),
    )
)
"""Attributes in which layers and variables lie that are found in other ways, or never."""


class Declared(list):
    """Weights of a layer, as its ``build`` in a script of Keras 1 or 2 adds some that it made itself.

    Args:
        layer: the layer.
        collection: of these weights.
        variables: those that there are.
    """

    def __init__(self, layer: Any, collection: str, variables: Sequence[Variable]) -> None:
        super().__init__(variables)
        self._layer, self._collection = layer, collection

    def append(self, variable: Variable) -> None:
        """Declare one more."""
        self.extend([variable])

    def extend(self, variables: Iterable[Variable]) -> None:
        """Declare some more."""
        super().extend(variables)
        self._layer._declare(list(self), self._collection)

    def __reduce__(self) -> Any:
        return list, (list(self),)


class NotBuiltError(ValueError, RuntimeError):
    """A layer has no weights yet: an error of values today, and a runtime error before Keras 3."""


class Owning:
    """The part of a layer that knows its variables and the layers inside it."""

    tracked_state: ClassVar[bool] = True

    if TYPE_CHECKING:
        name: str
        built: bool
        _trainable: bool
        _own_variables: list[tuple[str, str, Variable]]

        _undeclared: set[int]

        def _free_weight_name(self, name: str) -> str: ...

    def __setattr__(self, name: str, value: Any) -> None:
        if "_own_variables" in self.__dict__ and name not in _UNTRACKED:
            if isinstance(value, Variable):
                self._track(value)
            elif isinstance(value, (list, tuple, dict)):
                for _, member in members(value, ""):
                    if isinstance(member, Variable):
                        self._track(member)
        structure.setting(self, name, value)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        value = self.__dict__.get(name)
        object.__delattr__(self, name)
        structure.changed()
        if isinstance(value, Variable):
            self._own_variables = [entry for entry in self._own_variables if entry[2] is not value]

    def _track(self, variable: Variable, collection: str | None = None) -> None:
        """Count a variable among the layer's own, once."""
        if all(variable is not v for _, _, v in self._own_variables):
            if collection is None and settings.era in ("1", "2"):  # layers had to list their weights themselves
                self._undeclared.add(id(variable))
                collection = STATE
            collection = collection or (PARAMS if variable.trainable else STATE)
            entry = (
                collection,
                self._free_weight_name("variable" if variable.is_counted else variable.short_name),
                variable,
            )
            self._own_variables = [*self._own_variables, entry]

    @property
    def _forgets(self) -> bool:
        """Whether weights that are not in a list of all are none any more."""
        return settings.era in ("1", "2") and self._trainable

    def _declare(self, variables: Sequence[Variable], collection: str) -> None:
        """Make the weights of a collection those of a list, in its order, as layers of Keras 1 and 2 declare them."""
        listed = {id(variable) for variable in variables}
        kept: list[tuple[str, str, Variable]] = []
        names: dict[int, str] = {}
        for entry in self._own_variables:
            if id(entry[2]) in listed:
                names[id(entry[2])] = entry[1]
            elif entry[0] == collection and self._forgets and id(entry[2]) not in self._undeclared:
                self._undeclared.add(id(entry[2]))
                kept.append((STATE, *entry[1:]))
            else:
                kept.append(entry)
        self._own_variables = kept
        self._undeclared -= listed
        inside = {id(v) for _, member in self._members() for v in member.weights}
        inside |= {id(entry[-1]) for entry in getattr(self, "_boxes", ())}
        for variable in variables:
            if collection == STATE and self._trainable:
                variable.trainable = False
            if id(variable) in names:
                self._own_variables = [*self._own_variables, (collection, names[id(variable)], variable)]
            elif id(variable) not in inside:
                self._track(variable, collection)

    def _attributes(self) -> Iterator[tuple[str, Any]]:
        """(label, layer, variable or metric) of each that the attributes hold, themselves or in lists and dicts."""
        for name, value in self.__dict__.items():
            if may_hold(value) and name not in _UNTRACKED:
                yield from members(value, name.lstrip("_"))

    def _members(self) -> Iterator[tuple[str, Any]]:
        """(attribute name, layer) of each layer that the attributes hold, once."""
        seen: set[int] = {id(self)}
        for label, member in self._attributes():
            if isinstance(member, Owning) and id(member) not in seen:
                seen.add(id(member))
                yield label, member

    def _track_variables(self) -> None:
        """Find the variables in lists and dicts, which may have come there at any time."""
        kept = [v for n, v in self.__dict__.items() if isinstance(v, (list, tuple, dict)) and v and n not in _UNTRACKED]
        for _, member in members(kept, "") if kept else ():
            if isinstance(member, Variable):
                self._track(member)

    def _state_holders(self) -> Iterator[tuple[str, Any]]:
        """(attribute name, metric or seed generator) of each that the attributes hold."""
        for label, member in self._attributes():
            if not isinstance(member, (Owning, Variable)):
                yield label, member

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> Iterator[Any]:
        if include_self:
            yield self
        for _, member in self._members():
            if recursive:
                yield from member._flatten_layers()
            else:
                yield member

    @property
    def _layers(self) -> list[Any]:
        """The layers that the attributes hold."""
        return [member for _, member in self._members()]

    @property
    def _trainable_variables(self) -> list[Variable]:
        """The layer's own trained variables."""
        return [v for collection, _, v in self._own_variables if collection == PARAMS]

    @property
    def _non_trainable_variables(self) -> list[Variable]:
        """The layer's own other variables."""
        return [v for collection, _, v in self._own_variables if collection != PARAMS]

    @property
    def _metrics(self) -> list[Any]:
        """The metrics of the layer itself."""
        return [holder for _, holder in self._state_holders() if isinstance(holder, Metric)]

    @property
    def _seed_generators(self) -> list[Any]:
        """The random generators of the layer itself."""
        return [holder for _, holder in self._state_holders() if not isinstance(holder, Metric)]

    def variable_tree(self) -> Tree:
        """The variables as nested dicts by collection: the keys are those of the module's variables."""
        self._track_variables()
        tree: Tree = {}
        for collection, name, variable in self._own_variables:
            tree.setdefault(collection, {})[name] = variable
        for label, holder in self._state_holders():
            if isinstance(holder, Metric):
                continue  # metrics belong to the step around the model
            state = {str(i): variable for i, variable in enumerate(holder.variables)}
            if state:
                tree.setdefault(STATE, {})[label] = state
        for label, member in self._members():
            for collection, inner in member.variable_tree().items():
                if inner:
                    tree.setdefault(collection, {})[label] = inner
        return tree

    @property
    def variables_tree(self) -> Tree:
        """The present values of the variables, as ``module.apply`` takes them; may be set from such a tree."""
        return jax.tree.map(lambda v: v.value, self.variable_tree(), is_leaf=_is_variable)

    @variables_tree.setter
    def variables_tree(self, tree: Tree) -> None:
        boxes = self.variable_tree()
        own = jax.tree.structure(jax.tree.map(lambda v: 0, boxes, is_leaf=_is_variable))
        given = jax.tree.structure(jax.tree.map(lambda v: 0, dict(tree)))
        if own != given:
            raise ValueError(f"{self.name}: a tree of another structure was given: expected {own}, received {given}")
        jax.tree.map(lambda box, value: box.assign(value), boxes, dict(tree), is_leaf=_is_variable)

    @property
    def carries_state(self) -> bool:
        """Whether a call may change the layer's state outside training; in Keras 1 and 2 only that of stateful layers was."""
        own = any(collection == STATE for collection, _, _ in self._own_variables)
        own = own or any(isinstance(holder, SeedGenerator) for _, holder in self._state_holders())
        return bool(getattr(self, "stateful", False)) or (own and settings.era not in OLD_ERAS)

    def take_variable(self, spec: WeightSpec, path: tuple[str, ...], above: tuple[str, ...]) -> Variable:
        """The variable at a path of the layer's variables, for a layer around this one.

        Args:
            spec: what the layer around knows of it.
            path: its path.
            above: names of the layers around, this one's last.
        """
        del above
        node: Any = self.variable_tree()[spec.collection]
        for name in path:
            node = node[name]
        return node

    @property
    def weights(self) -> list[Variable]:
        """All weights: a layer's trained ones first, then its state, then those of the layers it holds."""
        self._track_variables()
        own = [entry for entry in self._own_variables if id(entry[2]) not in self._undeclared]
        own.sort(key=lambda entry: {PARAMS: 0, STATE: 1}.get(entry[0], 2))
        found: dict[int, Variable] = {id(v): v for _, _, v in own}
        for _, member in self._members():
            for v in member.weights:
                found.setdefault(id(v), v)
        return list(found.values())

    @property
    def variables(self) -> list[Variable]:
        """The weights and the states of random generators: a layer's own ones first, then those of each layer inside."""
        inside = {id(v): v for _, member in self._members() for v in member.variables}
        weights = self.weights
        own = max((i + 1 for i, v in enumerate(weights) if id(v) not in inside), default=0)
        seeds = [v for generator in self._seed_generators for v in generator.variables]
        found = {id(v): v for v in (*weights[:own], *seeds)}
        return list({**found, **inside}.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training changes."""
        return self._listed_as([v for v in self.weights if v.trainable] if self._trainable else [], PARAMS)

    @trainable_weights.setter
    def trainable_weights(self, variables: Sequence[Variable]) -> None:
        self._declare(variables, PARAMS)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights that training does not change by gradients."""
        found = self.weights if not self._trainable else [v for v in self.weights if not v.trainable]
        return self._listed_as(found, STATE)

    def _listed_as(self, variables: list[Variable], collection: str) -> list[Variable]:
        """A list of weights; in the eras of Keras 1 and 2 what is added to it is declared a weight of the layer."""
        return Declared(self, collection, variables) if settings.era in ("1", "2") else variables

    @non_trainable_weights.setter
    def non_trainable_weights(self, variables: Sequence[Variable]) -> None:
        self._declare(variables, STATE)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as :attr:`trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Those of :attr:`variables` that training does not change by gradients."""
        return [v for v in self.variables if not (self._trainable and v.trainable)]

    @property
    def metrics(self) -> list[Any]:
        """The metrics that the layer and the layers inside keep."""
        found = [h for layer in self._flatten_layers() for _, h in layer._state_holders() if isinstance(h, Metric)]
        return list({id(metric): metric for metric in found}.values())

    @property
    def metrics_variables(self) -> list[Variable]:
        """The states of :attr:`metrics`."""
        return [v for metric in self.metrics for v in metric.variables]

    def get_weights(self) -> list[np.ndarray]:
        """The values of :attr:`weights` as numpy arrays; in the eras of Keras 1 and 2 in the order and form that they had."""
        return older_weights.of_then(self) if settings.era in ("1", "2") else values.read(self._kept_weights())

    def set_weights(self, weights: Any) -> None:
        """Set the values of :attr:`weights`.

        Args:
            weights: list of arrays, in the order and of the shapes of :meth:`get_weights`.

        Raises:
            ValueError: another number of arrays or another shape; nothing is changed then.
        """
        boxes, given = self._kept_weights(), list(weights)
        if settings.era in ("1", "2"):
            boxes, given = older_weights.of_today(self, given)
        if len(boxes) != len(given):
            hint = "" if self.built else " The layer has not been built yet: call it, or give it an input shape, first."
            raise ValueError(
                f"You called `set_weights(weights)` on layer {self.name!r} with a weight list of length {len(given)}, but the "
                f"layer was expecting {len(boxes)} weights.{hint}"
            )
        for box, value in zip(boxes, given, strict=True):
            if tuple(np.shape(value)) != box.shape:
                raise ValueError(
                    f"{self.name!r}: weight {box.path!r} has a weight shape {box.shape} that is not compatible with provided "
                    f"weight shape {tuple(np.shape(value))}"
                )
        values.write(boxes, given)

    def _kept_weights(self) -> Sequence[Variable]:
        """The same as :attr:`weights`, found anew only when something changed."""
        return structure.kept(self, "weights", lambda: tuple(self.weights))

    def count_params(self) -> int:
        """Number of numbers in the weights."""
        if not self.built:
            raise NotBuiltError(f"{self.name!r} has no weights yet because it was not built; call it on data first")
        return sum(v.size for v in self.weights)


def _is_variable(thing: Any) -> bool:
    return isinstance(thing, Variable)

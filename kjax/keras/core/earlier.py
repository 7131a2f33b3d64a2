"""Members of layers that Keras 2 had and Keras 3 has not: scripts of that time use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax

from kjax.keras.core import doors
from kjax.keras.core import scope as scopes
from kjax.keras.core.doors import calls
from kjax.keras.core.input_spec import check_inputs
from kjax.keras.core.metric import Metric, derive_metric
from kjax.keras.core.tensor import Node
from kjax.keras.core.variable import Variable
from kjax.nn import metrics as rules

_RATES = ("rate", "stddev", "dropout", "recurrent_dropout")
"""Arguments of layers that do the same in both modes where these are 0."""


class Member:
    """A property that gives way to an attribute that a user sets under its name.

    Args:
        function: computes it.
    """

    def __init__(self, function: Any) -> None:
        self._function, self.__doc__ = function, function.__doc__

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else self._function(owner)


class Earlier:
    """The part of a layer that is there for scripts of Keras 1 and 2."""

    if TYPE_CHECKING:
        _state_holders: Any
        input_spec: Any
        losses: list[Any]
        compute_output_shape: Any
        weights: list[Variable]
        trainable: bool
        takes_training: bool
        _members: Any
        _initial_weights: Any
        _given_effects: Sequence[tuple[str, Any, Any]]
        _inbound_nodes: list[Node]

    dynamic = False
    """Whether the layer can only run eagerly."""

    @Member
    def submodules(self: Any) -> tuple[Any, ...]:
        """The layers inside, however deep."""
        return tuple(layer for layer in self._flatten_layers() if layer is not self)

    @Member
    def inbound_nodes(self: Any) -> list[Node]:
        """The calls on symbolic tensors."""
        return self._inbound_nodes

    @Member
    def outbound_nodes(self: Any) -> list[Node]:
        """The calls of other layers that read what this one gives."""
        return self._outbound_nodes

    @Member
    def distribute_strategy(self: Any) -> Any:
        """The strategy of a model in TensorFlow, with one replica."""
        return doors.strategies.get_strategy()

    train_function: Any = None
    test_function: Any = None
    predict_function: Any = None
    """What tf.keras kept of its compiled steps; models compile theirs when they run."""

    @property
    def _name(self: Any) -> str:
        """The name; in tf.keras layers are renamed by setting this."""
        return self.name

    @_name.setter
    def _name(self: Any, value: str) -> None:
        self.name = value

    stateful: bool = False
    """Whether a state is carried from batch to batch."""

    @property
    def batch_input_shape(self) -> tuple[int | None, ...]:
        """The shape with the batch axis that a first layer was given.

        Raises:
            AttributeError: it was given none.
        """
        shape = getattr(self, "_batch_input_shape", None)
        if shape is None:
            raise AttributeError(f"{type(self).__name__!r} layer was given no input shape")
        return shape

    @property
    def initial_weights(self) -> Any:
        """The argument ``weights`` until the layer is built, by its name in Keras 1, whose ``build`` sets and deletes it."""
        return self._initial_weights

    @initial_weights.setter
    def initial_weights(self, arrays: Any) -> None:
        self._initial_weights = arrays

    @initial_weights.deleter
    def initial_weights(self) -> None:
        self._initial_weights = None

    def get_output_shape_for(self, input_shape: Any) -> Any:
        """``compute_output_shape`` by its name in Keras 1."""
        return self.compute_output_shape(input_shape)

    @property
    def updates(self) -> list[Any]:
        """In scripts of Keras 1 and 2 the updates of each symbolic call, for ``K.function``; otherwise none.

        When a model is trained, a variable that ``call`` assigns takes the new value at once.
        """
        return [update for update, _ in self._drawn_effects("updates")] if scopes.is_drawing() else []

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Give variables new values, from inside ``call`` or, in scripts of Keras 1 and 2, outside of it too.

        Args:
            updates: pairs (variable, new value); results of assignments, which have happened already, are accepted.
            inputs: the tensors that they depend on.
        """
        several = isinstance(updates, (list, tuple)) and not _is_pair(updates)
        items = list(updates) if several else [updates]
        active = scopes.current()
        if scopes.is_drawing():
            object.__setattr__(self, "_given_effects", [*self._given_effects, *(("updates", i, inputs) for i in items)])
            return
        for item in items:
            if _is_pair(item):
                item[0].assign(item[1])
            if active is not None and inputs is None:
                active.apart.append(item[0] if _is_pair(item) else item)

    def get_updates_for(self, inputs: Any) -> list[Any]:
        """Those of :attr:`updates` that depend on given inputs of a call, or, for None, on none."""
        return self._effects_for("updates", inputs) if scopes.is_drawing() else []

    def get_losses_for(self, inputs: Any) -> list[Any]:
        """The penalties on weights where ``inputs`` is None, otherwise those that depend on inputs."""
        if scopes.is_drawing():
            return self._effects_for("losses", inputs)
        own = getattr(self, "_extra_losses", [])
        if inputs is not None:
            return list(own)
        return [loss for loss in self.losses if all(loss is not other for other in own)]

    def _effects_for(self, kind: str, inputs: Any) -> list[Any]:
        wanted = None if inputs is None else _ids(inputs)
        pairs = self._drawn_effects(kind, of_calls=True)
        return [thing for thing, on in pairs if (None if on is None else _ids(on)) == wanted]

    def _drawn_effects(self, kind: str, of_calls: bool = True) -> list[tuple[Any, Any]]:
        """(loss or update, the inputs that it depends on or None) of what the layer does besides its outputs.

        Args:
            kind: ``'losses'`` or ``'updates'``.
            of_calls: whether those of symbolic calls count; for models, whose graphs count anyhow.
        """
        found: list[tuple[Any, Any]] = []
        if kind == "losses":
            found += [(calls.penalty_of(v), None) for v in self.weights if v.regularizer is not None]
        elif not (self.trainable or self.stateful):
            return []
        found += [(thing, inputs) for k, thing, inputs in self._given_effects if k == kind]
        for node in self._inbound_nodes if of_calls else ():
            on = node.sources
            found += [
                (thing, on if conditional else None) for thing, conditional in getattr(calls.effects_of(node), kind)
            ]
        return found

    @property
    def differs_in_training(self) -> bool:
        """Whether the layer, as it is set up, computes something else in training than otherwise."""
        inner = [layer for _, layer in self._members()]
        if inner:
            return any(layer.differs_in_training for layer in inner)
        rates = [getattr(self, name) for name in _RATES if isinstance(getattr(self, name, None), (int, float))]
        return self.takes_training and (not rates or any(rates))

    def assert_input_compatibility(self, inputs: Any) -> None:
        """Compare inputs with :attr:`input_spec`.

        Raises:
            ValueError: they do not fit.
        """
        if self.input_spec is not None:
            tree = list(inputs) if isinstance(inputs, tuple) else inputs
            check_inputs(self.input_spec, tree, self)

    def add_metric(self, value: Any = None, aggregation: str | None = None, name: str | None = None) -> None:
        """Report a number with the metrics of the model, averaged over the batches.

        Args:
            value: an array, from inside ``call``.
            aggregation: ``'mean'``, the only way.
            name: its name.

        Raises:
            ValueError: no name, or another aggregation.
        """
        if isinstance(aggregation, str) and aggregation != "mean" and name is None:  # the place of the name in tf.keras
            aggregation, name = None, aggregation
        if not name:
            if any(isinstance(held, Metric) for _, held in self._state_holders()):
                return  # the result of a metric that is an attribute, which is measured already
            raise ValueError(f"{type(self).__name__}.add_metric: give the metric a `name`")
        if aggregation not in (None, "mean"):
            raise ValueError(
                f"{type(self).__name__}.add_metric: `aggregation` must be 'mean', received {aggregation!r}"
            )
        kept = self.__dict__.setdefault("added_metrics", {})
        if name not in kept:
            kept[name] = derive_metric(rules.Mean)(name=name)
        kept[name].update_state(jax.numpy.asarray(value))


def _ids(inputs: Any) -> list[int]:
    return [id(tensor) for tensor in (inputs if isinstance(inputs, (list, tuple)) else [inputs])]


def _is_pair(thing: Any) -> bool:
    return isinstance(thing, (list, tuple)) and len(thing) == 2 and isinstance(thing[0], Variable)


def batch_shape(kwargs: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    """The shape with the batch axis that a first layer was given, in any of the spellings."""
    for key in ("batch_input_shape", "batch_shape"):
        if kwargs.get(key) is not None:
            return tuple(kwargs[key])
    batch = kwargs.get("batch_size")
    if kwargs.get("input_shape") is not None:
        shape = kwargs["input_shape"]
        return (batch, *(shape if hasattr(shape, "__iter__") else (shape,)))
    if kwargs.get("input_dim") is not None:
        length = (kwargs["input_length"],) if kwargs.get("input_length") is not None else ()
        return (batch, *length, int(kwargs["input_dim"]))
    return None

"""The door from floor 3 to floor 1: a layer written by a user, as a Flax module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import flax.linen as nn
import jax

from kjax.keras.core import scope as scopes
from kjax.keras.core.symbolic import call_signature
from kjax.keras.core.variable import Variable
from kjax.nn.dtypes import abstract
from kjax.nn.module import DROPOUT, LOSSES, PARAMS, WeightSpec, announce, record_weights

if TYPE_CHECKING:
    from kjax.keras.core.layer import Layer


_SEEN = frozenset(
    "state_size output_size get_initial_state return_sequences return_state go_backwards stateful state_count "
    "zero_output_for_mask".split()
)
"""Attributes of the layer that layers around it ask for."""


class Owner:
    """A layer as a field of a module: compared by identity, since user code may do anything.

    Args:
        layer: the layer.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Owner) and other.layer is self.layer

    def __hash__(self) -> int:
        return hash((id(self.layer), "owner"))

    def __repr__(self) -> str:
        return repr(self.layer)


class Handle(nn.Module):
    """Runs a layer's ``call`` with its variables bound to the values that the module was given.

    Attributes:
        owner: the layer.
        mark: changes when what the layer computes may have changed (frozen layers).
    """

    owner: Owner
    mark: Any = None

    returns_masks: ClassVar[bool] = True
    """Whether the call takes ``masks`` and ``return_masks``; see :func:`kjax.nn.graph.call_with_masks`."""

    def __getattr__(self, name: str) -> Any:
        if name in _SEEN and "owner" in self.__dict__:
            return getattr(self.owner.layer, name)
        return super().__getattr__(name)

    draws: ClassVar[bool] = True
    """Whether calls may draw random numbers outside training."""

    @nn.compact
    def __call__(
        self,
        *args: Any,
        training: bool = False,
        mask: Any = None,
        masks: Any = None,
        return_masks: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call the layer as a pure function; masks travel inside.

        Args:
            *args: arguments of the layer's call.
            training: the mode.
            mask: mask of the first argument, structured like it.
            masks: masks of all arguments, as (masks of args, masks of kwargs).
            return_masks: also return the list of the masks of the outputs' leaves.
            **kwargs: keyword arguments of the layer's call.
        """
        layer = self.owner.layer
        if not all(inside.built for inside in layer._flatten_layers()):
            _build(layer, args, kwargs)
        tree = layer.variable_tree()
        scope = scopes.Scope(training=training, key=self.make_rng(DROPOUT) if self.has_rng(DROPOUT) else None)
        for collection, group in tree.items():
            for name, inner in group.items():
                values = self._values(collection, name, inner)
                jax.tree.map(
                    lambda box, value: scope.values.__setitem__(id(box), value),
                    inner,
                    values,
                    is_leaf=_is_box,
                )
        if masks is not None:
            _let_travel(scope, (args, kwargs), masks)
        if mask is not None and args:
            _let_travel(scope, args[0], mask)
            if "mask" in call_signature(type(layer).call)[0]:
                kwargs["mask"] = mask
        penalties: list[Any] = []
        for path, box in jax.tree_util.tree_leaves_with_path(tree, is_leaf=_is_box):
            names = tuple(entry.key for entry in path)
            spec = WeightSpec(
                names[0],
                (*self.path, *names[1:]),
                box.shape,
                box.stored_dtype,
                None,
                box.regularizer,
                box.constraint,
            )
            announce(spec)
            if box.regularizer is not None and box.trainable:
                penalties.append(box.regularizer(scope.values[id(box)]))
        with scopes.enter(scope), record_weights():
            outputs = layer._compute(args, {**kwargs, "training": training})
        for collection, group in tree.items():
            if collection != PARAMS and self.is_mutable_collection(collection) and not self.is_initializing():
                for name, inner in group.items():
                    values = jax.tree.map(lambda box: scope.values[id(box)], inner, is_leaf=_is_box)
                    self.put_variable(collection, name, values)
        if self.is_mutable_collection(LOSSES) and not self.is_initializing():
            # Apart, since who calls the layer from outside of a step knows the penalties on weights anyhow.
            for name, found in (("added", scope.losses), ("weights", penalties)):
                if found:
                    self.put_variable(LOSSES, name, sum(found))
        if return_masks:
            return outputs, [scope.mask_of(leaf) for leaf in jax.tree.leaves(outputs)]
        return outputs

    def _values(self, collection: str, name: str, inner: Any) -> Any:
        def fresh(*_: Any) -> Any:
            return _fresh(inner)

        if self.has_variable(collection, name):
            return self.get_variable(collection, name)
        if collection == PARAMS:
            return self.param(name, fresh)
        return self.variable(collection, name, fresh).value


def call_here(
    module: Handle, args: Sequence[Any], kwargs: Mapping[str, Any], masks: Any, training: bool
) -> tuple[Any, list[Any]]:
    """Call the layer of a module in the present scope, in which variables are what is stored in them.

    Args:
        module: the module.
        args: arguments of the layer's call.
        kwargs: its keyword arguments.
        masks: None, or (masks of args, masks of kwargs).
        training: the mode, where the arguments do not name one.

    Returns:
        The outputs and the list of the masks of their leaves.
    """
    layer, scope, given = module.owner.layer, scopes.current(), dict(kwargs)
    assert scope is not None, "layers are called through __call__"
    if masks is not None:
        _let_travel(scope, (tuple(args), given), masks)
    mask = given.pop("mask", None)
    if mask is not None and args:
        _let_travel(scope, args[0], mask)
        if "mask" in call_signature(type(layer).call)[0]:
            given["mask"] = mask
    if given.get("training") is None:
        given["training"] = training
    outputs = layer._compute(tuple(args), given)
    return outputs, [scope.mask_of(leaf) for leaf in jax.tree.leaves(outputs)]


def _let_travel(scope: scopes.Scope, values: Any, masks: Any) -> None:
    """Note the mask of each array of a tree; parts of the tree of masks may be missing (None)."""
    if masks is None:
        return
    if isinstance(values, Mapping):
        for key, value in values.items():
            _let_travel(scope, value, masks.get(key) if isinstance(masks, Mapping) else None)
    elif isinstance(values, (list, tuple)):
        for value, mask in zip(values, masks, strict=False):
            _let_travel(scope, value, mask)
    else:
        scope.masks[id(values)] = (values, masks)


def _build(layer: Layer, args: Any, kwargs: Any) -> None:
    """Make the variables of a layer, and of all layers inside it, by tracing its call on arrays like these."""

    def described(leaf: Any) -> Any:
        is_array = hasattr(leaf, "shape") and hasattr(leaf, "dtype")
        return abstract(leaf) if is_array else leaf

    layer._trace(*jax.tree.map(described, (args, dict(kwargs))))


def _fresh(tree: Any) -> Any:
    """First values of variables in nested dicts, in the order of the variables; ``jax.tree.map`` sorts by name."""
    if isinstance(tree, Mapping):
        return {name: _fresh(inner) for name, inner in tree.items()}
    return jax.tree.map(lambda box: box.fresh_value(), tree, is_leaf=_is_box)


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)

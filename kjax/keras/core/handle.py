"""The door from floor 3 to floor 1: a layer written by a user, as a Flax module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax

from kjax.keras.core import scope as scopes
from kjax.keras.core.variable import Variable
from kjax.nn.module import DROPOUT, LOSSES, PARAMS, WeightSpec, announce, record_weights

if TYPE_CHECKING:
    from kjax.keras.core.layer import Layer


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

    @nn.compact
    def __call__(self, *args: Any, training: bool = False, mask: Any = None, **kwargs: Any) -> Any:
        """Call the layer as a pure function; masks travel inside."""
        layer = self.owner.layer
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
        if mask is not None and args:
            jax.tree.map(lambda a, m: scope.masks.__setitem__(id(a), (a, m)), args[0], mask)
        for path, box in jax.tree_util.tree_leaves_with_path(tree, is_leaf=_is_box):
            names = tuple(entry.key for entry in path)
            spec = WeightSpec(
                names[0],
                (*self.path, *names[1:]),
                box.shape,
                box.dtype,
                None,
                box.regularizer,
                box.constraint,
            )
            announce(spec)
            if box.regularizer is not None and box.trainable:
                scope.losses.append(box.regularizer(scope.values[id(box)]))
        with scopes.enter(scope), record_weights():
            outputs = layer._compute(args, {**kwargs, "training": training})
        for collection, group in tree.items():
            if collection != PARAMS and self.is_mutable_collection(collection) and not self.is_initializing():
                for name, inner in group.items():
                    values = jax.tree.map(lambda box: scope.values[id(box)], inner, is_leaf=_is_box)
                    self.put_variable(collection, name, values)
        if scope.losses and self.is_mutable_collection(LOSSES) and not self.is_initializing():
            self.put_variable(LOSSES, "added", sum(scope.losses))
        return outputs

    def _values(self, collection: str, name: str, inner: Any) -> Any:
        def fresh(*_: Any) -> Any:
            return jax.tree.map(lambda box: box.fresh_value(), inner, is_leaf=_is_box)

        if self.has_variable(collection, name):
            return self.get_variable(collection, name)
        if collection == PARAMS:
            return self.param(name, fresh)
        return self.variable(collection, name, fresh).value


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)

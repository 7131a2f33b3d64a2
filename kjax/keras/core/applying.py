"""Applying a Flax module to variables in boxes: the present values go in, what the module changes comes back."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jax.core import Tracer

from kjax.keras.core import scope as scopes
from kjax.keras.core.settings import next_key
from kjax.keras.core.variable import Variable
from kjax.nn.graph import call_with_masks
from kjax.nn.module import DROPOUT, LOSSES, PARAMS, Description, describe, record_weights
from kjax.nn.randomness import may_draw, modules_inside


def apply_pure(module: nn.Module, tree: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply a module to the present values of variables, inside the current scope, and store what it changes.

    Args:
        module: the module.
        tree: its variables, as a layer's ``variable_tree`` gives them.
        args: positional arguments of the call.
        kwargs: keyword arguments of the call.
    """
    active = scopes.current()
    assert active is not None, "layers are called through __call__"
    training = kwargs.pop("training", None)
    training = scopes.as_mode(active.training if training is None else training)
    variables = jax.tree.map(lambda v: v.stored_value(), tree, is_leaf=_is_box)
    key = active.next_key()
    if key is None and not active.abstract and (training or may_draw(module)):
        key = next_key()
    masks = jax.tree.map(active.mask_of, (args, kwargs))
    masks = masks if jax.tree.leaves(masks) else None
    changing = [c for c in variables if c != PARAMS]
    if training and not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(variables)) and changes_params(module):
        changing.append(PARAMS)

    def run(bound: nn.Module) -> Any:
        return call_with_masks(bound, args, kwargs, masks, training)

    with record_weights():
        (outputs, out_masks), updates = module.apply(
            variables,
            rngs={DROPOUT: key} if key is not None else {},
            mutable=[*changing, LOSSES],
            method=run,
        )
    active.losses.extend(penalties_of(updates.get(LOSSES, {})))
    for collection, inner in updates.items():
        if collection != LOSSES:
            jax.tree.map(lambda box, value: box.assign(value), tree[collection], inner, is_leaf=_is_box)
    for leaf, mask in zip(jax.tree.leaves(outputs), out_masks, strict=False):
        if mask is not None:
            active.masks[id(leaf)] = (leaf, mask)
    return outputs


def changes_params(module: nn.Module) -> bool:
    """Whether a module, or one inside, gives its trained weights other values in training."""
    return any(getattr(each, "rewrites_weights", False) for each in modules_inside(module))


def penalties_of(losses: Any) -> list[Any]:
    """The penalties in a ``losses`` collection that only the call knows: weight penalties are known from the variables."""
    leaves = jax.tree_util.tree_leaves_with_path(losses)
    return [value for path, value in leaves if path[-1].key in ("activity", "added", "penalty")]


def cell_of(module: Any, collection: str) -> tuple[str, ...]:
    """Names in the paths of weights that, in Keras, belong to a cell inside of the layer."""
    cell = getattr(module, "cell_type", None)
    return () if cell is None or collection != PARAMS else (module.cell_label,)


@contextlib.contextmanager
def named_as_given(layer: Any) -> Iterator[None]:
    """Let errors call the layers inside of ``layer`` by the names that they were given, not by their places in its module."""
    try:
        yield
    except ValueError as error:
        message = str(error)
        named = re.sub(r"layer '([\w/]+)'", lambda found: f"layer {_given_name(layer, found[1])!r}", message)
        if named != message:
            error.args = (named, *error.args[1:])
        raise


def _given_name(layer: Any, path: str) -> str:
    first, _, rest = path.partition("/")
    held = layer._held.get(first)
    if held is None:
        return path
    return _given_name(held, rest) if rest and hasattr(held, "_held") else held.name


class Opaque:
    """A function that takes part in a module's fields without taking part in its value."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque)

    def __hash__(self) -> int:
        return 0


class Caller(nn.Module):
    """Calls a module in a given way, so that non-array arguments stay what they are while it is traced.

    Attributes:
        inner: (name, module), which is the only one.
        how: from the bound module and arrays to the result.
    """

    inner: tuple[tuple[str, nn.Module], ...]
    how: Opaque

    @nn.compact
    def __call__(self, *arrays: Any) -> Any:
        ((name, module),) = self.inner
        return self.how.function(module.clone(name=name, parent=self, _deep_clone=True), *arrays)


def describe_call(
    name: str, module: nn.Module, leaves: Sequence[Any], structure: Any, masks: Sequence[Any]
) -> tuple[Description, Callable[[], Any]]:
    """Trace a call: the weights, and as outputs the pair of outputs and their masks; and what gives the module's own first values.

    Args:
        name: what errors call the module.
        module: the module.
        leaves: the leaves of the arguments, arrays among them abstract.
        structure: how they unflatten to (args, kwargs).
        masks: abstract mask, or None, of each leaf.
    """
    masked = any(mask is not None for mask in masks)
    abstract = [isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves]

    def call(bound: nn.Module, *arrays: Any) -> Any:
        given = iter(arrays)
        filled = [next(given) if a else leaf for a, leaf in zip(abstract, leaves, strict=True)]
        call_args, call_kwargs = jax.tree.unflatten(structure, filled)
        call_masks = [None if mask is None else next(given) for mask in masks]
        both = jax.tree.unflatten(structure, call_masks) if masked else None
        return call_with_masks(bound, call_args, call_kwargs, both, False)

    caller = Caller(((name, module),), Opaque(call))
    arrays = [leaf for leaf, a in zip(leaves, abstract, strict=True) if a]
    arrays += [mask for mask in masks if mask is not None]
    with scopes.enter(scopes.Scope(abstract=True)):
        description = describe(caller, *arrays)

    @functools.cache
    def initial_values() -> Any:
        key = next_key()
        zeros = [np.zeros(a.shape, a.dtype) for a in arrays]
        return jax.device_get(jax.jit(caller.init)({PARAMS: key, DROPOUT: key}, *zeros))

    return description, initial_values


class ForeignInitial:
    """Initial value of a weight of a foreign Flax module: taken from the module's own ``init``.

    Args:
        values: function from a key to all initial variables.
        place: collection and path of the weight.
    """

    def __init__(self, values: Any, place: tuple[str, ...]) -> None:
        self.values, self.place = values, place

    def __call__(self, key: Any, shape: Any, dtype: Any = None) -> Any:
        del key, shape, dtype
        node = self.values()
        for name in self.place:
            node = node[name]
        return node


def _is_box(thing: Any) -> bool:
    return isinstance(thing, Variable)

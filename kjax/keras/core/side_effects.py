"""What calls of layers do besides their outputs, as symbolic tensors: losses and new values of variables (Keras 1 and 2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from kjax.keras.core import doors
from kjax.keras.core import scope as scopes
from kjax.keras.core.layer import Layer
from kjax.keras.core.operation import Operation
from kjax.keras.core.places import symbolic_mask
from kjax.keras.core.tensor import KerasTensor, Node, is_symbolic, stand_in
from kjax.keras.core.updates import Update
from kjax.keras.core.variable import Variable


class CallAgain(Layer):
    """A call of a layer once more, for what it adds to the losses and for the values that it gives to variables.

    Args:
        node: the call.
        targets: variables that it gives values to.
        places: which of its losses are wanted.
        training: the mode; None for that in which the graph is computed.
    """

    def __init__(self, node: Node, targets: Sequence[Variable], places: Sequence[int], training: bool | None) -> None:
        super().__init__(name=None)
        self.autocast = False
        self.built = True
        self._calls = (node,)
        self._targets = (tuple(targets),)
        self._places, self._training = tuple(places), training

    def variable_tree(self) -> Any:
        """The variables of the layer."""
        return self._calls[0].layer.variable_tree()

    def read_variables(self) -> list[Variable]:
        """The variables that are given values, which the layer may keep where nobody looks."""
        return list(self._targets[0])

    def call(self, *args: Any, **kwargs: Any) -> list[Any]:
        """The losses, then the new values."""
        active = scopes.current()
        assert active is not None
        layer, targets = self._calls[0].layer, self._targets[0]
        values = {id(v): v.value for v in targets}
        training = active.training if self._training is None else self._training
        inner = scopes.Scope(values=values, key=active.next_key(), training=training, abstract=active.abstract)
        inner.masks.update(active.masks)
        with scopes.enter(inner):
            layer._compute(args, dict(kwargs))
        return [*(inner.losses[i] for i in self._places), *(inner.values[id(v)] for v in targets)]


class MaskOf(Layer):
    """The mask that travels with a tensor, as a tensor."""

    def __init__(self) -> None:
        super().__init__(name=None)
        self.autocast = False

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The mask."""
        del inputs
        return mask


def mask_of(tensor: KerasTensor) -> KerasTensor:
    """The mask of a tensor that has one."""
    return MaskOf()(tensor)


@dataclasses.dataclass
class Effects:
    """What one call does besides its outputs.

    Attributes:
        losses: (symbolic scalar, whether it depends on the inputs of the call).
        updates: (update, whether it depends on the inputs of the call).
    """

    losses: list[tuple[KerasTensor, bool]] = dataclasses.field(default_factory=list)
    updates: list[tuple[Update, bool]] = dataclasses.field(default_factory=list)


def effects_of(node: Node) -> Effects:
    """The losses and updates of a call, drawn when they are first asked for."""
    found = node.__dict__.get("effects")
    if found is None:
        found = node.effects = _draw(node)  # type: ignore[attr-defined]
    return found


def _draw(node: Node) -> Effects:
    effects = Effects()
    if node.is_input or isinstance(node.layer, (Operation, CallAgain)):
        return effects
    layer = node.layer
    variables = {id(v): v for v in _variables_of(layer)}
    losses, changed, apart = _traced(node, list(variables.values()), False)
    in_training = [i for i in _traced(node, list(variables.values()), True)[1] if i not in changed]
    # A variable that changes in training alone, such as a moving average, is always updated as in training.
    for group, training in ((changed, None), (in_training, True)):
        for conditional in (True, False):
            places = [i for i in range(len(losses)) if training is None and (i not in apart) is conditional]
            targets = [variables[i] for i in group if (i not in apart) is conditional]
            if not places and not targets:
                continue
            specs = [KerasTensor((), losses[i], name=f"{layer.name}_loss_{i}") for i in places]
            specs += [KerasTensor(v.shape, v.dtype, name=f"{layer.name}_{v.short_name}") for v in targets]
            args, kwargs = node.args, node.kwargs
            if not conditional:
                args, kwargs = jax.tree.map(_zeros, (args, kwargs), is_leaf=is_symbolic)
            again = CallAgain(node, targets, places, training)
            Node(again, args, kwargs, specs, jax.tree.structure(list(specs)))
            effects.losses += [(tensor, conditional) for tensor in specs[: len(places)]]
            for variable, tensor in zip(targets, specs[len(places) :], strict=True):
                effects.updates.append((Update(variable, tensor), conditional))
    return effects


def _zeros(leaf: Any) -> Any:
    return np.zeros([size or 1 for size in leaf.shape], leaf.dtype) if is_symbolic(leaf) else leaf


def _traced(node: Node, variables: Sequence[Variable], training: bool) -> tuple[list[str], list[int], set[int]]:
    """Types of the losses of a call, ids of the variables that it changes, and what of both depends on no inputs.

    Returns:
        The types, the ids, and places of losses and ids of variables that were given without inputs.
    """
    leaves, structure = jax.tree.flatten((node.args, node.kwargs), is_leaf=is_symbolic)
    given = [leaf for leaf in leaves if is_symbolic(leaf)]
    masks = [symbolic_mask(tensor) for tensor in given]
    seen: dict[str, Any] = {}

    def run(arrays: Any, mask_arrays: Any, values: Any) -> None:
        held = {id(v): value for v, value in zip(variables, values, strict=True)}
        scope = scopes.Scope(dict(held), key=jax.random.key(0), abstract=True, training=training)
        for array, mask in zip(arrays, mask_arrays, strict=True):
            if mask is not None:
                scope.masks[id(array)] = (array, mask)
        rest = iter(arrays)
        args, kwargs = jax.tree.unflatten(structure, [next(rest) if is_symbolic(leaf) else leaf for leaf in leaves])
        with scopes.enter(scope):
            node.layer._compute(args, dict(kwargs))
        apart = {i for i, loss in enumerate(scope.losses) if any(loss is other for other in scope.apart)}
        apart |= {i for i in held if any(thing is scope.values[i] for thing in scope.apart)}
        apart |= {id(thing) for thing in scope.apart if isinstance(thing, Variable)}
        # Modules give back all of their state, what did not change too.
        changed = [i for i in held if scope.values[i] is not held[i]]
        seen.update(losses=[str(loss.dtype) for loss in scope.losses], changed=changed, apart=apart)

    jax.eval_shape(
        run,
        [stand_in(tensor, 0) for tensor in given],
        [None if mask is None else stand_in(mask, 0) for mask in masks],
        [jax.ShapeDtypeStruct(v.shape, v.stored_dtype) for v in variables],
    )
    return seen["losses"], seen["changed"], seen["apart"]


def _variables_of(layer: Layer) -> list[Variable]:
    leaves = jax.tree.leaves(layer.variable_tree(), is_leaf=lambda leaf: isinstance(leaf, Variable))
    kept = [value for inner in layer._flatten_layers() for value in vars(inner).values()]
    return [v for v in (*leaves, *kept) if isinstance(v, Variable)]


def penalty_of(variable: Variable) -> KerasTensor:
    """The penalty of a variable's regularizer as a symbolic tensor, drawn once."""
    known: Mapping[str, Any] = variable.__dict__
    if known.get("_drawn_penalty", (None,))[0] is not variable.regularizer:
        drawn = Operation(variable.regularizer, "penalty")._symbolic_call((variable.__symbolic__(),), {})
        variable._drawn_penalty = variable.regularizer, drawn  # type: ignore[attr-defined]
    return known["_drawn_penalty"][1]


doors.calls.fill(effects_of=effects_of, penalty_of=penalty_of, mask_of=mask_of)

"""The state of an optimizer as the list of arrays that Keras 3 keeps in files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core.optimizer import Optimizer
from kjax.keras.core.variable import Variable
from kjax.keras.saving.hdf5 import Stored


def is_box(thing: Any) -> bool:
    """Whether something in a tree of variables is a variable."""
    return isinstance(thing, Variable)


def order_of(model: Any, trained: Any) -> list[int]:
    """For each trained weight in Keras' order, its number among the leaves of the tree of trained variables.

    Args:
        model: the model.
        trained: the tree.
    """
    leaves = jax.tree.leaves(trained, is_leaf=is_box)
    numbers = {id(box): i for i, box in enumerate(leaves)}
    listed = [numbers[id(box)] for box in model.weights if id(box) in numbers]
    return listed + [i for i in range(len(leaves)) if i not in set(listed)]


def entries(model: Any, *, build: bool = False) -> list[Any]:
    """What a file holds of the optimizer's state: iterations, learning rate, then the slots weight by weight.

    Args:
        model: a compiled model. Before its first step there are no slots.
        build: make the slots if there are none.

    Returns:
        Variables; arrays where Keras stores something that follows from the rest, or that it does not use.
    """
    optimizer: Optimizer = model.optimizer
    if optimizer.tree is None and build:
        model._prepare_optimizer()
    if optimizer.tree is None:
        return optimizer.variables
    trained, order = _parameters(model)
    params = jax.tree.map(lambda box: jax.ShapeDtypeStruct(box.shape, jnp.dtype(box.dtype)), trained, is_leaf=is_box)
    values = jax.tree.map(lambda box: box.value, optimizer.tree, is_leaf=is_box)
    boxes = jax.tree.leaves(optimizer.tree, is_leaf=is_box)
    owners = {id(value): box for value, box in zip(jax.tree.leaves(values), boxes, strict=True)}
    found: list[Any] = []

    def collect(value: Any) -> Any:
        found.append(owners.get(id(value), value))
        return value

    optimizer.rule.visit_variables(values, params, order, collect)
    return found


def _parameters(model: Any) -> tuple[Any, list[int]]:
    """What the optimizer was built for, and its order: the model's weights, or those that a step of the model gave it."""
    trained = model._partition()["params"]
    slots = getattr(model.optimizer.tree, "slots", None) or {}
    kept = next(iter(slots.values()), None)
    if not isinstance(kept, (list, tuple)):
        return trained, order_of(model, trained)
    given = list(model.optimizer._trainable_variables)
    return given, list(range(len(given)))


def paired(model: Any, arrays: Sequence[Stored], entries: list[Any]) -> list[tuple[Variable, Any]] | None:
    """Each variable of an optimizer with the array that it gets; None where a file's arrays are not those of it.

    tf.keras kept no learning rate among them, and of Nadam not the product of its momenta, which follows from the number of
    steps; and it kept a momentum of 0. Of Adafactor it kept nothing in the place of rows and columns that a vector has not.

    Args:
        model: a compiled model.
        arrays: the file's arrays in order.
        entries: what :func:`entries` returned.
    """
    optimizer: Optimizer = model.optimizer
    scalars = dict(getattr(optimizer.tree, "scalars", None) or {})
    placeholders = [entry for entry in entries[1:] if np.shape(entry) == ()]
    for absent in ([], [optimizer._rate], [optimizer._rate, *scalars.values()], placeholders):
        kept = [entry for entry in entries if all(entry is not other for other in absent)]
        if len(kept) != len(arrays) or any(tuple(np.shape(e)) != a.shape for e, a in zip(kept, arrays, strict=True)):
            continue
        plan: list[tuple[Variable, Any]] = [
            (e, a) for e, a in zip(kept, arrays, strict=True) if isinstance(e, Variable)
        ]
        if len(absent) > 1 and hasattr(optimizer.rule, "scalars_after"):
            values = optimizer.rule.scalars_after(int(arrays[0].read()))
            plan += [(scalars[name], np.asarray(value)) for name, value in values.items()]
        return plan
    if arrays and not getattr(optimizer.tree, "slots", None):
        leaves = jax.tree.leaves(_parameters(model)[0], is_leaf=is_box)
        shapes = [tuple(leaves[i].shape) for i in _parameters(model)[1]]
        if [array.shape for array in arrays] == [(), *shapes]:
            return [(optimizer.iterations, arrays[0])]
    return None


INNER = {"LossScaleOptimizer": ("inner_optimizer", 4)}
"""Optimizers around another, which Keras stores a second time: its name, and the number of arrays before its own."""


def inner_entries(model: Any, found: list[Any]) -> tuple[str, list[Any]] | None:
    """What is stored a second time for an optimizer inside the optimizer, and where; or None.

    Args:
        model: a compiled model.
        found: what :func:`entries` returned.
    """
    place = INNER.get(type(model.optimizer.rule).__name__)
    return None if place is None else (place[0], found[place[1] :])

"""What ``optimizer.weights`` listed in Keras 1 and 2: the number of updates, then each slot for all weights."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.core.variable import Variable

COUNTING = frozenset(("SGD", "Adam", "Adamax", "Nadam"))
"""Optimizers that listed the number of updates."""

SLOTS = {
    "SGD": ("momentum",),
    "RMSprop": ("velocity",),
    "Adagrad": ("accumulator",),
    "Adadelta": ("accumulated_grad", "accumulated_delta_var"),
    "Adam": ("momentum", "velocity", "velocity_hat"),
    "Adamax": ("momentum", "norm"),
    "Nadam": ("momentum", "velocity"),
}
"""The slots of each optimizer in their order, under the names of today. One that it does not need was kept all the same."""


def weights(optimizer: Any) -> list[Variable] | None:
    """The variables that an optimizer of Keras 1 and 2 listed: none before the first update.

    Args:
        optimizer: the optimizer.

    Returns:
        The variables; None for an optimizer that was not there, or that a script wrote.
    """
    rule = type(optimizer.rule).__name__
    if rule not in SLOTS or type(optimizer).__name__ != rule:
        return None
    if optimizer.tree is None:
        return []
    found = [optimizer._iterations] if rule in COUNTING else []
    for name in SLOTS[rule]:
        tree = optimizer.tree.slots.get(name)
        if tree is None:
            found += _unused(optimizer, name)
        else:
            leaves = jax.tree.leaves(tree, is_leaf=lambda leaf: leaf is None or isinstance(leaf, Variable))
            found += [leaves[i] for i in optimizer._order]
    return found


def _unused(optimizer: Any, name: str) -> list[Variable]:
    """The variables of a slot that the optimizer does without."""
    held = optimizer.__dict__.setdefault("_unused_slots", {})
    places = [optimizer._leaves[i] for i in optimizer._order]
    key = (name, tuple(map(id, places)))
    if key not in held:
        shapes = [(1,) if name == "velocity_hat" else place.shape for place in places]
        held[key] = [Variable(jnp.zeros(shape), trainable=False, name=f"{name}_{i}") for i, shape in enumerate(shapes)]
    return held[key]

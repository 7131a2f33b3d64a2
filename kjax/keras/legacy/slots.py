"""What ``optimizer.weights`` listed in Keras 1 and 2: the number of updates, then each slot for all weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core.settings import settings
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

NAMES_OF_TF = {
    **{name: {"momentum": "m", "velocity": "v", "velocity_hat": "vhat"} for name in ("Adam", "AdamW", "Nadam")},
    "Adamax": {"momentum": "m", "norm": "u"},
    **{name: {"momentum": "m"} for name in ("SGD", "Lion")},
    "Adafactor": {"velocity": "v", "row": "r", "column": "c"},
}
"""What tf.keras 2.15 called slots, where it was not as today."""

HYPERPARAMETERS = {
    "SGD": ("momentum", "decay"),
    "RMSprop": ("rho", "decay"),
    "Adagrad": ("decay",),
    "Adadelta": ("decay",),
    **dict.fromkeys(("Adam", "Adamax"), ("beta_1", "beta_2", "decay")),
    "Nadam": ("beta_1", "beta_2"),
}
"""Arguments that optimizers kept in variables, so that callbacks set them: ``K.set_value(optimizer.momentum, 0.8)``."""

FURTHER: dict[str, Callable[[Any], Any]] = {
    "initial_decay": lambda optimizer: optimizer.rule.decay,
    "updates": lambda optimizer: [],
}
"""What else such optimizers had: the decay that they were made with; the updates of a step, which are not drawn one by one."""


class Hyperparameter(Variable):
    """Such a variable.

    Args:
        name: the argument.
        value: what it begins with; 0 of a momentum or a decay says that the optimizer does without it.
        place: name of the optimizer's scope.
    """

    def __init__(self, name: str, value: float, place: str) -> None:
        super().__init__(np.float32(value), trainable=False, autocast=False, name=name, path=f"{place}/{name}")
        self.older_name = self.path
        self.is_used = bool(value) or name not in ("momentum", "decay")

    def assign(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Set it.

        Raises:
            ValueError: a momentum for an optimizer that was made without one.
        """
        if not self.is_used and self.short_name == "momentum" and np.any(np.asarray(value)):
            raise ValueError(
                f"{self.path}: an optimizer that was made without momentum keeps no velocities; make it with one, such as "
                "SGD(momentum=0.9), to change it later"
            )
        return super().assign(value, *args, **kwargs)


def hyperparameters(optimizer: Any) -> dict[str, Hyperparameter]:
    """The variables for the arguments of an optimizer in the eras of Keras 1 and 2; names of those that it has."""
    kind = type(optimizer.rule)
    names = HYPERPARAMETERS.get(kind.__name__, ()) if settings.era in ("1", "2") else ()
    if not names or not kind.__module__.startswith("kjax."):
        return {}
    scope = unique_scope(kind.__name__)
    for box, name in (
        (optimizer._iterations, "iterations"),
        (optimizer._rate, "learning_rate" if settings.release else "lr"),
    ):
        if box is not None:
            box.older_name = f"{scope}/{name}"
    return {name: Hyperparameter(name, getattr(optimizer.rule, name), scope) for name in names}


def unique_scope(name: str) -> str:
    """``SGD``, then ``SGD_1``, ...: what TensorFlow 1 called scopes of one name."""
    key = f"scope:{name}"
    settings.names[key] += 1
    return name if settings.names[key] == 1 else f"{name}_{settings.names[key] - 1}"


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
    own = [box for box in found if box is not optimizer._iterations]
    if own and own[0].older_name is None:
        scope = f"{unique_scope('training')}/{rule}/Variable"
        for i, box in enumerate(own):
            box.older_name = f"{scope}_{i}" if i else scope
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

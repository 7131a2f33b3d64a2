"""The Keras optimizers: derived from the rules of floor 1, all by one mechanism."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.namespace import fill
from kjax.keras.core.optimizer import Optimizer as Optimizer
from kjax.keras.core.optimizer import get as get
from kjax.keras.core.optimizer_groups import OptimizerMap as OptimizerMap
from kjax.keras.optimizers import legacy as legacy
from kjax.keras.optimizers import schedules as schedules
from kjax.keras.optimizers.built_in import CLASSES as _CLASSES
from kjax.nn import optimizers as _rules

globals().update(_CLASSES)
for _name, _class in _CLASSES.items():
    globals().setdefault(_name.lower(), _class)  # the names of Keras 2


class TFOptimizer(_CLASSES["OptaxOptimizer"]):  # type: ignore[misc]
    """What Keras 2 wrapped optimizers of the backend with: here it wraps an Optax transformation.

    Args:
        optimizer: for example ``optax.adam(1e-3)``.
    """

    def __init__(self, optimizer: Any, **kwargs: Any) -> None:
        super().__init__(optimizer, **kwargs)


def clip_norm(g: Any, c: float, n: Any) -> Any:
    """A gradient scaled down so that its norm is at most ``c`` (Keras 2).

    Args:
        g: gradient.
        c: largest norm; 0 or less does not clip.
        n: norm of the gradient.
    """
    import jax.numpy as jnp

    return g if c <= 0 else jnp.where(n >= c, g * c / n, g)


fill(globals(), _rules.registry, get, "optimizer", "config")

"""The metrics of ``compile`` as one Keras metric, for models that train through methods of their own."""

from __future__ import annotations

from typing import Any

import jax

from kjax.keras.core import scope as scopes
from kjax.keras.core.metric import Metric
from kjax.keras.core.variable import Variable
from kjax.nn.dtypes import abstract
from kjax.train.objective import Objective


class CompiledMetrics(Metric):
    """All metrics of an objective.

    Args:
        objective: the objective.
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__(name="compile_metrics")
        self.objective = objective
        self._states: Any = None

    @property
    def variables(self) -> list[Variable]:
        """The states; empty where their shapes depend on data and there were none so far."""
        self._make()
        return jax.tree.leaves(self._states, is_leaf=is_box)

    def _make(self, *data: Any) -> None:
        if self._states is not None:
            return
        with scopes.outside(), jax.ensure_compile_time_eval():
            try:
                fresh = self.objective.init_metrics(*data)
            except (ValueError, TypeError):
                if data:
                    raise
                return
            self._states = jax.tree.map(
                lambda leaf: Variable(leaf, dtype=leaf.dtype, trainable=False, autocast=False), fresh
            )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        self._make(*jax.tree.map(abstract, (y_true, y_pred)))
        active = scopes.current()
        masks = [active.mask_of(leaf) if active is not None else None for leaf in jax.tree.leaves(y_pred)]
        masks = masks if any(mask is not None for mask in masks) else None
        new = self.objective.update_metrics(self._values(), y_true, y_pred, sample_weight, masks)
        jax.tree.map(lambda box, value: box.assign(value), self._states, new, is_leaf=is_box)

    def result(self) -> dict[str, Any]:
        """The value of each metric by name."""
        self._make()
        values = self.objective.compute_metrics(self._values()) if self._states is not None else []
        return dict(zip(self.objective.metric_names, values, strict=False))

    def show(self, state: Any) -> None:
        """Take over the states of a run."""
        self._states = jax.tree.map(
            lambda leaf: Variable(leaf, dtype=leaf.dtype, trainable=False, autocast=False), state
        )

    def reset_state(self) -> None:
        """Forget all data."""
        for variable in self.variables:
            variable.assign(jax.numpy.zeros(variable.shape, variable.stored_dtype))

    def _values(self) -> Any:
        return jax.tree.map(lambda box: box.value, self._states, is_leaf=is_box)


def is_box(thing: Any) -> bool:
    """Whether a leaf of a tree is a variable."""
    return isinstance(thing, Variable)

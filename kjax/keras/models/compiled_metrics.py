"""The metrics of ``compile`` as one Keras metric, for models that train through methods of their own."""

from __future__ import annotations

import functools
from collections.abc import Sequence
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
                lambda leaf: Variable(leaf, dtype=leaf.dtype, trainable=False, autocast=False, name="state"), fresh
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

    def parts(self, given: Sequence[Any] = ()) -> list[Metric]:
        """Each metric by itself: the object that ``compile`` was given, with the present state, where it was one.

        Args:
            given: what ``compile`` was given for each.
        """
        parts: list[Metric] = list(self._each())
        for place, metric in enumerate(given):
            if isinstance(metric, Metric):
                if self._states is not None:
                    metric.show(jax.tree.map(lambda box: box.value, self._states[place], is_leaf=is_box))
                metric.__dict__["_resets_with"] = (functools.partial(self._reset_part, place),)
                parts[place] = metric
        return parts

    def _reset_part(self, place: int) -> None:
        """Let the metric at a place forget its data, as its own object did."""
        if self._states is not None and scopes.current() is None:
            _zero(jax.tree.leaves(self._states[place], is_leaf=is_box))

    def _each(self) -> list[CompiledMetric]:
        names = self.objective.metric_names
        found: list[CompiledMetric] = []
        for target in self.objective.targets:
            for metric in (*target.metrics, *target.weighted_metrics):
                own = getattr(metric, "parts", ())
                name, width = (metric.name, len(own)) if own else (names[0], 1)
                found.append(CompiledMetric(self, len(found), name, names[:width]))
                names = names[width:]
        return found

    def state_of(self, place: int) -> list[Variable]:
        """The state of the metric at a place; empty where it depends on data and there were none so far."""
        self._make()
        return [] if self._states is None else jax.tree.leaves(self._states[place], is_leaf=is_box)

    def show(self, state: Any) -> None:
        """Take over the states of a run."""
        self._states = jax.tree.map(
            lambda leaf: Variable(leaf, dtype=leaf.dtype, trainable=False, autocast=False, name="state"), state
        )

    def reset_state(self) -> None:
        """Forget all data."""
        _zero(self.variables)

    def _values(self) -> Any:
        return jax.tree.map(lambda box: box.value, self._states, is_leaf=is_box)


class CompiledMetric(Metric):
    """One of the metrics of ``compile``, as tf.keras lists them: it reads and resets what the whole keeps.

    Args:
        whole: all metrics.
        place: which one this is.
        name: its name in the logs.
        results: the names of its results.
    """

    def __init__(self, whole: CompiledMetrics, place: int, name: str, results: Sequence[str]) -> None:
        super().__init__(name=name)
        self._whole, self._place, self._results = whole, place, tuple(results)

    @property
    def variables(self) -> list[Variable]:
        """The state."""
        return self._whole.state_of(self._place)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Refused: outputs and targets are told apart, masked and weighted for all metrics together.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            f"model.metrics: {self.name!r} is measured together with the other metrics of `compile`; "
            "call `model.compiled_metrics.update_state(y_true, y_pred, sample_weight)`"
        )

    def result(self) -> Any:
        """The value, or those of a metric with several by name."""
        values = self._whole.result()
        if self._results == (self.name,):
            return values.get(self.name, 0.0)
        return {name: values[name] for name in self._results if name in values}

    def reset_state(self) -> None:
        """Forget all data."""
        _zero(self.variables)


def _zero(variables: Sequence[Variable]) -> None:
    for variable in variables:
        variable.assign(jax.numpy.zeros(variable.shape, variable.stored_dtype))


def is_box(thing: Any) -> bool:
    """Whether a leaf of a tree is a variable."""
    return isinstance(thing, Variable)

"""From the data arguments of ``fit``, ``evaluate`` and ``predict`` to a checked source; builds the model on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.data.arrays import Arrays
from kjax.keras.models import data as adapt
from kjax.keras.models.training import Training, is_box
from kjax.train.steps import apply_module


class Sourcing(Training):
    """The part of a model that takes data."""

    def _build_for(self, inputs: Any) -> None:
        """Build the model, and learn how many outputs it has, from one batch of inputs (arrays, only shapes count)."""
        from kjax.keras.core.tensor import KerasTensor

        def symbolic(a: Any) -> KerasTensor:
            return KerasTensor((None, *a.shape[1:]), str(jax.dtypes.canonicalize_dtype(a.dtype)), name="data")

        if not self.built:
            tensors = jax.tree.map(symbolic, inputs)
            if isinstance(tensors, tuple):
                tensors = list(tensors)
            self._ensure_built((tensors,), {})
        if not self.is_functional and self._train_module is None:
            samples = jax.tree.map(lambda a: jax.ShapeDtypeStruct((2, *a.shape[1:]), a.dtype), inputs)
            outputs = self._trace((samples,), {})
            if isinstance(outputs, Mapping):
                self._class_output_names = tuple(sorted(outputs))
            elif isinstance(outputs, (list, tuple)):
                self._class_output_names = tuple(f"output_{i + 1}" for i in range(len(outputs)))
        if self._trained is None:
            self._snapshot()

    def _source(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int | None,
        *,
        shuffle: Any = False,
        class_weight: Any = None,
        what: str = "",
    ) -> Arrays:
        """Checked arrays as a source of batches; builds the model if it was not."""
        batch_size = 32 if batch_size is None else batch_size
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"argument `batch_size` must be a positive integer, received {batch_size!r}")
        x = adapt.as_tree(x, f"{what}x")
        if x is None:
            raise ValueError(f"argument `{what}x` is missing: there are no data")
        y, weights = adapt.as_tree(y, f"{what}y"), adapt.as_tree(sample_weight, f"{what}sample_weight")
        adapt.check_counts(x, y, weights)
        adapt.check_values(y, f"{what}y")
        adapt.check_values(weights, f"{what}sample_weight")
        names = None
        if self.is_functional:
            names = self.input_names
        inputs = adapt.arrange_inputs(x, names) if names else x
        self._build_for(inputs)
        if names is None and self.is_functional:
            names = self.input_names
        if class_weight is not None:
            if len(self.output_names) > 1 or y is None:
                raise ValueError("class_weight needs a model with one output, and targets")
            by_class = adapt.weights_of_classes(class_weight, jax.tree.leaves(y)[0])
            weights = by_class if weights is None else by_class * np.asarray(jax.tree.leaves(weights)[0]).reshape(-1)
        return adapt.make_source(x, y, weights, names, self.output_names, int(batch_size), shuffle)

    def _check_shapes(self, source: Arrays) -> None:
        """Compare data with the model's inputs and losses before anything is computed."""
        from kjax.keras.models import checks

        sample = jax.tree.unflatten(
            source.structure,
            [jax.ShapeDtypeStruct((source.batch_size, *leaf.shape[1:]), leaf.dtype) for leaf in source.leaves],
        )
        inputs, targets, weights = sample
        if self.is_functional:
            checks.check_inputs(self, inputs)
        objective = self._prepare_objective()
        checks.check_presence(objective, targets)
        if targets is None:
            return
        arrays = jax.tree.unflatten(source.structure, source.leaves)[1]
        # Tracing the model takes a while, and the answer depends on shapes and types alone.
        key = (source.structure, tuple((leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(sample)))
        if key in self._checked:
            self._sample = self._checked[key]
            checks.check_classes(objective, arrays, self._sample[1])
            return
        variables = jax.tree.map(
            lambda v: jax.ShapeDtypeStruct(v.shape, jnp.dtype(v.dtype)), self.variable_tree(), is_leaf=is_box
        )
        module = self._train_module
        outputs = jax.eval_shape(lambda v, i: apply_module(module, v, i, training=False)[0], variables, inputs)
        checks.check_targets(self, objective, targets, outputs)
        checks.check_weights(objective, weights, outputs)
        checks.check_classes(objective, arrays, outputs)
        self._sample = self._checked[key] = (targets, outputs)


def hold_back(x: Any, y: Any, weights: Any, share: float) -> tuple[Any, Any, Any, Any]:
    """Split the last share of the samples off for validation."""
    if not 0 < share < 1:
        raise ValueError(f"argument `validation_split` must be between 0 and 1, received {share!r}")
    x, y, weights = adapt.as_tree(x, "x"), adapt.as_tree(y, "y"), adapt.as_tree(weights, "sample_weight")
    if x is None:
        raise ValueError("argument `x` is missing: there are no data")
    adapt.check_counts(x, y, weights)
    n = adapt.count_samples(x)
    at = int(np.floor(n * (1 - share)))
    if at == 0 or at == n:
        raise ValueError(f"argument `validation_split`={share} leaves no samples on one side: there are {n}")
    (x, vx), (y, vy), (weights, vw) = (adapt.split(t, at) if t is not None else (None, None) for t in (x, y, weights))
    return x, y, weights, (vx, vy, vw)

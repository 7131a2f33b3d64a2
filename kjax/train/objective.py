"""What a training run minimises and measures: losses, their weights and metrics, as one value."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from kjax.nn import losses, metrics


@functools.cache
def _takes_mask(cls: type) -> bool:
    """Whether objects of a class are called with masks: losses are, unless a user's class calls itself otherwise."""
    return len(inspect.signature(cls.__call__).parameters) > 4


@dataclasses.dataclass(frozen=True)
class Target:
    """What is asked of one output of a model.

    Attributes:
        name: the output's name; it prefixes the log names when there are several outputs.
        loss: a loss value, or None for an output that is not trained.
        loss_name: what the loss is called in the logs, if not like the output.
        weight: factor of this loss in the total.
        metrics: measured without sample weights.
        weighted_metrics: measured with them.
        metric_names: log names of the metrics and then of the weighted metrics; their own names by default.

    Names take no part in equality: they do not change what is computed, and automatic ones differ from model to model.
    """

    name: str = dataclasses.field(default="output", compare=False)
    loss: Any = None
    loss_name: str = dataclasses.field(default="", compare=False, kw_only=True)
    weight: float = 1.0
    metrics: tuple[Any, ...] = ()
    weighted_metrics: tuple[Any, ...] = ()
    metric_names: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "loss", losses.of_compile(self.loss))
        object.__setattr__(self, "metrics", tuple(metrics.of_compile(m) for m in self.metrics))
        object.__setattr__(self, "weighted_metrics", tuple(metrics.of_compile(m) for m in self.weighted_metrics))
        if not self.metric_names:
            names = tuple(m.name for m in (*self.metrics, *self.weighted_metrics))
            object.__setattr__(self, "metric_names", names)


@dataclasses.dataclass(frozen=True)
class Objective:
    """The losses and metrics of all outputs of a model.

    The accumulators are few arrays: ``totals[i] = (weighted sum, weight)`` of the total loss and, with several
    outputs, of each output's loss; and one small state for each metric.

    Attributes:
        targets: what is asked of each output.
        batch_means: the value of a metric is the mean of its values for the batches, as in Keras 1 and 2; otherwise that
            for all samples.
    """

    targets: tuple[Target, ...]
    batch_means: bool = False

    @classmethod
    def of(cls, loss: Any, metrics: Sequence[Any] = ()) -> Objective:
        """An objective for a model with one output.

        Args:
            loss: a loss (name, function, value), or an objective, which is returned as it is.
            metrics: metrics (names, functions, values).
        """
        if isinstance(loss, Objective):
            return loss
        return cls((Target(loss=loss, metrics=tuple(metrics)),))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of what :meth:`compute` returns: the loss, each output's loss if there are several, the metrics."""
        return ("loss", *self.loss_names, *self.metric_names)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Names of the outputs' losses, where there are several outputs."""
        names = tuple(f"{t.loss_name or t.name}_loss" for t in self.targets if t.loss is not None)
        # Keras 3 lists them where there are several losses, Keras 2 where there are several outputs.
        return names if len(self.targets if self.batch_means else names) > 1 else ()

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of what :meth:`compute_metrics` returns."""
        several = len(self.targets) > 1
        names: list[str] = []
        for t in self.targets:
            for metric, name in zip((*t.metrics, *t.weighted_metrics), t.metric_names, strict=True):
                # A user's metric may have several results, whose names are log names as they are.
                names += getattr(metric, "parts", ()) or (f"{t.name}_{name}" if several else name,)
        return tuple(names)

    def init(self, y_true: Any = None, y_pred: Any = None) -> dict[str, Any]:
        """Empty accumulators.

        Args:
            y_true: targets of a batch, or abstract arrays of their shape; some metrics need the number of classes.
            y_pred: outputs likewise.
        """
        parts = len(self.loss_names)
        if self.batch_means:
            count = sum(len(target.metrics) + len(target.weighted_metrics) for target in self.targets)
            return {"totals": jnp.zeros((1 + parts + count, 3), float), "metrics": ()}
        states = self.init_metrics(y_true, y_pred)
        return {"totals": jnp.zeros((1 + parts, 2), float), "metrics": states}

    def loss(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, masks: Any = None, penalties: Any = ()
    ) -> tuple[Float[Array, ""], Float[Array, " parts"]]:
        """The loss of a batch.

        Args:
            y_true: targets, one for each output (a single array, or a list, tuple or dict as the outputs).
            y_pred: the model's outputs.
            sample_weight: None, or weights for each output in the same way.
            masks: None, or a list with a mask or None for each output.
            penalties: tree of scalars added to the loss (regularization).

        Returns:
            The total, and the array of (total, loss of each output if there are several) for the accumulators.
        """
        total = jnp.float32(0)
        parts = []
        for target, true, pred, weight, mask in self._each(y_true, y_pred, sample_weight, masks):
            if target.loss is None:
                continue
            # A loss without reduction counts with its mean, as in Keras.
            further = () if mask is None or not _takes_mask(type(target.loss)) else (mask,)
            value = target.loss(true, pred, weight, *further)
            value = jnp.mean(jnp.asarray(value, jnp.promote_types(jnp.result_type(value), jnp.float32)))
            parts.append(value)
            total = total + (value if target.weight == 1 else target.weight * value)
        for penalty in jax.tree.leaves(penalties):
            total = total + penalty
        values = [total, *parts] if self.loss_names else [total]
        return total, jnp.stack(values)

    def update(
        self,
        state: Any,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any,
        masks: Any,
        values: Float[Array, " parts"],
        batch_size: int,
    ) -> dict[str, Any]:
        """Add a batch to the accumulators; the losses count with the number of samples, as in Keras."""
        if self.batch_means:
            computed = self._of_batch(y_true, y_pred, sample_weight, masks)
            values = jnp.concatenate([values, jnp.stack(computed).astype(values.dtype)]) if computed else values
        count = jnp.full_like(values, batch_size)
        sums = state["totals"][:, :2] + jnp.stack([values * batch_size, count], axis=1)
        if self.batch_means:
            return {"totals": jnp.concatenate([sums, values[:, None]], axis=1), "metrics": ()}
        new = self._metric_states(iter(state["metrics"]), y_true, y_pred, sample_weight, masks)
        return {"totals": sums, "metrics": new}

    def init_metrics(self, y_true: Any = None, y_pred: Any = None) -> tuple[Any, ...]:
        """The empty states of the metrics alone; arguments as for :meth:`init`."""
        rows = self._each(y_true, y_pred, None, None)
        states = (m.init(t, p) for target, t, p, _, _ in rows for m in (*target.metrics, *target.weighted_metrics))
        if self.batch_means:  # (weighted sum, weight) of what each metric gives for a batch
            return tuple(jnp.zeros(2, jnp.float32) for _ in states)
        return tuple(states)

    def update_metrics(self, states: Any, y_true: Any, y_pred: Any, sample_weight: Any, masks: Any) -> tuple[Any, ...]:
        """The states of the metrics alone after a batch."""
        if not self.batch_means:
            return self._metric_states(iter(states), y_true, y_pred, sample_weight, masks)
        computed = self._of_batch(y_true, y_pred, sample_weight, masks)
        size = len(jax.tree.leaves(y_pred)[0])
        kept = [m.cumulative for target in self.targets for m in (*target.metrics, *target.weighted_metrics)]
        rows = [jnp.stack([value * size, jnp.asarray(size, value.dtype)]).astype(jnp.float32) for value in computed]
        return tuple(row if alone else state + row for state, row, alone in zip(states, rows, kept, strict=True))

    def compute_metrics(self, states: Any) -> list[Array]:
        """The values of :attr:`metric_names`."""
        return (
            [state[0] / jnp.maximum(state[1], 1) for state in states]
            if self.batch_means
            else self._computed(iter(states))
        )

    def _of_batch(self, y_true: Any, y_pred: Any, sample_weight: Any, masks: Any) -> list[Array]:
        """The values of all metrics for a batch alone."""
        return self._computed(iter(self._metric_states(None, y_true, y_pred, sample_weight, masks)))

    def _metric_states(self, states: Any, y_true: Any, y_pred: Any, sample_weight: Any, masks: Any) -> tuple[Any, ...]:
        """The states of all metrics after a batch: from those before it, or from nothing where they are None."""
        new = []
        for target, true, pred, weight, mask in self._each(y_true, y_pred, sample_weight, masks):
            for metric, factor in self._metrics_of(target, weight):
                before = metric.init(true, pred) if states is None else next(states)
                new.append(metric.update(before, true, pred, factor, mask))
        return tuple(new)

    def _metrics_of(self, target: Target, weight: Any) -> list[tuple[Any, Any]]:
        return [(m, None) for m in target.metrics] + [(m, weight) for m in target.weighted_metrics]

    def _computed(self, states: Any) -> list[Array]:
        values: list[Array] = []
        for t in self.targets:
            for metric in (*t.metrics, *t.weighted_metrics):
                value = metric.compute(next(states))
                values += value.values() if isinstance(value, Mapping) else [value]
        return values

    def compute(self, state: Any) -> tuple[Array, ...]:
        """The values of :attr:`names` from the accumulators."""
        means = state["totals"][:, 0] / jnp.maximum(state["totals"][:, 1], 1)
        return tuple(means) if self.batch_means else (*means, *self._computed(iter(state["metrics"])))

    def compute_batch(self, state: Any) -> tuple[Array, ...]:
        """The values of :attr:`names` for the last batch alone, where the accumulators are means over batches."""
        return tuple(state["totals"][:, 2]) if self.batch_means else self.compute(state)

    def _each(self, y_true: Any, y_pred: Any, sample_weight: Any, masks: Any) -> Any:
        names = [t.name for t in self.targets]
        columns = (
            per_output(y_true, names, "targets"),
            per_output(y_pred, names, "outputs"),
            per_output(sample_weight, names, "sample weights", shared=True),
            per_output(masks, names, "masks"),
        )
        return zip(self.targets, *columns, strict=True)


def per_output(tree: Any, names: Sequence[str], what: str, *, shared: bool = False) -> list[Any]:
    """One entry for each output from a single array, a list or tuple, or a dict by output name.

    Args:
        tree: what was given; None stands for None everywhere. Dicts and lists of further ones are taken in the order of
            their keys and entries.
        names: the outputs' names.
        what: for the error message.
        shared: a single array stands for all outputs.

    Raises:
        ValueError: another number of entries, or unknown names.
    """
    if tree is None:
        return [None] * len(names)
    inner = tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, (list, tuple)) else ()
    if any(isinstance(value, (list, tuple, Mapping)) for value in inner):
        leaves = jax.tree.leaves(tree, is_leaf=lambda leaf: leaf is None)
        if len(leaves) == len(names):
            return leaves
    if isinstance(tree, Mapping):
        if len(names) == 1 and len(tree) == 1:
            return list(tree.values())
        unknown = [name for name in tree if name not in names]
        if unknown:
            raise ValueError(f"{what}: unknown output {unknown[0]!r}; the outputs are {list(names)}")
        return [tree.get(name) for name in names]
    if isinstance(tree, (list, tuple)):
        if len(tree) != len(names):
            raise ValueError(f"{what}: expected {len(names)} for the outputs {list(names)}, received {len(tree)}")
        return list(tree)
    if len(names) == 1 or shared:
        return [tree] * len(names)
    raise ValueError(f"{what}: expected {len(names)} for the outputs {list(names)}, received a single array")

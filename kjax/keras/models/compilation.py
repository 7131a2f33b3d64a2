"""From the arguments of ``compile`` to an objective: one loss, weight and list of metrics for each output."""

from __future__ import annotations

import collections
import copy
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from kjax.keras import metrics as handles
from kjax.keras.core import optimizer as optimizers
from kjax.keras.core.metric import Metric, PureMetric
from kjax.keras.core.settings import settings
from kjax.keras.legacy import batchwise
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.legacy.names import metric_name
from kjax.keras.models.compiled_metrics import CompiledMetrics
from kjax.keras.models.outputs import each_output, is_dict, is_list, is_nested, labels
from kjax.nn import losses, metrics
from kjax.nn.losses.wrapper import classes as classes_of_losses
from kjax.nn.metrics.automatic import Automatic
from kjax.nn.metrics.base import MeanAsKeras2, MeanMetric
from kjax.train.objective import Objective, Target


@dataclasses.dataclass
class Compilation:
    """The arguments of ``compile``, checked as far as they can be before the outputs are known.

    Attributes:
        optimizer: handle.
        loss: what was given.
        loss_weights: what was given.
        metrics: what was given.
        weighted_metrics: what was given.
        run_eagerly: whether steps run uncompiled.
        steps_per_execution: batches for which batch callbacks are called once.
        jit_compile: what was given.
        keras2: whether weighted losses and metrics count as in Keras 1 and 2.
        target_tensors: what was given.
        sample_weight_mode: what was given.
    """

    optimizer: optimizers.Optimizer
    loss: Any = None
    loss_weights: Any = None
    metrics: Any = None
    weighted_metrics: Any = None
    run_eagerly: bool = False
    keras2: bool = False
    steps_per_execution: int = 1
    jit_compile: Any = True
    target_tensors: Any = None
    sample_weight_mode: Any = None

    def weight_modes(self, names: Sequence[str]) -> list[str | None]:
        """``'temporal'`` for outputs with a weight for each step, None for the others.

        Raises:
            ValueError: an unknown output, or another number of entries.
        """
        given = self.sample_weight_mode
        if isinstance(given, Mapping):
            unknown = [name for name in given if name not in names]
            if unknown:
                raise ValueError(
                    f"compile: argument `sample_weight_mode`: no output is called {unknown[0]!r}; the outputs are {list(names)}"
                )
            found = [given.get(name) for name in names]
        elif isinstance(given, (list, tuple)):
            if len(given) != len(names):
                raise ValueError(
                    f"compile: argument `sample_weight_mode`: expected {len(names)} entries for {list(names)}, "
                    f"received {len(given)}"
                )
            found = list(given)
        else:
            found = [given] * len(names)
        return ["temporal" if mode == "temporal" else None for mode in found]

    def __post_init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget what was made for the outputs of the model, because it changed."""
        self.loss_tracker = _mean("loss")
        self.compiled_metrics: CompiledMetrics | None = None
        self.output_trackers: list[PureMetric] = []
        self.measured: tuple[Metric, ...] | None = None
        self.structure: Any = None

    def measure(self, objective: Objective) -> tuple[Metric, ...]:
        """The Keras metrics that measure an objective, besides the total loss."""
        if self.measured is None:
            self.compiled_metrics = CompiledMetrics(objective)
            self.output_trackers = [_mean(name) for name in self.in_order(objective.loss_names)]
            compiled = [self.compiled_metrics] if objective.metric_names else []
            self.measured = (*compiled, *self.output_trackers)
        return self.measured

    def in_order(self, loss_names: Sequence[str]) -> list[str]:
        """Names of the outputs' losses as Keras lists them: outputs in a dict as the dict of losses names them."""
        if not (is_dict(self.structure) and is_dict(self.loss)) or is_nested(self.structure):
            return list(loss_names)
        rank = {f"{name}_loss": place for place, name in enumerate(self.loss)}
        return sorted(loss_names, key=lambda name: rank.get(name, len(rank)))

    def show(self, objective: Objective, accumulators: Any) -> None:
        """Give the values of a run to the metric objects: the model's own, and those that ``compile`` was given.

        Args:
            objective: what was measured.
            accumulators: its accumulators, in buffers that nobody will donate.
        """
        compiled = self.measure(objective)
        trackers = [self.loss_tracker, *self.output_trackers]
        totals = dict(zip(["loss", *objective.loss_names], _pairs(accumulators["totals"], len(trackers)), strict=True))
        for tracker in trackers:
            tracker.show(totals[tracker.name])
        if objective.batch_means:  # there are means over batches, and no states of metrics
            return
        if self.compiled_metrics is not None and self.compiled_metrics in compiled:
            self.compiled_metrics.show(accumulators["metrics"])
        for metric, state in zip(self.given_metrics(objective), accumulators["metrics"], strict=True):
            if isinstance(metric, Metric):
                metric.show(state)

    def given_metrics(self, objective: Objective) -> list[Any]:
        """What ``compile`` was given for each metric of an objective: a name, a function or an object."""
        names = [target.name for target in objective.targets]
        given = (self.metrics, "metrics"), (self.weighted_metrics, "weighted_metrics")
        rows = zip(*(each_output(what, names, name, self.structure, lists=True) for what, name in given), strict=True)
        return [metric for row in rows for part in row for metric in _listed(part)]

    def functions(self, names: Sequence[str]) -> list[list[Any]]:
        """For each output its loss and metrics, as they were given."""
        found = each_output(self.loss, names, "loss", self.structure, spread=True)
        given = (self.metrics, "metrics"), (self.weighted_metrics, "weighted_metrics")
        rows = [each_output(what, names, name, self.structure, lists=True) for what, name in given]
        return [[loss, *_listed(plain), *_listed(heavy)] for loss, plain, heavy in zip(found, *rows, strict=True)]

    def objective(self, names: Sequence[str], structure: Any = None, replace: Any = None) -> Objective:
        """The objective for outputs of these names.

        Args:
            names: the outputs' names.
            structure: these names in the structure of the outputs.
            replace: gives what stands for a loss or metric of an output, from what was given and the output's number.

        Raises:
            ValueError: unknown names of outputs, losses or metrics; another number of them than outputs.
        """
        self.structure = structure
        found = [_only(loss) for loss in each_output(self.loss, names, "loss", structure, spread=True)]
        listed = is_list(self.loss) or (settings.era in OLD_ERAS and len(names) > 1)
        factors = self.loss_weights if listed else _only(self.loss_weights)
        weights = each_output(factors, names, "loss_weights", structure, spread=True)
        measures = each_output(self.metrics, names, "metrics", structure, lists=True)
        weighted = each_output(self.weighted_metrics, names, "weighted_metrics", structure, lists=True)
        if replace is not None:
            found = [replace(loss, i) for i, loss in enumerate(found)]
            measures = [[replace(m, i) for m in _listed(row)] for i, row in enumerate(measures)]
            weighted = [[replace(m, i) for m in _listed(row)] for i, row in enumerate(weighted)]
        paths = labels(structure) if is_nested(structure) else [""] * len(names)
        targets = []
        for name, path, loss, weight, plain, heavy in zip(
            names, paths, found, weights, measures, weighted, strict=True
        ):
            given = (plain, heavy)
            plain, heavy = as_metrics(plain), as_metrics(heavy)
            targets.append(
                Target(
                    name=name,
                    loss=_of(losses, loss, "loss"),
                    loss_name=path,
                    weight=_factor(weight),
                    metrics=plain,
                    weighted_metrics=heavy,
                    metric_names=_unique(self._names(given[0], plain), self._names(given[1], heavy, "weighted_")),
                )
            )
        if self.keras2:
            return Objective(tuple(_as_keras2(target) for target in targets), batch_means=True)
        return Objective(tuple(targets))

    def _names(self, given: Any, found: Sequence[Any], prefix: str = "") -> list[str]:
        """Names of metrics in the logs: those of today, or of Keras 1 and 2."""
        if settings.era not in OLD_ERAS or settings.release:
            return [metric.name for metric in found]
        return [prefix + metric_name(item, metric) for item, metric in zip(_listed(given), found, strict=True)]


_BINARY: dict[str | None, Any] = {"accuracy": metrics.BinaryAccuracy, "crossentropy": metrics.BinaryCrossentropy}


def _metric_of_keras2(metric: Any) -> Any:
    """A metric that is a loss, as that loss was."""
    if not isinstance(metric, metrics.FunctionMetric):
        return metric
    older = getattr(classes_of_losses.get(type(metric).function), "keras2", None)
    return metric if older is None else metrics.MeanMetricWrapper(older, name=metric.name)


def _as_keras2(target: Target) -> Target:
    """The loss divided by the share of weights that are not 0; accuracy at a threshold wherever the loss is binary.

    Metrics that are losses are computed as these were.
    """
    loss = target.loss
    target = dataclasses.replace(
        target,
        metrics=tuple(map(_metric_of_keras2, target.metrics)),
        weighted_metrics=tuple(map(_metric_of_keras2, target.weighted_metrics)),
    )
    if getattr(loss, "reduction", None) == "sum_over_batch_size":
        loss = copy.copy(loss)
        object.__setattr__(loss, "reduction", "keras2")
    if not isinstance(loss, losses.BinaryCrossentropy):
        return dataclasses.replace(target, loss=loss, weighted_metrics=_weighted_as_keras2(target.weighted_metrics))

    def at_threshold(metric: Any) -> Any:
        binary = _BINARY.get(getattr(metric, "kind", None))
        return metric if binary is None else binary(name=metric.name)

    plain, heavy = (tuple(map(at_threshold, part)) for part in (target.metrics, target.weighted_metrics))
    return dataclasses.replace(target, loss=loss, metrics=plain, weighted_metrics=_weighted_as_keras2(heavy))


def _weighted_as_keras2(given: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(MeanAsKeras2(metric) if isinstance(metric, (MeanMetric, Automatic)) else metric for metric in given)


def _mean(name: str) -> PureMetric:
    return handles.get(metrics.Mean(name))


def check_names(loss: Any, given: Any) -> None:
    """Resolve every loss and metric once, so that ``compile`` itself complains about unknown names."""
    for leaf in _leaves(loss):
        _of(losses, leaf, "loss")
    for leaf in _leaves(given):
        _of(metrics, leaf, "metrics")


def as_metrics(given: Any) -> tuple[Any, ...]:
    """A tuple of metric values from one or several."""
    return tuple(_of(metrics, item, "metrics") for item in _listed(given))


def _only(loss: Any) -> Any:
    """A loss, or its factor, that may stand alone in a list."""
    return loss[0] if isinstance(loss, (list, tuple)) and len(loss) == 1 else loss


def _factor(weight: Any) -> float:
    try:
        return 1.0 if weight is None else float(weight)
    except (TypeError, ValueError):
        raise ValueError(
            f"compile: argument `loss_weights`: expected a number for each output, received {weight!r}"
        ) from None


def _listed(given: Any) -> list[Any]:
    items = given if isinstance(given, (list, tuple)) else [given]
    return [item for item in items if item is not None]


def _of(kind: Any, identifier: Any, argument: str) -> Any:
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        identifier = identifier()
    identifier = getattr(identifier, "pure", identifier)
    if settings.era == "1":
        identifier = (batchwise.find_metric if kind is metrics else batchwise.find_loss)(identifier)
    try:
        return kind.of_compile(identifier)
    except ValueError as error:
        raise ValueError(f"compile: argument `{argument}`: {error}") from None


def _leaves(tree: Any) -> list[Any]:
    if tree is None:
        return []
    if isinstance(tree, Mapping) and "class_name" not in tree:
        return [leaf for value in tree.values() for leaf in _leaves(value)]
    if isinstance(tree, (list, tuple)):
        return [leaf for value in tree for leaf in _leaves(value)]
    return [tree]


def _unique(plain: Sequence[str], weighted: Sequence[str]) -> tuple[str, ...]:
    """The log names of an output's metrics: of the same ones the second is ``name_1``, a weighted one ``weighted_name``."""
    seen: collections.Counter[str] = collections.Counter()
    result = []
    for name, prefixed in [(n, n) for n in plain] + [(n, f"weighted_{n}") for n in weighted]:
        name = prefixed if seen[name] else name
        result.append(name if not seen[name] else f"{name}_{seen[name]}")
        seen[name] += 1
    return tuple(result)


@functools.partial(jax.jit, static_argnums=1)
def _pairs(totals: Any, count: int) -> list[tuple[Any, Any]]:
    """The sums and weights of the first rows of accumulators, one by one."""
    return [(totals[i, 0], totals[i, 1]) for i in range(count)]

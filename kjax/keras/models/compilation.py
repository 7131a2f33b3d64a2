"""From the arguments of ``compile`` to an objective: one loss, weight and list of metrics for each output."""

from __future__ import annotations

import collections
import copy
import dataclasses
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kjax.keras.core import optimizer as optimizers
from kjax.keras.core.metric import Metric, PureMetric
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.legacy.names import metric_name
from kjax.keras.models.compiled_metrics import CompiledMetrics
from kjax.nn import losses, metrics
from kjax.nn.losses.wrapper import classes as classes_of_losses
from kjax.nn.value import did_you_mean
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
        self.loss_tracker = PureMetric.wrap(metrics.Mean("loss"))
        self.compiled_metrics: CompiledMetrics | None = None
        self.output_trackers: list[PureMetric] = []
        self.measured: tuple[Metric, ...] | None = None

    def measure(self, objective: Objective) -> tuple[Metric, ...]:
        """The Keras metrics that measure an objective, besides the total loss."""
        if self.measured is None:
            self.compiled_metrics = CompiledMetrics(objective)
            self.output_trackers = [PureMetric.wrap(metrics.Mean(name)) for name in objective.loss_names]
            compiled = [self.compiled_metrics] if objective.metric_names else []
            self.measured = (*compiled, *self.output_trackers)
        return self.measured

    def show(self, objective: Objective, accumulators: Any) -> None:
        """Give the values of a run to the metric objects: the model's own, and those that ``compile`` was given.

        Args:
            objective: what was measured.
            accumulators: its accumulators, in buffers that nobody will donate.
        """
        compiled = self.measure(objective)
        trackers = [self.loss_tracker, *self.output_trackers]
        for tracker, total in zip(trackers, accumulators["totals"][: len(trackers), :2], strict=True):
            tracker.show(total)
        if objective.batch_means:  # there are means over batches, and no states of metrics
            return
        if self.compiled_metrics is not None and self.compiled_metrics in compiled:
            self.compiled_metrics.show(accumulators["metrics"])
        names = [target.name for target in objective.targets]
        rows = zip(
            each_output(self.metrics, names, "metrics", nested=True),
            each_output(self.weighted_metrics, names, "weighted_metrics", nested=True),
            strict=True,
        )
        given = [metric for row in rows for part in row for metric in _listed(part)]
        for metric, state in zip(given, accumulators["metrics"], strict=True):
            if isinstance(metric, Metric):
                metric.show(state)

    def functions(self, names: Sequence[str]) -> list[list[Any]]:
        """For each output its loss and metrics, as they were given."""
        found = each_output(self.loss, names, "loss", spread=not isinstance(self.loss, (list, tuple)))
        rows = [each_output(g, names, "metrics", nested=True) for g in (self.metrics, self.weighted_metrics)]
        return [[loss, *_listed(plain), *_listed(heavy)] for loss, plain, heavy in zip(found, *rows, strict=True)]

    def objective(self, names: Sequence[str], replace: Any = None) -> Objective:
        """The objective for outputs of these names.

        Args:
            names: the names.
            replace: gives what stands for a loss or metric of an output, from what was given and the output's number.

        Raises:
            ValueError: unknown names of outputs, losses or metrics; another number of them than outputs.
        """
        found = each_output(self.loss, names, "loss", spread=not isinstance(self.loss, (list, tuple)))
        weights = each_output(self.loss_weights, names, "loss_weights")
        measures = each_output(self.metrics, names, "metrics", nested=True)
        weighted = each_output(self.weighted_metrics, names, "weighted_metrics", nested=True)
        if replace is not None:
            found = [replace(loss, i) for i, loss in enumerate(found)]
            measures = [[replace(m, i) for m in _listed(row)] for i, row in enumerate(measures)]
            weighted = [[replace(m, i) for m in _listed(row)] for i, row in enumerate(weighted)]
        if self.loss is None or all(loss is None for loss in found):
            found = [None] * len(names)
        paths = (
            ["/".join(map(str, path)) for path, _ in by_path(self.loss)] if is_nested(self.loss) else [""] * len(names)
        )
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
                    weight=1.0 if weight is None else float(weight),
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
        if settings.era not in OLD_ERAS:
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
        return dataclasses.replace(target, loss=loss)

    def at_threshold(metric: Any) -> Any:
        binary = _BINARY.get(getattr(metric, "kind", None))
        return metric if binary is None else binary(name=metric.name)

    plain, heavy = (tuple(map(at_threshold, part)) for part in (target.metrics, target.weighted_metrics))
    return dataclasses.replace(target, loss=loss, metrics=plain, weighted_metrics=heavy)


def check_names(loss: Any, given: Any) -> None:
    """Resolve every loss and metric once, so that ``compile`` itself complains about unknown names."""
    for leaf in _leaves(loss):
        _of(losses, leaf, "loss")
    for leaf in _leaves(given):
        _of(metrics, leaf, "metrics")


def as_metrics(given: Any) -> tuple[Any, ...]:
    """A tuple of metric values from one or several."""
    return tuple(_of(metrics, item, "metrics") for item in _listed(given))


def _listed(given: Any) -> list[Any]:
    items = given if isinstance(given, (list, tuple)) else [given]
    return [item for item in items if item is not None]


def _of(kind: Any, identifier: Any, argument: str) -> Any:
    identifier = getattr(identifier, "pure", identifier)
    try:
        return kind.of_compile(identifier) if kind is metrics else kind.get(identifier)
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


def is_nested(given: Any) -> bool:
    """Whether an argument of ``compile`` is structured like outputs in dicts of dicts."""
    return _is_dict(given) and any(_is_dict(value) for value in given.values())


def _is_dict(thing: Any) -> bool:
    return isinstance(thing, Mapping) and "class_name" not in thing


def by_path(given: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(keys, entry) of each entry in dicts of dicts, in the order of the outputs: that of the sorted keys."""
    if not _is_dict(given):
        yield path, given
        return
    for key in sorted(given):
        yield from by_path(given[key], (*path, key))


def each_output(
    given: Any, names: Sequence[str], argument: str, *, nested: bool = False, spread: bool = False
) -> list[Any]:
    """One entry for each output.

    Args:
        given: None, one thing, a list in the order of the outputs, or a dict by output name.
        names: the outputs' names.
        argument: for messages.
        nested: entries are lists themselves (metrics); a flat list of another length than there are outputs
            belongs to every output.
        spread: one thing stands for every output.

    Raises:
        ValueError: unknown output names, or another number of entries than outputs.
    """
    count = len(names)
    if given is None:
        return [None] * count
    if is_nested(given):
        leaves = [leaf for _, leaf in by_path(given)]
        if len(leaves) != count:
            raise ValueError(
                f"compile: argument `{argument}` has {len(leaves)} entries in its dicts, the model has {count} outputs"
            )
        return leaves
    if isinstance(given, Mapping) and "class_name" not in given:
        for key in given:
            if key not in names:
                if nested and settings.era in OLD_ERAS:  # was passed over
                    warnings.warn(f"compile: argument `{argument}`: no output is called {key!r}", stacklevel=4)
                    continue
                raise ValueError(
                    f"compile: argument `{argument}`: no output is called {key!r}; {did_you_mean(key, names)}"
                )
        return [given.get(name) for name in names]
    if nested:
        items = list(given) if isinstance(given, (list, tuple)) else [given]
        if count == 1:
            flat = items[0] if len(items) == 1 and isinstance(items[0], (list, tuple)) else items
            return [flat]
        # In Keras 3 a list with an entry for each output is taken apart; before, a flat list belonged to every output.
        apart = settings.era == "3" or any(isinstance(i, (list, tuple)) or i is None for i in items)
        if len(items) == count and apart:
            return items
        if any(isinstance(i, (list, tuple)) for i in items):
            raise ValueError(
                f"compile: argument `{argument}`: expected {count} lists for the outputs {list(names)}, "
                f"received {len(items)}"
            )
        return [items] * count
    if isinstance(given, (list, tuple)):
        if len(given) != count:
            raise ValueError(
                f"compile: argument `{argument}`: expected {count} entries for the outputs {list(names)}, "
                f"received {len(given)}"
            )
        return list(given)
    if spread or count == 1:
        return [given] * count
    raise ValueError(f"compile: argument `{argument}`: expected {count} entries for {list(names)}, received {given!r}")

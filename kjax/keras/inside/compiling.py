"""The names of ``keras.src.trainers.compile_utils``: the loss and the metrics of ``compile`` as one object each.

The models of kjax do not use them: they train on an :class:`~kjax.train.objective.Objective`. These are for code that
writes its own training loop around them, as that of Keras does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kjax.keras import losses as keras_losses
from kjax.keras import metrics as keras_metrics
from kjax.keras.core.metric import Metric, PureMetric
from kjax.keras.core.variable import Variable
from kjax.keras.losses import Loss
from kjax.nn import losses, metrics

Path = tuple[Any, ...]


def _is_nested(tree: Any) -> bool:
    return isinstance(tree, (list, tuple, Mapping))


def _is_config(thing: Any) -> bool:
    return isinstance(thing, Mapping) and "class_name" in thing


def _items(tree: Any) -> list[tuple[Any, Any]]:
    """(key, entry) of a list or dict, in the order in which Keras flattens them."""
    return sorted(tree.items()) if isinstance(tree, Mapping) else list(enumerate(tree))


def _leaves(tree: Any) -> list[Any]:
    """The leaves of nested lists and dicts, None among them."""
    if not _is_nested(tree) or _is_config(tree):
        return [tree]
    return [leaf for _, entry in _items(tree) for leaf in _leaves(entry)]


def _packed(like: Any, leaves: Iterator[Any]) -> Any:
    """Leaves in the structure of ``like``."""
    if not _is_nested(like) or _is_config(like):
        return next(leaves)
    entries = {key: _packed(entry, leaves) for key, entry in _items(like)}
    return entries if isinstance(like, Mapping) else list(entries.values())


def _same_structure(a: Any, b: Any) -> bool:
    """Whether two structures are alike, lists and tuples taken for the same."""
    if not _is_nested(a) or not _is_nested(b):
        return not _is_nested(a) and not _is_nested(b)
    if isinstance(a, Mapping) != isinstance(b, Mapping) or len(a) != len(b):
        return False
    pairs = zip(_items(a), _items(b), strict=True)
    return all(i == j and _same_structure(x, y) for (i, x), (j, y) in pairs)


def _shown(tree: Any) -> Any:
    return _packed(tree, iter(["*"] * len(_leaves(tree))))


def _at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


class _Part(NamedTuple):
    """The loss of one output.

    Attributes:
        path: keys from the structure of the outputs to the output.
        loss: the loss.
        weight: its factor in the total, or None.
        name: name of its mean.
    """

    path: Path
    loss: Any
    weight: float | None
    name: str


class CompileLoss(Loss):
    """The losses of all outputs, as one: called on targets and outputs it gives their weighted sum.

    Args:
        loss: a loss (name, function, object), or a list or dict of them, structured like the outputs; None for an output
            that has none.
        loss_weights: a factor for each loss, in the same structure or in a flat list.
        reduction: accepted for compatibility; each loss has its own.
        output_names: names of the outputs, in their order.

    Raises:
        ValueError: ``loss_weights`` is neither a number, a list nor a dict.
    """

    def __init__(
        self,
        loss: Any,
        loss_weights: Any = None,
        reduction: str = "sum_over_batch_size",
        output_names: Sequence[str] | None = None,
    ) -> None:
        if loss_weights and not isinstance(loss_weights, (list, tuple, dict, int, float)):
            raise ValueError(
                "CompileLoss: Expected `loss_weights` argument to be a float (one output) or a list, tuple, or dict, received "
                f"{loss_weights!r}"
            )
        super().__init__(name="compile_loss", reduction=reduction)
        self._user_loss, self._user_loss_weights = loss, loss_weights
        self.output_names = list(output_names) if output_names is not None else None
        self.built = False
        self._parts: list[_Part] = []
        self._metrics: list[Any] = []

    @property
    def metrics(self) -> list[Any]:
        """The mean of each loss, where there are several; without the weights."""
        return self._metrics

    @property
    def variables(self) -> list[Variable]:
        """The states of :attr:`metrics`."""
        return [v for metric in self._metrics for v in metric.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Find the loss of each output.

        Args:
            y_true: targets, structured like the outputs.
            y_pred: outputs.

        Raises:
            KeyError: a loss of an output, or of a target, that is not there.
            ValueError: a dict of losses with other keys than the outputs have names; another number of weights.
        """
        loss, names = self._user_loss, self.output_names
        weights = self._weights()
        if isinstance(loss, Mapping) and not _is_config(loss) and not isinstance(y_pred, Mapping) and names:
            if set(loss) != set(names):
                raise ValueError(
                    f"CompileLoss: expected losses for the outputs {names}, received some for {list(loss)}"
                )
            loss = [loss[name] for name in names]
            weights = None if weights is None else [weights[name] for name in names]
            if not _is_nested(y_pred):
                (loss,) = loss
                weights = None if weights is None else weights[0]
        outputs = _leaves(y_pred)
        known = names if names is not None and len(names) == len(outputs) else [None] * len(outputs)
        parts = self._find(loss, weights, y_true, y_pred, _packed(y_pred, iter(known)), ())
        self._parts = [part for part in parts if part.loss is not None]
        if len(self._parts) > 1:
            self._metrics = [PureMetric.wrap(metrics.Mean(f"{part.name}_loss")) for part in self._parts]
        self.built = True

    def _weights(self) -> Any:
        """The factors in the structure of the losses; None where there are none."""
        loss, weights = self._user_loss, self._user_loss_weights
        if weights is None or _same_structure(loss, weights):
            return weights
        flat = _leaves(weights)
        if len(flat) != len(_leaves(loss)):
            raise ValueError(
                f"CompileLoss: `loss_weights` must match the number of losses, received {len(_leaves(loss))} losses and "
                f"{len(flat)} weights"
            )
        return _packed(loss, iter(flat))

    def _find(self, loss: Any, weight: Any, true: Any, pred: Any, names: Any, path: Path) -> Iterator[_Part]:
        if not _is_nested(loss) or _is_config(loss):
            if _is_nested(pred):  # one loss for every output
                for key, entry in _items(pred):
                    yield from self._find(loss, weight, true[key], entry, names[key], (*path, key))
            else:
                yield self._part(loss, weight, path, names, (jnp.shape(true), jnp.shape(pred)))
            return
        flat = not isinstance(loss, Mapping) and not any(map(_is_nested, loss))
        if flat and _is_nested(pred) and len(loss) == len(_leaves(pred)):
            loss = _packed(pred, iter(loss))
            weight = None if weight is None else _packed(pred, iter(weight))
        elif not isinstance(loss, Mapping) and (not _is_nested(pred) or isinstance(pred, Mapping)):
            for i, entry in enumerate(loss):  # several losses of the same output
                yield from self._find(entry, None if weight is None else weight[i], true, pred, names, path)
            return
        if not _is_nested(pred) or isinstance(loss, Mapping) != isinstance(pred, Mapping):
            raise KeyError(
                f"The path: {path} in the `loss` argument, can't be found in either the model's output (`y_pred`) or the labels"
            )
        for key, entry in loss.items() if isinstance(loss, Mapping) else enumerate(loss):
            if entry is None:
                continue
            for what, tree in (("outputs (`y_pred`)", pred), ("targets (`y_true`)", true)):
                known = tree if isinstance(tree, Mapping) else range(len(tree)) if _is_nested(tree) else ()
                if key not in known:
                    raise KeyError(f"The path: {(*path, key)} in the `loss` argument, can't be found in the {what}")
            yield from self._find(
                entry, None if weight is None else weight[key], true[key], pred[key], names[key], (*path, key)
            )

    def _part(self, loss: Any, weight: Any, path: Path, name: Any, shapes: tuple[Any, Any]) -> _Part:
        found = losses.resolve(getattr(loss, "pure", loss), *shapes)
        given = name if name is not None else getattr(found, "name", "loss")
        if not path:
            path_of_name: Path = (given,)
        else:
            path_of_name = (*path[:-1], given) if isinstance(path[-1], int) else path
        return _Part(path, found, weight, "/".join(map(str, path_of_name)))

    def _arranged(self, y_true: Any, y_pred: Any) -> Any:
        """The targets in the structure of the outputs."""
        if _same_structure(y_true, y_pred):
            return y_true
        if not _is_nested(y_true) and _is_nested(y_pred) and len(y_pred) == 1:
            return _packed(y_pred, iter([y_true]))
        names = self.output_names
        if isinstance(y_true, Mapping) and not isinstance(y_pred, Mapping) and names and set(names) == set(y_true):
            entries = [y_true[name] for name in names]
            return entries if _is_nested(y_pred) else entries[0]
        flat = _leaves(y_true)
        if _is_nested(y_true) and not any(map(_is_nested, dict(_items(y_true)).values())):
            if len(flat) == len(_leaves(y_pred)):
                return _packed(y_pred, iter(flat))
            wanted = _leaves(self._user_loss)  # targets for those outputs only that have losses
            if _is_nested(self._user_loss) and len(flat) == sum(loss is not None for loss in wanted):
                rest = iter(flat)
                return _packed(self._user_loss, iter([None if loss is None else next(rest) for loss in wanted]))
        raise ValueError(
            f"y_true and y_pred have different structures.\ny_true: {_shown(y_true)}\ny_pred: {_shown(y_pred)}"
        )

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The weighted sum of the losses.

        Args:
            y_true: targets, structured like the outputs.
            y_pred: outputs.
            sample_weight: None, weights of the samples, or a structure of them.

        Raises:
            ValueError: the structures differ.
        """
        return self.call(y_true, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The same as calling the object; None where no output has a loss."""
        y_true = self._arranged(y_true, y_pred)
        if not self.built:
            self.build(y_true, y_pred)
        values = []
        for i, part in enumerate(self._parts):
            true, pred = _at(y_true, part.path), _at(y_pred, part.path)
            weight = _at(sample_weight, part.path) if _is_nested(sample_weight) else sample_weight
            true, pred = jax.tree.map(jnp.asarray, (true, pred))
            value = jnp.mean(jnp.asarray(part.loss(true, pred, weight), jnp.float32))
            if self._metrics:
                self._metrics[i].update_state(value, sample_weight=pred.shape[0])
            values.append(value if part.weight is None else value * part.weight)
        if not _is_nested(y_pred):
            return values[0] if values else None
        return sum(values[1:], values[0]) if values else None

    def get_config(self) -> dict[str, Any]:
        """The losses of ``compile`` are written by the model."""
        raise NotImplementedError("CompileLoss has no config; the config of the model's `compile` holds its losses")


class CompileMetrics(Metric):
    """The metrics of all outputs, as one.

    Args:
        metrics: list or dict of metrics, measured without sample weights.
        weighted_metrics: those that are measured with them.
        name: its name.
        output_names: names of the outputs, in their order.

    Raises:
        ValueError: the metrics are neither in a list nor in a dict.
    """

    def __init__(
        self,
        metrics: Any,
        weighted_metrics: Any,
        name: str = "compile_metric",
        output_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__(name=name)
        for argument, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if given and not _is_nested(given):
                raise ValueError(
                    f"CompileMetrics: Expected `{argument}` argument to be a list, tuple, or dict, received {given!r} (a "
                    f"{type(given).__name__})"
                )
        self.name = "compile_metrics"
        self.output_names = list(output_names) if output_names is not None else None
        self.built = False
        self._user_metrics, self._user_weighted_metrics = metrics, weighted_metrics
        self._order: list[str] | None = None
        self._rows: list[tuple[str | None, list[Any], list[Any]]] = []

    @property
    def metrics(self) -> list[Any]:
        """The metrics of all outputs, then the weighted ones."""
        return [m for _, plain, _ in self._rows for m in plain] + [m for _, _, heavy in self._rows for m in heavy]

    @property
    def variables(self) -> list[Variable]:
        """The states of :attr:`metrics`."""
        return [v for metric in self.metrics for v in metric.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Find the metrics of each output.

        Args:
            y_true: targets, structured like the outputs.
            y_pred: outputs.

        Raises:
            ValueError: the metrics are structured in another way than the outputs.
        """
        count, names = len(_leaves(y_pred)), self.output_names
        flat = _is_nested(y_pred) and len(y_pred) == count
        if flat and isinstance(y_pred, Mapping) and (names is None or set(names) != set(y_pred)):
            names = sorted(y_pred)
        self._order = names if count > 1 and flat else None
        labels = list(names) if names is not None and len(names) == count else [None] * count
        order = names if flat else None
        shapes = list(zip(map(jnp.shape, self._flat(y_true)), map(jnp.shape, self._flat(y_pred)), strict=False))
        plain, heavy = (
            [[_as_object(item, *of) for item in row] for row, of in zip(rows, shapes, strict=True)]
            for rows in (
                self._each(self._user_metrics, "metrics", y_pred, order, count),
                self._each(self._user_weighted_metrics, "weighted_metrics", y_pred, order, count),
            )
        )
        shown = labels if count > 1 else [None]
        self._rows = list(zip(shown, plain, heavy, strict=True))
        self.built = True

    def _each(self, given: Any, argument: str, y_pred: Any, names: Any, count: int) -> list[list[Any]]:
        """The metrics of each output."""
        if not given:
            return [[] for _ in range(count)]
        if count == 1:
            return [_objects(_leaves(given))]
        if _is_nested(y_pred) and len(y_pred) == count:
            if isinstance(given, (list, tuple)) and len(given) == count:
                return [_objects(entry) for entry in given]
            if isinstance(given, Mapping) and names and set(given) <= set(names):
                return [_objects(given.get(name)) for name in names]
        try:
            return list(_following(given, y_pred))
        except (KeyError, TypeError):
            raise ValueError(
                f"CompileMetrics: argument `{argument}` must be a list or dict that matches the names of the outputs "
                f"{self.output_names}, or have the structure of the outputs {_shown(y_pred)}, received {given!r}"
            ) from None

    def _flat(self, tree: Any) -> list[Any]:
        if isinstance(tree, Mapping) and self._order is not None:
            return [tree[name] for name in self._order]
        return _leaves(tree)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Args:
            y_true: targets, structured like the outputs.
            y_pred: outputs.
            sample_weight: None, weights of the samples, or a structure of them, for the weighted metrics.
        """
        if not self.built:
            self.build(y_true, y_pred)
        trues, preds = self._flat(y_true), self._flat(y_pred)
        weights = [None] if sample_weight is None else self._flat(sample_weight)
        weights = weights if len(weights) == len(trues) else [weights[0]] * len(trues)
        for (_, plain, heavy), true, pred, weight in zip(self._rows, trues, preds, weights, strict=False):
            for metric in plain:
                metric.update_state(true, pred)
            for metric in heavy:
                metric.update_state(true, pred, sample_weight=weight)

    def reset_state(self) -> None:
        """Forget all data."""
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """The value of each metric by name.

        Raises:
            ValueError: there were no data yet.
        """
        if not self.built:
            raise ValueError(
                "Cannot get result() since the metric has not yet been built: call `update_state` or `build` first"
            )
        found: dict[str, Any] = {}
        seen: dict[str, int] = {}
        rows = [(name, m, "") for name, plain, _ in self._rows for m in plain]
        rows += [(name, m, "weighted_") for name, _, heavy in self._rows for m in heavy]
        for output, metric, prefix in rows:
            head = "" if output is None else f"{output}_"
            name = f"{head}{metric.name}"
            if name in seen:
                name = f"{head}{prefix}{metric.name}"
            if name in seen:
                seen[name] += 1
                name = f"{name}_{seen[name] - 1}"
            seen.setdefault(name, 1)
            found[name] = metric.result()
        return found

    def get_config(self) -> dict[str, Any]:
        """The metrics of ``compile`` are written by the model."""
        raise NotImplementedError("CompileMetrics has no config; the config of the model's `compile` holds its metrics")


def _as_object(given: Any, true_shape: Any, pred_shape: Any) -> Any:
    """A metric as an object; what 'accuracy' means follows from the shapes."""
    if isinstance(given, Metric):
        return given
    name = given if isinstance(given, str) else None
    rule: Any = metrics.resolve(given, true_shape, pred_shape)
    metric = PureMetric.wrap(rule)
    if name is not None and name.lower() in ("accuracy", "acc", "crossentropy", "ce"):
        metric.name = name
    return metric


def _objects(given: Any) -> list[Any]:
    """One or several, as a list."""
    items = given if isinstance(given, (list, tuple)) else [given]
    return [item for item in items if item is not None]


def _following(given: Any, y_pred: Any) -> Iterator[list[Any]]:
    """The metrics of each output, from a structure like that of the outputs."""
    if not _is_nested(y_pred):
        yield _objects(given)
        return
    if _is_nested(given) and isinstance(given, Mapping) == isinstance(y_pred, Mapping) and len(given) == len(y_pred):
        for key, entry in _items(y_pred):
            yield from _following(given[key], entry)
        return
    raise KeyError


# -- single losses and metrics --------------------------------------------------------------------------------------------


def is_binary_or_sparse_categorical(y_true: Any, y_pred: Any) -> tuple[bool, bool]:
    """Whether predictions are one number each, and whether targets are numbers of classes."""
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    return pred[-1] == 1, len(true) < len(pred) or (true[-1] == 1 and pred[-1] > 1)


def get_metric(identifier: Any, y_true: Any, y_pred: Any) -> Any:
    """The metric that a name, a class or a function stands for.

    Args:
        identifier: what ``compile`` takes.
        y_true: targets, whose shape says what 'accuracy' means.
        y_pred: predictions, likewise.

    Raises:
        ValueError: None.
    """
    if identifier is None:
        raise ValueError("expected a metric, received None")
    if isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc"):
        binary, sparse = is_binary_or_sparse_categorical(y_true, y_pred)
        kind = f"{'Binary' if binary else 'SparseCategorical' if sparse else 'Categorical'}Accuracy"
        return getattr(keras_metrics, kind)(name=identifier)
    found = keras_metrics.get(identifier)
    if not isinstance(found, Metric):
        found = keras_metrics.MeanMetricWrapper(found)  # type: ignore[attr-defined]
    if isinstance(identifier, str):
        found.name = identifier
    return found


def get_loss(identifier: Any, y_true: Any, y_pred: Any) -> Any:
    """The loss that a name, a class or a function stands for; None for None.

    Args:
        identifier: what ``compile`` takes.
        y_true: targets, whose shape says what 'crossentropy' means.
        y_pred: predictions, likewise.
    """
    if identifier is None:
        return None
    name = identifier if isinstance(identifier, str) else None
    if name is not None and name.lower() in ("crossentropy", "ce"):
        binary, sparse = is_binary_or_sparse_categorical(y_true, y_pred)
        identifier = f"{'binary' if binary else 'sparse_categorical' if sparse else 'categorical'}_crossentropy"
    found = keras_losses.get(identifier)
    if isinstance(found, Loss):
        return found
    return keras_losses.LossFunctionWrapper(found, name=name or getattr(found, "__name__", type(found).__name__))


class MetricsList(Metric):
    """Several metrics of one output.

    Args:
        metrics: the metrics.
        name: its name.
        output_name: name of the output.
    """

    def __init__(self, metrics: list[Any], name: str = "metrics_list", output_name: str | None = None) -> None:
        super().__init__(name=name)
        self.metrics = metrics
        self.output_name = output_name

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Update all."""
        for metric in self.metrics:
            metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def reset_state(self) -> None:
        """Reset all."""
        for metric in self.metrics:
            metric.reset_state()

    def get_result(self) -> dict[str, Any]:
        """The results by the metrics' names."""
        return {metric.name: metric.result() for metric in self.metrics}

    def get_config(self) -> dict[str, Any]:
        """The metrics of ``compile`` are written by the model."""
        raise NotImplementedError("MetricsList has no config; the config of the model's `compile` holds its metrics")


def get_metrics_list(metrics: Any, y_true: Any, y_pred: Any, output_name: str | None = None) -> MetricsList | None:
    """The metrics of one output: of one or several names, classes or functions; None for None."""
    if metrics is None:
        return None
    given = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    return MetricsList([get_metric(metric, y_true, y_pred) for metric in given], output_name=output_name)

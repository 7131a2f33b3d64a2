"""From what a user gave as a metric to the metric."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from kjax.nn import losses
from kjax.nn.configs import function_name
from kjax.nn.losses.resolve import classification_kind
from kjax.nn.metrics import auc, confusion, fscore, functions, iou, means, r2  # noqa: F401
from kjax.nn.metrics.base import MeanMetric, MeanMetricWrapper, Metric, classes, registry

# Functions without a metric class of their own: their mean is the metric.
registry.register(functions.cosine_proximity, "cosine")
for _function in (
    losses.huber,
    losses.binary_focal_crossentropy,
    losses.categorical_focal_crossentropy,
    losses.dice,
    losses.tversky,
):
    registry.register(_function)


def get(identifier: Any) -> Metric | None:
    """The metric for what a user gave.

    Args:
        identifier: None (stays None); a name in any alias of Keras 2 and 3; a config; a metric or a metric
            class; a function ``(y_true, y_pred) -> values`` or a loss, whose mean is the metric.

    Raises:
        ValueError: unknown name, or a thing that is no metric.
    """
    if isinstance(identifier, Mapping):
        return _from_config(identifier)
    metric = registry.get(identifier)
    if metric is None or isinstance(metric, Metric):
        return metric
    if inspect.isfunction(metric) and metric in classes:
        return _renamed(classes[metric](), metric.__name__)
    name = identifier if isinstance(identifier, str) else None
    return MeanMetricWrapper(metric, name)


def _from_config(config: Mapping[str, Any]) -> Metric | None:
    name = function_name(config)
    if name is not None:
        return get(name)
    arguments = dict(config.get("config") or {})
    if config.get("class_name") == "MeanMetricWrapper" and not callable(arguments.get("fn")):
        metric = get(arguments.pop("fn", None))
        if isinstance(metric, MeanMetric):
            return MeanMetricWrapper(metric.values, **arguments)
    return registry.get(config)


def _renamed(metric: Metric, name: str) -> Metric:
    if dataclasses.is_dataclass(metric) and not isinstance(metric, type):
        return dataclasses.replace(metric, name=name)
    return type(metric).from_config({**metric.get_config(), "name": name})


def resolve_accuracy(y_true_shape: Sequence[int], y_pred_shape: Sequence[int], name: str = "accuracy") -> Metric:
    """The metric that ``'accuracy'`` and ``'acc'`` stand for.

    Args:
        y_true_shape: shape of the targets, with the batch axis.
        y_pred_shape: shape of the predictions, with the batch axis.
        name: name of the metric.
    """
    kinds = {
        "binary": means.BinaryAccuracy,
        "categorical": means.CategoricalAccuracy,
        "sparse_categorical": means.SparseCategoricalAccuracy,
    }
    return kinds[classification_kind(y_true_shape, y_pred_shape)](name)


def resolve_crossentropy(
    y_true_shape: Sequence[int], y_pred_shape: Sequence[int], name: str = "crossentropy"
) -> Metric:
    """The metric that ``'crossentropy'`` and ``'ce'`` stand for; arguments as in :func:`resolve_accuracy`."""
    kinds = {
        "binary": means.BinaryCrossentropy,
        "categorical": means.CategoricalCrossentropy,
        "sparse_categorical": means.SparseCategoricalCrossentropy,
    }
    return kinds[classification_kind(y_true_shape, y_pred_shape)](name)


def resolve(identifier: Any, y_true_shape: Sequence[int], y_pred_shape: Sequence[int]) -> Metric | None:
    """The metric for what a user gave to ``compile``: a string is also its name in the logs, as in Keras 3.

    Args:
        identifier: see :func:`get`; also ``'accuracy'``, ``'acc'``, ``'crossentropy'`` and ``'ce'``.
        y_true_shape: shape of the targets, with the batch axis.
        y_pred_shape: shape of the predictions, with the batch axis.
    """
    if not isinstance(identifier, str):
        return get(identifier)
    if identifier.lower() in ("accuracy", "acc"):
        return resolve_accuracy(y_true_shape, y_pred_shape, identifier)
    if identifier.lower() in ("crossentropy", "ce"):
        return resolve_crossentropy(y_true_shape, y_pred_shape, identifier)
    metric = get(identifier)
    return metric if metric is None else _renamed(metric, identifier)

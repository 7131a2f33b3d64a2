"""`tf.losses` and `tf.metrics` of TensorFlow 1: functions that reduce a batch to one number."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from kjax.keras.core.tensor import symbolic_leaves
from kjax.keras.legacy.tensorflow import graphs
from kjax.keras.legacy.tensorflow.door import function_of
from kjax.keras.legacy.tensorflow.graph_variables import open_name_scope


def _weighted(values: Any, weights: Any) -> Any:
    """The mean over all elements whose weight is not 0."""
    weights = jnp.broadcast_to(jnp.asarray(weights, values.dtype), values.shape)
    return jnp.sum(values * weights) / jnp.maximum(jnp.sum(weights != 0), 1)


def _loss(name: str, elements: Callable[..., Any], logits: bool = False) -> Callable[..., Any]:
    """A loss: the elements' values, weighted; it is added to the collection of losses."""

    def compute(labels: Any, predictions: Any, weights: Any = 1.0, *, options: tuple[tuple[str, Any], ...] = ()) -> Any:
        return _weighted(elements(jnp.asarray(labels), jnp.asarray(predictions, jnp.float32), **dict(options)), weights)

    run = function_of(compute, name)

    def function(*args: Any, weights: Any = 1.0, scope: Any = None, **kwargs: Any) -> Any:
        given = dict(zip(("labels", "predictions", "weights"), args, strict=False))
        for old, new in (("onehot_labels", "labels"), ("multi_class_labels", "labels"), ("logits", "predictions")):
            if old in kwargs:
                kwargs[new] = kwargs.pop(old)
        given |= {key: kwargs.pop(key) for key in ("labels", "predictions") if key in kwargs}
        kept = {k: v for k, v in kwargs.items() if k in ("delta", "epsilon", "axis", "label_smoothing")}
        given.setdefault("weights", weights)
        value = run(given["labels"], given["predictions"], given["weights"], options=tuple(kept.items()))
        value = graphs.note(graphs.drawn(value), f"{scope or name}/value")
        graphs.add_to_collection(graphs.GraphKeys.LOSSES, value)
        return value

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``tf.losses.{name}``: one number, the weighted mean."
    return function


def _huber(t: Any, p: Any, delta: float = 1.0) -> Any:
    error = jnp.abs(p - t)
    near = jnp.minimum(error, delta)
    return 0.5 * near**2 + delta * (error - near)


def _softmax(t: Any, p: Any, label_smoothing: float = 0.0) -> Any:
    t = t.astype(p.dtype) * (1 - label_smoothing) + label_smoothing / t.shape[-1]
    return -jnp.sum(t * jax.nn.log_softmax(p), axis=-1)


def _sparse(t: Any, p: Any) -> Any:
    t = t.reshape(p.shape[:-1]).astype(jnp.int32)
    return -jnp.take_along_axis(jax.nn.log_softmax(p), t[..., None], axis=-1)[..., 0]


def _sigmoid(t: Any, p: Any, label_smoothing: float = 0.0) -> Any:
    return optax.sigmoid_binary_cross_entropy(p, t.astype(p.dtype) * (1 - label_smoothing) + 0.5 * label_smoothing)


def _log(t: Any, p: Any, epsilon: float = 1e-7) -> Any:
    return -t * jnp.log(p + epsilon) - (1 - t) * jnp.log(1 - p + epsilon)


LOSSES: dict[str, Callable[..., Any]] = {
    name: _loss(name, elements)
    for name, elements in {
        "mean_squared_error": lambda t, p: jnp.square(p - t),
        "absolute_difference": lambda t, p: jnp.abs(p - t),
        "huber_loss": _huber,
        "log_loss": _log,
        "hinge_loss": lambda t, p: jax.nn.relu(1 - (2 * t.astype(p.dtype) - 1) * p),
        "cosine_distance": lambda t, p, axis=-1: 1 - jnp.sum(t * p, axis=axis, keepdims=True),
        "softmax_cross_entropy": _softmax,
        "sparse_softmax_cross_entropy": _sparse,
        "sigmoid_cross_entropy": _sigmoid,
    }.items()
}


def get_losses(scope: Any = None, loss_collection: Any = None) -> list[Any]:
    """``tf.losses.get_losses``."""
    return _within(graphs.get_collection(graphs.GraphKeys.LOSSES), scope)


def get_regularization_losses(scope: Any = None) -> list[Any]:
    """``tf.losses.get_regularization_losses``."""
    return _within(graphs.get_collection(graphs.GraphKeys.REGULARIZATION_LOSSES), scope)


def _within(things: list[Any], scope: Any) -> list[Any]:
    """Those whose names begin as a regular expression says."""
    return [t for t in things if not scope or re.match(str(scope), str(getattr(t, "name", "")))]


def get_regularization_loss(scope: Any = None, name: Any = None) -> Any:
    """``tf.losses.get_regularization_loss``: their sum."""
    return sum(get_regularization_losses(), start=0.0)


def get_total_loss(add_regularization_losses: bool = True, name: Any = None, scope: Any = None) -> Any:
    """``tf.losses.get_total_loss``: the sum of the losses of the graph."""
    parts = get_losses(scope) + (get_regularization_losses() if add_regularization_losses else [])
    return sum(parts[1:], start=parts[0])


LOSSES |= {f.__name__: f for f in (get_losses, get_regularization_losses, get_regularization_loss, get_total_loss)}


Totals = tuple[Any, ...]


def _metric(
    name: str, add: Callable[..., Totals], finish: Callable[..., Any] = lambda total, count: total / count
) -> Any:
    """A measure: of a graph's tensors its value so far and what adds a batch to it; of arrays that of the batch, twice.

    Args:
        name: its name.
        add: from labels, predictions and other arguments to what is added up over batches.
        finish: from the totals to the value.
    """

    def one(*args: Any, **kwargs: Any) -> Any:
        return _divided(finish, add(*args, **kwargs))

    run, parts = function_of(one, name), function_of(add, name)
    finished = function_of(lambda *totals: _divided(finish, totals), name)

    def function(*args: Any, weights: Any = None, name: str | None = None, **kwargs: Any) -> tuple[Any, Any]:
        kwargs = {k: v for k, v in kwargs.items() if k in _ARGUMENTS}
        if weights is not None:
            kwargs["weights"] = weights
        if not symbolic_leaves((args, kwargs)):
            value = run(*args, **kwargs)
            return value, value
        with open_name_scope(name or label):
            found = parts(*args, **kwargs)
            added = found if isinstance(found, (list, tuple)) else (found,)
            totals = [graphs.LocalVariable(part.shape) for part in added]
            with graphs.control_dependencies([graphs.assign_add(t, p) for t, p in zip(totals, added, strict=True)]):
                update = graphs.identity(totals[0] if len(totals) == 1 else finished(*totals), "update_op")
            return graphs.note(finished(*totals), "value"), update

    label = name
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``tf.metrics.{name}``: the value so far, and the operation that adds a batch."
    return function


_ARGUMENTS = ("labels", "predictions", "values", "num_classes", "k", "tensor")


def _divided(finish: Callable[..., Any], totals: Totals) -> Any:
    """The value of totals; 0 where nothing was counted."""
    value = finish(*totals)
    return jnp.where(jnp.isnan(value), 0.0, value)


def _mean(values: Any, weights: Any = None) -> Totals:
    values = jnp.asarray(values, jnp.float32)
    weights = jnp.broadcast_to(1.0 if weights is None else jnp.asarray(weights, jnp.float32), values.shape)
    return jnp.sum(values * weights), jnp.sum(weights)


def _mean_of(of: Callable[[Any, Any], Any]) -> Callable[..., Totals]:
    def add(labels: Any, predictions: Any, weights: Any = None) -> Totals:
        return _mean(of(jnp.asarray(labels), jnp.asarray(predictions)), weights)

    return add


def _confusion(labels: Any, predictions: Any, num_classes: int, weights: Any = None) -> Totals:
    true, pred = (jnp.ravel(jnp.asarray(t)).astype(jnp.int32) for t in (labels, predictions))
    each = 1.0 if weights is None else jnp.ravel(jnp.asarray(weights, jnp.float32))
    return (jnp.zeros((num_classes, num_classes)).at[true, pred].add(each),)


def _mean_iou(table: Any) -> Any:
    union = table.sum(0) + table.sum(1) - jnp.diagonal(table)
    return jnp.sum(jnp.diagonal(table) / jnp.maximum(union, 1)) / jnp.maximum(jnp.sum(union > 0), 1)


def _share(of: Callable[[Any, Any], Any]) -> Callable[..., Totals]:
    def add(labels: Any, predictions: Any, weights: Any = None) -> Totals:
        true, pred = (jnp.ravel(jnp.asarray(t)).astype(bool) for t in (labels, predictions))
        each = 1.0 if weights is None else jnp.ravel(jnp.asarray(weights, jnp.float32))
        return jnp.sum((true & pred) * each), jnp.sum(of(true, pred) * each)

    return add


METRICS: dict[str, Callable[..., Any]] = {
    "mean": _metric("mean", _mean),
    "accuracy": _metric("accuracy", _mean_of(lambda t, p: t == p)),
    "mean_iou": _metric("mean_iou", _confusion, _mean_iou),
    "precision": _metric("precision", _share(lambda true, pred: pred)),
    "recall": _metric("recall", _share(lambda true, pred: true)),
    "mean_squared_error": _metric("mean_squared_error", _mean_of(lambda t, p: jnp.square(t - p))),
    "mean_absolute_error": _metric("mean_absolute_error", _mean_of(lambda t, p: jnp.abs(t - p))),
    "root_mean_squared_error": _metric(
        "root_mean_squared_error",
        _mean_of(lambda t, p: jnp.square(t - p)),
        lambda total, count: jnp.sqrt(total / count),
    ),
}

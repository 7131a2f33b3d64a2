"""`tf.losses` and `tf.metrics` of TensorFlow 1: functions that reduce a batch to one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from kjax.keras.legacy.tensorflow import graphs
from kjax.keras.legacy.tensorflow.door import function_of


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
    return graphs.get_collection(graphs.GraphKeys.LOSSES)


def get_regularization_losses(scope: Any = None) -> list[Any]:
    """``tf.losses.get_regularization_losses``."""
    return graphs.get_collection(graphs.GraphKeys.REGULARIZATION_LOSSES)


def get_regularization_loss(scope: Any = None, name: Any = None) -> Any:
    """``tf.losses.get_regularization_loss``: their sum."""
    return sum(get_regularization_losses(), start=0.0)


def get_total_loss(add_regularization_losses: bool = True, name: Any = None) -> Any:
    """``tf.losses.get_total_loss``: the sum of the losses of the graph."""
    parts = get_losses() + (get_regularization_losses() if add_regularization_losses else [])
    return sum(parts[1:], start=parts[0])


LOSSES |= {f.__name__: f for f in (get_losses, get_regularization_losses, get_regularization_loss, get_total_loss)}


def _metric(name: str, compute: Callable[..., Any]) -> Callable[..., Any]:
    run = function_of(compute, name)

    def function(labels: Any, predictions: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        kwargs = {k: v for k, v in kwargs.items() if k in ("num_classes", "k")}
        value = run(labels, predictions, *args, **kwargs)
        return value, value

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``tf.metrics.{name}``: the value of one batch, in the place of value and update."
    return function


def _mean_iou(labels: Any, predictions: Any, num_classes: int) -> Any:
    true, pred = (jnp.ravel(jnp.asarray(t)).astype(jnp.int32) for t in (labels, predictions))
    table = jnp.zeros((num_classes, num_classes)).at[true, pred].add(1.0)
    union = table.sum(0) + table.sum(1) - jnp.diagonal(table)
    return jnp.sum(jnp.diagonal(table) / jnp.maximum(union, 1)) / jnp.maximum(jnp.sum(union > 0), 1)


def _share(of: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def compute(labels: Any, predictions: Any) -> Any:
        true, pred = (jnp.ravel(jnp.asarray(t)).astype(bool) for t in (labels, predictions))
        return jnp.sum(true & pred) / jnp.maximum(jnp.sum(of(true, pred)), 1)

    return compute


METRICS: dict[str, Callable[..., Any]] = {
    "accuracy": _metric(
        "accuracy", lambda labels, predictions: jnp.mean(jnp.asarray(labels) == jnp.asarray(predictions))
    ),
    "mean_iou": _metric("mean_iou", _mean_iou),
    "precision": _metric("precision", _share(lambda true, pred: pred)),
    "recall": _metric("recall", _share(lambda true, pred: true)),
    "mean_squared_error": _metric(
        "mean_squared_error", lambda labels, predictions: jnp.mean(jnp.square(jnp.asarray(labels) - predictions))
    ),
    "mean_absolute_error": _metric(
        "mean_absolute_error", lambda labels, predictions: jnp.mean(jnp.abs(jnp.asarray(labels) - predictions))
    ),
}

"""From what a user gave as a loss to the loss."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from kjax.nn.configs import function_name
from kjax.nn.losses.base import Loss
from kjax.nn.losses.classes import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from kjax.nn.losses.wrapper import FunctionLoss, LossFunctionWrapper, classes, registry
from kjax.nn.value import pure

registry.register(LossFunctionWrapper)

_AUTOMATIC = ("crossentropy", "ce")


def get(identifier: Any) -> Loss | None:
    """The loss for what a user gave.

    Args:
        identifier: None (stays None); a name in any alias of Keras 2 and 3; a config; a loss or a loss class;
            a function ``(y_true, y_pred) -> values``.

    Raises:
        ValueError: unknown name, or a thing that is no loss.
    """
    identifier = pure(identifier)
    if isinstance(identifier, Mapping):
        return _from_config(identifier)
    if inspect.isfunction(identifier) and identifier in classes:
        return classes[identifier]()
    loss = registry.get(identifier)
    return loss if loss is None or isinstance(loss, Loss) else LossFunctionWrapper(loss)


def _from_config(config: Mapping[str, Any]) -> Loss | None:
    name = function_name(config)
    if name is not None:
        return get(name)
    arguments = dict(config.get("config") or {})
    if config.get("class_name") == "LossFunctionWrapper" and not callable(arguments.get("fn")):
        loss = get(arguments.pop("fn", None))
        if isinstance(loss, FunctionLoss):
            return LossFunctionWrapper(type(loss).function, **arguments)
    return registry.get(config)


def classification_kind(y_true_shape: Sequence[int], y_pred_shape: Sequence[int]) -> str:
    """What Keras takes a classification for: ``'binary'``, ``'sparse_categorical'`` or ``'categorical'``.

    Args:
        y_true_shape: shape of the targets, with the batch axis.
        y_pred_shape: shape of the predictions, with the batch axis.
    """
    if len(y_pred_shape) < 2 or y_pred_shape[-1] == 1:
        return "binary"
    if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1:
        return "sparse_categorical"
    return "categorical"


def resolve_crossentropy(y_true_shape: Sequence[int], y_pred_shape: Sequence[int]) -> Loss:
    """The loss that ``'crossentropy'`` stands for, given the shapes of targets and predictions."""
    kinds = {
        "binary": BinaryCrossentropy,
        "categorical": CategoricalCrossentropy,
        "sparse_categorical": SparseCategoricalCrossentropy,
    }
    return kinds[classification_kind(y_true_shape, y_pred_shape)]()


def resolve(identifier: Any, y_true_shape: Sequence[int], y_pred_shape: Sequence[int]) -> Loss | None:
    """Like :func:`get`, for ``'crossentropy'`` and ``'ce'`` too, which depend on the shapes."""
    if isinstance(identifier, str) and identifier.lower() in _AUTOMATIC:
        return resolve_crossentropy(y_true_shape, y_pred_shape)
    return get(identifier)


@dataclasses.dataclass(frozen=True)
class AutomaticCrossentropy(Loss):
    """What ``compile(loss='crossentropy')`` stands for: binary, categorical or sparse, whichever the shapes say.

    Args:
        reduction: how the values of the samples become one.
        name: name of the loss.
        dtype: type that it computes in.
    """

    reduction: str | None = "sum_over_batch_size"
    name: str | None = "crossentropy"
    dtype: Any = None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Any:
        """The loss for targets and predictions, as that of the class that their shapes ask for."""
        found: Any = resolve_crossentropy(jnp.shape(y_true), jnp.shape(y_pred))
        return found(y_true, y_pred, sample_weight, mask)


def of_compile(identifier: Any) -> Loss | None:
    """The loss for an entry of ``compile(loss=...)``: like :func:`get`, for ``'crossentropy'`` and ``'ce'`` too."""
    if isinstance(identifier, str) and identifier.lower() in _AUTOMATIC:
        return AutomaticCrossentropy()
    return get(identifier)

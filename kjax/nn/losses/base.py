"""The base of losses: values per sample from a function, masks and weights, and one number for the batch."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from kjax.nn.arguments import choice
from kjax.nn.dtypes import Policy, default_float, policy_name
from kjax.nn.equality import ContentValue, snake_case
from kjax.nn.numerics import align_ranks, divide_no_nan, match_ranks
from kjax.nn.value import ArgumentError

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", "keras2")

_choose = choice(*REDUCTIONS)

travelling_mask: list[Callable[[Any], Any]] = [lambda array: None]
"""The last of these gives the mask that travels with predictions (``kjax.keras`` adds that of its layers)."""


def reduction_name(value: Any) -> str | None:
    """Converter of ``reduction`` arguments; None stays, as in configs, and ``'auto'`` is Keras 2's name of the default."""
    if isinstance(value, str) and value == "auto":
        return "sum_over_batch_size"
    return None if value is None else _choose(value)


def compute_dtype(value: Any) -> str:
    """Converter of ``dtype`` arguments: the type that a loss or metric computes in, float32 by default."""
    return Policy(policy_name(value) or default_float[-1]()).compute_dtype


class Loss(ContentValue):
    """Base of losses. A subclass writes ``call(self, y_true, y_pred)``, which returns values per sample.

    Args:
        name: name of the loss; by default that of the class in lower case.
        reduction: how the values become one number. ``'sum_over_batch_size'`` and ``'mean'``: their weighted
            sum divided by their number (with a mask: by the number that it lets pass).
            ``'mean_with_sample_weight'``: divided by the sum of the weights. ``'sum'``: the weighted sum.
            ``'none'`` or None: the weighted values. ``'keras2'``: the mean over samples, divided by the share of
            weights that are not 0, as in Keras 1 and 2.
        dtype: type that the loss is computed in; float32 by default.
    """

    name: Any
    reduction: Any
    dtype: Any = None

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        try:
            self.reduction = reduction_name(reduction)
        except ValueError as error:
            raise ArgumentError(f"{type(self).__name__}: Invalid value for argument `reduction`: {error}") from error
        self.dtype = compute_dtype(dtype)

    def call(self, y_true: Any, y_pred: Any) -> Array:
        """The loss of each sample (step, position): usually the shape of ``y_pred`` without the last axis."""
        raise NotImplementedError(f"{type(self).__name__} has no `call(self, y_true, y_pred)` method")

    def valid(self, y_true: Any, values: Array) -> Array | None:
        """Boolean mask of the values of :meth:`call` that count, or None for all."""
        del y_true, values

    def __call__(
        self, y_true: Any, y_pred: Any, sample_weight: ArrayLike | None = None, mask: ArrayLike | None = None
    ) -> Array:
        """The loss of a batch.

        Args:
            y_true: targets: an array, or a tree of them for a loss that reads one.
            y_pred: predictions, likewise.
            sample_weight: factors on the values: one a sample, or more axes (one a time step, say); a leading
                part of the shape of the values, or a shape that broadcasts to it.
            mask: boolean array of the values that count, as layers pass it on; by default that which travels with
                the predictions.

        Returns:
            One number, or the weighted values if ``reduction`` is ``'none'`` or None.

        Arguments that stand for arrays to come (the symbolic tensors of ``kjax.keras``) have a method
        ``__call_later__(function, *args)``; it gives what stands for the loss.
        """
        for thing in (y_pred, y_true):
            if hasattr(thing, "__call_later__"):
                return thing.__call_later__(self, y_true, y_pred, sample_weight, mask)
        if mask is None:
            mask = travelling_mask[-1](y_pred)
        y_pred, y_true = self._cast(y_pred), self._cast(y_true)
        values = jnp.asarray(self.call(y_true, y_pred), self.dtype)
        valid = self.valid(y_true, values)
        if mask is not None and valid is not None:
            mask = jnp.logical_and(*align_ranks(jnp.asarray(mask, bool), valid))
        mask = valid if mask is None else mask
        return reduce_values(values, sample_weight, mask, self.reduction)

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, by name."""
        if dataclasses.is_dataclass(self):
            return super().get_config()
        return {"name": self.name, "reduction": self.reduction}

    def _cast(self, tree: Any) -> Any:
        plain = isinstance(tree, (list, tuple))
        if plain and all(isinstance(x, numbers.Number) for x in jax.tree.leaves(tree)):
            return jnp.asarray(tree, self.dtype)  # an array written as lists, not a tree of outputs
        return jax.tree.map(lambda x: jnp.asarray(x, self.dtype), tree)


def mask_weights(mask: Array, dtype: Any, reduction: str | None) -> Array:
    """The factors that stand for a mask.

    Where the sum of the values will be divided by their number, they are scaled so that masked values do not
    count in that number either.
    """
    weights = jnp.asarray(mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        weights = weights * divide_no_nan(jnp.asarray(weights.size, dtype), jnp.sum(weights))
    return weights


def merge_mask(
    sample_weight: ArrayLike | None, mask: ArrayLike | None, dtype: Any, reduction: str | None
) -> Array | None:
    """Sample weights and mask as one array of factors, or None where there is neither."""
    weights = None if sample_weight is None else jnp.asarray(sample_weight, dtype)
    if mask is None:
        return weights
    factors = mask_weights(jnp.asarray(mask, bool), dtype, reduction)
    if weights is None:
        return factors
    factors, weights = align_ranks(*match_ranks(factors, weights))
    return factors * weights


def reduce_values(
    values: Array,
    sample_weight: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reduction: str | None = "sum_over_batch_size",
) -> Array:
    """The weighted values of a batch as one number, as Keras 3 reduces them.

    Args:
        values: loss of each sample (and step).
        sample_weight: factors on them, see :meth:`Loss.__call__`.
        mask: boolean array of the values that count.
        reduction: one of ``REDUCTIONS``; None is ``'none'``.
    """
    if reduction == "keras2":
        return _reduce_as_keras2(values, sample_weight, mask)
    if sample_weight is not None:
        matched, given = match_ranks(values, jnp.asarray(sample_weight))
        if given.ndim > matched.ndim and values.ndim:  # one loss for the whole batch counts once for each weight
            raise ValueError(
                f"`sample_weight` has shape {given.shape}, but there is one loss for each place of {values.shape}: weights "
                "have no more axes than these"
            )
    weights = merge_mask(sample_weight, mask, values.dtype, reduction)
    if weights is not None:
        values, weights = align_ranks(*match_ranks(values, weights))
        values = values * weights
    if reduction in (None, "none") or values.shape in ((), (0,)):
        return values
    total = jnp.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weights is not None:
        return divide_no_nan(total, jnp.sum(weights))
    return total / values.size if values.size else jnp.zeros_like(total)


def _reduce_as_keras2(values: Array, sample_weight: ArrayLike | None, mask: ArrayLike | None) -> Array:
    """The mean, where the mask and then the weights are first made to have the mean 1, zeros apart."""
    if mask is not None:
        passed, values = align_ranks(*match_ranks(jnp.asarray(mask, values.dtype), values))
        values = divide_no_nan(values * passed, jnp.mean(passed))
    if sample_weight is not None:
        weights = jnp.asarray(sample_weight, values.dtype)
        if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
            weights = weights[..., 0]
        values = jnp.mean(values, axis=tuple(range(weights.ndim, values.ndim)))
        values = divide_no_nan(values * weights, jnp.mean(jnp.asarray(weights != 0, values.dtype)))
    return jnp.mean(values)

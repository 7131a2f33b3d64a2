"""Losses made of a function: the mechanism of every built-in loss, and the wrapper of a user's function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, TypeVar

import jax
from jaxtyping import Array

from kjax.nn.equality import snake_case
from kjax.nn.losses.base import Loss
from kjax.nn.numerics import match_ranks
from kjax.nn.value import Registry

T = TypeVar("T", bound="type[FunctionLoss]")

registry = Registry("loss", Loss)

# The loss class of each built-in function, so that the function itself may stand for a loss.
classes: dict[Callable[..., Any], type[Loss]] = {}


@functools.cache
def _argument_names(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)[2:]


def function_arguments(function: Callable[..., Any], holder: Any) -> dict[str, Any]:
    """The arguments of ``function``, after targets and predictions, that ``holder`` has as attributes."""
    return {name: getattr(holder, name) for name in _argument_names(function) if hasattr(holder, name)}


class FunctionLoss(Loss):
    """A loss whose values come from ``function``; fields with the names of its arguments are passed to it.

    Subclasses are frozen dataclasses that list the constructor arguments in Keras' order.
    """

    function: ClassVar[Callable[..., Array]]
    keras2: ClassVar[Callable[..., Array] | None] = None
    """The function of Keras 1 and 2 where it was another; it goes with their reduction."""

    def call(self, y_true: Any, y_pred: Any) -> Array:
        """The function's values."""
        cls = type(self)
        function = cls.keras2 if self.reduction == "keras2" and cls.keras2 is not None else cls.function
        return function(y_true, y_pred, **function_arguments(function, self))


def register(*names: str) -> Callable[[T], T]:
    """Class decorator: makes a loss known by its class name, by its function's name and by ``names``."""

    def add(cls: T) -> T:
        classes[cls.function] = cls
        return registry.register(cls, cls.function.__name__, *names)

    return add


class LossFunctionWrapper(Loss):
    """A user's function ``fn(y_true, y_pred, **kwargs) -> values`` as a loss.

    Args:
        fn: function from targets and predictions to the values of the samples.
        reduction: see :class:`Loss`.
        name: name of the loss; by default that of the function.
        dtype: type that the loss is computed in.
        **kwargs: further arguments of every call of ``fn``.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or object_name(fn), reduction, dtype)
        self.fn = fn
        self.arguments = tuple(sorted(kwargs.items()))

    def call(self, y_true: Any, y_pred: Any) -> Array:
        """The function's values, for targets and predictions of the same rank."""
        if jax.tree.structure(y_true) == jax.tree.structure(y_pred):
            pairs = jax.tree.map(match_ranks, y_true, y_pred)
            y_true = jax.tree.map(lambda _, pair: pair[0], y_true, pairs)
            y_pred = jax.tree.map(lambda _, pair: pair[1], y_pred, pairs)
        return self.fn(y_true, y_pred, **dict(self.arguments))

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, by name."""
        return {**super().get_config(), "fn": self.fn, **dict(self.arguments)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a loss from what :meth:`get_config` returned."""
        return cls(**config)


def object_name(thing: Any) -> str:
    """The name that Keras shows for a function or an object."""
    if isinstance(thing, functools.partial):
        return object_name(thing.func)
    for attribute in ("name", "__name__"):
        name = getattr(thing, attribute, None)
        if isinstance(name, str):
            return name if attribute == "name" else snake_case(name)
    return snake_case(type(thing).__name__)

"""Initializers that users wrote in Keras' form, ``(shape, dtype)``, in the form ``(key, shape, dtype)``."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array

from kjax.nn.initializers.base import Initializer, Shape

_KEY_NAMES = ("key", "rng", "rng_key", "prng_key", "prng")


def takes_key(function: Callable[..., Any]) -> bool:
    """Whether an initializer takes a key first, as JAX does, rather than a shape, as Keras does.

    The name of the first parameter decides; where it says nothing, three or more positional parameters mean a
    key.
    """
    method = type(function).__call__
    if isinstance(function, Initializer) and inspect.isfunction(method):  # the same for all of its class
        return _takes_key_at(method, 1)
    return _takes_key_at.__wrapped__(function, 0)


@functools.lru_cache(maxsize=256)
def _takes_key_at(function: Callable[..., Any], place: int) -> bool:
    """Whether the parameter at a place is a key, see :func:`takes_key`."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[place:]
    except (ValueError, TypeError):  # a builtin without a signature
        return False
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if "shape" in positional:
        return positional.index("shape") > 0
    return len(positional) >= 3 or positional[:1] in [[name] for name in _KEY_NAMES]


@dataclasses.dataclass(frozen=True, eq=False)
class KerasInitializer(Initializer):
    """A user's function or object that is called as ``function(shape, dtype=...)``.

    Attributes:
        function: the function.
        traceable: False: where the function gets its random numbers is not known, so it has to run once for
            each weight, outside of compiled functions.
    """

    function: Callable[..., Any]
    traceable: ClassVar[bool] = False

    def __call__(self, key: Array | None, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        keywords: dict[str, Any] = {"dtype": jnp.dtype(dtype).name} if _takes(self.function, "dtype") else {}
        if _takes(self.function, "name", unless_any=True):  # the weight's, in functions of Keras 1
            keywords["name"] = None
        values = jnp.asarray(self.function(tuple(shape), **keywords), dtype)
        if values.shape != tuple(shape):
            raise ValueError(f"{self.function!r} returned shape {values.shape} for a weight of shape {shape}")
        return values


@functools.lru_cache(maxsize=256)
def _parameters(function: Callable[..., Any]) -> tuple[str, ...] | None:
    """Names of the keywords that a function takes, None for any."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return tuple(p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY)


def _takes(function: Callable[..., Any], keyword: str, unless_any: bool = False) -> bool:
    try:
        names = _parameters(function)
    except TypeError:  # an unhashable object
        names = _parameters.__wrapped__(function)
    return not unless_any if names is None else keyword in names


def adapt(initializer: Any) -> Any:
    """An initializer in kjax' form: itself where it takes a key first, else wrapped."""
    return initializer if takes_key(initializer) else KerasInitializer(initializer)

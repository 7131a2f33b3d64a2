"""What is known of equal layers: the weights and shapes that tracing one gave hold for all that are equal to it.

A layer's module is a value, so that what it gives for inputs of given shapes follows from its fields. This holds where all
that the fields hold comes from kjax and JAX; what users wrote may look at anything and is traced for each layer.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core.settings import settings

T = TypeVar("T")

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, type(Ellipsis), slice})
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, type(jax.jit(lambda: None)), jnp.ufunc, np.ufunc)
_ours = ("kjax.", "jax.", "jaxlib.", "numpy.")
_most = 4096
"""How many results are kept: enough for several large models, some megabytes at most."""

_results: dict[Hashable, Any] = {}


class UnknownError(Exception):
    """Something does not say by its fields alone what it does."""


@functools.cache
def _fields_of(cls: type) -> tuple[str, ...] | None:
    """Names of the fields that make a value of a class of kjax; None for other classes."""
    if not dataclasses.is_dataclass(cls) or not cls.__module__.startswith("kjax."):
        return None
    return tuple(f.name for f in dataclasses.fields(cls) if f.name != "parent")


def identity(thing: Any) -> Hashable:
    """What is equal for two things only if they compute the same; types count, so that 1 is not 1.0.

    Raises:
        UnknownError: there is no such thing, as for functions of users.
    """
    kind = type(thing)
    if kind in _PLAIN:
        return (kind, thing) if kind is not slice else (kind, *map(identity, (thing.start, thing.stop, thing.step)))
    if kind is jax.ShapeDtypeStruct:
        return thing.shape, thing.dtype
    if kind in (tuple, list):
        return (kind, *map(identity, thing))
    if kind is dict:
        return (kind, *((key, identity(value)) for key, value in thing.items()))
    names = _fields_of(kind)
    if names is not None:
        return (kind, *(identity(getattr(thing, name)) for name in names))
    if isinstance(thing, _FUNCTIONS):
        module = getattr(thing, "__module__", None) or "numpy."
        if f"{module}.".startswith(_ours) and "<" not in getattr(thing, "__qualname__", ""):
            return thing
    raise UnknownError(kind)


def surroundings() -> Hashable:
    """What the functions of kjax look at besides their arguments."""
    return settings.era, settings.floatx, settings.image_data_format, jax.config.jax_enable_x64  # type: ignore[attr-defined]


def recalled(key: Hashable, make: Callable[[], T]) -> T:
    """What ``make`` gave when it was last called for an equal key.

    Args:
        key: made of :func:`identity` and :func:`surroundings`.
        make: called where nothing is known. What it gives has no values and refers to no layers.
    """
    found = _results.get(key)
    if found is None:
        found = make()
        if len(_results) >= _most:
            _results.clear()
        _results[key] = found
    return found

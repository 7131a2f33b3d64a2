"""The fields of a module class as the constructor arguments of its Keras layer."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import flax.linen as nn

_BASE_FIELDS = ("parent", "name", "trainable", "dtype", "activity_regularizer")


class Argument:
    """A constructor argument as an attribute: read from the module, which __setattr__ replaces."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        return self if layer is None else layer.__getattr__(self.name)


@functools.cache
def all_fields(cls: type[nn.Module]) -> frozenset[str]:
    """The names of all fields."""
    return frozenset(f.name for f in dataclasses.fields(cls)) - {"parent"}


@functools.cache
def field_names(cls: type[nn.Module] | None) -> tuple[str, ...]:
    """The constructor arguments of a module class, in Keras' order, without those of every layer."""
    assert cls is not None
    return tuple(f.name for f in argument_fields(cls))


def argument_fields(cls: type[nn.Module]) -> list[dataclasses.Field[Any]]:
    """The fields that are constructor arguments: those that may be given by position first."""
    found = [f for f in dataclasses.fields(cls) if f.init and f.name not in _BASE_FIELDS]
    return sorted(found, key=lambda f: f.kw_only is True)


@functools.cache
def required_fields(cls: type[nn.Module] | None) -> tuple[str, ...]:
    """Those without a default."""
    assert cls is not None
    missing = dataclasses.MISSING
    return tuple(
        f.name
        for f in dataclasses.fields(cls)
        if f.init and f.name not in _BASE_FIELDS and f.default is missing and f.default_factory is missing
    )

"""Masks of arrays between eager calls: they are kept beside the arrays, and shown as `_keras_mask` to whoever reads them."""

from __future__ import annotations

import weakref
from typing import Any

import jax
from jax.core import Tracer

from kjax.keras.core import scope as scopes

_kept: dict[int, tuple[weakref.ref[Any], Any]] = {}


def keep(array: Any, mask: Any) -> None:
    """Let ``mask`` travel with ``array`` for as long as the array lives."""
    if not isinstance(array, jax.Array) or isinstance(array, Tracer) or isinstance(mask, Tracer):
        return
    place = id(array)
    _kept[place] = (weakref.ref(array, lambda _: _kept.pop(place, None)), mask)
    array._keras_mask = mask  # type: ignore[attr-defined]


def drop(array: Any) -> None:
    """Let no mask travel with ``array`` any more."""
    _kept.pop(id(array), None)
    if hasattr(array, "_keras_mask"):
        del array._keras_mask


def found(tree: Any) -> dict[int, tuple[Any, Any]]:
    """The masks that travel with the arrays of a tree, as a scope holds them: (array, mask) by ``id``."""
    if not _kept:
        return {}
    result = {}
    for leaf in jax.tree.leaves(tree):
        entry = _kept.get(id(leaf))
        if entry is not None and entry[0]() is leaf:
            result[id(leaf)] = (leaf, entry[1])
    return result


def mask_of(array: Any) -> Any:
    """The mask that travels with an array, in the present scope or between eager calls, or None."""
    active = scopes.current()
    mask = None if active is None else active.mask_of(array)
    if mask is None and _kept:
        entry = _kept.get(id(array))
        mask = entry[1] if entry is not None and entry[0]() is array else None
    return mask

"""What is worked out from layers once and kept until one of them changes.

Whatever a layer is made of lies in attributes of layers and variables, and in lists and dicts that these hold. Setting
such an attribute counts :func:`changed` up, wherever it happens; lists and dicts, which change without a word, are compared
with what they held. What was kept under another count, or when a list held something else, is made anew.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
import numpy as np

from kjax.keras.core.settings import settings

T = TypeVar("T")

BOOKKEEPING = frozenset(
    (
        "_extra_losses _stored_updates _inbound_nodes _outbound_nodes _init_arguments _kept _session stop_training history "
        "_batch_metrics _sample _sample_batches _checked _empty _key _seed _prepared _tensors _runs_outside_training "
        "_state_parts _parts _described _initial_values _class_output_names _when_built"
    ).split()
)
"""Attributes that say nothing of what a layer is made of: setting them changes nothing."""

_REPLACED = frozenset(
    "_own_variables _undeclared _boxes _held _given_layers _original _stack _loss_functions _build_shapes".split()
)
"""Lists and dicts that are never changed where they lie without an attribute being set afterwards."""

_PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic, np.ndarray, jax.Array)
"""Values of attributes that only the code of users reads."""

_count = 0


def changed() -> None:
    """Say that a layer or a variable changed: nothing that was kept before holds any more."""
    global _count
    _count += 1


def setting(layer: Any, name: str, value: Any) -> None:
    """Say that an attribute of a layer is about to be set.

    Args:
        layer: the layer.
        name: the attribute.
        value: its new value.
    """
    if name in BOOKKEEPING:
        return
    plain = isinstance(value, _PLAIN) and isinstance(layer.__dict__.get(name), _PLAIN)
    if not plain or name.startswith("_") or name in ("name", "autocast") or hasattr(type(layer), name):
        changed()


class Kept:
    """What was worked out from a layer, and what it holds for.

    Args:
        layer: the layer.
    """

    def __init__(self, layer: Any) -> None:
        self.stamp = _count, settings.era
        self.values: dict[Any, Any] = {}
        inside = layer._flatten_layers()
        self.held = [(each, _contents(each)) for one in inside for each in _containers_of(one)]

    def holds(self) -> bool:
        """Whether nothing changed since."""
        if self.stamp != (_count, settings.era):
            return False
        return not self.held or all(_equal(_contents(each), before) for each, before in self.held)


def kept(layer: Any, name: Any, make: Callable[[], T]) -> T:
    """What ``make`` gave for a layer, made anew when the layer, or one inside, has changed since.

    Args:
        layer: the layer.
        name: what it is.
        make: works it out, from nothing but what layers are made of.
    """
    known = layer.__dict__.get("_kept")
    if known is None or not known.holds():
        known = Kept(layer)
        object.__setattr__(layer, "_kept", known)
    if name not in known.values:
        known.values[name] = make()
    return known.values[name]


def _containers_of(layer: Any) -> Iterator[Any]:
    """The lists, dicts and sets in a layer's attributes, those in them too."""
    stack = [value for name, value in vars(layer).items() if name not in BOOKKEEPING and name not in _REPLACED]
    seen: set[int] = set()
    while stack:
        value = stack.pop()
        if isinstance(value, (list, dict, set)):
            if id(value) in seen:
                continue
            seen.add(id(value))
            yield value
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            stack.extend(value)


def _contents(container: Any) -> list[Any]:
    return [*container, *container.values()] if isinstance(container, dict) else list(container)


def _equal(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))

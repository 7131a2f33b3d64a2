"""Random numbers outside training: which modules draw some, and the key of each batch."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jaxtyping import Array

from kjax.nn.graph import Graph

STREAM = "stream"
"""Name under which the variables of an evaluation or prediction hold two words: a seed, and a number that counts batches."""


@functools.lru_cache(maxsize=256)
def may_draw(module: nn.Module) -> bool:
    """Whether a module may draw random numbers outside training: functions and layers of users, calls with ``training=True``.

    Args:
        module: any module; it says so itself by ``draws = True``. Modules of other libraries are taken not to.
    """
    return any(
        getattr(each, "draws", False) or (isinstance(each, Graph) and any(map(_is_in_training, each.nodes)))
        for each in modules_inside(module)
    )


def modules_inside(module: nn.Module) -> Iterator[nn.Module]:
    """A module, and the modules in its fields and in theirs.

    Args:
        module: any module; one that keeps modules in other places than its fields does not show them.
    """
    yield module
    if isinstance(module, Graph):
        inside = (layer for _, layer in module.layers)
    else:
        fields = (getattr(module, f.name) for f in dataclasses.fields(module) if f.name not in ("parent", "name"))
        inside = (each for value in fields for each in (value if isinstance(value, (tuple, list)) else [value]))
    for each in inside:
        if isinstance(each, nn.Module):
            yield from modules_inside(each)


def _is_in_training(node: Any) -> bool:
    args, kwargs = jax.tree.unflatten(node.structure, node.leaves)
    del args
    return kwargs.get("training") is True


def take_key(variables: Mapping[str, Any]) -> tuple[dict[str, Any], Array | None]:
    """The variables without their stream, and the key that it gives; None without a stream."""
    rest = dict(variables)
    words = rest.pop(STREAM, None)
    return rest, None if words is None else jax.random.wrap_key_data(words, impl="threefry2x32")


def moved_on(variables: Mapping[str, Any], batches: Any) -> dict[str, Any]:
    """The same with the stream so many batches further; as they are where there is none."""
    if STREAM not in variables:
        return dict(variables)
    words = variables[STREAM]
    if isinstance(words, np.ndarray) and isinstance(batches, int):
        return {**variables, STREAM: words + np.array([0, batches], words.dtype)}
    step = jax.numpy.asarray(batches, words.dtype)
    return {**variables, STREAM: words + jax.numpy.stack([jax.numpy.zeros_like(step), step])}

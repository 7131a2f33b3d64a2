"""Functions of variables as graphs, in scripts of Keras 1 and 2."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax

from kjax.keras.core import scope as scopes
from kjax.keras.core.variable import Variable


def drawing(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that makes a graph of variables where scripts of Keras 1 and 2 call it, as it did for them."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=_is_variable)
        if any(map(_is_variable, leaves)) and scopes.is_drawing():
            leaves = [leaf.__symbolic__() if _is_variable(leaf) else leaf for leaf in leaves]
            args, kwargs = jax.tree.unflatten(structure, leaves)
        return function(*args, **kwargs)

    return call


def _is_variable(leaf: Any) -> bool:
    return isinstance(leaf, Variable)

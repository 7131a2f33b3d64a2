"""Flax NNX modules, which hold their own arrays, as linen modules, which are values."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.module import DROPOUT, PARAMS, STATE


def is_nnx(thing: Any) -> bool:
    """Whether ``thing`` is an NNX module."""
    return any(base.__module__.startswith("flax.nnx") and base.__name__ == "Module" for base in type(thing).__mro__)


class Parts:
    """What an NNX module is made of, compared by identity.

    Args:
        module: the NNX module; it is not changed.
    """

    def __init__(self, module: Any) -> None:
        from flax import nnx

        self.module = module
        self.graph, params, random, rest = nnx.split(module, nnx.Param, nnx.RngState, ...)
        self.states = {PARAMS: params, STATE: rest}
        self.random = random

    def merged(self, values: dict[str, Any], key: Array | None) -> Any:
        """An NNX module with given arrays.

        Args:
            values: pure nested dicts by collection.
            key: what its random streams begin with; where they ended when the module was made, if None.
        """
        from flax import nnx

        states = []
        for name, template in self.states.items():
            state = jax.tree.map(lambda leaf: leaf, template)
            nnx.replace_by_pure_dict(state, values.get(name, {}))
            states.append(state)
        random = self.random
        if key is not None:
            leaves, structure = jax.tree.flatten(random)
            keys = [
                jax.random.fold_in(key, i) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
                for i, leaf in enumerate(leaves)
            ]
            random = jax.tree.unflatten(structure, keys)
        return nnx.merge(self.graph, states[0], random, states[1])


class FromNNX(nn.Module):
    """An NNX module as a linen module: its ``Param``s are ``params``, what else it holds is ``state``.

    Attributes:
        parts: the module.
        method: name of the method to call.
    """

    parts: Parts
    method: str = "__call__"

    @nn.compact
    def __call__(self, *args: Any, training: bool = False, **kwargs: Any) -> Any:
        """Call the module, in training or evaluation mode."""
        from flax import nnx

        values: dict[str, Any] = {}
        for collection, state in self.parts.states.items():
            for name, tree in _strings(nnx.to_pure_dict(state)).items():
                values.setdefault(collection, {})[name] = self._value(collection, name, tree)
        key = self.make_rng(DROPOUT) if self.has_rng(DROPOUT) else None
        module = self.parts.merged({name: _numbers(tree) for name, tree in values.items()}, key)
        module.train() if training else module.eval()
        outputs = getattr(module, self.method)(*args, **kwargs)
        if STATE in values and self.is_mutable_collection(STATE) and not self.is_initializing():
            _, _, _, rest = nnx.split(module, nnx.Param, nnx.RngState, ...)
            for name, tree in _strings(nnx.to_pure_dict(rest)).items():
                self.put_variable(STATE, name, tree)
        return outputs

    def _value(self, collection: str, name: str, tree: Any) -> Any:
        if self.has_variable(collection, name):
            return self.get_variable(collection, name)
        if collection == PARAMS:
            return self.param(name, lambda _: tree)
        return self.variable(collection, name, lambda: tree).value


def _strings(tree: Any) -> dict[str, Any]:
    """A pure dict of NNX, whose keys may be numbers, with strings for keys."""
    return {f"_{k}" if isinstance(k, int) else k: _strings(v) if isinstance(v, dict) else v for k, v in tree.items()}


def _numbers(tree: Any) -> Any:
    """The inverse of :func:`_strings`."""
    if not isinstance(tree, dict):
        return tree
    return {int(k[1:]) if k[:1] == "_" and k[1:].isdigit() else k: _numbers(v) for k, v in tree.items()}

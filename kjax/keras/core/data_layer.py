"""What layers that prepare data call: ``self.backend``, which is one under the names of all, and the seed of a draw."""

from __future__ import annotations

import importlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core.layer import Layer


class DynamicBackend:
    """The functions that layers which run inside of data pipelines call as ``self.backend.<name>``.

    ``backend.numpy``, ``backend.image``, ``backend.nn``, ``backend.math``, ``backend.linalg`` and ``backend.core`` are those
    modules of ``keras.ops``, ``backend.random`` is ``keras.random``; any other name is looked up in ``keras.ops`` and in
    ``keras.backend``.

    Args:
        backend: accepted for compatibility.
    """

    _backend = "jax"

    def __init__(self, backend: str | None = None) -> None:
        del backend  # whichever is named, it is JAX that computes

    def name(self) -> str:
        """Name of the backend."""
        return self._backend

    def set_backend(self, backend: str) -> None:
        """Accepted for code that switches to TensorFlow inside of its pipelines; nothing changes."""

    def reset(self) -> None:
        """The end of what :meth:`set_backend` began."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"the backend has no attribute {name!r}")
        if name == "random":
            return importlib.import_module("kjax.keras.random")
        ops = importlib.import_module("kjax.keras.ops")
        try:
            return getattr(ops, name)
        except AttributeError as unknown:
            backend = importlib.import_module("kjax.keras.backend")
            if hasattr(backend, name):
                return getattr(backend, name)
            raise unknown


def _are_numbers(tree: Any) -> bool:
    leaves = jax.tree.leaves(tree) if isinstance(tree, (list, tuple)) else [tree]
    return bool(leaves) and all(isinstance(leaf, (int, float)) for leaf in leaves)


class DataFunctions:
    """Members of all layers that prepare data."""

    backend: Any = DynamicBackend()
    _allow_non_tensor_positional_args = True
    _prepares_data = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer; numbers, and lists of them, are arrays."""
        if args and isinstance(args[0], (int, float, list, tuple)) and _are_numbers(args[0]):
            args = (np.asarray(args[0]), *args[1:])
        return super().__call__(*args, **kwargs)  # type: ignore[misc]

    def convert_weight(self, weight: Any) -> Any:
        """A weight as an array: there is one backend."""
        return jnp.asarray(weight)

    def _get_seed_generator(self, backend: Any = None) -> Any:
        """The seed of a draw: the ``generator`` that a layer was given, otherwise the random stream of the call."""
        del backend
        return self.__dict__.get("generator")


class DataLayer(DataFunctions, Layer):
    """Base of layers that users write to prepare data, in a model or before it.

    ``call`` uses the functions of ``self.backend``; random numbers come from ``self._get_seed_generator()``.
    """

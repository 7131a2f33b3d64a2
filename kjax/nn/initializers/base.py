"""The base of initializers: pure functions from a key, a shape and a type to an array, and their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array

from kjax.nn.arguments import integer
from kjax.nn.equality import ContentValue
from kjax.nn.value import Registry

Shape = tuple[int, ...]


class Initializer(ContentValue):
    """Base of initializers; a subclass writes ``__call__(self, key, shape, dtype)``."""

    def __call__(self, key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        """The initial values.

        Args:
            key: JAX random key; initializers without randomness take any value, None too.
            shape: shape of the result.
            dtype: type of the result.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `__call__(self, key, shape, dtype)`")


registry = Registry("initializer", Initializer)


def seed(value: Any) -> int | None:
    """Converter of ``seed`` arguments: None, an integer, or the config of a Keras ``SeedGenerator``."""
    if isinstance(value, Mapping):
        value = value.get("config", value).get("seed")
    return None if value is None else integer(value)


def random_key(key: Array | None, seed: int | None) -> Array:
    """The key to draw with: that of the integer ``seed`` if there is one, else ``key``.

    A seeded initializer gives the values of Keras 3 on JAX, whose key for a seed has the words (seed, 0).

    Raises:
        ValueError: there is neither a key nor a seed.
    """
    if seed is None:
        if key is None:
            raise ValueError("a random initializer without a `seed` needs a key, received None")
        return key
    words = np.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], np.uint32)
    return jax.random.wrap_key_data(jnp.asarray(words), impl="threefry2x32")

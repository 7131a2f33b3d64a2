"""The base of initializers: pure functions from a key, a shape and a type to an array, and their names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array

from kjax.nn.arguments import integer
from kjax.nn.equality import ContentValue
from kjax.nn.value import Registry

Shape = tuple[int, ...]


keras_defaults: list[Callable[[], tuple[Array, str]]] = []
"""Who gives a fresh key and the default type to initializers that are called as Keras does, without a key."""


class Initializer(ContentValue):
    """Base of initializers; a subclass writes ``__call__(self, key, shape, dtype)``.

    With ``kjax.keras``, the built-in ones may also be called as in Keras: ``initializer(shape, dtype=None)``. A user's
    subclass may be written in that form altogether.
    """

    shares_programs: ClassVar[bool] = False
    """Whether calls outside of compiled programs run programs that serve weights of many sizes, where that is quicker."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls) and cls.__module__.startswith("kjax.nn."):
            cls.__call__ = _also_without_key(vars(cls)["__call__"])

    def clone(self) -> Any:
        """An equal initializer."""
        return type(self).from_config(self.get_config())

    def __call__(self, key: Array, shape: Shape, dtype: DTypeLike = jnp.float32) -> Array:
        """The initial values.

        Args:
            key: JAX random key; initializers without randomness take any value, None too.
            shape: shape of the result.
            dtype: type of the result.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `__call__(self, key, shape, dtype)`")


def _also_without_key(call: Callable[..., Any]) -> Callable[..., Any]:
    """A method ``(key, shape, dtype)`` that can be called as ``(shape, dtype)`` too."""

    @functools.wraps(call)
    def either(self: Any, *args: Any, **kwargs: Any) -> Any:
        first = args[0] if args else None
        if "key" in kwargs or not (
            isinstance(first, (tuple, list, int, np.integer)) or (not args and "shape" in kwargs)
        ):
            return call(self, *args, **kwargs)
        shape, dtype = (*args, None, None)[:2] if args else (kwargs["shape"], None)
        dtype = dtype or kwargs.get("dtype")
        key, default = keras_defaults[0]() if keras_defaults else (None, "float32")
        return call(self, key, _sizes(type(self).__name__, shape), _type(dtype or default))

    return either


def _sizes(name: str, shape: Any) -> Shape:
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if any(not hasattr(size, "__index__") or size < 0 for size in sizes):
        raise ValueError(f"{name}: a shape has sizes of at least 0, received {shape!r}")
    return sizes


def _type(dtype: Any) -> Any:
    try:
        return jax.dtypes.canonicalize_dtype(jnp.dtype(dtype))
    except TypeError:
        raise ValueError(f"Invalid dtype: {dtype!r}") from None


registry = Registry("initializer", Initializer)


def seed(value: Any) -> Any:
    """Converter of ``seed`` arguments: None, an integer, a ``SeedGenerator`` of Keras (it draws anew each time) or its config."""
    if isinstance(value, Mapping):
        value = value.get("config", value).get("seed")
    if callable(getattr(value, "next", None)):
        return value
    return None if value is None else integer(value)


def random_key(key: Array | None, seed: Any) -> Array:
    """The key to draw with: that of ``seed``, an integer or a generator, if there is one, else ``key``.

    A seeded initializer gives the values of Keras 3 on JAX, whose key for a seed has the words (seed, 0).

    Raises:
        ValueError: there is neither a key nor a seed.
    """
    if seed is None:
        if key is None:
            raise ValueError("a random initializer without a `seed` needs a key, received None")
        return key
    if not isinstance(seed, int):
        return jax.random.wrap_key_data(jnp.asarray(seed.next(), jnp.uint32), impl="threefry2x32")
    words = np.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], np.uint32)
    return jax.random.wrap_key_data(jnp.asarray(words), impl="threefry2x32")

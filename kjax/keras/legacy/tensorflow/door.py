"""How a function of the stand-in is made: through one door, with TensorFlow's argument names."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.legacy.tensorflow.tape import apply


def function_of(compute: Callable[..., Any], name: str, **renamed: str) -> Callable[..., Any]:
    """A function under TensorFlow's name; ``renamed`` maps its argument names to those of ``compute``."""

    def function(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("name", None)
        given = {renamed.get(key, key): value for key, value in kwargs.items()}
        return apply(compute, args, given, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``tf.{name}``."
    with contextlib.suppress(TypeError, ValueError):  # a ufunc has none
        function.__signature__ = inspect.signature(compute)  # type: ignore[attr-defined]
    return function


def dtype_of(dtype: Any) -> Any:
    """NumPy's type of a name or ``tf.DType``; None stays."""
    return None if dtype is None else jnp.dtype(getattr(dtype, "name", dtype))


def shape_of(shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of integers; None is what remains."""
    if isinstance(shape, (int, np.integer)):
        return (int(shape),)
    return tuple(int(-1 if s is None else s) for s in shape)


def define(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a function that is written with TensorFlow's argument names: it goes through the one door."""
    return function_of(function, function.__name__)

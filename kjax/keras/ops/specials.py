"""Operations that are no pure functions of arrays: they look at symbolic tensors, leave JAX, or draw random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core.operation import ShapeOperation
from kjax.keras.core.tensor import KerasTensor
from kjax.keras.core.variable import Variable
from kjax.nn.ops import core, image
from kjax.nn.ops.sparse import dense, is_sparse


def convert_to_numpy(x: Any) -> np.ndarray:
    """The values as a NumPy array of its own.

    Args:
        x: array, variable, or anything that NumPy turns into an array.
    """
    return np.array(dense(x.value if isinstance(x, Variable) else x))


def shape(x: Any) -> tuple[Any, ...]:
    """The shape as a tuple; None stands for the free axes of a symbolic tensor."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def size(x: Any) -> Any:
    """Number of elements; of a symbolic tensor a symbolic number."""
    shape = np.shape(x) if not hasattr(x, "shape") else x.shape
    if isinstance(x, KerasTensor):
        return ShapeOperation(_number_of_elements, "size")._symbolic_call((x,), {})
    return int(np.prod(shape, dtype=np.int64))


def _number_of_elements(x: Any) -> np.ndarray:
    return np.asarray(np.prod(x.shape), np.int32)


def dtype(x: Any) -> str:
    """Name of the type of an array, variable or symbolic tensor."""
    return str(x.dtype) if hasattr(x, "dtype") else str(jnp.asarray(x).dtype)


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is an array of JAX: has values, or will have them when a traced function runs."""
    return isinstance(x, jax.Array) or is_sparse(x)


def map(f: Callable[..., Any], xs: Any) -> Any:
    """``f`` of each slice along the first axis, one after the other."""
    return core.map(f, xs)


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a gradient of its own: ``f(*args)`` returns (value, function from upstream to gradients).

    Variables among the arguments are replaced by their values.
    """
    inner = core.custom_gradient(f)

    def function(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = jax.tree.map(lambda v: v.value if isinstance(v, Variable) else v, (args, kwargs))
        return inner(*args, **kwargs)

    return function


def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Any:
    """Images distorted by smooth random displacements.

    Args:
        images: image or batch of images.
        alpha: strength of the displacements.
        sigma: standard deviation of the noise, and of the blur that smooths it, in pixels.
        interpolation: ``'nearest'`` or ``'bilinear'``.
        fill_mode: what lies outside.
        fill_value: the constant outside.
        seed: integer, ``SeedGenerator``, or None.
        data_format: where the channels are.
    """
    from kjax.keras.random import draw_key

    return image.elastic(images, draw_key(seed), alpha, sigma, interpolation, fill_mode, fill_value, data_format)

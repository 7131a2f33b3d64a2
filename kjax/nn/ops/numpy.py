"""The part of ``keras.ops`` that NumPy has too: creation, shapes, indexing, sorting, products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kjax.nn.lowering import product
from kjax.nn.ops.convert import array, arrays, axes, named, shape_of

# -- creation ---------------------------------------------------------------------------------------------------------


def zeros(shape: Any, dtype: Any = None) -> Array:
    """Zeros, of float32 by default."""
    return jnp.zeros(shape_of(shape), dtype or jnp.float32)


def ones(shape: Any, dtype: Any = None) -> Array:
    """Ones, of float32 by default."""
    return jnp.ones(shape_of(shape), dtype or jnp.float32)


def empty(shape: Any, dtype: Any = None) -> Array:
    """An array of any values (JAX gives zeros), of float32 by default."""
    return jnp.empty(shape_of(shape), dtype or jnp.float32)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Array:
    """An array filled with one value, of float32 by default."""
    return jnp.full(shape_of(shape), fill_value, dtype or jnp.float32)


def zeros_like(x: Any, dtype: Any = None) -> Array:
    """Zeros of the shape and, by default, the type of ``x``."""
    return jnp.zeros_like(array(x), dtype=dtype)


def ones_like(x: Any, dtype: Any = None) -> Array:
    """Ones of the shape and, by default, the type of ``x``."""
    return jnp.ones_like(array(x), dtype=dtype)


def empty_like(x: Any, dtype: Any = None) -> Array:
    """An array of any values with the shape and, by default, the type of ``x``."""
    return jnp.empty_like(array(x), dtype=dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Array:
    """An array of the shape and, by default, the type of ``x``, filled with one value."""
    return jnp.full_like(array(x), fill_value, dtype=dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """Ones on diagonal ``k`` of an (N, M) matrix, zeros elsewhere."""
    return jnp.eye(N, M, k, dtype or jnp.float32)


def identity(n: int, dtype: Any = None) -> Array:
    """The identity matrix of size ``n``."""
    return jnp.identity(n, dtype or jnp.float32)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Array:
    """Ones on and below diagonal ``k`` of an (N, M) matrix, zeros above."""
    return jnp.tri(N, M, k, dtype or jnp.float32)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Array:
    """Evenly spaced values: ``start``, ``start + step``, ... before ``stop``; with one argument, from 0 up to it.

    Python numbers give int32 and float32, where 64 bits are enabled too.
    """
    given = [value for value in (start, stop, step) if value is not None]
    if dtype is None and all(type(value) in (int, float) for value in given):
        dtype = jnp.float32 if any(type(value) is float for value in given) else jnp.int32
    return jnp.arange(start, stop, step, dtype=dtype)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """``num`` evenly spaced values from ``start`` to ``stop``."""
    return jnp.linspace(start, stop, num, endpoint=endpoint, retstep=retstep, dtype=dtype, axis=axis)


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None, axis: int = 0
) -> Array:
    """Powers of ``base``, their exponents evenly spaced from ``start`` to ``stop``."""
    return jnp.logspace(start, stop, num, endpoint=endpoint, base=base, dtype=dtype, axis=axis)


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Array:
    """``num`` values from ``start`` to ``stop`` with equal ratios."""
    return jnp.geomspace(start, stop, num, endpoint=endpoint, dtype=dtype, axis=axis)


def array_(x: Any, dtype: Any = None) -> Array:
    """A new array of the values of ``x``."""
    return jnp.array(x, dtype=dtype)


def copy(x: Any) -> Array:
    """A copy."""
    return jnp.copy(array(x))


def meshgrid(*x: Any, indexing: str = "xy") -> list[Array]:
    """Coordinate arrays of the grid that vectors span."""
    return jnp.meshgrid(*arrays(x), indexing=indexing)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Array:
    """Powers of the elements of a vector as the columns of a matrix."""
    return jnp.vander(array(x), N=N, increasing=increasing)


def _window(name: str) -> Callable[..., Any]:
    def function(x: Any) -> Array:
        return getattr(jnp, name)(x).astype(jnp.float32)

    return named(function, name, f"The {name.title()} window of ``x`` points.\n\nArgs:\n    x: number of points.")


bartlett, blackman, hamming, hanning = (_window(name) for name in ("bartlett", "blackman", "hamming", "hanning"))


def kaiser(x: Any, beta: Any) -> Array:
    """The Kaiser window of ``x`` points with parameter ``beta``."""
    return jnp.kaiser(x, beta).astype(jnp.float32)


# -- shapes -----------------------------------------------------------------------------------------------------------


def ndim(x: Any) -> int:
    """Number of axes."""
    return jnp.ndim(x)


def size(x: Any) -> int:
    """Number of elements."""
    return jnp.size(x)


def reshape(x: Any, newshape: Any) -> Array:
    """The same elements in another shape.

    Args:
        x: array.
        newshape: the shape; one -1 is found from the others, None stands for the size of the same axis of ``x``.
    """
    x = array(x)
    wanted = shape_of(newshape)
    if None in wanted:
        wanted = tuple(x.shape[i] if s is None else s for i, s in enumerate(wanted))
    return jnp.reshape(x, wanted)


def ravel(x: Any) -> Array:
    """The elements as a vector."""
    return jnp.ravel(array(x))


def transpose(x: Any, axes: Any = None) -> Array:
    """The axes in another order, reversed by default.

    Raises:
        ValueError: ``axes`` does not have each axis once.
    """
    x = array(x)
    if axes is None:
        return jnp.transpose(x)
    order = tuple(axes)
    if sorted(a + x.ndim if isinstance(a, int) and a < 0 else a for a in order) != list(range(x.ndim)):
        raise ValueError(f"transpose: `axes` must have each of the {x.ndim} axes once, received {axes!r}")
    return jnp.transpose(x, order)


def swapaxes(x: Any, axis1: int, axis2: int) -> Array:
    """Two axes exchanged."""
    return jnp.swapaxes(array(x), axis1, axis2)


def moveaxis(x: Any, source: Any, destination: Any) -> Array:
    """Axes moved to other places."""
    return jnp.moveaxis(array(x), source, destination)


def expand_dims(x: Any, axis: Any) -> Array:
    """New axes of size 1, at the places that ``axis`` gives in the result.

    Raises:
        ValueError: ``axis`` is neither an integer nor several.
    """
    if not isinstance(axis, (int, np.integer, tuple, list)):
        raise ValueError(f"expand_dims: `axis` must be an integer, tuple or list, received {axis!r}")
    return jnp.expand_dims(array(x), axes(axis))


def squeeze(x: Any, axis: Any = None) -> Array:
    """Without axes of size 1: those given, or all."""
    return jnp.squeeze(array(x), axes(axis))


def broadcast_to(x: Any, shape: Any) -> Array:
    """``x`` repeated to a larger shape."""
    return jnp.broadcast_to(array(x), shape_of(shape))


def concatenate(xs: Any, axis: int = 0) -> Array:
    """Arrays one after the other along an axis."""
    return jnp.concatenate(arrays(xs), axis)


def append(x1: Any, x2: Any, axis: int | None = None) -> Array:
    """``x2`` after ``x1`` along an axis, both flattened by default."""
    return jnp.append(array(x1), array(x2), axis)


def stack(x: Any, axis: int = 0) -> Array:
    """Arrays of one shape along a new axis."""
    return jnp.stack(arrays(x), axis)


def hstack(xs: Any) -> Array:
    """Arrays side by side: along the second axis, vectors along the only one."""
    return jnp.hstack(arrays(xs))


def vstack(xs: Any) -> Array:
    """Arrays below each other: along the first axis, vectors as rows."""
    return jnp.vstack(arrays(xs))


def dstack(xs: Any) -> Array:
    """Arrays behind each other: along the third axis."""
    return jnp.dstack(arrays(xs))


def _sections(indices_or_sections: Any) -> Any:
    return indices_or_sections if isinstance(indices_or_sections, int) else tuple(indices_or_sections)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Parts of an array along an axis: a number of equal ones, or cut at given places."""
    return jnp.split(array(x), _sections(indices_or_sections), axis)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """Parts of an array along an axis, nearly equal where the number does not divide the size."""
    return jnp.array_split(array(x), _sections(indices_or_sections), axis)


def hsplit(x: Any, indices_or_sections: Any) -> list[Array]:
    """Parts along the second axis, of a vector along the only one."""
    return jnp.hsplit(array(x), _sections(indices_or_sections))


def vsplit(x: Any, indices_or_sections: Any) -> list[Array]:
    """Parts along the first axis."""
    return jnp.vsplit(array(x), _sections(indices_or_sections))


def dsplit(x: Any, indices_or_sections: Any) -> list[Array]:
    """Parts along the third axis."""
    return jnp.dsplit(array(x), _sections(indices_or_sections))


def flip(x: Any, axis: Any = None) -> Array:
    """Elements in reverse order along axes, all by default."""
    return jnp.flip(array(x), axes(axis))


def fliplr(x: Any) -> Array:
    """Elements in reverse order along the second axis."""
    return jnp.fliplr(array(x))


def flipud(x: Any) -> Array:
    """Elements in reverse order along the first axis."""
    return jnp.flipud(array(x))


def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Array:
    """Rotated by ``k`` times 90 degrees in the plane of two axes, from the first to the second.

    Raises:
        ValueError: fewer than two axes, or not two different ones.
    """
    x = jnp.asarray(array)
    if x.ndim < 2:
        raise ValueError(f"rot90: the array must have at least 2 axes, received shape {x.shape}")
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(f"rot90: `axes` must be two different axes, received {axes}")
    return jnp.rot90(x, k, (axes[0], axes[1]))


def roll(x: Any, shift: Any, axis: Any = None) -> Array:
    """Elements moved along axes; what leaves at the end comes back at the start."""
    return jnp.roll(array(x), shift, axes(axis))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Array:
    """Each element several times, along an axis or of the flattened array."""
    # As NumPy's arrays the counts stay known under `jit`.
    return jnp.repeat(array(x), repeats if isinstance(repeats, (int, jax.Array)) else np.asarray(repeats), axis)


def tile(x: Any, repeats: Any) -> Array:
    """The whole array several times along each axis.

    Raises:
        ValueError: a negative number of times.
    """
    if np.any(np.asarray(repeats) < 0):
        raise ValueError(f"tile: `repeats` must not be negative, received {repeats!r}")
    return jnp.tile(array(x), repeats if isinstance(repeats, int) else shape_of(repeats))


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Array:
    """Values added around an array.

    Args:
        x: array.
        pad_width: (before, after) for each axis, or for all of them.
        mode: ``'constant'``, ``'reflect'``, ``'symmetric'``, ..., in capitals too, as TensorFlow writes them.
        constant_values: what to add in mode ``'constant'``; 0 by default.

    Raises:
        ValueError: ``constant_values`` together with another mode.
    """
    mode = mode.lower() if isinstance(mode, str) else mode
    if constant_values is not None and mode != "constant":
        raise ValueError(f"pad: `constant_values` goes with mode='constant' only, received mode={mode!r}")
    values = {} if constant_values is None else {"constant_values": constant_values}
    return jnp.pad(array(x), pad_width, mode=mode, **values)


def diag(x: Any, k: int = 0) -> Array:
    """Diagonal ``k`` of a matrix, or the matrix with a vector on it."""
    return jnp.diag(array(x), k)


def diagflat(x: Any, k: int = 0) -> Array:
    """A matrix with the flattened array on diagonal ``k``."""
    return jnp.diagflat(array(x), k)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """A diagonal of the matrices that two axes hold, as the last axis."""
    return jnp.diagonal(array(x), offset, axis1, axis2)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """Sum of a diagonal."""
    return jnp.trace(array(x), offset, axis1, axis2)


def tril(x: Any, k: int = 0) -> Array:
    """0 above diagonal ``k`` of the last two axes."""
    return jnp.tril(array(x), k)


def triu(x: Any, k: int = 0) -> Array:
    """0 below diagonal ``k`` of the last two axes."""
    return jnp.triu(array(x), k)


# -- indexing, sorting ------------------------------------------------------------------------------------------------


def get_item(x: Any, key: Any) -> Any:
    """``x[key]``."""
    if isinstance(key, list):
        key = tuple(key) if any(isinstance(k, slice) or k is None or k is Ellipsis for k in key) else jnp.asarray(key)
    return x[key]


def take(x: Any, indices: Any, axis: int | None = None) -> Array:
    """Elements at indices along an axis, or of the flattened array; NaN outside."""
    return jnp.take(array(x), array(indices), axis)


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Array:
    """For each vector along an axis, its elements at the indices of the same place."""
    return jnp.take_along_axis(array(x), array(indices), axis)


def nonzero(x: Any) -> tuple[Array, ...]:
    """Indices of the elements that are not 0, one array for each axis."""
    return jnp.nonzero(array(x))


def unravel_index(indices: Any, shape: Any) -> tuple[Array, ...]:
    """Indices into a flattened array as indices into its shape."""
    return jnp.unravel_index(array(indices), shape_of(shape))


def sort(x: Any, axis: int | None = -1) -> Array:
    """Sorted upwards along an axis."""
    return jnp.sort(array(x), axis)


def argsort(x: Any, axis: int | None = -1) -> Array:
    """Indices that would sort along an axis."""
    x = array(x)
    return jnp.argsort(x, None if x.ndim == 0 else axis)


def argpartition(x: Any, kth: int, axis: int | None = -1) -> Array:
    """Indices that bring the ``kth`` element to its sorted place, smaller ones before it."""
    x = array(x)
    return jnp.argpartition(x.reshape(-1), kth, 0) if axis is None else jnp.argpartition(x, kth, axis)


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Array:
    """Where values would have to be inserted into a sorted vector.

    Raises:
        ValueError: the sequence is no vector.
    """
    sequence = array(sorted_sequence)
    if sequence.ndim != 1:
        raise ValueError(
            f"searchsorted: `sorted_sequence` must be a vector, received shape {sequence.shape}; "
            "use vectorized_map for several"
        )
    return jnp.searchsorted(sequence, array(values), side=side)


def digitize(x: Any, bins: Any) -> Array:
    """Index of the bin of each element; ``bins`` are the edges, upwards."""
    return jnp.digitize(array(x), array(bins))


def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Array:
    """Whether each element of ``x1`` is in ``x2``."""
    return jnp.isin(array(x1), array(x2), assume_unique=assume_unique, invert=invert)


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """Different elements (or slices along an axis), upwards.

    Args:
        x: array.
        sorted: accepted for compatibility: the result is always sorted.
        return_index: also where each was found first.
        return_inverse: also for each element which it is.
        return_counts: also how often each occurs.
        axis: axis of the slices; None compares elements.
        size: length of the result, needed under jit.
        fill_value: what fills the result up to ``size``.
    """
    del sorted
    return jnp.unique(
        array(x),
        return_index,
        return_inverse,
        return_counts,
        axis,
        equal_nan=False,
        size=size,
        fill_value=fill_value,
    )


# -- products ---------------------------------------------------------------------------------------------------------


def _wide(*xs: Array) -> Any:
    """Result type of a product: integers of one byte add up in int32."""
    return jnp.int32 if all(x.dtype == jnp.int8 for x in xs) else None


def matmul(x1: Any, x2: Any) -> Array:
    """Matrix product of the last two axes."""
    x1, x2 = array(x1), array(x2)
    return product(x1, x2, _wide(x1, x2))


def dot(x1: Any, x2: Any) -> Array:
    """Sum of products over the last axis of ``x1`` and the last but one of ``x2``."""
    return jnp.dot(array(x1), array(x2))


def vdot(x1: Any, x2: Any) -> Array:
    """Sum of products of the flattened arrays, the first conjugated."""
    return jnp.vdot(array(x1), array(x2))


def inner(x1: Any, x2: Any) -> Array:
    """Sum of products over the last axes."""
    return jnp.inner(array(x1), array(x2))


def outer(x1: Any, x2: Any) -> Array:
    """Products of all pairs of elements."""
    return jnp.outer(array(x1), array(x2))


def kron(x1: Any, x2: Any) -> Array:
    """Kronecker product."""
    return jnp.kron(array(x1), array(x2))


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Array:
    """Sum of products over given axes, or over a number of last and first ones."""
    return jnp.tensordot(array(x1), array(x2), axes=axes)


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Array:
    """Sum of products in Einstein's notation."""
    given = arrays(operands)
    kwargs.setdefault("preferred_element_type", _wide(*given))
    return jnp.einsum(subscripts, *given, **kwargs)


def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    """Cross product of vectors of size 2 or 3; the third part of the former is zero, and that of two of them the result."""
    first, second, third = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    vectors = [jnp.moveaxis(array(v), at, -1) for v, at in ((x1, first), (x2, second))]
    flat = [vector.shape[-1] == 2 for vector in vectors]  # which JAX 0.12 does not take any more
    x, y = (jnp.pad(v, [(0, 0)] * (v.ndim - 1) + [(0, 1)]) if f else v for v, f in zip(vectors, flat, strict=True))
    product = jnp.cross(x, y)
    return product[..., 2] if all(flat) else jnp.moveaxis(product, -1, third)


def correlate(x1: Any, x2: Any, mode: str = "valid") -> Array:
    """Cross-correlation of two vectors."""
    return jnp.correlate(array(x1), array(x2), mode=mode)


def slogdet(x: Any) -> tuple[Array, Array]:
    """Sign and logarithm of the absolute value of the determinant."""
    return tuple(jnp.linalg.slogdet(array(x)))


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None) -> Callable[..., Any]:
    """A function of single elements as a function of arrays."""
    return jnp.vectorize(pyfunc, excluded=excluded or set(), signature=signature)

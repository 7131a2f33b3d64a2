"""Sparse arrays of JAX (``BCOO``) in the operations: some keep them sparse, a product takes them as they are, others make them dense.

The number of stored values is part of a sparse array's shape and known under ``jit``, so every rule here can be traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array

ZERO_STAYS = frozenset(
    (
        "abs absolute arcsin arcsinh arctan arctanh cbrt ceil conj conjugate copy deg2rad expm1 floor imag log1p "
        "negative rad2deg real relu relu6 round sign sin sinh sqrt square tan tanh trunc cast stop_gradient"
    ).split()
)
"""Functions of one array that give 0 for 0: the stored values alone are computed."""


def is_sparse(x: Any) -> bool:
    """Whether ``x`` is a sparse array of JAX; without importing them, which takes a while."""
    return type(x).__module__.startswith("jax.experimental.sparse") and hasattr(x, "todense")


def holds_sparse(tree: Any) -> bool:
    """Whether any leaf of a tree is sparse."""
    return any(map(is_sparse, jax.tree.leaves(tree, is_leaf=is_sparse)))


def dense(tree: Any) -> Any:
    """The tree with dense arrays for the sparse ones."""
    return jax.tree.map(lambda x: x.todense() if is_sparse(x) else x, tree, is_leaf=is_sparse)


def stored(array: Any) -> Any:
    """A sparse array of the nonzero elements; inside a compiled function, which cannot count them, the array as it is."""
    if isinstance(array, Tracer):
        return array
    from jax.experimental import sparse

    places = np.nonzero(array)
    indices = np.stack(places, axis=-1).astype(np.int32)
    found = (jnp.asarray(np.asarray(array)[places]), jnp.asarray(indices))
    return sparse.BCOO(found, shape=array.shape, indices_sorted=True, unique_indices=True)


def cast_stored(x: Any, dtype: Any) -> Any:
    """A sparse array with values of another type."""
    return _with_values(x, x.data.astype(dtype))


def call(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call an operation on arguments among which are sparse arrays.

    Args:
        name: its name.
        function: the operation on dense arrays.
        args: positional arguments.
        kwargs: keyword arguments.

    Returns:
        A sparse array from the operations that keep zeros, otherwise a dense one.
    """
    rule = _RULES.get(name) or (_of_stored_values if name in ZERO_STAYS else None)
    if rule is not None:
        result = rule(function, *args, **kwargs)
        if result is not NotImplemented:
            return result
    return function(*dense(args), **dense(kwargs))


def matmul(x: Any, y: Any) -> Any:
    """The matrix product, sparse where both factors are; any of the two may be sparse."""
    if not (is_sparse(x) or is_sparse(y)):
        return jnp.matmul(x, y)
    from jax.experimental import sparse

    x, y = (
        sparse.bcoo_update_layout(z, n_batch=max(z.ndim - 2, 0), on_inefficient=None) if is_sparse(z) else z
        for z in (x, y)
    )
    return sparse.sparsify(jnp.matmul)(x, y)


def one_hot(x: Array, num_classes: int, axis: int, dtype: Any) -> Any:
    """A sparse array with a 1 at the place of each integer along a new last axis; integers outside give zeros."""
    from jax.experimental import sparse

    if axis not in (-1, x.ndim):
        raise ValueError(f"sparse results have the new axis last: `axis` must be -1, received {axis}")
    places = jnp.indices(x.shape).reshape(x.ndim, -1).T if x.ndim else jnp.zeros((1, 0), jnp.int32)
    classes = x.reshape(-1, 1).astype(jnp.int32)
    inside = (classes >= 0) & (classes < num_classes)
    values = jnp.where(inside[:, 0], 1, 0).astype(dtype)
    indices = jnp.concatenate([places.astype(jnp.int32), jnp.where(inside, classes, 0)], axis=1)
    return sparse.BCOO((values, indices), shape=(*x.shape, num_classes))


def multi_hot(x: Array, num_classes: int, axis: int, dtype: Any) -> Any:
    """A sparse array with a 1 at the places of all integers of each row, with one stored value for each integer."""
    from jax.experimental import sparse

    rows = x.reshape(-1, x.shape[-1]).astype(jnp.int32) if x.ndim else x.reshape(1, 1).astype(jnp.int32)
    order = jnp.sort(rows, axis=1)
    first = jnp.concatenate([jnp.ones_like(order[:, :1], bool), order[:, 1:] != order[:, :-1]], axis=1)
    counts = first & (order >= 0) & (order < num_classes)
    values = jnp.where(counts, 1, 0).astype(dtype)
    found = sparse.BCOO((values, jnp.where(counts, order, num_classes)[..., None]), shape=(rows.shape[0], num_classes))
    found = sparse.bcoo_update_layout(found, n_batch=0, on_inefficient=None)
    if axis not in (-1, max(x.ndim - 1, 0)):
        raise ValueError(f"sparse results have the new axis last: `axis` must be -1, received {axis}")
    return (
        found.reshape(num_classes) if x.ndim < 2 else sparse.bcoo_reshape(found, new_sizes=(*x.shape[:-1], num_classes))
    )


# -- rules: they return NotImplemented where the result is dense -----------------------------------------------------------


def _with_values(x: Any, values: Array) -> Any:
    from jax.experimental import sparse

    same = {"indices_sorted": x.indices_sorted, "unique_indices": x.unique_indices}
    return sparse.BCOO((values, x.indices), shape=x.shape, **same)


def _of_stored_values(function: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> Any:
    if not is_sparse(x):
        return NotImplemented
    if not x.unique_indices:
        from jax.experimental import sparse

        x = sparse.bcoo_sum_duplicates(x, nse=x.nse)
    return _with_values(x, function(x.data, *args, **kwargs))


def _together(function: Callable[..., Any], x1: Any, x2: Any) -> Any:
    """Sums and differences: sparse where both are."""
    from jax.experimental import sparse

    if not (is_sparse(x1) and is_sparse(x2)) or x1.shape != x2.shape:
        return NotImplemented
    if x1.indices is x2.indices:
        return _with_values(x1, function(x1.data, x2.data))
    return sparse.sparsify(jnp.add)(x1, _with_values(x2, function(jnp.zeros_like(x2.data), x2.data)))


def _product(function: Callable[..., Any], x1: Any, x2: Any) -> Any:
    """Products: sparse where one factor is."""
    from jax.experimental import sparse

    if is_sparse(x1) and is_sparse(x2):
        if x1.shape != x2.shape:
            return NotImplemented
        return sparse.bcoo_multiply_sparse(x1, x2)
    first, other = (x1, x2) if is_sparse(x1) else (x2, x1)
    if jnp.ndim(other) == 0:
        return _with_values(first, function(first.data, other))
    other = jnp.asarray(other)
    if jnp.broadcast_shapes(first.shape, other.shape) != first.shape:
        return NotImplemented
    return _with_values(first, sparse.bcoo_multiply_dense(first, other))


def _quotient(function: Callable[..., Any], x1: Any, x2: Any) -> Any:
    if is_sparse(x2) or jnp.ndim(x2):
        return NotImplemented
    return _with_values(x1, function(x1.data, x2))


def _matmul(function: Callable[..., Any], x1: Any, x2: Any) -> Any:
    del function
    return matmul(x1, x2 if is_sparse(x2) else jnp.asarray(x2))


def _sum(function: Callable[..., Any], x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    from jax.experimental import sparse

    if axis is None:
        return NotImplemented
    axes = sorted(a % x.ndim for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    total = sparse.bcoo_reduce_sum(x, axes=axes)
    if not keepdims:
        return total
    return sparse.bcoo_reshape(total, new_sizes=tuple(1 if a in axes else s for a, s in enumerate(x.shape)))


def _mean(function: Callable[..., Any], x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if axis is None or not jnp.issubdtype(x.dtype, jnp.inexact):
        return NotImplemented
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    total = _sum(function, x, axis, keepdims)
    return _with_values(total, total.data / np.prod([x.shape[a] for a in axes]).astype("float32"))


def _reshape(function: Callable[..., Any], x: Any, newshape: Any) -> Any:
    del function
    from jax.experimental import sparse

    shape = [x.shape[i] if s is None else int(s) for i, s in enumerate(newshape if np.ndim(newshape) else (newshape,))]
    if -1 in shape:
        shape[shape.index(-1)] = int(np.prod(x.shape)) // max(int(-np.prod(shape)), 1)
    return sparse.bcoo_reshape(x, new_sizes=tuple(shape))


def _transpose(function: Callable[..., Any], x: Any, axes: Any = None) -> Any:
    del function
    from jax.experimental import sparse

    return sparse.bcoo_transpose(x, permutation=tuple(axes) if axes is not None else tuple(reversed(range(x.ndim))))


def _expand_dims(function: Callable[..., Any], x: Any, axis: Any) -> Any:
    return _reshape(function, x, np.expand_dims(np.broadcast_to(True, x.shape), axis).shape)


def _squeeze(function: Callable[..., Any], x: Any, axis: Any = None) -> Any:
    return _reshape(function, x, np.squeeze(np.broadcast_to(True, x.shape), axis).shape)


def _concatenate(function: Callable[..., Any], xs: Any, axis: int = 0) -> Any:
    del function
    from jax.experimental import sparse

    if not all(map(is_sparse, xs)):
        return NotImplemented
    return sparse.bcoo_concatenate(list(xs), dimension=axis % xs[0].ndim)


def _to_tensor(function: Callable[..., Any], x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    if sparse is False or ragged:
        return NotImplemented
    return x if dtype is None else _with_values(x, x.data.astype(dtype))


_RULES: dict[str, Callable[..., Any]] = {
    "add": _together,
    "subtract": _together,
    "multiply": _product,
    "divide": _quotient,
    "true_divide": _quotient,
    "matmul": _matmul,
    "sum": _sum,
    "mean": _mean,
    "reshape": _reshape,
    "transpose": _transpose,
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
    "concatenate": _concatenate,
    "convert_to_tensor": _to_tensor,
}

"""TensorFlow's matrices that are told by less than all of their elements: bands, blocks, products of Kronecker."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.legacy.tensorflow.door import define, shape_of
from kjax.keras.legacy.tensorflow.linear import LinearOperator
from kjax.keras.legacy.tensorflow.tensor import unwrap


def _bands(diagonals: Any, form: str) -> tuple[Any, Any, Any]:
    """The upper, main and lower diagonal, each as long as the matrix.

    Raises:
        ValueError: an unknown form.
    """
    if form == "sequence":
        return tuple(jnp.asarray(diagonal) for diagonal in diagonals)  # type: ignore[return-value]
    diagonals = jnp.asarray(diagonals)
    if form == "compact":
        return diagonals[..., 0, :], diagonals[..., 1, :], diagonals[..., 2, :]
    if form != "matrix":
        raise ValueError(f"diagonals_format must be 'compact', 'sequence' or 'matrix', received {form!r}")
    last, first = [(0, 0)] * (diagonals.ndim - 2) + [(0, 1)], [(0, 0)] * (diagonals.ndim - 2) + [(1, 0)]
    take = functools.partial(jnp.diagonal, diagonals, axis1=-2, axis2=-1)
    return jnp.pad(take(1), last), take(0), jnp.pad(take(-1), first)


def _tridiagonal(bands: tuple[Any, Any, Any]) -> Any:
    upper, main, lower = bands
    size = main.shape[-1]
    rows = jnp.arange(size)
    matrix = jnp.zeros((*main.shape, size), main.dtype).at[..., rows, rows].set(main)
    matrix = matrix.at[..., rows[:-1], rows[1:]].set(upper[..., :-1])
    return matrix.at[..., rows[1:], rows[:-1]].set(lower[..., 1:])


@define
def tridiagonal_solve(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", transpose_rhs: bool = False,
    conjugate_rhs: bool = False, partial_pivoting: bool = True, perturb_singular: bool = False,
) -> Any:  # fmt: skip
    matrix = _tridiagonal(_bands(diagonals, diagonals_format))
    rhs = jnp.asarray(rhs)
    is_vector = rhs.ndim == matrix.ndim - 1
    rhs = rhs[..., None] if is_vector else jnp.swapaxes(rhs, -1, -2) if transpose_rhs else rhs
    found = jnp.linalg.solve(matrix, jnp.conj(rhs) if conjugate_rhs else rhs)
    return found[..., 0] if is_vector else found


@define
def tridiagonal_matmul(diagonals: Any, rhs: Any, diagonals_format: str = "compact") -> Any:
    return _tridiagonal(_bands(diagonals, diagonals_format)) @ jnp.asarray(rhs)


@define
def banded_triangular_solve(bands: Any, rhs: Any, lower: bool = True, adjoint: bool = False) -> Any:
    bands = jnp.asarray(bands)
    size = bands.shape[-1]
    rows = jnp.arange(size)
    matrix = jnp.zeros((*bands.shape[:-2], size, size), bands.dtype)
    for place in range(bands.shape[-2]):
        offset = place if lower else bands.shape[-2] - 1 - place  # how far the diagonal lies from the main one
        here = rows[offset:] if lower else rows[: size - offset]
        columns = here - offset if lower else here + offset
        matrix = matrix.at[..., here, columns].set(bands[..., place, here])
    matrix = jnp.conj(jnp.swapaxes(matrix, -1, -2)) if adjoint else matrix
    return jax.scipy.linalg.solve_triangular(matrix, jnp.asarray(rhs), lower=lower != adjoint)


@define
def sqrtm(input: Any) -> Any:
    matrix = jnp.asarray(input)
    found = jax.scipy.linalg.sqrtm(matrix)
    return found if jnp.iscomplexobj(matrix) else jnp.real(found)


def _matrix_of(operator: Any) -> Any:
    return jnp.asarray(unwrap(operator.to_dense()))


def _operator(matrix_of: Callable[..., Any], name: str) -> Callable[..., LinearOperator]:
    """A function that makes an operator of the arguments of one kind; what else is known of it is accepted."""

    def make(*args: Any, **options: Any) -> LinearOperator:
        return LinearOperator(matrix_of(*args, **{k: v for k, v in options.items() if k not in _KNOWN}))

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"``tf.linalg.{name}``."
    return make


_KNOWN = frozenset("is_non_singular is_self_adjoint is_positive_definite is_square name parameters".split())


def _toeplitz(col: Any, row: Any) -> Any:
    col, row = jnp.asarray(unwrap(col)), jnp.asarray(unwrap(row))
    places = jnp.arange(col.shape[-1])[:, None] - jnp.arange(row.shape[-1])[None]
    return jnp.where(places >= 0, col[..., jnp.abs(places)], row[..., jnp.abs(places)])


def _householder(reflection_axis: Any) -> Any:
    axis = jnp.asarray(unwrap(reflection_axis))
    axis = axis / jnp.linalg.norm(axis, axis=-1, keepdims=True)
    return jnp.eye(axis.shape[-1], dtype=axis.dtype) - 2 * axis[..., :, None] * axis[..., None, :]


def _low_rank(base_operator: Any, u: Any, diag_update: Any = None, v: Any = None) -> Any:
    u = jnp.asarray(unwrap(u))
    v = u if v is None else jnp.asarray(unwrap(v))
    middle = u if diag_update is None else u * jnp.asarray(unwrap(diag_update))[..., None, :]
    return _matrix_of(base_operator) + middle @ jnp.swapaxes(v, -1, -2)


def _composed(operators: Any) -> Any:
    return functools.reduce(jnp.matmul, map(_matrix_of, operators))


def _blocks(operators: Any) -> Any:
    return jax.scipy.linalg.block_diag(*map(_matrix_of, operators))


def _zeros(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = "float32") -> Any:
    sizes = (int(num_rows), int(num_rows if num_columns is None else num_columns))
    return jnp.zeros(
        (*shape_of(() if batch_shape is None else batch_shape), *sizes), str(getattr(dtype, "name", dtype))
    )


LinearOperatorBlockDiag = _operator(_blocks, "LinearOperatorBlockDiag")
LinearOperatorComposition = _operator(_composed, "LinearOperatorComposition")
LinearOperatorHouseholder = _operator(_householder, "LinearOperatorHouseholder")
LinearOperatorKronecker = _operator(
    lambda operators: functools.reduce(jnp.kron, map(_matrix_of, operators)), "LinearOperatorKronecker"
)
LinearOperatorLowRankUpdate = _operator(_low_rank, "LinearOperatorLowRankUpdate")
LinearOperatorLowerTriangular = _operator(
    lambda tril: jnp.tril(jnp.asarray(unwrap(tril))), "LinearOperatorLowerTriangular"
)
LinearOperatorToeplitz = _operator(_toeplitz, "LinearOperatorToeplitz")
LinearOperatorTridiag = _operator(
    lambda diagonals, diagonals_format="compact": _tridiagonal(_bands(unwrap(diagonals), diagonals_format)),
    "LinearOperatorTridiag",
)
LinearOperatorZeros = _operator(_zeros, "LinearOperatorZeros")
LinearOperatorAdjoint = _operator(
    lambda operator: jnp.conj(jnp.swapaxes(_matrix_of(operator), -1, -2)), "LinearOperatorAdjoint"
)
LinearOperatorInversion = _operator(lambda operator: jnp.linalg.inv(_matrix_of(operator)), "LinearOperatorInversion")

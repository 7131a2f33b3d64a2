"""TensorFlow's functions of matrices, of scattered elements and of signals."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.legacy.tensorflow.door import define, dtype_of, function_of, shape_of
from kjax.keras.legacy.tensorflow.tensor import unwrap, wrap

for _name, _compute in {
    "solve": jnp.linalg.solve,
    "svd_raw": jnp.linalg.svd,
    "qr": jnp.linalg.qr,
    "eigh": jnp.linalg.eigh,
    "pinv": jnp.linalg.pinv,
    "expm": jax.scipy.linalg.expm,
    "matrix_rank": jnp.linalg.matrix_rank,
    "kron": jnp.kron,
    "cross": jnp.cross,
    "fft": jnp.fft.fft,
    "ifft": jnp.fft.ifft,
    "fft2d": jnp.fft.fft2,
    "ifft2d": jnp.fft.ifft2,
}.items():
    globals()[_name] = function_of(_compute, _name, input="a", matrix="a", rhs="b", tensor="a")


class LogMatrixDeterminant(NamedTuple):
    """What :func:`slogdet` gives."""

    sign: Any
    log_abs_determinant: Any


def slogdet(input: Any, name: str | None = None) -> LogMatrixDeterminant:
    """``tf.linalg.slogdet``: sign and logarithm of the determinant."""
    return LogMatrixDeterminant(*_slogdet(input))


_slogdet = function_of(lambda a: tuple(jnp.linalg.slogdet(a)), "slogdet")


@define
def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return jnp.linalg.svd(tensor, full_matrices=full_matrices, compute_uv=False)
    u, s, v = jnp.linalg.svd(tensor, full_matrices=full_matrices)
    return s, u, jnp.swapaxes(v, -1, -2).conj()


@define
def lstsq(matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True) -> Any:
    transposed = jnp.swapaxes(matrix, -1, -2)
    square = transposed @ matrix + l2_regularizer * jnp.eye(matrix.shape[-1], dtype=matrix.dtype)
    return jnp.linalg.solve(square, transposed @ rhs)


@define
def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False) -> Any:
    return jax.scipy.linalg.solve_triangular(matrix, rhs, lower=lower, trans=2 if adjoint else 0)


@define
def band_part(input: Any, num_lower: Any, num_upper: Any) -> Any:
    rows, columns = jnp.arange(input.shape[-2])[:, None], jnp.arange(input.shape[-1])[None]
    below = (num_lower < 0) | (rows - columns <= num_lower)
    above = (num_upper < 0) | (columns - rows <= num_upper)
    return jnp.where(below & above, input, jnp.zeros_like(input))


@define
def set_diag(input: Any, diagonal: Any) -> Any:
    places = jnp.arange(diagonal.shape[-1])
    return input.at[..., places, places].set(diagonal)


@define
def matvec(a: Any, b: Any, transpose_a: bool = False) -> Any:
    return jnp.einsum("...ji,...j->...i" if transpose_a else "...ij,...j->...i", a, b)


# -- scattered elements ------------------------------------------------------------------------------------------


def _places(indices: Any) -> tuple[Any, ...]:
    return tuple(jnp.moveaxis(jnp.asarray(indices, jnp.int32), -1, 0))


@define
def scatter_nd(indices: Any, updates: Any, shape: Any) -> Any:
    updates = jnp.asarray(updates)
    return jnp.zeros(shape_of(shape), updates.dtype).at[_places(indices)].add(updates)


@define
def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any) -> Any:
    return jnp.asarray(tensor).at[_places(indices)].set(updates)


@define
def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any) -> Any:
    return jnp.asarray(tensor).at[_places(indices)].add(updates)


@define
def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any) -> Any:
    return jnp.asarray(tensor).at[_places(indices)].add(-jnp.asarray(updates))


@define
def tensor_scatter_nd_max(tensor: Any, indices: Any, updates: Any) -> Any:
    return jnp.asarray(tensor).at[_places(indices)].max(updates)


@define
def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = "int32", axis: Any = None,
    binary_output: bool = False,
) -> Any:  # fmt: skip
    length = max(int(np.max(np.asarray(arr))) + 1 if np.size(arr) else 0, int(minlength or 0))
    length = length if maxlength is None else min(length, int(maxlength))
    if axis not in (None, 0, -1):
        raise ValueError(f"bincount: axis must be None, 0 or -1, received {axis!r}")
    by_row = axis == -1 and jnp.ndim(arr) == 2
    rows = jnp.asarray(arr) if by_row else jnp.reshape(arr, (1, -1))
    heavy = None if weights is None else jnp.reshape(weights, rows.shape)
    found = jnp.stack(
        [jnp.bincount(row, None if heavy is None else heavy[i], length=length) for i, row in enumerate(rows)]
    )
    found = found if by_row else found[0]
    found = (found > 0).astype(dtype_of(dtype)) if binary_output else found
    return found if weights is not None else found.astype(dtype_of(dtype))


@define
def confusion_matrix(
    labels: Any, predictions: Any, num_classes: int | None = None, weights: Any = None, dtype: Any = "int32"
) -> Any:
    labels, predictions = jnp.ravel(jnp.asarray(labels, jnp.int32)), jnp.ravel(jnp.asarray(predictions, jnp.int32))
    number = num_classes or int(max(np.max(np.asarray(labels)), np.max(np.asarray(predictions)))) + 1
    found = jnp.zeros((number, number), dtype_of(dtype))
    return found.at[labels, predictions].add(1 if weights is None else jnp.ravel(weights).astype(found.dtype))


@define
def histogram_fixed_width(values: Any, value_range: Any, nbins: int = 100, dtype: Any = "int32") -> Any:
    low, high = value_range
    places = jnp.clip(((jnp.ravel(values) - low) / (high - low) * nbins).astype(jnp.int32), 0, nbins - 1)
    return jnp.bincount(places, length=nbins).astype(dtype_of(dtype))


@define
def logm(input: Any) -> Any:
    values, vectors = np.linalg.eig(np.asarray(input))
    return jnp.asarray(vectors @ np.diag(np.log(values)) @ np.linalg.inv(vectors), jnp.asarray(input).dtype)


@define
def lu_solve(lower_upper: Any, perm: Any, rhs: Any, validate_args: bool = False) -> Any:
    return jax.scipy.linalg.lu_solve((jnp.asarray(lower_upper), jnp.arange(len(perm))), jnp.asarray(rhs)[perm])


@define
def lu_reconstruct(lower_upper: Any, perm: Any, validate_args: bool = False) -> Any:
    lower = jnp.tril(lower_upper, -1) + jnp.eye(len(perm))
    return (lower @ jnp.triu(lower_upper))[jnp.argsort(jnp.asarray(perm))]


@define
def eigh_tridiagonal(alpha: Any, beta: Any, eigvals_only: bool = True, **options: Any) -> Any:
    matrix = jnp.diag(alpha) + jnp.diag(jnp.asarray(beta), 1) + jnp.diag(jnp.asarray(beta), -1)
    return jnp.linalg.eigvalsh(matrix) if eigvals_only else tuple(jnp.linalg.eigh(matrix))


class LinearOperator:
    """``tf.linalg.LinearOperatorFullMatrix`` and those that are told by less: a matrix as an object.

    Args:
        matrix: the matrix.
        **options: what is known of it is accepted.
    """

    def __init__(self, matrix: Any, **options: Any) -> None:
        self._matrix = jnp.asarray(unwrap(matrix))

    @property
    def shape(self) -> Any:
        """The sizes."""
        return wrap(self._matrix).shape

    def to_dense(self) -> Any:
        """The matrix."""
        return wrap(self._matrix)

    def matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str | None = None) -> Any:
        """The product with a matrix."""
        return _product(self._turned(adjoint), x, adjoint_arg)

    __matmul__ = matmul

    def matvec(self, x: Any, adjoint: bool = False, name: str | None = None) -> Any:
        """The product with a vector."""
        return _vector(self._turned(adjoint), x)

    def solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str | None = None) -> Any:
        """What the product of is ``rhs``."""
        return _solved(self._turned(adjoint), rhs, adjoint_arg)

    def solvevec(self, rhs: Any, adjoint: bool = False, name: str | None = None) -> Any:
        """The same for a vector."""
        return wrap(jnp.linalg.solve(self._turned(adjoint), jnp.asarray(unwrap(rhs))[..., None])[..., 0])

    def _turned(self, adjoint: bool) -> Any:
        return jnp.conj(jnp.swapaxes(self._matrix, -1, -2)) if adjoint else self._matrix

    def determinant(self) -> Any:
        """The determinant."""
        return wrap(jnp.linalg.det(self._matrix))

    def log_abs_determinant(self) -> Any:
        """The logarithm of its size."""
        return wrap(jnp.linalg.slogdet(self._matrix)[1])

    def inverse(self) -> LinearOperator:
        """The inverse."""
        return LinearOperator(jnp.linalg.inv(self._matrix))

    def adjoint(self) -> LinearOperator:
        """The conjugate, transposed."""
        return LinearOperator(self._turned(True))

    def trace(self) -> Any:
        """The sum of the diagonal."""
        return wrap(jnp.trace(self._matrix, axis1=-2, axis2=-1))

    def diag_part(self) -> Any:
        """The diagonal."""
        return wrap(jnp.diagonal(self._matrix, axis1=-2, axis2=-1))


@define
def _product(matrix: Any, x: Any, adjoint: bool) -> Any:
    return matrix @ (jnp.conj(jnp.swapaxes(jnp.asarray(x), -1, -2)) if adjoint else jnp.asarray(x))


@define
def _vector(matrix: Any, x: Any) -> Any:
    return jnp.einsum("...ij,...j->...i", matrix, jnp.asarray(x))


@define
def _solved(matrix: Any, rhs: Any, adjoint: bool) -> Any:
    return jnp.linalg.solve(matrix, jnp.conj(jnp.swapaxes(jnp.asarray(rhs), -1, -2)) if adjoint else rhs)


def LinearOperatorDiag(diag: Any, **options: Any) -> LinearOperator:
    """``tf.linalg.LinearOperatorDiag``."""
    values = jnp.asarray(unwrap(diag))
    return LinearOperator(values[..., None] * jnp.eye(values.shape[-1], dtype=values.dtype))


def LinearOperatorIdentity(num_rows: Any, batch_shape: Any = None, dtype: Any = "float32", **options: Any) -> LinearOperator:  # fmt: skip
    """``tf.linalg.LinearOperatorIdentity``."""
    matrix = jnp.eye(int(unwrap(num_rows)), dtype=dtype_of(dtype or "float32"))
    return LinearOperator(
        matrix if batch_shape is None else jnp.broadcast_to(matrix, (*shape_of(batch_shape), *matrix.shape))
    )


def LinearOperatorScaledIdentity(num_rows: Any, multiplier: Any, **options: Any) -> LinearOperator:
    """``tf.linalg.LinearOperatorScaledIdentity``."""
    return LinearOperator(jnp.eye(int(unwrap(num_rows))) * jnp.asarray(unwrap(multiplier)))

"""TensorFlow's functions of matrices, of scattered elements and of signals."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.legacy.tensorflow.door import define, dtype_of, function_of, shape_of

for _name, _compute in {
    "solve": jnp.linalg.solve,
    "svd_raw": jnp.linalg.svd,
    "qr": jnp.linalg.qr,
    "eigh": jnp.linalg.eigh,
    "pinv": jnp.linalg.pinv,
    "expm": jax.scipy.linalg.expm,
    "slogdet": jnp.linalg.slogdet,
    "matrix_rank": jnp.linalg.matrix_rank,
    "kron": jnp.kron,
    "cross": jnp.cross,
    "fft": jnp.fft.fft,
    "ifft": jnp.fft.ifft,
    "fft2d": jnp.fft.fft2,
    "ifft2d": jnp.fft.ifft2,
}.items():
    globals()[_name] = function_of(_compute, _name, input="a", matrix="a", rhs="b", tensor="a")


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


class LinearOperatorLowerTriangular:
    """``tf.linalg.LinearOperatorLowerTriangular``: the lower triangle of a matrix."""

    def __init__(self, tril: Any, **options: Any) -> None:
        self._matrix = tril

    def to_dense(self) -> Any:
        """The matrix, with zeros above the diagonal."""
        return band_part(self._matrix, -1, 0)


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


def _number_of(segment_ids: Any) -> int:
    return int(np.max(np.asarray(segment_ids))) + 1


@define
def segment_sum(data: Any, segment_ids: Any) -> Any:
    return jax.ops.segment_sum(data, segment_ids, _number_of(segment_ids))


@define
def segment_mean(data: Any, segment_ids: Any) -> Any:
    return _mean(data, segment_ids, _number_of(segment_ids))


@define
def segment_max(data: Any, segment_ids: Any) -> Any:
    return jax.ops.segment_max(data, segment_ids, _number_of(segment_ids))


@define
def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: int) -> Any:
    return jax.ops.segment_sum(data, segment_ids, int(num_segments))


@define
def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: int) -> Any:
    return _mean(data, segment_ids, int(num_segments))


@define
def unsorted_segment_max(data: Any, segment_ids: Any, num_segments: int) -> Any:
    return jax.ops.segment_max(data, segment_ids, int(num_segments))


def _mean(data: Any, segment_ids: Any, number: int) -> Any:
    data = jnp.asarray(data)
    count = jax.ops.segment_sum(jnp.ones(jnp.shape(segment_ids)), segment_ids, number)
    total = jax.ops.segment_sum(data, segment_ids, number)
    return total / jnp.maximum(count, 1).reshape(-1, *[1] * (data.ndim - 1))


@define
def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = "int32", axis: Any = None
) -> Any:
    length = max(int(np.max(np.asarray(arr))) + 1 if np.size(arr) else 0, int(minlength or 0))
    length = length if maxlength is None else min(length, int(maxlength))
    found = jnp.bincount(jnp.ravel(arr), None if weights is None else jnp.ravel(weights), length=length)
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

"""The part of ``keras.ops`` for linear algebra; all but norms act on the last two axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array

from kjax.nn.ops.convert import array, axes, floating


def _matrices(name: str, x: Any, square: bool = False) -> Array:
    x = array(x)
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ValueError(f"{name}: expected {kind}, received an array of shape {x.shape}")
    return x


def cholesky(x: Any, upper: bool = False) -> Array:
    """The triangular factor of a positive definite matrix.

    Raises:
        ValueError: outside of jit, a matrix that is not positive definite.
    """
    factor = jnp.linalg.cholesky(_matrices("cholesky", x, square=True), upper=upper)
    if not isinstance(factor, Tracer) and bool(jnp.any(jnp.isnan(factor))):
        raise ValueError("cholesky: the matrix is not positive definite, so it has no such factor")
    return factor


def cholesky_inverse(x: Any, upper: bool = False) -> Array:
    """The inverse of a matrix, given its Cholesky factor."""
    x = _matrices("cholesky_inverse", x, square=True)
    identity = jnp.broadcast_to(jnp.eye(x.shape[-1], dtype=x.dtype), x.shape)
    inverse = jax.scipy.linalg.solve_triangular(x, identity, lower=not upper)
    other = jnp.swapaxes(inverse, -1, -2)
    return inverse @ other if upper else other @ inverse


def det(x: Any) -> Array:
    """The determinant."""
    return jnp.linalg.det(_matrices("det", x, square=True))


def eig(x: Any) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors; JAX has them on CPU only."""
    values, vectors = jnp.linalg.eig(_matrices("eig", x, square=True))
    return values, vectors


def eigh(x: Any) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of a symmetric matrix."""
    values, vectors = jnp.linalg.eigh(_matrices("eigh", x, square=True))
    return values, vectors


def inv(x: Any) -> Array:
    """The inverse."""
    return jnp.linalg.inv(_matrices("inv", x, square=True))


def lu_factor(x: Any) -> tuple[Array, Array]:
    """The packed LU factors and the pivots."""
    x = _matrices("lu_factor", x)
    factor = jax.scipy.linalg.lu_factor
    for _ in range(x.ndim - 2):
        factor = jax.vmap(factor)
    return factor(x)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """Norm of vectors along an axis, or of matrices along two, of an order as NumPy has them."""
    return jnp.linalg.norm(floating(x), ord, axes(axis), keepdims)


def qr(x: Any, mode: str = "reduced") -> tuple[Array, Array]:
    """Orthogonal and upper triangular factors.

    Raises:
        ValueError: a mode other than ``'reduced'`` and ``'complete'``.
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: `mode` must be 'reduced' or 'complete', received {mode!r}")
    q, r = jnp.linalg.qr(_matrices("qr", x), mode=mode)
    return q, r


def solve(a: Any, b: Any) -> Array:
    """The solution ``x`` of ``a @ x = b``."""
    return jnp.linalg.solve(_matrices("solve", a, square=True), array(b))


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Array:
    """The solution ``x`` of ``a @ x = b`` for a triangular ``a``."""
    return jax.scipy.linalg.solve_triangular(_matrices("solve_triangular", a, square=True), array(b), lower=lower)


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular vectors and values ``u, s, vh``, or the values alone."""
    result = jnp.linalg.svd(_matrices("svd", x), full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(result) if compute_uv else result


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Array:
    """The ``x`` that minimizes ``|a @ x - b|``.

    Raises:
        ValueError: ``a`` is no matrix, or ``b`` no vector or matrix with as many rows.
    """
    a, b = array(a), array(b)
    if a.ndim != 2:
        raise ValueError(f"lstsq: `a` must be a matrix, received shape {a.shape}")
    if b.ndim not in (1, 2) or b.shape[0] != a.shape[0]:
        raise ValueError(
            f"lstsq: `b` must be a vector or a matrix with the {a.shape[0]} rows of `a`, received shape {b.shape}"
        )
    return jnp.linalg.lstsq(a, b, rcond=rcond)[0]


def matrix_rank(x: Any, tol: Any = None) -> Array:
    """Number of singular values above a tolerance, as int32."""
    x = _matrices("matrix_rank", x)
    if tol is None:
        return jnp.linalg.matrix_rank(x).astype(jnp.int32)
    values = jnp.linalg.svd(x, compute_uv=False)
    return jnp.sum(values > jnp.expand_dims(array(tol), -1), axis=-1).astype(jnp.int32)


def pinv(x: Any, rcond: Any = None) -> Array:
    """The pseudo-inverse."""
    x = _matrices("pinv", x)
    return jnp.linalg.pinv(x) if rcond is None else jnp.linalg.pinv(x, rtol=rcond)


def jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """Value of a function and its derivative in a direction.

    Args:
        fun: the function.
        primals: its arguments.
        tangents: the direction, structured like the arguments.
        has_aux: whether ``fun`` returns (value, other things), of which the latter are passed through.
    """
    return jax.jvp(fun, tuple(primals), tuple(tangents), has_aux=has_aux)

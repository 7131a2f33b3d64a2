"""Operations that reduce axes: sums, means, extremes, their counterparts that skip NaN, and running totals."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array

from kjax.nn.ops.convert import array, arrays, axes, floating, is_floating, named, together
from kjax.nn.ops.sparse import stored

_DOC = (
    "``jax.numpy.{}`` along axes.\n\nArgs:\n    x: array.\n    axis: axis or axes; None for all.\n"
    "    keepdims: keep the reduced axes with size 1."
)


def _reduction(name: str, target: Callable[..., Any]) -> Callable[..., Any]:
    def function(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
        return target(array(x), axis=axes(axis), keepdims=keepdims)

    return named(function, name, _DOC.format(target.__name__))


REDUCTIONS = (
    "all any amax=max amin=min argmax argmin nanargmax nanargmin nanmax nanmean nanmedian nanmin nanprod nanstd nansum "
    "nanvar ptp sum"
)
TABLE = {
    name: _reduction(name, getattr(jnp, other or name))
    for name, _, other in (entry.partition("=") for entry in REDUCTIONS.split())
}
globals().update(TABLE)


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Array:
    """Largest element along axes.

    Args:
        x: array.
        axis: axis or axes; None for all.
        keepdims: keep the reduced axes with size 1.
        initial: smallest value of the result.
    """
    return jnp.max(array(x), axis=axes(axis), keepdims=keepdims, initial=initial)


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Array:
    """Smallest element along axes; ``initial`` is the largest value of the result."""
    return jnp.min(array(x), axis=axes(axis), keepdims=keepdims, initial=initial)


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Array:
    """Product along axes."""
    return jnp.prod(array(x), axis=axes(axis), keepdims=keepdims, dtype=dtype)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """Mean along axes, accumulated in at least float32."""
    x = array(x)
    wide = jnp.promote_types(x.dtype, jnp.float32)
    result = jnp.mean(x, axis=axes(axis), keepdims=keepdims, dtype=wide)
    return result.astype(x.dtype) if is_floating(x) else result


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """Variance along axes, accumulated in at least float32."""
    x = array(x)
    wide = jnp.promote_types(x.dtype, jnp.float32)
    result = jnp.var(x, axis=axes(axis), keepdims=keepdims, dtype=wide)
    return result.astype(x.dtype) if jnp.issubdtype(x.dtype, jnp.floating) else result


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """Standard deviation along axes; integers are float32 here."""
    return jnp.std(floating(x), axis=axes(axis), keepdims=keepdims)


def count_nonzero(x: Any, axis: Any = None) -> Array:
    """Number of elements that are not 0, as int32."""
    return jnp.count_nonzero(array(x), axis=axes(axis)).astype(jnp.int32)


def average(x: Any, axis: Any = None, weights: Any = None) -> Array:
    """Weighted mean along axes; all weights are equal by default."""
    if weights is None:
        return jnp.average(floating(x), axis=axes(axis))
    x, weights = together(x, weights)
    return jnp.average(x, axis=axes(axis), weights=weights)


def median(x: Any, axis: Any = None, keepdims: bool = False) -> Array:
    """Median along axes."""
    return jnp.median(floating(x), axis=axes(axis), keepdims=keepdims)


def _quantile(name: str, target: Callable[..., Any], scale: str) -> Callable[..., Any]:
    def function(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Array:
        return target(array(x), array(q), axis=axes(axis), method=method, keepdims=keepdims)

    return named(
        function,
        name,
        f"Quantiles along axes.\n\nArgs:\n    x: array.\n    q: which, {scale}.\n    axis: axis or axes; None for all.\n"
        "    method: how to interpolate.\n    keepdims: keep the reduced axes with size 1.",
    )


quantile = _quantile("quantile", jnp.quantile, "from 0 to 1")
nanquantile = _quantile("nanquantile", jnp.nanquantile, "from 0 to 1; NaN do not count")
percentile = _quantile("percentile", jnp.percentile, "from 0 to 100")
nanpercentile = _quantile("nanpercentile", jnp.nanpercentile, "from 0 to 100; NaN do not count")


def _running(name: str, target: Callable[..., Any]) -> Callable[..., Any]:
    def function(x: Any, axis: int | None = None, dtype: Any = None) -> Array:
        return target(array(x), axis=axis, dtype=dtype)

    doc = (
        f"``jax.numpy.{name}`` along an axis, or of the flattened array.\n\nArgs:\n    x: array.\n    axis: the axis.\n"
    )
    return named(function, name, doc + "    dtype: type of the result.")


cumsum = _running("cumsum", jnp.cumsum)
cumprod = _running("cumprod", jnp.cumprod)
nancumsum = _running("nancumsum", jnp.nancumsum)
nancumprod = _running("nancumprod", jnp.nancumprod)


def diff(a: Any, n: int = 1, axis: int = -1) -> Array:
    """Differences of neighbours along an axis, ``n`` times over."""
    return jnp.diff(array(a), n=n, axis=axis)


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Array:
    """Integral along an axis by the trapezoidal rule, over the places ``x`` or with distance ``dx``."""
    return jnp.trapezoid(array(y), None if x is None else array(x), dx=dx, axis=axis)


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Array:
    """How often each non-negative integer occurs, in each row if ``x`` has two axes.

    Args:
        x: integers of shape (n,) or (rows, n).
        weights: what each occurrence counts, of the same shape.
        minlength: smallest length of the result.
        sparse: whether the result is a sparse array (``BCOO``); not inside a compiled function.
    """
    if sparse:
        counts = bincount(x, weights, minlength)
        return stored(counts if weights is not None else counts.astype(jnp.float32))  # as in Keras
    x = array(x)
    if x.ndim == 2:
        length = minlength if isinstance(x, Tracer) else builtins.max(minlength, int(jnp.max(x)) + 1)
        rows = [
            jnp.bincount(row, None if weights is None else array(weights)[i], minlength=minlength, length=length)
            for i, row in enumerate(x)
        ]
        return jnp.stack(rows)
    return jnp.bincount(x, None if weights is None else array(weights), minlength=minlength)


def histogram(x: Any, bins: Any = 10, range: Any = None) -> tuple[Array, Array]:
    """How many elements fall into each bin, and the edges of the bins."""
    return jnp.histogram(array(x), bins=bins, range=range)


def corrcoef(x: Any) -> Array:
    """Correlation coefficients of the rows."""
    return jnp.corrcoef(array(x))


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Array:
    """For each element, the choice of the first condition that holds."""
    return jnp.select(arrays(condlist), arrays(choicelist), default=array(default))

"""Operations on each element of one or two arrays: one table of names for each kind of signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from kjax.nn.ops.convert import array, floating, is_floating, named, together

Function = Callable[..., Any]


def _unary(name: str, target: Function, prepare: Function = array) -> Function:
    def function(x: Any) -> Array:
        return target(prepare(x))

    return named(
        function, name, f"``jax.numpy.{target.__name__}`` of each element.\n\nArgs:\n    x: array of any shape."
    )


def _binary(name: str, target: Function, first: str = "x1", second: str = "x2") -> Function:
    doc = (
        f"``jax.numpy.{target.__name__}`` of each pair of elements.\n\nArgs:\n    {first}: array.\n"
        f"    {second}: array of a shape that broadcasts with it."
    )

    def numbered(x1: Any, x2: Any) -> Array:
        return target(array(x1), array(x2))

    def lettered(x: Any, y: Any) -> Array:
        return target(array(x), array(y))

    return named(lettered if first == "x" else numbered, name, doc)


UNARY = (
    "absolute bitwise_invert=invert bitwise_not=invert cbrt conj=conjugate conjugate deg2rad imag isfinite isinf isnan "
    "isneginf isposinf isreal logical_not negative rad2deg real reciprocal sign signbit square fabs"
)
"""Functions of one array, as jax.numpy has them (its name after the equals sign where it is another)."""

FLOATING = (
    "angle arccos arccosh arcsin arcsinh arctan arctanh ceil cos cosh exp exp2 expm1 floor i0 log log10 log1p log2 sin "
    "sinc sinh sqrt tan tanh"
)
"""Functions of one array that turn integers into floats first."""

BINARY = (
    "add divide=true_divide equal floor_divide fmax fmin fmod gcd greater greater_equal heaviside hypot lcm less "
    "less_equal logical_and logical_or logical_xor maximum minimum mod multiply nextafter not_equal power subtract true_divide"
)
"""Functions of two arrays ``x1`` and ``x2``."""

BITS = "bitwise_and bitwise_or bitwise_xor bitwise_left_shift=left_shift left_shift bitwise_right_shift=right_shift right_shift"
"""Functions of two arrays ``x`` and ``y``."""


def _table() -> dict[str, Function]:
    functions = {}
    for names, make in (
        (UNARY, _unary),
        (FLOATING, lambda name, target: _unary(name, target, floating)),
        (BINARY, _binary),
        (BITS, lambda name, target: _binary(name, target, "x", "y")),
    ):
        for entry in names.split():
            name, _, other = entry.partition("=")
            functions[name] = make(name, getattr(jnp, other or name))
    functions["abs"] = _unary("abs", jnp.absolute)
    return functions


TABLE = _table()
globals().update(TABLE)


def trunc(x: Any) -> Array:
    """Each element without its fraction; integers stay as they are."""
    x = array(x)
    return jnp.trunc(x) if is_floating(x) else x


def round(x: Any, decimals: int = 0) -> Array:
    """Each element rounded to a number of decimals, halves to even; negative ``decimals`` round integers too."""
    x = array(x)
    if decimals < 0 and not is_floating(x):
        factor = 10.0**decimals
        return (jnp.round(x.astype(jnp.float32) * factor) / factor).astype(x.dtype)
    return jnp.round(x, decimals)


def clip(x: Any, x_min: Any, x_max: Any) -> Array:
    """Each element moved into an interval; None leaves an end open."""
    x = array(x)
    return jnp.clip(x.astype(jnp.int32) if x.dtype == bool else x, x_min, x_max)


def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """NaN and infinities replaced by numbers: ``nan``, and the largest and smallest of the type by default."""
    return jnp.nan_to_num(array(x), nan=nan, posinf=posinf, neginf=neginf)


def arctan2(x1: Any, x2: Any) -> Array:
    """The angle from the first axis to the point ``(x2, x1)``, between -pi and pi."""
    return jnp.arctan2(*together(x1, x2))


def logaddexp(x1: Any, x2: Any) -> Array:
    """``log(exp(x1) + exp(x2))``, safe from overflow."""
    return jnp.logaddexp(*together(x1, x2))


def logaddexp2(x1: Any, x2: Any) -> Array:
    """``log2(2 ** x1 + 2 ** x2)``, safe from overflow."""
    return jnp.logaddexp2(*together(x1, x2))


def ldexp(x1: Any, x2: Any) -> Array:
    """``x1 * 2 ** x2`` for integer exponents ``x2``.

    Raises:
        TypeError: the exponents are no integers.
    """
    x1, x2 = array(x1), array(x2)
    if not jnp.issubdtype(x2.dtype, jnp.integer):
        raise TypeError(f"ldexp: the exponents `x2` must be integers, received an array of {x2.dtype}")
    return jnp.ldexp(x1, x2)


def divide_no_nan(x1: Any, x2: Any) -> Array:
    """``x1 / x2``, 0 where ``x2`` is 0."""
    x1, x2 = array(x1), array(x2)
    return jnp.where(x2 == 0, 0, jnp.divide(x1, jnp.where(x2 == 0, 1, x2)))


def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """Whether ``|x1 - x2| <= atol + rtol * |x2|``, for each pair of elements."""
    return jnp.isclose(array(x1), array(x2), rtol, atol, equal_nan)


def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """Whether all pairs of elements are close, see :func:`isclose`."""
    return jnp.allclose(array(x1), array(x2), rtol, atol, equal_nan)


def view(x: Any, dtype: Any = None) -> Array:
    """The same bytes read as another type."""
    return array(x).view(dtype)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """``x1`` where ``condition`` holds, ``x2`` elsewhere; with the condition alone, its indices (see ``nonzero``)."""
    if x1 is None and x2 is None:
        return jnp.where(array(condition))
    return jnp.where(array(condition), array(x1), array(x2))

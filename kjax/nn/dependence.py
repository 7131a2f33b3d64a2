"""On which of its arguments a traced function depends through functions that have a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

CONSTANT = frozenset("stop_gradient round floor ceil".split())
"""Primitives whose results count as constants; those of integers and truth values have no gradients by their type."""

_INNER = ("jaxpr", "call_jaxpr")


def differentiable(jaxpr: Any, wanted: Sequence[bool] | None = None) -> list[bool]:
    """For each argument of a (closed) jaxpr, whether a result depends on it in a way that can be differentiated.

    Loops and branches count as such a way for all that enters them.

    Args:
        jaxpr: of the function.
        wanted: which of its results count; all by default.
    """
    inner = getattr(jaxpr, "jaxpr", jaxpr)
    chosen = [True] * len(inner.outvars) if wanted is None else wanted
    live = {id(v) for v, counts in zip(inner.outvars, chosen, strict=True) if counts and _can_vary(v)}
    for equation in reversed(inner.eqns):
        counting = [id(v) in live for v in equation.outvars]
        if not any(counting) or CONSTANT & {equation.primitive.name, equation.params.get("name")}:
            continue
        calls = [equation.params[key] for key in _INNER if key in equation.params]
        into = equation.invars
        if calls and len(getattr(calls[0], "jaxpr", calls[0]).invars) == len(into) and _is_plain_call(equation):
            into = [v for v, counts in zip(into, differentiable(calls[0], counting), strict=True) if counts]
        live |= {id(v) for v in into if _can_vary(v)}
    return [id(v) in live for v in inner.invars]


def _is_plain_call(equation: Any) -> bool:
    """Whether an equation runs what is inside once, on its arguments as they are."""
    return equation.primitive.name in ("jit", "pjit", "closed_call", "core_call", "remat", "checkpoint") or (
        equation.primitive.name.startswith("custom_jvp_call")
    )


def _can_vary(variable: Any) -> bool:
    return hasattr(variable, "aval") and jnp.issubdtype(getattr(variable.aval, "dtype", jnp.int32), jnp.inexact)

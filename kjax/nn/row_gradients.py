"""Gradients of the rows that an embedding looks up, clipped before those of one row are added up, as TensorFlow did for Keras 2.

There the gradient of a lookup is a list of rows, one for each integer that was looked up, and ``clipvalue`` clips the elements of
that list. A step that wants this runs its loss and its optimizer inside :func:`clipping`.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array


@dataclasses.dataclass
class Rows:
    """What goes on inside :func:`clipping`.

    Attributes:
        limit: largest absolute value of an element of a row's gradient.
        clipped: paths of the weights whose gradients are clipped by now.
    """

    limit: float
    clipped: set[str] = dataclasses.field(default_factory=set)


_active: contextvars.ContextVar[Rows | None] = contextvars.ContextVar("row_gradients", default=None)


@contextlib.contextmanager
def clipping(limit: float | None) -> Iterator[None]:
    """Clip the gradients of looked up rows while a step is traced inside.

    Args:
        limit: largest absolute value; None changes nothing.
    """
    token = _active.set(None if limit is None else Rows(limit))
    try:
        yield
    finally:
        _active.reset(token)


def looked_up(rows: Array, path: str) -> Array:
    """Rows of a weight, whose gradients are clipped if the step wants it.

    Args:
        rows: the rows.
        path: the weight's path.
    """
    active = _active.get()
    if active is None:
        return rows
    active.clipped.add(path)
    return _limited(rows, active.limit)


def is_clipped(path: str) -> bool:
    """Whether the gradient of a weight was clipped row by row."""
    active = _active.get()
    return active is not None and path in active.clipped


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _limited(rows: Array, limit: float) -> Array:
    del limit
    return rows


_limited.defvjp(lambda rows, limit: (rows, None), lambda limit, _, gradient: (jnp.clip(gradient, -limit, limit),))

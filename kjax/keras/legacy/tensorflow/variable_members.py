"""Methods of `tf.Variable` that variables of Keras 3 have not: of variables that scripts make, and of layers' weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.core.shapes import TensorShape
from kjax.keras.core.variable import Variable
from kjax.keras.legacy.tensorflow.tensor import Reference, apply, unwrap


def read_value(variable: Variable) -> Any:
    """The value as a tensor."""
    return apply(jnp.asarray, (variable,), {}, "read_value")


def _rows_changed(change: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """A method that changes the rows that ``tf.IndexedSlices`` name."""

    def method(self: Variable, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        value = self.stored_value()
        places = jnp.asarray(unwrap(sparse_delta.indices), jnp.int32)
        self.assign(change(value, places, jnp.asarray(unwrap(sparse_delta.values), value.dtype)))
        return self

    return method


def _places_changed(change: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """A method that changes the elements, or parts, at the places that indices of full or of fewer axes name."""

    def method(self: Variable, indices: Any, updates: Any, name: str | None = None) -> Any:
        value = self.stored_value()
        places = tuple(jnp.moveaxis(jnp.asarray(unwrap(indices), jnp.int32), -1, 0))
        self.assign(change(value, places, jnp.asarray(unwrap(updates), value.dtype)))
        return self

    return method


def batch_scatter_update(variable: Variable, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
    """Set elements along the last axis of the indices, each row of the batch in its own."""
    value = variable.stored_value()
    indices = jnp.asarray(unwrap(sparse_delta.indices), jnp.int32)
    batch = jnp.meshgrid(*[jnp.arange(n) for n in indices.shape], indexing="ij")[:-1]
    variable.assign(value.at[(*batch, indices)].set(jnp.asarray(unwrap(sparse_delta.values), value.dtype)))
    return variable


def count_up_to(variable: Variable, limit: int) -> Any:
    """Add 1, unless the value is the limit; returns the value before.

    Raises:
        StopIteration: the limit is reached.
    """
    before = int(np.asarray(variable.stored_value()))
    if before >= limit:
        raise StopIteration(f"variable {variable.name!r} has reached its limit {limit}")
    variable.assign(jnp.asarray(before + 1, variable.stored_value().dtype))
    return before


def gather_nd(variable: Variable, indices: Any, name: str | None = None) -> Any:
    """The elements, or parts, at places."""
    return apply(lambda v, i: v[tuple(jnp.moveaxis(jnp.asarray(i), -1, 0))], (variable, indices), {}, "gather_nd")


def sparse_read(variable: Variable, indices: Any, name: str | None = None) -> Any:
    """The rows at places."""
    return apply(lambda v, i: v[jnp.asarray(i)], (variable, indices), {}, "gather")


def load(variable: Variable, value: Any, session: Any = None) -> None:
    """Set the value at once."""
    variable.assign(np.asarray(unwrap(value), variable.stored_dtype))


CHANGES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "update": lambda value, places, new: value.at[places].set(new),
    "add": lambda value, places, new: value.at[places].add(new),
    "sub": lambda value, places, new: value.at[places].add(-new),
    "mul": lambda value, places, new: value.at[places].multiply(new),
    "div": lambda value, places, new: value.at[places].divide(new),
    "min": lambda value, places, new: value.at[places].min(new),
    "max": lambda value, places, new: value.at[places].max(new),
}
"""What the ``scatter`` methods do at the places that they are given."""

MEMBERS: dict[str, Callable[..., Any]] = {
    **{f"scatter_{name}": _rows_changed(change) for name, change in CHANGES.items()},
    **{f"scatter_nd_{name}": _places_changed(change) for name, change in CHANGES.items() if name not in ("mul", "div")},
    "batch_scatter_update": batch_scatter_update,
    "count_up_to": count_up_to,
    "eval": lambda variable, session=None: variable.numpy(),
    "experimental_ref": lambda variable: Reference(variable),
    "gather_nd": gather_nd,
    "get_shape": lambda variable: TensorShape(variable.shape),
    "initialized_value": read_value,
    "is_initialized": lambda variable, name=None: True,
    "load": load,
    "read_value": read_value,
    "read_value_no_copy": read_value,
    "ref": lambda variable: Reference(variable),
    "set_shape": lambda variable, shape: None,
    "sparse_read": sparse_read,
}
"""Methods by name."""


def member_of(variable: Variable, name: str) -> Any:
    """A method of a variable, bound to it; None where TensorFlow has none of that name."""
    method = MEMBERS.get(name)
    return None if method is None else method.__get__(variable)

"""The part of ``keras.ops`` called ``core``: control flow, slices, types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from kjax.nn.ops.convert import array, shape_of


def map(f: Callable[..., Any], xs: Any) -> Any:
    """``f`` of each slice along the first axis, one after the other."""
    return jax.lax.map(f, xs)


def vectorized_map(function: Callable[..., Any], elements: Any) -> Any:
    """``function`` of each slice along the first axis, all at once."""
    return jax.vmap(function)(elements)


def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """``f(carry, x) -> (carry, y)`` over the slices along the first axis.

    Args:
        f: the step.
        init: first carry.
        xs: arrays with the steps along the first axis, or None.
        length: number of steps; needed without ``xs``.
        reverse: from the last slice to the first.
        unroll: steps that one turn of the loop makes.

    Returns:
        The last carry, and the ``y`` of all steps.

    Raises:
        ValueError: ``unroll`` is neither a boolean nor a positive integer.
    """
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"scan: `unroll` must be a positive integer or a boolean, received {unroll!r}")
    return jax.lax.scan(f, init, xs, length, reverse, unroll)


def associative_scan(f: Callable[..., Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Running results of an associative function, in parallel."""
    return jax.lax.associative_scan(f, elems, reverse, axis)


def _indices(indices: Any) -> tuple[Array, ...]:
    """Places as one array of integers for each axis."""
    return tuple(jnp.moveaxis(array(indices).astype(jnp.int32), -1, 0))


def scatter(indices: Any, values: Any, shape: Any) -> Array:
    """Zeros of a shape with values added at indices; ``indices`` has the axes of the result along its last axis."""
    values = array(values)
    return jnp.zeros(shape_of(shape), values.dtype).at[_indices(indices)].add(values)


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Array:
    """``inputs`` with the values at indices replaced, or combined with updates.

    Args:
        inputs: array.
        indices: (number of updates, axes).
        updates: values.
        reduction: None (replace), ``'add'``, ``'max'``, ``'min'`` or ``'mul'``.

    Raises:
        ValueError: another reduction.
    """
    ways = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "multiply"}
    if reduction not in ways:
        raise ValueError(f"scatter_update: `reduction` must be one of {list(ways)}, received {reduction!r}")
    place = array(inputs).at[_indices(indices)]
    return getattr(place, ways[reduction])(array(updates))


def slice(inputs: Any, start_indices: Any, shape: Any) -> Array:
    """A block of an array; -1 in ``shape`` goes to the end."""
    inputs = array(inputs)
    sizes = [inputs.shape[i] - start_indices[i] if s == -1 else s for i, s in enumerate(shape_of(shape))]
    return jax.lax.dynamic_slice(inputs, [jnp.asarray(s, jnp.int32) for s in start_indices], [int(s) for s in sizes])


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Array:
    """``inputs`` with a block replaced, from ``start_indices`` on."""
    inputs = array(inputs)
    starts = [jnp.asarray(s, jnp.int32) for s in start_indices]
    return jax.lax.dynamic_update_slice(inputs, array(updates).astype(inputs.dtype), starts)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """The result of the branch with a number; numbers outside are clamped."""
    return jax.lax.switch(index, branches, *operands)


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """``true_fn()`` where the scalar ``pred`` holds, else ``false_fn()``."""
    return jax.lax.cond(jnp.asarray(pred).astype(bool), true_fn, false_fn)


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """``loop_vars = body(*loop_vars)`` while ``cond(*loop_vars)`` holds.

    Args:
        cond: scalar condition of the variables.
        body: the next variables, structured like them.
        loop_vars: the variables; a tuple or list is passed as several arguments.
        maximum_iterations: largest number of turns.
    """
    several = isinstance(loop_vars, (tuple, list))
    first = tuple(loop_vars) if several else (loop_vars,)

    def go_on(state: tuple[Any, Any]) -> Any:
        count, values = state
        wanted = cond(*values)
        return wanted if maximum_iterations is None else jnp.logical_and(wanted, count < maximum_iterations)

    def turn(state: tuple[Any, Any]) -> tuple[Any, Any]:
        count, values = state
        result = body(*values)
        return count + 1, tuple(result) if several else (result,)

    _, values = jax.lax.while_loop(go_on, turn, (0, first))
    return values if several else values[0]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """``value = body_fun(i, value)`` for ``i`` from ``lower`` to ``upper - 1``."""
    return jax.lax.fori_loop(lower, upper, body_fun, init_val)


def stop_gradient(variable: Any) -> Any:
    """The same values, constant for gradients."""
    return jax.tree.map(jax.lax.stop_gradient, variable)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Array]:
    """The slices along an axis, without it.

    Raises:
        ValueError: ``num`` is not the number of slices.
    """
    x = array(x)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"unstack: `axis` {axis} is out of the range of an array of shape {x.shape}")
    count = x.shape[axis] if num is None else num
    if count > x.shape[axis]:
        raise ValueError(f"unstack: `num` is {num}, but axis {axis} of shape {x.shape} has {x.shape[axis]} slices")
    return [jax.lax.index_in_dim(x, i, axis, keepdims=False) for i in range(count)]


def cast(x: Any, dtype: Any) -> Array:
    """``x`` in another type."""
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool) and jnp.issubdtype(jnp.dtype(dtype), jnp.integer):
        with jax.ensure_compile_time_eval():  # a size stays one that arrays can be made of
            return array(x).astype(dtype)
    return array(x).astype(dtype)


def saturate_cast(x: Any, dtype: Any) -> Array:
    """``x`` in another type, values outside of its range moved to its ends."""
    x, wanted = array(x), jnp.dtype(dtype)

    def limits(kind: Any) -> tuple[float, float]:
        if kind.kind == "b":
            return 0, 1
        info = jnp.finfo(kind) if jnp.issubdtype(kind, jnp.floating) else jnp.iinfo(kind)
        return float(info.min), float(info.max)

    low = max(limits(jnp.dtype(x.dtype))[0], limits(wanted)[0])
    high = min(limits(jnp.dtype(x.dtype))[1], limits(wanted)[1])
    if x.dtype == bool:
        return x.astype(wanted)
    ends = np.array([low, high]).astype(x.dtype)
    # An integer's end may be rounded to a float just outside of the range.
    if jnp.issubdtype(x.dtype, jnp.floating) and float(ends[1]) > limits(wanted)[1]:
        ends[1] = np.nextafter(ends[1], np.array(0, x.dtype), dtype=x.dtype)
    return jnp.clip(x, ends[0], ends[1]).astype(wanted)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Array:
    """``x`` as an array; sparse ones stay sparse unless ``sparse`` is False, and others are not made sparse.

    Strings, which JAX has not, become an array of NumPy, as layers that look them up take it.

    Raises:
        ValueError: ``ragged`` is True: JAX has no ragged arrays.
    """
    del sparse
    if dtype in (None, "string") and not hasattr(x, "dtype") and _holds_text(x):
        return np.asarray(x)  # type: ignore[return-value]
    if ragged:
        raise ValueError("convert_to_tensor: JAX has no ragged arrays; pad the rows (keras.utils.pad_sequences)")
    return array(x) if dtype is None else jnp.asarray(x).astype(dtype)


def _holds_text(x: Any) -> bool:
    """Whether a text is the first that lists hold."""
    while isinstance(x, (list, tuple)) and x:
        x = x[0]
    return isinstance(x, (str, bytes))


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a gradient of its own: ``f(*args)`` returns (value, function from upstream to gradients)."""
    return jax.custom_gradient(f)


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Array:
    """Axes split, reordered and merged as a pattern of einops says, such as ``'b (h k) c -> b h (c k)'``.

    Args:
        tensor: array.
        pattern: axes before and after; axes in brackets are one axis.
        **axes_lengths: sizes of axes; one in each pair of brackets may be left out.

    Raises:
        ValueError: a pattern that does not fit.
    """
    import re

    x = array(tensor)
    left, arrow, right = pattern.partition("->")
    groups = [[part.strip("()").split() for part in re.findall(r"\([^)]*\)|\S+", side)] for side in (left, right)]
    names = [[name for group in side for name in group] for side in groups]
    if not arrow or sorted(names[0]) != sorted(names[1]) or len(set(names[0])) < len(names[0]):
        raise ValueError(f"rearrange: both sides of {pattern!r} must name the same axes, each once")
    if len(groups[0]) != x.ndim:
        raise ValueError(f"rearrange: {pattern!r} is for {len(groups[0])} axes, received shape {x.shape}")
    sizes: dict[str, int] = dict(axes_lengths)
    for group, size in zip(groups[0], x.shape, strict=True):
        unknown = [name for name in group if name not in sizes]
        known = int(np.prod([sizes[name] for name in group if name in sizes], dtype=int))
        if len(unknown) > 1 or size % known or (not unknown and size != known):
            raise ValueError(f"rearrange: {pattern!r} with {axes_lengths} does not fit shape {x.shape}")
        sizes.update({name: size // known for name in unknown})
    x = x.reshape([sizes[name] for name in names[0]]).transpose([names[0].index(name) for name in names[1]])
    return x.reshape([int(np.prod([sizes[name] for name in group], dtype=int)) for group in groups[1]])

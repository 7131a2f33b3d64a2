"""Functions of ragged tensors: elementwise ones on the values, others by a table of what they do with rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import doors
from kjax.keras.legacy.tensorflow.arrays import concat
from kjax.keras.legacy.tensorflow.ragged import RaggedTensor
from kjax.keras.legacy.tensorflow.tensor import Tensor, apply, is_leaf, is_text, unwrap


def is_ragged(thing: Any) -> bool:
    """Whether it is a ragged tensor."""
    return isinstance(thing, RaggedTensor)


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Any:
    """Call a function of arrays, some of whose arguments are ragged.

    Args:
        function: the function.
        args: its arguments.
        kwargs: those by name.
        name: its name in TensorFlow.
    """
    if name in _REDUCTIONS:
        return _reduced(function, name, *args, **kwargs)
    if name in _CALLS:
        return _CALLS[name](*args, **kwargs)
    leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=is_leaf)
    first: RaggedTensor = next(leaf for leaf in leaves if is_ragged(leaf))
    flat = [_values_for(first, leaf, name) for leaf in leaves]
    inner_args, inner_kwargs = jax.tree.unflatten(structure, flat)
    found = apply(function, inner_args, inner_kwargs, name)
    return jax.tree.map(lambda leaf: first.with_flat_values(leaf) if _is_tensor(leaf) else leaf, found, is_leaf=is_leaf)


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) or hasattr(leaf, "dtype")


def _values_for(first: RaggedTensor, leaf: Any, name: str) -> Any:
    """What stands for an argument beside the values of a ragged one."""
    if is_ragged(leaf):
        same = leaf.ragged_rank == first.ragged_rank and all(
            np.array_equal(a.value, b.value)
            for a, b in zip(leaf.nested_row_splits, first.nested_row_splits, strict=True)
        )
        if not same:
            raise ValueError(f"{name}: ragged tensors with rows of different lengths do not go together")
        return leaf.flat_values
    shape = np.shape(unwrap(leaf)) if _is_tensor(leaf) else ()
    if len(shape) > 1 and first.ragged_rank == 1 and shape[0] == len(first) and shape[1] == 1:  # a number for each row
        rows = first.value_rowids().value
        return apply(lambda array: jnp.asarray(array)[:, 0][rows], (leaf,), {}, "gather")
    return leaf


# -- rows --------------------------------------------------------------------------------------------------------


def _taken(values: Any, places: np.ndarray) -> Any:
    if is_ragged(values):
        return rows_at(values, places)
    if is_text(values.value):
        return Tensor(values.value[places])
    return apply(lambda array: jnp.asarray(array)[jnp.asarray(places)], (values,), {}, "gather")


def rows_at(tensor: RaggedTensor, numbers: np.ndarray) -> RaggedTensor:
    """Some of the rows, in an order."""
    starts, lengths = tensor._splits[:-1][numbers], np.diff(tensor._splits)[numbers]
    splits = np.cumsum([0, *lengths])
    places = np.concatenate([*(np.arange(a, a + n) for a, n in zip(starts, lengths, strict=True)), np.zeros(0, int)])
    return RaggedTensor.of(_taken(tensor.values, places.astype(int)), splits)


def join(parts: list[Any]) -> Any:
    """Rows of several tensors, one behind the other."""
    if not any(map(is_ragged, parts)):
        return concat(parts, 0)
    parts = [part if is_ragged(part) else RaggedTensor.from_tensor(part) for part in parts]
    starts = np.cumsum([0, *(part._splits[-1] for part in parts)])
    splits = np.concatenate([[0], *(part._splits[1:] + start for part, start in zip(parts, starts, strict=False))])
    return RaggedTensor.of(join([part.values for part in parts]), splits)


def _concat(values: Any, axis: Any = 0) -> Any:
    parts = [part if is_ragged(part) else RaggedTensor.from_tensor(part) for part in values]
    axis = int(unwrap(axis))
    axis = axis + parts[0].ndim if axis < 0 else axis
    whole = join(parts)
    if axis == 0:
        return whole
    if axis > 1:
        return parts[0].with_values(_concat([part.values for part in parts], axis - 1))
    rows, number = len(parts[0]), len(parts)
    order = np.arange(rows * number).reshape(number, rows).T.reshape(-1)
    side_by_side = rows_at(whole, order)
    return RaggedTensor.of(side_by_side.values, side_by_side._splits[::number])


def _stack(values: Any, axis: int = 0) -> Any:
    if axis == 0:
        whole = join(list(values))
        return RaggedTensor.of(whole, np.arange(len(values) + 1) * len(values[0]))
    return _concat([_expand_dims(value, axis) for value in values], axis)


def _expand_dims(input: Any, axis: Any = 0) -> Any:
    axis = int(unwrap(axis))
    axis = axis + input.ndim + 1 if axis < 0 else axis
    if axis == 0:
        return RaggedTensor.of(input, [0, len(input)])
    if axis == 1:
        return RaggedTensor.of(input, np.arange(len(input) + 1))
    if is_ragged(input.values):
        return input.with_values(_expand_dims(input.values, axis - 1))
    return input.with_values(apply(lambda flat: jnp.expand_dims(flat, axis - 1), (input.values,), {}, "expand_dims"))


def _gather(params: Any, indices: Any, *args: Any, axis: Any = None, batch_dims: int = 0, **kwargs: Any) -> Any:
    from kjax.keras.legacy.tensorflow.arrays import gather

    if is_ragged(indices):
        return indices.with_flat_values(gather(params, indices.flat_values))
    if batch_dims:
        rows = [row[np.asarray(i)] for row, i in zip(params.rows, np.asarray(unwrap(indices)), strict=True)]
        return RaggedTensor(rows)
    numbers = np.asarray(unwrap(indices))
    if numbers.ndim == 0:
        return params[int(numbers)]
    return rows_at(params, numbers.reshape(-1))


def _reverse(tensor: Any, axis: Any) -> Any:
    axes = {int(a) for a in np.ravel(np.asarray(unwrap(axis)))}
    if 0 in axes:
        tensor = rows_at(tensor, np.arange(len(tensor))[::-1])
    if 1 in axes:
        places = [np.arange(a, b)[::-1] for a, b in zip(tensor._splits[:-1], tensor._splits[1:], strict=True)]
        tensor = tensor.with_values(_taken(tensor.values, np.concatenate([*places, np.zeros(0, int)]).astype(int)))
    return tensor


def _tile(input: Any, multiples: Any) -> Any:
    rows, inside, *_ = [int(m) for m in np.asarray(unwrap(multiples))]
    beside = _concat([input] * inside, 1) if inside > 1 else input
    return join([beside] * rows) if rows > 1 else beside


def _arg(number: Callable[[Any], Any]) -> Callable[..., Any]:
    def find(input: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        if axis not in (1, -1) or is_ragged(input.values):
            raise ValueError("argmax and argmin of a ragged tensor go along axis 1, the rows")
        return Tensor(np.asarray([number(row) for row in input.rows], np.int64))

    return find


_CALLS: dict[str, Callable[..., Any]] = {
    "concat": _concat,
    "stack": _stack,
    "expand_dims": _expand_dims,
    "gather": _gather,
    "embedding_lookup": _gather,
    "reverse": _reverse,
    "tile": _tile,
    "argmax": _arg(np.argmax),
    "argmin": _arg(np.argmin),
}
"""Functions that do more than to change each value, by TensorFlow's names."""


# -- reductions --------------------------------------------------------------------------------------------------


def _sums(values: Any, ids: Any, number: int) -> Any:
    return jax.ops.segment_sum(values, ids, number)


def _means(values: Any, ids: Any, number: int) -> Any:
    count = jax.ops.segment_sum(jnp.ones(len(ids)), ids, number).reshape(-1, *[1] * (values.ndim - 1))
    total = jax.ops.segment_sum(values, ids, number)
    return total / count if jnp.issubdtype(values.dtype, jnp.floating) else total // count.astype(values.dtype)


def _variances(values: Any, ids: Any, number: int) -> Any:
    return _means(values**2, ids, number) - _means(values, ids, number) ** 2


_REDUCTIONS: dict[str, Callable[[Any, Any, int], Any]] = {
    "reduce_sum": _sums,
    "reduce_mean": _means,
    "reduce_max": lambda values, ids, number: jax.ops.segment_max(values, ids, number),
    "reduce_min": lambda values, ids, number: jax.ops.segment_min(values, ids, number),
    "reduce_prod": lambda values, ids, number: jax.ops.segment_prod(values, ids, number),
    "reduce_any": lambda values, ids, number: jax.ops.segment_max(values.astype(jnp.int32), ids, number) > 0,
    "reduce_all": lambda values, ids, number: jax.ops.segment_min(values.astype(jnp.int32), ids, number) > 0,
    "reduce_variance": _variances,
    "reduce_std": lambda values, ids, number: jnp.sqrt(_variances(values, ids, number)),
}
"""Reductions of the values of each group, by TensorFlow's names."""


def _reduced(
    function: Callable[..., Any], name: str, input_tensor: Any, axis: Any = None, keepdims: bool = False, **kwargs: Any
) -> Any:
    if axis is None:
        return apply(function, (input_tensor.flat_values,), {}, name)
    if isinstance(axis, (list, tuple)):
        found = input_tensor
        for one in sorted((int(a) + input_tensor.ndim if a < 0 else int(a) for a in axis), reverse=True):
            found = (
                _reduced(function, name, found, one) if is_ragged(found) else apply(function, (found, one), {}, name)
            )
        return found
    axis = int(unwrap(axis))
    axis = axis + input_tensor.ndim if axis < 0 else axis
    values = input_tensor.values
    if axis > 1:
        inner = _reduced(function, name, values, axis - 1, keepdims) if is_ragged(values) else apply(
            function, (values, axis - 1, keepdims) if keepdims else (values, axis - 1), {}, name
        )  # fmt: skip
        return input_tensor.with_values(inner)
    lengths = np.diff(input_tensor._splits)
    if is_ragged(values):
        raise NotImplementedError(f"{name}: of a tensor with several ragged axes the innermost is reduced first")
    if axis == 1:
        ids, number = input_tensor.value_rowids().value, len(input_tensor)
    else:
        ids, number = (
            np.concatenate([*(np.arange(n) for n in lengths), np.zeros(0)]).astype(int),
            int(lengths.max(initial=0)),
        )
    groups = _REDUCTIONS[name]
    found = apply(lambda flat: groups(jnp.asarray(flat), jnp.asarray(ids), number), (values,), {}, name)
    if not keepdims:
        return found
    return apply(lambda array: jnp.expand_dims(array, axis), (found,), {}, "expand_dims")


doors.tensors.fill(call_ragged=call, rows_at=rows_at, join_rows=join)

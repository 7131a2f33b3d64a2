"""`tf.SparseTensor` and `tf.sparse`: values at places, all others 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core import doors
from kjax.keras.legacy.tensorflow.arrays import constant, gather_nd
from kjax.keras.legacy.tensorflow.door import define, dtype_of, tensor_of_list
from kjax.keras.legacy.tensorflow.ragged import RaggedTensor
from kjax.keras.legacy.tensorflow.tensor import Tensor, apply, as_bytes, is_text, sizes, unwrap


class SparseTensor:
    """``tf.SparseTensor``: the values that are not 0, and where they are.

    Args:
        indices: the places (values, axes), by rows.
        values: the values.
        dense_shape: the sizes of the whole.
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        places = np.asarray(unwrap(indices), np.int64)
        self._sizes = tuple(int(n) for n in np.asarray(unwrap(dense_shape)))
        self._places = places.reshape(-1, len(self._sizes))
        self.values = values if isinstance(values, Tensor) else constant(values)

    @property
    def indices(self) -> Any:
        """The places (values, axes)."""
        return Tensor(self._places)

    @property
    def dense_shape(self) -> Any:
        """The sizes of the whole."""
        return sizes(self._sizes)

    @property
    def shape(self) -> Any:
        """The sizes of the whole."""
        from kjax.keras.core.shapes import TensorShape

        return TensorShape(self._sizes)

    get_shape = shape.fget  # type: ignore[union-attr]

    @property
    def dtype(self) -> Any:
        """The type."""
        return self.values.dtype

    def to_dense(self, default_value: Any = None) -> Any:
        """The whole, with another value in the other places."""
        values = unwrap(self.values)
        at = tuple(self._places.T)
        if is_text(values):
            found = np.full(self._sizes, b"" if default_value is None else default_value, object)
            found[at] = as_bytes(values)
            return Tensor(found)

        def fill(given: Any) -> Any:
            return jnp.full(self._sizes, 0 if default_value is None else default_value, given.dtype).at[at].add(given)

        if default_value is None:
            return apply(fill, (self.values,), {}, "to_dense")
        return apply(
            lambda given: jnp.full(self._sizes, default_value, given.dtype).at[at].set(given),
            (self.values,),
            {},
            "to_dense",
        )

    to_tensor = to_dense

    def with_values(self, new_values: Any) -> SparseTensor:
        """Other values in the same places."""
        return SparseTensor(self._places, new_values, self._sizes)

    @staticmethod
    def from_value(value: Any) -> SparseTensor:
        """One of a thing that has indices, values and a shape."""
        return SparseTensor(value.indices, value.values, value.dense_shape)

    def numpy(self) -> np.ndarray:
        """The whole as a NumPy array."""
        return np.asarray(self.to_dense())

    def __mul__(self, other: Any) -> SparseTensor:
        if np.ndim(unwrap(other)) == 0:
            return self.with_values(self.values * other)
        at = tuple(self._places.T)
        return self.with_values(
            apply(lambda v, o: v * jnp.broadcast_to(o, self._sizes)[at], (self.values, other), {}, "mul")
        )

    def __truediv__(self, other: Any) -> SparseTensor:
        return self.with_values(self.values / other) if np.ndim(unwrap(other)) == 0 else self * (1 / other)

    def __neg__(self) -> SparseTensor:
        return self * -1

    def __repr__(self) -> str:
        return f"SparseTensor(indices={self.indices!s}, values={self.values!s}, dense_shape={Tensor(np.asarray(self._sizes))!s})"


def from_dense(tensor: Any, name: str | None = None) -> SparseTensor:
    """``tf.sparse.from_dense``: the values that are not 0 (or empty)."""
    array = np.asarray(unwrap(tensor))
    places = np.argwhere(array != (b"" if is_text(array) else 0))
    return SparseTensor(places, array[tuple(places.T)], array.shape)


def to_dense(sp_input: Any, default_value: Any = None, validate_indices: bool = True, name: str | None = None) -> Any:
    """``tf.sparse.to_dense``: the whole; of ragged rows too."""
    if isinstance(sp_input, RaggedTensor):
        return sp_input.to_tensor(default_value)
    return sp_input.to_dense(default_value) if isinstance(sp_input, SparseTensor) else sp_input


def reorder(sp_input: SparseTensor, name: str | None = None) -> SparseTensor:
    """``tf.sparse.reorder``: the places in the order of the axes."""
    order = np.lexsort(sp_input._places.T[::-1])
    values = apply(lambda v: v[order], (sp_input.values,), {}, "reorder")
    return SparseTensor(sp_input._places[order], values, sp_input._sizes)


def sparse_dense_matmul(
    sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: str | None = None
) -> Any:
    """``tf.sparse.sparse_dense_matmul``: a product of a sparse and a dense matrix, of which either may be the first."""
    if not isinstance(sp_a, SparseTensor):
        turned = sparse_dense_matmul(b, sp_a, not adjoint_b, not adjoint_a)
        return apply(jnp.transpose, (turned,), {}, "transpose")
    rows, columns = sp_a._places.T[::-1] if adjoint_a else sp_a._places.T
    height = sp_a._sizes[1 if adjoint_a else 0]

    def multiply(values: Any, dense: Any) -> Any:
        dense = jnp.asarray(dense).T if adjoint_b else jnp.asarray(dense)
        return jax.ops.segment_sum(values[:, None] * dense[columns], jnp.asarray(rows), height)

    return apply(multiply, (sp_a.values, b), {}, "sparse_dense_matmul")


def transpose(sp_input: SparseTensor, perm: Any = None, name: str | None = None) -> SparseTensor:
    """``tf.sparse.transpose``."""
    axes = list(range(len(sp_input._sizes)))[::-1] if perm is None else [int(p) for p in perm]
    turned = SparseTensor(sp_input._places[:, axes], sp_input.values, [sp_input._sizes[a] for a in axes])
    return reorder(turned)


def reshape(sp_input: SparseTensor, shape: Any, name: str | None = None) -> SparseTensor:
    """``tf.sparse.reshape``."""
    flat = np.ravel_multi_index(tuple(sp_input._places.T), sp_input._sizes)
    wanted = np.empty(sp_input._sizes, bool).reshape([int(n) for n in shape]).shape
    return SparseTensor(np.stack(np.unravel_index(flat, wanted), -1), sp_input.values, wanted)


def expand_dims(sp_input: SparseTensor, axis: int = -1, name: str | None = None) -> SparseTensor:
    """``tf.sparse.expand_dims``."""
    return reshape(sp_input, np.expand_dims(np.empty(sp_input._sizes, bool), axis).shape)


def slice(sp_input: SparseTensor, start: Any, size: Any, name: str | None = None) -> SparseTensor:
    """``tf.sparse.slice``: a part."""
    low = np.asarray(unwrap(start))
    extent = np.minimum(np.asarray(unwrap(size)), np.asarray(sp_input._sizes) - low)
    inside = ((sp_input._places >= low) & (sp_input._places < low + extent)).all(1)
    values = apply(lambda v: v[np.flatnonzero(inside)], (sp_input.values,), {}, "slice")
    return SparseTensor(sp_input._places[inside] - low, values, extent)


def split(sp_input: SparseTensor, num_split: int, axis: int = 0, name: str | None = None) -> list[SparseTensor]:
    """``tf.sparse.split``: parts along an axis."""
    parts, start = [], np.zeros(len(sp_input._sizes), int)
    for piece in np.array_split(np.arange(sp_input._sizes[axis]), num_split):
        extent = list(sp_input._sizes)
        extent[axis], start[axis] = len(piece), piece[0]
        parts.append(slice(sp_input, start.copy(), extent))
    return parts


def concat(axis: int, sp_inputs: Any, name: str | None = None, **options: Any) -> SparseTensor:
    """``tf.sparse.concat``: one behind the other along an axis."""
    places, offset = [], 0
    for part in sp_inputs:
        moved = part._places.copy()
        moved[:, axis] += offset
        offset += part._sizes[axis]
        places.append(moved)
    total = [max(sizes) for sizes in zip(*(part._sizes for part in sp_inputs), strict=True)]
    total[axis] = offset
    values = apply(lambda parts: jnp.concatenate(parts), ([part.values for part in sp_inputs],), {}, "concat")
    return reorder(SparseTensor(np.concatenate(places), values, total))


def add(a: Any, b: Any, threshold: Any = 0, name: str | None = None) -> Any:
    """``tf.sparse.add``: a sum, which is sparse where both are, without sums of two that are below ``threshold``."""
    total = to_dense(a) + to_dense(b)
    if not (isinstance(a, SparseTensor) and isinstance(b, SparseTensor)):
        return total
    found = np.asarray(total)
    stored = np.zeros(found.shape, int)
    for each in (a, b):
        stored[tuple(np.asarray(unwrap(each.indices)).T)] += 1
    places = np.argwhere((stored == 1) | ((stored == 2) & (np.abs(found) >= np.asarray(unwrap(threshold)))))
    return SparseTensor(places, gather_nd(total, places), found.shape)


def eye(num_rows: int, num_columns: int | None = None, dtype: Any = "float32", name: str | None = None) -> SparseTensor:
    """``tf.sparse.eye``: ones on the diagonal."""
    columns = int(num_rows if num_columns is None else num_columns)
    along = np.arange(min(int(num_rows), columns))
    ones = Tensor(jnp.ones(len(along), dtype_of(dtype)))
    return SparseTensor(np.stack([along, along], 1), ones, (int(num_rows), columns))


def map_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> SparseTensor:
    """``tf.sparse.map_values``: a function of the values."""
    first = next(a for a in args if isinstance(a, SparseTensor))
    return first.with_values(op(*[a.values if isinstance(a, SparseTensor) else a for a in args], **kwargs))


def retain(sp_input: SparseTensor, to_retain: Any) -> SparseTensor:
    """``tf.sparse.retain``: some of the values."""
    kept = np.flatnonzero(np.asarray(unwrap(to_retain)))
    return SparseTensor(
        sp_input._places[kept], apply(lambda v: v[kept], (sp_input.values,), {}, "retain"), sp_input._sizes
    )


def _reduction(combine: Callable[..., Any], title: str) -> Callable[..., Any]:
    def reduce(sp_input: SparseTensor, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
        axes = tuple(int(a) for a in np.ravel(axis)) if axis is not None else None
        return apply(lambda x: combine(x, axis=axes, keepdims=keepdims), (to_dense(sp_input),), {}, title)

    reduce.__name__ = reduce.__qualname__ = title
    reduce.__doc__ = f"``tf.sparse.{title}``, as a dense tensor."
    return reduce


reduce_sum, reduce_max = _reduction(jnp.sum, "reduce_sum"), _reduction(jnp.max, "reduce_max")


def softmax(sp_input: SparseTensor, name: str | None = None) -> SparseTensor:
    """``tf.sparse.softmax``: over the values of each row."""
    rows = np.ravel_multi_index(tuple(sp_input._places[:, :-1].T), sp_input._sizes[:-1])
    number = int(np.prod(sp_input._sizes[:-1]))

    def normed(values: Any) -> Any:
        high = jax.ops.segment_max(values, rows, number)[rows]
        raised = jnp.exp(values - high)
        return raised / jax.ops.segment_sum(raised, rows, number)[rows]

    return sp_input.with_values(apply(normed, (sp_input.values,), {}, "softmax"))


def fill_empty_rows(sp_input: SparseTensor, default_value: Any, name: str | None = None) -> tuple[SparseTensor, Any]:
    """``tf.sparse.fill_empty_rows``: a value in the first place of each row that has none, and which rows these were."""
    empty = ~np.isin(np.arange(sp_input._sizes[0]), sp_input._places[:, 0])
    added = np.zeros((int(empty.sum()), len(sp_input._sizes)), int)
    added[:, 0] = np.flatnonzero(empty)
    values = np.concatenate([np.asarray(unwrap(sp_input.values)), np.full(len(added), unwrap(default_value))])
    return reorder(SparseTensor(np.concatenate([sp_input._places, added]), values, sp_input._sizes)), Tensor(empty)


def to_indicator(sp_input: SparseTensor, vocab_size: int, name: str | None = None) -> Any:
    """``tf.sparse.to_indicator``: whether each number is among a row's values."""
    rows = sp_input._places[:, 0]
    found = np.zeros((sp_input._sizes[0], int(vocab_size)), bool)
    found[rows, np.asarray(unwrap(sp_input.values))] = True
    return Tensor(jnp.asarray(found))


@define
def embedding_lookup_sparse(params: Any, sp_ids: Any, sp_weights: Any = None, combiner: str = "mean") -> Any:
    rows, ids = jnp.asarray(sp_ids._places[:, 0]), jnp.asarray(unwrap(sp_ids.values))
    weights = jnp.ones(len(rows)) if sp_weights is None else jnp.asarray(unwrap(sp_weights.values))
    number = sp_ids._sizes[0]
    total = jax.ops.segment_sum(params[ids] * weights[:, None], rows, number)
    if combiner == "sum":
        return total
    norm = jax.ops.segment_sum(weights if combiner == "mean" else weights**2, rows, number)
    norm = norm if combiner == "mean" else jnp.sqrt(norm)
    return total / jnp.where(norm == 0, 1, norm)[:, None]


def _of_two(function: Callable[..., Any]) -> Callable[..., Any]:
    def combine(sp_a: SparseTensor, sp_b: SparseTensor, name: str | None = None) -> SparseTensor:
        """The greater, or the smaller, of the values at each place."""
        found = function(np.asarray(sp_a.to_dense()), np.asarray(sp_b.to_dense()))
        places = np.unique(np.concatenate([sp_a._places, sp_b._places]), axis=0)
        return SparseTensor(places, found[tuple(places.T)], sp_a._sizes)

    return combine


maximum, minimum = _of_two(np.maximum), _of_two(np.minimum)


def reset_shape(sp_input: SparseTensor, new_shape: Any = None, name: str | None = None) -> SparseTensor:
    """``tf.sparse.reset_shape``: other sizes; without them those of the smallest box around the values."""
    sizes = sp_input._places.max(0, initial=-1) + 1 if new_shape is None else np.asarray(unwrap(new_shape))
    return SparseTensor(sp_input._places, sp_input.values, sizes)


def sparse_bincount(values: Any, weights: Any = None, axis: int | None = 0, minlength: Any = None, **options: Any) -> SparseTensor:  # fmt: skip
    """``tf.sparse.bincount``: how often each number comes, of all values, or with ``axis=-1`` of each row."""
    array = np.asarray(unwrap(values))
    heavy = None if weights is None else np.asarray(unwrap(weights))
    length = max(int(array.max(initial=-1)) + 1, int(minlength or 0))
    if axis == -1 and array.ndim == 2:
        rows = [np.bincount(row, None if heavy is None else heavy[i], length) for i, row in enumerate(array)]
        return from_dense(np.stack(rows))
    return from_dense(np.bincount(array.ravel(), None if heavy is None else heavy.ravel(), length))


def _sets(function: Callable[[set[Any], set[Any]], set[Any]]) -> Callable[..., Any]:
    def combine(a: Any, b: Any, validate_indices: bool = True, **options: Any) -> SparseTensor:
        """The rows of two tensors as sets, put together."""
        one, two = ([set(row) for row in np.asarray(unwrap(t.to_dense() if isinstance(t, SparseTensor) else t)).tolist()] for t in (a, b))  # fmt: skip
        rows = [sorted(function(x, y)) for x, y in zip(one, two, strict=True)]
        places = [[i, j] for i, row in enumerate(rows) for j in range(len(row))]
        given = a.dtype.name if hasattr(a, "dtype") else tensor_of_list(np.asarray(a)).dtype
        values = np.asarray([value for row in rows for value in row], None if given == "string" else given)
        return SparseTensor(np.asarray(places).reshape(-1, 2), values, [len(rows), max(map(len, rows), default=0)])

    return combine


intersection, union, difference = _sets(set.intersection), _sets(set.union), _sets(set.difference)


def set_size(a: SparseTensor, validate_indices: bool = True) -> Any:
    """``tf.sets.size``: how many elements each row has."""
    return Tensor(np.bincount(a._places[:, 0], minlength=a._sizes[0]).astype(np.int32))


doors.tensors.fill(sparse=SparseTensor)

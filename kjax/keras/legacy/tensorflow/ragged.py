"""`tf.RaggedTensor`: rows of different lengths, on the host."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.keras.core.doors import tensors
from kjax.keras.core.shapes import TensorShape
from kjax.keras.legacy.tensorflow.dtype import DType
from kjax.keras.legacy.tensorflow.operators import operator
from kjax.keras.legacy.tensorflow.tensor import OPERATORS, Tensor, apply, as_bytes, is_text, sizes, unwrap


class RaggedTensor:
    """Rows of different lengths: the values of all rows one after the other, and where rows begin.

    Args:
        rows: a list with an array, or a ragged tensor, for each row.
    """

    rows_differ = True
    """Tells functions of tensors that this is none, see :mod:`kjax.keras.legacy.tensorflow.ragged_calls`."""

    __array_priority__ = 300

    def __init__(self, rows: Sequence[Any]) -> None:
        items = list(rows)
        self._splits = np.cumsum([0, *map(len, items)])
        self._values: Any
        if items and all(isinstance(item, RaggedTensor) for item in items):
            inner = [item for item in items if len(item)] or items[:1]
            starts = np.cumsum([0, *(item._splits[-1] for item in inner)])
            splits = np.concatenate(
                [[0], *(item._splits[1:] + start for item, start in zip(inner, starts, strict=False))]
            )
            self._values = RaggedTensor.of(_joined([item.values for item in inner]), splits)
        else:
            self._values = _joined([Tensor(np.asarray(unwrap(item))) for item in items])

    @staticmethod
    def of(values: Any, row_splits: Any) -> RaggedTensor:
        """Rows cut from one tensor, which may be ragged itself.

        Args:
            values: the values.
            row_splits: where rows begin, and where the last one ends.
        """
        made = RaggedTensor.__new__(RaggedTensor)
        is_one = isinstance(values, (RaggedTensor, Tensor))
        made._values = values if is_one else Tensor(_array(values))
        made._splits = np.asarray(unwrap(row_splits), np.int64)
        return made

    @staticmethod
    def from_row_splits(values: Any, row_splits: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Rows cut from one array at places."""
        return RaggedTensor.of(values, row_splits)

    @staticmethod
    def from_row_lengths(values: Any, row_lengths: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Rows cut from one array by their lengths."""
        return RaggedTensor.of(values, np.cumsum([0, *np.asarray(unwrap(row_lengths)).tolist()]))

    @staticmethod
    def from_row_starts(values: Any, row_starts: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Rows cut from one array where they start."""
        return RaggedTensor.of(values, [*np.asarray(unwrap(row_starts)).tolist(), len(unwrap(values))])

    @staticmethod
    def from_row_limits(values: Any, row_limits: Any, name: Any = None, validate: bool = True) -> RaggedTensor:
        """Rows cut from one array where they end."""
        return RaggedTensor.of(values, [0, *np.asarray(unwrap(row_limits)).tolist()])

    @staticmethod
    def from_value_rowids(
        values: Any, value_rowids: Any, nrows: Any = None, name: Any = None, validate: bool = True
    ) -> RaggedTensor:
        """Rows of an array by the number of the row of each value."""
        ids = np.asarray(unwrap(value_rowids), np.int64)
        count = int(unwrap(nrows)) if nrows is not None else int(ids[-1]) + 1 if len(ids) else 0
        return RaggedTensor.from_row_lengths(values, np.bincount(ids, minlength=count))

    @staticmethod
    def from_uniform_row_length(
        values: Any, uniform_row_length: Any, nrows: Any = None, name: Any = None, validate: bool = True
    ) -> RaggedTensor:
        """Rows of one length."""
        length = int(unwrap(uniform_row_length))
        return RaggedTensor.of(values, np.arange(0, len(unwrap(values)) + 1, length))

    @staticmethod
    def from_nested_row_splits(
        flat_values: Any, nested_row_splits: Any, name: Any = None, validate: bool = True
    ) -> RaggedTensor:
        """Rows of rows, cut at places; the outermost first."""
        found = flat_values
        for splits in reversed(list(nested_row_splits)):
            found = RaggedTensor.of(found, splits)
        return found

    @staticmethod
    def from_nested_row_lengths(
        flat_values: Any, nested_row_lengths: Any, name: Any = None, validate: bool = True
    ) -> RaggedTensor:
        """Rows of rows by their lengths; the outermost first."""
        found = flat_values
        for lengths in reversed(list(nested_row_lengths)):
            found = RaggedTensor.from_row_lengths(found, lengths)
        return found

    @staticmethod
    def from_tensor(
        tensor: Any, lengths: Any = None, padding: Any = None, ragged_rank: int = 1, name: Any = None, **options: Any
    ) -> RaggedTensor:
        """The rows of an array, without what fills them up."""
        rows = list(np.asarray(unwrap(tensor)))
        if ragged_rank > 1:
            return RaggedTensor([RaggedTensor.from_tensor(row, None, padding, ragged_rank - 1) for row in rows])
        if lengths is not None:
            rows = [row[: int(n)] for row, n in zip(rows, unwrap(lengths), strict=True)]
        elif padding is not None:
            ends = [np.flatnonzero(row != unwrap(padding)) for row in rows]
            rows = [row[: int(end[-1]) + 1 if len(end) else 0] for row, end in zip(rows, ends, strict=True)]
        return RaggedTensor(rows)

    @staticmethod
    def from_sparse(st_input: Any, name: Any = None, **options: Any) -> RaggedTensor:
        """The stored values of a sparse matrix, row by row."""
        places = np.asarray(unwrap(st_input.indices))
        return RaggedTensor.from_value_rowids(st_input.values, places[:, 0], int(np.asarray(st_input.dense_shape)[0]))

    @property
    def rows(self) -> list[Any]:
        """An array, or a ragged tensor, for each row."""
        if isinstance(self._values, RaggedTensor):
            return [self._values[int(a) : int(b)] for a, b in itertools.pairwise(self._splits)]
        flat = np.asarray(self._values.value)
        return [flat[a:b] for a, b in itertools.pairwise(self._splits)]

    @property
    def shape(self) -> Any:
        """The sizes; None where they differ."""
        inner = self._values.shape
        return TensorShape((len(self), None, *inner[1:]))

    def get_shape(self) -> Any:
        """The sizes; None where they differ."""
        return self.shape

    @property
    def dtype(self) -> Any:
        """The type."""
        return self._values.dtype

    @property
    def ragged_rank(self) -> int:
        """Number of axes up to the last whose sizes differ."""
        return 1 + (self._values.ragged_rank if isinstance(self._values, RaggedTensor) else 0)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def values(self) -> Any:
        """The rows one after the other: a tensor, or a ragged one."""
        return self._values

    @property
    def flat_values(self) -> Tensor:
        """All values one after the other."""
        return self._values.flat_values if isinstance(self._values, RaggedTensor) else self._values

    @property
    def row_splits(self) -> Tensor:
        """Where rows begin, and where the last one ends."""
        return Tensor(self._splits)

    @property
    def nested_row_splits(self) -> tuple[Tensor, ...]:
        """The same for the rows of each ragged axis, the outermost first."""
        inner = self._values.nested_row_splits if isinstance(self._values, RaggedTensor) else ()
        return (self.row_splits, *inner)

    @property
    def uniform_row_length(self) -> None:
        """The length of all rows, where it is told by the type: it never is."""
        return None

    def with_values(self, new_values: Any) -> RaggedTensor:
        """Other values in the same rows."""
        return RaggedTensor.of(new_values, self._splits)

    def with_flat_values(self, new_values: Any) -> RaggedTensor:
        """Other values in rows of the same lengths."""
        if isinstance(self._values, RaggedTensor):
            new_values = self._values.with_flat_values(new_values)
        return RaggedTensor.of(new_values, self._splits)

    def with_row_splits_dtype(self, dtype: Any) -> RaggedTensor:
        """The same: places are 64-bit integers."""
        return self

    def row_lengths(self, axis: int = 1, name: str | None = None) -> Any:
        """The lengths of the rows; those of an inner axis as a ragged tensor."""
        if axis > 1:
            return self.with_values(self._values.row_lengths(axis - 1))
        return sizes(np.diff(self._splits))

    def nested_row_lengths(self, name: str | None = None) -> tuple[Any, ...]:
        """The lengths of the rows of each ragged axis, the outermost first."""
        return tuple(sizes(np.diff(splits.value)) for splits in self.nested_row_splits)

    def row_starts(self, name: str | None = None) -> Tensor:
        """Where rows begin."""
        return Tensor(self._splits[:-1])

    def row_limits(self, name: str | None = None) -> Tensor:
        """Where rows end."""
        return Tensor(self._splits[1:])

    def value_rowids(self, name: str | None = None) -> Tensor:
        """The number of the row of each value."""
        return Tensor(np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self._splits)))

    def nested_value_rowids(self, name: str | None = None) -> tuple[Tensor, ...]:
        """The same for the rows of each ragged axis, the outermost first."""
        inner = self._values.nested_value_rowids() if isinstance(self._values, RaggedTensor) else ()
        return (self.value_rowids(), *inner)

    def nrows(self, out_type: Any = None, name: str | None = None) -> Any:
        """Number of rows."""
        return Tensor(np.asarray(len(self)))

    def bounding_shape(self, axis: Any = None, name: Any = None, out_type: Any = None) -> Any:
        """The sizes of the smallest array that all rows fit into."""
        return sizes(self.to_tensor().value.shape) if axis is None else self.to_tensor().value.shape[axis]

    def to_list(self) -> list[Any]:
        """The rows as lists."""
        return [row.to_list() if isinstance(row, RaggedTensor) else row.tolist() for row in self.rows]

    def to_tensor(self, default_value: Any = None, name: str | None = None, shape: Any = None) -> Tensor:
        """The rows filled up to the length of the longest.

        Args:
            default_value: what they are filled up with; 0 or the empty string by default.
            name: accepted.
            shape: sizes to cut or fill up to; None keeps one.
        """
        values: Any = self._values
        if isinstance(values, RaggedTensor):
            inner = None if shape is None else [None, *list(shape)[2:]]
            values = values.to_tensor(default_value, shape=inner)
        lengths = np.diff(self._splits)
        wanted = [None, None] if shape is None else [*list(shape), None][:2]
        count = len(self) if wanted[0] is None else int(wanted[0])
        longest = int(lengths.max(initial=0)) if wanted[1] is None else int(wanted[1])
        places = np.full((count, longest), -1)
        for i in range(min(count, len(self))):
            n = min(int(lengths[i]), longest)
            places[i, :n] = self._splits[i] + np.arange(n)
        if is_text(values.value):
            texts = values.value if len(values.value) else as_bytes([b""])
            fill = b"" if default_value is None else as_bytes(unwrap(default_value)).item()
            seen = (places >= 0).reshape(*places.shape, *[1] * (texts.ndim - 1))
            return Tensor(np.where(seen, texts[places], fill))

        def fill_up(flat: Any, default: Any) -> Any:
            flat = jnp.asarray(flat)
            flat = flat if len(flat) else jnp.zeros((1, *flat.shape[1:]), flat.dtype)
            seen = jnp.asarray(places >= 0).reshape(*places.shape, *[1] * (flat.ndim - 1))
            return jnp.where(seen, flat[places], jnp.asarray(default, flat.dtype))

        return apply(fill_up, (values, 0 if default_value is None else default_value), {}, "to_tensor")

    def to_sparse(self, name: str | None = None) -> Any:
        """The values at their places, as a sparse tensor."""
        lengths = np.diff(self._splits)
        columns = [np.arange(n) for n in lengths]
        places = np.stack([np.repeat(np.arange(len(self)), lengths), np.concatenate([*columns, []])], 1)
        return tensors.sparse(places.astype(np.int64), self.flat_values, [len(self), int(lengths.max(initial=0))])

    def numpy(self) -> np.ndarray:
        """An array of the rows."""
        rows = [row.numpy() if isinstance(row, RaggedTensor) else np.asarray(row) for row in self.rows]
        if len({len(row) for row in rows}) == 1:
            return np.stack(rows)
        found = np.empty(len(rows), object)
        found[:] = rows
        return found

    def merge_dims(self, outer_axis: int, inner_axis: int) -> Any:
        """Axes as one, from the first to the last of them."""
        if outer_axis == 0:
            values: Any = self._values
            return values if inner_axis == 1 else values.merge_dims(0, inner_axis - 1)
        if not isinstance(self._values, RaggedTensor):
            size = int(np.prod(self._values.shape[1:inner_axis]))
            return RaggedTensor.of(
                apply(lambda flat: flat.reshape(-1, *flat.shape[inner_axis:]), (self._values,), {}, "reshape"), self._splits * size
            )  # fmt: skip
        if outer_axis > 1:
            return self.with_values(self._values.merge_dims(outer_axis - 1, inner_axis - 1))
        merged = self._values.merge_dims(0, inner_axis - 1)
        splits = self._splits
        inner: Any = self._values
        for _ in range(inner_axis - 1):
            splits = inner._splits[splits]
            inner = inner.values
        return RaggedTensor.of(merged, splits)

    def __len__(self) -> int:
        return len(self._splits) - 1

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):
            first, rest = key[0], key[1] if len(key) == 2 else key[1:]
            if isinstance(first, slice):
                rows = self[first]
                if isinstance(rest, (slice, tuple)) or rows.ragged_rank > 1:
                    return RaggedTensor([row[rest] for row in rows.rows])
                return self._column(rows, int(unwrap(rest)))
            return self[first][rest]
        if isinstance(key, slice):
            return tensors.rows_at(self, np.arange(len(self))[key])
        number = range(len(self))[int(unwrap(key))]
        return self._values[int(self._splits[number]) : int(self._splits[number + 1])]

    @staticmethod
    def _column(rows: RaggedTensor, number: int) -> Any:
        """The value of each row at a place, in rows of one, or of none where there is none."""
        return RaggedTensor([row[number : number + 1 or None] for row in rows.rows])

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {_list_text(self)}>"


def _list_text(tensor: RaggedTensor) -> str:
    """The rows as TensorFlow shows them."""
    parts = []
    for row in tensor.rows:
        parts.append(_list_text(row) if isinstance(row, RaggedTensor) else str(row.tolist()))
    return f"[{', '.join(parts)}]"


def _array(values: Any) -> Any:
    array = np.asarray(values) if not isinstance(values, jax.Array) else values
    if is_text(array):
        return as_bytes(array)
    kinds = {"float64": np.float32, "int64": np.int32}
    python = isinstance(values, (list, tuple))
    return array.astype(kinds.get(str(array.dtype), array.dtype)) if python else array


def _joined(parts: list[Any]) -> Any:
    """Values one behind the other; those of empty rows, whose type nobody told, do not count."""
    if any(isinstance(part, RaggedTensor) for part in parts):
        return parts[0] if len(parts) == 1 else tensors.join_rows(parts)
    arrays = [np.asarray(part.value) for part in parts]
    filled = [array for array in arrays if len(array)] or arrays[:1]
    return Tensor(np.concatenate(filled) if filled else np.zeros(0, np.float32))


_FLOAT32, _INT64 = DType("float32"), DType("int64")


@dataclasses.dataclass(frozen=True)
class RaggedTensorSpec:
    """``tf.RaggedTensorSpec``: what is known of a ragged tensor.

    Args:
        shape: its sizes, None where they are free or differ.
        dtype: its type.
        ragged_rank: the number of axes up to the last whose sizes differ; by default all but the first.
        row_splits_dtype: type of the places where rows are cut.
    """

    shape: Any = None
    dtype: Any = _FLOAT32
    ragged_rank: int | None = None
    row_splits_dtype: Any = _INT64
    any_shape: bool = dataclasses.field(init=False, repr=False, default=False)

    def __post_init__(self) -> None:
        if self.shape is None and self.ragged_rank is None:
            raise ValueError("tf.RaggedTensorSpec: give `shape` or `ragged_rank`")
        object.__setattr__(self, "any_shape", self.shape is None)
        object.__setattr__(self, "shape", None if self.shape is None else TensorShape(self.shape))
        if self.ragged_rank is None:
            object.__setattr__(self, "ragged_rank", len(self.shape or ()) - 1)
        if self.shape is not None and self.ragged_rank and self.ragged_rank >= len(self.shape):
            raise ValueError(
                f"tf.RaggedTensorSpec: `ragged_rank` {self.ragged_rank} must be less than the number of axes of {self.shape}"
            )

    @staticmethod
    def from_value(value: RaggedTensor) -> RaggedTensorSpec:
        """That of a ragged tensor."""
        return RaggedTensorSpec(value.shape, value.dtype, value.ragged_rank)

    @property
    def value_type(self) -> type[RaggedTensor]:
        """The class of what it describes."""
        return RaggedTensor

    def is_compatible_with(self, value: Any) -> bool:
        """Whether a ragged tensor is of this type and these sizes."""
        fits = self.shape is None or self.shape.is_compatible_with(value.shape)
        return isinstance(value, RaggedTensor) and str(value.dtype) == str(self.dtype) and fits

    def __repr__(self) -> str:
        shape = "None" if self.shape is None else f"[{', '.join(map(str, self.shape))}]"
        return (
            f"RaggedTensorSpec(TensorShape({shape}), tf.{self.dtype}, {self.ragged_rank}, tf.{self.row_splits_dtype})"
        )


for _name, _compute in OPERATORS.items():
    if _name != "__getitem__":
        setattr(RaggedTensor, _name, operator(_compute))
RaggedTensor.__eq__ = operator(jnp.equal)  # type: ignore[assignment]
RaggedTensor.__ne__ = operator(jnp.not_equal)  # type: ignore[assignment]


def ragged(rows: Any) -> Any:
    """Lists of different lengths as a ragged tensor.

    Args:
        rows: lists, with lists inside where there are more axes.
    """
    if any(isinstance(row, (list, tuple)) and any(isinstance(v, (list, tuple)) for v in row) for row in rows):
        return RaggedTensor([ragged(row) for row in rows])
    return RaggedTensor([_row(row) for row in rows])


def _row(values: Any) -> np.ndarray:
    array = np.asarray(values)
    if is_text(array):
        return as_bytes(array)
    kinds = {np.dtype(np.float64): np.float32, np.dtype(np.int64): np.int32}  # as for lists of numbers
    return array.astype(kinds.get(array.dtype, array.dtype))


def constant(pylist: Any, dtype: Any = None, **options: Any) -> RaggedTensor:
    """``tf.ragged.constant``."""
    found = ragged(pylist)
    if dtype is not None and str(dtype) != "string":
        found = RaggedTensor([row.astype(str(dtype)) for row in found.rows])
    return found


def stack(values: Any, axis: int = 0, name: str | None = None) -> RaggedTensor:
    """``tf.ragged.stack``: arrays of different lengths as rows."""
    if axis != 0:
        raise NotImplementedError(f"tf.ragged.stack puts rows below each other (axis=0), received axis={axis}")
    return RaggedTensor([np.asarray(unwrap(v)) for v in values])


def map_flat_values(op: Any, *args: Any, **kwargs: Any) -> Any:
    """``tf.ragged.map_flat_values``: a function of all values, with the same rows."""
    lengths = next(np.asarray(a.row_lengths()) for a in args if isinstance(a, RaggedTensor))
    flat = op(*[a.flat_values if isinstance(a, RaggedTensor) else a for a in args], **kwargs)
    return RaggedTensor.from_row_lengths(flat, lengths)


def boolean_mask(data: Any, mask: Any, name: str | None = None) -> RaggedTensor:
    """``tf.ragged.boolean_mask``: of each row what its mask lets through."""
    rows = data.rows if isinstance(data, RaggedTensor) else np.asarray(unwrap(data))
    masks = mask.rows if isinstance(mask, RaggedTensor) else np.asarray(unwrap(mask))
    return RaggedTensor([np.asarray(row)[np.asarray(m, bool)] for row, m in zip(rows, masks, strict=True)])


def row_ranges(starts: Any, limits: Any = None, deltas: Any = 1, dtype: Any = None, **options: Any) -> RaggedTensor:
    """``tf.ragged.range``: numbers from a start to a limit, row by row."""
    first, last = (0, starts) if limits is None else (starts, limits)
    each = np.broadcast_arrays(*[np.asarray(unwrap(v)) for v in (first, last, deltas)])
    return RaggedTensor(
        [np.arange(*bounds, dtype=dtype and str(dtype)) for bounds in zip(*map(np.ravel, each), strict=True)]
    )

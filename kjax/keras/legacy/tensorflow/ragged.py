"""`tf.RaggedTensor`: rows of different lengths, on the host."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.core.shapes import TensorShape
from kjax.keras.legacy.tensorflow.dtype import DType
from kjax.keras.legacy.tensorflow.tensor import Tensor, as_bytes, is_text, sizes, unwrap


class RaggedTensor:
    """Rows of different lengths.

    Args:
        rows: a list with an array, or a ragged tensor, for each row.
    """

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = list(rows)

    @staticmethod
    def from_row_lengths(values: Any, row_lengths: Any, **options: Any) -> RaggedTensor:
        """Rows cut from one array by their lengths."""
        ends = np.cumsum(np.asarray(unwrap(row_lengths)))
        return RaggedTensor(np.split(np.asarray(unwrap(values)), ends)[: len(ends)])

    @staticmethod
    def from_row_splits(values: Any, row_splits: Any, **options: Any) -> RaggedTensor:
        """Rows cut from one array at places."""
        return RaggedTensor.from_row_lengths(values, np.diff(np.asarray(unwrap(row_splits))))

    @staticmethod
    def from_tensor(tensor: Any, lengths: Any = None, padding: Any = None) -> RaggedTensor:
        """The rows of an array, without what fills them up."""
        rows = list(np.asarray(unwrap(tensor)))
        if lengths is not None:
            rows = [row[: int(n)] for row, n in zip(rows, unwrap(lengths), strict=True)]
        elif padding is not None:
            ends = [np.flatnonzero(row != padding) for row in rows]
            rows = [row[: int(end[-1]) + 1 if len(end) else 0] for row, end in zip(rows, ends, strict=True)]
        return RaggedTensor(rows)

    @property
    def shape(self) -> Any:
        """The sizes; None where they differ."""
        from kjax.keras.core.shapes import TensorShape

        inner = [row.shape[1:] for row in self.rows[:1]]
        return TensorShape((len(self.rows), None, *(inner[0] if inner else ())))

    @property
    def dtype(self) -> Any:
        """The type."""
        return self.flat_values.dtype

    @property
    def ragged_rank(self) -> int:
        """Number of axes up to the last whose sizes differ."""
        inner = [row.ragged_rank for row in self.rows if isinstance(row, RaggedTensor)]
        return 1 + max(inner, default=0)

    @property
    def flat_values(self) -> Tensor:
        """All values one after the other."""
        flat = [row.flat_values.value if isinstance(row, RaggedTensor) else row for row in self.rows]
        filled = [row for row in flat if len(row)]
        return Tensor(np.concatenate(filled) if filled else np.zeros(0, np.float32))

    values = flat_values

    def with_flat_values(self, new_values: Any) -> RaggedTensor:
        """Other values in rows of the same lengths."""
        values, start, rows = np.asarray(unwrap(new_values)), 0, []
        for row in self.rows:
            size = len(row.flat_values) if isinstance(row, RaggedTensor) else len(row)
            part = values[start : start + size]
            rows.append(row.with_flat_values(part) if isinstance(row, RaggedTensor) else part)
            start += size
        return RaggedTensor(rows)

    def row_lengths(self, axis: int = 1, name: str | None = None) -> Any:
        """The lengths of the rows."""
        return sizes([len(row) for row in self.rows])

    def nrows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def bounding_shape(self, axis: Any = None) -> Any:
        """The sizes of the smallest array that all rows fit into."""
        return sizes(self.to_tensor().value.shape) if axis is None else self.to_tensor().value.shape[axis]

    def to_list(self) -> list[Any]:
        """The rows as lists."""
        return [row.to_list() if isinstance(row, RaggedTensor) else row.tolist() for row in self.rows]

    def to_tensor(self, default_value: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
        """The rows filled up to the length of the longest.

        Args:
            default_value: what they are filled up with; 0 or the empty string by default.
            shape: sizes to cut or fill up to; None keeps one.
        """
        rows = [row.to_tensor(default_value).value if isinstance(row, RaggedTensor) else row for row in self.rows]
        tail = np.max([row.shape[1:] for row in rows], axis=0).astype(int).tolist() if rows else []
        longest = max((len(row) for row in rows), default=0)
        wanted = list(shape)[1:] if shape is not None else [None] * (1 + len(tail))
        full = [int(w) if w is not None else n for w, n in zip(wanted, [longest, *tail], strict=False)]
        text = any(is_text(row) for row in rows)
        fill: Any = unwrap(default_value) if default_value is not None else (b"" if text else 0)
        dtype = object if text else next((row.dtype for row in rows if len(row)), np.dtype("float32"))
        found = np.full((len(rows), *full), fill, dtype)
        for place, row in zip(found, rows, strict=True):
            part = tuple(slice(0, min(a, b)) for a, b in zip(place.shape, row.shape, strict=True))
            place[part] = row[part]
        return Tensor(found if text else jnp.asarray(found))

    def numpy(self) -> np.ndarray:
        """An array of the rows."""
        rows = [row.numpy() if isinstance(row, RaggedTensor) else np.asarray(row) for row in self.rows]
        if len({len(row) for row in rows}) == 1:
            return np.stack(rows)
        found = np.empty(len(rows), object)
        found[:] = rows
        return found

    def merge_dims(self, outer_axis: int, inner_axis: int) -> Any:
        """Two axes as one: what splitting characters and joining words need."""
        if outer_axis == 0:
            return self.flat_values
        return RaggedTensor(
            [row.flat_values.value if isinstance(row, RaggedTensor) else row.ravel() for row in self.rows]
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        return (row if isinstance(row, RaggedTensor) else Tensor(row) for row in self.rows)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):
            first, rest = key[0], key[1] if len(key) == 2 else key[1:]
            if isinstance(first, slice):
                return RaggedTensor([row[rest] for row in self.rows[first]])
            return self[first][rest]
        if isinstance(key, slice):
            return RaggedTensor(self.rows[key])
        row = self.rows[int(key)]
        return row if isinstance(row, RaggedTensor) else Tensor(row)

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {self.to_list()}>"


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

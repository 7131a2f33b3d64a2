"""Foreign arrays as host arrays: tensors of other libraries, tables, sparse matrices, files that are read row by row."""

from __future__ import annotations

from typing import Any

import numpy as np

NEAR = 32
"""Rows of a file that are at most so far apart are read in one piece: a seek costs more than the rows between."""


def is_sparse(thing: Any) -> bool:
    """Whether it is a SciPy sparse matrix or array."""
    return type(thing).__module__.startswith("scipy.sparse") and hasattr(thing, "tocsr")


def module_of(thing: Any) -> str:
    """Name of the module that has the type of ``thing``."""
    return type(thing).__module__


def _of_scipy(thing: Any) -> Any:
    """A sparse matrix of JAX as one of SciPy.

    Raises:
        ValueError: it has not two axes, or SciPy is not installed.
    """
    if thing.ndim != 2:
        raise ValueError(f"sparse data have two axes, received shape {tuple(thing.shape)}; pass x.todense()")
    try:
        from scipy.sparse import coo_matrix
    except ImportError:
        raise ValueError("sparse arrays as data need SciPy (pip install scipy), or pass x.todense()") from None
    stored, places = np.asarray(thing.data), np.asarray(thing.indices)
    inside = (places < np.asarray(thing.shape)).all(axis=1)  # the others only fill the room
    return coo_matrix((stored[inside], tuple(places[inside].T)), shape=tuple(thing.shape))


def is_table(thing: Any) -> bool:
    """Whether it is a table or column of pandas, polars and the like."""
    return hasattr(thing, "to_numpy") and (hasattr(thing, "columns") or hasattr(thing, "name"))


def host_array(thing: Any) -> Any:
    """What ``thing`` is on the host, without a copy where that is possible.

    Args:
        thing: an array, a tensor of JAX, PyTorch or TensorFlow, a table or column, a sparse matrix, an HDF5 data set,
            or anything else that can be sliced and has a shape.

    Returns:
        A NumPy array; or, for what must not be read whole, an object with ``shape``, ``dtype`` and rows that are read
        when they are asked for; or ``thing`` itself when it is none of these.
    """
    if isinstance(thing, np.ndarray):
        return thing
    if is_sparse(thing):
        return SparseRows(thing)
    if module_of(thing).startswith("jax.experimental.sparse"):
        return SparseRows(_of_scipy(thing))
    if is_table(thing):
        return thing.to_numpy()
    module = module_of(thing)
    if module.startswith("h5py"):
        return FileRows(thing) if getattr(thing, "ndim", 0) else thing
    if module.startswith("torch") and hasattr(thing, "detach"):
        return thing.detach().cpu().numpy()
    if hasattr(thing, "shape") and not isinstance(getattr(thing, "dtype", None), np.dtype):
        # A tensor whose type is not one of NumPy's: TensorFlow's, for one.
        if hasattr(thing, "numpy") or hasattr(thing, "__array__"):
            return np.asarray(thing)
    if module.startswith(("jax", "jaxlib")) and hasattr(thing, "__array__"):
        return np.asarray(thing)
    return thing


def whole(thing: Any) -> np.ndarray:
    """A NumPy array of everything that ``thing`` holds."""
    found = host_array(thing)
    return found[:] if isinstance(found, (SparseRows, FileRows)) else np.asarray(found)


class SparseRows:
    """A SciPy sparse matrix as rows that become dense when they are read, a batch at a time.

    Args:
        matrix: two-dimensional, of any sparse format.
    """

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix.tocsr()
        self.shape = tuple(self.matrix.shape)
        self.dtype = np.dtype(self.matrix.dtype)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, slice) and rows.step in (None, 1) and rows.start is None and rows.stop is None:
            return self.matrix.toarray()
        return self.matrix[rows].toarray()

    def part(self, low: int, high: int) -> SparseRows:
        """The rows from ``low`` to ``high``."""
        return SparseRows(self.matrix[low:high])


class FileRows:
    """Rows of a data set in a file (HDF5), in any order; what lies near each other is read in one piece.

    Args:
        dataset: has ``shape``, ``dtype`` and slices; it is read from one thread at a time.
        low: first row.
        high: row after the last one; all by default.
    """

    def __init__(self, dataset: Any, low: int = 0, high: int | None = None) -> None:
        self.dataset = dataset
        self.low = low
        count = (dataset.shape[0] if high is None else high) - low
        self.shape = (count, *dataset.shape[1:])
        self.dtype = np.dtype(dataset.dtype)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            return np.asarray(self.dataset[self.low + start : self.low + stop : step])
        rows = np.asarray(rows)
        if rows.ndim == 0:
            return np.asarray(self.dataset[self.low + int(rows)])
        order = np.argsort(rows, kind="stable")
        wanted = rows[order]
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        cuts = np.flatnonzero(np.diff(wanted) > NEAR) + 1
        for piece in np.split(np.arange(len(rows)), cuts):
            if len(piece):
                first, last = int(wanted[piece[0]]), int(wanted[piece[-1]])
                block = np.asarray(self.dataset[self.low + first : self.low + last + 1])
                out[order[piece]] = block[wanted[piece] - first]
        return out

    def part(self, low: int, high: int) -> FileRows:
        """The rows from ``low`` to ``high``."""
        return FileRows(self.dataset, self.low + low, self.low + high)

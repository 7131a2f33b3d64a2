"""HDF5 in Keras 2's utilities: a slice of a data set as an array of samples, and a group as a dict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


class HDF5Matrix:
    """A data set in an HDF5 file, or a stretch of it, that ``fit`` reads batch by batch.

    Args:
        datapath: path of the file.
        dataset: name of the data set in it.
        start: first sample.
        end: sample to stop before; the end of the data set by default.
        normalizer: function applied to what is read.

    Raises:
        ValueError: a stretch that does not lie in the data set.
    """

    def __init__(
        self,
        datapath: str,
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ) -> None:
        import h5py

        self._file = h5py.File(datapath, "r")
        if dataset not in self._file:
            names = list(self._file)
            self._file.close()
            raise KeyError(f"{datapath} has no data set {dataset!r}; it has {names}")
        self.data = self._file[dataset]
        length = self.data.shape[0]  # type: ignore[union-attr]
        self.start, self.end = start, length if end is None else end
        if not 0 <= self.start <= self.end <= length:
            raise ValueError(f"HDF5Matrix: samples {start} to {end} do not lie in {dataset!r}, which has {length}")
        self.normalizer = normalizer

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            low, high, stride = key.indices(len(self))
            found = self.data[low + self.start : high + self.start : stride]  # type: ignore[index]
        elif isinstance(key, (int, np.integer)):
            found = self.data[self._inside(np.asarray([key]))[0]]  # type: ignore[index]
        else:
            rows = self._inside(np.asarray(key))
            # HDF5 reads rows in rising order only, each once.
            unique, back = np.unique(rows, return_inverse=True)
            found = self.data[unique][back]  # type: ignore[index]
        return found if self.normalizer is None else self.normalizer(found)

    def _inside(self, rows: np.ndarray) -> np.ndarray:
        rows = np.where(rows < 0, rows + len(self), rows)
        if rows.size and (rows.min() < 0 or rows.max() >= len(self)):
            raise IndexError(f"HDF5Matrix: sample out of range, there are {len(self)}")
        return rows + self.start

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what is read."""
        return (len(self), *self._sample().shape[1:])

    @property
    def dtype(self) -> Any:
        """Type of what is read."""
        return self._sample().dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape))

    def _sample(self) -> Any:
        """The data set, or where there is a normalizer what it makes of one sample."""
        return self.data if self.normalizer is None else self[:1]


class H5Dict:
    """A group of an HDF5 file with the methods of a dict.

    Args:
        path: path of a file, or an open ``h5py.Group``, or a dict that plays its part.
        mode: ``'r'`` reads; ``'w'`` and ``'a'`` write.
    """

    def __init__(self, path: Any, mode: str = "a") -> None:
        import h5py

        self._owned = not isinstance(path, (h5py.Group, dict))
        self.data: Any = h5py.File(path, mode) if self._owned else path
        self.read_only = mode == "r"

    def __setitem__(self, name: str, value: Any) -> None:
        if self.read_only:
            raise ValueError("this H5Dict was opened for reading only")
        if isinstance(self.data, dict):
            self.data[name] = value
            return
        if isinstance(value, dict):
            group = H5Dict(self.data.require_group(name), "a")
            for key, inner in value.items():
                group[key] = inner
            return
        if name in self.data:
            raise KeyError(f"cannot set {name!r}: the group has it already")
        if isinstance(value, (str, bytes)) or (isinstance(value, (list, tuple)) and _strings(value)):
            self.data.attrs[name] = value
        else:
            self.data[name] = np.asarray(value)

    def __getitem__(self, name: str) -> Any:
        if isinstance(self.data, dict):
            return self.data[name]
        if name in self.data.attrs:
            return self.data.attrs[name]
        if name in self.data:
            found = self.data[name]
            return found[()] if hasattr(found, "dtype") else H5Dict(found, "r" if self.read_only else "a")
        if self.read_only:
            raise KeyError(f"the group has no {name!r}; it has {sorted([*self.data, *self.data.attrs])}")
        return H5Dict(self.data.require_group(name), "a")

    def __contains__(self, name: str) -> bool:
        return name in self.data or (not isinstance(self.data, dict) and name in self.data.attrs)

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def get(self, name: str, default: Any = None) -> Any:
        """The entry, or ``default``."""
        if name in self:
            return self[name]
        return default

    def iter(self) -> Iterator[str]:
        """The names."""
        return iter(self)

    def update(self, *others: Any, **entries: Any) -> None:
        """Set entries from dicts and keywords."""
        for key, value in dict(*others, **entries).items():
            self[key] = value

    def close(self) -> None:
        """Close the file, if this object opened it."""
        if self._owned:
            self.data.close()

    def __enter__(self) -> H5Dict:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()


h5dict = H5Dict


def _strings(values: Any) -> bool:
    return all(isinstance(value, (str, bytes)) for value in values)

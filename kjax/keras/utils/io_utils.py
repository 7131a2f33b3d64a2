"""``keras.utils.io_utils`` of Keras 1 and 2."""

from __future__ import annotations

from typing import Any

import numpy as np

from kjax.keras.utils.hdf5 import H5Dict as H5Dict
from kjax.keras.utils.hdf5 import HDF5Matrix as HDF5Matrix
from kjax.keras.utils.hdf5 import h5dict as h5dict


def ask_to_proceed_with_overwrite(filepath: object) -> bool:
    """Ask on the terminal whether a file may be overwritten."""
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n] ").strip().lower()
    return answer == "y"


def _tables() -> Any:
    try:
        import tables
    except ImportError as error:
        raise ImportError("save_array and load_array keep arrays by PyTables: run `pip install tables`") from error
    return tables


def save_array(array: Any, name: str) -> None:
    """Write an array to a file by PyTables, as Keras 1 did.

    Args:
        array: the array.
        name: path of the file.

    Raises:
        ImportError: PyTables is not installed.
    """
    tables = _tables()
    with tables.open_file(name, "w") as file:
        kept = file.create_carray(file.root, "data", tables.Atom.from_dtype(array.dtype), array.shape)
        kept[:] = array


def load_array(name: str) -> np.ndarray:
    """The array in a file of :func:`save_array`.

    Args:
        name: path of the file.

    Raises:
        ImportError: PyTables is not installed.
    """
    with _tables().open_file(name) as file:
        return file.root.data[:]

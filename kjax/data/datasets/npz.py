"""Reads `.npz` files; arrays of lists through the restricted unpickler, never by `allow_pickle`."""

from __future__ import annotations

import pickle
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from kjax.data.datasets.storage import storage_error
from kjax.data.datasets.unpickle import restricted_load
from kjax.data.errors import CorruptFileError

MAX_BYTES = 2 << 30
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,  # an encrypted member
)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an `.npz` file by name.

    Raises:
        CorruptFileError: it is not a zip file of arrays, or damaged, or larger than any data set.
        StorageError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES} bytes of arrays")
            arrays = {}
            for member in members:
                with archive.open(member) as stream:
                    arrays[member.filename.removesuffix(".npy")] = _read_array(stream)
            return arrays
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise CorruptFileError(f"{path} is damaged or truncated ({reason})") from error
    except OSError as error:
        raise storage_error(path, error, "read") from error


def _read_array(stream: IO[bytes]) -> np.ndarray:
    version = npy_format.read_magic(stream)
    read_header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"unknown version {version} of the array format")
    shape, fortran, dtype = read_header(stream)
    # One byte more than expected makes the zip reader reach the end, where it compares the check sum.
    if dtype.hasobject:
        array = restricted_load(stream.read())
        if not isinstance(array, np.ndarray) or array.dtype != object or array.shape != shape:
            raise ValueError("an array of lists of another shape than its header says")
        return array
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if size > MAX_BYTES:
        raise ValueError(f"an array of {size} bytes")
    data = bytearray(stream.read(size + 1))
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes for an array of {size}")
    return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")

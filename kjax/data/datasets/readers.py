"""How the files of the data sets are read, apart from `.npz`: JSON, IDX (the MNIST format), CIFAR batches."""

from __future__ import annotations

import gzip
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from kjax.data.datasets.storage import storage_error, storage_errors
from kjax.data.datasets.unpickle import restricted_load
from kjax.data.errors import CorruptFileError

_MAX_IDX_BYTES = 1 << 28
_UNSIGNED_BYTES = 8  # the code of the only type of values that the MNIST family uses


def read_json(path: Path) -> Any:
    """The content of a JSON file in UTF-8."""
    try:
        with storage_errors(path, "read"):
            return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{path} is damaged or truncated ({error})") from error


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in a gzip-compressed IDX file.

    The format (http://yann.lecun.com/exdb/mnist/): two zero bytes, the type of the values, the number of
    axes, then the length of each axis as a big-endian 32-bit integer, then the values in C order.
    """
    try:
        with gzip.open(path, "rb") as file:
            data = bytearray(file.read(_MAX_IDX_BYTES))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CorruptFileError(f"{path} is damaged or truncated ({error})") from error
    except OSError as error:
        raise storage_error(path, error, "read") from error
    if len(data) < 4 or data[:3] != bytes([0, 0, _UNSIGNED_BYTES]):
        raise CorruptFileError(f"{path} is not a file of the IDX format with uint8 values")
    start = 4 + 4 * data[3]
    shape = tuple(int(size) for size in np.frombuffer(data[4:start], dtype=">u4"))
    if len(shape) != data[3] or len(data) - start != int(np.prod(shape, dtype=np.int64)):
        raise CorruptFileError(f"{path} is damaged: {len(data)} bytes do not fit the shape {shape} in its header")
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)


def read_batch(path: Path) -> dict[str, Any]:
    """The dictionary in a CIFAR batch, with keys as text; the pictures are a uint8 array (pictures, 3072).

    The format (https://www.cs.toronto.edu/~kriz/cifar.html) is a pickle of Python 2.
    """
    try:
        with storage_errors(path, "read"):
            data = path.read_bytes()
        content = restricted_load(data, encoding="bytes")
    except pickle.UnpicklingError as error:
        raise CorruptFileError(f"{path} is damaged or truncated ({error})") from error
    if not isinstance(content, dict):
        raise CorruptFileError(f"{path} is not a CIFAR batch: it holds a {type(content).__name__}, not a dictionary")
    return {key.decode("latin1") if isinstance(key, bytes) else str(key): value for key, value in content.items()}

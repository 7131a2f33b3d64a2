"""Reads pickled data sets without running anything that a pickle asks for.

The batches of CIFAR are pickles, and so are the arrays of lists in `imdb.npz` and `reuters.npz`. A plain
unpickler calls whatever the file names. This one knows plain Python values and NumPy arrays, and even those
it does not let the file build: it collects their description and builds them itself, after checking it.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable
from typing import IO, Any

import numpy as np

_DTYPES = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})


class _Function:
    """What a pickle gets when it names an allowed function: it can call it, and change nothing about it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise pickle.UnpicklingError(f"the file tries to change {name!r} of a function")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("the file tries to change a function")


class _DType:
    """The description of a dtype: a type code such as "u1" and a byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, *flags: Any) -> None:
        self.code = _text(code)
        self.order = "|"

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, subdtype, names, fields, ...)
        if not isinstance(state, tuple) or len(state) < 5 or state[2:5] != (None, None, None):
            raise pickle.UnpicklingError("the file holds an array of structured values")
        self.order = _text(state[1])

    def resolve(self) -> np.dtype:
        if self.order not in ("|", "<", ">", "="):
            raise pickle.UnpicklingError(f"the file holds an array of unknown byte order {self.order!r}")
        if self.code not in _DTYPES:
            raise pickle.UnpicklingError(f"the file holds an array of type {self.code!r}")
        return np.dtype(self.code).newbyteorder(self.order)


class _Array:
    """The description of an array, completed by `__setstate__`; replaced by the array after loading."""

    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array = np.empty((0,), dtype="u1")

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("the file holds an array of unknown form")
        _, shape, dtype, fortran, raw = state
        self.array = _build(shape, dtype, "F" if fortran else "C", raw)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin1")
    if isinstance(value, str):
        return value
    raise pickle.UnpicklingError(f"the file holds {type(value).__name__} where text is expected")


def _build(shape: Any, dtype: Any, order: Any, raw: Any) -> np.ndarray:
    """The array of these bytes (or, for an array of objects, of this list)."""
    if not isinstance(dtype, _DType) or not isinstance(shape, tuple):
        raise pickle.UnpicklingError("the file holds an array of unknown form")
    if any(type(size) is not int or size < 0 for size in shape):
        raise pickle.UnpicklingError(f"the file holds an array of shape {shape!r}")
    if order not in ("C", "F"):
        raise pickle.UnpicklingError(f"the file holds an array of order {order!r}")
    size = math.prod(shape)
    if dtype.code in ("O", "O8", "O4"):
        if not isinstance(raw, list) or len(raw) != size:
            raise pickle.UnpicklingError("the file holds an array of objects of the wrong length")
        objects = np.empty(size, dtype=object)
        for position, item in enumerate(raw):  # a slice assignment would take lists of one length for rows
            objects[position] = item
        return objects.reshape(shape, order=order)
    if isinstance(raw, str):  # bytes that Python 2 wrote, read with the latin1 encoding
        raw = raw.encode("latin1")
    if not isinstance(raw, bytes | bytearray):
        raise pickle.UnpicklingError("the file holds an array without its bytes")
    resolved = dtype.resolve()
    if len(raw) != size * resolved.itemsize:
        raise pickle.UnpicklingError(f"the file holds {len(raw)} bytes for an array of shape {shape!r}")
    return np.frombuffer(raw, dtype=resolved).reshape(shape, order=order)


def _reconstruct(*args: Any) -> _Array:
    return _Array()


def _from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    described = _Array()
    described.array = _build(shape, dtype, order, buffer)
    return described


def _encode(text: Any, encoding: Any = "utf-8") -> bytes:
    """How Python 3 stores bytes in the older pickle formats."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("the file holds bytes in an unknown form")
    return text.encode("latin1")


def _empty_bytes(*args: Any) -> bytes:
    """How Python 3 stores empty bytes in the older pickle formats."""
    if args:
        raise pickle.UnpicklingError("the file holds bytes in an unknown form")
    return b""


def _refuse_call(*args: Any) -> Any:
    raise pickle.UnpicklingError("the file calls numpy.ndarray")


def _allowed() -> dict[tuple[str, str], _Function]:
    """The names that a pickle may use. `numpy.ndarray` occurs as an argument only."""
    table = {
        ("numpy", "ndarray"): _Function(_refuse_call),
        ("numpy", "dtype"): _Function(_DType),
        ("_codecs", "encode"): _Function(_encode),
        ("__builtin__", "bytes"): _Function(_empty_bytes),
    }
    for core in ("numpy.core", "numpy._core"):  # before and since NumPy 2
        table[f"{core}.multiarray", "_reconstruct"] = _Function(_reconstruct)
        table[f"{core}.numeric", "_frombuffer"] = _Function(_from_buffer)
    return table


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], encoding: str) -> None:
        super().__init__(file, fix_imports=False, encoding=encoding)
        self._table = _allowed()

    def find_class(self, module_name: str, global_name: str) -> Any:
        found = self._table.get((module_name, global_name))
        if found is None:
            raise pickle.UnpicklingError(
                f"the file asks for {module_name}.{global_name}, which no data set needs; it may be malicious"
            )
        return found


def _unwrap(value: Any) -> Any:
    """Replaces the descriptions of arrays, in the places where data sets have arrays, by the arrays."""
    if isinstance(value, _Array):
        array = value.array
        if array.dtype == object and any(isinstance(item, _Array) for item in array.flat):
            items = [item.array if isinstance(item, _Array) else item for item in array.flat]
            for position, item in enumerate(items):
                array.flat[position] = item
        return array
    if isinstance(value, dict):
        return {key: _unwrap(item) for key, item in value.items()}
    return value


def restricted_load(data: bytes, encoding: str = "latin1") -> Any:
    """Unpickles plain values (dict, list, tuple, str, bytes, numbers) and NumPy arrays of numbers or lists.

    Args:
        data: the pickle.
        encoding: how to decode the 8-bit strings of Python 2: a codec, or "bytes" to leave them as bytes.

    Returns:
        The value. Arrays are read-only views of the pickle's own bytes.

    Raises:
        pickle.UnpicklingError: the pickle is damaged, or asks for anything else.
    """
    try:
        return _unwrap(_RestrictedUnpickler(io.BytesIO(data), encoding).load())
    except pickle.UnpicklingError:
        raise
    except MemoryError as error:
        raise pickle.UnpicklingError("the file asks for more memory than there is") from error
    except Exception as error:  # a damaged pickle can end in nearly any exception
        raise pickle.UnpicklingError(f"not a valid pickle ({type(error).__name__}: {error})") from error

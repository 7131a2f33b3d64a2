"""Checkpoints of TensorFlow: an index, which is a table of keys, and files of arrays (``tensor_bundle.proto``)."""

from __future__ import annotations

import glob
import math
import os
from typing import Any

import ml_dtypes
import numpy as np

from kjax.keras.saving.errors import loading
from kjax.keras.saving.tensorflow import table
from kjax.keras.saving.tensorflow.checksum import masked
from kjax.keras.saving.tensorflow.wire import Message, parse, varint

_DIMENSION: Message = {1: ("size", int)}
_SHAPE: Message = {2: ("dimensions", [_DIMENSION]), 3: ("unknown", int)}
_HEADER: Message = {1: ("shards", int), 2: ("endianness", int)}
_ENTRY: Message = {
    1: ("dtype", int), 2: ("shape", _SHAPE), 3: ("shard", int), 4: ("offset", int), 5: ("size", int), 6: ("crc32c", int),
    7: ("slices", [bytes]),
}  # fmt: skip

STRING = 7
DTYPES: dict[int, Any] = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 8: "complex64", 9: "int64", 10: "bool",
    14: ml_dtypes.bfloat16, 17: "uint16", 18: "complex128", 19: "float16", 22: "uint32", 23: "uint64",
    24: ml_dtypes.float8_e5m2, 25: ml_dtypes.float8_e4m3fn,
}  # fmt: skip
"""Types by their numbers in ``types.proto``."""


def is_bundle(prefix: str) -> bool:
    """Whether TensorFlow wrote the index of a checkpoint.

    Args:
        prefix: the checkpoint's name.
    """
    index = f"{prefix}.index"
    if not os.path.isfile(index) or os.path.getsize(index) < table.FOOTER:
        return False
    with open(index, "rb") as file:
        file.seek(-len(table.MAGIC), os.SEEK_END)
        return file.read() == table.MAGIC


class Bundle:
    """A checkpoint that TensorFlow wrote.

    Args:
        prefix: its name, without ``.index``.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        FileFormatError: the index is damaged.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix, self.index = prefix, f"{prefix}.index"
        with loading(self.index):
            with open(self.index, "rb") as file:
                found = list(table.read(file.read()))
            if not found or found[0][0] != b"":
                raise ValueError("it is no index of a checkpoint: its first entry is none that says how it is written")
            header = parse(found[0][1], _HEADER)
            if header["endianness"]:
                raise ValueError("it was written on a machine with another order of bytes, which cannot be read")
            self._shards = header["shards"]
            self._entries = {str(key, "utf-8"): parse(value, _ENTRY) for key, value in found[1:]}
            for name, entry in self._entries.items():
                entry["shape"] = self._shape(name, entry)

    def _shape(self, name: str, entry: dict[str, Any]) -> tuple[int, ...]:
        sizes = tuple(d["size"] for d in (entry["shape"] or {"dimensions": ()})["dimensions"])
        if any(size >= 1 << 62 for size in sizes) or len(sizes) > 254:
            raise ValueError(f"the array {name!r} has no shape that can be")
        return sizes

    @property
    def keys(self) -> list[str]:
        """The names of the arrays."""
        return list(self._entries)

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of an array."""
        return self._entries[key]["shape"]

    def dtype(self, key: str) -> np.dtype:
        """The type of an array; strings are objects."""
        kind = self._entries[key]["dtype"]
        return np.dtype(object) if kind == STRING else np.dtype(DTYPES.get(kind, "V"))

    def read(self, key: str) -> np.ndarray:
        """An array; strings as bytes in an array of objects.

        Raises:
            FileFormatError: the data are damaged, or of a type that cannot be read.
            FileNotFoundError: a file of data is missing.
        """
        entry = self._entries[key]
        path = f"{self.prefix}.data-{entry['shard']:05d}-of-{self._shards:05d}"
        with loading(path):
            return self._read(path, key, entry)

    def _read(self, path: str, key: str, entry: dict[str, Any]) -> np.ndarray:
        offset, size, shape = entry["offset"], entry["size"], entry["shape"]
        if entry["slices"]:
            raise ValueError(f"the array {key!r} was saved in slices, which cannot be read")
        if offset + size > os.path.getsize(path):
            raise ValueError(
                f"the array {key!r} lies outside the file, which was cut short or is of another checkpoint"
            )
        count = math.prod(shape)
        if entry["dtype"] != STRING:
            if entry["dtype"] not in DTYPES:
                raise ValueError(f"the array {key!r} is of the unknown type {entry['dtype']}")
            dtype = np.dtype(DTYPES[entry["dtype"]])
            if count * dtype.itemsize != size:
                raise ValueError(f"the array {key!r} of shape {shape} cannot have {size} bytes")
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read(size)
        if entry["dtype"] == STRING:
            return _strings(data, shape, count, entry["crc32c"])
        if masked(data) != entry["crc32c"]:
            raise ValueError(f"the array {key!r} is damaged: its checksum is another")
        return np.frombuffer(bytearray(data), dtype).reshape(shape)


def _strings(data: bytes, shape: tuple[int, ...], count: int, checksum: int) -> np.ndarray:
    """Lengths, their checksum, then the strings. The checksum of all counts each length as four (or eight) bytes."""
    if count > len(data):
        raise ValueError(f"strings of shape {shape} cannot have {len(data)} bytes")
    lengths, place = [], 0
    for _ in range(count):
        length, place = varint(data, place)
        lengths.append(length)
    words = b"".join(n.to_bytes(4 if n < 1 << 32 else 8, "little") for n in lengths)
    texts = place + 4
    if texts + sum(lengths) != len(data):
        raise ValueError("strings are longer or shorter than was said")
    if masked(words) != int.from_bytes(data[place:texts], "little") or masked(words + data[place:]) != checksum:
        raise ValueError("strings are damaged: their checksum is another")
    result = np.empty(count, object)
    for i, length in enumerate(lengths):
        result[i] = data[texts : texts + length]
        texts += length
    return result.reshape(shape)


def data_files(prefix: str) -> list[str]:
    """The files of data of a checkpoint."""
    return sorted(glob.glob(f"{glob.escape(prefix)}.data-?????-of-?????"))

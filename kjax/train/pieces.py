"""Arrays of an Orbax checkpoint, read in pieces into memory that JAX goes on using.

Orbax reads an array as a whole, decodes it, and hands it to the device: three copies. Where the bytes of an array lie as they are
(as kjax writes them) they are read here a piece at a time into the memory that the array keeps.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kjax.data.arrays import aligned_empty

PIECE = 1 << 20
"""Bytes that are read at once: the allocator has them at hand, and fresh memory would cost more than reading."""

_LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
_INDEX = struct.Struct("<QQI")
"""What follows the bytes of an array in a Zarr shard of one chunk: where they are, how many, and the CRC-32C of the two."""


class Pieces:
    """The arrays of an item of a checkpoint.

    Args:
        folder: the folder of the item.
    """

    def __init__(self, folder: Path) -> None:
        self._values: Any = None
        if (folder / "manifest.ocdbt").is_file():
            import tensorstore

            base = {"driver": "file", "path": os.path.join(folder, "")}
            self._values = tensorstore.KvStore.open({"driver": "ocdbt", "base": base}).result()

    def find(self, keys: Sequence[str], shape: tuple[int, ...], dtype: np.dtype[Any]) -> str | None:
        """The key of the bytes of an array, all of which are there.

        Args:
            keys: its place in the tree.
            shape: its shape.
            dtype: its type.

        Returns:
            None where they are compressed, in several chunks, or not there.

        Raises:
            ValueError: the files are damaged.
        """
        size = math.prod(shape) * dtype.itemsize
        if self._values is None or not size:
            return None
        name = ".".join(keys)
        described = self._json(f"{name}/zarr.json")
        if described is not None:
            chunk = _third(name, described, shape, dtype)
        else:
            chunk = _second(name, self._json(f"{name}/.zarray"), shape, dtype)
        if chunk is None:
            return None
        key, in_shard = chunk
        end = size + (_INDEX.size if in_shard else 0)
        # Where the end is there, all before it is.
        last = self._read(key, max(0, end - _INDEX.size), end)
        if len(last) != min(end, _INDEX.size) or (in_shard and _INDEX.unpack(last)[:2] != (0, size)):
            return None
        return key

    def read(
        self, key: str, shape: tuple[int, ...], dtype: np.dtype[Any], into: np.ndarray | None = None
    ) -> np.ndarray:
        """An array.

        Args:
            key: what :meth:`find` found.
            shape: its shape.
            dtype: its type.
            into: an array of this kind that is filled; a new one by default.

        Raises:
            ValueError: the files cannot be read.
        """
        array = aligned_empty(shape, dtype) if into is None else into
        view = array.reshape(-1).view(np.uint8)
        for begin in range(0, len(view), PIECE):
            end = min(begin + PIECE, len(view))
            piece = self._read(key, begin, end)
            if len(piece) != end - begin:
                raise ValueError(f"{len(view)} bytes were expected of {key!r}, and some are missing")
            view[begin:end] = np.frombuffer(piece, np.uint8)
        return array

    def _read(self, key: str, start: int, stop: int) -> bytes:
        return self._value(key, byte_range=slice(start, stop)).value

    def _json(self, key: str) -> Any:
        found = self._value(key)
        return json.loads(found.value) if found.state == "value" else None

    def _value(self, key: str, **kwargs: Any) -> Any:
        try:
            return self._values.read(key, **kwargs).result()
        except Exception as error:  # of several classes, by what is wrong
            why = str(error).splitlines()[0]
            raise ValueError(f"the arrays of the checkpoint cannot be read, it is damaged: {why}") from error


def _third(name: str, described: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[str, bool] | None:
    """The key of the one chunk of an array in version 3 of Zarr, and whether it is a shard; None for what is not plain."""
    whole = list(shape)
    grid = {"name": "regular", "configuration": {"chunk_shape": whole}}
    if not isinstance(described, Mapping) or (described.get("shape"), described.get("chunk_grid")) != (whole, grid):
        return None
    naming = described.get("chunk_key_encoding")
    if described.get("data_type") != dtype.name or naming not in ({"name": "default"}, {"name": "default", **_SLASH}):
        return None
    key, codecs = "/".join([name, "c", *("0" for _ in shape)]), described.get("codecs")
    plain = _LITTLE if dtype.itemsize > 1 else {"name": "bytes"}
    shard = {"chunk_shape": whole, "codecs": [plain], "index_codecs": [_LITTLE, {"name": "crc32c"}]}
    if codecs == [{"name": "sharding_indexed", "configuration": shard}]:
        return key, True
    return (key, False) if codecs == [plain] else None


_SLASH = {"configuration": {"separator": "/"}}


def _second(name: str, described: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[str, bool] | None:
    """The key of the one chunk of an array in version 2 of Zarr."""
    whole = list(shape)
    if not isinstance(described, Mapping) or described.get("dtype") not in (dtype.name, dtype.str):
        return None
    plain = (described.get("compressor"), described.get("filters"), described.get("order")) == (None, None, "C")
    if not plain or (described.get("shape"), described.get("chunks")) != (whole, whole):
        return None
    return f"{name}/{described.get('dimension_separator', '.').join('0' for _ in shape) or '0'}", False

"""HDF5 files on their way into the library, which trusts what they say of their texts: what would make it hang is refused."""

from __future__ import annotations

import io
import math
import os
import re
import struct
from collections.abc import Iterator
from typing import Any

HEAP = b"GCOL\x01"
"""How a heap begins: where an HDF5 file keeps texts of any length."""

TEXTS = re.compile(rb"[\x19\x29\x39\x49\x59][\x01\x11\x21]", re.DOTALL)
"""How the type of an attribute begins that holds texts of any length: class and version, kind."""

LONGEST_NAME = 512
"""Bytes of an attribute before its type, at most; names of Keras are far shorter."""

SMALL = 1 << 16
"""Bytes up to which what is read may be the start of a heap, or an attribute; of larger heaps the library reads the start first."""


class Watched(io.RawIOBase):
    """A file for h5py that refuses texts in which the HDF5 library would run in circles, or for which it would take all memory.

    Objects in a heap follow one another; the library steps from each to the next by the size that the file says, and does not
    look where it gets to. For a text it takes as much memory as the file says that it is long, before it looks for it (in all
    versions up to 2.0).

    Args:
        file: a binary file. It is closed with this.
    """

    def __init__(self, file: Any) -> None:
        super().__init__()
        self.file = file
        self.size = file.seek(0, os.SEEK_END)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """The present place."""
        return self.file.tell()

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the present place, and look at what it got."""
        place = self.file.tell()
        count = self.file.readinto(buffer) or 0
        if count <= SMALL:
            self._look_at(place, count)
            self.file.seek(place + count)
        return count

    def close(self) -> None:
        """Close the file."""
        self.file.close()
        super().close()

    def _look_at(self, place: int, count: int) -> None:
        start = max(place - len(HEAP), 0)
        self.file.seek(start)
        piece = self.file.read(place - start + count + len(HEAP)) or b""
        at = piece.find(HEAP)
        while at >= 0:
            _walk(self.file, start + at)
            at = piece.find(HEAP, at + 1)
        for found in TEXTS.finditer(piece):
            for start in _beginnings(piece, found.start()):
                _measure(piece, start, self.size)


def _walk(file: Any, start: int) -> None:
    """Step from object to object of a heap as the library does."""
    file.seek(start)
    head = file.read(16)
    stop = start + int.from_bytes(head[8:], "little")
    place = start + 16
    while place + 16 <= stop:
        file.seek(place)
        entry = file.read(16)
        if len(entry) < 16:
            return
        size = int.from_bytes(entry[8:], "little")
        # Free space is object 0; the size of others is that of their contents.
        step = size if entry[:2] == b"\0\0" else 16 + (size + 7) // 8 * 8
        if not 0 < step < 1 << 63:
            raise ValueError(f"its texts are broken: an object at byte {place} says that it has {size} bytes")
        place += step


def _beginnings(piece: bytes, place: int) -> Iterator[int]:
    """Where attributes may begin whose type is at a place: their heads say how long the names are that stand between."""
    for start in range(max(place - LONGEST_NAME, 0), place - 7):
        if 1 <= piece[start] <= 3 and start + _places(piece, start)[0] == place:
            yield start


def _places(piece: bytes, start: int) -> tuple[int, int, int]:
    """Where the type, the shape and the values of an attribute are, counted from its beginning."""
    version, sizes = piece[start], struct.unpack_from("<3H", piece, start + 2)
    # The first version pads everything to 8 bytes; the third has one byte more for the alphabet of the name.
    name, kind, shape = (-(-size // 8) * 8 if version == 1 else size for size in sizes)
    head = 9 if version == 3 else 8
    return head + name, head + name + kind, head + name + kind + shape


def _measure(piece: bytes, start: int, held: int) -> None:
    """Add up how long the texts of an attribute are.

    Args:
        piece: bytes of a file.
        start: where the attribute begins.
        held: bytes of the file.
    """
    _, shape, values = (start + place for place in _places(piece, start))
    if len(piece) < shape + 4:
        return
    rank, first = piece[shape + 1], shape + (8 if piece[shape] == 1 else 4)
    entries = (len(piece) - values) // 16
    if len(piece) >= first + 8 * rank:
        entries = min(entries, math.prod(struct.unpack_from(f"<{rank}Q", piece, first)))
    longest = sum(int.from_bytes(piece[values + 16 * i : values + 16 * i + 4], "little") for i in range(entries))
    if longest > held:
        raise ValueError(
            f"its texts are broken: those of one attribute have {longest} bytes, as it says, the file {held}"
        )

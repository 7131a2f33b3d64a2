"""A file inside a zip archive as a file of its own, read and written in its place: no copy, and memory for one block."""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

_BLOCK = 1 << 20
_PARALLEL = 1 << 24
"""Bytes for which a further thread is worth while."""


class Window(io.RawIOBase):
    """A part of a file as a file.

    Args:
        file: a seekable binary file.
        start: where the part begins.
        size: its length; None for a part that is written, and grows.
    """

    def __init__(self, file: Any, start: int, size: int | None = None) -> None:
        super().__init__()
        self.file, self.start, self.position = file, start, 0
        self.grows = size is None
        self.size = size or 0

    def readable(self) -> bool:
        """Always."""
        return True

    def writable(self) -> bool:
        """Whether the part grows."""
        return self.grows

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place in the part."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        self.position = max(base + offset, 0)
        return self.position

    def tell(self) -> int:
        """The present place."""
        return self.position

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer; returns how many."""
        view = memoryview(buffer).cast("B")
        view = view[: max(min(len(view), self.size - self.position), 0)]
        self.file.seek(self.start + self.position)
        count = self.file.readinto(view) or 0
        self.position += count
        return count

    def write(self, data: Any) -> int:
        """Write bytes; returns how many."""
        view = memoryview(data).cast("B")
        self.file.seek(self.start + self.position)
        self.file.write(view)
        self.position += len(view)
        self.size = max(self.size, self.position)
        return len(view)

    def flush(self) -> None:
        """Hand what was written to the system; of a part that is read, or whose file was closed before it, there is nothing."""
        if self.grows and not getattr(self.file, "closed", False):
            self.file.flush()

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        self.size = self.position if size is None else size
        self.file.truncate(self.start + self.size)
        return self.size

    def checksum(self) -> int:
        """The CRC-32 of the whole part. A large part that was written goes to the disk meanwhile."""
        if self.grows:
            self.file.flush()
        parts = min(os.cpu_count() or 1, 4, self.size // _PARALLEL)
        if parts < 1 or not hasattr(os, "preadv") or not _has_descriptor(self.file):
            return self._checksum_of(0, self.size)
        edges = [self.size * i // parts for i in range(parts + 1)]
        # The interpreter's lock is released while bytes are read, summed and sent to the disk.
        with concurrent.futures.ThreadPoolExecutor(parts + 1) as pool:
            synced = pool.submit(os.fsync, self.file.fileno()) if self.grows else None
            sums = list(pool.map(self._checksum_by_descriptor, edges, edges[1:]))
            if synced is not None:
                synced.result()
        total = sums[0]
        for i, part in enumerate(sums[1:], 1):
            total = combine_crc32(total, part, edges[i + 1] - edges[i])
        return total

    def _checksum_by_descriptor(self, start: int, stop: int) -> int:
        total, descriptor = 0, self.file.fileno()
        buffer = memoryview(bytearray(min(_BLOCK, stop - start)))
        while start < stop:
            count = os.preadv(descriptor, [buffer[: stop - start]], self.start + start)
            if not count:
                break
            total = zlib.crc32(buffer[:count], total)
            start += count
        return total

    def _checksum_of(self, start: int, stop: int) -> int:
        total = 0
        self.seek(start)
        buffer = memoryview(bytearray(min(_BLOCK, max(stop - start, 1))))
        while self.position < stop and (count := self.readinto(buffer[: stop - self.position])):
            total = zlib.crc32(buffer[:count], total)
        self.seek(0)
        return total


def _has_descriptor(file: Any) -> bool:
    try:
        file.fileno()
    except (AttributeError, OSError):  # a file in memory
        return False
    return True


def combine_crc32(first: int, second: int, length: int) -> int:
    """The CRC-32 of two pieces of data one after the other.

    Appending ``length`` zero bytes to the first is a linear map of its CRC over the bits; it is applied by repeated
    squaring of the map for one zero bit, as in zlib's ``crc32_combine``.

    Args:
        first: CRC-32 of the first piece.
        second: CRC-32 of the second.
        length: bytes in the second.
    """
    power = [0xEDB88320] + [1 << i for i in range(31)]  # the map for one zero bit: where each bit goes
    for _ in range(3):
        power = [_apply(power, column) for column in power]  # for one zero byte
    while length:
        if length & 1:
            first = _apply(power, first)
        power = [_apply(power, column) for column in power]
        length >>= 1
    return first ^ second


def _apply(columns: list[int], vector: int) -> int:
    result, i = 0, 0
    while vector:
        if vector & 1:
            result ^= columns[i]
        vector >>= 1
        i += 1
    return result


@contextlib.contextmanager
def appended(archive: zipfile.ZipFile, name: str) -> Iterator[Window]:
    """A new last member of an archive, to be written in its place, uncompressed.

    Args:
        archive: an archive that is being written, to a file that can be read too.
        name: name of the member.
    """
    with _new_member(archive, name) as (file, info):
        window = Window(file, file.tell())
        yield window
        info.file_size = window.size
        info.CRC = window.checksum()


def add(archive: zipfile.ZipFile, name: str, *pieces: Any) -> None:
    """Add a member, uncompressed; the memory of the pieces is written as it is.

    Args:
        archive: an archive that is being written.
        name: name of the member.
        *pieces: one after the other its content, as bytes or views of them.
    """
    with _new_member(archive, name) as (file, info):
        info.file_size = sum(len(piece) for piece in pieces)
        if info.file_size < _PARALLEL:
            info.CRC = _sum_of(pieces)
        # The interpreter's lock is released while bytes are summed or written.
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            total = pool.submit(_sum_of, pieces) if info.file_size >= _PARALLEL else None
            for piece in pieces:
                file.write(piece)
            if total is not None:
                info.CRC = total.result()


def _sum_of(pieces: Iterable[Any]) -> int:
    total = 0
    for piece in pieces:
        total = zlib.crc32(piece, total)
    return total


@contextlib.contextmanager
def _new_member(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[Any, zipfile.ZipInfo]]:
    """The archive's file and a member's entry, to be given size and checksum; its header is written again when they are known."""
    file: Any = archive.fp
    info = zipfile.ZipInfo(name)
    info.CRC = info.file_size = info.compress_size = 0
    info.header_offset = archive.start_dir
    file.seek(info.header_offset)
    file.write(info.FileHeader(zip64=True))
    start = file.tell()
    yield file, info
    info.compress_size = info.file_size
    file.seek(info.header_offset)
    file.write(info.FileHeader(zip64=True))
    archive.filelist.append(info)
    archive.NameToInfo[name] = info
    archive.start_dir = start + info.file_size
    file.seek(archive.start_dir)


def data_start(file: Any, info: zipfile.ZipInfo) -> int:
    """Where the content of a member begins: after its own header, whose last two fields are two lengths."""
    file.seek(info.header_offset + 26)
    name_length, extra_length = struct.unpack("<HH", file.read(4))
    return info.header_offset + 30 + name_length + extra_length


def of_member(file: Any, info: zipfile.ZipInfo) -> Window:
    """An uncompressed member of an archive.

    Args:
        file: the archive.
        info: the member.

    Raises:
        ValueError: its checksum is wrong.
    """
    window = Window(file, data_start(file, info), info.file_size)
    if window.checksum() != info.CRC:
        raise ValueError(f"{info.filename} in the archive is damaged: its checksum is wrong")
    return window

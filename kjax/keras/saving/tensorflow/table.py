"""Sorted tables of keys and values in the format of LevelDB, which is that of a checkpoint's index."""

from __future__ import annotations

from collections.abc import Iterator

from kjax.keras.saving.tensorflow.checksum import masked
from kjax.keras.saving.tensorflow.wire import varint

MAGIC = bytes.fromhex("57fb808b247547db")
"""The last bytes of a table."""

FOOTER = 48
LARGEST = 1 << 28
"""Bytes that a compressed block may become."""


def read(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table.

    Args:
        data: the file.

    Raises:
        ValueError: the file is no table, or damaged.
    """
    if len(data) < FOOTER or not data.endswith(MAGIC):
        raise ValueError("it is no table of keys: its last bytes are other ones")
    footer, place = data[-FOOTER:], 0
    _, place = _handle(footer, place)
    index, _ = _handle(footer, place)
    for _, entry in _entries(_block(data, index)):
        handle, _ = _handle(entry, 0)
        yield from _entries(_block(data, handle))


def _handle(data: bytes, place: int) -> tuple[tuple[int, int], int]:
    offset, place = varint(data, place)
    size, place = varint(data, place)
    return (offset, size), place


def _block(data: bytes, handle: tuple[int, int]) -> bytes:
    offset, size = handle
    if offset + size + 5 > len(data) - FOOTER:
        raise ValueError("a block of the table lies outside the file")
    body, stop = data[offset : offset + size], offset + size
    if masked(data[offset : stop + 1]) != int.from_bytes(data[stop + 1 : stop + 5], "little"):
        raise ValueError("a block of the table is damaged: its checksum is another")
    if data[stop] > 1:
        raise ValueError(f"a block of the table is compressed in the unknown way {data[stop]}")
    return unsnappy(body) if data[stop] == 1 else body


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys, of which each keeps the beginning of the one before, and values."""
    if len(block) < 4:
        raise ValueError("a block of the table is too short")
    restarts = int.from_bytes(block[-4:], "little")
    stop = len(block) - 4 - 4 * restarts
    if stop < 0:
        raise ValueError("a block of the table is too short")
    place, key = 0, b""
    while place < stop:
        shared, place = varint(block, place)
        own, place = varint(block, place)
        size, place = varint(block, place)
        if shared > len(key) or place + own + size > stop:
            raise ValueError("an entry of the table lies outside its block")
        key = key[:shared] + block[place : place + own]
        yield key, block[place + own : place + own + size]
        place += own + size


def unsnappy(data: bytes) -> bytes:
    """What was compressed by Snappy.

    Args:
        data: its raw format: the length, then pieces, each of which is text or a copy of what came before.

    Raises:
        ValueError: it is damaged.
    """
    length, place = varint(data, 0)
    if length > LARGEST:
        raise ValueError(f"a block of the table would take {length} bytes")
    result = bytearray()
    while place < len(data):
        tag = data[place]
        place += 1
        kind = tag & 3
        if kind == 0:
            size, more = (tag >> 2) + 1, (tag >> 2) - 59
            if more > 0:
                size, place = int.from_bytes(data[place : place + more], "little") + 1, place + more
            if place + size > len(data):
                raise ValueError("compressed bytes end too early")
            result += data[place : place + size]
            place += size
        else:
            width = (1, 2, 4)[kind - 1]
            size = (tag >> 2 & 7) + 4 if kind == 1 else (tag >> 2) + 1
            back = int.from_bytes(data[place : place + width], "little") | ((tag >> 5) << 8 if kind == 1 else 0)
            place += width
            if place > len(data) or not 0 < back <= len(result):
                raise ValueError("compressed bytes refer to what is not there")
            piece = bytes(result[-back:][:size])
            result += (piece * (-(-size // len(piece))))[:size]
        if len(result) > length:
            raise ValueError("compressed bytes are more than was said")
    if len(result) != length:
        raise ValueError("compressed bytes are fewer than was said")
    return bytes(result)

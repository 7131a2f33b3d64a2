"""CRC-32C, by which TensorFlow tells whether bytes are whole; fast for large arrays by NumPy."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

POLYNOMIAL = 0x82F63B78
"""Castagnoli's polynomial, lowest bit first."""


@functools.cache
def _table() -> np.ndarray:
    """The remainder of each byte."""
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> 1) ^ np.uint32(POLYNOMIAL), values >> 1)
    return values


@functools.cache
def _list() -> list[int]:
    return [int(value) for value in _table()]


def _run(data: Any, value: int) -> int:
    table = _list()
    for byte in data:
        value = table[(value ^ byte) & 255] ^ (value >> 8)
    return value


def _shifted(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Remainders after as many zero bytes as the columns (what each single bit becomes) stand for."""
    result = np.zeros_like(values)
    for bit in range(32):
        result ^= np.where((values >> np.uint32(bit)) & np.uint32(1), columns[bit], np.uint32(0))
    return result


@functools.cache
def _columns(zeros: int) -> np.ndarray:
    """What each single bit of a remainder becomes when ``zeros`` zero bytes follow."""
    if zeros == 1:
        bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
        return _table()[bits & np.uint32(255)] ^ (bits >> np.uint32(8))
    half = _columns(zeros // 2)
    whole = _shifted(half, half)
    return _shifted(whole, _columns(1)) if zeros % 2 else whole


def crc32c(data: Any) -> int:
    """The checksum of bytes.

    The remainder is linear, so many lanes of the data run side by side and are put together in pairs; zeros that are
    put before the data change nothing.

    Args:
        data: bytes or something with a buffer.
    """
    raw = np.frombuffer(data, np.uint8)
    if len(raw) < 4096:
        return _run(raw.tobytes(), 0xFFFFFFFF) ^ 0xFFFFFFFF
    lanes = 1 << min(14, (len(raw).bit_length() - 1) // 2)
    step = -(-len(raw) // lanes)
    padded = np.zeros(lanes * step, np.uint8)
    padded[-len(raw) :] = raw
    padded[len(padded) - len(raw) : len(padded) - len(raw) + 4] ^= 0xFF  # the remainder begins with ones
    rows = np.ascontiguousarray(padded.reshape(lanes, step).T)
    values, table = np.zeros(lanes, np.uint32), _table()
    for row in rows:
        values = table[(values ^ row) & np.uint32(255)] ^ (values >> np.uint32(8))
    while len(values) > 1:
        values = _shifted(values[0::2], _columns(step)) ^ values[1::2]
        step *= 2
    return int(values[0]) ^ 0xFFFFFFFF


def masked(data: Any) -> int:
    """The checksum in the form in which files keep it: rotated, and a constant added."""
    value = crc32c(data)
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF

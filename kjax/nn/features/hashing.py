"""Hashes of strings that are the same in every process, those that TensorFlow's preprocessing uses.

Sources: FarmHash by Google (the function ``Fingerprint64``, whose values never change); Aumasson and Bernstein, 2012,
"SipHash: a fast short-input PRF" (SipHash-2-4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

_MASK = (1 << 64) - 1
_K0 = 0xC3A5C85C97CB3127
_K1 = 0xB492B66FBE98F273
_K2 = 0x9AE16A3B2F90404F
_CROSS = 0xC6A4A7935BD1E995
CROSS_KEY = 0xDECAFCAFFE
"""What crossed features are combined with first."""


def _word(data: bytes, start: int, size: int = 8) -> int:
    return int.from_bytes(data[start : start + size], "little")


def _rotate(value: int, bits: int) -> int:
    """To the right."""
    value &= _MASK
    return ((value >> bits) | (value << (64 - bits))) & _MASK


def _shift_mix(value: int) -> int:
    value &= _MASK
    return value ^ (value >> 47)


def _pair(u: int, v: int, factor: int) -> int:
    a = _shift_mix((u ^ v) * factor)
    b = _shift_mix(((v & _MASK) ^ a) * factor)
    return (b * factor) & _MASK


def fingerprint(data: bytes) -> int:
    """FarmHash's 64-bit fingerprint."""
    length = len(data)
    if length <= 16:
        return _up_to_16(data, length)
    factor = _K2 + length * 2
    if length <= 64:
        return _up_to_64(data, length, factor)
    return _long(data, length)


def _up_to_16(data: bytes, length: int) -> int:
    factor = _K2 + length * 2
    if length >= 8:
        a, b = _word(data, 0) + _K2, _word(data, length - 8)
        return _pair(_rotate(b, 37) * factor + a & _MASK, (_rotate(a, 25) + b) * factor & _MASK, factor)
    if length >= 4:
        return _pair(length + (_word(data, 0, 4) << 3), _word(data, length - 4, 4), factor)
    if length:
        y, z = data[0] + (data[length >> 1] << 8), length + (data[-1] << 2)
        return (_shift_mix((y * _K2 & _MASK) ^ (z * _K0 & _MASK)) * _K2) & _MASK
    return _K2


def _up_to_64(data: bytes, length: int, factor: int) -> int:
    first = _K1 if length <= 32 else _K2
    a, b = _word(data, 0) * first, _word(data, 8)
    c, d = _word(data, length - 8) * factor, _word(data, length - 16) * _K2
    y = (_rotate(a + b, 43) + _rotate(c, 30) + d) & _MASK
    z = _pair(y, (a + _rotate(b + _K2, 18) + c) & _MASK, factor)
    if length <= 32:
        return z
    e, f = _word(data, 16) * factor, _word(data, 24)
    g, h = (y + _word(data, length - 32)) * factor, (z + _word(data, length - 24)) * factor
    return _pair((_rotate(e + f, 43) + _rotate(g, 30) + h) & _MASK, (e + _rotate(f + a, 18) + g) & _MASK, factor)


def _weak(data: bytes, start: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_word(data, start + 8 * i) for i in range(4))
    a += w
    b = _rotate(b + a + z, 21)
    c = a
    a += x + y
    b += _rotate(a, 44)
    return (a + z) & _MASK, (b + c) & _MASK


def _long(data: bytes, length: int) -> int:
    seed = 81
    x, y = seed, (seed * _K1 + 113) & _MASK
    z = _shift_mix(y * _K2 + 113) * _K2 & _MASK
    v, w = (0, 0), (0, 0)
    x = (x * _K2 + _word(data, 0)) & _MASK
    end = ((length - 1) // 64) * 64
    for start in range(0, end, 64):
        x, y, z, v, w = _block(data, start, (x, y, z, v, w), _K1, 1)
    start = end + ((length - 1) & 63) - 63
    factor = _K1 + ((z & 0xFF) << 1)
    w = (w[0] + ((length - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _block(data, start, (x, y, z, v, w), factor, 9)
    return _pair(
        (_pair(v[0], w[0], factor) + _shift_mix(y) * _K0 + z) & _MASK,
        (_pair(v[1], w[1], factor) + x) & _MASK,
        factor,
    )


_State = tuple[int, int, int, tuple[int, int], tuple[int, int]]


def _block(data: bytes, start: int, state: _State, factor: int, last: int) -> _State:
    """Take in 64 bytes; the last block weighs parts of the state by 9."""
    x, y, z, v, w = state
    x = _rotate(x + y + v[0] + _word(data, start + 8), 37) * factor & _MASK
    y = _rotate(y + v[1] + _word(data, start + 48), 42) * factor & _MASK
    x ^= w[1] * last & _MASK
    y = (y + v[0] * last + _word(data, start + 40)) & _MASK
    z = _rotate(z + w[0], 33) * factor & _MASK
    v = _weak(data, start, v[1] * factor & _MASK, x + w[0])
    w = _weak(data, start + 32, z + w[1], y + _word(data, start + 16))
    return z, y, x, v, w


def siphash(data: bytes, key: Sequence[int]) -> int:
    """SipHash-2-4 with a key of two 64-bit integers."""
    k0, k1 = (int(k) & _MASK for k in key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    tail = data[len(data) // 8 * 8 :]
    words = [_word(data, i) for i in range(0, len(data) - 7, 8)]
    words.append(int.from_bytes(tail, "little") | (len(data) & 0xFF) << 56)
    for word in words:
        v[3] ^= word
        _rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xFF
    _rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _rounds(v: list[int], count: int) -> None:
    for _ in range(count):
        v[0], v[2] = (v[0] + v[1]) & _MASK, (v[2] + v[3]) & _MASK
        v[1], v[3] = _rotate(v[1], 51) ^ v[0], _rotate(v[3], 48) ^ v[2]
        v[0] = _rotate(v[0], 32)
        v[2], v[0] = (v[2] + v[1]) & _MASK, (v[0] + v[3]) & _MASK
        v[1], v[3] = _rotate(v[1], 47) ^ v[2], _rotate(v[3], 43) ^ v[0]
        v[2] = _rotate(v[2], 32)


def text_of(values: np.ndarray) -> list[bytes]:
    """Strings, bytes or integers as bytes, in flat order; floats lose their fraction."""
    flat = values.reshape(-1)
    if flat.dtype.kind == "f":
        flat = flat.astype(np.int64)
    return [item if isinstance(item, bytes) else str(item).encode() for item in flat.tolist()]


def buckets(values: np.ndarray, count: int, salt: Sequence[int] | None = None) -> np.ndarray:
    """The bucket of each value, from 0 to ``count - 1``.

    Args:
        values: strings or integers of any shape.
        count: number of buckets.
        salt: two integers; FarmHash is used without, SipHash with them.
    """
    known: dict[bytes, int] = {}
    for item in text_of(values):
        if item not in known:
            known[item] = (fingerprint(item) if salt is None else siphash(item, salt)) % count
    return np.array([known[item] for item in text_of(values)], np.int64).reshape(values.shape)


def cross(columns: Iterable[np.ndarray], count: int) -> np.ndarray:
    """The bucket of each combination of values: columns of one shape, integers as they are, strings by fingerprint."""
    columns = list(columns)
    shape = columns[0].shape
    results = [CROSS_KEY] * columns[0].size
    for column in columns:
        flat = column.reshape(-1)
        items = flat.tolist() if flat.dtype.kind in "iu" else [fingerprint(item) for item in text_of(flat)]
        for i, item in enumerate(items):
            mixed = (results[i] ^ _CROSS) ^ (_shift_mix((item & _MASK) * _CROSS) * _CROSS & _MASK)
            mixed = _shift_mix(mixed * _CROSS) * _CROSS & _MASK
            results[i] = _shift_mix(mixed)
    return np.array([r % count for r in results], np.int64).reshape(shape)

"""TensorFlow's random numbers bit for bit: the generator Philox 4x32-10, and how numbers are made of its words.

Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (2011). A state is four words of a counter and two of a key; each
count gives four words. Numbers are drawn on the host, from seeds that are known.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from kjax.keras.core.settings import settings

_MASK = 0xFFFFFFFF
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_STEPS = 0x9E3779B9, 0xBB67AE85
_MIXING_KEY = 0x02461E293EC8F720


class State:
    """A place in the sequence of a key.

    Args:
        key: the key, of 64 bits.
        counter: the count, of 128 bits.
    """

    def __init__(self, key: int, counter: int) -> None:
        self.key, self.counter = key & (2**64 - 1), counter & (2**128 - 1)

    @classmethod
    def of_seeds(cls, seed: int, seed2: int) -> State:
        """The state in which an operation with two seeds begins."""
        return cls(seed, (seed2 & (2**64 - 1)) << 64)

    @classmethod
    def of_stateless(cls, seed: Any) -> State:
        """The state of a function that takes a seed of two integers, which are mixed first."""
        first, second = (int(s) & (2**64 - 1) for s in np.ravel(seed))
        words = cls(_MIXING_KEY, first | second << 64).words(1)[0]
        return cls(int(words[0]) | int(words[1]) << 32, (int(words[2]) | int(words[3]) << 32) << 64)

    def words(self, count: int, stride: int = 1) -> np.ndarray:
        """The words of so many counts, as (count, 4); every ``stride``-th count is taken."""
        return _words(self.key, _counters(self.counter, count, stride))


def _counters(start: int, count: int, stride: int) -> list[np.ndarray]:
    """The four words of counters, each as an array."""
    low = start & (2**64 - 1)
    steps = np.arange(count, dtype=np.uint64) * np.uint64(stride)
    lows = np.uint64(low) + steps
    highs = np.where(lows < np.uint64(low), np.uint64(1), np.uint64(0)) + np.uint64(start >> 64)
    return [
        part.astype(np.uint64) for half in (lows, highs) for part in (half & np.uint64(_MASK), half >> np.uint64(32))
    ]


def _words(key: int, counter: list[np.ndarray]) -> np.ndarray:
    keys = [key & _MASK, key >> 32]
    mask = np.uint64(_MASK)
    for _ in range(10):
        products = [multiplier * word for multiplier, word in zip(_MULTIPLIERS, (counter[0], counter[2]), strict=True)]
        (high0, low0), (high1, low1) = ((p >> np.uint64(32), p & mask) for p in products)
        counter = [high1 ^ counter[1] ^ np.uint64(keys[0]), low1, high0 ^ counter[3] ^ np.uint64(keys[1]), low0]
        keys = [(k + step) & _MASK for k, step in zip(keys, _STEPS, strict=True)]
    return np.stack(counter, -1).astype(np.uint32)


def _floats(words: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 1 in float32: 23 bits of each word."""
    return ((words & np.uint32(0x7FFFFF)) | np.uint32(127 << 23)).view(np.float32) - np.float32(1)


def _doubles(words: np.ndarray) -> np.ndarray:
    """Numbers from 0 to 1 in float64: 52 bits of two words."""
    pairs = words.reshape(-1, 2).astype(np.uint64)
    bits = ((pairs[:, 0] & np.uint64(0xFFFFF)) << np.uint64(32)) | pairs[:, 1] | np.uint64(1023 << 52)
    return bits.view(np.float64) - 1.0


def _box_muller(evens: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """Two normally distributed numbers of two evenly distributed ones."""
    least = evens.dtype.type(1e-7)
    length = np.sqrt(evens.dtype.type(-2) * np.log(np.maximum(evens, least)))
    angle = evens.dtype.type(2 * math.pi) * odds
    return np.stack([np.sin(angle) * length, np.cos(angle) * length], -1)


def uniform(state: State, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Evenly distributed numbers from 0 to 1."""
    count = math.prod(shape)
    if dtype == "float64":
        return _doubles(state.words(-(-count // 2)).ravel())[:count].reshape(shape)
    return _floats(state.words(-(-count // 4)).ravel())[:count].reshape(shape)


def integers(state: State, shape: tuple[int, ...], dtype: str, low: Any = None, high: Any = None) -> np.ndarray:
    """Integers from ``low`` to below ``high``; without them of all values."""
    count = math.prod(shape)
    if dtype in ("int64", "uint64"):
        pairs = state.words(-(-count // 2)).reshape(-1, 2).astype(np.uint64)[:count]
        found = pairs[:, 0] | pairs[:, 1] << np.uint64(32)
    else:
        found = state.words(-(-count // 4)).ravel()[:count]
    if low is None:
        return found.view(np.dtype(dtype)).reshape(shape)
    span = int(high) - int(low)
    return (np.int64(int(low)) + (found % found.dtype.type(span)).astype(np.int64)).astype(dtype).reshape(shape)


def normal(state: State, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Normally distributed numbers."""
    count = math.prod(shape)
    if dtype == "float64":
        even = _doubles(state.words(-(-count // 2)).ravel())
    else:
        even = _floats(state.words(-(-count // 4)).ravel())
    return _box_muller(even[::2], even[1::2]).ravel()[:count].reshape(shape)


def truncated_normal(state: State, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Normally distributed numbers, those beyond two deviations drawn anew.

    Each group of results draws from counts of its own, 256 apart, until it is full.
    """
    count = math.prod(shape)
    size = 2 if dtype == "float64" else 4
    groups = -(-count // size)
    found = np.zeros((groups, size), dtype)
    filled = np.zeros(groups, int)
    for turn in range(256):
        open_ = np.flatnonzero(filled < size)
        if not len(open_):
            break
        words = State(state.key, state.counter + turn).words(groups, 256)[open_]
        drawn = normals_of(words, dtype)
        for column in range(drawn.shape[1]):
            values = drawn[:, column]
            fits = (np.abs(values) < 2) & (filled[open_] < size)
            rows = open_[fits]
            found[rows, filled[rows]] = values[fits]
            filled[rows] += 1
    return found.ravel()[:count].reshape(shape)


def normals_of(words: np.ndarray, dtype: str) -> np.ndarray:
    """The normally distributed numbers that rows of words give."""
    even = (_doubles(words.ravel()) if dtype == "float64" else _floats(words.ravel())).reshape(len(words), -1)
    return np.concatenate([_box_muller(even[:, i], even[:, i + 1]) for i in range(0, even.shape[1], 2)], -1)


def _single(state: State) -> Iterator[int]:
    counter = state.counter
    while True:
        yield from State(state.key, counter).words(1)[0].tolist()
        counter += 1


def permutation(state: State, count: int) -> np.ndarray:
    """The order in which ``tf.random.shuffle`` puts rows."""
    order = np.arange(count)
    words = _single(state)
    for place in range(count - 1):
        other = place + next(words) % (count - place)
        order[[place, other]] = order[[other, place]]
    return order


class Streams:
    """The states of operations that are given no state: by the seed of the session and their own, as in eager TensorFlow."""

    def __init__(self) -> None:
        self._session: Any = None
        self._seeds = random.Random()
        self._states: dict[Any, State] = {}

    def state(self, operation: str, dtype: str, count: int, seed: Any) -> State | None:
        """The state in which an operation draws so many numbers; None where no seed was set, neither of the session nor its own.

        Args:
            operation: its name.
            dtype: type of the numbers.
            count: how many there will be.
            seed: its own seed, or None: then it has the next one of the session.
        """
        if not settings.seed_is_given and seed is None:
            return None
        if self._session is not settings.draws_by_seed:  # the seed of the session was set
            self._session, self._states = settings.draws_by_seed, {}
            self._seeds = random.Random(settings.seed)
        outer = settings.seed if settings.seed_is_given else DEFAULT_SEED
        if seed is None:
            return State.of_seeds(outer, self._seeds.randint(0, 2**31 - 1))
        known = operation, dtype, int(seed)
        state = self._states.get(known) or State.of_seeds(outer, int(seed))
        self._states[known] = State(state.key, state.counter + count * SKIP)
        return state


DEFAULT_SEED = 87654321
"""The seed of the session where only an operation was given one."""

SKIP = 256
"""By how many counts a number that was drawn moves the state on."""

streams = Streams()

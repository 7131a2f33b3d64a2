"""Turns lists of word ranks into what the text data sets return: start marks, limits on words and length."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass
class Texts:
    """Many lists of integers in two arrays, so that NumPy can work on all of them at once.

    Attributes:
        words: the integers of all lists, one list after the other, int64.
        lengths: the lengths of the lists, int64.
    """

    words: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]] | np.ndarray) -> Texts:
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        words = np.fromiter(itertools.chain.from_iterable(rows), dtype=np.int64, count=int(lengths.sum()))
        return cls(words, lengths)

    def marked(self, start_char: int | None, index_from: int | None) -> Texts:
        """All words raised by `index_from`, and `start_char` (if there is one) in front of each list."""
        words = self.words + index_from if index_from else self.words
        if start_char is None:
            return Texts(words, self.lengths)
        lengths = self.lengths + 1
        starts = np.cumsum(lengths) - lengths
        longer = np.empty(len(words) + len(lengths), dtype=np.int64)
        is_word = np.ones(len(longer), dtype=bool)
        is_word[starts] = False
        longer[starts] = start_char
        longer[is_word] = words
        return Texts(longer, lengths)

    def chosen(self, keep: np.ndarray) -> Texts:
        """Only the lists where `keep`, a boolean array, is true."""
        return Texts(self.words[np.repeat(keep, self.lengths)], self.lengths[keep])

    def limited(self, skip_top: int, num_words: int | None, oov_char: int | None) -> Texts:
        """Words outside `skip_top` <= word < `num_words` become `oov_char`, or go if it is None."""
        if not num_words:
            # As in Keras, "all words" ends before the largest one.
            num_words = int(self.words.max())
        inside = (self.words >= skip_top) & (self.words < num_words)
        if oov_char is not None:
            return Texts(np.where(inside, self.words, oov_char), self.lengths)
        ends = np.concatenate([[0], np.cumsum(inside)])[np.cumsum(self.lengths)]
        return Texts(self.words[inside], np.diff(ends, prepend=0))

    def rows(self) -> list[list[int]]:
        """The lists, of Python integers."""
        words = _shared_integers(self.words).tolist()
        ends = np.cumsum(self.lengths).tolist()
        return [words[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _shared_integers(words: np.ndarray) -> np.ndarray:
    """The same integers as Python objects, one object for all places of a word: a sixth of the memory."""
    if len(words) == 0:
        return words
    low, high = int(words.min()), int(words.max())
    if high - low > len(words):
        return words
    return np.array(range(low, high + 1), dtype=object)[words - low]


def join(first: Texts, second: Texts) -> Texts:
    """The lists of both."""
    return Texts(np.concatenate([first.words, second.words]), np.concatenate([first.lengths, second.lengths]))


def nothing_left(maxlen: int) -> ValueError:
    """The error for a limit on the length that no text meets."""
    return ValueError(f"no text is shorter than maxlen={maxlen!r}, so nothing is left; choose a larger maxlen")

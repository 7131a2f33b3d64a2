"""IMDB: film reviews as lists of word ranks, positive or negative."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from kjax.data.datasets import table
from kjax.data.datasets.files import load_file
from kjax.data.datasets.get_file import get_file as get_file
from kjax.data.datasets.legacy import take_renamed
from kjax.data.datasets.sequences import Texts, join, nothing_left
from kjax.data.datasets.splits import shuffled

Pair = tuple[np.ndarray, np.ndarray]


def load_data(
    path: str | os.PathLike[str] = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int | None = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    **kwargs: Any,
) -> tuple[Pair, Pair]:
    """25,000 training and 25,000 test reviews, each a list of word ranks: 1 is the most frequent word.

    Collected by A. Maas and others, https://ai.stanford.edu/~amaas/data/sentiment/. 0 is left free for
    padding.

    Args:
        path: the file, relative to `$KERAS_HOME/datasets` or absolute; downloaded there (17 MB) if missing.
        num_words: keep indices below this one; None keeps all but the very largest, as in Keras. Also
            `nb_words`.
        skip_top: keep indices from this one on.
        maxlen: leave out reviews of this length or longer; None keeps all.
        seed: the seed of the shuffle.
        start_char: the index in front of each review; None for no such mark.
        oov_char: the index in the place of words that are not kept; None drops them.
        index_from: is added to all ranks, to make room for the marks.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays (reviews,) of lists of integers, labels int64
        (reviews,), 1 for positive.

    Raises:
        TypeError: an unknown argument.
        ValueError: `maxlen` leaves nothing.
        DatasetError: the file cannot be had or is damaged; the subclass says which of the two.
    """
    num_words = take_renamed(load_data, kwargs, "num_words", num_words)
    arrays = load_file(table.IMDB, path)
    orders = shuffled([len(arrays["y_train"]), len(arrays["y_test"])], seed)
    texts, labels = [], []
    for name, order in zip(("train", "test"), orders, strict=True):
        part = Texts.of(arrays[f"x_{name}"][order]).marked(start_char, index_from)
        y = arrays[f"y_{name}"][order]
        if maxlen:
            keep = part.lengths < maxlen
            if not keep.any():
                raise nothing_left(maxlen)
            part, y = part.chosen(keep), y[keep]
        texts.append(part)
        labels.append(y)
    rows = join(*texts).limited(skip_top, num_words, oov_char).rows()
    cut = len(labels[0])
    return (
        (np.array(rows[:cut], dtype=object), labels[0]),
        (np.array(rows[cut:], dtype=object), labels[1]),
    )


def get_word_index(path: str | os.PathLike[str] = "imdb_word_index.json") -> dict[str, int]:
    """The ranks of the words. `load_data` adds its `index_from` to them.

    Args:
        path: the file, relative to `$KERAS_HOME/datasets` or absolute; downloaded there (2 MB) if missing.

    Raises:
        DatasetError: the file cannot be had or is damaged; the subclass says which of the two.
    """
    return load_file(table.IMDB_WORD_INDEX, path)

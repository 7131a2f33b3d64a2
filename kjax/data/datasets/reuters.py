"""Reuters: newswires as lists of word ranks, in 46 topics."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from kjax.data.datasets import table
from kjax.data.datasets.files import load_file
from kjax.data.datasets.get_file import get_file as get_file
from kjax.data.datasets.legacy import take_renamed
from kjax.data.datasets.sequences import Texts, nothing_left
from kjax.data.datasets.splits import shuffled

Pair = tuple[np.ndarray, np.ndarray]

_LABEL_NAMES = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship "
    "cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin "
    "strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr "
    "gas silver wpi hog lead"
)


def load_data(
    path: str | os.PathLike[str] = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int | None = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    **kwargs: Any,
) -> tuple[Pair, Pair]:
    """11,228 newswires, each a list of word ranks: 1 is the most frequent word.

    Made from the collection Reuters-21578 of D. Lewis. 0 is left free for padding.

    Args:
        path: the file, relative to `$KERAS_HOME/datasets` or absolute; downloaded there (2 MB) if missing.
        num_words: keep indices below this one; None keeps all but the very largest, as in Keras. Also
            `nb_words`.
        skip_top: keep indices from this one on.
        maxlen: leave out newswires of this length or longer; None keeps all.
        test_split: the fraction of the newswires for the test part, from 0 to 1.
        seed: the seed of the shuffle.
        start_char: the index in front of each newswire; None for no such mark.
        oov_char: the index in the place of words that are not kept; None drops them.
        index_from: is added to all ranks, to make room for the marks.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays (newswires,) of lists of integers, labels int64
        (newswires,) from 0 to 45.

    Raises:
        TypeError: an unknown argument.
        ValueError: `maxlen` leaves nothing, or `test_split` is out of range.
        DatasetError: the file cannot be had or is damaged; the subclass says which of the two.
    """
    num_words = take_renamed(load_data, kwargs, "num_words", num_words)
    if not 0 <= test_split <= 1:
        raise ValueError(f"test_split must be from 0 to 1; received test_split={test_split!r}")
    arrays = load_file(table.REUTERS, path)
    (order,) = shuffled([len(arrays["x"])], seed)
    texts = Texts.of(arrays["x"][order]).marked(start_char, index_from)
    labels = arrays["y"][order]
    if maxlen:
        keep = texts.lengths < maxlen
        if not keep.any():
            raise nothing_left(maxlen)
        texts, labels = texts.chosen(keep), labels[keep]
    rows = texts.limited(skip_top, num_words, oov_char).rows()
    cut = int(len(rows) * (1 - test_split))
    return (
        (np.array(rows[:cut], dtype=object), labels[:cut]),
        (np.array(rows[cut:], dtype=object), labels[cut:]),
    )


def get_word_index(path: str | os.PathLike[str] = "reuters_word_index.json") -> dict[str, int]:
    """The ranks of the words. `load_data` adds its `index_from` to them.

    Args:
        path: the file, relative to `$KERAS_HOME/datasets` or absolute; downloaded there (0.5 MB) if missing.

    Raises:
        DatasetError: the file cannot be had or is damaged; the subclass says which of the two.
    """
    return load_file(table.REUTERS_WORD_INDEX, path)


def get_label_names() -> tuple[str, ...]:
    """The names of the 46 topics, in the order of the labels (https://martin-thoma.com/nlp-reuters/)."""
    return tuple(_LABEL_NAMES.split())

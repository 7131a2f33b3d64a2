"""Sequences of words or measurements: padding, skip-gram pairs, windows of time series."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kjax.data.py_dataset import PyDataset


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Lists of different lengths as one array.

    Args:
        sequences: lists (or arrays) whose items all have one shape.
        maxlen: length of the result; the longest list's by default.
        dtype: type of the result; ``object`` for strings.
        padding: ``'pre'`` or ``'post'``: where the filling goes.
        truncating: ``'pre'`` or ``'post'``: where longer lists are cut.
        value: what fills.

    Returns:
        An array (number of sequences, maxlen, *shape of an item).

    Raises:
        ValueError: something that is no list of lists, items of different shapes, an unknown mode, or a string as
            ``value`` of a numeric result.
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"`sequences` must be a list of lists, received {type(sequences).__name__}")
    for name, mode in (("padding", padding), ("truncating", truncating)):
        if mode not in ("pre", "post"):
            raise ValueError(f"argument `{name}` must be 'pre' or 'post', received {mode!r}")
    for position, item in enumerate(sequences):
        if not hasattr(item, "__len__"):
            raise ValueError(f"`sequences` must be a list of iterables, but item {position} is {item!r}")
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in "OUS":
        raise ValueError(
            f"argument `value` is the string {value!r}, which an array of type {kind} cannot hold; use dtype=object"
        )
    if maxlen is None:
        maxlen = max((len(s) for s in sequences), default=0)
    item_shape = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    result = np.full((len(sequences), maxlen, *item_shape), value, dtype=kind)
    for position, sequence in enumerate(sequences):
        if not len(sequence):
            continue
        # As in Keras, `-0` takes everything: with maxlen 0 nothing fits and an error follows, unless cut at the end.
        kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype=kind)
        if kept.shape[1:] != item_shape:
            raise ValueError(
                f"sequence {position} holds items of shape {kept.shape[1:]}, the first one items of shape {item_shape}"
            )
        if padding == "post":
            result[position, : len(kept)] = kept
        else:
            result[position, maxlen - len(kept) :] = kept
    return result


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """For words ranked by frequency: the probability with which :func:`skipgrams` keeps each.

    Frequencies follow Zipf's law: that of rank ``i`` is about ``1 / (i * (log(i) + gamma) + 1/2 - 1/(12 i))``, and a word
    is kept with probability ``min(1, sqrt(sampling_factor / frequency))``.

    Args:
        size: number of words.
        sampling_factor: how much frequent words are thinned out.

    Source: Mikolov et al., 2013, "Distributed representations of words and phrases and their compositionality".
    """
    gamma = 0.577
    rank = np.arange(size)
    if size:
        rank[0] = 1
    inverse_frequency = rank * (np.log(rank) + gamma) + 0.5 - 1.0 / (12.0 * rank)
    ratio = sampling_factor * inverse_frequency
    return np.minimum(1.0, ratio / np.sqrt(ratio))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs (word, neighbour) labelled 1, and pairs (word, random word) labelled 0.

    Draws from Python's global generator (``random.seed``), in the order in which Keras does.

    Args:
        sequence: word indices; 0 stands for no word and is skipped.
        vocabulary_size: one more than the largest index.
        window_size: words to either side that count as neighbours.
        negative_samples: random pairs for each true one.
        shuffle: mix the pairs.
        categorical: labels ``[0, 1]`` and ``[1, 0]`` instead of 1 and 0.
        sampling_table: probability of keeping each word (see :func:`make_sampling_table`).
        seed: makes the mixing repeatable.

    Returns:
        The pairs and their labels.
    """
    positive, negative = ([0, 1], [1, 0]) if categorical else (1, 0)
    pairs: list[list[int]] = []
    for position, word in enumerate(sequence):
        if not word:
            continue
        if sampling_table is not None and sampling_table[word] < random.random():
            continue
        start, stop = max(0, position - window_size), min(len(sequence), position + window_size + 1)
        pairs.extend([word, sequence[j]] for j in range(start, stop) if j != position and sequence[j])
    labels: list[Any] = [positive] * len(pairs)
    if negative_samples > 0:
        count = int(len(labels) * negative_samples)
        words = [pair[0] for pair in pairs]
        random.shuffle(words)
        pairs += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [negative] * count
    if shuffle:
        number = random.randint(0, 10**7) if seed is None else seed
        for items in (pairs, labels):
            random.seed(number)
            random.shuffle(items)
    return pairs, labels


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a series, each with the target that follows it.

    Args:
        data: series with time as its first axis.
        targets: targets, one for each step of ``data``.
        length: steps that a window spans.
        sampling_rate: every how many steps of a window one is taken.
        stride: steps between windows.
        start_index: where to begin in ``data``.
        end_index: last step used as a target; the last one by default.
        shuffle: draw the windows at random, from NumPy's global generator.
        reverse: latest step first.
        batch_size: windows in a batch.

    Raises:
        ValueError: data and targets of different lengths, or too little data for one window.
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ) -> None:
        super().__init__()
        if len(data) != len(targets):
            raise ValueError(f"data and targets must be of the same length: {len(data)} and {len(targets)} were given")
        self.data = data
        self.targets = targets
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        if self.start_index > self.end_index:
            raise ValueError(
                f"`start_index+length={self.start_index} > end_index={self.end_index}`: no step is left as a target"
            )

    def __len__(self) -> int:
        span = self.batch_size * self.stride
        return (self.end_index - self.start_index + span) // span

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            rows = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        samples = np.array([self.data[row - self.length : row : self.sampling_rate] for row in rows])
        targets = np.array([self.targets[row] for row in rows])
        return (samples[:, ::-1, ...] if self.reverse else samples), targets

    def get_config(self) -> dict[str, Any]:
        """The arguments, data and targets as JSON.

        As in Keras, ``start_index`` is where the first target lies: it includes ``length`` already.
        """
        return {
            "data": _to_json(self.data, "data"),
            "targets": _to_json(self.targets, "targets"),
            "length": self.length,
            "sampling_rate": self.sampling_rate,
            "stride": self.stride,
            "start_index": self.start_index,
            "end_index": self.end_index,
            "shuffle": self.shuffle,
            "reverse": self.reverse,
            "batch_size": self.batch_size,
        }

    def to_json(self, **kwargs: Any) -> str:
        """The generator as a JSON text.

        Args:
            **kwargs: passed to ``json.dumps``.
        """
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def _to_json(series: Any, what: str) -> str:
    try:
        return json.dumps(series.tolist() if isinstance(series, np.ndarray) else series)
    except TypeError as error:
        raise TypeError(f"{what} of the generator cannot be written as JSON: {error}") from error


def timeseries_generator_from_json(json_string: str) -> TimeseriesGenerator:
    """The generator that :meth:`TimeseriesGenerator.to_json` wrote."""
    config: Mapping[str, Any] = json.loads(json_string)["config"]
    series = {name: json.loads(config[name]) for name in ("data", "targets")}
    return TimeseriesGenerator(**{**config, **series})

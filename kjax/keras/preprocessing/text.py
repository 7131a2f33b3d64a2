"""Texts as sequences of word indices, as Keras 1 and 2 did it."""

from __future__ import annotations

import collections
import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text.

    Args:
        text: the text.
        filters: characters that separate words too.
        lower: write everything in lower case.
        split: separator.
    """
    if lower:
        text = text.lower()
    words = text.translate(str.maketrans(dict.fromkeys(filters, split))).split(split)
    return [word for word in words if word]


def one_hot(text: str, n: int, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[int]:
    """Each word of a text as a hashed index from 1 to ``n - 1``; Python's ``hash`` differs from process to process."""
    return hashing_trick(text, n, hash, filters, lower, split)


def hashing_trick(
    text: str,
    n: int,
    hash_function: Any = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
) -> list[int]:
    """Each word of a text as a hashed index from 1 to ``n - 1``; words may share one.

    Args:
        text: the text.
        n: size of the index space.
        hash_function: Python's ``hash`` by default, ``'md5'`` (the same in every process), or a function from a word
            to an integer.
        filters: characters that separate words too.
        lower: write everything in lower case.
        split: separator.
    """
    function: Callable[[str], int] = _md5 if hash_function == "md5" else hash_function or hash
    return [function(word) % (n - 1) + 1 for word in text_to_word_sequence(text, filters, lower, split)]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Turns texts into lists of word indices, or into rows of a matrix. Index 0 is no word's.

    Args:
        num_words: keep the ``num_words - 1`` most frequent words.
        filters: characters that separate words too.
        lower: write everything in lower case.
        split: separator.
        char_level: each character is a word.
        oov_token: stands for words that were not seen; it gets index 1.
        document_count: texts seen so far.
        **kwargs: ``nb_words``, the old name of ``num_words``.
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        document_count: int = 0,
        **kwargs: Any,
    ) -> None:
        if "nb_words" in kwargs:
            warnings.warn("Tokenizer: the argument `nb_words` is called `num_words` today", stacklevel=2)
            num_words = kwargs.pop("nb_words")
        if kwargs:
            raise TypeError(f"Tokenizer: unknown argument {next(iter(kwargs))!r}")
        self.word_counts: dict[str, int] = collections.OrderedDict()
        self.word_docs: dict[str, int] = collections.defaultdict(int)
        self.index_docs: dict[int, int] = collections.defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.document_count = document_count

    def _words(self, text: Any) -> Sequence[str]:
        if isinstance(text, list):
            return [word.lower() for word in text] if self.lower else text
        if self.char_level:
            return text.lower() if self.lower else text
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Learn the vocabulary; frequent words get low indices.

        Args:
            texts: texts, or lists of words.
        """
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        counts = sorted(self.word_counts.items(), key=lambda entry: entry[1], reverse=True)
        vocabulary = [] if self.oov_token is None else [self.oov_token]
        vocabulary.extend(word for word, _ in counts)
        self.word_index = dict(zip(vocabulary, range(1, len(vocabulary) + 1), strict=True))
        self.index_word = {index: word for word, index in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Sequence[Iterable[int]]) -> None:
        """Learn from lists of indices in how many texts each occurs (for the mode ``'tfidf'``)."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for index in set(sequence):
                self.index_docs[index] += 1

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """Each text as a list of indices; words that are not known are left out, or become the ``oov_token``."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """The same, one text after the other."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        for text in texts:
            indices = (self.word_index.get(word) for word in self._words(text))
            known = (unknown if i is None or (self.num_words and i >= self.num_words) else i for i in indices)
            yield [i for i in known if i is not None]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """Each list of indices as a text, words separated by blanks."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """The same, one text after the other."""
        unknown = self.oov_token if self.oov_token in self.word_index else None
        for sequence in sequences:
            words = ((index, self.index_word.get(index)) for index in sequence)
            known = (unknown if w is None or (self.num_words and i >= self.num_words) else w for i, w in words)
            yield " ".join(word for word in known if word is not None)

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """A row for each text, a column for each index.

        Args:
            texts: texts, or lists of words.
            mode: ``'binary'`` (occurs), ``'count'``, ``'freq'`` (share of the text) or ``'tfidf'``.
        """
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> np.ndarray:
        """A row for each list of indices; arguments as those of :meth:`texts_to_matrix`.

        ``tfidf`` is ``(1 + log(count)) * log(1 + texts / (1 + texts with the word))``.

        Raises:
            ValueError: no vocabulary and no ``num_words``, an unknown mode, or ``'tfidf'`` before any text was seen.
        """
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ValueError(f"unknown vectorization mode {mode!r}: known are 'binary', 'count', 'freq' and 'tfidf'")
        if not self.num_words and not self.word_index:
            raise ValueError("the tokenizer has no vocabulary: give `num_words`, or call fit_on_texts first")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("the mode 'tfidf' needs documents: call fit_on_texts or fit_on_sequences first")
        columns = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), columns))
        for row, sequence in zip(matrix, sequences, strict=True):
            for index, count in collections.Counter(i for i in sequence if i < columns).items():
                match mode:
                    case "binary":
                        row[index] = 1
                    case "count":
                        row[index] = count
                    case "freq":
                        row[index] = count / len(sequence)
                    case _:
                        documents = self.document_count / (1 + self.index_docs.get(index, 0))
                        row[index] = (1 + np.log(count)) * np.log(1 + documents)
        return matrix

    def get_config(self) -> dict[str, Any]:
        """Arguments and what was learned, the dicts as JSON texts."""
        learned = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        arguments = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        config = {name: getattr(self, name) for name in arguments}
        return config | {name: json.dumps(getattr(self, name)) for name in learned}

    def to_json(self, **kwargs: Any) -> str:
        """The tokenizer as a JSON text.

        Args:
            **kwargs: passed to ``json.dumps``.
        """
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that :meth:`Tokenizer.to_json` wrote."""
    config = json.loads(json_string)["config"]
    learned = {name: json.loads(config.pop(name)) for name in ("word_counts", "word_docs", "word_index")}
    by_index = {name: json.loads(config.pop(name)) for name in ("index_docs", "index_word")}
    tokenizer = Tokenizer(**config)
    for name, value in learned.items():
        setattr(tokenizer, name, value)
    for name, value in by_index.items():
        setattr(tokenizer, name, {int(index): entry for index, entry in value.items()})
    return tokenizer

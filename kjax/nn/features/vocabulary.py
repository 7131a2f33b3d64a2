"""Vocabularies: tokens (strings or integers) as indices, and back; indices for tokens that are not known."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kjax.nn.features import hashing
from kjax.nn.features.encoding import encode

NO_INDEX = np.iinfo(np.int64).max
"""Stands for the mask token where it has no index: it leaves no trace in rows of counts."""


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Tokens with an index, in order, after the indices of the mask and of unknown tokens.

    Attributes:
        tokens: the tokens, without the special ones.
        mask_token: gets index 0; None for none.
        oov_token: what unknown tokens are called.
        num_oov_indices: indices for unknown tokens: none refuses them, several are chosen by hash.
        masked: whether the mask has an index (it has none where rows of counts are made).
        hashed: integers choose among several indices by hash, not by remainder.
        salt: two integers for the hash.
    """

    tokens: tuple[Any, ...]
    mask_token: Any
    oov_token: Any
    num_oov_indices: int
    masked: bool
    hashed: bool = False
    salt: tuple[int, int] | None = None

    @property
    def first_oov(self) -> int:
        """Index of the first unknown token."""
        return 1 if self.mask_token is not None and self.masked else 0

    @property
    def first_token(self) -> int:
        """Index of the first token."""
        return self.first_oov + self.num_oov_indices

    @property
    def size(self) -> int:
        """Number of indices."""
        return self.first_token + len(self.tokens)

    @property
    def specials(self) -> list[Any]:
        """What the first indices stand for."""
        return [self.mask_token] * self.first_oov + [self.oov_token] * self.num_oov_indices

    def indices(self, values: np.ndarray, table: Mapping[Any, int]) -> np.ndarray:
        """The index of each value.

        Args:
            values: strings or integers of any shape.
            table: from each token to its index (:meth:`table`).

        Raises:
            ValueError: unknown tokens where there is no index for them.
        """
        flat = values.reshape(-1)
        items = flat.tolist()
        found = np.array([table.get(item, -1) for item in items], np.int64)
        if self.mask_token is not None:
            is_mask = np.array([item == self.mask_token for item in items], bool)
            found[is_mask] = 0 if self.masked else NO_INDEX
        unknown = found == -1
        if unknown.any():
            found[unknown] = self._unknown(flat[unknown])
        return found.reshape(values.shape)

    def _unknown(self, values: np.ndarray) -> Any:
        if self.num_oov_indices == 0:
            shown = ", ".join(repr(v) for v in list(dict.fromkeys(values.tolist()))[:5])
            raise ValueError(
                f"the inputs hold tokens that are not in the vocabulary ({shown}), and num_oov_indices=0 leaves no index "
                "for them; consider num_oov_indices=1"
            )
        if self.num_oov_indices == 1:
            return self.first_oov
        if values.dtype.kind in "iu" and not self.hashed:
            return self.first_oov + np.mod(values, self.num_oov_indices)
        return self.first_oov + hashing.buckets(values, self.num_oov_indices, self.salt)

    def table(self) -> dict[Any, int]:
        """From each token to its index."""
        return {token: self.first_token + i for i, token in enumerate(self.tokens)}

    def words(self) -> list[Any]:
        """What each index stands for."""
        return [*self.specials, *self.tokens]

    def names(self, values: np.ndarray) -> np.ndarray:
        """What each of the given indices stands for."""
        words = self.words()
        found = [words[i] if 0 <= i < len(words) else self.oov_token for i in values.reshape(-1).tolist()]
        return np.array(found, object).reshape(values.shape)


def clean(tokens: Iterable[Any], vocabulary: Vocabulary, inverted: bool) -> tuple[tuple[Any, ...], bool]:
    """The tokens of a list that may begin with the special ones, and whether it did.

    Raises:
        ValueError: no tokens, repeated ones, or special ones elsewhere.
    """
    items = list(tokens)
    if not items:
        raise ValueError("cannot set an empty vocabulary")
    begins = items[: vocabulary.first_token] == vocabulary.specials
    kept = items[vocabulary.first_token :] if begins else items
    repeated = [token for token, count in collections.Counter(kept).items() if count > 1]
    if repeated:
        raise ValueError(f"the vocabulary has repeated terms: {repeated[:10]}")
    for name, token, counts in (
        ("mask", vocabulary.mask_token, True),
        ("OOV", vocabulary.oov_token, inverted),
    ):
        if counts and token is not None and token in kept:
            raise ValueError(
                f"the reserved {name} token {token!r} is at an unexpected place in the vocabulary; leave the special "
                f"tokens out, or begin with them: {vocabulary.specials}"
            )
    return tuple(kept), begins


class Counts:
    """How often tokens occur in a stream of batches, and in how many documents."""

    def __init__(self) -> None:
        self.tokens: collections.Counter[Any] = collections.Counter()
        self.documents: collections.Counter[Any] = collections.Counter()
        self.number = 0

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Count a batch of documents, each a list of tokens."""
        for row in rows:
            self.tokens.update(row)
            self.documents.update(set(row))
        self.number += len(rows)

    def most_common(self, specials: Sequence[Any], limit: int | None) -> list[Any]:
        """The tokens from the most to the least frequent; of equally frequent ones the later in the alphabet first."""
        found = [(count, token) for token, count in self.tokens.items() if token not in specials]
        ordered = [token for _, token in sorted(found, key=_by_count, reverse=True)]
        return ordered[:limit]

    def inverse_document_frequency(self, tokens: Iterable[Any]) -> np.ndarray:
        """``log(1 + documents / (1 + documents with the token))`` of each token."""
        counts = np.array([self.documents[token] for token in tokens], np.float64)
        return np.log1p(self.number / (1 + counts)).astype(np.float32)


def _by_count(entry: tuple[int, Any]) -> tuple[int, Any]:
    count, token = entry
    return count, token.encode() if isinstance(token, str) else token


def encode_indices(indices: np.ndarray, mode: str, depth: int, weights: np.ndarray | None) -> np.ndarray:
    """Indices as rows: ``'one_hot'``, ``'multi_hot'``, ``'count'`` or ``'tf_idf'`` (counts times weights)."""
    if mode == "tf_idf":
        assert weights is not None
        return encode(indices, "count", depth, np.float32, np) * weights
    return encode(indices, mode, depth, np.int64, np)

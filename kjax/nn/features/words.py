"""Texts as words: standardized, split, joined to n-grams."""

from __future__ import annotations

import re
from collections.abc import Sequence

PUNCTUATION = re.compile(r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']""")

STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
SPLIT = ("whitespace", "character")

_UPPER = {ord(c): ord(c) + 32 for c in map(chr, range(ord("A"), ord("Z") + 1))}


def standardize(text: str, how: str | None) -> str:
    """A text in lower case (only the letters of ASCII have one, as in TensorFlow), without punctuation, or as it is."""
    if how in ("lower", "lower_and_strip_punctuation"):
        text = text.translate(_UPPER)
    return PUNCTUATION.sub("", text) if how in ("strip_punctuation", "lower_and_strip_punctuation") else text


def split(text: str, how: str) -> list[str]:
    """The words or the characters of a text."""
    return text.split() if how == "whitespace" else list(text)


def ngrams(words: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Neighbouring words joined by blanks, for each width in turn."""
    return [" ".join(words[i : i + n]) for n in widths for i in range(len(words) - n + 1)]

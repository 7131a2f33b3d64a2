"""Preprocessing layers without randomness."""

from __future__ import annotations

from kjax.nn import layers as L
from tests.nn.oracle import Case

CASES = [
    Case(L.Rescaling(1 / 255, 0.5), lambda K: K.Rescaling(1 / 255, 0.5), [(2, 3, 4, 3)]),
    Case(L.Rescaling([1.0, 2.0, 3.0], -1), lambda K: K.Rescaling([1.0, 2.0, 3.0], -1), [(2, 3)], dtype="int32"),
]

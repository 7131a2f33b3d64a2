"""Preprocessing layers without randomness."""

from __future__ import annotations

from typing import Any

from kjax.nn import layers
from tests.nn.oracle import Case

L: Any = layers

CASES = [
    Case(L.Rescaling(1 / 255, 0.5), lambda K: K.Rescaling(1 / 255, 0.5), [(2, 3, 4, 3)]),
    Case(L.Rescaling([1.0, 2.0, 3.0], -1), lambda K: K.Rescaling([1.0, 2.0, 3.0], -1), [(2, 3)], dtype="int32"),
]

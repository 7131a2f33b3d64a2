"""Merging layers."""

from __future__ import annotations

from typing import Any

from kjax.nn import layers
from tests.nn.oracle import Case

L: Any = layers


def case(module: Any, keras: Any, shapes: Any, **kwargs: Any) -> Case:
    """A case whose inputs go in as one list."""
    return Case(module, keras, shapes, as_list=True, **kwargs)


SAME = [(2, 3, 4)] * 3
CASES = [
    case(L.Add(), lambda K: K.Add(), SAME),
    case(L.Add(), lambda K: K.Add(), [(2, 3, 4), (2, 1, 4), (2, 4)], id="Add(broadcast)"),
    case(L.Add(dtype="mixed_bfloat16"), lambda K: K.Add(dtype="mixed_bfloat16"), SAME),
    case(L.Subtract(), lambda K: K.Subtract(), SAME[:2]),
    case(L.Multiply(), lambda K: K.Multiply(), SAME),
    case(L.Average(), lambda K: K.Average(), SAME),
    case(L.Maximum(), lambda K: K.Maximum(), SAME),
    case(L.Minimum(), lambda K: K.Minimum(), SAME),
    case(L.Concatenate(), lambda K: K.Concatenate(), [(2, 3, 4), (2, 3, 1)]),
    case(L.Concatenate(axis=1), lambda K: K.Concatenate(axis=1), [(2, 3, 4), (2, 1, 4), (2, 2, 4)]),
    case(L.Dot(axes=1), lambda K: K.Dot(axes=1), [(2, 3), (2, 3)]),
    case(L.Dot(axes=(1, 2)), lambda K: K.Dot(axes=(1, 2)), [(2, 3, 5), (2, 4, 3)]),
    case(L.Dot(axes=-1, normalize=True), lambda K: K.Dot(axes=-1, normalize=True), [(2, 3, 5), (2, 4, 5)]),
    case(L.Dot(axes=(2, 1)), lambda K: K.Dot(axes=(2, 1)), [(2, 3, 5, 2), (2, 5)], id="Dot(ranks)"),
]

"""Shuffles a data set by a seed and cuts it into a training and a test part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]


def shuffled(counts: Sequence[int], seed: int | None) -> list[np.ndarray]:
    """The orders that Keras derives from a seed for parts of these sizes, one part after the other.

    Keras shuffles by the Mersenne Twister of `RandomState`, whose stream goes on from part to part.
    """
    random = np.random.RandomState(seed)
    orders = [np.arange(count) for count in counts]
    for order in orders:
        random.shuffle(order)
    return orders


def require_fraction(test_split: float) -> None:
    """Raises `ValueError` unless 0 <= test_split < 1."""
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split must be at least 0 and below 1; received test_split={test_split!r}")


def split(x: np.ndarray, y: np.ndarray, test_split: float, seed: int | None) -> tuple[Pair, Pair]:
    """`(x_train, y_train), (x_test, y_test)`: shuffled, the last fraction `test_split` for testing."""
    (order,) = shuffled([len(x)], seed)
    cut = int(len(x) * (1 - test_split))
    return (x[order[:cut]], y[order[:cut]]), (x[order[cut:]], y[order[cut:]])

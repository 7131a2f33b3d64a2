"""Makes picture arrays out of the contents of CIFAR batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def stack_pictures(contents: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> np.ndarray:
    """The pictures of some batches, one after the other: uint8 (pictures, 32, 32, 3).

    A batch stores a picture as 3072 bytes: the red plane row by row, then the green one, then the blue one.
    """
    batches = [contents[name]["data"] for name in names]
    pictures = np.empty((sum(map(len, batches)), 32, 32, 3), dtype=np.uint8)
    start = 0
    for batch in batches:
        planes = batch.reshape(len(batch), 3, 32, 32)
        pictures[start : start + len(batch)] = planes.transpose(0, 2, 3, 1)
        start += len(batch)
    return pictures


def stack_labels(
    contents: Mapping[str, Mapping[str, Any]], names: Sequence[str], key: str, dtype: type[np.integer]
) -> np.ndarray:
    """The labels of some batches, one after the other: (pictures, 1)."""
    return np.concatenate([np.asarray(contents[name][key], dtype=dtype) for name in names]).reshape(-1, 1)

"""Makes picture arrays out of the contents of CIFAR batches."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kjax.data.datasets.readers import read_batch
from kjax.data.errors import CorruptFileError


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


def load_batch(fpath: str | os.PathLike[str], label_key: str = "labels") -> tuple[np.ndarray, list[int]]:
    """The pictures and labels of one file of CIFAR, as Keras 2 gave them.

    Args:
        fpath: the file, such as `cifar-10-batches-py/data_batch_1`.
        label_key: `'labels'`; in CIFAR-100 `'fine_labels'` or `'coarse_labels'`.

    Returns:
        Pictures, uint8 (pictures, 3, 32, 32), and a list of labels.

    Raises:
        CorruptFileError: the file is damaged, or holds no such labels.
    """
    content = read_batch(pathlib.Path(fpath))
    if label_key not in content or "data" not in content:
        raise CorruptFileError(f"{fpath} holds no {label_key!r}; it holds {sorted(content)}")
    return np.asarray(content["data"]).reshape(-1, 3, 32, 32), list(content[label_key])

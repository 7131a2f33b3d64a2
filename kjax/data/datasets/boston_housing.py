"""Boston housing: house prices of 1978 by district. Kept for old examples; see the remark in `load_data`."""

from __future__ import annotations

import os

import numpy as np

from kjax.data.datasets import table
from kjax.data.datasets.files import load_file
from kjax.data.datasets.get_file import get_file as get_file
from kjax.data.datasets.splits import require_fraction, split

Pair = tuple[np.ndarray, np.ndarray]


def load_data(
    path: str | os.PathLike[str] = "boston_housing.npz", test_split: float = 0.2, seed: int | None = 113
) -> tuple[Pair, Pair]:
    """506 districts with 13 features each, and the median house price in thousands of dollars.

    From D. Harrison and D. Rubinfeld, "Hedonic housing prices and the demand for clean air" (1978). One of
    the features was built on the assumption that racial segregation raises prices: use `california_housing`
    for anything but old examples.

    Args:
        path: the file, relative to `$KERAS_HOME/datasets` or absolute; downloaded there (0.1 MB) if missing.
        test_split: the fraction of the districts for the test part, from 0 to below 1.
        seed: the seed of the shuffle before the split.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: features float64 (samples, 13), prices float64 (samples,).

    Raises:
        ValueError: `test_split` is out of range.
        DatasetError: the file cannot be had or is damaged; the subclass says which of the two.
    """
    require_fraction(test_split)
    arrays = load_file(table.BOSTON_HOUSING, path)
    return split(arrays["x"], arrays["y"], test_split, seed)

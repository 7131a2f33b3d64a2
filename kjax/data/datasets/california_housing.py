"""California housing: house prices of 1990 by district."""

from __future__ import annotations

import os

import numpy as np

from kjax.data.datasets import table
from kjax.data.datasets.files import load_file
from kjax.data.datasets.splits import require_fraction, split

Pair = tuple[np.ndarray, np.ndarray]

_SMALL = 600


def load_data(
    version: str = "large",
    path: str | os.PathLike[str] = "california_housing.npz",
    test_split: float = 0.2,
    seed: int | None = 113,
) -> tuple[Pair, Pair]:
    """20,640 districts with 8 features each, and the median house price in dollars.

    From R. Kelley Pace and R. Barry, "Sparse spatial autoregressions" (1997). The features: median income,
    median age of the houses, average number of rooms and of bedrooms, population, average occupancy,
    latitude, longitude.

    Args:
        version: "large" for all districts, "small" for the first 600.
        path: the file, relative to `$KERAS_HOME/datasets` or absolute; downloaded there (0.7 MB) if missing.
        test_split: the fraction of the districts for the test part, from 0 to below 1.
        seed: the seed of the shuffle before the split.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: features (samples, 8), prices (samples,), floats as in the
        file.

    Raises:
        ValueError: an unknown `version`, or `test_split` is out of range.
        DatasetError: the file cannot be had or is damaged; the subclass says which of the two.
    """
    require_fraction(test_split)
    if version not in ("small", "large"):
        raise ValueError(f"version must be 'small' or 'large'; received version={version!r}")
    arrays = load_file(table.CALIFORNIA_HOUSING, path)
    count = _SMALL if version == "small" else None
    return split(arrays["x"][:count], arrays["y"][:count], test_split, seed)

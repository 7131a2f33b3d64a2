"""MNIST: handwritten digits."""

from __future__ import annotations

import os

import numpy as np

from kjax.data.datasets import table
from kjax.data.datasets.files import load_file
from kjax.data.datasets.get_file import get_file as get_file

Pair = tuple[np.ndarray, np.ndarray]


def load_data(path: str | os.PathLike[str] = "mnist.npz") -> tuple[Pair, Pair]:
    """60,000 training and 10,000 test pictures of digits, 28 by 28 grey pixels.

    Collected by Y. LeCun and C. Cortes, http://yann.lecun.com/exdb/mnist/.

    Args:
        path: the file, relative to `$KERAS_HOME/datasets` or absolute; downloaded there (11 MB) if missing.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: pictures uint8 (samples, 28, 28) from 0 to 255, labels uint8
        (samples,) from 0 to 9.

    Raises:
        DatasetError: the file cannot be had or is damaged; the subclass says which of the two.
    """
    arrays = load_file(table.MNIST, path)
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])

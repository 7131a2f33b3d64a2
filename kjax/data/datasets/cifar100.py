"""CIFAR-100: small colour pictures in a hundred classes, which form twenty groups."""

from __future__ import annotations

import numpy as np

from kjax.data.datasets import table
from kjax.data.datasets.folders import load_folder
from kjax.data.datasets.get_file import get_file as get_file
from kjax.data.datasets.pictures import load_batch as load_batch
from kjax.data.datasets.pictures import stack_labels, stack_pictures

Pair = tuple[np.ndarray, np.ndarray]


def load_data(label_mode: str = "fine") -> tuple[Pair, Pair]:
    """50,000 training and 10,000 test pictures of 32 by 32 pixels.

    Collected by A. Krizhevsky, V. Nair and G. Hinton, https://www.cs.toronto.edu/~kriz/cifar.html. Looked for
    in `$KERAS_HOME/datasets` as the folder `cifar-100-python` (inside `cifar-100-python-target` or on its
    own), then as the archive `cifar-100-python-target_archive` or `cifar-100-python.tar.gz`. Downloaded (169
    MB) if there is none.

    Args:
        label_mode: "fine" for the 100 classes, "coarse" for the 20 groups.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: pictures uint8 (samples, 32, 32, 3) from 0 to 255, labels
        int64 (samples, 1).

    Raises:
        ValueError: an unknown `label_mode`.
        DatasetError: the files cannot be had or are damaged; the subclass says which of the two.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"label_mode must be 'fine' or 'coarse'; received label_mode={label_mode!r}")
    contents = load_folder(table.CIFAR100)
    key = f"{label_mode}_labels"
    return (
        (stack_pictures(contents, ["train"]), stack_labels(contents, ["train"], key, np.int64)),
        (stack_pictures(contents, ["test"]), stack_labels(contents, ["test"], key, np.int64)),
    )

"""CIFAR-10: small colour pictures in ten classes."""

from __future__ import annotations

import numpy as np

from kjax.data.datasets import table
from kjax.data.datasets.folders import load_folder
from kjax.data.datasets.get_file import get_file as get_file
from kjax.data.datasets.pictures import load_batch as load_batch
from kjax.data.datasets.pictures import stack_labels, stack_pictures

Pair = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Pair, Pair]:
    """50,000 training and 10,000 test pictures of 32 by 32 pixels.

    The classes 0 to 9 are airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck. Collected by
    A. Krizhevsky, V. Nair and G. Hinton, https://www.cs.toronto.edu/~kriz/cifar.html.

    Looked for in `$KERAS_HOME/datasets`, in this order: the folder `cifar-10-batches-py` inside
    `cifar-10-batches-py-target` (where Keras 3 unpacks it) or on its own, then the archive as
    `cifar-10-batches-py-target_archive`, `cifar-10-batches-py.tar.gz` or `cifar-10-python.tar.gz`. Downloaded
    (170 MB) if there is none.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: pictures uint8 (samples, 32, 32, 3) from 0 to 255, labels
        uint8 (samples, 1).

    Raises:
        DatasetError: the files cannot be had or are damaged; the subclass says which of the two.
    """
    contents = load_folder(table.CIFAR10)
    train = [f"data_batch_{number}" for number in range(1, 6)]
    test = ["test_batch"]
    return (
        (stack_pictures(contents, train), stack_labels(contents, train, "labels", np.uint8)),
        (stack_pictures(contents, test), stack_labels(contents, test, "labels", np.uint8)),
    )

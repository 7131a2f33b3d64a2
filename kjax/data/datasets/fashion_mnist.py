"""Fashion-MNIST: pictures of clothes in the form of MNIST."""

from __future__ import annotations

import numpy as np

from kjax.data.datasets import table
from kjax.data.datasets.files import load_file
from kjax.data.datasets.get_file import get_file as get_file
from kjax.data.errors import CorruptFileError

Pair = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Pair, Pair]:
    """60,000 training and 10,000 test pictures of clothes, 28 by 28 grey pixels.

    The classes 0 to 9 are T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle
    boot. Collected by H. Xiao, K. Rasul and R. Vollgraf, https://github.com/zalandoresearch/fashion-mnist.
    The four files lie in `$KERAS_HOME/datasets/fashion-mnist`; those that are missing are downloaded there
    (31 MB).

    Returns:
        `(x_train, y_train), (x_test, y_test)`: pictures uint8 (samples, 28, 28) from 0 to 255, labels uint8
        (samples,) from 0 to 9.

    Raises:
        DatasetError: a file cannot be had or is damaged; the subclass says which of the two.
    """
    # A loop, not a comprehension: a warning then points at the line of the caller.
    arrays = {}
    for name, file in table.FASHION_MNIST.items():
        arrays[name] = load_file(file)
    for x, y in (("x_train", "y_train"), ("x_test", "y_test")):
        if len(arrays[x]) != len(arrays[y]):
            raise CorruptFileError(
                f"{table.FASHION_MNIST[x].target()} has {len(arrays[x])} pictures, but "
                f"{table.FASHION_MNIST[y].target()} has {len(arrays[y])} labels"
            )
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])

"""One door for data of any kind: arrays and everything that gives batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kjax.data.arrays import Arrays
from kjax.data.recognise import batches_of
from kjax.data.stream import Stream, unpack


def source(
    data: Any,
    batch_size: int = 32,
    shuffle: bool | str = False,
    transform: Callable[[Any], Any] | None = None,
    workers: int | None = None,
) -> Arrays | Stream:
    """A source for the loop engine: batches ``(inputs, targets, weights)``.

    Args:
        data: arrays ``(x, y)``, ``(x, y, weights)`` or ``x``; or what gives batches of that form, see
            :func:`kjax.data.recognise.batches_of`.
        batch_size: samples in a batch; of arrays.
        shuffle: False, True, or ``'batch'``; of arrays and of numbered batches.
        transform: function on the tree of a batch, before it goes to the device. Of arrays it may be called on several
            batches at a time: ``[batches, batch, ...]``.
        workers: of numbered batches, how many are computed at the same time.

    Example:

        >>> import numpy as np
        >>> source((np.zeros((10, 3)), np.zeros(10)), batch_size=4).steps
        3
        >>> source((np.zeros((4, 3)), np.zeros(4)) for _ in range(5)).batch_size
        4
    """
    found = batches_of(data, shuffle=bool(shuffle), workers=workers)
    if found is None:
        return Arrays(unpack(data), batch_size, shuffle, transform)
    prepare = unpack if transform is None else lambda batch: transform(unpack(batch))
    return Stream(found, prepare)

"""The parts of a batch, and data sets cut in two."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from kjax.data.stream import unpack


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Inputs, targets and weights as one batch, without the parts that are None at its end.

    Args:
        x: inputs.
        y: targets.
        sample_weight: weights.

    Returns:
        ``x`` itself (in a tuple where it is a tuple or list), ``(x, y)`` or ``(x, y, sample_weight)``. Weights without
        targets weigh nothing, and are left out.
    """
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """The parts of a batch: inputs, targets and weights, None for those that it lacks.

    Args:
        data: inputs, or a tuple or list of them with targets and weights.

    Raises:
        ValueError: more parts.
    """
    return unpack(data)


def split_dataset(
    dataset: Any,
    left_size: int | float | None = None,
    right_size: int | float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Cut a data set into two.

    Args:
        dataset: an array, a tuple, list or dict of arrays of equally many samples, or an iterable of samples.
        left_size: samples on the left, or their share.
        right_size: samples on the right, or their share; the rest by default.
        shuffle: shuffle the samples first.
        seed: seed of the shuffle.
        preferred_backend: accepted for Keras 3; the result is always arrays.

    Returns:
        The two parts in the structure of the data set; stacked arrays for an iterable of samples.

    Raises:
        ValueError: sizes that are missing, negative, or more than there is; no samples.
    """
    del preferred_backend
    arrays = _as_arrays(dataset)
    counts = {len(leaf) for leaf in jax.tree.leaves(arrays)}
    if len(counts) != 1:
        raise ValueError(f"split_dataset: the arrays have different numbers of samples: {sorted(counts)}")
    total = counts.pop()
    left, right = _sizes(total, left_size, right_size)
    order = np.arange(total)
    if shuffle:
        np.random.default_rng(seed).shuffle(order)
    first, second = order[:left], order[left : left + right]
    return jax.tree.map(lambda a: a[first], arrays), jax.tree.map(lambda a: a[second], arrays)


def _as_arrays(dataset: Any) -> Any:
    if hasattr(dataset, "shape"):
        return np.asarray(dataset)
    if isinstance(dataset, dict):
        return {key: np.asarray(value) for key, value in dataset.items()}
    if isinstance(dataset, (list, tuple)) and dataset and all(hasattr(part, "shape") for part in dataset):
        if isinstance(dataset, tuple) or len({np.shape(part) for part in dataset}) > 1:
            return type(dataset)(np.asarray(part) for part in dataset)
    samples = list(dataset)
    if not samples:
        raise ValueError("split_dataset: the data set is empty")
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *samples)


def _sizes(total: int, left: Any, right: Any) -> tuple[int, int]:
    if left is None and right is None:
        raise ValueError("split_dataset: give `left_size` or `right_size`")
    numbers: list[int | None] = []
    for name, size in (("left_size", left), ("right_size", right)):
        if size is None:
            numbers.append(None)
            continue
        if isinstance(size, bool) or not isinstance(size, (int, float, np.integer, np.floating)):
            raise TypeError(f"split_dataset: `{name}` must be a number, received {size!r}")
        if isinstance(size, (float, np.floating)):
            if not 0 < size < 1:
                raise ValueError(f"split_dataset: `{name}` as a share must be between 0 and 1, received {size}")
            size = round(size * total)
        if not 0 < size <= total:
            raise ValueError(f"split_dataset: `{name}`={size}, but there are {total} samples")
        numbers.append(int(size))
    first, second = numbers
    first = total - (second or 0) if first is None else first
    second = total - first if second is None else second
    if first + second > total or not first or not second:
        raise ValueError(f"split_dataset: parts of {first} and {second} samples cannot be cut from {total}")
    return first, second

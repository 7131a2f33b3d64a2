"""The structure checks: whether a file that lacks the official checksum holds what the data set holds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ArraySpec:
    """What one array of a data set looks like.

    Attributes:
        count: the official number of samples, the length of the first axis.
        shape: the shape of one sample.
        kind: "uint8"; "integer" and "float" for any width; "lists" for lists of integers.
        low: the smallest value that occurs, None for no bound.
        high: the largest value that occurs, None for no bound.
    """

    count: int
    shape: tuple[int, ...]
    kind: str
    low: float | None = None
    high: float | None = None


def check_arrays(arrays: Mapping[str, np.ndarray], *, specs: Mapping[str, ArraySpec]) -> str:
    """Compares arrays with their specs: names, shapes, types, ranges, as many labels "y..." as samples
    "x...".

    Returns:
        A remark about the number of samples if that differs from the official one, else "".

    Raises:
        ValueError: they differ in anything else; the message says in what.
    """
    missing = [name for name in specs if name not in arrays]
    if missing:
        raise ValueError(f"no array named {', '.join(missing)}; there are {', '.join(arrays) or 'none'}")
    remarks = [check_array(arrays[name], name=name, spec=spec) for name, spec in specs.items()]
    for name in specs:
        labels = name.replace("x", "y", 1)
        if len(arrays[labels]) != len(arrays[name]):
            raise ValueError(f"{name} has {len(arrays[name])} samples but {len(arrays[labels])} labels")
    return "; ".join(filter(None, remarks))


def check_array(array: np.ndarray, *, name: str, spec: ArraySpec) -> str:
    """Compares one array with its spec. Returns and raises as `check_arrays` does."""
    _check_values(name, array, spec)
    return f"{name} has {len(array)} samples, the official file {spec.count}" if len(array) != spec.count else ""


def check_batch(
    name: str, content: Mapping[str, Any], *, count: int | Mapping[str, int], classes: Mapping[str, int]
) -> str:
    """Checks a CIFAR batch: pictures (samples, 3072) of uint8, and for each sample a label below the bound.

    Args:
        name: the name of the batch.
        content: what is in it.
        count: the official number of pictures, of every batch or by batch.
        classes: the number of classes by the name of the labels.

    Returns and raises as `check_arrays` does.
    """
    missing = [key for key in ("data", *classes) if key not in content]
    if missing:
        raise ValueError(f"{name} has no {', '.join(missing)}")
    pictures = content["data"]
    official = count if isinstance(count, int) else count[name]
    if not isinstance(pictures, np.ndarray):
        raise ValueError(f"{name} has pictures that are no array")
    remark = check_array(pictures, name=f"{name}: data", spec=ArraySpec(official, (3072,), "uint8"))
    for key, bound in classes.items():
        labels = content[key]
        if not isinstance(labels, list) or any(type(label) is not int or not 0 <= label < bound for label in labels):
            raise ValueError(f"{name} has {key} that are not a list of integers from 0 to {bound - 1}")
        if len(labels) != len(pictures):
            raise ValueError(f"{name} has {len(pictures)} pictures but {len(labels)} {key}")
    return remark


def _check_values(name: str, array: np.ndarray, spec: ArraySpec) -> None:
    if array.ndim == 0 or array.shape[1:] != spec.shape or len(array) == 0:
        wanted = ", ".join(["samples", *map(str, spec.shape)])
        raise ValueError(f"{name} has the shape {array.shape} instead of ({wanted})")
    if spec.kind == "lists":
        values = _flatten_lists(name, array)
    else:
        right = {
            "uint8": array.dtype == np.uint8,
            "integer": np.issubdtype(array.dtype, np.integer),
            "float": np.issubdtype(array.dtype, np.floating),
        }[spec.kind]
        if not right:
            raise ValueError(f"{name} has the type {array.dtype} instead of {spec.kind}")
        values = array
    if spec.kind == "float" and not np.isfinite(values).all():
        raise ValueError(f"{name} has values that are not finite")
    if values.size and spec.low is not None and values.min() < spec.low:
        raise ValueError(f"{name} has values below {spec.low:g} (the smallest is {values.min()})")
    if values.size and spec.high is not None and values.max() > spec.high:
        raise ValueError(f"{name} has values above {spec.high:g} (the largest is {values.max()})")


def _flatten_lists(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype != object or any(type(row) is not list for row in array):
        raise ValueError(f"{name} is not an array of lists")
    # `bool` is refused too: it is no word index.
    if any(kind is not int for kind in set(map(type, itertools.chain.from_iterable(array)))):
        raise ValueError(f"{name} has lists of other things than integers")
    count = sum(map(len, array))
    try:
        return np.fromiter(itertools.chain.from_iterable(array), dtype=np.int64, count=count)
    except OverflowError as error:
        raise ValueError(f"{name} has integers beyond 64 bits") from error


def check_word_index(content: Any) -> str:
    """Checks a word index: a dictionary from words to positive integers.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(content, dict) or not content:
        raise ValueError("not a dictionary of words")
    if any(type(rank) is not int or rank < 1 for rank in content.values()):
        raise ValueError("ranks of words that are not positive integers")
    return ""

"""Strings inside compiled models: numbers that stand for them, the same for equal strings.

No device holds strings. A model that begins with a layer for strings gets numbers instead, and the layer, which runs on
the host, looks them up. The table grows with the number of different strings that models were given.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

STRING = "string"
TYPE = "int32"
"""Type of the numbers."""
DONE = "uint32"
"""Type of what a layer made of strings before the compiled model that it begins."""

_numbers: dict[str, int] = {}
_strings: list[str] = []
_lock = threading.Lock()


def is_strings(array: Any) -> bool:
    """Whether an array, or a list of strings or of such lists, holds strings; a list of arrays is several inputs."""
    if isinstance(array, (list, tuple)):
        first = array[0] if array else None
        return isinstance(first, (str, bytes)) or (isinstance(first, (list, tuple)) and is_strings(first))
    kind = getattr(getattr(array, "dtype", None), "kind", "")
    if kind == "O":
        return bool(array.size) and isinstance(array.reshape(-1)[0], (str, bytes))
    return kind in ("U", "S")


def holds_strings(tree: Any) -> bool:
    """Whether there are strings among data: a quick look."""
    if isinstance(tree, dict):
        return any(holds_strings(value) for value in tree.values())
    if isinstance(tree, (list, tuple)):
        return any(holds_strings(item) for item in tree[:64])
    return isinstance(tree, (str, bytes)) or (hasattr(tree, "dtype") and not hasattr(tree, "at") and is_strings(tree))


def encode(array: Any) -> np.ndarray:
    """The numbers of an array of strings or bytes."""
    array = np.asarray(array)
    items = [
        item.decode(errors="surrogateescape") if isinstance(item, bytes) else str(item)
        for item in array.reshape(-1).tolist()
    ]
    with _lock:
        for item in items:
            if item not in _numbers:
                _numbers[item] = len(_strings)
                _strings.append(item)
    return np.array([_numbers[item] for item in items], TYPE).reshape(array.shape)


def decode(numbers: np.ndarray) -> np.ndarray:
    """The strings of an array of numbers; a number that stands for none (of a trial run) for the empty string."""
    known = len(_strings)
    items = [_strings[i] if 0 <= i < known else "" for i in numbers.reshape(-1).tolist()]
    result = np.empty(len(items), object)
    result[:] = items
    return result.reshape(numbers.shape)


def encode_tree(tree: Any) -> Any:
    """The same data with numbers for strings."""
    if isinstance(tree, dict):
        return {key: encode_tree(value) for key, value in tree.items()}
    if hasattr(tree, "to_numpy") and not hasattr(tree, "columns"):
        tree = tree.to_numpy()
    if is_strings(tree):
        return encode(tree)
    if isinstance(tree, (list, tuple)) and not any(isinstance(item, (int, float)) for item in tree):
        return type(tree)(encode_tree(item) for item in tree) if type(tree) in (list, tuple) else tree
    return tree


def array_type(dtype: str) -> str:
    """Type of the arrays that stand for a tensor of a type."""
    return TYPE if dtype == STRING else dtype

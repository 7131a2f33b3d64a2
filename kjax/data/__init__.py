"""Sources of batches and the classic data sets."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kjax.data.arrays import Arrays as Arrays
    from kjax.data.errors import DatasetError as DatasetError
    from kjax.data.examples import Examples as Examples
    from kjax.data.py_dataset import PyDataset as PyDataset
    from kjax.data.reader import Reader as Reader
    from kjax.data.sources import source as source
    from kjax.data.stream import Stream as Stream

_HOMES = {
    "Arrays": "arrays",
    "DatasetError": "errors",
    "Examples": "examples",
    "PyDataset": "py_dataset",
    "Reader": "reader",
    "Stream": "stream",
    "source": "sources",
}


def __getattr__(name: str) -> Any:
    """Imported when first named: the data sets alone need no JAX."""
    if name in ("datasets", "tfds"):
        return importlib.import_module(f"kjax.data.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"kjax.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'kjax.data' has no attribute {name!r}")

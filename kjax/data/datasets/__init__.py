"""The classic data sets: `datasets.mnist.load_data()` and its siblings, as NumPy arrays.

Files are looked for in `$KERAS_HOME/datasets` (default `~/.keras/datasets`), the folder that Keras uses too,
and downloaded there when they are missing. Two environment variables change where they come from:

- `KJAX_DATASETS_URL`: the address of a folder that holds all files under their usual names (a mirror);
- `KJAX_OFFLINE=1`: never try the network.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kjax.data.datasets import (
        boston_housing,
        california_housing,
        cifar10,
        cifar100,
        fashion_mnist,
        imdb,
        mnist,
        reuters,
        standin,
    )

__all__ = [
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
    "standin",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; its data sets are {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)

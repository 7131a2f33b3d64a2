"""``keras.backend``: the functions that layers, losses and metrics of Keras 1 and 2 are written with, and those of Keras 3.

They work on arrays, variables and symbolic tensors; ``function`` and ``gradients`` compile and differentiate graphs.
"""

from __future__ import annotations

from typing import Any

from kjax.keras.backend import arithmetic as _arithmetic
from kjax.keras.backend import graph as _graph
from kjax.keras.backend import network as _network
from kjax.keras.backend import older as _older
from kjax.keras.backend import running as _running
from kjax.keras.backend import session as _session
from kjax.keras.backend.drawing import drawing as _drawing
from kjax.keras.config import epsilon as epsilon
from kjax.keras.config import floatx as floatx
from kjax.keras.config import image_data_format as image_data_format
from kjax.keras.core.settings import clear_session as clear_session
from kjax.keras.core.types import standardize_dtype as standardize_dtype
from kjax.keras.random import SeedGenerator as SeedGenerator


def __getattr__(name: str) -> Any:
    if name in _older.SETTINGS:
        return _older.SETTINGS[name]()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _public() -> dict[str, Any]:
    names = {}
    for module in (_session, _arithmetic, _network, _graph, _running, _older):
        here = {
            name: thing
            for name, thing in vars(module).items()
            if callable(thing)
            and not name.startswith("_")
            and (getattr(thing, "__module__", None) == module.__name__ or name in _TABLES)
        }
        if module in (_arithmetic, _network):
            here = {name: thing if name in _NO_TENSORS else _drawing(thing) for name, thing in here.items()}
        names.update(here)
    return _older.with_older_spellings(names)


_NO_TENSORS = frozenset(
    "dtype cast_to_floatx get_variable_shape transpose_shape ctc_label_dense_to_sparse random_normal_variable "
    "random_uniform_variable zeros ones eye arange print_tensor".split()
)
"""Functions that never were nodes of a graph, or whose tensors have values at once."""


_TABLES = {entry.partition("=")[0] for entry in f"{_arithmetic.SAME} {_network.LIFTED}".split()} | {
    "conv2d",
    "conv3d",
    "depthwise_conv2d",
    "separable_conv1d",
    "separable_conv2d",
}
globals().update(_public())

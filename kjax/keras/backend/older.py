"""The backend of Keras 1: names and arguments of its functions, and the order of the arguments of cross entropies."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from kjax.keras import config
from kjax.keras.backend import network
from kjax.keras.core.settings import settings
from kjax.keras.legacy import spellings
from kjax.keras.legacy.arguments import rename

_SWAPPED = ("categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy")
"""Functions of (target, output) that were functions of (output, target) in Keras 1."""


def with_older_spellings(functions: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The functions of the backend, which understand the spellings of Keras 1 too, and those under its names."""
    found = dict(functions)
    for name in {*spellings.BACKEND, *_SWAPPED} & set(found):
        found[name] = _understanding(found[name], name)
    for old, new in spellings.BACKEND_NAMES.items():
        found[old] = found[new]
    return found


def _understanding(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    table = spellings.BACKEND.get(name, {})

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(key in kwargs for key in (*table, *spellings.BACKEND_DROPPED)):
            kwargs = {k: v for k, v in kwargs.items() if k not in spellings.BACKEND_DROPPED}
            kwargs = rename(f"K.{name}", table, kwargs)
        if settings.era == "1":
            if name in _SWAPPED and len(args) > 1:
                args = (args[1], args[0], *args[2:])
            if name == "conv2d":
                args = _kernel_of_today(args, kwargs)
        return function(*args, **kwargs)

    return call


def _kernel_of_today(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Kernels for images with channels first were (filters, channels, rows, columns) in Keras 1."""
    from kjax.keras import ops

    chosen = kwargs.get("data_format") or settings.image_data_format
    if len(args) > 1 and len(args[1].shape) == 4 and chosen == "channels_first":
        kernel = args[1].__symbolic__() if hasattr(args[1], "__symbolic__") else args[1]
        return (args[0], ops.transpose(kernel, (2, 3, 1, 0)), *args[2:])
    return args


def asymmetric_spatial_2d_padding(
    x: Any, top_pad: int = 1, bottom_pad: int = 1, left_pad: int = 1, right_pad: int = 1, dim_ordering: Any = None
) -> Any:
    """Zeros around images, other numbers of them on each side (Keras 1)."""
    form = spellings.VALUES["dim_ordering"].get(dim_ordering, dim_ordering)
    return vars(network)["spatial_2d_padding"](x, ((top_pad, bottom_pad), (left_pad, right_pad)), data_format=form)


def unpack(x: Any, axis: int = 0) -> list[Any]:
    """The slices along an axis (Keras 1)."""
    from kjax.keras import ops

    return ops.unstack(x.__symbolic__() if hasattr(x, "__symbolic__") else x, axis=axis)


_MODULES = {"tf": "tensorflow", "np": "numpy", "control_flow_ops": "tensorflow", "tensor_array_ops": "tensorflow"}

SETTINGS: dict[str, Callable[[], Any]] = {
    **{name: functools.partial(importlib.import_module, module) for name, module in _MODULES.items()},
    "_EPSILON": config.epsilon,
    "_FLOATX": config.floatx,
    "_BACKEND": lambda: "tensorflow",
    "_IMAGE_DIM_ORDERING": lambda: {"channels_last": "tf", "channels_first": "th"}[settings.image_data_format],
}
"""Settings that scripts of Keras 1 read as attributes, and modules that the backend held because it used them."""

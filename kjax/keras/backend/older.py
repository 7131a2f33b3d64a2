"""The backend of Keras 1: names and arguments of its functions, and the order of the arguments of cross entropies."""

from __future__ import annotations

import builtins
import functools
import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from kjax.keras import config
from kjax.keras.backend import network
from kjax.keras.core.settings import settings
from kjax.keras.legacy import spellings
from kjax.keras.legacy.arguments import rename

_SWAPPED = ("categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy")
"""Functions of (target, output) that were functions of (output, target) in Keras 1."""

_FORMATS = spellings.VALUES["dim_ordering"]


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
            args = tuple(_FORMATS.get(arg, arg) if isinstance(arg, str) else arg for arg in args)
            if name == "temporal_padding":
                args, kwargs = _both_ends(args, kwargs)
            if name in _SWAPPED and len(args) > 1:
                args = (args[1], args[0], *args[2:])
            if name == "conv2d":
                args = _kernel_of_today(args, kwargs)
        return function(*args, **kwargs)

    return call


def _both_ends(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """One number of zeros before the steps and behind them."""
    known: dict[str, Any] = {**dict(zip(("x", "padding"), args, strict=False)), **kwargs}
    if isinstance(known.get("padding"), int):
        known["padding"] = (known["padding"],) * 2
    return (), known


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
    form = _FORMATS.get(dim_ordering, dim_ordering)
    return vars(network)["spatial_2d_padding"](x, ((top_pad, bottom_pad), (left_pad, right_pad)), data_format=form)


def asymmetric_temporal_padding(x: Any, left_pad: int = 1, right_pad: int = 1) -> Any:
    """Zeros before the steps and behind them (Keras 1)."""
    return vars(network)["temporal_padding"](x, (left_pad, right_pad))


def atrous_conv2d(
    x: Any, kernel: Any, rate: int = 1, border_mode: str = "valid", dim_ordering: Any = None, **shapes: Any
) -> Any:
    """A convolution whose kernel has holes (Keras 1).

    Args:
        x: images.
        kernel: (rows, columns, channels, filters), or (filters, channels, rows, columns) with channels first.
        rate: distance of the places of the kernel.
        border_mode: ``'valid'`` or ``'same'``.
        dim_ordering: ``'tf'`` or ``'th'``.
        **shapes: accepted: shapes of the images and of the kernel.
    """
    del shapes
    kwargs = {"padding": border_mode, "data_format": _FORMATS.get(dim_ordering, dim_ordering)}
    args = _kernel_of_today((x, kernel), kwargs)
    return vars(network)["conv2d"](*args, dilation_rate=(rate, rate), **kwargs)


def set_legacy_weight_ordering(value: bool) -> None:
    """Whether weights are read in the order of the first versions (Keras 1); kept, and without effect.

    Raises:
        ValueError: anything but a boolean.
    """
    if value not in (True, False):
        raise ValueError(f"set_legacy_weight_ordering: expected True or False, received {value!r}")
    _legacy_order[:] = [bool(value)]


def legacy_weight_ordering() -> bool:
    """What :func:`set_legacy_weight_ordering` was given last."""
    return _legacy_order[0]


_legacy_order = [False]


def unpack(x: Any, axis: int = 0) -> list[Any]:
    """The slices along an axis (Keras 1)."""
    from kjax.keras import ops

    return ops.unstack(x.__symbolic__() if hasattr(x, "__symbolic__") else x, axis=axis)


_MODULES = {name: name for name in ("json", "os", "sys")} | {
    "tf": "tensorflow",
    "np": "numpy",
    "control_flow_ops": "tensorflow",
    "tensor_array_ops": "tensorflow",
}


def _folder() -> str:
    """Where Keras keeps its settings and data sets."""
    return os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")


SETTINGS: dict[str, Callable[[], Any]] = {
    **{name: functools.partial(importlib.import_module, module) for name, module in _MODULES.items()},
    **dict.fromkeys(("_EPSILON", "_epsilon"), config.epsilon),
    **dict.fromkeys(("_FLOATX", "_floatx"), config.floatx),
    **dict.fromkeys(("_BACKEND", "_backend"), lambda: "tensorflow"),
    **dict.fromkeys(("_IMAGE_DATA_FORMAT", "_image_data_format"), lambda: settings.image_data_format),
    "_config": lambda: {
        "floatx": config.floatx(),
        "epsilon": config.epsilon(),
        "backend": "tensorflow",
        "image_data_format": settings.image_data_format,
    },
    **{f"py_{name}": functools.partial(getattr, builtins, name) for name in ("all", "any", "slice", "sum")},
    "_keras_base_dir": lambda: os.path.expanduser("~"),
    "_keras_dir": _folder,
    "_config_path": lambda: os.path.join(_folder(), "keras.json"),
    "_IMAGE_DIM_ORDERING": lambda: {"channels_last": "tf", "channels_first": "th"}[settings.image_data_format],
}
"""Settings that scripts of Keras 1 read as attributes, and modules that the backend held because it used them."""

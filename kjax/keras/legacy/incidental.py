"""Names that modules of Keras 2 held only because they used them, and that scripts imported from there all the same."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

_GENERIC = "kjax.keras.utils.generic_utils"

PLACES = {
    "Progbar": "kjax.keras.progbar",
    "Sequential": "kjax.keras.models",
    "to_categorical": "kjax.keras.utils",
    "standardize_input_data": "kjax.keras.engine.training_utils",
    "keras_modules_injection": "kjax.keras.legacy.incidental",
    **dict.fromkeys("conv2d_bn conv_block identity_block".split(), "kjax.keras.legacy.applications"),
    **dict.fromkeys(
        "deserialize_keras_object func_dump func_load has_arg object_list_uid to_list transpose_shape".split(), _GENERIC
    ),
}
"""Where each is."""

HELD = {
    "applications.inception_v3": "conv2d_bn keras_modules_injection",
    "applications.resnet50": "conv_block identity_block keras_modules_injection",
    "callbacks": "Progbar standardize_input_data",
    "layers": "deserialize_keras_object func_dump func_load has_arg object_list_uid to_list transpose_shape",
    "models": "has_arg to_list",
    "wrappers.scikit_learn": "Sequential has_arg to_categorical to_list",
    **dict.fromkeys(
        ["applications"] + [f"applications.{m}" for m in "densenet imagenet_utils mobilenet vgg16 xception".split()],
        "keras_modules_injection",
    ),
}
"""Modules below ``kjax.keras`` and what they held."""


def find(module: str, name: str) -> Any:
    """The thing that a module held under a name, or None.

    Args:
        module: name of the module, below ``kjax.keras``.
        name: the name.
    """
    if name not in HELD.get(module, "").split():
        return None
    return getattr(importlib.import_module(PLACES[name]), name)


def held_by(module: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module that has nothing else to look for.

    Args:
        module: name of the module, below ``kjax.keras``.
    """

    def __getattr__(name: str) -> Any:
        found = find(module, name)
        if found is None:
            raise AttributeError(f"module 'kjax.keras.{module}' has no attribute {name!r}")
        return found

    return __getattr__


def keras_modules_injection(base_fun: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is handed the modules ``backend``, ``layers``, ``models`` and ``utils`` as keyword arguments.

    Args:
        base_fun: a function of the package keras-applications.
    """

    @functools.wraps(base_fun)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        modules = {
            name: importlib.import_module(f"kjax.keras.{name}") for name in ("backend", "layers", "models", "utils")
        }
        return base_fun(*args, **{**modules, **kwargs})

    return wrapper

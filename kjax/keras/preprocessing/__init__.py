"""Data preparation of the Keras API: sequences, text, images, and data sets from folders and arrays."""

from __future__ import annotations

import importlib
from typing import Any

_SUBMODULES = ("image", "sequence", "text")

_NAMES = {
    "audio_dataset_from_directory": "folders",
    "image_dataset_from_directory": "folders",
    "text_dataset_from_directory": "folders",
    "timeseries_dataset_from_array": "timeseries",
}
"""Functions and the module that holds each."""


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"kjax.keras.preprocessing.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"kjax.keras.preprocessing.{_NAMES[name]}"), name)
    from kjax.nn.value import did_you_mean

    raise AttributeError(
        f"module 'kjax.keras.preprocessing' has no attribute {name!r}; {did_you_mean(name, __dir__())}"
    )


def __dir__() -> list[str]:
    return sorted([*_SUBMODULES, *_NAMES])

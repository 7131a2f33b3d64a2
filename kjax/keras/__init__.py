"""The Keras API on kjax: ``from kjax import keras`` reads like ``from tensorflow import keras``."""

from __future__ import annotations

import importlib
from typing import Any

_SUBMODULES = """
activations
applications
backend
callbacks
config
constraints
datasets
distillation
distribution
dtype_policies
engine
export
initializers
layers
losses
metrics
mixed_precision
models
ops
optimizers
preprocessing
quantizers
random
regularizers
saving
tree
utils
visualization
wrappers
""".split()

_NAMES = {
    "Input": "layers",
    "Layer": "layers",
    "Model": "models",
    "Sequential": "models",
    "Variable": "core.variable",
    "KerasTensor": "core.tensor",
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Function": "core.stateless",
    "InputSpec": "layers",
    "Metric": "metrics",
    "Operation": "core.stateless",
    "RematScope": "core.rematerialization",
    "Quantizer": "quantizers",
    "StatelessScope": "core.stateless",
    "SymbolicScope": "core.stateless",
    "device": "backend",
    "name_scope": "core.name_scopes",
    "remat": "core.rematerialization",
    "Loss": "losses",
    "Optimizer": "optimizers",
    "Initializer": "initializers",
    "Regularizer": "regularizers",
    "install": "legacy.install",
    "uninstall": "legacy.install",
}
"""Names at the top and where they live."""


def version() -> str:
    """The version of Keras that is followed, under the present era."""
    from kjax.keras.core.settings import settings
    from kjax.keras.legacy.modules import VERSIONS

    return VERSIONS[settings.release or settings.era]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version()
    if name in _SUBMODULES:
        return importlib.import_module(f"kjax.keras.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"kjax.keras.{_NAMES[name]}"), name)
    from kjax.nn.value import did_you_mean

    raise AttributeError(f"module 'kjax.keras' has no attribute {name!r}; {did_you_mean(name, __dir__())}")


def load_ipython_extension(ipython: Any) -> None:
    """``%load_ext kjax.keras`` in a notebook: ``import keras`` means kjax from then on."""
    from kjax.keras.legacy.install import install

    install()


def unload_ipython_extension(ipython: Any) -> None:
    """``%unload_ext kjax.keras``."""
    from kjax.keras.legacy.install import uninstall

    uninstall()


def __dir__() -> list[str]:
    return sorted([*_SUBMODULES, *_NAMES])

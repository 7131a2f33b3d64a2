"""Keras as pure functions on JAX.

Three floors, each usable without those above it:

- ``kjax.nn``: layers as Flax modules; losses, metrics and optimizers as pure functions.
- ``kjax.train`` and ``kjax.data``: train state, compiled steps, the loop engine, sources of batches.
- ``kjax.keras``: the Keras API on top of both.

``kjax.models`` holds ready-made networks written in ``kjax.nn`` alone. ``import kjax`` itself loads none of
these: each is imported when it is first named.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from kjax._version import __version__

if TYPE_CHECKING:
    from kjax import data, keras, models, nn, train

__all__ = ["__version__", "data", "keras", "models", "nn", "train"]

_SUBPACKAGES = frozenset(__all__) - {"__version__"}


def __getattr__(name: str) -> ModuleType:
    """Imports a subpackage when it is first named (PEP 562)."""
    if name in _SUBPACKAGES:
        return importlib.import_module(f"kjax.{name}")

    import difflib

    near = difflib.get_close_matches(name, __all__, n=1)
    hint = f"; did you mean 'kjax.{near[0]}'?" if near else f"; it has {', '.join(sorted(_SUBPACKAGES))}"
    raise AttributeError(f"module 'kjax' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted(__all__)

"""``ALL_OBJECTS`` and ``ALL_OBJECTS_DICT`` of losses, metrics and their like: what strings in ``compile`` and in configs mean."""

from __future__ import annotations

import functools
import importlib
import inspect
from types import SimpleNamespace
from typing import Any

QUANTIZATION_MODES = ("int8", "float8", "int4", "gptq", "awq")
"""Modes of quantized types."""

_BASES = {
    "activations": "",
    "constraints": "kjax.keras.constraints:Constraint",
    "dtype_policies": "kjax.keras.dtype_policies:DTypePolicy kjax.keras.dtype_policies:DTypePolicyMap",
    "initializers": "kjax.keras.initializers:Initializer",
    "losses": "kjax.keras.losses:Loss",
    "metrics": "kjax.keras.metrics:Metric",
    "optimizers": "kjax.keras.optimizers:Optimizer",
    "quantizers": "kjax.keras.quantizers:Quantizer kjax.keras.quantizers:QuantizationConfig",
    "regularizers": "kjax.keras.regularizers:Regularizer",
}
"""The classes of whose kind the objects of a module are."""

_FIRST = {"activations": "x", "losses": "y_true", "metrics": "y_true"}
"""What the first argument of a module's functions is called."""


def _find(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _belongs(thing: Any, bases: tuple[type, ...], first: str | None) -> bool:
    if inspect.isclass(thing):
        return issubclass(thing, bases)
    return (
        first is not None
        and inspect.isfunction(thing)
        and next(iter(inspect.signature(thing).parameters), None) == first
    )


@functools.cache
def part(module: str) -> Any:
    """The tables of one module of ``keras``: a set of its classes and functions, and a dict of them by name.

    Args:
        module: such as ``'losses'``.
    """
    bases = tuple(_find(path) for path in _BASES[module].split())
    names = vars(importlib.import_module(f"kjax.keras.{module}"))
    found = {
        name: thing for name, thing in names.items() if name[0] != "_" and _belongs(thing, bases, _FIRST.get(module))
    }
    return SimpleNamespace(ALL_OBJECTS=set(found.values()), ALL_OBJECTS_DICT=found)


def __getattr__(name: str) -> Any:
    if name in _BASES:
        return part(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

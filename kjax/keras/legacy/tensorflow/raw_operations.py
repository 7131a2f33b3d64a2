"""`tf.raw_ops`: operations by the names and arguments that they have in graphs."""

from __future__ import annotations

import functools
import importlib
import re
from typing import Any


class RawOperations:
    """``tf.raw_ops``: functions under the names of operations, ``tf.raw_ops.MatMul(a=..., b=...)``."""

    _modules = ("math", "nn", "linalg", "", "image", "io", "strings", "random", "signal")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = self._function(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower())
        if found is None:
            raise AttributeError(
                f"the stand-in for TensorFlow has no raw operation {name!r}; use the function of tf, tf.math, tf.nn or tf.image"
            )

        @functools.wraps(found)
        def call(**arguments: Any) -> Any:
            """The operation: what the function does with the arguments in the order in which they are given."""
            arguments.pop("name", None)
            return found(*arguments.values())

        return call

    def _function(self, name: str) -> Any:
        for candidate in (name, name.replace("mat_mul", "matmul").removesuffix("_v2"), f"reduce_{name}"):
            for module in self._modules:
                place = importlib.import_module(f"tensorflow.{module}".rstrip("."))
                if hasattr(place, candidate):
                    return getattr(place, candidate)
        return None


raw_ops = RawOperations()

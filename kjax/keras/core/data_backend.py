"""``self.backend`` of Keras' preprocessing layers: there is one backend, under the names of all."""

from __future__ import annotations

import importlib
from typing import Any


class Backend:
    """The functions that layers which run inside of data pipelines call as ``self.backend.<name>``.

    ``backend.numpy``, ``backend.image``, ``backend.nn``, ``backend.math``, ``backend.linalg`` and ``backend.core`` are those
    modules of ``keras.ops``, ``backend.random`` is ``keras.random``; any other name is looked up in ``keras.ops`` and in
    ``keras.backend``.
    """

    _backend = "jax"

    def name(self) -> str:
        """Name of the backend."""
        return self._backend

    def set_backend(self, backend: str) -> None:
        """Accepted for code that switches to TensorFlow inside of its pipelines; nothing changes."""

    def reset(self) -> None:
        """The end of what :meth:`set_backend` began."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"the backend has no attribute {name!r}")
        if name == "random":
            return importlib.import_module("kjax.keras.random")
        ops = importlib.import_module("kjax.keras.ops")
        try:
            return getattr(ops, name)
        except AttributeError as unknown:
            backend = importlib.import_module("kjax.keras.backend")
            if hasattr(backend, name):
                return getattr(backend, name)
            raise unknown

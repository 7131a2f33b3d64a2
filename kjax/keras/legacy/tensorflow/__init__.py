"""A stand-in for TensorFlow where it is not installed: what Keras scripts commonly touch, on kjax and JAX.

It is no TensorFlow: a name that it lacks gives an error that says so.
"""

from __future__ import annotations

import importlib
import itertools
from types import ModuleType
from typing import Any

from kjax.keras.legacy.tensorflow import first
from kjax.keras.legacy.tensorflow.names import INSTEAD, MODULES
from kjax.keras.legacy.tensorflow.python_modules import FOLDERS, OWN, PLACES

VERSION = "2.15.0"
_PYTHON = "tensorflow.python"
_OF_KERAS = frozenset(("losses", "metrics", "optimizers", "initializers"))
_TRANSPARENT = ("compat.v1.", "compat.v2.", "_api.v2.", "python.")


def place_of(fullname: str) -> str | None:
    """The path below ``tensorflow`` of a module that the stand-in has, or None."""
    path = f"{fullname.partition('.')[2]}."
    if path == ".":
        return ""
    for prefix in _TRANSPARENT:
        if path.startswith(prefix) and path.rstrip(".") not in MODULES:
            path = path[len(prefix) :]
    path = path.rstrip(".")
    if path in MODULES or path in ("compat", "python", "_api", "_api.v2", "contrib"):
        return path
    inner = fullname.removeprefix(f"{_PYTHON}.")
    return f"python.{inner}" if inner != fullname and (inner in PLACES or inner in OWN or inner in FOLDERS) else None


def has_module(fullname: str) -> bool:
    """Whether the stand-in has a module of this full name."""
    return place_of(fullname) is not None


class StandIn(ModuleType):
    """A module of the stand-in: names are looked up in the tables when they are read."""

    __kjax_stand_in__ = True

    def __init__(self, name: str, place: str) -> None:
        super().__init__(name, f"``{name}``: a stand-in on kjax; TensorFlow is not installed.")
        self._place = place
        self.__version__ = VERSION

    def __getattr__(self, name: str) -> Any:
        place = self.__dict__.get("_place")
        if place is None or (name.startswith("__") and name != "__all__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name == "__all__":
            return [entry for entry in dir(self) if not entry.startswith("_")]
        for names in self._tables():
            if name in names:
                return _found(names[name])
        for place_of_keras in _OF_KERAS.intersection(PLACES.get(self.__name__.removeprefix(f"{_PYTHON}."), ())):
            found = getattr(_found(MODULES[""][place_of_keras]), name, None)
            if found is not None:
                return found
        below = f"{self.__name__}.{name}"
        if has_module(below) or name == "keras":
            return importlib.import_module(below)
        instead = INSTEAD.get(place) or (first.INSTEAD.get(name) if place in ("", "train") else None)
        if instead is not None:
            raise AttributeError(f"the stand-in for TensorFlow has no {below!r}: {instead}")
        from kjax.nn.value import did_you_mean

        names = [entry for entry in dir(self) if not entry.startswith("_")]
        raise AttributeError(
            f"the stand-in for TensorFlow has no {below!r}: TensorFlow is not installed, and kjax offers what Keras "
            f"scripts commonly use of it; {did_you_mean(name, names)}"
        )

    def _tables(self) -> list[dict[str, Any]]:
        """Tables that have the module's names, in the order in which they are asked."""
        inner = self.__name__.removeprefix(f"{_PYTHON}.")
        if inner == self.__name__:
            return [MODULES.get(self._place, {})]
        public = [MODULES.get(place, {}) for place in PLACES.get(inner, ())]
        return [OWN.get(inner, {}), MODULES.get(self._place, {}), *public]

    def __dir__(self) -> list[str]:
        return sorted({*itertools.chain.from_iterable(self._tables()), *super().__dir__()})


def _found(target: Any) -> Any:
    """What an entry of a table stands for."""
    if not isinstance(target, str) or ":" not in target:
        return target
    module, _, attribute = target.partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def make_module(fullname: str) -> ModuleType:
    """The module of the stand-in of this full name."""
    from kjax.keras.core import scope
    from kjax.keras.legacy.tensorflow.recorder import Recorder

    place = place_of(fullname)
    assert place is not None, fullname
    scope.recorder = scope.recorder or Recorder()
    return StandIn(fullname, place)

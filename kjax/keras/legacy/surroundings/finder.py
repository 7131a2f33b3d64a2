"""Gives modules the names that they had: at once where they are imported, else as soon as they are."""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from kjax.keras.legacy.surroundings.changes import CHANGES
from kjax.keras.legacy.surroundings.tables import ATTRIBUTES, EMPTY, MODULES


def _target(path: str) -> Any:
    """The object at ``module:name``; without a name the module."""
    module, _, name = path.partition(":")
    found = _walk(module)
    return getattr(found, name) if name else found


def _walk(path: str) -> Any:
    """A module, or a class in one, of a dotted path."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        parent, _, name = path.rpartition(".")
        if not parent:
            raise
        return getattr(_walk(parent), name)


class Gone(ModuleType):
    """A module that is gone: its names are looked up when they are read.

    Args:
        name: full name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, f"``{name}`` as it was, from what is there today.")

    def __getattr__(self, name: str) -> Any:
        table = MODULES[self.__name__]
        if name in table:
            return _target(table[name])
        if name == "__all__":
            return [entry for entry in dir(self) if not entry.startswith("_")]
        if not name.startswith("__") and "*" in table:
            return getattr(importlib.import_module(table["*"]), name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        table = MODULES[self.__name__]
        behind = dir(importlib.import_module(table["*"])) if "*" in table else []
        return sorted({*(name for name in table if name != "*"), *behind, *super().__dir__()})


def _complete(module: ModuleType) -> None:
    """Give a module and its classes the names of the tables that they lack."""
    for place, table in ATTRIBUTES.items():
        path, _, name = place.partition(":")
        if path != module.__name__:
            continue
        if not name:
            _undo.append(_look_up_later(module, table))
            continue
        holder = getattr(module, name, None)
        for entry, target in table.items() if holder is not None else ():
            if not hasattr(holder, entry):
                setattr(holder, entry, _target(target))
                _undo.append(functools.partial(delattr, holder, entry))
    for change in CHANGES.get(module.__name__, ()):
        _undo.append(change(module))


def _look_up_later(module: ModuleType, table: dict[str, str]) -> Callable[[], None]:
    """Let a module find the names of a table when they are read: what stands for them may import the module itself."""
    original = vars(module).get("__getattr__")

    def find(name: str) -> Any:
        if name in table:
            return _target(table[name])
        if original is not None:
            return original(name)
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    def undo() -> None:
        if original is not None:
            module.__dict__["__getattr__"] = original
        else:
            module.__dict__.pop("__getattr__", None)

    module.__dict__["__getattr__"] = find
    return undo


_undo: list[Callable[[], None]] = []


class _Completing(importlib.abc.Loader):
    """Loads a module and then completes it.

    Args:
        loader: what would have loaded it.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """As the module's own loader does it."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then give it what it lacks."""
        self._loader.exec_module(module)
        _complete(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


_COMPLETED = frozenset(place.partition(":")[0] for place in ATTRIBUTES) | frozenset(CHANGES)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules that are gone, and completes others as they are imported."""

    def __init__(self) -> None:
        self._asking: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a module of the tables, or None."""
        if fullname not in _COMPLETED and fullname not in MODULES:
            return None
        if fullname in self._asking:
            return None
        self._asking.add(fullname)
        try:
            spec = None if fullname in EMPTY else self._others(fullname, path, target)
        finally:
            self._asking.discard(fullname)
        if spec is None:
            top = fullname.partition(".")[0]
            if fullname in MODULES and (top == fullname or top in sys.modules or top in MODULES):
                return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
            return None
        if fullname in _COMPLETED and spec.loader is not None:
            spec.loader = _Completing(spec.loader)
        return spec

    def _others(self, fullname: str, path: Any, target: Any) -> importlib.machinery.ModuleSpec | None:
        for finder in sys.meta_path:
            found = finder.find_spec(fullname, path, target) if finder is not self else None
            if found is not None:
                return found
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """A module that is gone."""
        return Gone(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Names are looked up when they are read: nothing runs here."""


def restore() -> None:
    """Give back what is gone, to modules that are imported already and to those that will be."""
    forget()
    sys.meta_path.insert(0, Finder())
    for name in _COMPLETED:
        module = sys.modules.get(name)
        if module is not None:
            _complete(module)


def forget() -> None:
    """Undo :func:`restore`."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]
    for undo in reversed(_undo):
        undo()
    _undo.clear()
    for name in [name for name, module in sys.modules.items() if isinstance(module, Gone)]:
        del sys.modules[name]

"""Functions that are still there and take other arguments: each change is made once a module is there, and can be undone."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

Undo = Callable[[], None]


def _replace(holder: Any, name: str, value: Any) -> Undo:
    original = vars(holder)[name]
    setattr(holder, name, value)
    return functools.partial(setattr, holder, name, original)


def _all(*undos: Undo) -> Undo:
    def undo_all() -> None:
        for undo in undos:
            undo()

    return undo_all


def _h5py(module: ModuleType) -> Undo:
    """``h5py.File(name)`` opens a file for reading and writing, and makes it where there is none, as before h5py 3."""
    original: Any = module.File.__init__

    @functools.wraps(original)
    def init(self: Any, name: Any, mode: str | None = None, *args: Any, **options: Any) -> None:
        if mode is None:
            mode = "r"
            if isinstance(name, (str, bytes, os.PathLike)):
                exists = os.path.exists(name)
                mode = ("r+" if os.access(name, os.W_OK) else "r") if exists else "w-"
        original(self, name, mode, *args, **options)

    return _replace(module.File, "__init__", init)


def _pandas(module: ModuleType) -> Undo:
    from kjax.keras.legacy.surroundings.frames import dropping, reading

    return _all(
        _replace(module, "read_csv", reading(module.read_csv)),
        _replace(module, "read_table", reading(module.read_table)),
        _replace(module.DataFrame, "drop", dropping(module.DataFrame.drop)),
    )


def _ignoring_useless_seeds(kind: type) -> Any:
    """An ``__init__`` that takes a seed without shuffling, which once meant nothing and now is an error.

    Args:
        kind: ``KFold`` or ``StratifiedKFold`` of today.
    """
    original: Any = kind.__init__

    @functools.wraps(original)
    def init(self: Any, n_splits: int = 5, shuffle: bool = False, random_state: Any = None) -> None:
        original(self, n_splits, shuffle=shuffle, random_state=random_state if shuffle else None)

    return init


def _folds(module: ModuleType) -> Undo:
    return _all(
        *(_replace(kind, "__init__", _ignoring_useless_seeds(kind)) for kind in (module.KFold, module.StratifiedKFold))
    )


def _encoder(module: ModuleType) -> Undo:
    from kjax.keras.legacy.surroundings.encoder import OneHotEncoder

    return _replace(module, "OneHotEncoder", OneHotEncoder)


def _yaml(module: ModuleType) -> Undo:
    """``yaml.load(stream)`` without a loader reads plain values, as ``yaml.safe_load``."""
    original = module.load

    @functools.wraps(original)
    def load(stream: Any, Loader: Any = None) -> Any:
        return original(stream, Loader or module.SafeLoader)

    return _replace(module, "load", load)


def _styles(module: ModuleType) -> Undo:
    """``plt.style.use('seaborn-...')``: the styles that have a version in their names today."""
    prefix, library = "seaborn-v0_8", module.library
    old = {f"seaborn{name.removeprefix(prefix)}": name for name in library if name.startswith(prefix)}
    added = [name for name in old if name not in library]
    for name in added:
        library[name] = library[old[name]]

    def undo() -> None:
        for name in added:
            library.pop(name, None)

    return undo


CHANGES: dict[str, tuple[Callable[[ModuleType], Undo], ...]] = {
    "h5py": (_h5py,),
    "pandas": (_pandas,),
    "sklearn.model_selection": (_folds,),
    "sklearn.preprocessing": (_encoder,),
    "yaml": (_yaml,),
    "matplotlib.style": (_styles,),
}
"""What is changed in which module."""

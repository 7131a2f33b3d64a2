"""`install`: after it, `import keras` and `from tensorflow import keras` mean kjax, by all paths of all generations."""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import itertools
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import jax.core

from kjax.keras.core import scope as scopes
from kjax.keras.core.settings import settings
from kjax.keras.core.shapes import TensorShape1
from kjax.keras.legacy import carried, source
from kjax.keras.legacy.modules import FOLDERS, MODULES, NAMES, OUTSIDE, ROOTS, VERSIONS
from kjax.nn.value import did_you_mean

_ROOTS = sorted(ROOTS, key=len, reverse=True)
STAND_IN = "kjax.keras.legacy.tensorflow"


def place_of(name: str) -> str | None:
    """The path below the root of Keras that a module's full name stands for, or None.

    Example:

        >>> place_of("tensorflow.python.keras.layers.core")
        'layers.core'
        >>> place_of("json") is None
        True
    """
    roots = [root for root in _ROOTS if root != "keras.src" or settings.era != "3"]
    if name in roots:
        return ""
    for root in roots:
        if name.startswith(f"{root}."):
            if any(longer.startswith(f"{name}.") for longer in roots):
                return ""  # a folder on the way to another root
            path = name[len(root) + 1 :]
            return path if path in MODULES or path in FOLDERS else None
    top, _, rest = name.partition(".")
    if top in OUTSIDE:
        path = f"{OUTSIDE[top]}.{rest}".rstrip(".")
        return path if path in MODULES else None
    return None


class Facade(ModuleType):
    """A module of Keras: its names are those of the modules of kjax behind it, looked up when they are read.

    Args:
        name: full name of the module, such as ``keras.layers.core``.
        place: its path below the root of Keras.
    """

    def __init__(self, name: str, place: str) -> None:
        super().__init__(name, f"``{name}``, in kjax.")
        self._place = place

    def __getattr__(self, name: str) -> Any:
        place = self.__dict__.get("_place")
        if place is None or (name.startswith("__") and name not in ("__version__", "__all__", "__internal__")):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name == "__version__":
            return VERSIONS[settings.release or settings.era]
        if name == "__all__":
            return [entry for entry in dir(self) if not entry.startswith("_")]
        found = self._find(place, name)
        if (
            place.startswith(("losses", "metrics", "utils", "preprocessing", "optimizers.schedules", "experimental"))
            and scopes.recorder is not None
        ):
            found = scopes.recorder.of_script(found)
        if found is _MISSING:
            hint = did_you_mean(name, [entry for entry in dir(self) if not entry.startswith("_")])
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}; {hint}")
        return found

    def _find(self, place: str, name: str) -> Any:
        for table in (place, place.partition(".")[0]):
            if name in NAMES.get(table, {}):
                module, _, attribute = NAMES[table][name].partition(":")
                return getattr(importlib.import_module(module), attribute)
        below = f"{place}.{name}".lstrip(".")
        if below in MODULES or below in FOLDERS:
            try:
                return importlib.import_module(f"{self.__name__}.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"{self.__name__}.{name}":
                    raise
        for module in _targets(place):
            found = getattr(module, name, _MISSING)
            if found is not _MISSING:
                return found
        return self._find_common(name) if place.partition(".")[0] == "src" else self._find_carried(name)

    def _find_carried(self, name: str) -> Any:
        """A name that modules of Keras 1 and 2 have because they import it."""
        place = self._place
        if settings.era not in ("1", "2") or place.partition(".")[0] not in carried.HOLDERS:
            return _MISSING
        if name in carried.CARRIED:
            path = carried.CARRIED[name]
            return importlib.import_module(f"{self.__name__.removesuffix(place)}{path[1:]}" if path[0] == "." else path)
        for module in itertools.chain.from_iterable(map(_targets, carried.ELSEWHERE)):
            found = getattr(module, name, _MISSING)
            if found is not _MISSING:
                return found
        return _MISSING

    def _find_common(self, name: str) -> Any:
        """A name that modules inside of Keras have because they import it from each other."""
        if name in source.FALLBACKS:
            module, _, attribute = source.FALLBACKS[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        path = source.common_module(name)
        if path is None:
            return _MISSING
        return importlib.import_module(f"{self.__name__.removesuffix(self._place)}src.{path}")

    def __dir__(self) -> list[str]:
        names = {name for module in _targets(self._place) for name in dir(module) if not name.startswith("__")}
        names |= set(NAMES.get(self._place, {})) | set(NAMES.get(self._place.partition(".")[0], {}))
        if self._place.partition(".")[0] == "layers" and settings.era in ("1", "2"):
            older = vars(importlib.import_module("kjax.keras.legacy.layers"))
            names |= {n for n, thing in older.items() if getattr(thing, "__module__", "").startswith("kjax.keras")}
        if settings.era in ("1", "2"):
            names |= set(carried.STARRED.get(self._place.partition(".")[0], ()))
        return sorted(names | set(super().__dir__()))


_MISSING = object()


@functools.cache
def _targets(place: str) -> tuple[Any, ...]:
    """What lies behind a path: the module of kjax of the same path, where there is one, then those of the table."""
    same = () if place.partition(".")[0] == "src" else (f"kjax.keras.{place}".rstrip("."),)
    targets = dict.fromkeys((*same, *MODULES.get(place, ())))
    return tuple(found for found in map(_resolve, targets) if found is not None)


def _resolve(target: str) -> Any:
    """The module, or the object with names in a module, of a dotted path; None where there is none."""
    try:
        return importlib.import_module(target)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{target}.".startswith(f"{error.name}."):
            raise
    parent, _, name = target.rpartition(".")
    return getattr(_resolve(parent), name, None)


LIBRARIES = frozenset(
    "jax jaxlib flax optax orbax etils grain tensorflow_datasets tensorboard absl numpy scipy sklearn pandas h5py torch "
    "matplotlib joblib".split()
)
"""Packages that look for TensorFlow to use the real one: to them the stand-in does not exist."""


def _asked_by_library() -> bool:
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name != __name__ and not name.startswith("importlib"):
            return name.partition(".")[0] in LIBRARIES
        frame = frame.f_back
    return False


def _refuse(name: str) -> None:
    """Say what a module inside of Keras that kjax has not is about.

    Raises:
        ModuleNotFoundError: Keras has the module.
    """
    if source.is_absent(name.removeprefix("keras.src.")):
        raise ModuleNotFoundError(
            f"No module named {name!r}: it belongs to the inside of Keras (another backend, or something that kjax does "
            "otherwise), and kjax has nothing in its place. The public names of `keras` are all there.",
            name=name,
        )


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of Keras, and those of TensorFlow where it is not installed.

    Args:
        tensorflow: whether TensorFlow is installed, so that only its Keras is replaced.
        set_aside: modules under these names that were there before.
    """

    def __init__(self, tensorflow: bool, set_aside: dict[str, ModuleType]) -> None:
        self.tensorflow = tensorflow
        self.set_aside = set_aside

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a module of Keras, of the TensorFlow stand-in, or None."""
        del path, target
        place = place_of(fullname)
        if place is None and fullname.startswith("keras.src."):
            _refuse(fullname)
        if place is not None:
            if place not in FOLDERS and not _targets(place):
                return None
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        if fullname == "tensorflow" and self.tensorflow:
            spec = importlib.machinery.PathFinder.find_spec(fullname)
            if spec is not None and spec.loader is not None:
                spec.loader = _WithKeras(spec.loader)
            return spec
        if fullname.partition(".")[0] == "tensorflow" and not self.tensorflow and not _asked_by_library():
            tensorflow = importlib.import_module(STAND_IN)
            if tensorflow.has_module(fullname):
                return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The facade for a spec."""
        place = place_of(spec.name)
        if place is not None:
            return Facade(spec.name, place)
        return importlib.import_module(STAND_IN).make_module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Facades look everything up when it is asked for: nothing runs here."""


class _WithKeras(importlib.abc.Loader):
    """Loads the real TensorFlow and puts kjax in the place of its Keras.

    Args:
        loader: what would have loaded it.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """As the loader of the package does it."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the package, then replace its Keras."""
        self._loader.exec_module(module)
        module.__dict__["keras"] = importlib.import_module("tensorflow.keras")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def _numbers(version: Any) -> list[str]:
    return str(version).lower().removeprefix("keras").strip(" -=v").split(".")


def version_of(version: Any) -> str:
    """The era that a user names: ``1``, ``2``, ``'tf'``, ``3``, or a version such as ``'2.2.4'``.

    Raises:
        ValueError: none of these.
    """
    text = str(version).lower().removeprefix("keras").strip(" -=v")
    if text in ("tf", "tf.keras", "tensorflow") or text.endswith("-tf"):
        return "tf"
    major, _, rest = text.partition(".")
    if major == "2" and rest:
        minor = rest.partition(".")[0]
        return "tf" if minor.isdigit() and int(minor) >= 4 else "2"
    if major in ("0", "1", "2", "3"):
        return "1" if major == "0" else major
    raise ValueError(f"version must be 1, 2, 'tf' or 3 (or a version such as '2.2.4'), received {version!r}")


def _traced_sizes(array: Any) -> tuple[int | None, ...]:
    from kjax.keras.backend import int_shape  # type: ignore[attr-defined]

    return int_shape(array)


def _traced_shape(array: Any) -> Any:
    return TensorShape1(_traced_sizes(array))


def set_era(version: Any) -> None:
    """Follow a generation of Keras in defaults, names and messages.

    Args:
        version: see :func:`install`.
    """
    settings.era = version_of(version)
    settings.release = "2.3" if settings.era == "2" and ".".join(_numbers(version)[:2]) == "2.3" else ""
    settings.draws_graphs = False
    tracer: Any = jax.core.Tracer
    if settings.era in ("1", "2"):  # what `call` of a layer gets while it is traced was a tensor of TensorFlow
        tracer.get_shape, tracer._keras_shape = _traced_shape, property(_traced_sizes)
    elif tracer.__dict__.get("get_shape") is _traced_shape:
        del tracer.get_shape, tracer._keras_shape


def install(version: Any = 3) -> None:
    """Make ``import keras`` and ``from tensorflow import keras`` mean kjax in this process.

    All module paths of Keras 1.2.2, 2.2.4, 2.3.1, tf.keras 2 and Keras 3 are known. Where TensorFlow is not
    installed, a small stand-in offers what Keras scripts use of it; where it is, only its Keras is replaced. Modules
    of the same names that were imported before stay with those who hold them.

    Args:
        version: the generation that scripts are written for: ``1``, ``2``, ``'tf'`` or ``3``, or a version such as
            ``'2.2.4'``. It decides defaults (the LSTM's ``recurrent_activation``), names (``acc``) and messages. ``'2.3'``
            is Keras 2 with the metrics of 2.3.1: ``accuracy``, objects with a state.

    Raises:
        ValueError: an unknown version.
    """
    version_of(version)  # complains about unknown ones before anything is undone
    uninstall()
    set_era(version)
    set_aside = _set_aside_modules()
    sys.meta_path.insert(0, Finder(importlib.util.find_spec("tensorflow") is not None, set_aside))
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].__dict__["keras"] = importlib.import_module("tensorflow.keras")


def uninstall() -> None:
    """Undo :func:`install`: modules that were imported under these names before are back, others are found anew.

    The era is that of Keras 3 again.
    """
    finders = [finder for finder in sys.meta_path if isinstance(finder, Finder)]
    for finder in finders:
        sys.meta_path.remove(finder)
    scopes.recorder = None
    for name, module in list(sys.modules.items()):
        if isinstance(module, Facade) or getattr(module, "__kjax_stand_in__", False):
            del sys.modules[name]
    for finder in finders:
        sys.modules.update(finder.set_aside)
    set_era(3)


def _set_aside_modules() -> dict[str, ModuleType]:
    """Take the modules under the names of Keras out of ``sys.modules``."""
    found = {}
    for name in list(sys.modules):
        top = name.partition(".")[0]
        if place_of(name) is not None or (top in ("keras", *OUTSIDE) and not name.startswith("kjax")):
            found[name] = sys.modules.pop(name)
    return found

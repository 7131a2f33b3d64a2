"""Single functions as they were: of NumPy, h5py, Pillow, matplotlib, YAML and of Python itself."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

NINF = -np.inf


class ArgSpec(NamedTuple):
    """What ``inspect.getargspec`` gives.

    Attributes:
        args: names of arguments.
        varargs: name of what takes further ones.
        keywords: name of what takes further ones by name.
        defaults: of the last arguments.
    """

    args: list[str]
    varargs: str | None
    keywords: str | None
    defaults: tuple[Any, ...] | None


def getargspec(func: Callable[..., Any]) -> ArgSpec:
    """The arguments of a function."""
    found = inspect.getfullargspec(func)
    return ArgSpec(found.args, found.varargs, found.varkw, found.defaults)


def maketrans(before: str, after: str) -> dict[int, int]:
    """A table for ``str.translate``."""
    return str.maketrans(before, after)


def asscalar(a: Any) -> Any:
    """An array of one value as a number of Python."""
    return np.asarray(a).item()


def msort(a: Any) -> np.ndarray:
    """A copy sorted along the first axis."""
    return np.sort(a, axis=0)


def asfarray(a: Any, dtype: Any = np.float64) -> np.ndarray:
    """An array of floats."""
    return np.asarray(a, dtype if np.issubdtype(np.dtype(dtype), np.inexact) else np.float64)


def alen(a: Any) -> int:
    """Length of the first axis."""
    return len(np.atleast_1d(a))


def random_integers(low: int, high: int | None = None, size: Any = None) -> Any:
    """Random integers from ``low`` to ``high``, both included; from 1 where one number is given."""
    low, high = (1, low) if high is None else (low, high)
    return np.random.randint(low, high + 1, size)


def asbytes(s: Any) -> bytes:
    """Bytes of a string."""
    return s if isinstance(s, bytes) else str(s).encode("latin1")


def asstr(s: Any) -> str:
    """A string of bytes."""
    return s.decode("latin1") if isinstance(s, bytes) else str(s)


def itemfreq(a: Any) -> np.ndarray:
    """Values and how often each occurs, as rows."""
    values, counts = np.unique(a, return_counts=True)
    return np.array([values, counts]).T


def _value(self: Any) -> Any:
    return self[()]


dataset_value = property(_value, doc="The whole data set as an array.")


def image_bytes(self: Any, *args: Any) -> bytes:
    """``tobytes`` of a picture."""
    return self.tobytes(*args)


def textsize(self: Any, text: str, font: Any = None, **options: Any) -> tuple[int, int]:
    """Width and height of a text that is drawn."""
    left, top, right, bottom = self.textbbox((0, 0), text, font=font, **options)
    return int(right - min(left, 0)), int(bottom - min(top, 0))


def getsize(self: Any, text: str, *args: Any, **options: Any) -> tuple[int, int]:
    """Width and height of a text in a font."""
    left, top, right, bottom = self.getbbox(text, *args, **options)
    return int(right - min(left, 0)), int(bottom - min(top, 0))


def get_cmap(name: Any = None, lut: int | None = None) -> Any:
    """A colormap of matplotlib by its name.

    Args:
        name: its name, or a colormap; by default that of the settings.
        lut: number of its colours.
    """
    import matplotlib as mpl

    if not isinstance(name, (str, type(None))):
        return name
    name = {"spectral": "nipy_spectral", "Vega10": "tab10", "Vega20": "tab20"}.get(name or "", name)
    found = mpl.colormaps[name or mpl.rcParams["image.cmap"]]
    return found if lut is None else found.resampled(lut)


def hold(b: Any = None) -> None:
    """``plt.hold``: what is drawn is added to what is there, as it always is today."""


def ishold() -> bool:
    """Whether what is drawn is added to what is there."""
    return True


def axes_hold(self: Any, b: Any = None) -> None:
    """See :func:`hold`."""


def load_source(name: str, pathname: str) -> ModuleType:
    """Import a module from a file, as ``imp.load_source`` did.

    Args:
        name: its name in ``sys.modules``.
        pathname: the file.

    Raises:
        ImportError: there is no such file of Python.
    """
    spec = importlib.util.spec_from_file_location(name, pathname)
    if spec is None or spec.loader is None:
        raise ImportError(f"{pathname!r} is no file of Python", name=name, path=pathname)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class LooseVersion:
    """A version that is compared part by part, as that of ``distutils.version`` was.

    Args:
        vstring: such as ``'2.2.4'`` or ``'1.13.0rc1'``.
    """

    def __init__(self, vstring: Any = "") -> None:
        self.vstring = str(vstring)
        self.version = [int(p) if p.isdigit() else p for p in re.findall(r"\d+|[a-z]+", self.vstring)]

    def _key(self, other: Any) -> tuple[Any, Any]:
        other = other if isinstance(other, LooseVersion) else LooseVersion(other)
        # A word stands before a number, so that 1.0rc1 is older than 1.0.1.
        return tuple([[(isinstance(p, int), p) for p in v.version] for v in (self, other)])  # type: ignore[return-value]

    def __eq__(self, other: Any) -> bool:
        mine, theirs = self._key(other)
        return mine == theirs

    def __lt__(self, other: Any) -> bool:
        mine, theirs = self._key(other)
        return mine < theirs

    def __le__(self, other: Any) -> bool:
        return self < other or self == other

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def __hash__(self) -> int:
        return hash(self.vstring)

    def __str__(self) -> str:
        return self.vstring

    def __repr__(self) -> str:
        return f"LooseVersion ('{self.vstring}')"

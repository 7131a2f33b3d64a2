"""Files elsewhere (``s3://``, ``gs://``, ``hf://``, ``memory://``, ...), through fsspec: written and read by way of this machine."""

from __future__ import annotations

import functools
import inspect
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from kjax.keras.saving.errors import FileFormatError

F = TypeVar("F", bound=Callable[..., Any])

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_remote(path: Any) -> bool:
    """Whether a path is a URL; a drive of Windows is one letter."""
    return isinstance(path, str) and _URL.match(path) is not None


def _by_way_of_here(move: Callable[[Callable[..., Any], inspect.BoundArguments, str, str], Any]) -> Callable[[F], F]:
    """A decorator of functions with an argument ``filepath``, which may be a URL.

    Args:
        move: called for a URL with the function, its arguments, the URL, and a folder here; calls the function.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            given = inspect.signature(function).bind(*args, **kwargs)
            url = given.arguments["filepath"]
            if not is_remote(url):
                return function(*args, **kwargs)
            with tempfile.TemporaryDirectory() as folder:
                return move(function, given, url, folder)

        return cast(F, wrapped)

    return decorate


def _send(function: Callable[..., Any], given: inspect.BoundArguments, url: str, folder: str) -> Any:
    system, path = _system(url)
    if not given.arguments.get("overwrite", True) and system.exists(path):
        raise FileExistsError(f"{url!r} exists already; pass overwrite=True to replace it")
    given.arguments["filepath"] = os.path.join(folder, _last(path))
    result = _calling(function, given, url)
    parent = path.rpartition("/")[0]
    if parent:
        system.makedirs(parent, exist_ok=True)
    for item in sorted(Path(folder).iterdir(), key=lambda item: item.name == _last(path)):  # the named one last
        target = f"{parent}/{item.name}" if parent else item.name
        if item.is_dir():
            system.put(f"{item}/", f"{target}/", recursive=True)
        else:
            system.put_file(str(item), target)
    return result


def _fetch(function: Callable[..., Any], given: inspect.BoundArguments, url: str, folder: str) -> Any:
    system, path = _system(url)
    local = os.path.join(folder, _last(path))
    if system.isdir(path):
        system.get(f"{path.rstrip('/')}/", f"{local}/", recursive=True)
    else:
        found = [path] if system.exists(path) else system.glob(f"{path}.*")  # a checkpoint of TensorFlow
        if path.endswith(".weights.json"):
            found += system.glob(f"{path.removesuffix('.weights.json')}[-_]*.weights.h5")
        if not found:
            raise FileNotFoundError(f"there is no file {url!r}")
        for item in found:
            system.get_file(item, os.path.join(folder, _last(item)))
    given.arguments["filepath"] = local
    return _calling(function, given, url)


writes = _by_way_of_here(_send)
"""Decorator of a function that writes: to a URL by way of a file here, which is sent when it is whole."""

reads = _by_way_of_here(_fetch)
"""Decorator of a function that reads: from a URL by way of files here, which are fetched first."""


def _calling(function: Callable[..., Any], given: inspect.BoundArguments, url: str) -> Any:
    """Call a function with a local file; errors name the one that the user knows."""
    try:
        return function(*given.args, **given.kwargs)
    except FileFormatError as error:
        raise FileFormatError(str(error).replace(given.arguments["filepath"], url)) from error


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it.

    Raises:
        ImportError: fsspec, or its package for this kind of URL, is not installed.
        ValueError: no kind of URL that it knows.
    """
    try:
        import fsspec
    except ImportError as error:
        raise ImportError(f"files such as {url!r} need the package fsspec: pip install fsspec") from error
    return fsspec.core.url_to_fs(url)

"""`tf.io.gfile` for local files."""

from __future__ import annotations

import glob as _glob
import os
import shutil
from collections.abc import Iterator
from typing import IO, Any

join = os.path.join


def exists(path: Any) -> bool:
    """Whether there is a file or folder."""
    return os.path.exists(path)


def isdir(path: Any) -> bool:
    """Whether it is a folder."""
    return os.path.isdir(path)


def listdir(path: Any) -> list[str]:
    """Names in a folder."""
    return os.listdir(path)


def makedirs(path: Any) -> None:
    """Make a folder and those above it; it may exist."""
    os.makedirs(path, exist_ok=True)


def mkdir(path: Any) -> None:
    """Make a folder."""
    os.mkdir(path)


def remove(path: Any) -> None:
    """Delete a file."""
    os.remove(path)


def rmtree(path: Any) -> None:
    """Delete a folder with all that is in it."""
    shutil.rmtree(path)


def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Rename a file or folder."""
    if os.path.exists(dst) and not overwrite:
        raise FileExistsError(f"{os.fspath(dst)} exists; pass overwrite=True to replace it")
    os.replace(src, dst)


def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copy a file."""
    if os.path.exists(dst) and not overwrite:
        raise FileExistsError(f"{os.fspath(dst)} exists; pass overwrite=True to replace it")
    shutil.copyfile(src, dst)


def glob(pattern: Any) -> list[str]:
    """Paths that match a pattern, or any of several."""
    patterns = [pattern] if isinstance(pattern, (str, os.PathLike)) else pattern
    return sorted(path for one in patterns for path in _glob.glob(os.fspath(one)))


def stat(path: Any) -> os.stat_result:
    """Size and times of a file."""
    return os.stat(path)


def walk(top: Any) -> Iterator[tuple[str, list[str], list[str]]]:
    """As ``os.walk``."""
    return os.walk(top)


def GFile(name: Any, mode: str = "r") -> IO[Any]:
    """Open a local file."""
    return open(name, mode)


def read_file(filename: Any) -> bytes:
    """The bytes of a file."""
    with open(filename, "rb") as file:
        return file.read()


def write_file(filename: Any, contents: bytes) -> None:
    """Write bytes to a file."""
    with open(filename, "wb") as file:
        file.write(contents)

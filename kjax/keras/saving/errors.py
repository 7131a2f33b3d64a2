"""The error for files that cannot be read, and how other libraries' errors become it."""

from __future__ import annotations

import contextlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any


class FileFormatError(ValueError):
    """A file is broken, of another format, or asks for something that is not allowed; the message names the file."""


_BROKEN = (
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    RuntimeError,
    EOFError,
    OverflowError,
    RecursionError,
    MemoryError,
    AssertionError,
    NotImplementedError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
"""What h5py, zipfile, json and the layers raise when a file does not hold what it should."""


def named(path: Any) -> str:
    """A file's path, or what a file object is called."""
    return os.fspath(path) if isinstance(path, (str, os.PathLike)) else f"<{type(path).__name__}>"


@contextlib.contextmanager
def loading(path: Any) -> Iterator[None]:
    """Inside, whatever a broken file leads to becomes a :class:`FileFormatError` that names the file.

    Args:
        path: the file, or a file object.
    """
    try:
        yield
    except (FileNotFoundError, PermissionError, IsADirectoryError, FileFormatError):
        raise
    except _BROKEN as error:
        text = str(error) or type(error).__name__
        text = error.args[0] if isinstance(error, KeyError) and error.args else text
        raise FileFormatError(f"cannot load {named(path)!r}: {text}") from error


@contextlib.contextmanager
def reading_config() -> Iterator[None]:
    """Inside, whatever a broken config leads to becomes a ``ValueError`` or ``TypeError`` that says so."""
    try:
        yield
    except (ValueError, TypeError, OSError):
        raise
    except _BROKEN as error:
        raise FileFormatError(f"the config is broken ({type(error).__name__}): {error}") from error

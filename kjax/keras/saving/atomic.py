"""Writing files and folders so that there is always either the old one or the whole new one."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(path: Any, overwrite: bool = True) -> Iterator[Path]:
    """Yields the path of a temporary file in the same folder, which takes the place of ``path`` at the end.

    Where anything goes wrong, the temporary file goes, and what was at ``path`` stays.

    Args:
        path: where the file shall be.
        overwrite: False refuses to replace a file.

    Raises:
        FileExistsError: there is a file, and ``overwrite`` is False.
        FileNotFoundError: the folder does not exist.
    """
    target = Path(os.fspath(path)).absolute()
    if target.is_dir():
        raise IsADirectoryError(f"cannot save to {str(target)!r}: it is a folder")
    if not overwrite and target.exists():
        raise FileExistsError(f"{str(target)!r} exists already; pass overwrite=True to replace it")
    # A link stays a link: what it points to is replaced.
    target = Path(os.path.realpath(target))
    _make_parent(target)
    temporary = target.with_name(f".{target.name[:60]}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with _naming(target):
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o7777)
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def replacing_folder(path: Any) -> Iterator[Path]:
    """Yields a temporary folder, which takes the place of the folder ``path`` at the end.

    Where anything goes wrong, the temporary folder goes, and what was at ``path`` stays. What only the old folder has moves
    into the new one.

    Args:
        path: where the folder shall be.

    Raises:
        NotADirectoryError: there is a file of this name.
    """
    target = Path(os.path.realpath(os.fspath(path)))
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"cannot save as the folder {str(path)!r}: it is a file")
    _make_parent(target)
    # A folder whose own name cannot change (a mounted disk) gets the files one by one, when all are written.
    fixed = target.exists() and (target.is_mount() or not os.access(target.parent, os.W_OK))
    where = target if fixed else target.parent
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:60]}.", suffix=".tmp", dir=where))
    moving = False
    try:
        os.chmod(temporary, target.stat().st_mode & 0o7777 if target.exists() else 0o777 & ~_umask())
        with _naming(target):
            yield temporary
        for place, _, files in os.walk(temporary):
            for name in files:
                with open(os.path.join(place, name), "rb+") as file:
                    os.fsync(file.fileno())
            _sync_folder(Path(place))
        if fixed:
            _move_all(temporary, target)
        elif target.exists():
            _exchange(temporary, target)
            moving = True  # the temporary folder holds the old files, which may be all that there is of some
            _move_missing(temporary, target)
            moving = False
        else:
            os.rename(temporary, target)
        _sync_folder(target.parent)
    finally:
        if not moving:
            shutil.rmtree(temporary, ignore_errors=True)


def _make_parent(target: Path) -> None:
    """Make the folder in which something is written.

    Raises:
        NotADirectoryError: there is a file where a folder should be.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise NotADirectoryError(
            f"cannot save to {str(target)!r}: {str(target.parent)!r}, or a part of it, is a file and no folder"
        ) from error


@contextlib.contextmanager
def _naming(target: Path) -> Iterator[None]:
    """Let errors of writing name the file that the user asked for; those of HDF5 are errors of the system, too."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, f"cannot save: {error.strerror}", str(target)) from error
    except (RuntimeError, SystemError) as error:
        number = _number(error)
        if number is None:
            raise
        raise OSError(number, f"cannot save: {os.strerror(number)}", str(target)) from error


def _number(error: BaseException) -> int | None:
    """The system's number of an error of HDF5: in its text, or in one that it came of."""
    found = re.search(r"errno = (\d+)", str(error))
    if found is not None:
        return int(found[1])
    before = error.__cause__ or error.__context__
    if isinstance(before, OSError) and before.errno is not None:
        return before.errno
    return None if before is None else _number(before)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _exchange(new: Path, old: Path) -> None:
    """Swap the names of two folders: in one step where the system can (Linux), otherwise in three, the last undone if it fails."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if rename is not None and rename(here, os.fsencode(new), here, os.fsencode(old), swap) == 0:
        return
    aside = new.with_name(f"{new.name}.old")
    os.rename(old, aside)
    try:
        os.rename(new, old)
    except BaseException:
        os.rename(aside, old)
        raise
    os.rename(aside, new)


def _move_all(source: Path, target: Path) -> None:
    for item in source.iterdir():
        if (target / item.name).is_dir():
            shutil.rmtree(target / item.name)
        os.replace(item, target / item.name)


def _move_missing(source: Path, target: Path) -> None:
    for item in source.iterdir():
        if not os.path.lexists(target / item.name):
            os.rename(item, target / item.name)


def _sync_folder(folder: Path) -> None:
    """Make the new name of a file survive a power cut, where the system can do that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Writing files so that there is always either the old one or the whole new one."""

from __future__ import annotations

import contextlib
import os
import secrets
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
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
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


def _sync_folder(folder: Path) -> None:
    """Make the new name of a file survive a power cut, where the system can do that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The shared mechanism for data sets of single files: look, verify, download, fall back, read."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kjax.data.datasets.download import fetch
from kjax.data.datasets.storage import datasets_folder, is_intact
from kjax.data.errors import CorruptFileError, DatasetError, DatasetWarning


@dataclass(frozen=True)
class DataFile:
    """A file of a data set: one row of the table in `table.py`.

    Attributes:
        name: its name in the folder of the data sets, may begin with a sub-folder.
        url: its official address.
        checksum: the SHA-256 or MD5 of the official file.
        read: reads the file; raises `CorruptFileError` if it cannot.
        check: checks what was read; raises `ValueError` if it is not the data set's structure, and returns a
            remark (or "") about a permitted difference.
    """

    name: str
    url: str
    checksum: str
    read: Callable[[Path], Any]
    check: Callable[[Any], str]

    def target(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Where the file belongs; `path` is relative to the folder of the data sets, or absolute."""
        return datasets_folder() / Path(self.name if path is None else path).expanduser()


def source_url(url: str) -> str:
    """The address to download from: the official one, or the same file of the mirror `$KJAX_DATASETS_URL`."""
    mirror = os.environ.get("KJAX_DATASETS_URL")
    return f"{mirror.rstrip('/')}/{url.rpartition('/')[2]}" if mirror else url


def load_file(file: DataFile, path: str | os.PathLike[str] | None = None) -> Any:
    """The content of a data set's file, which is downloaded first if need be.

    A file that is present but has another checksum is downloaded anew. Where that is not possible, it is used
    with a warning, if its structure is right.

    Args:
        file: which file.
        path: another place for it, relative to the folder of the data sets or absolute.

    Raises:
        DatasetError: the file cannot be had, or is damaged; see the subclasses.
    """
    target = file.target(path)
    if not is_intact(target, file.checksum):
        try:
            fetch(source_url(file.url), target, file.checksum)
        except DatasetError as error:
            if not target.is_file():
                raise
            return read_unofficial(file, target, error)
    return file.read(target)


def read_unofficial(file: DataFile, target: Path, reason: DatasetError) -> Any:
    """Reads a file that has not the official checksum, after its structure was checked."""
    try:
        content = file.read(target)
        remark = file.check(content)
    except CorruptFileError as error:
        raise CorruptFileError(f"{error}; it could not be replaced: {reason}") from error
    except ValueError as error:
        raise CorruptFileError(
            f"{target} is not the expected data set: {error}; it could not be replaced: {reason}"
        ) from error
    warn_unofficial(target, remark, reason)
    return content


def warn_unofficial(target: Path, remark: str, reason: DatasetError) -> None:
    """Says that `target` is used although it is not the official file."""
    remark = f" ({remark})" if remark else ""
    cause = str(reason).partition("; ")[0]  # what follows is advice for a file that is missing
    warnings.warn(
        f"{target} is used although its checksum is not the official one; its structure is right{remark}. "
        f"It was not replaced: {cause}",
        DatasetWarning,
        stacklevel=5,
    )

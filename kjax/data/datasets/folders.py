"""The shared mechanism for data sets that are a folder of files, downloaded as an archive: CIFAR."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kjax.data.datasets.archive import unpack
from kjax.data.datasets.download import fetch
from kjax.data.datasets.files import source_url, warn_unofficial
from kjax.data.datasets.lock import file_lock
from kjax.data.datasets.storage import datasets_folder, install_folder, is_intact, temporary_folder
from kjax.data.errors import CorruptFileError, DatasetError, StorageError

_MAX_BYTES = 1 << 30
_MAX_MEMBERS = 1000


@dataclass(frozen=True)
class DataFolder:
    """A folder of a data set: one row of the table in `table.py`.

    Attributes:
        name: the name of the folder, which is also the top folder in the archive.
        unpacked: the folder that the archive is unpacked to, the one that Keras 3 uses.
        archives: names under which the archive may lie in the folder of the data sets; the first is where it
            is downloaded to, the one that Keras 3 uses.
        url: the official address of the archive.
        checksum: the SHA-256 or MD5 of the official archive.
        files: the names of the files in the folder with their MD5s.
        read: reads one file; raises `CorruptFileError` if it cannot.
        check: checks one file's name and content; raises `ValueError`, or returns a remark (or "").
    """

    name: str
    unpacked: str
    archives: tuple[str, ...]
    url: str
    checksum: str
    files: tuple[tuple[str, str], ...]
    read: Callable[[Path], Any]
    check: Callable[[str, Any], str]

    def folders(self) -> tuple[Path, ...]:
        """Where the folder may lie already."""
        return datasets_folder() / self.unpacked / self.name, datasets_folder() / self.name

    def is_intact(self, folder: Path) -> bool:
        """Whether all files in `folder` are the official ones."""
        return all(is_intact(folder / name, checksum) for name, checksum in self.files)

    def read_all(self, folder: Path) -> dict[str, Any]:
        """The contents of all files in `folder` by name."""
        for name, _ in self.files:
            if not (folder / name).is_file():
                raise CorruptFileError(f"{folder} is incomplete: it lacks {name}")
        return {name: self.read(folder / name) for name, _ in self.files}

    def check_all(self, contents: dict[str, Any]) -> str:
        """Checks the contents of all files."""
        return "; ".join(remark for name, content in contents.items() if (remark := self.check(name, content)))


def load_folder(data: DataFolder) -> dict[str, Any]:
    """The contents of a data set's files by name; the archive is unpacked or downloaded first if need be.

    The first of these that is official is used: the unpacked folder, an archive beside it, a download. Where
    there is none, a folder or archive of the right structure is used with a warning.

    Raises:
        DatasetError: the data set cannot be had, or is damaged; see the subclasses.
    """
    for folder in data.folders():
        if data.is_intact(folder):
            return data.read_all(folder)
    archives = [datasets_folder() / name for name in data.archives]
    for archive in archives:
        if is_intact(archive, data.checksum):
            return _read_archive(data, archive, official=True)[0]
    try:
        official_name = data.url.rpartition("/")[2]
        fetch(source_url(data.url), archives[0], data.checksum, put_at=datasets_folder() / official_name)
    except DatasetError as error:
        return _load_unofficial(data, archives, error)
    return _read_archive(data, archives[0], official=True)[0]


def _load_unofficial(data: DataFolder, archives: list[Path], reason: DatasetError) -> dict[str, Any]:
    """Reads the first folder or archive that is present and of the right structure."""
    problems = []
    for source in (*data.folders(), *archives):
        if not source.exists():
            continue
        try:
            if source in archives:
                contents, remark = _read_archive(data, source, official=False)
            else:
                contents = data.read_all(source)
                remark = _checked(data, contents, source)
        except CorruptFileError as error:
            problems.append(str(error))
            continue
        warn_unofficial(source, remark, reason)
        return contents
    if problems:
        raise CorruptFileError(f"{'; '.join(problems)}; it could not be replaced: {reason}")
    raise reason


def _checked(data: DataFolder, contents: dict[str, Any], source: Path) -> str:
    try:
        return data.check_all(contents)
    except ValueError as error:
        raise CorruptFileError(f"{source} is not the expected data set: {error}") from error


def _read_archive(data: DataFolder, archive: Path, *, official: bool) -> tuple[dict[str, Any], str]:
    """Unpacks an archive, reads it, and leaves it in its place once all was well."""
    target = datasets_folder() / data.unpacked
    with _workspace(target) as (folder, writable):
        if writable and official and data.is_intact(target / data.name):
            return data.read_all(target / data.name), ""  # another process unpacked it meanwhile
        unpack(archive, folder, formats=("tar",), max_bytes=_MAX_BYTES, max_members=_MAX_MEMBERS)
        try:
            contents = data.read_all(folder / data.name)
        except CorruptFileError as error:
            # The temporary folder is gone when the reader sees this; the archive is what can be replaced.
            raise CorruptFileError(str(error).replace(str(folder), str(archive))) from error
        remark = "" if official else _checked(data, contents, archive)
        if writable:
            install_folder(folder, target)
    return contents, remark


@contextmanager
def _workspace(target: Path) -> Iterator[tuple[Path, bool]]:
    """A temporary folder beside `target` under its lock, or one elsewhere if that place is read-only."""
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(target))
            folder = stack.enter_context(temporary_folder(target))
            writable = True
        except StorageError:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            writable = False
        yield folder, writable

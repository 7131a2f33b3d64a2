"""Unpacks tar and zip archives: nothing lands outside the folder or grows without bounds, damage is found."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from kjax.data.datasets.storage import storage_error
from kjax.data.errors import CorruptFileError, DatasetError

MAX_BYTES = 8 << 30
MAX_MEMBERS = 1_000_000
_CHUNK_BYTES = 1 << 20
_COMPRESSIONS: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)
# What the standard library raises for broken input; an encrypted zip member is a bare RuntimeError.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    ValueError,
    RuntimeError,
)

_Member = tuple[str, bool, IO[bytes] | None]  # name, whether it is a folder, its bytes


class _StrictTarInfo(tarfile.TarInfo):
    """Reports a broken header in the middle of an archive, where tarfile would just stop."""

    @classmethod
    def fromtarfile(cls, source: tarfile.TarFile) -> Any:
        try:
            return super().fromtarfile(source)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":  # the regular end; a name that tarfile does not export
                raise
            raise tarfile.ReadError(str(error)) from error


def unpack(
    archive: Path,
    folder: Path,
    *,
    formats: tuple[str, ...] = ("tar", "zip"),
    max_bytes: int = MAX_BYTES,
    max_members: int = MAX_MEMBERS,
) -> None:
    """Unpacks the files and folders of an archive into the existing, empty `folder`.

    The archive is read to its last byte, so that its check sums are verified; the caller moves `folder` to
    its final place only after this has returned.

    Args:
        archive: a tar file (plain, gzip, bzip2 or xz) or a zip file.
        folder: an empty folder of the caller's own.
        formats: which of "tar" and "zip" to accept.
        max_bytes: refuse archives with more content than this, in bytes.
        max_members: refuse archives with more members than this.

    Raises:
        CorruptFileError: damaged, truncated, not an archive, too large, or with a member that is a link or a
            device or would land outside the folder.
        StorageError: the disk is full, or a file cannot be read or written.
    """
    budget = max_bytes
    try:
        for count, (name, is_folder, source) in enumerate(_members(archive, formats, folder), start=1):
            if count > max_members:
                raise CorruptFileError(f"{archive} holds more than {max_members} members; it was not unpacked")
            target = folder.joinpath(*_safe_parts(archive, name))
            if is_folder or source is None:
                _make(archive, target)
                continue
            _make(archive, target.parent)
            budget = _copy(archive, source, target, budget)
            if budget < 0:
                raise CorruptFileError(f"{archive} holds more than {max_bytes} bytes; it was not unpacked")
    except DatasetError:
        raise
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise CorruptFileError(f"{archive} is damaged or truncated ({reason}); delete it or replace it") from error
    except OSError as error:
        if error.errno is None:  # the decompressors' way to report bad data
            raise CorruptFileError(f"{archive} is damaged ({error}); delete it or replace it") from error
        raise storage_error(archive, error, "read") from error


def _members(archive: Path, formats: tuple[str, ...], folder: Path) -> Iterator[_Member]:
    with open(archive, "rb") as file:
        magic = file.read(6)
    if magic[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        if "zip" not in formats:
            raise CorruptFileError(f"{archive} is a zip file, which archive_format excludes")
        return _zip_members(archive)
    if "tar" not in formats:
        raise CorruptFileError(f"{archive} is not a zip file, and archive_format allows nothing else")
    opener = next((opener for start, opener in _COMPRESSIONS if magic.startswith(start)), open)
    return _tar_members(archive, opener, folder)


def _tar_members(archive: Path, opener: Any, folder: Path) -> Iterator[_Member]:
    with opener(archive, "rb") as stream:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictTarInfo) as tar:
            for member in tar:
                if not (member.isreg() or member.isdir()):
                    raise CorruptFileError(f"{archive} holds {member.name!r}, a link or a device; it was not unpacked")
                tarfile.data_filter(member, str(folder))
                yield member.name, member.isdir(), tar.extractfile(member)
        while stream.read(_CHUNK_BYTES):  # the check sum of a compressed stream stands behind its last byte
            pass


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise CorruptFileError(f"{archive} holds {member.filename!r}, a link or a device; it was not unpacked")
            if member.is_dir():
                yield member.filename, True, None
            else:
                with zipped.open(member) as source:
                    yield member.filename, False, source


def _safe_parts(archive: Path, name: str) -> tuple[str, ...]:
    """The parts of a member's name, if it stays inside the folder on every operating system."""
    parts = PurePosixPath(name).parts
    if not name or name.startswith("/") or ".." in parts or any(c in name for c in "\\\0") or name[1:2] == ":":
        raise CorruptFileError(
            f"{archive} holds the member {name!r}, which could land outside the folder; it was not unpacked"
        )
    return parts


def _make(archive: Path, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _write_error(archive, folder, error) from error


def _copy(archive: Path, source: IO[bytes], target: Path, budget: int) -> int:
    """Copies a member to the disk and returns the rest of the budget in bytes; stops below 0."""
    try:
        file = open(target, "wb")  # noqa: SIM115 (its own errors are reported unlike those of reading)
    except OSError as error:
        raise _write_error(archive, target, error) from error
    with file:
        # One byte beyond the budget is read to notice that there is one, and never written.
        while chunk := source.read(min(_CHUNK_BYTES, budget + 1)):
            budget -= len(chunk)
            if budget < 0:
                break
            try:
                write(file, chunk)
            except OSError as error:
                raise _write_error(archive, target, error) from error
    return budget


def write(file: IO[bytes], chunk: bytes) -> None:
    """Writes to the disk. A function of its own, so that a full disk can be simulated."""
    file.write(chunk)


def _write_error(archive: Path, target: Path, error: OSError) -> DatasetError:
    if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG):
        return CorruptFileError(f"{archive} holds members that collide or have unusable names ({error.strerror})")
    return storage_error(target, error)

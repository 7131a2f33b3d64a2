"""Files as Keras handles them inside: paths, archives, hashes; all of them local."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from kjax.data.datasets.get_file import get_file as get_file
from kjax.keras.utils.data_utils import validate_file as validate_file

isdir = os.path.isdir
exists = os.path.exists
join = os.path.join
listdir = os.listdir
remove = os.remove
rmtree = shutil.rmtree
resolve_path = os.path.realpath


def copy(src: str, dst: str) -> None:
    """Copy a file."""
    shutil.copy(src, dst)


def makedirs(path: str) -> None:
    """Make a folder, and those above it, where they are missing."""
    os.makedirs(path, exist_ok=True)


def File(path: str, mode: str = "r") -> Any:
    """An open file."""
    return open(path, mode)  # the caller closes it


def path_to_string(path: Any) -> Any:
    """Path objects as strings; other things as they are."""
    return os.fspath(path) if isinstance(path, os.PathLike) else path


def is_remote_path(filepath: Any) -> bool:
    """Whether a path is an address (``gs://...``), or below one of the folders that stand for remote storage."""
    return re.match(r"(/(cns|cfs|gcs|hdfs|readahead|placer|tfhub)|.*://)", str(filepath)) is not None


def _is_within(path: str, base_dir: str) -> bool:
    return path == base_dir or path.startswith(base_dir.rstrip(os.sep) + os.sep)


def resolve_sub_path(base_dir: str, relative_path: str) -> str | None:
    """The full path of something in a folder, or None where the path leads out of it.

    Args:
        base_dir: the folder, resolved.
        relative_path: a path in it.
    """
    path = resolve_path(os.path.join(base_dir, relative_path))
    return path if _is_within(path, base_dir) else None


def is_link_in_dir(info: tarfile.TarInfo, base_dir: str) -> bool:
    """Whether a link in an archive, and what it points to, stay in the folder that the archive is unpacked to."""
    place = resolve_sub_path(base_dir, info.name)
    if place is None:
        return False
    # A hard link names a file of the archive, a symbolic link one beside itself.
    start = base_dir if info.islnk() else os.path.dirname(place)
    return _is_within(resolve_path(os.path.join(start, info.linkname)), base_dir)


def filter_safe_zipinfos(members: Iterable[zipfile.ZipInfo], base_dir: str) -> Iterator[zipfile.ZipInfo]:
    """The members of a zip archive that stay in a folder; a warning for each of the others."""
    base_dir = resolve_path(base_dir)
    for member in members:
        if resolve_sub_path(base_dir, member.filename) is None:
            _warn_of(member.filename)
        else:
            yield member


def filter_safe_tarinfos(members: Iterable[tarfile.TarInfo], base_dir: str) -> Iterator[tarfile.TarInfo]:
    """The members of a tar archive that stay in a folder, links included; a warning for each of the others."""
    base_dir = resolve_path(base_dir)
    for member in members:
        link = member.issym() or member.islnk()
        if is_link_in_dir(member, base_dir) if link else resolve_sub_path(base_dir, member.name) is not None:
            yield member
        else:
            _warn_of(member.name)


def _warn_of(name: str) -> None:
    warnings.warn(f"Skipping invalid path during archive extraction: {name!r}.", stacklevel=3)


def extract_open_archive(archive: Any, path: str = ".") -> None:
    """Unpack an open archive into a folder, without members that would leave it.

    Args:
        archive: ``zipfile.ZipFile`` or ``tarfile.TarFile``.
        path: the folder.
    """
    if isinstance(archive, zipfile.ZipFile):
        archive.extractall(path, members=list(filter_safe_zipinfos(archive.infolist(), path)))
    else:
        archive.extractall(path, members=list(filter_safe_tarinfos(archive, path)), filter="data")


def extract_archive(file_path: str, path: str = ".", archive_format: Any = "auto") -> bool:
    """Unpack a tar or zip archive; whether it was one.

    Args:
        file_path: the archive.
        path: folder to unpack to.
        archive_format: ``'tar'``, ``'zip'``, a list of these, ``'auto'`` for both; None unpacks nothing.

    Raises:
        NotImplementedError: another format.
    """
    formats = ["tar", "zip"] if archive_format == "auto" else archive_format
    formats = [formats] if isinstance(formats, str) else formats or []
    openers = {"tar": (tarfile.open, tarfile.is_tarfile), "zip": (zipfile.ZipFile, zipfile.is_zipfile)}
    for name in formats:
        if name not in openers:
            raise NotImplementedError(f"`archive_format` must be 'tar', 'zip' or 'auto', received {name!r}")
        opened, matches = openers[name]
        if not matches(path_to_string(file_path)):
            continue
        existed = os.path.exists(path)
        with opened(path_to_string(file_path)) as archive:
            try:
                extract_open_archive(archive, path_to_string(path))
            except (tarfile.TarError, RuntimeError, KeyboardInterrupt):
                if not existed and os.path.isdir(path):
                    shutil.rmtree(path)
                raise
        return True
    return False


def resolve_hasher(algorithm: str, file_hash: str | None = None) -> Any:
    """SHA-256 where it is asked for, or where a hash of unknown kind has its length; MD5 otherwise."""
    by_length = algorithm == "auto" and file_hash is not None and len(file_hash) == 64
    return hashlib.sha256() if algorithm == "sha256" or by_length else hashlib.md5()


def hash_file(fpath: str, algorithm: Any = "sha256", chunk_size: int = 65535) -> str:
    """The hash of a file, in hexadecimal digits.

    Args:
        fpath: the file.
        algorithm: ``'sha256'``, ``'md5'`` or an object of ``hashlib``.
        chunk_size: bytes to read at a time.
    """
    hasher = resolve_hasher(algorithm) if isinstance(algorithm, str) else algorithm
    with open(fpath, "rb") as file:
        for chunk in _chunks(file, chunk_size):
            hasher.update(chunk)
    return hasher.hexdigest()


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while chunk := file.read(size):
        yield chunk


def count_loc(
    directory: str, exclude: Iterable[str] = ("_test",), extensions: Iterable[str] = (".py",), verbose: int = 0
) -> int:
    """Number of lines of code in a folder: without empty lines, comments and texts in triple quotes.

    Args:
        directory: the folder.
        exclude: ends of names, of folders or of files without extension, that do not count.
        extensions: extensions of the files that count.
        verbose: whether to print the name of each file.
    """
    count = 0
    for root, _, names in os.walk(directory):
        if root.endswith(tuple(exclude)):
            continue
        for name in sorted(names):
            stem, extension = os.path.splitext(name)
            if extension not in extensions or stem.endswith(tuple(exclude)):
                continue
            path = os.path.join(root, name)
            if verbose:
                print(f"Count LoCs in {path}")
            with open(path) as file:
                count += _count_lines(file)
    return count


def _count_lines(lines: Iterable[str]) -> int:
    count, inside = 0, False
    for line in map(str.strip, lines):
        if not line or line.startswith("#"):
            continue
        if line.startswith('"""'):
            closes = inside or (line.endswith('"""') and len(line) > 3)
            inside = not closes
        elif inside:
            inside = not line.endswith('"""')
        else:
            count += 1
    return count

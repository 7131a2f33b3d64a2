"""The folder of the data sets: where it is, checksums, writing whole files and folders or nothing."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kjax.data.errors import StorageError

_NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def keras_home() -> Path:
    """The folder `$KERAS_HOME`, or `~/.keras` where the variable is not set or empty."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()


def datasets_folder() -> Path:
    """The folder that holds the data sets, `$KERAS_HOME/datasets`."""
    return keras_home() / "datasets"


def file_digest(path: Path, algorithm: str) -> str:
    """The hexadecimal digest of a file's bytes. `algorithm` is a name that `hashlib` knows."""
    with open(path, "rb") as file:
        # These digests tell an intact copy from a damaged one; a build of OpenSSL that bans MD5 for
        # signatures must not ban it here.
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def is_intact(path: Path, checksum: str) -> bool:
    """Whether `path` is a file with this SHA-256 (64 digits) or MD5 (32 digits) checksum.

    Raises:
        StorageError: the file is there but cannot be read.
    """
    algorithm = {64: "sha256", 32: "md5"}.get(len(checksum))
    if algorithm is None:
        raise ValueError(f"checksum must be 64 (SHA-256) or 32 (MD5) hexadecimal digits; received {checksum!r}")
    if not path.is_file():
        return False
    with storage_errors(path, "read"):
        return file_digest(path, algorithm) == checksum.lower()


@contextlib.contextmanager
def storage_errors(path: Path, verb: str = "write") -> Iterator[None]:
    """Turns an `OSError` of the block into one line of advice (`StorageError`) about `path`."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error, verb) from error


def storage_error(path: Path, error: OSError, verb: str = "write") -> StorageError:
    """The `StorageError` for an `OSError` that came up on the way to `verb` ("read", "write") `path`."""
    if error.errno in _NO_SPACE:
        return StorageError(
            f"no space left for {path} ({error.strerror}); free some, or set KERAS_HOME to a folder on a larger disk"
        )
    advice = "check its permissions" if verb == "read" else "set KERAS_HOME to a folder that you may write to"
    return StorageError(f"cannot {verb} {path} ({error.strerror or error}); {advice}")


def make_folder(path: Path) -> None:
    """Makes a folder and its parents.

    Raises:
        StorageError: it cannot be made, or is not writable.
    """
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    if not os.access(path, os.W_OK | os.X_OK):
        raise storage_error(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def require_space(folder: Path, needed: int, name: str) -> None:
    """Raises `StorageError` if the disk of `folder` has less than `needed` free bytes for the file `name`."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"no space left for {folder / name}: "
            f"{needed / 1e6:.1f} MB are needed and {free / 1e6:.1f} MB are free; "
            "free some, or set KERAS_HOME to a folder on a larger disk"
        )


def sync(path: Path) -> None:
    """Flushes a file to the disk, so that a power cut after the following rename cannot leave it empty."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Flushes a folder's list of names, which makes a rename durable. Windows has no such call."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def install_file(temporary: Path, target: Path) -> None:
    """Puts a finished file in its place in one step. Both lie in the same folder."""
    sync(temporary)
    os.replace(temporary, target)
    sync_folder(target.parent)


@contextlib.contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """A fresh folder beside `target` to prepare its content in; removed at the end unless installed."""
    with storage_errors(target.parent):
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install_folder(temporary: Path, target: Path) -> None:
    """Puts a finished folder in its place, beside which it lies. A folder there before is replaced."""
    with storage_errors(target):
        for path in temporary.rglob("*"):
            if path.is_file():
                sync(path)
        temporary.chmod(0o755)  # `mkdtemp` makes folders that only their owner may read
        if target.exists():
            with temporary_folder(target) as old:
                os.replace(target, old / "replaced")
                os.replace(temporary, target)
        else:
            os.replace(temporary, target)
        sync_folder(target.parent)

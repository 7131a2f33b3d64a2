"""A lock between processes, so that several of them on their first use of a data set fetch it once."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from kjax.data.datasets.storage import storage_errors

_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 2.0


def _try_lock(descriptor: int) -> bool:
    """Takes the operating system's lock on an open file, which ends with the process at the latest."""
    if os.name == "nt":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EINTR):
            return False
        if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            # Some network file systems have no locks. Two processes may then both download, each to the same
            # partial file; the checksum still decides what is accepted.
            return True
        raise
    return True


def _is_current(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one at `path`: its last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def file_lock(target: Path) -> Iterator[None]:
    """Holds the lock for work on `target` (a file or folder, existing or not) while the block runs.

    Waits as long as another process holds it; a process that dies frees it. The lock is a hidden empty file
    beside `target`, which is removed afterwards.

    Raises:
        StorageError: the folder of `target` cannot be written.
    """
    path = target.with_name(f".{target.name}.lock")
    started = time.monotonic()
    told = False
    while True:
        with storage_errors(target.parent):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with storage_errors(target.parent):
                locked = _try_lock(descriptor) and _is_current(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        if locked:
            break
        os.close(descriptor)
        if not told and time.monotonic() - started > _PATIENCE_SECONDS:
            print(f"waiting for another process that is preparing {target.name} ...", file=sys.stderr)
            told = True
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        if os.name == "posix":
            # Removed while still held: whoever waits sees that its file is no longer current and opens a new
            # one. Windows cannot remove open files, so there the empty file stays.
            path.unlink(missing_ok=True)
        os.close(descriptor)

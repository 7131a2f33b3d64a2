"""Downloads: checked, resumed where they broke off, put in place in one step, one process at a time."""

from __future__ import annotations

import contextlib
import http.client
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from kjax.data.datasets.lock import file_lock
from kjax.data.datasets.storage import (
    file_digest,
    install_file,
    is_intact,
    make_folder,
    require_space,
    storage_error,
)
from kjax.data.errors import ChecksumError, DownloadError, StorageError

_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 15.0
_ATTEMPTS = 4
_PAUSE_SECONDS = 0.5


_Report = Callable[[int, int | None], None]


class _BrokenOff(Exception):
    """A transfer stopped before its end; what has arrived is kept."""


def fetch(
    url: str, target: Path, checksum: str | None = None, *, force: bool = False, put_at: Path | None = None
) -> None:
    """Downloads `url` to the file `target`, which appears complete or not at all.

    The bytes gather in `target` + ".part". A transfer that breaks off is taken up where it stopped, by this
    call and, if there is a checksum to prove the result, by later ones. Several processes may call this at
    once: one downloads, the others wait and find the file.

    Args:
        url: where the file is.
        target: where it goes; missing folders are made.
        checksum: its SHA-256 or MD5, as hexadecimal digits; None accepts what the server sends.
        force: download although `target` exists and, if there is a checksum, has it.
        put_at: where errors tell the reader to put the file by hand, if not at `target`.

    Raises:
        DownloadError: no network, or the server refuses, or the transfer broke off for good.
        ChecksumError: the server sent another file.
        StorageError: the folder is not writable, or the disk is full.
    """
    transfer = _Transfer(url, target, checksum, put_at or target)
    if os.environ.get("KJAX_OFFLINE", "0") not in ("", "0"):
        raise transfer.failed("KJAX_OFFLINE is set")
    make_folder(target.parent)
    with file_lock(target):
        if target.is_dir():
            raise StorageError(f"{target} is a folder where a file is expected; move it away")
        # Looked at only now: another process may have held the lock, and have brought the file.
        if not force and (is_intact(target, checksum) if checksum else target.exists()):
            return
        try:
            transfer.run()
            install_file(transfer.part, target)
        except StorageError:
            transfer.part.unlink(missing_ok=True)
            raise
        except OSError as error:
            transfer.part.unlink(missing_ok=True)
            raise storage_error(target, error) from error


class _Transfer:
    """One file on its way from `url` to `part`, which gets the name `target` later."""

    def __init__(self, url: str, target: Path, checksum: str | None, put_at: Path) -> None:
        self.url = url
        self.name = target.name
        self.part = target.with_name(target.name + ".part")
        self.checksum = checksum
        self.put_at = put_at

    def failed(self, reason: object) -> DownloadError:
        return DownloadError(
            f"{self.put_at.name} could not be downloaded from {self.url} ({reason}); "
            f"without a network, get the file on another machine and put it at {self.put_at}"
        )

    def run(self) -> None:
        """Brings the whole, checked content to the file `part`."""
        if self.checksum is None:
            self.part.unlink(missing_ok=True)
        resumed = self._have() > 0
        self._gather()
        if self.checksum is None or is_intact(self.part, self.checksum):
            return
        if resumed:
            # The kept beginning may stem from an older file of the same name.
            self.part.unlink()
            self._gather()
            if is_intact(self.part, self.checksum):
                return
        found = file_digest(self.part, "sha256" if len(self.checksum) == 64 else "md5")
        self.part.unlink()
        raise ChecksumError(
            f"{self.url} sent another file than the expected {self.name} "
            f"(checksum {found}, not {self.checksum}); nothing was kept; "
            f"if a proxy or a log-in page is in the way, get the file otherwise and put it at {self.put_at}"
        )

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _gather(self) -> None:
        """Requests the missing bytes until the server says that there are no more."""
        reason: object = ""
        with _progress(self.name) as report:
            for attempt in range(_ATTEMPTS):
                if attempt:
                    time.sleep(_PAUSE_SECONDS * attempt)
                try:
                    self._request(report)
                    return
                except _BrokenOff as error:
                    reason = error
        hint = ""
        if self.checksum is None:
            self.part.unlink(missing_ok=True)
        elif self._have():
            hint = f" after {self._have() / 1e6:.1f} MB, which the next call will continue"
        raise self.failed(f"the transfer broke off{hint}: {reason}")

    def _request(self, report: _Report) -> None:
        """One request for what `part` lacks; appends what arrives."""
        have = self._have()
        headers = {"User-Agent": "kjax", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        try:
            request = urllib.request.Request(self.url, headers=headers)
            response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and have:  # there is nothing after our bytes: the file is whole, or is another one
                if error.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
                    return
                self.part.unlink()
                raise _BrokenOff("the partial file did not fit the server's") from error
            if error.code >= 500:
                raise _BrokenOff(f"HTTP status {error.code} {error.reason}") from error
            raise self.failed(f"HTTP status {error.code} {error.reason}") from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ConnectionResetError):
                raise _BrokenOff(reason) from error
            raise self.failed(reason) from error
        except ValueError as error:  # not a URL at all
            raise self.failed(error) from error
        with response:
            self._receive(response, have, report)

    def _receive(self, response: Any, have: int, report: _Report) -> None:
        """Writes the body to the end of `part`, or from its start if the server ignored our `Range`."""
        continued = getattr(response, "status", None) == 206
        if not continued:
            have = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            self.part.unlink()
            raise _BrokenOff(f"the server did not continue at byte {have}")
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        if total is not None:
            require_space(self.part.parent, total - have, self.name)
        with open(self.part, "ab" if continued else "wb") as file:
            done = have
            report(done, total)
            while chunk := _read_chunk(response):
                write(file, chunk)
                done += len(chunk)
                report(done, total)
        if total is not None and done != total:
            raise _BrokenOff(f"{done} of {total} bytes arrived")


def _read_chunk(response: Any) -> bytes:
    try:
        return response.read(_CHUNK_BYTES)
    except http.client.IncompleteRead as error:
        if error.partial:
            return error.partial
        raise _BrokenOff("the server closed the connection") from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOff(str(error) or type(error).__name__) from error


def write(file: IO[bytes], chunk: bytes) -> None:
    """Writes to the disk. A function of its own, so that a full disk can be simulated."""
    file.write(chunk)


@contextlib.contextmanager
def _progress(name: str) -> Iterator[_Report]:
    """A progress bar on stderr, if that is a terminal; a single line otherwise."""
    if not sys.stderr.isatty():
        announced = False

        def announce(done: int, total: int | None) -> None:
            nonlocal announced
            if not announced:
                size = "" if total is None else f" ({total / 1e6:.1f} MB)"
                print(f"downloading {name}{size}", file=sys.stderr)
                announced = True

        yield announce
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(f"downloading {name}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

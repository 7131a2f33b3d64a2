"""Downloads: resumed, verified, atomic, by several processes at once, and failures told in one line."""

from __future__ import annotations

import dataclasses
import errno
import io
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from kjax.data import datasets
from kjax.data.datasets import download, storage, table
from kjax.data.errors import (
    ChecksumError,
    CorruptFileError,
    DatasetError,
    DatasetWarning,
    DownloadError,
    StorageError,
)
from tests.data.dataset_files import (
    FileServer,
    cifar100_batches,
    digits,
    running_server,
    sha256,
    tree,
    write_archive,
    write_npz,
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A local server in the place of the data sets' own."""
    monkeypatch.delenv("KJAX_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0.0)
    with running_server() as server:
        monkeypatch.setenv("KJAX_DATASETS_URL", server.url)
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the data sets, which does not exist yet."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


@pytest.fixture
def official(tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The bytes of a small `mnist.npz`, which the server has and whose checksum is the official one."""
    path = write_npz(tmp_path / "official.npz", digits())
    monkeypatch.setattr(table, "MNIST", dataclasses.replace(table.MNIST, checksum=sha256(path)))
    server.files["/mnist.npz"] = path.read_bytes()
    return path.read_bytes()


def one_line(error: pytest.ExceptionInfo[DatasetError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def load_x_train() -> np.ndarray:
    return datasets.mnist.load_data()[0][0]


def test_downloads_once(official: bytes, folder: Path, server: FileServer) -> None:
    np.testing.assert_array_equal(load_x_train(), digits()["x_train"])
    assert tree(folder) == {"mnist.npz": official}  # no lock and no partial file beside it
    load_x_train()
    assert server.requests == [None]


def test_says_what_it_does_on_stderr(official: bytes, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_x_train()
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == f"downloading mnist.npz ({len(official) / 1e6:.1f} MB)\n"


def test_progress_bar_on_a_terminal(official: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    load_x_train()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    kilobytes = f"{len(official) / 1000:.1f}"
    assert "downloading mnist.npz" in text
    assert f"{kilobytes}/{kilobytes} kB" in text


def test_continues_within_a_call(official: bytes, folder: Path, server: FileServer) -> None:
    server.cut_after, server.cuts = 1000, 2
    np.testing.assert_array_equal(load_x_train(), digits()["x_train"])
    assert server.requests == [None, "bytes=1000-", "bytes=2000-"]
    assert tree(folder) == {"mnist.npz": official}


def test_continues_in_a_later_call(official: bytes, folder: Path, server: FileServer) -> None:
    server.cut_after, server.cuts = 5000, 4
    with pytest.raises(DownloadError, match=r"mnist.npz .*broke off after 0\.0 MB, which the next call") as error:
        load_x_train()
    one_line(error)
    assert tree(folder) == {"mnist.npz.part": official[:20000]}
    server.requests.clear()
    load_x_train()
    assert server.requests == ["bytes=20000-"]
    assert tree(folder) == {"mnist.npz": official}


def test_server_without_ranges(official: bytes, folder: Path, server: FileServer) -> None:
    server.ranges = False
    server.cut_after, server.cuts = 1000, 1
    load_x_train()
    assert server.requests == [None, "bytes=1000-"]
    assert tree(folder) == {"mnist.npz": official}


@pytest.mark.parametrize(
    ("beginning", "requests"),
    [
        ("the end", ["bytes={have}-"]),
        ("another", ["bytes={have}-", None]),
        ("longer", ["bytes={have}-", None]),
    ],
)
def test_partial_file_of_the_past(
    official: bytes, folder: Path, server: FileServer, beginning: str, requests: list[str | None]
) -> None:
    """A partial file that is already whole, stems from another file, or is too long."""
    folder.mkdir(parents=True)
    kept = {"the end": official, "another": b"?" * 100, "longer": official + b"?"}[beginning]
    (folder / "mnist.npz.part").write_bytes(kept)
    load_x_train()
    assert server.requests == [request and request.format(have=len(kept)) for request in requests]
    assert tree(folder) == {"mnist.npz": official}


def test_passing_trouble_of_the_server(official: bytes, folder: Path, server: FileServer) -> None:
    server.statuses = [503, 500]
    load_x_train()
    assert len(server.requests) == 3


def test_wrong_checksum(official: bytes, folder: Path, server: FileServer) -> None:
    server.files["/mnist.npz"] = b"<html>Please log in</html>"
    with pytest.raises(ChecksumError, match=r"sent another file than the expected mnist.npz") as error:
        load_x_train()
    assert f"put it at {folder / 'mnist.npz'}" in one_line(error)
    assert tree(folder) == {}


def test_refusal(folder: Path, server: FileServer) -> None:
    with pytest.raises(DownloadError, match="HTTP status 404") as error:
        load_x_train()
    assert one_line(error).count(f"{server.url}/mnist.npz") == 1
    assert tree(folder) == {}


@pytest.mark.parametrize("how", ["nobody listens", "no such host", "told so", "no URL"])
def test_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        urls = {
            "nobody listens": f"http://127.0.0.1:{unused.getsockname()[1]}",
            "no such host": "http://kjax.invalid",
            "told so": "http://127.0.0.1",
            "no URL": "mirror",
        }
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setenv("KJAX_DATASETS_URL", urls[how])
        monkeypatch.setenv("KJAX_OFFLINE", str(int(how == "told so")))
        with pytest.raises(DownloadError) as error:
            load_x_train()
    message = one_line(error)
    assert message.startswith(f"mnist.npz could not be downloaded from {urls[how]}/mnist.npz (")
    assert message.endswith(f"put it at {folder / 'mnist.npz'}")
    assert not folder.exists() or tree(folder) == {}


def test_no_network_names_the_usual_archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KJAX_OFFLINE", "1")
    with pytest.raises(DownloadError, match=r"cifar-10-python\.tar\.gz could not be downloaded") as error:
        datasets.cifar10.load_data()
    assert one_line(error).endswith(f"put it at {folder / 'cifar-10-python.tar.gz'}")


def test_disk_fills_up(official: bytes, folder: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(file: IO[bytes], chunk: bytes) -> None:
        file.write(chunk[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download, "write", write)
    with pytest.raises(StorageError, match=r"no space left for .*mnist\.npz .*; free some, or set") as error:
        load_x_train()
    one_line(error)
    assert tree(folder) == {}


def test_disk_is_too_small(official: bytes, folder: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noticed from the announced size, before anything is written."""
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(StorageError, match=r"no space left for .*: 0\.1 MB are needed and 0\.0 MB are free"):
        load_x_train()
    assert tree(folder) == {}


def test_folder_is_not_writable(
    tmp_path: Path, official: bytes, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands where the folder should be; permissions alone would not stop an administrator."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageError, match=r"cannot write .*file/datasets .*set KERAS_HOME to a folder") as error:
        load_x_train()
    one_line(error)
    assert server.requests == []


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the administrator")
def test_folder_is_read_only(official: bytes, folder: Path, server: FileServer) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o555)
    with pytest.raises(StorageError, match=r"cannot write .*datasets"):
        load_x_train()
    folder.chmod(0o755)


def test_folder_in_the_place_of_the_file(official: bytes, folder: Path, server: FileServer) -> None:
    (folder / "mnist.npz").mkdir(parents=True)
    with pytest.raises(StorageError, match="is a folder where a file is expected"):
        load_x_train()


def test_interruption_leaves_a_usable_rest(
    official: bytes, folder: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(file: IO[bytes], chunk: bytes) -> None:
        file.write(chunk[:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(download, "write", write)
        with pytest.raises(KeyboardInterrupt):
            load_x_train()
    assert tree(folder) == {"mnist.npz.part": official[:100]}
    load_x_train()
    assert server.requests == [None, "bytes=100-"]


def test_other_file_is_replaced(official: bytes, folder: Path, server: FileServer) -> None:
    write_npz(folder / "mnist.npz", digits(seed=1))
    np.testing.assert_array_equal(load_x_train(), digits(seed=0)["x_train"])
    assert tree(folder) == {"mnist.npz": official}


@pytest.mark.parametrize("trouble", ["offline", "gone", "another file", "read-only"])
def test_other_file_is_used(
    official: bytes, folder: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """With a warning that points at the caller, if its structure is right and no better one can be had."""
    write_npz(folder / "mnist.npz", digits(seed=1))
    before = tree(folder)
    if trouble == "offline":
        monkeypatch.setenv("KJAX_OFFLINE", "1")
    elif trouble == "gone":
        server.files.clear()
    elif trouble == "another file":
        server.files["/mnist.npz"] = b"<html>"
    else:
        monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.warns(DatasetWarning, match=r"mnist\.npz is used although its checksum") as caught:
        x_train = load_x_train()
    np.testing.assert_array_equal(x_train, digits(seed=1)["x_train"])
    assert "x_train has 60 samples, the official file 60000" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert tree(folder) == before


def wrong(**changes: np.ndarray | None) -> dict[str, np.ndarray]:
    return {key: value for key, value in (digits() | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (wrong(y_test=None), "no array named y_test; there are x_train, y_train, x_test"),
        (wrong(x_train=np.zeros((60, 28), np.uint8)), r"x_train has the shape \(60, 28\) instead of"),
        (wrong(x_train=np.zeros((0, 28, 28), np.uint8)), r"x_train has the shape \(0, 28, 28\)"),
        (wrong(x_test=np.zeros((20, 28, 28))), "x_test has the type float64 instead of uint8"),
        (wrong(y_train=np.full(60, 10, np.uint8)), "y_train has values above 9"),
        (wrong(y_train=np.zeros(59, np.uint8)), "x_train has 60 samples but 59 labels"),
    ],
)
def test_other_file_of_wrong_structure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arrays: dict[str, np.ndarray], message: str
) -> None:
    monkeypatch.setenv("KJAX_OFFLINE", "1")
    path = write_npz(folder / "mnist.npz", arrays)
    with pytest.raises(CorruptFileError, match=message) as error:
        load_x_train()
    assert one_line(error).startswith(f"{path} is not the expected data set: ")
    assert "could not be replaced: mnist.npz could not be downloaded" in one_line(error)


RACE = """
import dataclasses, hashlib, os, sys
from kjax.data import datasets
from kjax.data.datasets import table
table.MNIST = dataclasses.replace(table.MNIST, checksum=sys.argv[1])
table.CIFAR100 = dataclasses.replace(table.CIFAR100, checksum=sys.argv[2])
sys.stdin.read()
for loaded in (datasets.mnist.load_data(), datasets.cifar100.load_data()):
    print(hashlib.sha256(b"".join(array.tobytes() for pair in loaded for array in pair)).hexdigest())
"""


def test_four_processes_at_once(official: bytes, folder: Path, server: FileServer, tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "archive", "cifar-100-python", cifar100_batches())
    server.files["/cifar-100-python.tar.gz"] = archive.read_bytes()
    server.delay = 0.2
    command = [sys.executable, "-c", RACE, table.MNIST.checksum, sha256(archive)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(4)]
    outputs = []
    for process in processes:  # all of them wait for the end of their input, which starts the race
        assert process.stdin
        process.stdin.close()
        process.stdin = None
    for process in processes:
        outputs.append(process.communicate(timeout=60))
        assert process.returncode == 0, outputs[-1]
    assert len({out for out, _ in outputs}) == 1
    assert len(outputs[0][0].split()) == 2
    assert server.requests == [None, None]  # each file once
    assert set(tree(folder)) == {
        "mnist.npz",
        "cifar-100-python-target_archive",
        "cifar-100-python-target/cifar-100-python/train",
        "cifar-100-python-target/cifar-100-python/test",
    }


def test_process_that_was_killed(official: bytes, folder: Path, server: FileServer) -> None:
    """Its lock does not outlive it, and what it had downloaded is used."""
    server.cut_after, server.cuts = 1000, 1
    script = RACE.replace("sys.stdin.read()", "")
    command = [sys.executable, "-c", script, table.MNIST.checksum, table.CIFAR100.checksum]
    server.delay = 0.5
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 30
        while len(server.requests) < 2 and time.monotonic() < deadline:  # the second one continues the first
            time.sleep(0.01)
        process.kill()
    assert tree(folder) == {".mnist.npz.lock": b"", "mnist.npz.part": official[:1000]}
    server.delay = 0.0
    load_x_train()
    assert server.requests == [None, "bytes=1000-", "bytes=1000-"]
    assert tree(folder) == {"mnist.npz": official}


def test_bad_checksum_in_the_table_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"64 \(SHA-256\) or 32 \(MD5\) hexadecimal digits; received 'abc'"):
        storage.is_intact(tmp_path, "abc")

"""`get_file` takes what Keras' takes and puts files where Keras puts them."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kjax.data.datasets import download
from kjax.data.datasets.get_file import get_file
from kjax.data.errors import ChecksumError, CorruptFileError, DownloadError
from tests.data.dataset_files import FileServer, running_server, tar_bytes, tree

CONTENT = b"some bytes"
FILES = {"top/a.txt": b"one", "top/b.txt": b"two"}


def zip_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, content in FILES.items():
            zipped.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.delenv("KJAX_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0.0)
    with running_server() as server:
        server.files |= {"/file.bin": CONTENT, "/data.tar.gz": tar_bytes(FILES), "/data.zip": zip_bytes()}
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "ours"))
    return tmp_path / "ours"


def test_signature(keras3: ModuleType) -> None:
    ours, theirs = (inspect.signature(function).parameters for function in (get_file, keras3.utils.get_file))
    assert [(key, value.default) for key, value in ours.items()] == [
        (key, value.default) for key, value in theirs.items()
    ]


@pytest.mark.parametrize(
    ("file", "arguments"),
    [
        ("file.bin", {}),
        ("file.bin", {"fname": "other.bin", "cache_subdir": "models"}),
        ("data.tar.gz", {"extract": True}),
        ("data.tar.gz", {"untar": True, "fname": "data.tar.gz"}),
        ("data.tar.gz", {"extract": True, "fname": "unpacked"}),
        ("data.zip", {"extract": True}),
        ("data.zip", {"extract": True, "archive_format": "zip", "fname": "data.zip"}),
    ],
)
def test_same_places_as_keras(
    server: FileServer,
    home: Path,
    keras3: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    arguments: dict[str, Any],
) -> None:
    theirs = home.parent / "theirs"
    theirs.mkdir()
    file_utils = importlib.import_module("keras.src.utils.file_utils")
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(theirs))
    expected = keras3.utils.get_file(origin=f"{server.url}/{file}", **arguments)
    found = get_file(origin=f"{server.url}/{file}", **arguments)
    assert Path(found).relative_to(home) == Path(expected).relative_to(theirs)
    assert tree(home) == tree(theirs)


def test_cached(server: FileServer, home: Path) -> None:
    origin = f"{server.url}/file.bin"
    for _ in range(2):
        assert Path(get_file(origin=origin)).read_bytes() == CONTENT
    assert len(server.requests) == 1
    server.files["/file.bin"] = b"newer"
    assert Path(get_file(origin=origin)).read_bytes() == CONTENT
    assert Path(get_file(origin=origin, force_download=True)).read_bytes() == b"newer"
    server.files.clear()
    with pytest.raises(DownloadError):
        get_file(origin=origin, force_download=True)
    assert Path(get_file(origin=origin)).read_bytes() == b"newer"  # a failed download harms nothing


@pytest.mark.parametrize("name", ["file_hash", "md5_hash"])
def test_hash(server: FileServer, home: Path, name: str) -> None:
    digest = hashlib.new("md5" if name == "md5_hash" else "sha256", CONTENT).hexdigest()
    arguments: dict[str, Any] = {"origin": f"{server.url}/file.bin", name: digest}
    path = Path(get_file(**arguments))
    path.write_bytes(b"damaged")
    assert Path(get_file(**arguments)).read_bytes() == CONTENT
    arguments[name] = "0" * len(digest)
    with pytest.raises(ChecksumError, match=r"sent another file than the expected file\.bin"):
        get_file(**arguments)


def test_broken_transfer_without_a_hash_is_not_resumed_later(
    server: FileServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would prove that both parts belong to one file."""
    server.cut_after, server.cuts = 1, 4
    with pytest.raises(DownloadError, match="broke off: 4 of 10 bytes arrived"):
        get_file(origin=f"{server.url}/file.bin")
    assert tree(home) == {}


def test_archive_that_climbs_out(server: FileServer, home: Path) -> None:
    server.files["/data.tar.gz"] = tar_bytes({"good": b"", "../../evil": b""})
    with pytest.raises(CorruptFileError, match=r"data\.tar\.gz.*'../../evil'"):
        get_file(origin=f"{server.url}/data.tar.gz", extract=True)
    assert set(tree(home.parent)) == {"ours/datasets/data.tar.gz_archive"}


def test_renewed_archive_replaces_the_folder(server: FileServer, home: Path) -> None:
    origin = f"{server.url}/data.tar.gz"
    folder = Path(get_file(origin=origin, extract=True))
    server.files["/data.tar.gz"] = tar_bytes({"top/new.txt": b"three"})
    assert Path(get_file(origin=origin, extract=True, force_download=True)) == folder
    assert tree(folder) == {"top/new.txt": b"three"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs origin, the address of the file"),
        ({"origin": "http://127.0.0.1/"}, "fname must be a bare file name"),
        (
            {"origin": "http://127.0.0.1/a", "fname": "../a"},
            "fname must be a bare file name .*received '../a'",
        ),
        ({"origin": "http://127.0.0.1/a", "archive_format": "rar"}, "'auto', 'tar' or 'zip'; received 'rar'"),
        ({"origin": "http://127.0.0.1/a", "hash_algorithm": "sha1"}, "must be one of auto, sha256, md5"),
        ({"origin": "http://127.0.0.1/a", "file_hash": "12"}, "'12' is not a hash by hash_algorithm='auto'"),
    ],
)
def test_wrong_argument(home: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        get_file(**arguments)

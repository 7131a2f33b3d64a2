"""CIFAR folders and archives: every place where they may lie, and every way in which they may be damaged."""

from __future__ import annotations

import dataclasses
import errno
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from kjax.data import datasets
from kjax.data.datasets import archive as archives
from kjax.data.datasets import download, folders, table
from kjax.data.errors import CorruptFileError, DatasetError, DatasetWarning, StorageError
from tests.data.dataset_files import (
    FileServer,
    cifar10_batches,
    digits,
    lists,
    md5,
    python2_batch,
    running_server,
    sha256,
    tar_bytes,
    tree,
    write_archive,
    write_folder,
    write_idx,
    write_json,
    write_npz,
)

NAME = "cifar-10-batches-py"
FOLDERS = (f"{NAME}-target/{NAME}", NAME)
ARCHIVES = (f"{NAME}-target_archive", f"{NAME}.tar.gz", "cifar-10-python.tar.gz")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of the data sets, without a network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KJAX_OFFLINE", "1")
    (tmp_path / "home/datasets").mkdir(parents=True)
    return tmp_path / "home/datasets"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[FileServer]:
    """A local server in the place of the data sets' own."""
    monkeypatch.setenv("KJAX_OFFLINE", "0")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0.0)
    with running_server() as server:
        monkeypatch.setenv("KJAX_DATASETS_URL", server.url)
        yield server


def declare_official(
    monkeypatch: pytest.MonkeyPatch, *, folder: Path | None = None, archive: Path | None = None
) -> None:
    changes: dict[str, Any] = {}
    if folder:
        changes["files"] = tuple((name, md5(folder / name)) for name, _ in table.CIFAR10.files)
    if archive:
        changes["checksum"] = sha256(archive)
    monkeypatch.setattr(table, "CIFAR10", dataclasses.replace(table.CIFAR10, **changes))


def one_line(error: pytest.ExceptionInfo[DatasetError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def assert_loads(seed: int = 0) -> None:
    """The pictures and labels come in the right order, with the colours last."""
    (x_train, y_train), (x_test, y_test) = datasets.cifar10.load_data()
    batch = folders_batch(cifar10_batches(seed=seed)["test_batch"])
    np.testing.assert_array_equal(y_test.ravel(), batch["labels"])
    np.testing.assert_array_equal(x_test[3, :, :, 2].ravel(), batch["data"][3, 2048:])
    third = folders_batch(cifar10_batches(seed=seed)["data_batch_3"])
    np.testing.assert_array_equal(y_train[40:60].ravel(), third["labels"])
    np.testing.assert_array_equal(x_train[41, :, :, 0].ravel(), third["data"][1, :1024])


def folders_batch(data: bytes) -> dict[str, Any]:
    """Read by a plain unpickler: it is our own."""
    return {key.decode(): value for key, value in pickle.loads(data, encoding="bytes").items()}


@pytest.mark.parametrize("place", FOLDERS)
def test_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    write_folder(folder / place, cifar10_batches())
    declare_official(monkeypatch, folder=folder / place)
    before = tree(folder)
    assert_loads()
    assert tree(folder) == before


@pytest.mark.parametrize("place", ARCHIVES)
def test_archive(folder: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    archive = write_archive(folder / place, NAME, cifar10_batches())
    declare_official(monkeypatch, archive=archive)
    assert_loads()
    assert set(tree(folder)) == {place, *(f"{FOLDERS[0]}/{name}" for name, _ in table.CIFAR10.files)}
    assert (folder / FOLDERS[0]).parent.stat().st_mode & 0o777 == 0o755


def test_archive_is_unpacked_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = write_archive(folder / ARCHIVES[1], NAME, cifar10_batches())
    declare_official(monkeypatch, archive=archive)
    assert_loads()
    declare_official(monkeypatch, folder=folder / FOLDERS[0])
    monkeypatch.setattr(folders, "unpack", None)  # would fail
    assert_loads()


def test_other_archive_is_used(folder: Path) -> None:
    write_archive(folder / ARCHIVES[1], NAME, cifar10_batches(seed=1))
    with pytest.warns(DatasetWarning, match=r"batches-py\.tar\.gz is used although") as caught:
        datasets.cifar10.load_data()
    assert caught[0].filename == __file__
    assert "test_batch: data has 20 samples, the official file 10000" in str(caught[0].message)
    with pytest.warns(DatasetWarning, match=r"cifar-10-batches-py-target/cifar-10-batches-py is used"):
        assert_loads(seed=1)


def test_damaged_folder_beside_an_archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive replaces the folder, and not the other folder, which a person may have put there."""
    write_folder(folder / FOLDERS[0], cifar10_batches(seed=1) | {"test_batch": b"", "junk": b""})
    write_folder(folder / FOLDERS[1], {"test_batch": b"mine"})
    archive = write_archive(folder / ARCHIVES[0], NAME, cifar10_batches())
    declare_official(monkeypatch, archive=archive)
    assert_loads()
    assert not (folder / FOLDERS[0] / "junk").exists()
    assert tree(folder / FOLDERS[1]) == {"test_batch": b"mine"}


def test_damaged_archive_is_replaced(folder: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    good = write_archive(folder.parent / "good", NAME, cifar10_batches())
    server.files["/cifar-10-python.tar.gz"] = good.read_bytes()
    declare_official(monkeypatch, archive=good)
    (folder / ARCHIVES[0]).write_bytes(good.read_bytes()[:1000])
    assert_loads()
    assert (folder / ARCHIVES[0]).read_bytes() == good.read_bytes()


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (truncated, "is damaged or truncated"),
    "one byte": (flipped, "is damaged"),
    "without its end": (lambda data: data[:-5], "is damaged or truncated"),
    "empty": (lambda data: b"", "is damaged or truncated"),
    "no archive": (lambda data: b"<html>" * 1000, "is damaged or truncated"),
    "another archive": (lambda data: tar_bytes({"a": b"b"}), "is incomplete: it lacks data_batch_1"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_archive(folder: Path, damage: str) -> None:
    archive = write_archive(folder / ARCHIVES[2], NAME, cifar10_batches())
    change, message = DAMAGED[damage]
    archive.write_bytes(change(archive.read_bytes()))
    before = tree(folder)
    with pytest.raises(CorruptFileError, match=message) as error:
        datasets.cifar10.load_data()
    assert one_line(error).startswith(str(archive))
    assert "it could not be replaced: cifar-10-python.tar.gz could not be downloaded" in one_line(error)
    assert tree(folder) == before
    assert os.listdir(folder) == [ARCHIVES[2]]


class Evil:
    """What a malicious batch would hold."""

    def __reduce__(self) -> Any:
        return os.system, ("exit 1",)


def changed_batch(**labels: Any) -> bytes:
    pictures = labels.pop("pictures", np.zeros((20, 3072), np.uint8))
    return python2_batch(pictures, labels)


BATCHES: dict[str, tuple[bytes, str]] = {
    "truncated": (truncated(cifar10_batches()["data_batch_2"]), "data_batch_2 is damaged or truncated"),
    "empty": (b"", "data_batch_2 is damaged or truncated"),
    "a list": (pickle.dumps([1]), "data_batch_2 is not a CIFAR batch: it holds a list"),
    "code": (
        pickle.dumps({b"data": Evil()}),
        r"the file asks for (posix|nt)\.system, which no data set needs",
    ),
    "no labels": (changed_batch(), "data_batch_2 has no labels"),
    "label 10": (changed_batch(labels=[10] * 20), "labels that are not a list of integers from 0 to 9"),
    "too few labels": (changed_batch(labels=[1] * 19), "has 20 pictures but 19 labels"),
    "small": (
        changed_batch(labels=[1] * 20, pictures=np.zeros((20, 768), np.uint8)),
        r"data has the shape \(20, 768\) instead of \(samples, 3072\)",
    ),
}


@pytest.mark.parametrize("form", ["folder", "archive"])
@pytest.mark.parametrize("damage", BATCHES)
def test_damaged_batch(folder: Path, damage: str, form: str) -> None:
    content, message = BATCHES[damage]
    files = cifar10_batches() | {"data_batch_2": content}
    if form == "folder":
        write_folder(folder / NAME, files)
    else:
        write_archive(folder / ARCHIVES[1], NAME, files)
    before = tree(folder)
    with pytest.raises(CorruptFileError, match=message) as error:
        datasets.cifar10.load_data()
    assert one_line(error).startswith(str(folder / (NAME if form == "folder" else ARCHIVES[1])))
    assert tree(folder) == before


def test_incomplete_folder(folder: Path) -> None:
    files = cifar10_batches()
    del files["data_batch_4"]
    write_folder(folder / NAME, files)
    with pytest.raises(CorruptFileError, match="cifar-10-batches-py is incomplete: it lacks data_batch_4"):
        datasets.cifar10.load_data()


def test_disk_fills_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = write_archive(folder / ARCHIVES[0], NAME, cifar10_batches())
    declare_official(monkeypatch, archive=archive)

    def write(file: IO[bytes], chunk: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archives, "write", write)
    before = tree(folder)
    with pytest.raises(StorageError, match=r"no space left for .*data_batch_1") as error:
        datasets.cifar10.load_data()
    one_line(error)
    assert tree(folder) == before
    assert os.listdir(folder) == [ARCHIVES[0]]


def test_read_only_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive on a read-only disk is read all the same, by way of the system's temporary folder."""
    archive = write_archive(folder / ARCHIVES[0], NAME, cifar10_batches())
    declare_official(monkeypatch, archive=archive)

    def refuse(target: Path) -> None:
        raise StorageError("read-only")

    monkeypatch.setattr(folders, "file_lock", refuse)
    before = tree(folder)
    assert_loads()
    assert tree(folder) == before


def test_other_sizes_of_text_data(folder: Path) -> None:
    """Text files without the official checksum are checked word by word."""
    rows = lists(30, 0)
    labels = np.arange(30) % 2
    path = write_npz(folder / "reuters.npz", {"x": rows, "y": labels})
    with pytest.warns(DatasetWarning, match="x has 30 samples, the official file 11228"):
        datasets.reuters.load_data()
    for wrong, message in (
        (["a"], "x has lists of other things than integers"),
        ([1.5], "x has lists of other things than integers"),
        ([-1], "x has values below 0"),
        ([1 << 70], "x has integers beyond 64 bits"),
        ((1,), "x is not an array of lists"),
    ):
        rows[7] = wrong
        write_npz(path, {"x": rows, "y": labels})
        with pytest.raises(CorruptFileError, match=message):
            datasets.reuters.load_data()


def test_npz_that_calls_code(folder: Path) -> None:
    rows = np.empty(2, dtype=object)
    rows[:] = [[1], Evil()]
    path = write_npz(folder / "reuters.npz", {"x": rows, "y": np.zeros(2, int)})
    with pytest.raises(CorruptFileError, match=r"reuters.npz is damaged .*asks for (posix|nt)\.system") as error:
        datasets.reuters.load_data()
    assert one_line(error).startswith(str(path))


@pytest.mark.parametrize("change", [truncated, flipped, lambda data: b"", lambda data: b"<html>" * 99])
def test_damaged_npz(folder: Path, change: Callable[[bytes], bytes]) -> None:
    path = write_npz(folder / "mnist.npz", digits())
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CorruptFileError, match=r"mnist\.npz is damaged or truncated") as error:
        datasets.mnist.load_data()
    one_line(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "not a dictionary of words"),
        ('{"the": 0}', "ranks of words that are not positive integers"),
        ('{"the": true}', "ranks of words that are not positive integers"),
        ('{"the": 1', "is damaged or truncated"),
    ],
)
def test_damaged_word_index(folder: Path, content: str, message: str) -> None:
    (folder / "imdb_word_index.json").write_text(content)
    with pytest.raises(CorruptFileError, match=message) as error:
        datasets.imdb.get_word_index()
    one_line(error)
    write_json(folder / "imdb_word_index.json", {"the": 1})
    with pytest.warns(DatasetWarning):
        assert datasets.imdb.get_word_index() == {"the": 1}


def test_damaged_fashion_mnist(folder: Path) -> None:
    arrays = digits(30, 20)
    places = {key: file.target() for key, file in table.FASHION_MNIST.items()}

    def refused(message: str) -> None:
        with pytest.raises(CorruptFileError, match=message) as error, pytest.warns(DatasetWarning):
            datasets.fashion_mnist.load_data()
        one_line(error)

    for key, path in places.items():
        write_idx(path, arrays[key])
    write_idx(places["y_test"], arrays["y_test"][:19])
    refused("t10k-images-idx3-ubyte.gz has 20 pictures, but .*t10k-labels-idx1-ubyte.gz has 19 labels")
    places["y_test"].write_bytes(places["x_test"].read_bytes())
    refused(r"t10k-labels-idx1-ubyte has the shape \(20, 28, 28\) instead of \(samples\)")
    for change in (truncated, flipped, lambda data: b"<html>"):
        write_idx(places["y_test"], arrays["y_test"])
        places["y_test"].write_bytes(change(places["y_test"].read_bytes()))
        refused(r"t10k-labels-idx1-ubyte\.gz is damaged")

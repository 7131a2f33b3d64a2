"""The loaders of the data sets return exactly what real Keras' loaders return from the same files.

The files are small ones of the official forms, made here; and, where `KERAS_HOME` named a folder with the
real ones when the tests were started, those too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kjax.data import datasets
from kjax.data.datasets import table
from kjax.data.errors import CorruptFileError, DatasetWarning
from tests.data.dataset_files import (
    cifar10_batches,
    cifar100_batches,
    digits,
    lists,
    md5,
    sha256,
    write_archive,
    write_folder,
    write_idx,
    write_json,
    write_npz,
)

# tests/conftest.py replaces KERAS_HOME, and keeps what it was under this name.
REAL_HOME = Path(os.environ.get("KJAX_REAL_KERAS_HOME") or "no such folder")

TEXT_ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"num_words": 50},
    {"num_words": 50, "skip_top": 5, "seed": 7},
    {"num_words": 60, "oov_char": None},
    {"start_char": None},
    {"start_char": None, "index_from": 0},
    {"start_char": None, "index_from": None, "skip_top": 3},
    {"index_from": 10, "start_char": 4, "oov_char": 9, "num_words": 100},
    {"maxlen": 20},
    {"maxlen": 12, "num_words": 30, "oov_char": None},
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as KERAS_HOME, without a network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KJAX_OFFLINE", "1")
    (tmp_path / "datasets").mkdir()
    return tmp_path


@pytest.fixture
def oracle(home: Path, keras3: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Real Keras' `keras.datasets` on the same folder, with its check of the checksums turned off."""
    file_utils = importlib.import_module("keras.src.utils.file_utils")
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(home))
    monkeypatch.setattr(file_utils, "validate_file", lambda *args, **kwargs: True)
    return keras3.datasets


def write_made(home: Path, name: str, arrays: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes an `.npz` file and declares it to be the official one."""
    path = write_npz(home / "datasets" / f"{name}.npz", arrays)
    file = getattr(table, name.upper())
    monkeypatch.setattr(table, name.upper(), dataclasses.replace(file, checksum=sha256(path)))


def assert_same(found: Any, expected: Any) -> None:
    """`(x_train, y_train), (x_test, y_test)` with equal types, shapes and elements."""
    for found_pair, expected_pair in zip(found, expected, strict=True):
        for array, wanted in zip(found_pair, expected_pair, strict=True):
            assert type(array) is np.ndarray
            assert array.dtype == wanted.dtype
            assert array.shape == wanted.shape
            if array.dtype == object:
                assert array.tolist() == wanted.tolist()
                if array.ndim == 1 and len(array):
                    assert {type(row) for row in array} == {list}
                    assert {type(word) for row in array for word in row} <= {int}
            else:
                assert np.array_equal(array, wanted)


def test_mnist(home: Path, oracle: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    write_made(home, "mnist", digits(), monkeypatch)
    assert_same(datasets.mnist.load_data(), oracle.mnist.load_data())


@pytest.mark.parametrize("place", ["elsewhere/digits.npz", "datasets/sub/digits.npz"])
def test_path_absolute_or_relative(home: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = digits()
    path = write_npz(home / place, arrays)
    monkeypatch.setattr(table, "MNIST", dataclasses.replace(table.MNIST, checksum=sha256(path)))
    given = path if place.startswith("elsewhere") else "sub/digits.npz"
    (x_train, _), (_, y_test) = datasets.mnist.load_data(given)
    np.testing.assert_array_equal(x_train, arrays["x_train"])
    np.testing.assert_array_equal(y_test, arrays["y_test"])


def test_fashion_mnist(home: Path, oracle: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = digits(50, 30, seed=1)
    files = dict(table.FASHION_MNIST)
    for key, file in table.FASHION_MNIST.items():
        path = write_idx(file.target(), arrays[key])
        files[key] = dataclasses.replace(file, checksum=sha256(path))
    monkeypatch.setattr(table, "FASHION_MNIST", files)
    assert_same(datasets.fashion_mnist.load_data(), oracle.fashion_mnist.load_data())


HOUSING: list[dict[str, Any]] = [{}, {"test_split": 0.0}, {"test_split": 0.35, "seed": 5}]


@pytest.mark.parametrize("arguments", HOUSING)
def test_boston_housing(
    home: Path, oracle: ModuleType, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]
) -> None:
    random = np.random.default_rng(0)
    write_made(home, "boston_housing", {"x": random.random((101, 13)), "y": random.random(101)}, monkeypatch)
    assert_same(datasets.boston_housing.load_data(**arguments), oracle.boston_housing.load_data(**arguments))


@pytest.mark.parametrize("version", ["large", "small"])
@pytest.mark.parametrize("arguments", HOUSING)
def test_california_housing(
    home: Path, oracle: ModuleType, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], version: str
) -> None:
    random = np.random.default_rng(0)
    arrays = {"x": random.random((999, 8), np.float32), "y": random.random(999, np.float32)}
    write_made(home, "california_housing", arrays, monkeypatch)
    assert_same(
        datasets.california_housing.load_data(version, **arguments),
        oracle.california_housing.load_data(version, **arguments),
    )


@pytest.mark.parametrize("arguments", TEXT_ARGUMENTS)
def test_imdb(home: Path, oracle: ModuleType, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]) -> None:
    labels = np.arange(80) % 2
    arrays = {"x_train": lists(80, 0), "y_train": labels, "x_test": lists(60, 1), "y_test": labels[:60]}
    write_made(home, "imdb", arrays, monkeypatch)
    assert_same(datasets.imdb.load_data(**arguments), oracle.imdb.load_data(**arguments))


@pytest.mark.parametrize("arguments", [*TEXT_ARGUMENTS, {"test_split": 0.0}, {"test_split": 0.5, "seed": 3}])
def test_reuters(home: Path, oracle: ModuleType, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]) -> None:
    write_made(home, "reuters", {"x": lists(120, 2), "y": np.arange(120) % 46}, monkeypatch)
    assert_same(datasets.reuters.load_data(**arguments), oracle.reuters.load_data(**arguments))


def test_texts_of_one_length(home: Path, oracle: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy makes lists of one length into the rows of a matrix, in Keras and therefore here."""
    rows = np.empty(10, dtype=object)
    rows[:] = [[1, 2, index + 1] for index in range(10)]
    write_made(home, "reuters", {"x": rows, "y": np.arange(10)}, monkeypatch)
    found = datasets.reuters.load_data()
    assert found[0][0].shape == (8, 4)
    assert_same(found, oracle.reuters.load_data())


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_word_index(home: Path, oracle: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = write_json(home / f"datasets/{name}_word_index.json", {"the": 1, "café": 2, "film": 3})
    row = f"{name.upper()}_WORD_INDEX"
    monkeypatch.setattr(table, row, dataclasses.replace(getattr(table, row), checksum=md5(path)))
    found = getattr(datasets, name).get_word_index()
    assert found == getattr(oracle, name).get_word_index()
    assert list(found) == ["the", "café", "film"]


def test_label_names(keras3: ModuleType) -> None:
    assert datasets.reuters.get_label_names() == keras3.datasets.reuters.get_label_names()


def test_cifar10(home: Path, keras3: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the full size, since real Keras reads no other; unpacked, as unpacking it takes most of the time."""
    place = home / "datasets/cifar-10-batches-py-target"
    declare_official(monkeypatch, write_folder(place / "cifar-10-batches-py", cifar10_batches(10000)))
    theirs = importlib.import_module("keras.src.datasets.cifar10")
    monkeypatch.setattr(theirs, "get_file", lambda *args, **kwargs: str(place))
    found = datasets.cifar10.load_data()
    assert [array.shape for pair in found for array in pair] == [
        (50000, 32, 32, 3),
        (50000, 1),
        (10000, 32, 32, 3),
        (10000, 1),
    ]
    assert_same(found, theirs.load_data())


def declare_official(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Makes the checksums of the files in a CIFAR-10 folder the official ones."""
    files = tuple((name, md5(folder / name)) for name, _ in table.CIFAR10.files)
    monkeypatch.setattr(table, "CIFAR10", dataclasses.replace(table.CIFAR10, files=files))


@pytest.mark.parametrize("label_mode", ["fine", "coarse"])
def test_cifar100(home: Path, oracle: ModuleType, monkeypatch: pytest.MonkeyPatch, label_mode: str) -> None:
    archive = home / "datasets/cifar-100-python-target_archive"
    write_archive(archive, "cifar-100-python", cifar100_batches())
    monkeypatch.setattr(table, "CIFAR100", dataclasses.replace(table.CIFAR100, checksum=sha256(archive)))
    assert_same(datasets.cifar100.load_data(label_mode), oracle.cifar100.load_data(label_mode))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        *((name, "load_data") for name in datasets.__all__ if name != "standin"),
        ("imdb", "get_word_index"),
        ("reuters", "get_word_index"),
        ("reuters", "get_label_names"),
    ],
)
def test_signature(keras3: ModuleType, name: str, function: str) -> None:
    def arguments(module: ModuleType) -> dict[str, Any]:
        parameters = inspect.signature(getattr(module, function)).parameters
        return {key: value.default for key, value in parameters.items() if key != "kwargs"}

    ours, theirs = arguments(getattr(datasets, name)), arguments(getattr(keras3.datasets, name))
    assert list(ours.items()) == list(theirs.items())


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_old_spelling(home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.arange(30) % 2
    arrays = {"x_train": lists(30, 0), "y_train": labels, "x_test": lists(30, 1), "y_test": labels}
    arrays |= {"x": arrays["x_train"], "y": labels}
    write_made(home, name, arrays, monkeypatch)
    loader = getattr(datasets, name).load_data
    assert_same(loader(nb_words=40), loader(num_words=40))
    with pytest.raises(TypeError, match=rf"{name}.load_data\(\) received 'nb_words', the old spelling"):
        loader(nb_words=40, num_words=40)
    with pytest.raises(TypeError, match=r"no argument 'num_word'; did you mean 'num_words'\?"):
        loader(num_word=40)
    with pytest.raises(TypeError, match="no argument 'zzz'; it takes path, num_words"):
        loader(zzz=1)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("boston_housing", {"test_split": 1.0}, "test_split must be at least 0 and below 1"),
        ("california_housing", {"test_split": -0.1}, "received test_split=-0.1"),
        ("california_housing", {"version": "medium"}, "version must be 'small' or 'large'; received"),
        ("cifar100", {"label_mode": "middle"}, "label_mode must be 'fine' or 'coarse'; received"),
    ],
)
def test_wrong_value(keras3: ModuleType, name: str, arguments: dict[str, Any], message: str) -> None:
    """Refused as Keras refuses it, but before a file is looked for."""
    with pytest.raises(ValueError, match=message):
        getattr(datasets, name).load_data(**arguments)


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_maxlen_leaves_nothing(home: Path, oracle: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.arange(30) % 2
    arrays = {"x_train": lists(30, 0), "y_train": labels, "x_test": lists(30, 1), "y_test": labels}
    arrays |= {"x": arrays["x_train"], "y": labels}
    write_made(home, name, arrays, monkeypatch)
    with pytest.raises(ValueError, match="no text is shorter than maxlen=1"):
        getattr(datasets, name).load_data(maxlen=1)
    with pytest.raises(ValueError):
        getattr(oracle, name).load_data(maxlen=1)


def test_import_is_light() -> None:
    """No JAX, and no rich until something is downloaded."""
    import subprocess

    script = (
        "import sys; from kjax.data import datasets; datasets.cifar10, datasets.imdb; "
        "print([name for name in ('jax', 'flax', 'rich', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_data_set() -> None:
    with pytest.raises(AttributeError, match="its data sets are boston_housing, california_housing, cifar10"):
        datasets.mnits  # noqa: B018 # pyright: ignore[reportAttributeAccessIssue]


@contextlib.contextmanager
def real(
    monkeypatch: pytest.MonkeyPatch, keras3: ModuleType, name: str, file: str
) -> Iterator[tuple[ModuleType, ModuleType]]:
    """kjax' and real Keras' module of a data set, both on a real file, whatever its container's checksum."""
    path = REAL_HOME / "datasets" / file
    if not path.is_file():
        pytest.skip(f"KERAS_HOME named no folder with the real {file} when the tests were started")
    theirs = importlib.import_module(f"keras.src.datasets.{name}")
    monkeypatch.setattr(theirs, "get_file", lambda *args, **kwargs: str(path))
    npz_utils = importlib.import_module("keras.src.datasets.npz_utils")
    # Rebuilt containers may store bytes in the one way that real Keras has not on its list.
    allowed = npz_utils._ALLOWED_PICKLE_GLOBALS | {("_codecs", "encode")}
    monkeypatch.setattr(npz_utils, "_ALLOWED_PICKLE_GLOBALS", allowed)
    monkeypatch.setenv("KERAS_HOME", str(REAL_HOME))
    monkeypatch.setenv("KJAX_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DatasetWarning)  # the container's checksum may differ
        yield getattr(datasets, name), theirs


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("mnist", {}),
        ("boston_housing", {}),
        ("boston_housing", {"test_split": 0.5, "seed": 1}),
        ("reuters", {"num_words": 1000, "maxlen": 150}),
        ("reuters", {"skip_top": 20, "oov_char": None}),
        ("imdb", {"num_words": 5000, "skip_top": 10, "maxlen": 100}),
    ],
)
def test_real_files(keras3: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, arguments: dict[str, Any]) -> None:
    with real(monkeypatch, keras3, name, f"{name}.npz") as (ours, theirs):
        assert_same(ours.load_data(**arguments), theirs.load_data(**arguments))


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_real_word_index(keras3: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with real(monkeypatch, keras3, name, f"{name}_word_index.json") as (ours, theirs):
        assert ours.get_word_index() == theirs.get_word_index()


@pytest.mark.slow
def test_real_cifar10(tmp_path: Path, keras3: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder itself, or the one that a packed copy beside it unpacks to."""
    import subprocess

    folder = REAL_HOME / "datasets/cifar-10-batches-py"
    packed = REAL_HOME / "datasets/unpack_cifar10.py"
    if not folder.is_dir():
        if not packed.is_file():
            pytest.skip("KERAS_HOME named no folder with the real CIFAR-10 when the tests were started")
        folder = tmp_path / "datasets/cifar-10-batches-py"
        subprocess.run([sys.executable, str(packed), str(folder.parent)], check=True, capture_output=True)
    theirs = importlib.import_module("keras.src.datasets.cifar10")
    monkeypatch.setattr(theirs, "get_file", lambda *args, **kwargs: str(folder.parent))
    monkeypatch.setenv("KERAS_HOME", str(folder.parent.parent))
    monkeypatch.setenv("KJAX_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DatasetWarning)
        assert_same(datasets.cifar10.load_data(), theirs.load_data())


def test_cifar10_folder_of_keras_2(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare_official(monkeypatch, write_folder(home / "datasets/cifar-10-batches-py", cifar10_batches()))
    (x_train, y_train), (x_test, y_test) = datasets.cifar10.load_data()
    assert x_train.shape == (100, 32, 32, 3) and y_train.shape == (100, 1)
    assert x_test.shape == (20, 32, 32, 3) and y_test.shape == (20, 1)


def test_one_file_of_cifar(tmp_path: Path) -> None:
    files = cifar10_batches()
    (tmp_path / "data_batch_1").write_bytes(files["data_batch_1"])
    pictures, labels = datasets.cifar10.load_batch(tmp_path / "data_batch_1")
    assert pictures.shape == (20, 3, 32, 32) and pictures.dtype == np.uint8
    assert len(labels) == 20 and all(0 <= label < 10 for label in labels)
    with pytest.raises(CorruptFileError, match="holds no 'fine_labels'"):
        datasets.cifar100.load_batch(tmp_path / "data_batch_1", label_key="fine_labels")

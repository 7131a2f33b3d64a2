"""The table of all files of the data sets: names, addresses, checksums, structure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from kjax.data.datasets.checks import ArraySpec, check_array, check_arrays, check_batch, check_word_index
from kjax.data.datasets.files import DataFile
from kjax.data.datasets.folders import DataFolder
from kjax.data.datasets.npz import read_npz
from kjax.data.datasets.readers import read_batch, read_idx, read_json

_GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_TORONTO = "https://www.cs.toronto.edu/~kriz/"


def _npz(name: str, checksum: str, specs: Mapping[str, ArraySpec]) -> DataFile:
    return DataFile(name, _GOOGLE + name, checksum, read_npz, partial(check_arrays, specs=specs))


def _word_index(name: str, checksum: str) -> DataFile:
    return DataFile(name, _GOOGLE + name, checksum, read_json, check_word_index)


def _idx(name: str, checksum: str, spec: ArraySpec) -> DataFile:
    check = partial(check_array, name=name.partition(".")[0], spec=spec)
    return DataFile(f"fashion-mnist/{name}", _GOOGLE + name, checksum, read_idx, check)


def _digits(count: int) -> ArraySpec:
    return ArraySpec(count, (28, 28), "uint8")


def _ten_labels(count: int) -> ArraySpec:
    return ArraySpec(count, (), "uint8", 0, 9)


def _lists(count: int) -> ArraySpec:
    return ArraySpec(count, (), "lists", 0)


MNIST = _npz(
    "mnist.npz",
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    {
        "x_train": _digits(60000),
        "y_train": _ten_labels(60000),
        "x_test": _digits(10000),
        "y_test": _ten_labels(10000),
    },
)

# Keras lists no checksums for these; they are those of the publisher's files
# (https://github.com/zalandoresearch/fashion-mnist), which have the same names and sizes.
FASHION_MNIST = {
    "y_train": _idx(
        "train-labels-idx1-ubyte.gz",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        _ten_labels(60000),
    ),
    "x_train": _idx(
        "train-images-idx3-ubyte.gz",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        _digits(60000),
    ),
    "y_test": _idx(
        "t10k-labels-idx1-ubyte.gz",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        _ten_labels(10000),
    ),
    "x_test": _idx(
        "t10k-images-idx3-ubyte.gz",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        _digits(10000),
    ),
}

BOSTON_HOUSING = _npz(
    "boston_housing.npz",
    "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    {"x": ArraySpec(506, (13,), "float"), "y": ArraySpec(506, (), "float", 0)},
)

CALIFORNIA_HOUSING = _npz(
    "california_housing.npz",
    "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    {"x": ArraySpec(20640, (8,), "float"), "y": ArraySpec(20640, (), "float", 0)},
)

IMDB = _npz(
    "imdb.npz",
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    {
        "x_train": _lists(25000),
        "y_train": ArraySpec(25000, (), "integer", 0, 1),
        "x_test": _lists(25000),
        "y_test": ArraySpec(25000, (), "integer", 0, 1),
    },
)
IMDB_WORD_INDEX = _word_index("imdb_word_index.json", "bfafd718b763782e994055a2d397834f")

REUTERS = _npz(
    "reuters.npz",
    "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    {"x": _lists(11228), "y": ArraySpec(11228, (), "integer", 0, 45)},
)
REUTERS_WORD_INDEX = _word_index("reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921")

CIFAR10 = DataFolder(
    name="cifar-10-batches-py",
    unpacked="cifar-10-batches-py-target",
    archives=("cifar-10-batches-py-target_archive", "cifar-10-batches-py.tar.gz", "cifar-10-python.tar.gz"),
    url=_TORONTO + "cifar-10-python.tar.gz",
    checksum="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    files=(
        ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
        ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
        ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
        ("data_batch_4", "634d18415352ddfa80567beed471001a"),
        ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
        ("test_batch", "40351d587109b95175f43aff81a1287e"),
    ),
    read=read_batch,
    check=partial(check_batch, count=10000, classes={"labels": 10}),
)

CIFAR100 = DataFolder(
    name="cifar-100-python",
    unpacked="cifar-100-python-target",
    archives=("cifar-100-python-target_archive", "cifar-100-python.tar.gz"),
    url=_TORONTO + "cifar-100-python.tar.gz",
    checksum="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    files=(
        ("train", "16019d7e3df5f24257cddd939b257f8d"),
        ("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),
    ),
    read=read_batch,
    check=partial(
        check_batch, count={"train": 50000, "test": 10000}, classes={"fine_labels": 100, "coarse_labels": 20}
    ),
)

"""The restricted unpickler: all forms in which data sets are pickled, and nothing else."""

from __future__ import annotations

import functools
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax.data.datasets import unpickle
from kjax.data.datasets.npz import read_npz
from kjax.data.datasets.unpickle import restricted_load
from kjax.data.errors import CorruptFileError
from tests.data.dataset_files import python2_batch

ARRAYS = [
    np.arange(12, dtype=np.uint8).reshape(3, 4),
    np.asfortranarray(np.arange(12, dtype=np.int64).reshape(3, 4)),
    np.array([1.5, -2.0], dtype=">f4"),
    np.array([True, False]),
    np.array(7, dtype=np.int16),
    np.zeros((0, 3), dtype=np.float64),
]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.str}{array.shape}")
def test_arrays(array: np.ndarray, protocol: int) -> None:
    value = {"data": array, "labels": [1, 2], "name": b"x", "n": None}
    found = restricted_load(pickle.dumps(value, protocol))
    assert found["labels"] == [1, 2] and found["name"] == b"x" and found["n"] is None
    assert found["data"].dtype == array.dtype
    assert found["data"].shape == array.shape
    np.testing.assert_array_equal(found["data"], array)


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_lists(protocol: int) -> None:
    rows = np.empty((2, 2), dtype=object)
    rows[0, 0], rows[0, 1], rows[1, 0], rows[1, 1] = [1, 2], [], [3], np.arange(3)
    found = restricted_load(pickle.dumps(rows, protocol))
    assert found.shape == (2, 2) and found.dtype == object
    assert found[0, 0] == [1, 2] and found[0, 1] == [] and found[1, 0] == [3]
    np.testing.assert_array_equal(found[1, 1], np.arange(3))


@pytest.mark.parametrize("encoding", ["bytes", "latin1"])
def test_pickle_of_python_2(encoding: str) -> None:
    pictures = np.arange(2 * 3072, dtype=np.uint8).reshape(2, 3072)
    data = python2_batch(pictures, {"labels": [3, 4]})
    assert pickle.loads(data, encoding="bytes")[b"labels"] == [3, 4]  # a true pickle
    found = restricted_load(data, encoding)
    key = (lambda name: name.encode()) if encoding == "bytes" else str
    assert found[key("labels")] == [3, 4]
    np.testing.assert_array_equal(found[key("data")], pictures)


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (os.system, ("exit 1",)),
        (eval, ("1",)),
        (exec, ("",)),
        (getattr, ("", "join")),
        (__import__, ("os",)),
        (open, ("/dev/null",)),
        (functools.partial, (print,)),
        (np.load, ("file",)),
        (np.memmap, ("file",)),
        (type, ("A", (), {})),
        (bytearray, (10,)),
        (complex, (1.0, 2.0)),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_calls(function: Any, args: tuple[Any, ...], protocol: int) -> None:
    data = pickle.dumps({"data": Calls(function, *args)}, protocol)
    with pytest.raises(pickle.UnpicklingError, match=r"the file asks for [\w.]+, which no data set needs"):
        restricted_load(data)


DTYPE = b"cnumpy\ndtype\n"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
ARRAY = RECONSTRUCT + b"(cnumpy\nndarray\n(I0\ntS'b'\ntR"
U1 = DTYPE + b"(S'u1'\nI0\nI1\ntR"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"cnumpy\nndarray\n(I99999999999\ntR.", "calls numpy.ndarray"),
        (DTYPE + b"(dS'x'\nI1\nsb.", "tries to change a function"),
        (DTYPE + b"(N}S'__call__'\nI1\nstb.", "tries to change a function"),
        (ARRAY + b"(I1\n(I-1\nt" + U1 + b"I00\nS'a'\ntb.", r"array of shape \(-1,\)"),
        (ARRAY + b"(I1\n(I99999999999\nt" + U1 + b"I00\nS'a'\ntb.", "1 bytes for an array of shape"),
        (ARRAY + b"(I1\n(I1\nt" + DTYPE + b"(S'V8'\nI0\nI1\ntRI00\nS'a'\ntb.", "array of type 'V8'"),
        (ARRAY + b"(I1\n(I1\nt" + DTYPE + b"(S'O8'\nI0\nI1\ntRI00\nS'a'\ntb.", "objects of the wrong length"),
        (
            ARRAY + b"(I1\n(I2\nt" + DTYPE + b"(S'O8'\nI0\nI1\ntRI00\n(lI1\natb.",
            "objects of the wrong length",
        ),
        (ARRAY + b"(I1\n(I1\ntI5\nI00\nS'a'\ntb.", "array of unknown form"),
        (ARRAY + b"I5\nb.", "array of unknown form"),
        (U1 + b"(I3\nS'|'\n(lNNI-1\nI-1\nI0\ntb.", "array of structured values"),
        (b"c_codecs\nencode\n(Vx\nVrot13\ntR.", "bytes in an unknown form"),
        (b"c__builtin__\nbytes\n(I99999999999\ntR.", "bytes in an unknown form"),
        (b"(lp0\n", "not a valid pickle"),
        (b"", "not a valid pickle"),
        (b"\x80\x05garbage", "pickle"),
        (b"I1\nQ.", "persistent"),
    ],
)
def test_crafted(data: bytes, message: str) -> None:
    with pytest.raises(pickle.UnpicklingError, match=message):
        restricted_load(data)


def test_crafted_pickle_changes_nothing_for_the_next(tmp_path: Path) -> None:
    with pytest.raises(pickle.UnpicklingError):
        restricted_load(DTYPE + b"(N}S'_function'\nI1\nstb.")
    np.testing.assert_array_equal(restricted_load(pickle.dumps(ARRAYS[0])), ARRAYS[0])
    assert not hasattr(unpickle._DType, "_function")


def test_npz_forms(tmp_path: Path) -> None:
    """What `numpy.savez` writes is read as `numpy.load` reads it, and arrays may be written to."""
    rows = np.empty(3, dtype=object)
    rows[:] = [[1], [2, 3], []]
    arrays = {"a": ARRAYS[0], "b": ARRAYS[1], "c": ARRAYS[2], "d": ARRAYS[4], "rows": rows}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "file.npz", allow_pickle=True, **arrays)
        found = read_npz(tmp_path / "file.npz")
        assert list(found) == list(arrays)
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype and found[name].shape == array.shape
            assert found[name].tolist() == array.tolist()
            found[name][...] = found[name]


def test_npz_with_a_false_header(tmp_path: Path) -> None:
    import zipfile

    np.savez(tmp_path / "file.npz", a=np.arange(10))
    with zipfile.ZipFile(tmp_path / "file.npz") as zipped:
        member = zipped.read("a.npy")
    for false, message in (
        (member.replace(b"(10,)", b"(99,)"), "80 bytes for an array of 792"),
        (member.replace(b"(10,)", b"(2,) "), "bytes for an array of 16"),
        (member.replace(b"'<i8'", b"'|O' "), "invalid load key"),
        (b"no array", "magic"),
    ):
        with zipfile.ZipFile(tmp_path / "file.npz", "w") as zipped:
            zipped.writestr("a.npy", false)
        with pytest.raises(CorruptFileError, match=message):
            read_npz(tmp_path / "file.npz")

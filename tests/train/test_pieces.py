"""Arrays of Orbax in pieces: the same numbers as Orbax reads, and nothing where the bytes lie otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import orbax.checkpoint as ocp
import pytest

from kjax.train import pieces
from kjax.train.pieces import Pieces

ARRAYS: dict[str, np.ndarray] = {
    "large": np.arange(2000 * 300, dtype="float32").reshape(2000, 300),
    "half": np.linspace(-2, 2, 35).reshape(5, 7).astype(ml_dtypes.bfloat16),
    "flags": np.array([True, False, True]),
    "one": np.asarray(7, "int32"),
    "dots.and[' marks']": np.arange(24, dtype="int16").reshape(2, 3, 4),
}


def write(folder: Path, zarr3: bool, **options: Any) -> Path:
    """A checkpoint of these arrays."""
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler(use_zarr3=zarr3, **options)) as checkpointer:
        checkpointer.save(folder, ocp.args.PyTreeSave({"net": {k: jnp.asarray(v) for k, v in ARRAYS.items()}}))
    return folder


@pytest.mark.parametrize("zarr3", [False, True])
def test_bytes_that_lie_as_they_are(zarr3: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 1 << 17)  # of which the large array takes several
    reader = Pieces(write(tmp_path / "a", zarr3, use_compression=False))
    for name, array in ARRAYS.items():
        key = reader.find(["net", name], array.shape, array.dtype)
        assert key is not None
        read = reader.read(key, array.shape, array.dtype)
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)
        into = np.zeros_like(array)
        assert reader.read(key, array.shape, array.dtype, into) is into
        np.testing.assert_array_equal(into, array)
        assert reader.find(["net", name], (*array.shape, 1), array.dtype) is None
        assert reader.find(["net", name], array.shape, np.dtype("float64")) is None
    assert reader.find(["net", "other"], (3,), np.dtype("float32")) is None


@pytest.mark.parametrize("zarr3", [False, True])
def test_what_lies_otherwise_is_left_to_orbax(zarr3: bool, tmp_path: Path) -> None:
    large = ARRAYS["large"]
    for name, options in {"packed": {}, "files": {"use_ocdbt": False, "use_compression": False}}.items():
        if zarr3 and name == "files":
            continue
        reader = Pieces(write(tmp_path / name, zarr3, **options))
        assert reader.find(["net", "large"], large.shape, large.dtype) is None
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler(use_zarr3=zarr3, use_compression=False)) as checkpointer:
        args = {"large": ocp.SaveArgs(chunk_byte_size=1 << 16)}
        checkpointer.save(tmp_path / "chunks", ocp.args.PyTreeSave({"large": jnp.asarray(large)}, args))
    assert Pieces(tmp_path / "chunks").find(["large"], large.shape, large.dtype) is None


def test_bytes_that_are_missing(tmp_path: Path) -> None:
    folder, large = write(tmp_path / "a", True, use_compression=False), ARRAYS["large"]
    data = max((path for path in folder.rglob("d/*") if path.is_file()), key=lambda path: path.stat().st_size)
    data.write_bytes(data.read_bytes()[: large.nbytes // 2])
    with pytest.raises(ValueError, match="it is damaged"):
        Pieces(folder).find(["net", "large"], large.shape, large.dtype)

"""Damaged indexes of checkpoints are refused by name, and nothing is changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kjax import keras
from kjax.keras.saving import tensorflow_names
from kjax.keras.saving.errors import FileFormatError


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (b"\xff\xfe no text", "no index of a checkpoint"),
        (b'{"format": "keras"}', "lists no variables"),
        (b"[]", "lists no variables"),
    ],
)
def test_other_checkpoints_are_refused(tmp_path: Path, index: bytes, message: str):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    prefix = str(tmp_path / "cp.ckpt")
    tensorflow_names.save_weights(model, prefix)
    assert [shape for _, shape in tensorflow_names.list_variables(prefix)] == [[2, 3], [3]]
    before = model.get_weights()
    Path(f"{prefix}.index").write_bytes(index)
    with pytest.raises(FileFormatError, match=rf"cp\.ckpt\.index.*{message}"):
        tensorflow_names.list_variables(prefix)
    with pytest.raises(FileFormatError, match=rf"cp\.ckpt\.index.*{message}"):
        tensorflow_names.load_weights(model, prefix)
    for array, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, kept)

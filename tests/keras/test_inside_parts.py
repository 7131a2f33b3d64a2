"""Parts of Keras' modules of losses, metrics, backends and files, by their paths below ``keras.src``."""

from __future__ import annotations

import importlib
import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras


@pytest.fixture
def part():
    keras.install(3)
    yield lambda path: importlib.import_module(f"keras.src.{path}")
    keras.uninstall()


def test_weights_and_masks_of_losses(part: Any):
    loss = part("losses.loss")
    values = np.array([1.0, 2.0, 3.0], "float32")
    weighted = loss.reduce_weighted_values(values, np.array([1.0, 0.0, 2.0]), np.array([True, True, False]), "sum")
    assert float(weighted) == 1.0
    assert float(loss.reduce_values(values, np.array([1.0, 1.0, 2.0]), "mean_with_sample_weight")) == 1.5
    np.testing.assert_allclose(loss.apply_mask(None, np.array([True, False]), "float32", "mean"), [2.0, 0.0])
    left, right = loss.squeeze_or_expand_to_same_rank(np.ones((3, 1)), np.ones(3), expand_rank_1=False)
    assert left.shape == right.shape == (3,)
    left, right = loss.squeeze_or_expand_to_same_rank(keras.KerasTensor((None, 4)), keras.KerasTensor((None, 4, 1)))
    assert left.shape == right.shape == (None, 4)
    with pytest.raises(ValueError, match=r"reduction.*'max'"):
        loss.standardize_reduction("max")
    np.testing.assert_array_equal(part("losses.losses").convert_binary_labels_to_hinge([0.0, 1.0]), [-1.0, 1.0])


def test_thresholds_and_decisions_of_metrics(part: Any):
    parts = part("metrics.metrics_utils")
    assert parts.parse_init_thresholds(None) == [0.5] and parts.parse_init_thresholds(0.2) == [0.2]
    with pytest.raises(ValueError, match=r"\[0, 1\].*1.5"):
        parts.assert_thresholds_range([0.5, 1.5])
    assert parts.AUCCurve.from_str("pr") is parts.AUCCurve.PR
    assert parts.is_evenly_distributed_thresholds([0.0, 0.5, 1.0]) and not parts.is_evenly_distributed_thresholds(
        [0, 1]
    )
    matrix = parts.confusion_matrix([1, 2, 1], [1, 0, 2], 3, weights=[1, 2, 3])
    np.testing.assert_array_equal(matrix, [[0, 0, 0], [0, 1, 3], [2, 0, 0]])
    counts = {kind: keras.Variable(np.zeros(2, "float32")) for kind in parts.ConfusionMatrix}
    parts.update_confusion_matrix_variables(counts, np.array([1.0, 0.0, 1.0]), np.array([0.6, 0.7, 0.2]), [0.1, 0.5])
    assert [v.numpy().tolist() for v in counts.values()] == [[2, 1], [1, 1], [0, 0], [0, 1]]


def test_shapes_of_transposed_convolutions(part: Any):
    parts = part("backend.common.backend_utils")
    for padding, extra in (("same", None), ("valid", None), ("valid", 1)):
        shape = parts.compute_conv_transpose_output_shape((2, 5, None, 3), (3, 2), 4, 2, padding, extra)
        x = np.ones((2, 5, 5, 3), "float32")
        found = keras.ops.conv_transpose(x, np.ones((3, 2, 4, 3), "float32"), 2, padding, extra)
        assert shape == [2, found.shape[1], None, 4]
    with pytest.raises(ValueError, match="3 channels, the kernel has 2"):
        parts.check_conv_input_channels(np.ones((1, 4, 4, 3)), np.ones((2, 2, 2, 5)), "channels_last")
    assert parts.slice_along_axis(np.arange(6).reshape(2, 3), stop=2, axis=-1).shape == (2, 2)
    assert part("backend.jax.core").while_loop is keras.ops.while_loop


def test_archives_do_not_leave_their_folder(part: Any, tmp_path: Path):
    files = part("utils.file_utils")
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("good.txt", "../bad.txt"):
            info = tarfile.TarInfo(name)
            info.size = 2
            tar.addfile(info, io.BytesIO(b"ab"))
    with pytest.warns(UserWarning, match="bad.txt"):
        assert files.extract_archive(str(archive), str(tmp_path / "out"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["good.txt"] and not (tmp_path / "bad.txt").exists()
    assert files.hash_file(str(tmp_path / "out" / "good.txt"), "md5") == "187ef4436122d1cc2f40dc2b92f0eba0"
    assert files.resolve_sub_path(files.resolve_path(str(tmp_path)), "../x") is None
    assert files.is_remote_path("gs://bucket/x") and not files.is_remote_path("/home/x")
    (tmp_path / "code.py").write_text('"""Text\nover lines."""\n\n# comment\nx = 1\nif x:\n    x = 2\n')
    assert part("utils.code_stats").count_loc(str(tmp_path)) == 3


def test_configs_of_operations_have_all_arguments(part: Any):
    numpy, nn = part("ops.numpy"), part("ops.nn")
    operation = numpy.Mean(axis=1, name="average")
    assert operation.get_config() == {"name": "average", "axis": 1, "keepdims": False}
    again = numpy.Mean.from_config(operation.get_config())
    assert again.symbolic_call(keras.KerasTensor((None, 3))).shape == (None,) and again.axis == 1
    assert numpy.ZerosLike().dtype is None and numpy.ZerosLike("int32").dtype == "int32"
    assert nn.LayerNorm().get_config()["rms_scaling"] is False
    with pytest.raises(TypeError, match=r"Reshape.*newshape"):
        numpy.Reshape()

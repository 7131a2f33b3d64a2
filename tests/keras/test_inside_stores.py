"""Stores of files, scales and zero points, random initializers and readers ahead, as modules of Keras have them inside."""

from __future__ import annotations

import io
import pathlib
import zipfile

import h5py
import numpy as np
import pytest

from kjax import keras
from kjax.keras.inside import grouping, stores
from kjax.keras.inside.enqueuing import PyDatasetEnqueuer
from kjax.keras.inside.initializing import RandomInitializer


def test_stores_of_files(tmp_path):
    weights = np.arange(6, dtype="float32").reshape(2, 3)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        store = stores.H5IOStore("m.h5", archive, mode="w")
        entry = store.make("a/b", metadata={"note": 1})
        entry["0"] = weights
        entry["half"] = np.asarray(keras.ops.cast(weights, "bfloat16"))
        store.close()
        assets = stores.DiskIOStore("assets", archive, mode="w")
        (pathlib.Path(assets.make("x/y")) / "f.txt").write_text("hi")
        with pytest.raises(ValueError, match="escapes"):
            assets.make("../../x")
        assets.close()
    with zipfile.ZipFile(buffer) as archive:
        store = stores.H5IOStore("m.h5", archive)
        entry = store.get("a/b")
        assert sorted(entry) == ["0", "half"] and str(entry["half"].dtype) == "bfloat16"
        np.testing.assert_array_equal(entry["0"], weights)
        assert len(store.get("none")) == 0 and store.has_path("a/b") and bool(store)
        with pytest.raises(ValueError, match="only allowed in write mode"):
            store.make("c")
        store.close()
        assets = stores.DiskIOStore("assets", archive, mode="r")
        assert (pathlib.Path(assets.get("x/y")) / "f.txt").read_text() == "hi" and assets.get("q") is None
        assets.close()
    table = stores.NpzIOStore(tmp_path / "m.npz", mode="w")
    table.make("a")["k"] = weights
    table.close()
    table = stores.NpzIOStore(tmp_path / "m.npz")
    np.testing.assert_array_equal(table.get("a")["k"], weights)
    table.close()
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["away"] = h5py.ExternalLink("other.h5", "/x")
        with pytest.raises(ValueError, match="ExternalLink"):
            stores.safe_get_h5_group(file, "away")
        with pytest.raises(KeyError):
            stores.safe_get_h5_dataset(file, "none")


def test_scales_and_zero_points():
    weights = np.array([[-1.0, 0.0, 2.0, 1.0], [0.5, 0.5, 0.5, 0.5]], "float32")
    scale, zero, most = grouping.compute_quantization_parameters(weights, bits=4, per_channel=True)
    np.testing.assert_allclose(scale, [[3 / 15], [2 / 15]], rtol=1e-6)
    np.testing.assert_array_equal(zero, [[5], [4]])
    integers = grouping.quantize_with_zero_point(weights, scale, zero, most)
    np.testing.assert_array_equal(integers[0], [0, 5, 15, 10])
    np.testing.assert_allclose(grouping.dequantize_with_zero_point(integers, scale, zero)[0], weights[0], atol=1e-6)
    weights = np.array([[-1.0, 0.5, 2.0, -1.0], [0.25, -0.5, 0.5, -0.25]], "float32")
    scale, zero, most = grouping.compute_quantization_parameters(weights, bits=4, per_channel=True, group_size=2)
    assert scale.shape == (2, 2)
    groups = np.array([0, 0, 1, 1])
    integers = grouping.quantize_with_sz_map(weights, scale, zero, groups, most)
    back = grouping.dequantize_with_sz_map(integers, scale, zero, groups)
    np.testing.assert_allclose(back, weights, atol=float(scale.max()) / 2)
    with pytest.raises(ValueError, match="rank of at least 2"):
        grouping.compute_quantization_parameters(weights[0], bits=4)


def test_random_initializers_have_a_base():
    class Fives(RandomInitializer):
        """An initializer that does not draw after all."""

        def __call__(self, shape, dtype=None):
            return np.full(shape, 5.0, dtype)

    assert isinstance(keras.initializers.GlorotNormal(), RandomInitializer)
    assert not isinstance(keras.initializers.Zeros(), RandomInitializer)
    fives = Fives(seed=3)
    assert fives.get_config() == {"seed": 3} and Fives.from_config(fives.get_config()).seed == 3
    dense = keras.layers.Dense(2, kernel_initializer=fives)
    dense.build((None, 3))
    assert float(dense.kernel.numpy().mean()) == 5.0
    with pytest.raises(ValueError, match="SeedGenerator"):
        Fives(seed="a")


def test_batches_of_a_py_dataset_are_read_ahead():
    class Numbers(keras.utils.PyDataset):
        """Three batches."""

        def __len__(self):
            return 3

        def __getitem__(self, index):
            return np.full(2, index)

    reader = PyDatasetEnqueuer(Numbers(), workers=2)
    reader.start()
    batches = reader.get()
    assert [int(next(batches)[0]) for _ in range(4)] == [0, 1, 2, 0]
    reader.stop()


def test_users_derive_from_the_bases_of_families():
    from kjax.keras.inside import families
    from kjax.keras.inside.features import DropoutRNNCell

    image = np.ones((1, 6, 6, 4), "float32")

    class Doubled(families.BaseConv):
        """A convolution of any rank, times two."""

        def __init__(self, filters, kernel_size, **kwargs):
            super().__init__(rank=2, filters=filters, kernel_size=kernel_size, **kwargs)
            self.note = 1

        def call(self, inputs):
            return super().call(inputs) * 2

        def get_config(self):
            return {"filters": self.filters, "kernel_size": self.kernel_size, "kernel_initializer": "ones"}

    layer = Doubled(2, 3, kernel_initializer="ones", use_bias=False)
    np.testing.assert_array_equal(layer(image)[0, 0, 0], [72, 72])
    assert isinstance(layer, families.BaseConv) and issubclass(Doubled, families.BaseConv)
    assert (type(layer).__name__, layer.name.startswith("doubled"), layer.rank, layer.note) == ("Doubled", True, 2, 1)
    again = type(layer).from_config(layer.get_config())
    assert type(again) is type(layer) and again(image).shape == (1, 4, 4, 2)
    model = keras.Sequential([keras.Input((6, 6, 4)), layer])
    clone = keras.models.clone_model(model)
    assert isinstance(clone.layers[0], Doubled) and clone(image).shape == (1, 4, 4, 2)

    class Largest(families.BasePooling):
        """Pooling in windows of two."""

        def __init__(self):
            super().__init__((2, 2), (2, 2), pool_dimensions=2, pool_mode="max")

    assert Largest()(image).shape == (1, 3, 3, 4)
    with pytest.raises(ValueError, match="no layer of `rank` 9"):
        families.BaseConv(rank=9, filters=2, kernel_size=3)
    assert isinstance(keras.layers.Add(), families.Merge) and not isinstance(keras.layers.Dense(1), families.Merge)
    assert isinstance(keras.layers.LSTMCell(2), DropoutRNNCell)

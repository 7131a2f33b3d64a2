"""Data sets of tensorflow-datasets: built here by a real builder, loaded and trained on without TensorFlow."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from kjax import keras
from kjax.data import DatasetError, Examples, source, tfds

COUNT, SIDE = 50, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the prepared data set ``blobs``: 50 pictures for training, 10 for tests."""
    import tensorflow_datasets
    from PIL import Image

    core, features = tensorflow_datasets.core, tensorflow_datasets.features

    class Blobs(core.GeneratorBasedBuilder):
        """Pictures of one grey, which is the number of the example."""

        VERSION = core.Version("1.0.0")

        def _info(self):
            return core.DatasetInfo(
                builder=self,
                features=features.FeaturesDict(
                    {"image": features.Image(shape=(SIDE, SIDE, 3)), "label": features.ClassLabel(num_classes=3)}
                ),
                supervised_keys=("image", "label"),
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(0, COUNT), "test": self._generate_examples(COUNT, COUNT + 10)}

        def _generate_examples(self, low, high):
            for i in range(low, high):
                yield i, {"image": Image.fromarray(np.full((SIDE, SIDE, 3), i, np.uint8)), "label": i % 3}

    path = tmp_path_factory.mktemp("tfds")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the builder's own progress bars and files
        Blobs(data_dir=path, file_format="array_record").download_and_prepare()
    yield path
    assert "tensorflow" not in sys.modules


def greys(data):
    return np.concatenate([x[:, 0, 0, 0] for x, _ in data])


def test_batches(folder):
    data = tfds.load("blobs", "train", data_dir=folder, batch_size=16, download=False)
    found = list(data)
    assert [len(x) for x, _ in found] == [16, 16, 16, 2] and len(data) == 4
    x, y = found[0]
    assert x.shape == (16, SIDE, SIDE, 3) and x.dtype == np.uint8 and y.dtype == np.int64
    np.testing.assert_array_equal(y, x[:, 0, 0, 0] % 3)
    assert sorted(greys(data)) == list(range(COUNT))
    assert len(tfds.load("blobs", "train[:20%]", data_dir=folder, download=False)) == 1
    train, test = tfds.load(
        "blobs", ["train", "test"], data_dir=folder, download=False, drop_remainder=True, batch_size=8
    )
    assert (len(train), len(test)) == (6, 1)
    features = next(iter(tfds.load("blobs", "test", data_dir=folder, download=False, as_supervised=False)))
    assert sorted(features) == ["image", "label"]
    assert sorted(tfds.load("blobs", None, data_dir=folder, download=False)) == ["test", "train"]


def test_trained_on_like_arrays(folder):
    def scaled(example):
        x, y = example
        return x.astype("float32") / 255, y

    data = tfds.load("blobs", "train", data_dir=folder, batch_size=16, download=False, transform=scaled)
    x, y = (np.concatenate(parts) for parts in zip(*data, strict=True))
    ends = []
    for arguments in ({"x": data}, {"x": x, "y": y, "batch_size": 16, "shuffle": False}):
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(**arguments, epochs=2, verbose=0)
        ends.append(model.get_weights()[0])
    np.testing.assert_array_equal(*ends)
    assert model.predict(data, verbose=0).shape == (COUNT, 3)
    assert np.isfinite(model.evaluate(data, verbose=0))


def test_orders_are_derived(folder):
    def passes(**options):
        data = tfds.load("blobs", "train", data_dir=folder, download=False, batch_size=16, shuffle=True, **options)
        return [greys([batch for batch, _ in data.open(7, number, 0, None)]).tolist() for number in (0, 1)]

    first, second = passes(workers=1)
    assert first != second and sorted(first) == sorted(second) == list(range(COUNT))
    assert passes(workers=3) == [first, second] == passes(workers=2, use_multiprocessing=True)
    assert passes(seed=1) != [first, second]


def test_shards_share_the_examples():
    whole = [(np.full(2, i), i) for i in range(23)]
    for shuffle in (False, True):
        shards = [Examples(whole, 4, shuffle=shuffle, shard=(i, 3)) for i in range(3)]
        parts = [np.concatenate([y for _, y in shard]) for shard in shards]
        assert [len(part) for part in parts] == [7, 7, 7]
        assert len(set(np.concatenate(parts).tolist())) == 21
    with pytest.raises(ValueError, match="0 <= index < count"):
        Examples(whole, shard=(3, 3))


def test_a_pass_goes_on_at_any_batch():
    whole = [(np.full(2, i), i) for i in range(23)]
    data = Examples(whole, 4, shuffle=True)
    complete = [y.tolist() for (_, y), _ in data.open(3, 5, 0, None)]
    assert [y.tolist() for (_, y), _ in data.open(3, 5, 2, None)] == complete[2:]
    assert source(data).steps == 6


def test_errors(folder, monkeypatch):
    with pytest.raises(DatasetError, match=r"'nonsense', split 'train', cannot be loaded .* switched off"):
        tfds.load("nonsense", data_dir=folder, download=False)
    with pytest.raises(DatasetError, match="Unknown split"):
        tfds.load("blobs", "valid", data_dir=folder, download=False)
    monkeypatch.setenv("KJAX_OFFLINE", "1")
    with pytest.raises(DatasetError, match="prepared beforehand"):
        tfds.load("mnist", data_dir=folder)
    with pytest.raises(ValueError, match="different shapes cannot be put together"):
        next(iter(Examples([np.zeros(3), np.zeros(4)], 2)))
    with pytest.raises(ValueError, match="no batch of 8"):
        Examples([1, 2], 8, drop_remainder=True)

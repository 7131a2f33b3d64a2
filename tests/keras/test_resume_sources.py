"""``BackupAndRestore`` with every kind of source: exact where the source can be set to a place, said where it cannot."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from kjax import keras
from kjax.data import PyDataset

RNG = np.random.default_rng(0)
X = RNG.standard_normal((112, 6)).astype("float32")
Y = RNG.integers(0, 3, 112)
SIZE = 16
COUNT = 7


class Numbers(PyDataset):
    """Shuffles itself after each epoch, besides the shuffling of ``fit``."""

    def __init__(self):
        super().__init__(workers=2)
        self.rng = np.random.default_rng(0)
        self.order = np.arange(len(X))

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        rows = self.order[index * SIZE : (index + 1) * SIZE]
        return X[rows], Y[rows]

    def on_epoch_end(self):
        self.rng.shuffle(self.order)


class Iterable:
    """The same batches in each iteration."""

    def __iter__(self):
        return ((X[i * SIZE : (i + 1) * SIZE], Y[i * SIZE : (i + 1) * SIZE]) for i in range(COUNT))


def grain_data():
    grain = pytest.importorskip("grain")
    data = grain.MapDataset.range(len(X)).shuffle(seed=3).map(lambda i: (X[i], Y[i])).repeat().batch(SIZE)
    return data.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=2))


class Killed(Exception):
    """Stands for the end of the process."""


class Killer(keras.callbacks.Callback):
    def __init__(self, at):
        super().__init__()
        self.left = at

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise Killed


def train(data, callbacks, steps):
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(5), keras.layers.Dropout(0.3), keras.layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(data, epochs=4, steps_per_epoch=steps, verbose=0, callbacks=callbacks).history
    return model.get_weights(), history


SOURCES = {
    "numbers": (Numbers, None),
    "numbers in short epochs": (Numbers, 4),
    "iterable": (Iterable, None),
    "grain": (grain_data, 5),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_resumed_run_ends_where_the_whole_one_does(name, tmp_path):
    make, steps = SOURCES[name]
    short = ("ignore:Your input ran out of data", "ignore:the Iterable is iterated anew")
    with warnings.catch_warnings():
        for rule in short:
            warnings.filterwarnings("ignore", message=rule.split(":")[1])
        whole = train(make(), [], steps)
        for at in (9, 5):  # killed in mid-epoch, and again when it was resumed
            with pytest.raises(Killed):
                train(make(), [keras.callbacks.BackupAndRestore(tmp_path, save_freq=2), Killer(at)], steps)
        resumed = train(make(), [keras.callbacks.BackupAndRestore(tmp_path, save_freq=2)], steps)
    assert resumed[1] == whole[1]
    for a, b in zip(resumed[0], whole[0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_generator_says_that_it_cannot(tmp_path):
    def endless():
        while True:
            yield from Iterable()

    with pytest.raises(Killed):
        train(endless(), [keras.callbacks.BackupAndRestore(tmp_path, save_freq=2), Killer(9)], 5)
    with pytest.warns(UserWarning, match="a generator cannot be set to a position"):
        _, history = train(endless(), [keras.callbacks.BackupAndRestore(tmp_path, save_freq=2)], 5)
    assert len(history["loss"]) == 4


def test_an_iterable_says_what_it_does(tmp_path):
    with pytest.raises(Killed):
        train(Iterable(), [keras.callbacks.BackupAndRestore(tmp_path, save_freq=2), Killer(10)], None)
    with pytest.warns(UserWarning, match="the Iterable is iterated anew and its first 2 batches are left out"):
        train(Iterable(), [keras.callbacks.BackupAndRestore(tmp_path, save_freq=2)], None)

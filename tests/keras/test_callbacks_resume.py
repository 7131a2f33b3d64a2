"""A training that is interrupted and goes on: everything ends as if nothing had happened."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kjax import keras

X = np.random.default_rng(0).standard_normal((40, 4)).astype("float32")
Y = X.sum(1, keepdims=True) ** 2


class Interrupted(Exception):
    """Stands for a killed process."""


class Interrupt(keras.callbacks.Callback):
    """Interrupts at the end of an epoch or after a batch."""

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.at, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.at == (self.epoch, batch):
            raise Interrupted

    def on_epoch_end(self, epoch, logs=None):
        if self.at == (epoch, None):
            raise Interrupted


def run(folder, stop=None, epochs=8, save_freq="epoch"):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.3, use_ema=True, ema_momentum=0.5), "mse")
    callbacks = [
        keras.callbacks.BackupAndRestore(folder / "backup", save_freq=save_freq),
        keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=2.0, factor=0.5),
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        early := keras.callbacks.EarlyStopping(monitor="loss", patience=2, min_delta=0.5, restore_best_weights=True),
        best := keras.callbacks.ModelCheckpoint(
            folder / "{epoch}.weights.h5", save_weights_only=True, save_best_only=True, monitor="loss"
        ),
        keras.callbacks.ModelCheckpoint(folder / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=6),
        Interrupt(*stop) if stop else Interrupt(-1),
    ]
    try:
        history = model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks)
    except Interrupted:
        return None
    files = sorted(path.name for path in folder.glob("*.h5"))
    return (
        model.get_weights(),
        history.history,
        history.epoch,
        (early.wait, early.best, early.best_epoch),
        best.best,
        files,
    )


@pytest.mark.parametrize(("stop", "save_freq"), [((2, None), "epoch"), ((3, 2), "epoch"), ((3, 3), 2)])
def test_other_callbacks_go_on_too(tmp_path, stop, save_freq):
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = run(tmp_path / "whole")
    assert run(tmp_path / "cut", stop, save_freq=save_freq) is None
    cut = run(tmp_path / "cut", save_freq=save_freq)
    for a, b in zip(whole[0], cut[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert whole[1:] == cut[1:]


def test_other_callbacks_than_before_are_mentioned(tmp_path):
    assert run(tmp_path, (1, None)) is None
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.3, use_ema=True, ema_momentum=0.5), "mse")
    with pytest.warns(UserWarning, match="other callbacks"):
        model.fit(
            X, Y, batch_size=8, epochs=3, verbose=0, callbacks=keras.callbacks.BackupAndRestore(tmp_path / "backup")
        )


def test_attributes_of_a_users_callback_last(tmp_path):
    class Count(keras.callbacks.Callback):
        lasting = ("count", "sums")

        def __init__(self):
            super().__init__()
            self.count, self.sums = 0, [np.zeros(2)]

        def on_epoch_end(self, epoch, logs=None):
            self.count += 1
            self.sums.append(self.sums[-1] + epoch)

    def fit(*more):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        counter = Count()
        model.fit(X, Y, epochs=4, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(tmp_path), counter, *more])
        return counter

    with pytest.raises(Interrupted):
        fit(Interrupt(2, 1))
    counter = fit(Interrupt(-1))
    assert counter.count == 4
    np.testing.assert_array_equal(counter.sums, [[0, 0], [0, 0], [1, 1], [3, 3], [6, 6]])


@pytest.mark.slow
def test_kills_at_random_moments(tmp_path):
    script = Path(__file__).with_name("kill_again_and_again.py")
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "runs"), "3"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["kills"] == 3
    assert found["unreadable"] == [] and found["failed"] == 0, run.stderr

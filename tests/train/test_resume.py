"""A run that is killed and resumed ends bitwise where the undisturbed run ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

SCRIPT = """
import json, os, sys
import numpy as np
from kjax import keras

folder, kill_at, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
rng = np.random.default_rng(0)
x, y = rng.standard_normal((230, 20)).astype("float32"), rng.integers(0, 3, 230)
keras.utils.set_random_seed(3)
layers = keras.layers
model = keras.Sequential([
    layers.Dense(16, activation="relu", input_shape=(20,)), layers.BatchNormalization(), layers.Dropout(0.5),
    layers.Dense(3, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

class Killer(keras.callbacks.Callback):
    seen = 0
    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen == kill_at:
            os.kill(os.getpid(), 9)

callbacks = [Killer()] if kill_at > 0 else []
if folder:
    callbacks.insert(0, keras.callbacks.BackupAndRestore(folder, save_freq=5))
history = model.fit(x, y, batch_size=16, epochs=4, verbose=0, validation_split=0.1, callbacks=callbacks)
np.savez(out, *model.get_weights(), *model.optimizer.get_weights())
json.dump(history.history, open(out + ".json", "w"))
"""


def run(tmp_path, folder, kill_at, out):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), folder, str(kill_at), str(out)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
def test_kill_in_mid_epoch_and_resume_is_bitwise_exact(tmp_path):
    whole = run(tmp_path, "", 0, tmp_path / "whole.npz")
    assert whole.returncode == 0, whole.stderr
    folder = str(tmp_path / "backup")
    # 13 batches an epoch: killed in the middle of the first epoch, then, resumed, of the third.
    for kill_at in (9, 24):
        killed = run(tmp_path, folder, kill_at, tmp_path / "never.npz")
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = run(tmp_path, folder, 0, tmp_path / "resumed.npz")
    assert resumed.returncode == 0, resumed.stderr
    a, b = np.load(tmp_path / "whole.npz"), np.load(tmp_path / "resumed.npz")
    assert len(a.files) == len(b.files) > 10
    for name in a.files:
        np.testing.assert_array_equal(a[name], b[name])
    histories = [json.loads((tmp_path / f"{n}.npz.json").read_text()) for n in ("whole", "resumed")]
    assert histories[0] == histories[1]


INTERRUPTED = """
import signal
import numpy as np
from kjax import keras

signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that a shell runs in the background ignore it

x = np.random.default_rng(0).standard_normal((4096, 256)).astype("float32")
model = keras.Sequential([keras.layers.Dense(512, activation="relu", input_shape=(256,)), keras.layers.Dense(1)])
model.compile("adam", "mse")
before = model.get_weights()[0].copy()
model.fit(x, x[:, 0], epochs=1, verbose=0)
print("ready", flush=True)
try:
    model.fit(x, x[:, 0], epochs=100000, verbose=0)
except KeyboardInterrupt:
    weights = model.get_weights()
    assert np.isfinite(weights[0]).all() and not np.array_equal(weights[0], before)
    steps = int(model.optimizer.iterations)
    assert steps > 128, steps
    model.fit(x[:64], x[:64, 0], verbose=0)
    assert int(model.optimizer.iterations) == steps + 2
    print("kept", flush=True)
"""


@pytest.mark.slow
def test_interrupt_keeps_the_latest_weights(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        assert process.stdout.readline().strip() == "kept"
        # About a second on a machine at rest; the bound only has to tell it from the end of the epochs.
        assert time.monotonic() - sent < 20
        assert process.wait(timeout=60) == 0

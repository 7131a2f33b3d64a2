"""Kill a training at random moments until it ends, and look at its files after each kill.

    python tests/keras/kill_again_and_again.py FOLDER KILLS [SEED]

Prints as JSON how often it was killed, which files could not be read, and whether the end weights are bitwise those of a
training that nobody disturbed. The processes are forks of one that has imported everything, so that kills hit the training.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import zipfile
from pathlib import Path

import numpy as np

from kjax import keras

EPOCHS = 6
BATCHES = 40


def train(folder: Path, disturbed: bool) -> None:
    """Train on; the files are those of the callbacks."""
    random_numbers = np.random.default_rng(0)
    x = random_numbers.standard_normal((BATCHES * 8, 30)).astype("float32")
    y = random_numbers.integers(0, 3, BATCHES * 8)
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((30,)), layers.Dense(64, activation="relu"), layers.Dropout(0.5), layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    callbacks = []
    if disturbed:
        callbacks = [
            keras.callbacks.BackupAndRestore(folder / "backup", save_freq=7, delete_checkpoint=False),
            keras.callbacks.ModelCheckpoint(folder / "latest.keras", save_freq=5),
            keras.callbacks.ModelCheckpoint(folder / "latest.weights.h5", save_freq=3, save_weights_only=True),
            keras.callbacks.ModelCheckpoint(folder / "{epoch}.h5"),
            keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.004)),
        ]
    model.fit(x, y, batch_size=8, epochs=EPOCHS, verbose=0, callbacks=callbacks)
    np.savez(folder / "partial.npz", *model.get_weights(), *model.optimizer.get_weights())
    os.replace(folder / "partial.npz", folder / "end.npz")


def in_a_process(work, *args) -> int:
    """Run a function in a fork of this process."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            work(*args)
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    return child


def check_files(folder: Path) -> None:
    """Read every file as a user would; a broken one is an error."""
    for path in folder.glob("*.keras"):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
        keras.saving.load_model(path)
    for path in folder.glob("*.h5"):
        if path.name.endswith(".weights.h5"):
            model = keras.saving.load_model(folder / "latest.keras") if (folder / "latest.keras").exists() else None
            if model is not None:
                model.load_weights(path)
        else:
            keras.saving.load_model(path)


def main() -> None:
    """Kill, look, go on."""
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    draw = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    whole = folder / "whole"
    whole.mkdir(parents=True)
    assert os.waitpid(in_a_process(train, whole, False), 0)[1] == 0
    done, unreadable, rounds, failed = 0, [], 0, 0
    while done < kills and not failed:
        rounds += 1
        disturbed = folder / f"disturbed-{rounds}"
        disturbed.mkdir()
        ended = False
        while not ended and not failed:
            child = in_a_process(train, disturbed, True)
            if done < kills:
                # The first batches come after about a second and a half of compiling.
                time.sleep(draw.uniform(0.2, 5.0))
                os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
            ended = status == 0
            if os.WIFSIGNALED(status):
                done += 1
                if os.waitpid(in_a_process(check_files, disturbed), 0)[1] != 0:
                    unreadable.append(done)
            elif status:
                failed += 1
        ends = [np.load(path / "end.npz") for path in (whole, disturbed)] if ended else []
        same = ended and all(np.array_equal(ends[0][name], ends[1][name]) for name in ends[0].files)
        failed += not same
    print(json.dumps({"kills": done, "unreadable": unreadable, "rounds": rounds, "failed": failed}))


if __name__ == "__main__":
    main()

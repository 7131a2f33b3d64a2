"""Whole models that real Keras 1.2.2 saved: predictions, and training that goes on; what scripts then do with them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kjax import keras

HERE = Path(__file__).parents[1] / "data" / "keras1"
CASES = ["volumes_theano", "channels_first_theano", "merged_branches"]


def recorded(name: str) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, targets, predictions and what the next steps returned."""
    record = np.load(HERE / f"{name}.npz")
    inputs = [record[key] for key in sorted(record.files) if key.startswith("x")]
    return inputs if len(inputs) > 1 else inputs[0], record["t0"], record["y0"], record["losses"]


@pytest.mark.parametrize("name", CASES)
def test_predictions_and_further_training(name: str) -> None:
    x, t, y, losses = recorded(name)
    model = keras.models.load_model(HERE / f"{name}.h5")
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-5, atol=1e-6)
    got = [model.train_on_batch(x, t) for _ in range(3)]
    np.testing.assert_allclose(np.reshape(got, losses.shape), losses, rtol=1e-5, atol=1e-6)


# Keras 3 has no function that is the hard_sigmoid of LSTM before it, and says so.
@pytest.mark.parametrize("name", [name for name in CASES if name != "volumes_theano"])
def test_they_become_files_of_keras3(name: str, keras3: ModuleType, tmp_path: Path) -> None:
    x, _, y, _ = recorded(name)
    keras.models.load_model(HERE / f"{name}.h5", compile=False).save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), y, rtol=1e-5, atol=1e-6)
    theirs = keras3.models.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(theirs.predict(x, verbose=0), y, rtol=1e-5, atol=2e-6)


def test_kernels_of_theano_are_turned_around_once() -> None:
    model = keras.models.load_model(HERE / "channels_first_theano.h5")
    x, _, y, _ = recorded("channels_first_theano")
    with pytest.warns(UserWarning, match="were turned around when they were read"):
        keras.utils.convert_all_kernels_in_model(model)  # type: ignore[attr-defined]
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-5, atol=1e-6)


SCRIPT = """
from kjax.keras.legacy.install import install
install("1")
import numpy as np
from keras.layers import Dense, Merge
from keras.models import Sequential, load_model, model_from_json
left, right = Sequential(), Sequential()
left.add(Dense(4, input_dim=3))
right.add(Dense(4, input_dim=2, activation="tanh"))
model = Sequential()
model.add(Merge([left, right], mode="concat"))
model.add(Dense(1))
model.compile("adam", "mse")
x = [np.ones((6, 3)), np.arange(12.0).reshape(6, 2)]
model.train_on_batch(x, np.ones((6, 1)))
want = model.predict(x)
for name in ("a.h5", "a.keras"):
    model.save(name)
    again = load_model(name)
    np.testing.assert_allclose(again.predict(x), want, rtol=1e-6)
    model.save_weights("w.h5")
copy = model_from_json(model.to_json())
copy.load_weights("w.h5")
np.testing.assert_allclose(copy.predict(x), want, rtol=1e-6)
np.testing.assert_allclose(again.train_on_batch(x, np.ones((6, 1))), model.train_on_batch(x, np.ones((6, 1))), rtol=1e-6)
print("same")
"""


@pytest.mark.slow
def test_a_script_saves_a_model_that_begins_with_merge(tmp_path: Path) -> None:
    import subprocess
    import sys

    run = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True)
    assert run.stdout.endswith("same\n"), run.stderr

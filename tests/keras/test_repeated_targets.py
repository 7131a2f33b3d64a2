"""Targets that are repeated along axes of the outputs: tf.keras and Keras 3 train on them, Keras 1 and 2 refuse them."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from kjax import keras
from kjax.keras.core.settings import settings

X = np.arange(40, dtype="float32").reshape(4, 10) / 40


def trained(library: ModuleType, shape: tuple[int, ...], outputs: int, loss: str, batch_size: int) -> list[float]:
    layer = library.layers.Dense(outputs, kernel_initializer="ones", activation="sigmoid")
    model = library.Sequential([library.Input((10,)), layer])
    model.compile("sgd", loss, metrics=["mae"])
    y = np.linspace(0, 1, int(np.prod(shape)), dtype="float32").reshape(shape)
    history = model.fit(X, y, batch_size=batch_size, epochs=2, shuffle=False, verbose=0)
    return [value for key in sorted(history.history) for value in history.history[key]]


@pytest.mark.parametrize(
    ("shape", "outputs", "loss", "batch_size"),
    [((4, 1), 3, "mse", 2), ((4, 3), 1, "mae", 4), ((4,), 3, "mse", 1), ((4,), 3, "huber", 1)],
)
def test_targets_are_repeated_as_in_keras(keras3, shape, outputs, loss, batch_size):
    expected = trained(keras3, shape, outputs, loss, batch_size)
    if loss == "huber":
        found = trained(keras, shape, outputs, loss, batch_size)
    else:
        with pytest.warns(UserWarning, match="targets of shape .* are repeated"):
            found = trained(keras, shape, outputs, loss, batch_size)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("era", "shape", "loss", "batch_size"),
    [("2", (4, 1), "mse", 2), ("3", (4,), "mse", 2), ("3", (4, 2), "mse", 2), ("3", (4, 1), "binary_crossentropy", 2)],
)
def test_other_targets_are_refused_before_training(monkeypatch, era, shape, loss, batch_size):
    monkeypatch.setattr(settings, "era", era)
    with pytest.raises(ValueError, match=r"argument `y`: loss .* needs targets like output .* of shape \(n, 3\)"):
        trained(keras, shape, 3, loss, batch_size)

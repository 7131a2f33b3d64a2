"""Models that tf.keras 2.15 saved: the same predictions, and training goes on where it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras

HERE = Path(__file__).parents[1] / "data" / "tensorflow"


def data(name: str) -> tuple[Any, list[np.ndarray]]:
    """Inputs and outputs of a model."""
    arrays = np.load(HERE / f"{name}.npz")
    x = [arrays[key] for key in arrays.files if key.startswith("x")]
    return x[0] if len(x) == 1 else x, [arrays[key] for key in arrays.files if key.startswith("y")]


def check(model: Any, name: str) -> None:
    x, want = data(name)
    got = model.predict(x, verbose=0)
    for a, b in zip(got if isinstance(got, list) else [got], want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Layer 'flatten' .* does not support masking")  # as Keras 3 says of seq.h5
@pytest.mark.parametrize("file", ["functional.h5", "functional.keras", "nested.keras", "seq.h5"])
def test_models(file: str) -> None:
    model = keras.models.load_model(HERE / file)
    check(model, Path(file).stem)
    assert model.compiled


def test_json_and_weights() -> None:
    model = keras.models.model_from_json((HERE / "nested.json").read_text())
    model.load_weights(HERE / "nested.weights.h5")
    check(model, "nested")


def test_functions_of_tensorflow_are_written_as_operations(tmp_path: Path, keras3: Any) -> None:
    model = keras.models.load_model(HERE / "functional.h5")
    model.save(tmp_path / "a.keras")
    check(keras.models.load_model(tmp_path / "a.keras"), "functional")
    x, want = data("functional")
    for a, b in zip(keras3.models.load_model(tmp_path / "a.keras", compile=False)(x), want, strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("file", ["opt_adam.h5", "opt_adam.keras", "opt_legacy_nadam.h5", "opt_legacy_rmsprop.h5"])
def test_training_goes_on(file: str) -> None:
    model, arrays = keras.models.load_model(HERE / file), np.load((HERE / file).with_suffix(".npz"))
    rows = [slice(i * 8, i * 8 + 8) for i in (2, 3, 4)]
    losses = [model.train_on_batch(arrays["x"][r], arrays["t"][r])[0] for r in rows]
    np.testing.assert_allclose(losses, arrays["losses"], rtol=1e-5)


def test_unknown_functions_of_tensorflow_are_named() -> None:
    text = (HERE / "nested.json").read_text().replace('"__operators__.getitem"', '"signal.fft"')
    with pytest.raises(ValueError, match=r"TensorFlow's function tf\.signal\.fft, which kjax cannot read"):
        keras.models.model_from_json(text)

"""What older Keras computed otherwise goes with its files: read, trained, and written again in any format."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest

from kjax import keras
from kjax.nn import regularizers

HERE = Path(__file__).parents[1] / "data" / "golden"


def config_of_keras2(*layers: tuple[str, dict[str, Any]]) -> str:
    """A sequential model as Keras 2.2.4 wrote it."""
    entries = [{"class_name": name, "config": config} for name, config in layers]
    config = {"name": "net", "layers": entries}
    return json.dumps({"class_name": "Sequential", "config": config, "keras_version": "2.2.4", "backend": "tensorflow"})


def test_batch_normalization_of_keras2_stays_so_in_every_format(tmp_path: Path) -> None:
    model = keras.models.load_model(HERE / "batchnorm_frozen" / "model.h5")
    assert [x.keras2 for x in model.layers if type(x).__name__ == "BatchNormalization"] == [True, True]
    assert model._compilation.keras2
    for name in ("a.keras", "a.h5"):
        model.save(tmp_path / name)
        again = keras.models.load_model(tmp_path / name)
        assert [x.keras2 for x in again.layers if type(x).__name__ == "BatchNormalization"] == [True, True]
        assert again._compilation.keras2, name


def test_real_keras_reads_a_model_of_keras2_that_kjax_saved(keras3: ModuleType, tmp_path: Path) -> None:
    folder = HERE / "batchnorm_frozen"
    keras.models.load_model(folder / "model.h5").save(tmp_path / "a.keras")
    theirs = keras3.models.load_model(tmp_path / "a.keras")
    got = np.asarray(theirs(np.load(folder / "inputs.npz")["x0"]))
    np.testing.assert_allclose(got, np.load(folder / "outputs.npz")["y0"], rtol=1e-5, atol=1e-6)


def test_optimizers_of_keras2_keep_their_formulas(tmp_path: Path) -> None:
    for case, argument, value in (("opt_nadam", "schedule_decay", 0.004), ("opt_rmsprop_args", "keras2", True)):
        model = keras.models.load_model(HERE / case / "model_after.h5")
        assert getattr(model.optimizer.rule, argument) == pytest.approx(value)
        model.save(tmp_path / "a.keras")
        again = keras.models.load_model(tmp_path / "a.keras")
        assert getattr(again.optimizer.rule, argument) == pytest.approx(value)


def test_activity_penalties_of_keras2_are_sums_over_the_batch() -> None:
    penalty = {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}}
    dense = {"units": 2, "activity_regularizer": penalty, "batch_input_shape": [None, 3], "name": "d"}
    model = keras.models.model_from_json(config_of_keras2(("Dense", dense)))
    assert model.layers[-1].activity_regularizer == regularizers.SummedOverBatch(regularizers.L1L2(0.0, 0.5))
    x = np.ones((4, 3), "float32")
    model.compile("sgd", "mse")
    y = model.predict(x, verbose=0)
    loss = model.evaluate(x, y, verbose=0)
    assert loss == pytest.approx(0.5 * np.sum(np.square(y)), rel=1e-5)
    copy = keras.models.model_from_json(model.to_json())
    assert copy.layers[-1].activity_regularizer == model.layers[-1].activity_regularizer
    written = json.loads(model.to_json())["config"]["layers"][-1]["config"]["activity_regularizer"]
    assert written["class_name"] == "L1L2", "real Keras finds its own penalty"


@pytest.mark.parametrize(
    ("name", "true", "want"),
    [
        # Targets 0 count as 0 and not as -1, and probabilities are clipped before they are divided by their sum.
        ("hinge", [[1.0, 0.0]], (0.5 + 1.0) / 2),
        ("squared_hinge", [[1.0, 0.0]], (0.25 + 1.0) / 2),
        ("sparse_categorical_crossentropy", [[1]], -np.log((1 - 1e-7) / (0.5 + 1 - 1e-7))),
    ],
)
def test_losses_of_keras2_that_are_others_today(name: str, true: Any, want: float) -> None:
    model = keras.models.model_from_json(
        config_of_keras2(("Activation", {"activation": "linear", "batch_input_shape": [None, 2], "name": "a"}))
    )
    model.compile("sgd", name, metrics=[name])
    model._compilation.keras2 = True  # as the file of a compiled model does
    pred = np.asarray([[0.5, 3.0]], "float32")
    np.testing.assert_allclose(model.evaluate(pred, np.asarray(true), verbose=0), [want, want], rtol=1e-6)


def test_highway_of_keras2() -> None:
    config = {"W_regularizer": None, "bias": True, "batch_input_shape": [None, 3], "name": "h", "activation": "tanh"}
    model = keras.models.model_from_json(config_of_keras2(("Highway", config)))
    assert model.predict(np.ones((2, 3), "float32"), verbose=0).shape == (2, 3)


def test_nadam_goes_on_from_files_of_tensorflow(tmp_path: Path) -> None:
    def net() -> Any:
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="d")], name="net")
        model.compile("nadam", "mse")
        return model

    model, other = net(), net()
    batch = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    for _ in range(4):
        model.train_on_batch(*batch)
    model.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "r+") as file:
        # TensorFlow wrote neither the learning rate nor the product of the momenta.
        state: Any = file["optimizer/vars"]
        arrays = [state[str(i)][()] for i in range(len(state))]
        for name in list(state):
            del state[name]
        for i, array in enumerate([arrays[0], *arrays[2:-1]]):
            state[str(i)] = array
    other.load_weights(tmp_path / "a.weights.h5")
    for got, want in zip(other.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-6)
    assert other.train_on_batch(*batch) == pytest.approx(model.train_on_batch(*batch), rel=1e-6)

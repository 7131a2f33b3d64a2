"""Recurrent cells that users write, alone, stacked and in both directions: configs and places in files as Keras 3 has them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kjax import keras

L, ops = keras.layers, keras.ops


@keras.saving.register_keras_serializable("tests_cells")
class Cell(L.Layer):
    """tanh(x W + h U), of any width."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")
        self.u = self.add_weight(shape=(self.units, self.units), name="u")

    def call(self, x: Any, states: Any) -> Any:
        h = ops.tanh(ops.matmul(x, self.w) + ops.matmul(states[0], self.u))
        return h, [h]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def build_configs(entry: Any) -> list[Any]:
    """The shapes that a config says cells were built for."""
    if isinstance(entry, list):
        return [found for item in entry for found in build_configs(item)]
    if not isinstance(entry, dict):
        return []
    own = [entry["build_config"]] if str(entry.get("class_name")).endswith("Cell") and "build_config" in entry else []
    return own + [found for value in entry.values() for found in build_configs(value)]


def test_both_directions_and_stacks(tmp_path: Path) -> None:
    both = L.Bidirectional(L.RNN(Cell(3), return_sequences=True))
    model = keras.Sequential([keras.Input((4, 3)), both, L.RNN([L.LSTMCell(3), Cell(2), Cell(2)]), L.Dense(1)])
    path = tmp_path / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
        with archive.open("model.weights.h5") as member, h5py.File(member, "r") as file:
            names: list[str] = []
            file.visit(names.append)
    expected = [[None, 3], [None, 3], [None, 6], [None, 3], [None, 2]]
    assert build_configs(config["config"]) == [{"input_shape": shape} for shape in expected]
    places = {name.removesuffix("/vars") for name in names if name.endswith("/vars")}
    stack = "layers/rnn/cell/cells"
    assert {f"{stack}/lstm_cell", f"{stack}/cell", f"{stack}/cell_1"} <= places
    assert {"layers/bidirectional/forward_layer/cell", "layers/bidirectional/backward_layer/cell"} <= places
    x = np.random.default_rng(0).random((2, 4, 3))
    np.testing.assert_array_equal(keras.models.load_model(path)(x), model(x))

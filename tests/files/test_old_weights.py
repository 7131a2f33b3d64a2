"""Weights of layers that no longer exist, of other backends and of Keras 1 become those of the layers of today."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kjax import keras

L = keras.layers
RNG = np.random.default_rng(0)


def write(path: Path, layers: Mapping[str, Sequence[np.ndarray]], config: Any = None, **attributes: str) -> Path:
    """A file in the layout of Keras 1 and 2."""
    with h5py.File(path, "w") as file:
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
        group = file.create_group("model_weights") if config is not None else file
        for key, value in attributes.items():
            file.attrs[key] = group.attrs[key] = value.encode()
        group.attrs["layer_names"] = [name.encode() for name in layers]
        for name, arrays in layers.items():
            inner = group.create_group(name)
            names = [f"{name}/{i}:0".encode() for i in range(len(arrays))]
            inner.attrs["weight_names"] = names if names else np.zeros((0,))
            for key, array in zip(names, arrays, strict=True):
                inner.create_dataset(key.decode(), data=array)
    return path


def predicted(model: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Outputs for fixed inputs."""
    return model.predict(np.random.default_rng(1).standard_normal((3, *shape)).astype("float32"), verbose=0)


def values(model: Any) -> list[np.ndarray]:
    """Random values for a model's weights, which it gets."""
    model.set_weights([RNG.standard_normal(w.shape).astype("float32") for w in model.weights])
    return model.get_weights()


def to_cudnn(kernel: np.ndarray, recurrent: np.ndarray, gates: int) -> tuple[np.ndarray, np.ndarray]:
    """Kernels as NVIDIA's library keeps them: every gate's block (units, inputs) in rows, one after the other."""
    inputs = np.hstack([block.T.reshape(block.shape) for block in np.split(kernel, gates, axis=1)])
    return inputs, np.hstack([block.T for block in np.split(recurrent, gates, axis=1)])


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "bidirectional"])
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_layers_for_nvidias_library(name: str, wrapped: bool, tmp_path: Path) -> None:
    gates = {"LSTM": 4, "GRU": 3}[name]
    layer = getattr(L, name)(3)
    model = keras.Sequential([keras.Input((4, 5)), L.Bidirectional(layer) if wrapped else layer])
    arrays, stored = values(model), []
    for kernel, recurrent, bias in zip(arrays[0::3], arrays[1::3], arrays[2::3], strict=True):
        stored += to_cudnn(kernel, recurrent, gates)
        half = RNG.standard_normal(bias.shape).astype("float32")
        stored.append(np.concatenate([half, bias - half]) if name == "LSTM" else bias.reshape(-1))
    want = predicted(model, (4, 5))

    config: dict[str, Any] = {"units": 3, "return_sequences": False, "stateful": False, "go_backwards": False}
    entry = {"class_name": f"CuDNN{name}", "config": {"name": "rnn", **config}}
    if wrapped:
        entry = {"class_name": "Bidirectional", "config": {"name": "rnn", "merge_mode": "concat", "layer": entry}}
    entry["config"]["batch_input_shape"] = [None, 4, 5]
    whole = {"class_name": "Sequential", "config": {"name": "net", "layers": [entry]}}
    path = write(tmp_path / "a.h5", {"rnn": stored}, whole, keras_version="2.2.4", backend="tensorflow")
    np.testing.assert_allclose(predicted(keras.models.load_model(path), (4, 5)), want, rtol=1e-5, atol=1e-6)


def test_kernels_of_theano_are_mirrored(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((6, 6, 2)), L.Conv2D(3, 2), L.Conv2DTranspose(2, 3)])
    kernels = values(model)
    want = predicted(model, (6, 6, 2))
    mirrored = [k[::-1, ::-1] if k.ndim == 4 else k for k in kernels]
    layers = {"c": mirrored[:2], "t": mirrored[2:]}
    model.load_weights(write(tmp_path / "a.h5", layers, keras_version="2.0.8", backend="theano"))
    np.testing.assert_array_equal(predicted(model, (6, 6, 2)), want)


def gate_by_gate(kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, order: str) -> list[np.ndarray]:
    """Arrays W, U, b of each gate, in the order of Keras 1."""
    today = "ifco" if len(order) == 4 else "zrh"
    found = []
    for gate in order:
        part = slice(today.index(gate) * 3, (today.index(gate) + 1) * 3)
        found += [kernel[:, part], recurrent[:, part], bias[part]]
    return found


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "bidirectional"])
def test_recurrent_layers_of_keras1(wrapped: bool, tmp_path: Path) -> None:
    arguments = {"output_dim": 3, "inner_activation": "hard_sigmoid", "init": "glorot_uniform", "activation": "tanh"}
    entries: list[Any] = []
    for i, name in enumerate(("LSTM", "GRU")):
        entry = {"class_name": name, "config": {"name": f"r{i}", "return_sequences": True, **arguments}}
        if wrapped:
            entry = {"class_name": "Bidirectional", "config": {"name": f"r{i}", "merge_mode": "sum", "layer": entry}}
        entries.append(entry)
    entries[0]["config"]["batch_input_shape"] = [None, 4, 5]
    ours = keras.models.model_from_json(
        json.dumps({"class_name": "Sequential", "config": entries, "keras_version": "1.2.2"})
    )
    assert not any(x.reset_after for x in [getattr(x, "layer", x) for x in ours.layers] if hasattr(x, "reset_after"))
    arrays = values(ours)
    want = predicted(ours, (4, 5))
    half = len(arrays) // 2
    layers = {}
    for name, order, part in (("r0", "icfo", arrays[:half]), ("r1", "zrh", arrays[half:])):
        layers[name] = [a for i in range(0, half, 3) for a in gate_by_gate(part[i], part[i + 1], part[i + 2], order)]
    whole = {"class_name": "Sequential", "config": entries}
    path = write(tmp_path / "a.h5", layers, whole, keras_version="1.2.2")
    np.testing.assert_allclose(predicted(keras.models.load_model(path), (4, 5)), want, rtol=1e-6, atol=1e-6)
    ours.set_weights([np.zeros_like(a) for a in arrays])
    ours.load_weights(path)
    np.testing.assert_array_equal(predicted(ours, (4, 5)), want)


def test_convolutions_of_keras1(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((8, 3)), L.Conv1D(4, 3), L.Flatten(), L.Dense(2)])
    kernel, bias, *dense = values(model)
    want = predicted(model, (8, 3))
    conv = {"nb_filter": 4, "filter_length": 3, "border_mode": "valid", "subsample_length": 1, "activation": "linear"}
    entries = [
        {"class_name": "Convolution1D", "config": {"name": "c", "batch_input_shape": [None, 8, 3], **conv}},
        {"class_name": "Flatten", "config": {"name": "f"}},
        {"class_name": "Dense", "config": {"name": "d", "output_dim": 2, "activation": "linear"}},
    ]
    layers = {"c": [kernel[:, None], bias], "f": [], "d": dense}
    path = write(tmp_path / "a.h5", layers, {"class_name": "Sequential", "config": entries}, keras_version="1.2.2")
    np.testing.assert_array_equal(predicted(keras.models.load_model(path), (8, 3)), want)


def test_convolutions_of_keras1_with_channels_first(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2, 5, 6)), L.Conv2D(3, (2, 3), data_format="channels_first")])
    kernel, bias = values(model)
    want = predicted(model, (2, 5, 6))
    conv = {"nb_filter": 3, "nb_row": 2, "nb_col": 3, "border_mode": "valid", "dim_ordering": "th", "subsample": [1, 1]}
    entries = [{"class_name": "Convolution2D", "config": {"name": "c", "batch_input_shape": [None, 2, 5, 6], **conv}}]
    layers = {"c": [np.transpose(kernel, (3, 2, 0, 1)), bias]}
    path = write(tmp_path / "a.h5", layers, {"class_name": "Sequential", "config": entries}, keras_version="1.2.2")
    np.testing.assert_array_equal(predicted(keras.models.load_model(path), (2, 5, 6)), want)


def test_arrays_in_another_shape(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4, 4, 2)), L.Conv2D(3, 1, name="c")])
    kernel, bias = RNG.standard_normal((3, 2, 1, 1)).astype("float32"), np.zeros(3, "float32")
    path = write(tmp_path / "a.h5", {"c": [kernel, bias]}, keras_version="2.2.4", backend="tensorflow")
    with pytest.raises(ValueError, match="shape"):
        model.load_weights(path)
    model.load_weights(path, by_name=True, reshape=True)
    np.testing.assert_array_equal(model.get_weights()[0].ravel(), kernel.ravel())


def test_training_of_keras1_goes_on(tmp_path: Path) -> None:
    kernel, bias = RNG.standard_normal((3, 2)).astype("float32"), np.zeros(2, "float32")
    entry = {"name": "d", "batch_input_shape": [None, 3], "output_dim": 2, "activation": "linear"}
    entry |= {"W_regularizer": {"name": "WeightRegularizer", "l1": 0.1, "l2": 0.0}}
    entry |= {"W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0}}
    config = {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": entry}]}
    path = write(tmp_path / "a.h5", {"d": [kernel, bias]}, config, keras_version="1.2.2")
    arrays = {"iterations": np.float32(7), "m_kernel": kernel / 10, "m_bias": bias + 1}
    with h5py.File(path, "r+") as file:
        optimizer = {"class_name": "SGD", "config": {"lr": 0.1, "momentum": 0.9, "decay": 0.0, "nesterov": False}}
        training = {"optimizer_config": optimizer, "loss": "mse", "metrics": [], "loss_weights": None}
        file.attrs["training_config"] = json.dumps(training).encode()
        group = file.create_group("optimizer_weights")
        group.attrs["weight_names"] = [name.encode() for name in arrays]
        for name, array in arrays.items():
            group[name] = array
    model = keras.models.load_model(path)
    assert int(model.optimizer.iterations) == 7 and model.layers[0].kernel_constraint.max_value == 2
    moments = {v.name.split("_d_")[1]: v.numpy() for v in model.optimizer.variables[2:]}
    np.testing.assert_array_equal(moments["kernel_momentum"], kernel / 10)
    np.testing.assert_array_equal(moments["bias_momentum"], bias + 1)

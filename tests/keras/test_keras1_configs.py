"""Configs and lists of weights in the era of Keras 1 are those of Keras 1.2.2 (recorded on TensorFlow)."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
RECORDED = json.loads((Path(__file__).parent / "data" / "keras1_configs.json").read_text("utf-8"))
X = np.random.default_rng(0).random((2, 4, 3)).astype("float32")


def of(path: str) -> Any:
    """A module of Keras as a script imports it."""
    return importlib.import_module(path)


@pytest.fixture(autouse=True)
def era() -> Iterator[None]:
    keras.install(version=1)
    keras.backend.clear_session()
    yield
    keras.backend.set_image_data_format("channels_last")
    keras.uninstall()


def _names() -> dict[str, Any]:
    paths = ("keras.layers", "keras.layers.advanced_activations", "keras.layers.local")
    return {name: getattr(of(path), name) for path in paths for name in dir(of(path)) if name[0].isupper()}


def _plain(thing: Any) -> Any:
    return json.loads(json.dumps(thing))


@pytest.mark.parametrize("call", RECORDED["layers"])
def test_configs_and_shapes_of_weights(call: str) -> None:
    expected = RECORDED["layers"][call]
    layer = eval(call, _names())
    of("keras.models").Sequential([layer])
    config = layer.get_config()
    assert _plain(config) == dict(map(tuple, expected["config"]))
    assert list(config) == [key for key, _ in expected["config"]]
    assert [list(w.shape) for w in layer.get_weights()] == expected["weights"]
    again = type(layer).from_config(config)
    of("keras.models").Sequential([again])
    assert "layer" in config or _plain(again.get_config()) == _plain(config)  # layers inside know their inputs then
    again.set_weights(layer.get_weights())
    for ours, theirs in zip(again.weights, layer.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_configs_of_other_objects() -> None:
    r, c, o = of("keras.regularizers"), of("keras.constraints"), of("keras.optimizers")
    found = [r.l1l2(0.1, 0.2), r.activity_l1l2(0.1, 0.2), c.maxnorm(2), c.nonneg(), c.unitnorm()]
    found += [
        o.SGD(lr=0.1, momentum=0.9),
        o.Adam(),
        o.RMSprop(clipnorm=1.0),
        o.Adagrad(),
        o.Adadelta(),
        o.Adamax(),
        o.Nadam(),
    ]
    assert [_plain(thing.get_config()) for thing in found] == RECORDED["objects"]


def test_models() -> None:
    L, models = of("keras.layers"), of("keras.models")
    a, b = L.Input((3,)), L.Input((3,))
    shared = L.Dense(3, name="d", W_regularizer="l2", activity_regularizer="activity_l2")
    merged = L.merge([shared(a), shared(b)], mode="concat", concat_axis=-1)
    config = models.Model([a, b], [merged, L.merge([a, b], mode="dot", dot_axes=1)]).get_config()
    found = {entry["name"]: entry for entry in config["layers"]}
    assert found["d"]["inbound_nodes"] == [[["input_1", 0, 0]], [["input_2", 0, 0]]]
    assert (
        found["d"]["config"]["activity_regularizer"]["name"] == "L1L2Regularizer"
        and found["d"]["config"]["input_dim"] == 3
    )
    assert [found[n]["config"]["mode"] for n in ("merge_1", "merge_2")] == ["concat", "dot"]
    assert found["merge_2"]["config"]["dot_axes"] == [1, 1] and found["merge_2"]["class_name"] == "Merge"
    again = models.Model.from_config(config)
    assert [out.shape for out in again.outputs] == [(None, 6), (None, 1)]
    row = models.Sequential([L.Convolution1D(2, 3, input_shape=(5, 3)), L.LSTM(2, consume_less="gpu"), L.Dense(1)])
    assert [entry["class_name"] for entry in row.get_config()] == ["Convolution1D", "LSTM", "Dense"]
    text = json.loads(row.to_json())
    assert text["keras_version"] == "1.2.2" and text["config"][1]["config"]["consume_less"] == "gpu"
    assert (
        models.model_from_json(row.to_json()).output_shape
        == models.Sequential.from_config(row.get_config()).output_shape
    )


def test_weights_of_gates_and_kernels_of_theano() -> None:
    K, L, Sequential = of("keras.backend"), of("keras.layers"), of("keras.models").Sequential
    apart = Sequential([L.Bidirectional(L.LSTM(2, return_sequences=True), input_shape=(4, 3)), L.GRU(2)])
    together = Sequential(
        [
            L.Bidirectional(L.LSTM(2, return_sequences=True, consume_less="gpu"), input_shape=(4, 3)),
            L.GRU(2, consume_less="gpu"),
        ]
    )
    arrays = [np.random.default_rng(i).random(w.shape) for i, w in enumerate(apart.get_weights())]
    assert [len(arrays), len(together.get_weights())] == [33, 9]
    apart.set_weights(arrays)
    for ours, theirs in zip(apart.get_weights(), arrays, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    gates = [np.concatenate([arrays[i + k] for i in (0, 6, 3, 9)], -1) for k in range(3)]
    np.testing.assert_allclose(apart.weights[0].numpy(), gates[0], rtol=1e-6)
    together.set_weights([v.numpy() for v in apart.weights])
    np.testing.assert_array_equal(together.predict(X), apart.predict(X))
    K.set_image_dim_ordering("th")
    model = Sequential([L.Convolution2D(4, 2, 3, input_shape=(5, 6, 7))])
    kernel, bias = model.get_weights()
    assert kernel.shape == (4, 5, 2, 3) and model.layers[0].kernel.shape == (2, 3, 5, 4)
    assert [w.name for w in model.weights] == ["convolution2d_1_W:0", "convolution2d_1_b:0"]
    assert [w.name for w in together.weights][1:4] == [
        "forward_lstm_2_U:0",
        "forward_lstm_2_b:0",
        "backward_lstm_2_W:0",
    ]
    model.layers[0].set_weights([kernel * 2, bias])
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), np.transpose(kernel * 2, (2, 3, 1, 0)))
    flipped = of("keras.utils.np_utils").convert_kernel(kernel)
    np.testing.assert_array_equal(flipped, kernel[:, :, ::-1, ::-1])

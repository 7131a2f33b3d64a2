"""Names, members and spellings of one generation of Keras that work beside those of the others."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras.legacy import incidental

# Old spellings are noted where they are used.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

L: Any = keras.layers
K: Any = keras

# -- classes of Keras 1 and 2 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "today", "arguments"),
    [
        ("CuDNNLSTM", "LSTM", (3,)),
        ("CuDNNGRU", "GRU", (3,)),
        ("AtrousConvolution2D", "Conv2D", (2, 3, 3)),
        ("Deconvolution2D", "Conv2DTranspose", (2, 3, 3)),
        ("TimeDistributedDense", "Dense", (2,)),
    ],
)
def test_older_classes_are_classes(name: str, today: str, arguments: tuple[int, ...], tmp_path: Path) -> None:
    cls, base = getattr(L, name), getattr(L, today)
    assert issubclass(cls, base) and cls.__name__ == name
    shape = (4, 2) if today in ("LSTM", "GRU", "Dense") else (6, 6, 2)
    layer = cls(*arguments)
    assert isinstance(layer, cls) and type(cls.from_config(layer.get_config())) is cls
    model = keras.Sequential([keras.Input(shape), layer])
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert type(again.layers[0]) is base, "in files it is the class of today, which Keras 3 reads"
    np.testing.assert_array_equal(again(x), model(x))
    assert keras.models.clone_model(model).count_params() == model.count_params()

    class Mine(cls):
        def call(self, inputs: Any, **kwargs: Any) -> Any:
            return super().call(inputs, **kwargs) + 1

    mine = Mine(*arguments)
    out = mine(x)
    mine.set_weights(layer.get_weights())
    np.testing.assert_allclose(mine(x), np.asarray(model(x)) + 1, rtol=1e-5, atol=1e-6)
    assert out.shape == model(x).shape


def test_an_older_class_says_its_shape() -> None:
    layer = L.Deconvolution2D(
        3, 3, 3, output_shape=(None, 13, 13, 3), subsample=(2, 2), border_mode="same", input_shape=(7, 7, 3)
    )
    assert keras.Sequential([layer]).output_shape == (None, 13, 13, 3)
    assert L.CuDNNGRU(2).reset_after and L.CuDNNLSTM(2).recurrent_activation.__name__ == "sigmoid"


def test_members_of_recurrent_layers() -> None:
    assert L.LSTM(2).implementation == L.GRU(2).implementation == 2
    both = L.Bidirectional(L.LSTM(2, kernel_constraint="non_neg"))
    both.build((None, 3, 2))
    assert {box.name for box in both.constraints} == {"kernel"} and len(both.constraints) == 2
    cell = L.ConvLSTM2DCell(2, 3, strides=2, padding="same")
    x, kernel = np.ones((1, 6, 6, 3), np.float32), np.ones((3, 3, 3, 2), np.float32)
    got = cell.input_conv(x, kernel, np.full(2, 0.5, np.float32), padding="valid")
    assert got.shape == (1, 2, 2, 2) and np.unique(np.asarray(got)).tolist() == [27.5]
    assert cell.recurrent_conv(np.ones((1, 2, 2, 2), np.float32), np.ones((3, 3, 2, 2), np.float32)).shape == (
        1,
        2,
        2,
        2,
    )


def test_models_know_whether_training_differs() -> None:
    plain = keras.Sequential([keras.Input((2,)), L.Dense(1)])
    assert not plain.uses_learning_phase
    assert keras.Sequential([keras.Input((2,)), plain, L.Dropout(0.5)]).uses_learning_phase


class Leaky(L.Recurrent):
    """A recurrent layer as Keras 1 and 2 had them written: weights, one step, constants."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, self.units), initializer="orthogonal", name="recurrent")
        self.states = [None]
        self.built = True

    def preprocess_input(self, x: Any) -> Any:
        return K.ops.matmul(x, self.kernel)

    def get_constants(self, x: Any, training: Any = None) -> list[Any]:
        return [K.ops.ones_like(x[:, 0, :1]) * 0.5]

    def step(self, x: Any, states: Any) -> Any:
        before, half = states
        after = half * before + K.ops.tanh(x + K.ops.matmul(before, self.recurrent))
        return after, [after]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def test_recurrent_layers_written_by_their_step() -> None:
    x = np.random.default_rng(1).normal(size=(2, 4, 3)).astype("float32")
    layer = Leaky(5, return_sequences=True, return_state=True)
    outputs, state = layer(x)
    kernel, recurrent = layer.get_weights()
    want = np.zeros((2, 5), np.float32)
    for t in range(4):
        want = 0.5 * want + np.tanh(x[:, t] @ kernel + want @ recurrent)
        np.testing.assert_allclose(outputs[:, t], want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state, want, rtol=1e-5, atol=1e-6)
    last = Leaky.from_config({**layer.get_config(), "return_sequences": False, "return_state": False})
    last.build((None, 4, 3))
    last.set_weights([kernel, recurrent])
    np.testing.assert_allclose(last(x), want, rtol=1e-5, atol=1e-6)
    model = keras.Sequential([keras.Input((4, 3)), L.Masking(), Leaky(5), L.Dense(1)])
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(x, np.ones((2, 1)), verbose=0).history["loss"][0])
    model.layers[1].set_weights([kernel, recurrent])
    padded = np.concatenate([x, np.zeros_like(x)], axis=1)
    longer = keras.Sequential([keras.Input((8, 3)), L.Masking(), model.layers[1]])
    np.testing.assert_allclose(longer(padded), want, rtol=1e-5, atol=1e-6)
    assert isinstance(L.LSTM(2), L.Recurrent) and issubclass(L.GRU, L.Recurrent)
    conv = L.ConvRecurrent2D(3, 2)
    assert (conv.kernel_size, conv.strides, conv.get_config()["filters"]) == ((2, 2), (1, 1), 3)
    with pytest.raises(AttributeError, match="not stateful"):
        layer.reset_states()


# -- spellings ---------------------------------------------------------------------------------------------------------


def test_arguments_by_the_names_of_both_generations() -> None:
    x = np.array([-1.0, 2.0], np.float32)
    for name in ("alpha", "negative_slope"):
        assert np.asarray(K.activations.relu(x, **{name: 0.5})).tolist() == [-0.5, 2.0]
    assert K.activations.deserialize(name="relu") is K.activations.deserialize(config="relu")
    assert K.regularizers.l1(l=0.1) == K.regularizers.L1(0.1) == K.regularizers.l1(0.1)
    assert K.regularizers.l2(l=0.1) == K.regularizers.L2(l2=0.1) and issubclass(K.regularizers.l2, K.regularizers.L2)
    assert K.regularizers.l2.from_config({"l2": 0.3}) == K.regularizers.L2(0.3)
    dense = L.Dense(1)
    assert K.utils.serialize_keras_object(instance=dense) == K.utils.serialize_keras_object(obj=dense)
    assert K.saving.get_registered_name(obj=L.Dense) == "Dense"
    assert K.utils.unpack_x_y_sample_weight(data=(1, 2)) == (1, 2, None)
    assert keras.Sequential([keras.Input((2,)), L.Activation(K.activations.relu)]).get_config()["layers"][1]["config"][
        "activation"
    ] == "relu"  # fmt: skip


@pytest.mark.parametrize("module", incidental.HELD)
def test_names_that_modules_held_by_chance(module: str) -> None:
    place = importlib.import_module(f"kjax.keras.{module}")
    for name in incidental.HELD[module].split():
        assert callable(getattr(place, name))
    with pytest.raises(AttributeError, match="no attribute 'nothing_like_it'"):
        _ = place.nothing_like_it


def test_what_those_names_do() -> None:
    given = K.applications.keras_modules_injection(lambda *a, **k: (a, sorted(k)))(1, weights=None)
    assert given == ((1,), ["backend", "layers", "models", "utils", "weights"])
    standardize = K.callbacks.standardize_input_data
    assert [a.shape for a in standardize({"b": [1, 2], "a": np.ones((2, 3))}, ["a", "b"])] == [(2, 3), (2, 1)]
    with pytest.raises(ValueError, match="input 'a': expected shape"):
        standardize(np.ones((2, 3)), ["a"], [(None, 4)], exception_prefix="input")
    from kjax.keras.utils import data_utils

    data_utils.init_pool({0: ["first", "second"]})
    assert data_utils.get_index(0, 1) == "second"
    data_utils.init_pool_generator({1: iter("ab")})
    assert data_utils.next_sample(1) == "a"


# -- members of Keras 3 ------------------------------------------------------------------------------------------------


def test_functions_of_symbolic_tensors_have_configs() -> None:
    inputs = {"a": keras.Input((3,)), "b": keras.Input((3,))}
    made = K.Function(inputs, inputs["a"] + inputs["b"], name="total")
    assert made.input.keys() == {"a", "b"} and made.output.shape == (None, 3)
    again = K.Function.from_config(made.get_config())
    one = {"a": np.ones((2, 3)), "b": np.ones((2, 3))}
    np.testing.assert_array_equal(again(one), made(one))
    assert again.name == "total"
    assert made.symbolic_call({"a": keras.Input((3,)), "b": keras.Input((3,))}).shape == (None, 3)
    with pytest.raises(NotImplementedError, match="not quantized"):
        made.quantized_call(one)


def test_symbolic_tensors_and_variables() -> None:
    tensor = K.KerasTensor((None, 2), "int32", sparse=True, record_history=True, name="t")
    assert (tensor.sparse, tensor.ragged, tensor.ragged_rank, tensor.record_history) == (True, False, None, True)
    with pytest.raises(ValueError, match="no ragged arrays"):
        K.KerasTensor((None,), ragged=True)
    config = K.utils.Config(a=1)
    assert not config.frozen
    config.freeze()
    assert config.frozen
    muon = K.optimizers.Muon(rms_rate=0.2)
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    q = np.asarray(muon.zeropower_via_newtonschulz5(x, 12))
    assert np.abs(np.linalg.svd(q)[1] - 1).max() < 0.35 and muon.transpose_last_axis(x).shape == (5, 3)
    np.testing.assert_allclose(muon.lr_adjust(x), x * 0.2 * 5**0.5, rtol=1e-6)


def test_estimators_take_part_in_metadata_routing() -> None:
    sklearn = pytest.importorskip("sklearn")
    with sklearn.config_context(enable_metadata_routing=True):
        made = K.wrappers.SKLearnRegressor(lambda X, y: None).set_fit_request(sample_weight=True)
        assert made.get_metadata_routing().fit.requests == {"sample_weight": True}

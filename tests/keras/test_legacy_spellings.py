"""The spellings of Keras 1 and 2: every rename that Keras 2.2.4 accepted, and the forms that are no renames."""

from __future__ import annotations

import inspect
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from kjax import keras
from kjax.keras import layers
from kjax.keras.core.settings import settings
from kjax.keras.legacy import spellings
from kjax.keras.legacy.arguments import layer_call, method

# https://github.com/keras-team/keras/blob/2.2.4/keras/legacy/interfaces.py, as data
TABLE = json.loads((Path(__file__).parent / "data" / "keras-1-to-2.json").read_text())["legacy_interfaces"]
ELSEWHERE = {"Network", "Layer", "Optimizer", "TFOptimizer", "_GlobalPooling2D", "_GlobalPooling3D"}
GONE = {("SimpleRNN", "inner_activation")}
"""Renames to an argument that the class does not have."""

TODAY = {("implementation", "LSTM"), ("implementation", "GRU"), ("implementation", "SimpleRNN")}
"""Arguments of Keras 2 that Keras 3 has no more."""

RENAMES = [
    (place.rpartition(":")[2].partition(".")[0], old, new, interface)
    for interface in TABLE.values()
    for place in interface["applied_to"]
    if place.endswith(".__init__")
    for old, new in interface["conversions"]
]
VALUES = {"dim_ordering": "th", "consume_less": "gpu"}


@pytest.fixture
def era():
    """Sets the era for a test."""
    before = settings.era

    def choose(name: str) -> None:
        settings.era = name

    yield choose
    settings.era = before


def test_all_renames_of_keras_2_are_known():
    assert len(RENAMES) > 100
    for name, old, new, interface in RENAMES:
        if name in ELSEWHERE or (name, old) in GONE:
            continue
        value = VALUES.get(old, object())
        with pytest.warns(FutureWarning, match=f"`{old}` is `{new}` today"):
            _, kwargs = layer_call(name, (), {old: value}, (), "3")
        wanted = interface["value_conversions"][old][value] if old in VALUES else value
        if (new, name) in TODAY:
            assert new not in kwargs
        else:
            assert kwargs[new] == wanted, (name, old)


@pytest.mark.parametrize("name", sorted(spellings.LAYERS))
def test_new_names_are_arguments_of_today(name):
    parameters = set(inspect.signature(getattr(layers, name)).parameters)
    new = set(spellings.LAYERS[name].values()) - {"implementation"}
    assert new <= parameters | {"dilation_rate"}, name


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("older", "today"),
    [
        (lambda: layers.Dense(output_dim=4, init="normal", bias=False), {"units": 4, "use_bias": False}),
        (
            lambda: layers.Convolution2D(8, 3, 5, border_mode="same", subsample=(2, 1), dim_ordering="th"),
            {"kernel_size": (3, 5), "padding": "same", "strides": (2, 1), "data_format": "channels_first"},
        ),
        (lambda: layers.Convolution2D(nb_filter=8, nb_row=3, nb_col=5), {"filters": 8, "kernel_size": (3, 5)}),
        (
            lambda: layers.Conv3D(nb_filter=2, kernel_dim1=1, kernel_dim2=2, kernel_dim3=3),
            {"kernel_size": (1, 2, 3)},
        ),
        (lambda: layers.AtrousConvolution2D(4, 3, 3, atrous_rate=(2, 2)), {"dilation_rate": (2, 2)}),
        (lambda: layers.Convolution1D(4, 3, subsample_length=2), {"strides": (2,), "kernel_size": (3,)}),
        (
            lambda: layers.LSTM(output_dim=3, forget_bias_init="zero", dropout_W=0.5),
            {"unit_forget_bias": False, "dropout": 0.5},
        ),
        (lambda: layers.MaxPooling1D(pool_length=3, stride=2), {"pool_size": (3,), "strides": (2,)}),
        (lambda: layers.Dropout(p=0.25), {"rate": 0.25}),
        (lambda: layers.GaussianNoise(sigma=0.5), {"stddev": 0.5}),
        (lambda: layers.LeakyReLU(alpha=0.2), {"negative_slope": 0.2}),
        (lambda: layers.ZeroPadding2D((1, 2, 3, 4)), {"padding": ((1, 2), (3, 4))}),
        (lambda: layers.ZeroPadding2D({"top_pad": 1, "left_pad": 2}), {"padding": ((1, 0), (2, 0))}),
        (lambda: layers.BatchNormalization(mode=2, axis=1), {"axis": 1}),
    ],
)
def test_forms_of_keras_1(older, today):
    layer = older()
    assert {name: getattr(layer, name) for name in today} == today


def test_an_argument_under_both_names_is_refused():
    with pytest.raises(TypeError, match="given twice"):
        layers.Dense(output_dim=4, units=4)


def test_notes_name_the_place_in_the_script():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(3):
            layers.Dropout(p=0.5)
    assert [str(w.message) for w in seen] == ["Dropout: of the arguments, `p` is `rate` today"]
    assert seen[0].filename == __file__ and seen[0].category is FutureWarning


def test_defaults_of_the_eras(era):
    assert layers.LSTM(2).recurrent_activation is keras.activations.get("sigmoid")
    assert layers.Dense(2).name.startswith("dense")
    era("2")
    assert layers.LSTM(2).recurrent_activation is keras.activations.get("hard_sigmoid_keras2")
    assert layers.Activation("hard_sigmoid").activation is keras.activations.get("hard_sigmoid_keras2")
    assert layers.GRU(2).reset_after is False
    assert layers.GRU(2, reset_after=True).reset_after is True
    assert float(keras.optimizers.Adadelta().learning_rate) == 1.0
    assert float(keras.optimizers.get("adagrad").learning_rate) == pytest.approx(0.01)
    assert float(keras.optimizers.Adagrad(0.5).learning_rate) == 0.5
    era("tf")
    assert layers.GRU(2).reset_after is True


def test_names_count_from_one_in_old_eras(era):
    keras.utils.clear_session(free_memory=False) if hasattr(keras.utils, "clear_session") else settings.names.clear()
    era("2")
    assert [layers.Dense(1).name for _ in range(2)] == ["dense_1", "dense_2"]
    settings.names.clear()
    era("3")
    assert [layers.Dense(1).name for _ in range(2)] == ["dense", "dense_1"]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_merge_in_all_modes():
    a, b = layers.Input((3,)), layers.Input((3,))
    x, y = np.float32([[1, 2, 3]]), np.float32([[4, 5, 6]])
    found = {
        mode: keras.Model(input=[a, b], output=layers.merge([a, b], mode=mode, dot_axes=1)).predict([x, y], verbose=0)
        for mode in ("sum", "mul", "ave", "max", "concat", "dot")
    }
    wanted = {"sum": x + y, "mul": x * y, "ave": (x + y) / 2, "max": y, "concat": np.hstack([x, y]), "dot": [[32.0]]}
    for mode, value in wanted.items():
        np.testing.assert_allclose(found[mode], value, rtol=1e-6, err_msg=mode)
    difference = layers.merge([a, b], mode=lambda tensors: tensors[0] - tensors[1], output_shape=(3,))
    np.testing.assert_allclose(keras.Model([a, b], difference).predict([x, y], verbose=0), x - y)
    with pytest.raises(ValueError, match="unknown mode 'summ'; did you mean 'sum'"):
        layers.merge([a, b], mode="summ")


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_merge_of_models_at_the_start_of_a_sequential():
    left, right = keras.Sequential([layers.Dense(2, input_dim=3)]), keras.Sequential([layers.Dense(2, input_dim=4)])
    model = keras.Sequential([layers.Merge([left, right], mode="concat"), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = [np.ones((4, 3), "float32"), np.ones((4, 4), "float32")]
    before = left.get_weights()[0]
    model.fit(x, np.zeros((4, 1)), nb_epoch=1, verbose=0)
    assert model.output_shape == (None, 1) and len(model.weights) == 6
    assert not np.array_equal(before, left.get_weights()[0])


def test_layers_of_keras_1_follow_their_formulas():
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    layer = layers.Highway(activation="tanh")
    found = np.asarray(layer(x))
    w, w_carry, b, b_carry = layer.get_weights()
    assert [v.name for v in layer.weights] == ["W", "W_carry", "b", "b_carry"] and (b_carry == 1).all()
    gate = 1 / (1 + np.exp(-(x @ w_carry + b_carry)))
    np.testing.assert_allclose(found, gate * np.tanh(x @ w + b) + (1 - gate) * x, rtol=1e-5, atol=1e-6)
    layer = layers.MaxoutDense(5, nb_feature=3)
    found = np.asarray(layer(x))
    w, b = layer.get_weights()
    np.testing.assert_allclose(found, (np.einsum("bi,kio->bko", x, w) + b).max(1), rtol=1e-5, atol=1e-6)


def test_layers_of_keras_1_are_read_from_configs():
    model = keras.Sequential([keras.Input((4,)), layers.Highway(), layers.MaxoutDense(3, nb_feature=2)])
    copy = keras.models.model_from_json(model.to_json())
    assert [type(layer).__name__ for layer in copy.layers] == ["Highway", "MaxoutDense"]
    assert [w.shape for w in copy.weights] == [w.shape for w in model.weights]


@pytest.mark.parametrize("name", sorted(spellings.METHOD_DROPPED))
def test_methods_of_models_take_arguments_of_old(name):
    assert hasattr(getattr(keras.Model, name), "__wrapped__"), "the method needs the decorator of old spellings"


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_deconvolution_takes_its_output_shape():
    layer = layers.Deconvolution2D(
        2, 3, 3, (None, 15, 15, 2), subsample=(2, 2), border_mode="same", input_shape=(8, 8, 3)
    )
    assert keras.Sequential([layer]).output_shape == (None, 15, 15, 2)
    layer = layers.Deconvolution2D(2, 3, 3, output_shape=(None, 25, 25, 2), subsample=(2, 2), border_mode="valid")
    assert layer.compute_output_shape((None, 12, 12, 3)) == (None, 25, 25, 2)


def test_generator_methods_count_samples(era):
    taken = {}

    class Trainer:
        @method
        def fit_generator(self, generator, steps_per_epoch=None, epochs=1, validation_data=None, validation_steps=None):
            taken.update(steps=steps_per_epoch, epochs=epochs, first=next(iter(generator)), held=validation_steps)

    def batches(size):
        while True:
            yield np.zeros((size, 2)), np.zeros(size)

    with pytest.warns(FutureWarning):
        Trainer().fit_generator(
            batches(8), samples_per_epoch=20, nb_epoch=3, validation_data=batches(5), nb_val_samples=5
        )
    assert (taken["steps"], taken["epochs"], taken["held"], len(taken["first"][0])) == (3, 3, 1, 8)
    Trainer().fit_generator(batches(8), 20, 2)
    assert (taken["steps"], taken["epochs"]) == (20, 2)
    era("1")
    with pytest.warns(FutureWarning, match="`samples_per_epoch=20` samples is `steps_per_epoch=3` batches"):
        Trainer().fit_generator(batches(8), 20, 2)
    assert (taken["steps"], taken["epochs"]) == (3, 2)


def test_batch_dot_of_keras_2_multiplies_matrices(era):
    rng = np.random.default_rng(0)
    c, h, o = (rng.normal(size=shape).astype("float32") for shape in ((2, 4, 5), (2, 4, 5, 6), (2, 4, 6)))
    q, k = (rng.normal(size=(2, 3, rows, 4)).astype("float32") for rows in (5, 7))
    era("2")
    from kjax.keras import backend

    for x, y, axes, formula in (
        (c, h, [2, 2], "bni,bnid->bnd"),
        (o, h, [2, 3], "bnd,bnid->bni"),
        (q, k, [3, 3], "bhid,bhjd->bhij"),
    ):
        np.testing.assert_allclose(backend.batch_dot(x, y, axes), np.einsum(formula, x, y), rtol=1e-4, atol=1e-5)
    era("3")
    np.testing.assert_allclose(backend.batch_dot(c, h, [2, 2]), np.einsum("bni,bmid->bnmd", c, h), rtol=1e-4, atol=1e-5)


def test_an_argument_that_cannot_be_dropped_is_refused():
    assert keras.layers.LSTM(2, time_major=False).units == 2
    with pytest.raises(
        ValueError, match="LSTM: the argument `time_major` is no longer supported: put the axis of the batch"
    ):
        keras.layers.LSTM(2, time_major=True)

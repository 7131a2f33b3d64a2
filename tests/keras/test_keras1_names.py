"""What only Keras 1 had: layers, metrics, initial values as functions, attributes and names. Values are those of Keras 1.2.2."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kjax import keras

# Old spellings are noted where they are used.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def of(path: str) -> Any:
    """A module of Keras as a script of Keras 1 imports it."""
    return importlib.import_module(path)


@pytest.fixture(autouse=True)
def era() -> Iterator[None]:
    keras.install(version=1)
    keras.backend.clear_session()
    yield
    keras.uninstall()


X = np.array([[-3.0, -0.4, 0.5, 6.7], [1.0, 0.2, -0.6, -0.9]], "float32")


def _with_ramps(layer: Any) -> Any:
    model = of("keras.models").Sequential([layer])
    model.set_weights([np.linspace(-1, 1, w.size).reshape(w.shape) for w in model.get_weights()])
    return model


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SReLU", [[1.0, -0.31111112, 0.5, 6.7], [-1.0, -0.06666667, 0.02222219, -0.9]]),
        (
            "ParametricSoftplus",
            [[-3.0485872, -0.2540115, 0.2599829, 6.7012301], [-0.3132616, -0.2201231, 0.1993796, 0.3411539]],
        ),
    ],
)
def test_activations_with_weights(name: str, expected: Any, tmp_path: Path) -> None:
    L = of("keras.layers.advanced_activations")
    model = _with_ramps(getattr(L, name)(input_shape=(4,)))
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5, atol=1e-6)
    model.save(str(tmp_path / "m.h5"))
    again = of("keras.models").load_model(str(tmp_path / "m.h5"))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    shared = of("keras.models").Sequential([getattr(L, name)(shared_axes=[1, 2], input_shape=(5, 5, 3))])
    assert {w.shape for w in shared.get_weights()} == {(1, 1, 3)}
    with pytest.raises(ValueError, match="shared_axes"):
        getattr(L, name)(shared_axes=[4], input_shape=(5,)).build((None, 5))


def test_metrics_that_were_means_over_batches() -> None:
    M, K = of("keras.metrics"), of("keras.backend")
    true = np.array([[1, 0, 1], [0, 0, 1]], "float32")
    given = np.array([[0.9, 0.6, 0.2], [0.1, 0.7, 0.8]], "float32")
    expected = {
        "precision": 2 / 4,
        "recall": 2 / 3,
        "fmeasure": 4 / 7,
        "fscore": 4 / 7,
        "f1score": 4 / 7,
        "matthews_correlation": 0.0,
    }
    for name, value in expected.items():
        found = K.eval(getattr(M, name)(K.variable(true), K.variable(given)))
        np.testing.assert_allclose(found, value, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(M.fbeta_score(true, given, beta=2), 5 * (1 / 3) / (4 / 2 + 2 / 3), rtol=1e-6)
    with pytest.raises(ValueError, match="beta"):
        M.fbeta_score(true, given, beta=-1)

    model = of("keras.models").Sequential([of("keras.layers").Dense(3, input_dim=3, weights=[np.eye(3), np.zeros(3)])])
    model.compile("sgd", "mse", metrics=["precision", "f1score", "accuracy"])
    assert model.metrics_names == ["loss", "precision", "fmeasure", "acc"]
    values = dict(zip(model.metrics_names, model.evaluate(given, true, batch_size=1, verbose=0), strict=True))
    np.testing.assert_allclose(values["precision"], (1 / 2 + 1 / 2) / 2, rtol=1e-6)  # of each batch, then the mean


def test_largest_eigenvalue() -> None:
    matrix = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    penalty = of("keras.regularizers").EigenvalueRegularizer(0.1)
    np.testing.assert_allclose(penalty(matrix), 0.1 * np.linalg.norm(matrix, 2), rtol=1e-4)
    with pytest.raises(ValueError, match="matrices"):
        penalty(np.zeros((2, 2, 2)))
    layer = of("keras.layers").Dense(3, input_dim=4, W_regularizer=penalty, weights=[matrix, np.zeros(3)])
    model = of("keras.models").Sequential([layer])
    model.compile("sgd", "mse")
    x = np.ones((2, 4), "float32")
    np.testing.assert_allclose(model.evaluate(x, model.predict(x), verbose=0), penalty(matrix), rtol=1e-5)


def test_initial_values_are_variables() -> None:
    init, K = of("keras.initializations"), of("keras.backend")
    for (
        name
    ) in "uniform normal lecun_uniform glorot_normal glorot_uniform he_normal he_uniform zero one identity".split():
        made = getattr(init, name)((40, 40), name="w")
        assert K.get_value(made).shape == (40, 40) and init.get(name) is getattr(init, name), name
    np.testing.assert_allclose(np.std(K.get_value(init.normal((90, 90), scale=0.01))), 0.01, rtol=0.1)
    np.testing.assert_allclose(np.max(K.get_value(init.glorot_uniform((90, 90)))), np.sqrt(6 / 180), rtol=0.02)
    turn = K.get_value(init.orthogonal((4, 3), scale=1.1))
    np.testing.assert_allclose(turn.T @ turn, 1.21 * np.eye(3), atol=1e-5)
    assert init.get_fans((3, 4)) == (3, 4) and init.get_fans((3, 4, 5, 6), dim_ordering="tf") == (60, 72)
    with pytest.raises(ValueError, match="glorot_normal"):
        init.get("glorot_norml")

    class Mine(of("keras.engine.topology").Layer):
        def __init__(self, output_dim: int, start: Any = "glorot_uniform", **kwargs: Any) -> None:
            self.output_dim, self.init = output_dim, init.get(start)
            super().__init__(**kwargs)

        def build(self, input_shape: Any) -> None:
            self.W = self.init((input_shape[1], self.output_dim), name=f"{self.name}_W")
            self.trainable_weights = [self.W]

        def call(self, x: Any, mask: Any = None) -> Any:
            return K.dot(x, self.W)

        def get_output_shape_for(self, shape: Any) -> Any:
            return shape[0], self.output_dim

    def small(shape: Any, name: Any = None) -> Any:
        return init.normal(shape, scale=0.01, name=name)

    D = of("keras.layers").Dense
    model = of("keras.models").Sequential([Mine(3, start=small, input_shape=(3,)), Mine(2), D(1, init=small)])
    model.compile("sgd", "mse")
    assert max(np.abs(w).max() for w in (model.get_weights()[0], model.get_weights()[2])) < 0.06
    before = model.get_weights()
    model.fit(np.ones((4, 3)), np.ones((4, 1)), nb_epoch=1, verbose=0)
    assert all(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))


def test_names_and_attributes_of_layers() -> None:
    L = of("keras.layers")
    conv = L.Convolution2D(4, 3, 5, border_mode="same", subsample=(2, 2), dim_ordering="tf", input_shape=(8, 8, 3))
    pool = L.MaxPooling2D(dim_ordering="tf")
    dense = L.Dense(5, W_regularizer="l2")
    layers = [conv, L.BatchNormalization(), pool, L.Dropout(0.25), L.Flatten(), dense]
    model = of("keras.models").Sequential(layers)
    assert [layer.name for layer in model.layers] == (
        ["convolution2d_1", "batchnormalization_1", "maxpooling2d_1", "dropout_1", "flatten_1", "dense_1"]
    )
    assert (conv.nb_filter, conv.nb_row, conv.nb_col, conv.border_mode) == (4, 3, 5, "same")
    assert (conv.subsample, conv.dim_ordering, layers[3].p, dense.output_dim) == ((2, 2), "tf", 0.25, 5)
    assert conv.W is conv.kernel and conv.b is conv.bias and layers[1].running_std is layers[1].moving_variance
    assert not hasattr(layers[4], "W") and dense.get_output_shape_for((None, 4)) == (None, 5)
    merged = L.merge([L.Input((3,)), L.Input((3,))], mode="sum")
    assert merged._keras_history[0].name == "merge_1"


def test_functions_for_arrays_and_configs(monkeypatch: pytest.MonkeyPatch) -> None:
    N, U = of("keras.utils.np_utils"), of("keras.utils.layer_utils")
    np.testing.assert_allclose(N.binary_logloss([0.2, 0.7], [0, 1]), 0.2899092476, rtol=1e-8)
    np.testing.assert_allclose(N.multiclass_logloss([[0.2, 0.8], [0.6, 0.4]], [1, 2]), 1.2628643222, rtol=1e-8)
    assert N.accuracy([1, 2], [1, 3]) == 0.5
    assert N.probas_to_classes(np.array([[0.2], [0.7]])).tolist() == [0, 1]
    assert N.probas_to_classes(np.array([[0.2, 0.8], [0.7, 0.3]])).tolist() == [1, 0]
    kernel = np.arange(18.0)
    assert U.convert_kernel(kernel.reshape(1, 2, 3, 3), "th").ravel()[:3].tolist() == [8, 7, 6]
    assert U.convert_kernel(kernel.reshape(3, 3, 2, 1), "tf").ravel()[:3].tolist() == [16, 17, 14]
    dense = of("keras.layers").Dense(3, input_dim=2)
    again = U.layer_from_config({"class_name": "Dense", "config": dense.get_config()})
    model = of("keras.models").Sequential([again, of("keras.layers").BatchNormalization()])
    assert again.output_dim == 3 and U.count_total_params(model.layers) == (15, 6)
    optimizers = of("keras.optimizers")
    found = optimizers.optimizer_from_config(
        {"class_name": "SGD", "config": optimizers.SGD(lr=0.2, momentum=0.9).get_config()}
    )
    assert float(keras.backend.get_value(found.lr)) == pytest.approx(0.2)
    get = of("keras.utils.generic_utils").get_from_module
    assert get("Dense", vars(keras.layers), "layer", instantiate=True, kwargs={"units": 3}).output_dim == 3
    assert get(np.abs, {}, "function") is np.abs
    with pytest.raises(ValueError, match=r"unknown name .Dens."):
        get("Dens", vars(keras.layers), "layer")


def test_arrays_in_files_of_pytables(tmp_path: Path) -> None:
    U = of("keras.utils.io_utils")
    array = np.arange(12.0).reshape(3, 4)
    U.save_array(array, str(tmp_path / "a.h5"))
    np.testing.assert_array_equal(U.load_array(str(tmp_path / "a.h5")), array)


def test_music_tagger() -> None:
    A = of("keras.applications.music_tagger_crnn")
    model = A.MusicTaggerCRNN(weights=None)
    assert model.count_params() == 400562 and model.output_shape == (None, 50)
    features = A.MusicTaggerCRNN(weights=None, include_top=False, input_tensor=of("keras.layers").Input((96, 1366, 1)))
    assert features.output_shape == (None, 32)
    tags = A.decode_predictions(np.eye(50)[[0, 19]], top_n=2)
    assert [row[0][0] for row in tags] == ["rock", "80s"] and len(tags[1]) == 2
    assert of("keras.applications.audio_conv_utils").TAGS[33] == "Hip-Hop"
    with pytest.raises(ValueError, match="50"):
        A.decode_predictions(np.eye(3))
    with pytest.raises(ValueError, match="50 tags"):
        A.MusicTaggerCRNN(classes=3)


def test_modes_of_batch_normalization(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(1, 2, (8, 4)).astype("float32")

    def scaled(axis: int, over: int) -> np.ndarray:
        spread = np.sqrt(x.var(axis, keepdims=True) + 1e-3)
        return (x - x.mean(axis, keepdims=True)) / (spread + over * 1e-3)

    for mode, expected in ((1, scaled(-1, 1)), (2, scaled(0, 0))):
        model = of("keras.models").Sequential([of("keras.layers").BatchNormalization(mode=mode, input_shape=(4,))])
        np.testing.assert_allclose(model.predict(x), expected, rtol=1e-4, atol=1e-5)
        assert [w.shape for w in model.get_weights()] == [(4,)] * 4 and model.layers[0].mode == mode
        model.save(str(tmp_path / "m.h5"))
        again = of("keras.models").load_model(str(tmp_path / "m.h5"))
        np.testing.assert_allclose(again.predict(x), expected, rtol=1e-4, atol=1e-5)
        model.compile("sgd", "mse")
        model.fit(x, x, nb_epoch=1, verbose=0)
        np.testing.assert_array_equal(model.get_weights()[2], np.zeros(4))
    with pytest.raises(ValueError, match="mode"):
        of("keras.layers").BatchNormalization(mode=3)


def test_defaults_and_losses_that_were_others() -> None:
    optimizers, C, K = of("keras.optimizers"), of("keras.constraints"), of("keras.backend")
    assert {optimizers.Adadelta().get_config()["epsilon"], optimizers.Adam().get_config()["epsilon"]} == {1e-8}
    assert optimizers.RMSprop(epsilon=1e-6).get_config()["epsilon"] == 1e-6
    np.testing.assert_allclose(
        C.maxnorm(m=0.5, axis=1)(np.full((1, 4), 3.0, "float32")), np.full((1, 4), 0.25), rtol=1e-5
    )
    true, given = np.array([[0.0, 1, 0], [1, 0, 0]]), np.array([[0.2, 0.7, 0.1], [0.4, 0.5, 0.1]])
    rows = K.eval(of("keras.objectives").cosine_proximity(K.variable(true), K.variable(given)))
    np.testing.assert_allclose(rows, [-0.3175264, -0.2057378], rtol=1e-5)
    model = of("keras.models").Sequential([of("keras.layers").Activation("linear", input_shape=(3,))])
    model.compile("sgd", "cosine_proximity", metrics=["cosine"])
    np.testing.assert_allclose(model.evaluate(given, true, verbose=0), [rows.mean()] * 2, rtol=1e-5)
    assert model.metrics_names == ["loss", "cosine_proximity"]


def test_functions_of_the_backend() -> None:
    K = of("keras.backend")
    steps, image = K.variable(np.ones((1, 2, 3))), K.variable(np.ones((1, 5, 5, 1)))
    assert K.eval(K.temporal_padding(steps, 2)).shape == (1, 6, 3)
    np.testing.assert_array_equal(K.eval(K.asymmetric_temporal_padding(steps, 1, 0))[0, :, 0], [0, 1, 1])
    np.testing.assert_array_equal(K.eval(K.sqrt(K.variable([-4.0, 9.0]))), [0, 3])
    assert K.eval(K.expand_dims(steps, dim=0)).shape == (1, 1, 2, 3)
    kernel = K.variable(np.ones((3, 3, 1, 2)))
    holes = K.eval(K.atrous_conv2d(image, kernel, 2, dim_ordering="tf"))
    np.testing.assert_array_equal(holes, np.full((1, 1, 1, 2), 9.0))
    np.testing.assert_array_equal(K.eval(K.conv2d(image, kernel, border_mode="valid", filter_dilation=(2, 2))), holes)
    K.set_legacy_weight_ordering(True)
    assert K.legacy_weight_ordering()
    K.set_legacy_weight_ordering(False)


def test_causal_convolutions_by_hand() -> None:
    K, conv = of("keras.backend"), of("keras.layers").AtrousConvolution1D

    class Causal(conv):
        def call(self, x: Any, mask: Any = None) -> Any:
            x = K.asymmetric_temporal_padding(x, self.atrous_rate * (self.filter_length - 1), 0)
            return super().call(x, mask)

    layer = Causal(2, 2, atrous_rate=2, border_mode="valid", input_shape=(6, 1))
    assert (layer.atrous_rate, layer.filter_length, layer.subsample, layer.subsample_length) == (2, 2, (1, 1), 1)
    model = of("keras.models").Sequential([layer])
    x = np.random.default_rng(0).normal(size=(1, 6, 1))
    later = x.copy()
    later[:, 4:] += 1
    assert model.output_shape == (None, 6, 2)
    np.testing.assert_array_equal(model.predict(x)[:, :4], model.predict(later)[:, :4])


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    L, C = of("keras.layers"), of("keras.callbacks")
    model = of("keras.models").Sequential([L.Dense(4, input_dim=3), L.Dropout(0.2)])
    model.summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "_" * 100
    assert lines[1] == "Layer (type)                     Output Shape          Param #     Connected to".ljust(100)
    assert lines[5] == "dropout_1 (Dropout)              (None, 4)             0           dense_1[0][0]".ljust(100)
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3)), np.ones((4, 4))
    model.fit(x, y, nb_epoch=1, verbose=2)
    assert re.match(r"\d+s - loss: ", capsys.readouterr().out.splitlines()[1])
    model.fit(x, y, nb_epoch=1)
    assert "4/4 [==============================] - 0s - loss: " in capsys.readouterr().out

    class Worse(C.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["seen"] = float(epoch)

    def epochs(patience: int) -> int:
        stop = C.EarlyStopping("seen", patience=patience, verbose=1)
        return len(model.fit(x, y, nb_epoch=9, verbose=0, callbacks=[Worse(), stop]).epoch)

    assert [epochs(0), epochs(1), epochs(2)] == [2, 3, 4]
    assert capsys.readouterr().out.splitlines() == [f"Epoch {n:05d}: early stopping" for n in (1, 2, 3)]
    rates: list[float] = []

    class Rates(C.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            rates.append(float(of("keras.backend").get_value(self.model.optimizer.lr)))

    model.optimizer.lr = 1.0
    reduce = C.ReduceLROnPlateau("seen", patience=1, factor=0.5, cooldown=1)
    model.fit(x, y, nb_epoch=6, verbose=0, callbacks=[Worse(), reduce, Rates()])
    assert rates == [1, 1, 0.5, 0.5, 0.25, 0.25]

"""What training told scripts of Keras 2: parameters and logs of callbacks, steps over arrays, the weights of optimizers.

Names, types and numbers were recorded from Keras 2.2.4.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import kjax.keras
from kjax.keras import backend as K
from kjax.keras import layers, optimizers
from kjax.keras.callbacks import Callback
from kjax.keras.core.settings import clear_session
from kjax.keras.models import Model, Sequential

L: Any = layers
X = np.linspace(0, 1, 40).reshape(10, 4).astype("float32")
Y = X[:, :1]


@pytest.fixture(autouse=True)
def era():
    kjax.keras.install(2)
    clear_session(free_memory=False)
    yield
    kjax.keras.install(3)
    kjax.keras.uninstall()
    clear_session(free_memory=False)


def made() -> Any:
    model = Sequential([L.Dense(1, input_shape=(4,), kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


class Told(Callback):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Any] = []
        self.last: Any = None

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches.append(dict(logs))

    def on_train_end(self, logs: Any = None) -> None:
        self.last = logs


def test_params_and_logs_of_arrays():
    told = Told()
    history = made().fit(X, Y, batch_size=4, verbose=0, validation_split=0.2, callbacks=[told])
    assert told.params == {
        "batch_size": 4,
        "epochs": 1,
        "steps": None,
        "samples": 8,
        "verbose": 0,
        "do_validation": True,
        "metrics": ["loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"],
    }
    assert list(told.params) == ["batch_size", "epochs", "steps", "samples", "verbose", "do_validation", "metrics"]
    assert (told.params["nb_epoch"], told.params["nb_sample"]) == (1, 8)  # names of Keras 1
    assert told.last == {}
    assert [sorted(logs) for logs in told.batches] == [["batch", "loss", "mean_absolute_error", "size"]] * 2
    assert type(told.batches[0]["loss"]) is np.float32
    assert {type(values[0]) for values in history.history.values()} == {np.float64}
    assert type(made().evaluate(X, Y, verbose=0)[0]) is np.float64


def test_what_compile_leaves_on_the_model():
    model = made()
    model.compile("sgd", "mse", loss_weights=[2.0])
    assert (model.loss_weights, model.sample_weight_mode, model.stateful_metric_names) == ([2.0], None, [])


def test_params_of_a_generator():
    told = Told()

    def batches():
        while True:
            yield X[:5], Y[:5]

    made().fit_generator(batches(), 3, verbose=0, callbacks=[told])
    assert told.params == {
        "epochs": 1,
        "steps": 3,
        "verbose": 0,
        "do_validation": False,
        "metrics": ["loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"],
    }


def test_each_step_over_arrays_is_over_all_samples():
    told, model = Told(), made()
    model.fit(X, Y, steps_per_epoch=3, verbose=0, callbacks=[told])
    assert [(logs["batch"], logs["size"]) for logs in told.batches] == [(0, 1), (1, 1), (2, 1)]
    assert (told.params["batch_size"], told.params["steps"], told.params["samples"]) == (None, 3, 10)
    again = made()
    expected = [again.train_on_batch(X, Y)[0] for _ in range(3)]
    np.testing.assert_allclose([logs["loss"] for logs in told.batches], expected, rtol=1e-5)
    assert model.predict(X, steps=2).shape == (20, 1)
    np.testing.assert_allclose(model.evaluate(X, Y, steps=2, verbose=0), model.evaluate(X, Y, verbose=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (optimizers.SGD, [(), (4, 1), (1,)]),
        (optimizers.RMSprop, [(4, 1), (1,)]),
        (optimizers.Adagrad, [(4, 1), (1,)]),
        (optimizers.Adadelta, [(4, 1), (1,)] * 2),
        (optimizers.Adam, [(), *[(4, 1), (1,)] * 2, (1,), (1,)]),
        (optimizers.Adamax, [(), *[(4, 1), (1,)] * 2]),
        (optimizers.Nadam, [(), *[(4, 1), (1,)] * 2]),
    ],
)
def test_weights_of_optimizers(make: Any, shapes: list[Any]):
    model = made()
    model.compile(make(), "mse")
    assert model.optimizer.get_weights() == []
    model.train_on_batch(X, Y)
    values = model.optimizer.get_weights()
    assert [value.shape for value in values] == shapes
    if shapes[0] == ():
        assert values[0] == 1
    doubled = [value * 2 for value in values]
    model.optimizer.set_weights(doubled)
    for value, expected in zip(model.optimizer.get_weights(), doubled, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_names_that_inputs_and_placeholders_take():
    made()
    assert K.placeholder((2, 3)).name == "Placeholder:0"
    assert repr(K.placeholder((2, 3))) == "<tf.Tensor 'Placeholder_1:0' shape=(2, 3) dtype=float32>"
    assert L.Input((3,)).name == "input_1:0"


def test_things_are_shown_as_objects():
    assert repr(L.Dense(3)).startswith("<keras.layers.core.Dense object at 0x")
    assert repr(made()).startswith("<keras.engine.sequential.Sequential object at 0x")
    assert repr(optimizers.SGD()).startswith("<keras.optimizers.SGD object at 0x")
    assert repr(Told()).startswith(f"<{__name__}.Told object at 0x")


def test_outputs_of_a_model_come_from_layers():
    a = L.Input((3,))
    with pytest.raises(ValueError, match="must be the output of a Keras `Layer`"):
        Model(a, K.relu(a))


def test_an_index_is_a_long_integer():
    assert K.eval(K.argmax(K.variable(X), -1)).dtype == np.int64
    assert K.dtype(K.argmin(K.variable(X), -1)) == "int64"


def test_softmax_counts_masked_places():
    a = L.Input((3, 2))
    model = Model(a, L.Softmax()(L.Masking()(a)))
    np.testing.assert_allclose(model.predict(np.zeros((1, 3, 2))), np.full((1, 3, 2), 0.5))


def test_configs_of_initializers():
    config = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}
    initializer = kjax.keras.initializers.get("glorot_uniform")
    assert initializer.get_config() == config
    assert type(initializer).from_config(config).get_config() == config


def test_shapes_are_tuples_in_yaml():
    assert "batch_input_shape: !!python/tuple\n" in made().to_yaml()


def test_callbacks_of_then(capsys: pytest.CaptureFixture[str]):
    C: Any = kjax.keras.callbacks
    model = made()
    stopping = C.EarlyStopping("loss", min_delta=100, patience=1, verbose=1, restore_best_weights=True)
    assert stopping.monitor_op is np.less
    history = model.fit(X, Y, epochs=5, verbose=0, callbacks=[stopping, C.ReduceLROnPlateau("loss", patience=9)])
    assert len(history.epoch) == 2
    assert type(history.history["lr"][0]) is np.float32
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["Restoring model weights from the end of the best epoch", "Epoch 00002: early stopping"]
    with pytest.raises(ValueError, match="should be a float"):
        model.fit(X, Y, verbose=0, callbacks=[C.LearningRateScheduler(lambda epoch: 1)])
    assert C.EarlyStopping("val_acc").monitor_op is np.greater


def test_an_epoch_that_was_stopped_in_its_middle_has_no_validation():
    class Stops(Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = batch == 0

    history = made().fit(X, Y, batch_size=4, validation_data=(X, Y), verbose=0, callbacks=[Stops()]).history
    assert list(history) == ["loss", "mean_absolute_error"]


def test_weights_of_classes():
    with pytest.raises(ValueError, match="must contain all classes"):
        made().fit(X, np.arange(10) % 2, class_weight={0: 1.0}, verbose=0)
    with pytest.warns(UserWarning, match="says nothing"):
        made().fit(X, np.arange(10) % 2, class_weight="auto", verbose=0)
    model = Sequential([L.Dense(2, input_shape=(4,), activation="softmax")])
    model.compile("sgd", "categorical_crossentropy")
    with pytest.raises(ValueError, match="to_categorical"):
        model.fit(X, np.arange(10) % 2, verbose=0)


def test_a_bar_of_ones_own(capsys: pytest.CaptureFixture[str]):
    bar = kjax.keras.utils.Progbar(3, interval=0)
    for i in range(3):
        bar.add(1, [("a", i)])
    lines = capsys.readouterr().out.split("\n")
    assert lines[1].startswith("1/3 [=========>....................] - ETA: ")
    assert lines[1].endswith("s - a: 0.0000e+00")
    assert lines[3].startswith("3/3 [==============================] - ")
    assert lines[3].endswith("/step - a: 1.0000")


def test_ends_of_models():
    a = L.Input((3,))
    with pytest.raises(ValueError, match="redundant"):
        Model([a, a], L.Dense(1)(a))
    p = K.placeholder((2, 3))
    with pytest.raises(ValueError, match=r"keras\.layers\.Input"):
        Model(p, L.Dense(1)(p))
    with pytest.raises(ValueError, match="not fully defined"):
        L.Flatten()(L.Input((None, 3)))
    assert isinstance(L.LSTM(3, return_state=True)(L.Input((4, 2))), list)


def test_helpers_that_modules_kept_to_themselves():
    def of(path: str, name: str) -> Any:
        return getattr(importlib.import_module(f"keras.{path}"), name)

    assert of("backend", "tensorflow_backend")._get_available_gpus() == []
    standardized = of("layers.recurrent", "_standardize_args")
    assert standardized([1, 2, 3, 4], None, None, 1) == (1, [2, 3], [4])
    assert standardized(1, 2, (3,), None) == (1, [2], [3])
    fans = of("initializers", "_compute_fans")
    assert [fans(s) for s in ((3, 4), (3, 4, 5), (2, 3, 4, 5))] == [(3, 4), (12, 15), (24, 30)]
    assert of("engine.base_layer", "_to_snake_case")("_My") == "private__my"
    assert of("preprocessing.sequence", "_remove_long_seq")(3, [[1], [1, 2, 3]], [1, 2]) == ([[1]], [1])
    assert of("engine.topology", "Network") is Model
    assert (K.py_all([1, 0]), K.py_any([1, 0]), sorted(K._config)[0]) == (False, True, "backend")
    revive = of("utils.generic_utils", "deserialize_keras_object")
    assert revive("it", module_objects={"it": 3}, printable_module_name="thing") == 3
    with pytest.raises(ValueError, match="Unknown thing: other"):
        revive("other", module_objects={}, printable_module_name="thing")
    assert kjax.keras.utils.to_categorical([0, 1]).dtype == np.float32


def test_images_are_resized_with_points_at_corners():
    x = np.array([[0.0, 2.0]]).reshape(1, 1, 2, 1)
    found = K.eval(K.resize_images(K.variable(x), 1, 2, "channels_last", interpolation="bilinear"))
    np.testing.assert_allclose(found.ravel(), [0, 1, 2, 2])


def test_masked_outputs_of_both_directions_are_those_of_the_layers():
    i = L.Input((3, 2))
    model = Model(i, L.Bidirectional(L.SimpleRNN(1, return_sequences=True))(L.Masking()(i)))
    model.set_weights([np.ones(w.shape) for w in model.get_weights()])
    x = np.ones((1, 3, 2))
    x[0, 2] = 0
    found = model.predict(x)[0]
    assert found[2, 0] == found[1, 0] != 0  # that of the step before
    assert found[2, 1] == 0  # before the first step of the other direction
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(x)[0], found)


def test_constraints_and_penalties_of_variables():
    c = kjax.keras.constraints
    found = K.eval(c.MaxNorm(1.0)(K.variable([[3.0], [4.0]])))
    np.testing.assert_allclose(found, [[0.6], [0.8]], rtol=1e-5)
    assert K.eval(c.NonNeg()(K.variable([-1.0, 2.0]))).tolist() == [0.0, 2.0]
    assert K.eval(kjax.keras.regularizers.l2(0.5)(K.variable([2.0]))) == 2.0


def test_softmax_of_a_vector_is_refused():
    with pytest.raises(ValueError, match="1D"):
        kjax.keras.activations.softmax(K.variable([1.0, 2.0]))


class Counts(layers.Layer):  # type: ignore[misc, name-defined]
    """Counts its calls."""

    def build(self, input_shape: Any) -> None:
        self.calls = self.add_weight(name="calls", shape=(), initializer="zeros", trainable=False)
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        self.add_update(K.update_add(self.calls, 1), x)
        return x * 1.0


def test_updates_are_made_in_training_alone():
    model = Sequential([Counts(input_shape=(4,))])
    model.compile("sgd", "mse")
    model.evaluate(X, X, verbose=0)
    model.predict(X)
    assert model.get_weights() == [0]
    model.train_on_batch(X, X)
    assert model.get_weights() == [1]


def test_models_of_classes_have_no_config_and_free_batches(capsys: pytest.CaptureFixture[str]):
    class Sub(Model):
        def __init__(self) -> None:
            super().__init__(name="sub")
            self.a = L.Dense(2)

        def call(self, x: Any) -> Any:
            return self.a(x)

    model = Sub()
    model.predict(X)
    model.summary()
    assert "(None, 2)" in capsys.readouterr().out
    with pytest.raises(NotImplementedError, match="save_weights"):
        model.get_config()


def test_a_summary_counts_what_was_frozen_since_compile_twice(capsys: pytest.CaptureFixture[str]):
    model = made()
    model.train_on_batch(X, Y)
    model.layers[0].trainable = False
    model.summary()
    assert "Total params: 10\nTrainable params: 5\nNon-trainable params: 5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("optimizer", "driven", "expected"),
    [
        (lambda: optimizers.SGD(0.05, 0.9, nesterov=True), "momentum", [0.5042233, 0.008288]),  # type: ignore[attr-defined]
        (lambda: optimizers.RMSprop(0.05), "rho", [0.747676, 0.2467796]),  # type: ignore[attr-defined]
        (lambda: optimizers.Adam(0.05), "beta_1", None),  # type: ignore[attr-defined]
    ],
)
def test_callbacks_set_the_numbers_of_optimizers(optimizer: Any, driven: str, expected: Any) -> None:
    """What Keras 2.2.4 gives, where rates and momenta go down from batch to batch; Adam's steps by its formula."""

    class Cycle(Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            K.set_value(self.model.optimizer.lr, 0.05 / (batch + 1))
            K.set_value(getattr(self.model.optimizer, driven), 0.9 - 0.03 * (batch + 1))

    x = np.linspace(0, 1, 128).reshape(64, 2).astype("float32")
    y = x.sum(1, keepdims=True)
    model = Sequential([L.Dense(1, input_shape=(2,), use_bias=expected is not None)])
    kernel = np.array([[0.3], [-0.2]])
    model.set_weights([kernel, np.zeros(1)][: len(model.weights)])
    model.compile(optimizer(), "mse")
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0, callbacks=[Cycle()])
    if expected is None:
        m, v = np.zeros((2, 1)), np.zeros((2, 1))
        for t in range(1, 9):
            rows, beta = slice(8 * t - 8, 8 * t), 0.9 - 0.03 * (t - 1)
            grad = 2 / 8 * x[rows].T @ (x[rows] @ kernel - y[rows])
            m, v = beta * m + (1 - beta) * grad, 0.999 * v + 0.001 * grad**2
            rate = 0.05 / max(t - 1, 1) * np.sqrt(1 - 0.999**t) / (1 - beta**t)
            kernel = kernel - rate * m / (np.sqrt(v) + 1e-7)
        expected = kernel.ravel()
    np.testing.assert_allclose(model.get_weights()[0].ravel(), expected, atol=5e-6)
    assert model.optimizer.get_config()[driven] == pytest.approx(0.9 - 0.03 * 8)


def test_an_optimizer_without_momentum_says_so() -> None:
    model = made()
    with pytest.raises(ValueError, match="without momentum"):
        K.set_value(model.optimizer.momentum, 0.9)
    model.train_on_batch(X, Y)
    assert [w.name for w in model.optimizer.weights] == [
        "SGD/iterations:0", "training/SGD/Variable:0", "training/SGD/Variable_1:0"
    ]  # fmt: skip
    assert model.optimizer.lr.name == "SGD/lr:0" and model.optimizer.initial_decay == 0


def test_a_generator_that_ends_too_early_is_an_error() -> None:
    model = made()

    def three() -> Any:
        for _ in range(3):
            yield X, Y

    for run in (
        lambda: model.fit_generator(three(), steps_per_epoch=5, verbose=0),
        lambda: model.evaluate_generator(three(), steps=5),
        lambda: model.predict_generator(three(), steps=5),
    ):
        with pytest.raises(StopIteration, match="3 of the 5 batches"):
            run()
    assert len(model.predict_generator(three(), steps=3)) == 30


def test_loops_over_arrays_with_functions_of_the_model() -> None:
    import keras.engine.training_arrays as loops  # type: ignore[import-not-found]
    from keras.engine import training_generator  # type: ignore[import-not-found]

    model = made()
    model._make_train_function()
    model._make_test_function()
    model._make_predict_function()
    ins = [X, Y, np.ones(10, "float32")]
    labels = ["loss", "mae"]
    expected = model.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(loops.test_loop(model, model.test_function, ins, batch_size=4), expected, rtol=1e-5)
    np.testing.assert_allclose(
        loops.predict_loop(model, model.predict_function, [X], batch_size=4), model.predict(X), rtol=1e-6
    )
    history = loops.fit_loop(
        model, model.train_function, ins, labels, 5, 2, 0, val_f=model.test_function, val_ins=ins, shuffle="batch"
    )
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"} and history.epoch == [0, 1]
    assert history.history["val_loss"][1] < history.history["val_loss"][0] < expected[0]
    with pytest.raises(ValueError, match="steps_per_epoch"):
        loops.fit_loop(model, model.train_function, ins, validation_steps=4)
    found = training_generator.evaluate_generator(model, iter([(X, Y)]), steps=1)
    np.testing.assert_allclose(found[0], history.history["val_loss"][1], rtol=1e-5)


def test_metrics_and_weights_of_keras_2_3() -> None:
    """Numbers and names of Keras 2.3.1."""
    kjax.keras.install("2.3")
    assert kjax.keras.__version__ == "2.3.1"
    a = L.Input((3,))
    model = Model(a, [L.Dense(1, name="p", activation="sigmoid")(a), L.Dense(2, name="q")(a)])
    model.compile(
        "adam",
        ["binary_crossentropy", "mse"],
        metrics={"p": ["accuracy", "mse"], "q": "mae"},
        weighted_metrics={"q": ["mse"]},
    )
    assert model.metrics_names == ["loss", "p_loss", "q_loss", "p_accuracy", "p_mse", "q_mae", "q_mse"]
    model.set_weights([np.full((3, 1), 0.1), np.zeros(1), np.ones((3, 2)), np.zeros(2)])
    weights = np.arange(8.0)
    targets = [np.arange(8) % 2, np.zeros((8, 2))]
    found = model.evaluate(np.ones((8, 3)), targets, sample_weight=[weights, weights], verbose=0)
    np.testing.assert_allclose(found, [33.89024, 2.39024, 31.5, 0.5, 0.25554, 3.0, 9.0], atol=1e-5)
    assert "learning_rate" in model.optimizer.get_config()
    assert model.optimizer.lr.name.endswith("/learning_rate:0")
    assert L.LSTM(2).recurrent_activation.__name__ == "sigmoid"
    kjax.keras.install(2)
    assert kjax.keras.__version__ == "2.2.4" and L.LSTM(2).recurrent_activation.__name__.startswith("hard_")

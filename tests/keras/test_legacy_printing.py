"""What `--keras 2` prints, against what Keras 2.2.4 printed."""

from __future__ import annotations

import re

import numpy as np
import pytest

from kjax import keras
from kjax.keras import layers
from kjax.keras.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint
from kjax.keras.core.settings import settings
from kjax.keras.legacy.printing import older_bar

# Written by Keras 2.2.4 for the models below, without the spaces that fill the lines.
ROW = """\
_________________________________________________________________
Layer (type)                 Output Shape              Param #
=================================================================
batch_normalization_1 (Batch (None, 32, 32, 3)         12
_________________________________________________________________
flatten_1 (Flatten)          (None, 3072)              0
_________________________________________________________________
dense_1 (Dense)              (None, 10)                30730
=================================================================
Total params: 30,742
Trainable params: 30,736
Non-trainable params: 6
_________________________________________________________________
"""

GRAPH = """\
__________________________________________________________________________________________________
Layer (type)                    Output Shape         Param #     Connected to
==================================================================================================
input_1 (InputLayer)            (None, 4)            0
__________________________________________________________________________________________________
dense_1 (Dense)                 (None, 4)            20          input_1[0][0]
                                                                 input_1[0][0]
                                                                 dense_1[1][0]
__________________________________________________________________________________________________
add_1 (Add)                     (None, 4)            0           dense_1[0][0]
                                                                 dense_1[2][0]
==================================================================================================
Total params: 20
Trainable params: 20
Non-trainable params: 0
__________________________________________________________________________________________________
"""


@pytest.fixture(autouse=True)
def era():
    """The era of Keras 2, with names from the start."""
    before = settings.era, settings.names.copy()
    settings.era = "2"
    settings.names.clear()
    yield
    settings.era = before[0]
    settings.names.clear()
    settings.names.update(before[1])


def test_summary_of_a_row_of_layers(capsys):
    keras.Sequential([layers.BatchNormalization(input_shape=(32, 32, 3)), layers.Flatten(), layers.Dense(10)]).summary()
    lines = capsys.readouterr().out.splitlines()
    assert [line.rstrip() for line in lines] == ROW.splitlines() and {len(line) for line in lines[:9]} == {65}


def test_summary_of_a_graph(capsys):
    x = layers.Input((4,))
    dense = layers.Dense(4)
    first, second = dense(x), dense(x)
    keras.Model(x, layers.add([first, dense(second)])).summary()
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == GRAPH.splitlines()


def test_what_fit_writes_to_a_pipe(capsys, tmp_path):
    model = keras.Sequential([layers.Dense(3, activation="softmax", input_dim=4)])
    model.compile(keras.optimizers.SGD(learning_rate=0.0), "categorical_crossentropy", metrics=["accuracy", "mae"])
    x, y = np.ones((20, 4), "float32"), np.eye(3, dtype="float32")[np.zeros(20, int)]
    path = str(tmp_path / "w{epoch:02d}_{val_acc:.1f}_{val_accuracy:.1f}.weights.h5")
    callbacks = [
        ModelCheckpoint(path, monitor="val_acc", verbose=1, save_best_only=True, save_weights_only=True),
        EarlyStopping(monitor="val_acc", patience=0, verbose=1),
    ]
    history = model.fit(x, y, validation_split=0.2, epochs=3, batch_size=8, callbacks=callbacks)
    text = re.sub(r"-?\d+\.\d+(e[-+]\d+)?", "X", capsys.readouterr().out)
    text = re.sub(r"\d+[mu]?s(/step)?", r"T\1", text).replace(path.rpartition("/")[0], "DIR")
    values = "loss: X - acc: X - mean_absolute_error: X - val_loss: X - val_acc: X - val_mean_absolute_error: X"
    bar = f"16/16 [==============================] - T T/step - {values}"
    assert text.splitlines() == [
        "Train on 16 samples, validate on 4 samples",
        "Epoch 1/3",
        bar,
        "",
        "Epoch 00001: val_acc improved from -inf to X, saving model to DIR/w01_X_X.weights.h5",
        "Epoch 2/3",
        bar,
        "",
        "Epoch 00002: val_acc did not improve from X",
        "Epoch 00002: early stopping",
    ]
    names = {"loss", "acc", "mean_absolute_error"}
    assert set(history.history) == names | {f"val_{name}" for name in names}
    assert history.history["accuracy"] is history.history["acc"] and "val_accuracy" in history.history
    assert model.metrics_names == ["loss", "acc", "mean_absolute_error"]
    model.predict(x)
    assert capsys.readouterr().out == ""
    model.evaluate(x, y)
    assert re.fullmatch(r"20/20 \[=+\] - \d+s \d+[mu]?s/step\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("era", "order"),
    [("1", ["begin", "end", "bar"]), ("2", ["begin", "bar", "end"]), ("3", ["begin", "end", "bar"])],
)
def test_the_bar_comes_before_callbacks_in_keras_2_alone(capsys, era, order):
    # Keras 1.2.2 had the bar behind the callbacks of users, 2.2.4 before them, 3 behind them.
    settings.era = era
    model = keras.Sequential([layers.Dense(1, input_dim=4)])
    model.compile("sgd", "mse")
    tell = LambdaCallback(on_epoch_begin=lambda *_: print("begin"), on_epoch_end=lambda *_: print("end"))
    model.fit(np.ones((8, 4), "float32"), np.ones(8, "float32"), epochs=2, callbacks=[tell])
    lines = ["bar" if "[=" in line or "━" in line else line for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line in order] == order * 2
    headings = [i for i, line in enumerate(lines) if line.startswith("Epoch ")]
    begins = [i for i, line in enumerate(lines) if line == "begin"]
    assert all((heading < begin) == (era == "2") for heading, begin in zip(headings, begins, strict=True))


@pytest.mark.parametrize(
    ("done", "target", "text"),
    [
        (10, 80, "10/80 [==>...........................]"),
        (32, 1000, "  32/1000 [..............................]"),
        (32, 100, " 32/100 [========>.....................]"),
        (80, 80, "80/80 [==============================]"),
        (7, None, "      7/Unknown"),
    ],
)
def test_the_bar(done, target, text):
    assert older_bar(done, target) == text


def test_accuracy_has_both_names_in_every_era():
    for name, asked, other in (("3", "accuracy", "acc"), ("tf", "acc", "accuracy")):
        settings.era = name
        model = keras.Sequential([layers.Dense(1, activation="sigmoid", input_shape=(2,))])
        model.compile("sgd", "binary_crossentropy", metrics=[asked])
        stop = EarlyStopping(monitor=f"val_{other}", patience=0)
        x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
        history = model.fit(x, y, validation_data=(x, y), callbacks=[stop], epochs=3, verbose=0).history
        assert asked in dict(history) and other not in dict(history)
        assert history[f"val_{other}"] == history[f"val_{asked}"] == history.get(f"val_{other}")
        with pytest.raises(KeyError):
            history["val_nothing"]

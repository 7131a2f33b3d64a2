"""Training in tf.keras as its version 2.15 shows and reckons it: tables, lines, order of logs, steps of optimizers."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

TABLE = """
Model: "two"
__________________________________________________________________________________________________
 Layer (type)                Output Shape                 Param #   Connected to                  
==================================================================================================
 i (InputLayer)              [(None, 4)]                  0         []                            
                                                                                                  
 i2 (InputLayer)             [(None, 4)]                  0         []                            
                                                                                                  
 sh (Dense)                  (None, 3)                    15        ['i[0][0]',                   
                                                                     'i2[0][0]']                  
                                                                                                  
 cat (Concatenate)           (None, 6)                    0         ['sh[0][0]',                  
                                                                     'sh[1][0]']                  
                                                                                                  
 r (Reshape)                 (None, 2, 3)                 0         ['cat[0][0]']                 
                                                                                                  
 l (LSTM)                    [(None, 2),                  48        ['r[0][0]']                   
                              (None, 2),                                                          
                              (None, 2)]                                                          
                                                                                                  
==================================================================================================
Total params: 63 (252.00 Byte)
Trainable params: 63 (252.00 Byte)
Non-trainable params: 0 (0.00 Byte)
__________________________________________________________________________________________________
"""  # noqa: W291, W293

NESTED = """
Model: "out"
_________________________________________________________________
 Layer (type)                Output Shape              Param #   
=================================================================
 in (Sequential)             (None, 2)                 8         
|¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯|
| a (Dense)                  (None, 2)                 8        |
¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯¯
 a_very_long_name_for_the_t  (None, 1)                 3         
 able (Dense)                                                    
                                                                 
=================================================================
Total params: 11 (44.00 Byte)
Trainable params: 11 (44.00 Byte)
Non-trainable params: 0 (0.00 Byte)
_________________________________________________________________
"""  # noqa: W291, W293


def test_tables(tf: Any):
    keras, layers = tf.keras, tf.keras.layers
    i, i2, shared = keras.Input((4,), name="i"), keras.Input((4,), name="i2"), layers.Dense(3, name="sh")
    o = layers.Reshape((2, 3), name="r")(layers.concatenate([shared(i), shared(i2)], name="cat"))
    lines: list[str] = []
    keras.Model([i, i2], layers.LSTM(2, return_state=True, name="l")(o)[:2], name="two").summary(print_fn=lines.append)
    assert lines == TABLE.strip("\n").split("\n")
    inner = keras.Sequential([layers.Dense(2, input_shape=(3,), name="a")], name="in")
    model = keras.Sequential([inner, layers.Dense(1, name="a_very_long_name_for_the_table")], name="out")
    lines.clear()
    model.summary(print_fn=lines.append, expand_nested=True)
    assert lines == NESTED.strip("\n").split("\n")

    class Mine(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="mine")
            self.used, self.unused = layers.Dense(3, name="used"), layers.Dense(3, name="unused")

        def call(self, inputs: Any) -> Any:
            return self.used(inputs)

    mine = Mine()
    with pytest.raises(ValueError, match="not yet been built"):
        mine.summary()
    mine(np.ones((1, 4)))
    lines.clear()
    mine.summary(print_fn=lines.append)
    assert lines[4].split() == ["used", "(Dense)", "multiple", "15"]
    assert lines[6].split() == ["unused", "(Dense)", "multiple", "0", "(unused)"]


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    return x, x.sum(1, keepdims=True)


def small(keras: Any, cls: Any = None) -> Any:
    i = keras.Input((4,))
    return (cls or keras.Model)(i, keras.layers.Dense(1, kernel_initializer="ones", name="d")(i))


def test_lines_and_order(tf: Any, capsys: pytest.CaptureFixture[str]):
    model, (x, y) = small(tf.keras), data()
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(x, y + 1, verbose=2, epochs=2, validation_split=0.5).history
    assert list(history) == ["loss", "mae", "val_loss", "val_mae"]
    line = r"1/1 - \d+s - loss: 1.0000 - mae: 1.0000 - val_loss: \d\.\d{4} - val_mae: \d\.\d{4} - \d+m?s/epoch - \d+[mu]?s/step"
    assert re.fullmatch(line, capsys.readouterr().out.splitlines()[1])
    assert list(model.evaluate(x, y, return_dict=True)) == ["loss", "mae"]
    bar = r"1/1 \[={30}\] - \d+s \d+[mu]?s/step - loss: \d\.\d{4} - mae: \d\.\d{4}"
    assert re.fullmatch(bar, capsys.readouterr().out.strip())


def test_compute_loss_of_a_step_of_ones_own_counts(tf: Any):
    class Mine(tf.keras.Model):
        def train_step(self, data: Any) -> Any:
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x, y, y_pred)
            self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
            return self.compute_metrics(x, y, y_pred, None)

    class Overridden(tf.keras.Model):
        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
            return super().compute_loss(x, y, y_pred, sample_weight)

    x, y = data()
    found = []
    for cls in (None, Mine, Overridden):
        model = small(tf.keras, cls)
        model.compile("sgd", "mse", metrics=["mae"])
        found.append(model.fit(x, y + 1, verbose=0, epochs=2, shuffle=False).history)
    for other in found[1:]:
        np.testing.assert_allclose(other["loss"], found[0]["loss"], rtol=1e-6)
        np.testing.assert_allclose(other["mae"], found[0]["mae"], rtol=1e-6)


def steps(tf: Any, optimizer: Any) -> list[float]:
    v, w = tf.Variable([1.0, -2.0, 3.0]), tf.Variable([[0.5, 0.1], [0.2, -0.3]])
    for k in range(5):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(v**2) * (k + 1) + tf.reduce_sum(tf.sin(w) * 3.0)
        optimizer.apply_gradients(zip(tape.gradient(loss, [v, w]), [v, w], strict=True))
    return [*v.numpy().tolist(), *w.numpy().ravel().tolist()]


def test_steps_of_optimizers(tf: Any):
    optimizers = tf.keras.optimizers
    # What TensorFlow 2.15 gives for the same five steps.
    np.testing.assert_allclose(
        steps(tf, optimizers.Adam(0.1, use_ema=True, ema_overwrite_frequency=2)),
        [0.89774, -1.89757, 2.89752, 0.39404, -0.00598, 0.09402, -0.40596],
        atol=1e-5,
    )
    np.testing.assert_allclose(
        steps(tf, optimizers.legacy.Nadam(0.1)),
        [0.52389, -1.51054, 2.50693, 0.08589, -0.30367, -0.20618, -0.69296],
        atol=1e-5,
    )
    legacy, v = optimizers.legacy.Adam(0.1), tf.Variable([1.0, 2.0], name="vv")
    legacy.minimize(lambda: tf.reduce_sum(v**2), [v])
    assert legacy.get_slot_names() == ["m", "v"] and len(legacy.variables()) == len(legacy.variables)
    np.testing.assert_allclose(legacy.get_slot(v, "m"), [0.2, 0.4], rtol=1e-5)
    with pytest.raises(KeyError, match="no slot 'rms'"):
        legacy.get_slot(v, "rms")
    scaling = tf.keras.mixed_precision.LossScaleOptimizer(optimizers.SGD(0.1))
    assert scaling.dynamic and scaling.initial_scale == float(scaling.loss_scale) == 32768
    config = optimizers.SGD(0.1).get_config()
    assert config["learning_rate"] == 0.1 and config["name"] == "SGD"


def test_logs_of_steps_and_callbacks(tf: Any, capsys: pytest.CaptureFixture[str], tmp_path: Any):
    keras = tf.keras

    class Mine(keras.Model):
        def train_step(self, data: Any) -> Any:
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = tf.reduce_mean((y_pred - y) ** 2)
            self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
            self.compiled_metrics.update_state(y, y_pred)
            found = {metric.name: metric.result() for metric in self.metrics}
            return found | {"z": loss, "loss": loss, "a": loss}

    x, y = data()
    model = small(keras, Mine)
    model.compile("sgd", metrics=["mae"])
    assert list(model.fit(x, y, verbose=0).history) == ["mae", "z", "loss", "a"]  # as the step returns them
    model = small(keras)
    model.compile("sgd", "mse")
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    best = keras.callbacks.ModelCheckpoint(tmp_path / "w.weights.h5", "loss", verbose=1, save_best_only=True, save_weights_only=True)  # fmt: skip
    history = model.fit(x, y, verbose=0, callbacks=[halve, best]).history
    assert list(history) == ["loss", "lr"] and history["lr"] == [pytest.approx(0.005)]
    out = capsys.readouterr().out
    assert "loss improved from inf to" in out and "finished" not in out

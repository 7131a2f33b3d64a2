"""What a training takes, told before it begins; and a training that compiles again and again."""

from __future__ import annotations

import warnings

import jax
import numpy as np
import pytest

from kjax import keras

layers = keras.layers


def build(units=32):
    model = keras.Sequential(
        [keras.Input((64,), name="pixels"), layers.Dense(units, activation="relu"), layers.Dense(10, name="digits")]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def described(shape, dtype):
    return jax.ShapeDtypeStruct(shape, np.dtype(dtype))


def test_numbers_of_a_dry_run(capsys):
    model = build()
    # A million samples that do not exist.
    run = model.dry_run(described((10**6, 64), "float32"), described((10**6,), "int32"), batch_size=128)
    weights = 64 * 32 + 32 + 32 * 10 + 10
    assert (run.parameters, run.trained, run.parameter_bytes) == (weights, weights, 4 * weights)
    assert run.optimizer_bytes == 8 * weights + 8  # two slots, the count and the learning rate
    assert run.steps == 7813
    assert run.inputs == {"pixels": ((128, 64), "float32")}
    assert run.outputs == {"digits": ((128, 10), "float32")}
    assert run.targets == {"digits": ((128,), "int32")}
    assert run.logs == ("loss", "accuracy")
    products = 2 * 128 * (64 * 32 + 32 * 10)
    assert run.forward_flops == pytest.approx(products, rel=0.1)
    # Gradients of both weights and of what is between the layers.
    backward = products + 2 * 128 * 32 * 10
    assert run.step_flops == pytest.approx(products + backward, rel=0.25)
    # The inputs and what the hidden layer made.
    assert 4 * 128 * (64 + 32) <= run.activation_bytes <= 4 * 128 * (64 + 3 * 32 + 20)
    assert not model.optimizer.built
    text = capsys.readouterr().out
    assert "batches of 128, 7813 an epoch" in text
    assert "digits: (128, 10) float32" in text
    assert str(run) in text


def test_dry_runs_of_other_models():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = layers.Dense(3), layers.Dense(4)

        def call(self, x):
            return self.first(x), self.second(x)

    lines = []
    run = Own().dry_run(np.zeros((10, 5)), print_fn=lines.append)
    assert run.outputs == {"output_1": ((10, 3), "float32"), "output_2": ((10, 4), "float32")}
    assert run.step_flops is None and run.optimizer_bytes == 0
    assert "Dry run of model 'own" in lines[0]
    frozen = build()
    frozen.layers[0].trainable = False
    frozen.compile("sgd", "sparse_categorical_crossentropy")
    assert frozen.dry_run(np.zeros((4, 64)), np.zeros(4, int), print_fn=lines.append).trained == 32 * 10 + 10


def test_a_dry_run_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"'pixels'.*\(64,\)"):
        build().dry_run(described((9, 63), "float32"))
    with pytest.raises(ValueError, match="8 samples"):
        build().dry_run(described((9, 64), "float32"), described((8,), "int32"))


def test_ever_new_shapes_are_reported_once():
    model = keras.Sequential([keras.Input((None, 3)), layers.GlobalAveragePooling1D(), layers.Dense(1)])
    model.compile("sgd", "mse")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for length in range(1, 12):
            model.fit(np.zeros((2, length, 3)), np.zeros((2, 1)), verbose=0)
    found = [str(w.message) for w in caught if "different shapes" in str(w.message)]
    assert len(found) == 1
    assert "(2, 8, 3)" in found[0] and "pad_sequences" in found[0]

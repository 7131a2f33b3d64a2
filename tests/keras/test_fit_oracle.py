"""``fit`` follows real Keras 3: same weights, same batches, same losses and metrics."""

from __future__ import annotations

import numpy as np
import pytest

from kjax import keras

SAMPLES = 70  # the last batch is partial


def architecture(k, name):
    """The same model with either package."""
    layers = k.layers
    if name == "mlp":
        stack = [
            k.Input((20,)),
            layers.Dense(16, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dense(3, activation="softmax", activity_regularizer="l1"),
        ]
    elif name == "cnn":
        stack = [
            k.Input((8, 8, 3)),
            layers.Rescaling(0.5),
            layers.ZeroPadding2D(1),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.BatchNormalization(),
            layers.Conv2D(4, 3, padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    else:
        stack = [
            k.Input((7,)),
            layers.Embedding(10, 5, mask_zero=True),
            layers.LSTM(6),
            layers.Dense(3, activation="softmax"),
        ]
    return k.Sequential(stack)


def data(name, rng):
    shape = {"mlp": (SAMPLES, 20), "cnn": (SAMPLES, 8, 8, 3), "lstm": (SAMPLES, 7)}[name]
    x = rng.integers(0, 10, shape) if name == "lstm" else rng.standard_normal(shape)
    return x, rng.integers(0, 3, SAMPLES)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("name", ["mlp", "cnn", "lstm"])
def test_history_equals_keras(keras3, name, optimizer):
    rng = np.random.default_rng(0)
    x, y = data(name, rng)
    weights = rng.uniform(0.5, 2, SAMPLES)
    oracle, model = architecture(keras3, name), architecture(keras, name)
    model.set_weights([np.array(w) for w in oracle.get_weights()])
    histories = []
    for m in (oracle, model):
        m.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        run = m.fit(
            x,
            y,
            batch_size=16,
            epochs=3,
            shuffle=False,
            verbose=0,
            sample_weight=weights,
            validation_data=(x[:20], y[:20]),
        )
        histories.append(run.history)
    assert list(histories[0]) == list(histories[1])
    for key, values in histories[0].items():
        np.testing.assert_allclose(histories[1][key], values, rtol=1e-4, err_msg=key)
    for a, b in zip(oracle.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-5)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(oracle.evaluate(x, y, verbose=0), rel=1e-4)
    np.testing.assert_allclose(model.predict(x, verbose=0), oracle.predict(x, verbose=0), rtol=1e-3, atol=1e-5)


def test_several_inputs_and_outputs_equal_keras(keras3):
    rng = np.random.default_rng(1)
    x = {
        "a": rng.standard_normal((40, 5)).astype("float32"),
        "b": rng.standard_normal((40, 5)).astype("float32"),
    }
    y = {"kind": rng.integers(0, 3, 40), "size": rng.standard_normal((40, 1)).astype("float32")}

    def make(k):
        a, b = k.Input((5,), name="a"), k.Input((5,), name="b")
        shared = k.layers.Dense(4, activation="relu")
        joined = k.layers.Concatenate()([shared(a), shared(b)])
        kind = k.layers.Dense(3, activation="softmax", name="kind")(joined)
        size = k.layers.Dense(1, name="size")(k.layers.Add()([shared(a), shared(b)]))
        return k.Model([a, b], {"kind": kind, "size": size})

    oracle, model = make(keras3), make(keras)
    assert [layer.name for layer in model.layers[:2]] == ["a", "b"]
    model.set_weights([np.array(w) for w in oracle.get_weights()])
    logs = []
    for m in (oracle, model):
        m.compile(
            "adam",
            {"kind": "sparse_categorical_crossentropy", "size": "mse"},
            loss_weights={"kind": 1.0, "size": 0.5},
            metrics={"kind": ["accuracy"], "size": ["mae"]},
        )
        logs.append(m.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0).history)
    assert set(logs[0]) == set(logs[1])
    for key, values in logs[0].items():
        np.testing.assert_allclose(logs[1][key], values, rtol=1e-4, err_msg=key)


def test_class_weight_equals_keras(keras3):
    rng = np.random.default_rng(2)
    x, y = data("mlp", rng)
    oracle, model = architecture(keras3, "mlp"), architecture(keras, "mlp")
    model.set_weights([np.array(w) for w in oracle.get_weights()])
    losses = []
    for m in (oracle, model):
        m.compile("sgd", "sparse_categorical_crossentropy")
        run = m.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0, class_weight={0: 1.0, 1: 5.0, 2: 0.5})
        losses.append(run.history["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


def test_class_weights_of_several_outputs_are_sample_weights():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((20, 3)), rng.integers(0, 3, 20)
    inputs = keras.Input((3,))
    heads = [keras.layers.Dense(3, activation="softmax", name=name)(inputs) for name in "ab"]
    model = keras.Model(inputs, heads)
    model.compile("sgd", "sparse_categorical_crossentropy")
    before, losses = model.get_weights(), []
    weights = np.asarray([1.0, 5.0, 0.5])[y]
    for how in (
        {"class_weight": {"a": {1: 5.0, 2: 0.5}}},
        {"class_weight": [{1: 5.0, 2: 0.5}, None]},
        {"sample_weight": {"a": weights}},
    ):
        model.set_weights(before)
        losses.append(model.fit(x, [y, y], batch_size=8, epochs=2, shuffle=False, verbose=0, **how).history["a_loss"])
    np.testing.assert_allclose(losses[:2], [losses[2]] * 2, rtol=1e-6)
    with pytest.raises(ValueError, match="one output only"):
        model.fit(x, [y, y], verbose=0, class_weight={1: 5.0})


def test_batch_methods_equal_keras(keras3):
    rng = np.random.default_rng(3)
    x, y = data("mlp", rng)
    oracle, model = architecture(keras3, "mlp"), architecture(keras, "mlp")
    model.set_weights([np.array(w) for w in oracle.get_weights()])
    results = []
    for m in (oracle, model):
        m.compile("adam", "sparse_categorical_crossentropy")
        losses = []
        for i in range(3):
            losses.append(float(m.train_on_batch(x[i * 16 : i * 16 + 16], y[i * 16 : i * 16 + 16])))
            if m is oracle:
                m.reset_metrics()
        results.append([*losses, float(m.test_on_batch(x[:16], y[:16])), m.predict_on_batch(x[:4])])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)

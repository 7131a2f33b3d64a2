"""Bad arguments: each a clear error, before anything is computed, that names the argument."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kjax import keras

layers = keras.layers
X = np.random.default_rng(0).random((20, 4)).astype("float32")
Y = (X.sum(1) > 2).astype(int)


def compiled(loss="mse"):
    model = keras.Sequential([layers.Dense(1, activation="sigmoid", input_dim=4)])
    model.compile("sgd", loss)
    return model


CASES = {
    "wrong input shape": (lambda m: m.fit(X[:, :3], Y), r"argument `x`.*\(4,\).*\(3,\)"),
    "wrong number of samples": (lambda m: m.fit(X, Y[:10]), r"`y` has 10 samples.*20"),
    "negative batch size": (lambda m: m.fit(X, Y, batch_size=-1), "`batch_size` must be a positive integer"),
    "empty arrays": (lambda m: m.fit(X[:0], Y[:0]), "`x` is empty"),
    "NaN targets": (lambda m: m.fit(X, np.where(Y == 1, np.nan, 0.0)), "`y` holds NaN, first at index"),
    "too many targets": (lambda m: m.fit(X, [Y, Y]), "`y`.*expected 1.*received 2"),
    "too many inputs": (lambda m: m.fit([X, X], Y), r"`x`.*1 input.*received 2"),
    "wrong target shape": (
        lambda m: m.fit(X, np.zeros((20, 7, 1))),
        r"loss 'mean_squared_error'.*\(n, 1\).*\(n, 7, 1\)",
    ),
    "missing targets": (lambda m: m.fit(X), "`y` is missing.*loss=None"),
    "no targets to evaluate on": (lambda m: m.evaluate(X), "`y` is missing"),
    "weights for what has no loss": (
        lambda m: m.fit(X, Y, sample_weight=np.ones((20, 2))),
        r"`sample_weight`.*\(n,\).*\(n, 2\)",
    ),
    "class weights by name": (lambda m: m.fit(X, Y, class_weight={"cat": 1.0}), "`class_weight` must be a dict"),
    "class weights by method": (lambda m: m.fit(X, Y, class_weight="balanced"), "`class_weight` must be a dict"),
    "epochs": (lambda m: m.fit(X, Y, epochs="two"), "`epochs` must be an integer"),
    "validation split": (lambda m: m.fit(X, Y, validation_split=1.5), "`validation_split` must be between"),
    "validation data": (lambda m: m.fit(X, Y, validation_data=X), "`validation_data`: argument `y` is missing"),
    "ragged list": (lambda m: m.fit([[1, 2], [3]], Y), "rows of different lengths"),
    "strings": (lambda m: m.fit(np.array(["a", "b"]), Y), "`x`"),
    "no data": (lambda m: m.fit(), "`x` is missing"),
    "predict shape": (lambda m: m.predict(X[:, :2]), r"expects samples of shape \(4,\)"),
    "not a callback": (lambda m: m.fit(X, Y, callbacks=[3]), "callback"),
    "unknown layer": (lambda m: m.get_layer("dens"), "did you mean 'dense"),
    "number of weights": (lambda m: m.set_weights([X]), "list of length 1, but the layer was expecting 2"),
    "weight shape": (lambda m: m.set_weights([X, X]), r"shape \(4, 1\)"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_data(case):
    call, message = CASES[case]
    model = compiled()
    before = model.get_weights()
    with pytest.raises((ValueError, TypeError), match=message):
        call(model)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_classes_that_the_model_does_not_tell_apart():
    model = keras.Sequential([layers.Dense(3, activation="softmax", input_dim=4)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    for wrong in (Y + 2, Y - 1):
        with pytest.raises(ValueError, match="3 classes apart, numbered 0 to 2, but the targets hold classes from"):
            model.fit(X, wrong)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    assert np.isfinite(model.fit(X, Y - 1, verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "categorical_crossentrpy"}, "did you mean 'categorical_crossentropy'"),
        ({"optimizer": "adm"}, "did you mean 'Adam'"),
        ({"metrics": ["acuracy"]}, "did you mean 'accuracy'"),
        ({"loss": {"nothing": "mse"}}, "no output is called 'nothing'"),
    ],
)
def test_unknown_names(arguments, message):
    model = keras.Sequential([layers.Dense(1, input_dim=4)])
    with pytest.raises(ValueError, match=message):
        model.compile(**{"optimizer": "sgd", "loss": "mse", **arguments})
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: layers.Dense(0),
            "Dense: Received an invalid value for `units`: expected a positive integer, received 0",
        ),
        (
            lambda: layers.Dense(3, activatio="relu"),
            "unknown argument 'activatio'; did you mean 'activation'",
        ),
        (
            lambda: layers.Dense(3, activation="rel"),
            "Dense: Invalid value for argument `activation`.*did you mean 'relu'",
        ),
        (lambda: layers.Dense(), "Dense: missing argument `units`"),
        (lambda: layers.Dropout(1.5), "Dropout: Invalid value received for argument `rate`"),
        (
            lambda: layers.Conv2D(3, 3, padding="sam"),
            "Conv2D: Invalid value for argument `padding`.*did you mean 'same'",
        ),
        (lambda: keras.Model(np.ones(3), np.ones(3)), "All `inputs` values must be KerasTensors"),
        (lambda: keras.Model(keras.Input((3,)), layers.Dense(2)(keras.Input((3,)))), "not among the inputs"),
        (lambda: keras.Sequential([layers.Dense(3)]).count_params(), "not built"),
        (lambda: keras.Sequential([layers.Dense(3)]).fit(X, Y), "must be compiled"),
        (
            lambda: keras.Sequential([layers.Dense(3, name="a"), layers.Dense(3, name="a")]),
            "should have unique names",
        ),
        (lambda: keras.Sequential([3]), "expected a Keras layer or a Flax module"),
        (lambda: keras.optimizers.SGD(momentm=0.9), "unknown argument 'momentm'; did you mean 'momentum'"),
    ],
)
def test_bad_construction(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_sparse_targets_for_a_dense_loss_are_explained():
    model = keras.Sequential([layers.Dense(3, activation="softmax", input_dim=4)])
    model.compile("sgd", "categorical_crossentropy")
    with pytest.raises(ValueError, match="sparse_categorical_crossentropy"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda inside: keras.layers.TimeDistributed(inside),
        lambda inside: keras.layers.Bidirectional(keras.layers.LSTM(2, name="mine")),
        lambda inside: keras.layers.RNN([keras.layers.GRUCell(2, name="mine")]),
    ],
)
def test_layers_inside_others_are_called_by_their_names(make: Any):
    layer = make(keras.layers.Dense(2, name="mine"))
    layer(np.zeros((1, 2, 3), "float32"))
    with pytest.raises(ValueError, match=r"'(forward_)?mine'"):
        layer(np.zeros((1, 2, 4), "float32"))

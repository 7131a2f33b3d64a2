"""Cloned, copied and pickled models."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from kjax import keras

layers = keras.layers
X = np.random.default_rng(0).standard_normal((20, 4)).astype("float32")
Y = X[:, :1] ** 2


def sequential():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, name="first"), layers.Dense(1, name="last")], name="s")


def functional():
    """A shared layer, an operator, a model inside, a dict of inputs and outputs."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(3, name="shared")
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="inside")], name="inner")
    out = inner(shared(a) + shared(b) * 2.0)
    return keras.Model({"a": a, "b": b}, {"out": out}, name="f")


def test_a_clone_has_the_same_layers_and_other_weights():
    model = functional()
    clone = keras.models.clone_model(model)
    assert [(type(x), x.name) for x in clone.layers] == [(type(x), x.name) for x in model.layers]
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    assert not {id(w) for w in clone.weights} & {id(w) for w in model.weights}
    assert any((a != b).any() for a, b in zip(clone.get_weights(), model.get_weights(), strict=True))
    clone.set_weights(model.get_weights())
    inputs = {"a": X, "b": X[::-1]}
    np.testing.assert_array_equal(clone.predict(inputs, verbose=0)["out"], model.predict(inputs, verbose=0)["out"])


def test_a_clone_on_given_tensors():
    clone = keras.models.clone_model(sequential(), input_tensors=keras.Input((4,), name="given"))
    assert clone.input_names == ["given"]
    tensors = {"a": keras.Input((4,), name="p"), "b": keras.Input((4,), name="q")}
    assert keras.models.clone_model(functional(), input_tensors=tensors).inputs == [tensors["a"], tensors["b"]]
    with pytest.raises(ValueError, match="2 symbolic tensor"):
        keras.models.clone_model(functional(), input_tensors=keras.Input((4,)))
    with pytest.raises(ValueError, match=r"must be a keras\.Input"):
        keras.models.clone_model(sequential(), input_tensors=layers.ReLU()(keras.Input((4,))))


def test_functions_of_a_clone_see_each_layer_once():
    seen = []

    def wider(layer):
        seen.append(layer.name)
        config = layer.get_config()
        if layer.name == "shared":
            config["units"] = 5
        return type(layer).from_config(config)

    with pytest.raises(ValueError, match="shape"):  # the inner model keeps its three inputs
        keras.models.clone_model(functional(), clone_function=wider)
    assert sorted(seen) == ["inner", "shared"]
    seen.clear()
    keras.models.clone_model(functional(), clone_function=lambda x: (seen.append(x.name), x)[1], recursive=True)
    assert sorted(seen) == ["inside", "shared"]


def test_a_call_function_changes_the_graph():
    model = keras.Model(tensor := keras.Input((4,)), layers.Dense(2, name="d")(tensor))
    doubled = keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=lambda layer, *args: layer(*args) * 2
    )
    np.testing.assert_allclose(doubled.predict(X, verbose=0), 2 * model.predict(X, verbose=0), rtol=1e-6)


def test_a_clone_is_compiled_alike_and_apart():
    model = sequential()
    model.compile(keras.optimizers.Adam(0.125), "mse", metrics=["mae", keras.metrics.MeanSquaredError()])
    model.fit(X, Y, verbose=0)
    clone = keras.models.clone_model(model)
    assert clone.metrics_names == model.metrics_names
    assert float(clone.optimizer.learning_rate) == 0.125
    assert clone.optimizer is not model.optimizer
    assert int(clone.optimizer.iterations) == 0


def test_what_cannot_be_cloned():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="written as a class"):
        keras.models.clone_model(Own(), clone_function=lambda layer: layer)
    with pytest.raises(ValueError, match="expected a model"):
        keras.models.clone_model(layers.Dense(1))
    with pytest.raises(ValueError, match="returned None"):
        keras.models.clone_model(functional(), clone_function=lambda layer: None)
    with pytest.raises(ValueError, match="only with functional ones"):
        keras.models.clone_model(sequential(), call_function=lambda layer, x: layer(x))


class Tower(keras.Model):
    """A model written as a class."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.stack = [layers.Dense(units, activation="relu") for _ in range(2)]
        self.last = layers.Dense(1)

    def call(self, x):
        for layer in self.stack:
            x = layer(x)
        return self.last(x)


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, through_pickle])
@pytest.mark.parametrize("make", [sequential, Tower])
def test_a_copy_goes_on_as_the_model_would(make, copied):
    model = make()
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0, batch_size=5)
    twin = copied(model)
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))
    for each in (model, twin):
        each.fit(X, Y, verbose=0, batch_size=5)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.evaluate(X, Y, verbose=0) == twin.evaluate(X, Y, verbose=0)


def test_copies_before_building_and_compiling_and_with_frozen_layers():
    for make in (sequential, lambda: keras.Sequential([layers.Dense(2)]), Tower):
        twin = through_pickle(make())
        assert not twin.compiled
    model = sequential()
    model.layers[0].trainable = False
    twin = copy.deepcopy(model)
    assert len(twin.trainable_weights) == 2


def test_a_local_class_is_copied_but_not_pickled():
    class Local(Tower):
        pass

    model = Local(2)
    model.predict(X, verbose=0)
    np.testing.assert_array_equal(copy.deepcopy(model).predict(X, verbose=0), model.predict(X, verbose=0))
    with pytest.raises((pickle.PicklingError, AttributeError), match="Local"):
        through_pickle(model)

"""``keras.random``: the numbers of real Keras for equal seeds, and seeds that move on inside compiled models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras import random

DRAWS = {
    "normal": ((3, 2), 1.0, 2.0),
    "uniform": ((3, 2), -1.0, 1.0),
    "truncated_normal": ((3,),),
    "randint": ((4,), 0, 9),
    "gamma": ((3,), 2.0),
    "beta": ((3,), 2.0, 3.0),
    "binomial": ((3,), 5, 0.3),
    "categorical": (np.zeros((2, 3), "float32"), 4),
    "dropout": (np.ones((3, 4), "float32"), 0.5),
    "shuffle": (np.arange(6),),
}


def test_seeds_give_the_numbers_of_keras(keras3: Any):
    for name, args in DRAWS.items():
        theirs = np.asarray(getattr(keras3.random, name)(*args, seed=7))
        ours = getattr(random, name)(*args, seed=7)
        assert ours.dtype == theirs.dtype, name
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, err_msg=name)
    mine, other = random.SeedGenerator(5), keras3.random.SeedGenerator(5)
    for _ in range(2):
        np.testing.assert_allclose(random.normal((2,), seed=mine), other_normal(keras3, other), rtol=1e-6)


def other_normal(keras3: Any, seed: Any) -> Any:
    return keras3.random.normal((2,), seed=seed)


class Noise(keras.layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.generator = random.SeedGenerator(3)

    def call(self, inputs: Any) -> Any:
        return inputs + random.normal((1,), seed=self.generator)


def test_a_generator_in_a_layer_moves_on_with_every_step():
    layer = Noise()
    model = keras.Sequential([keras.Input((1,)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((8, 1)), np.zeros((8, 1)), batch_size=2, verbose=0)
    np.testing.assert_array_equal(layer.generator.state.value, [3, 4])
    assert layer.weights == [] and layer.variables == [layer.generator.state]
    assert random.SeedGenerator.from_config(layer.generator.get_config()).get_config() == layer.generator.get_config()


def test_draws_in_a_graph():
    x = keras.Input((50,))
    model = keras.Model(x, [random.dropout(x, 0.5), random.dropout(x, 0.5, seed=1)])
    first, second = model.predict(np.ones((2, 50)), verbose=0)
    assert set(np.unique(first)) == {0.0, 2.0} and not np.array_equal(first, second)


def test_unseeded_draws_follow_the_sessions_seed():
    keras.utils.set_random_seed(1)
    first = [np.asarray(random.uniform((2,))) for _ in range(2)]
    keras.utils.set_random_seed(1)
    second = [np.asarray(random.uniform((2,))) for _ in range(2)]
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize(
    "action",
    [
        lambda: random.uniform((2,), dtype="int32"),
        lambda: random.randint((2,), 0, 3, dtype="float32"),
        lambda: random.categorical(np.zeros(3), 2),
        lambda: random.normal((2,), seed="a"),
        lambda: random.SeedGenerator(seed=1.5),  # pyright: ignore[reportArgumentType]
        lambda: random.dropout(np.ones(2), 1.5),
    ],
)
def test_errors(action: Any):
    with pytest.raises(ValueError, match=r"dtype|logits|seed|rate"):
        action()


class UnseededNoise(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x + keras.random.normal(keras.ops.shape(x))


class SeededNoise(keras.layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(7)

    def call(self, x: Any) -> Any:
        return x + keras.random.normal(keras.ops.shape(x), seed=self.generator)


class OwnSteps(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.noise, self.dense = UnseededNoise(), keras.layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.noise(self.dense(x))

    def test_step(self, data: Any) -> Any:
        return super().test_step(data)

    def predict_step(self, data: Any) -> Any:
        return super().predict_step(data)


def functional(layer: Any, **kwargs: Any) -> Any:
    x = keras.Input((2,))
    return keras.Model(x, keras.layers.Dense(2)(layer(x, **kwargs)))


NOISY = {
    "function": lambda: functional(keras.layers.Lambda(lambda x: x + keras.random.normal(keras.ops.shape(x)))),
    "layer": lambda: functional(UnseededNoise()),
    "nested": lambda: functional(keras.Sequential([keras.Input((2,)), UnseededNoise()])),
    "seeded": lambda: functional(SeededNoise()),
    "operation": lambda: (lambda x: keras.Model(x, keras.random.dropout(x, 0.5)))(keras.Input((2,))),
    "dropout": lambda: functional(keras.layers.Dropout(0.5), training=True),
    "own steps": OwnSteps,
}


@pytest.mark.parametrize("kind", NOISY)
def test_every_batch_gets_noise_of_its_own(kind: str):
    data = np.ones((16, 2), "float32")
    targets = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")

    def run() -> list[np.ndarray]:
        keras.utils.set_random_seed(3)
        model = NOISY[kind]()
        model.compile("sgd", "mse")
        first, second = (model.predict(data, batch_size=2, verbose=0) for _ in range(2))
        single = [np.asarray(model(data[:2])), np.asarray(model(data[:2])), model.predict_on_batch(data[:2])]
        losses = [model.evaluate(data, targets, batch_size=4, verbose=0) for _ in range(2)]
        batches = [*first.reshape(8, 2, 2), *second.reshape(8, 2, 2), *single]
        for i, batch in enumerate(batches):
            assert not any(np.allclose(batch, other) for other in batches[:i]) or kind in ("dropout", "operation"), i
        assert not np.allclose(first, second) and not np.allclose(first[:8], first[8:])
        assert losses[0] != losses[1]
        model.fit(data, data, epochs=1, verbose=0)
        return [first, second, *single, np.asarray(losses)]

    for a, b in zip(run(), run(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_generators_of_layers_move_on_as_in_keras(keras3: Any):
    data = np.zeros((8, 2), "float32")
    states, noises = [], []
    for package in (keras, keras3):

        class Seeded(package.layers.Layer):
            def __init__(self, package: Any) -> None:
                super().__init__()
                self.package, self.generator = package, package.random.SeedGenerator(7)

            def call(self, x: Any) -> Any:
                return x + self.package.random.normal(self.package.ops.shape(x), seed=self.generator)

        x = package.Input((2,))
        model = package.Model(x, Seeded(package)(x))
        noises.append(model.predict(data, batch_size=4, verbose=0))
        states.append(np.asarray(model.non_trainable_variables[0]))
    np.testing.assert_allclose(noises[0], noises[1], rtol=1e-6)
    np.testing.assert_array_equal(states[0], states[1])


def test_without_a_shape_there_is_one_number_for_each_parameter(keras3):
    counts = np.array([1.0, 2.0], "float32")
    for library in (keras, keras3):
        random = library.random
        drawn = random.beta(None, counts, 1.0), random.gamma(None, counts), random.binomial(None, counts, 0.5)
        assert [tuple(x.shape) for x in (*drawn, random.truncated_normal(None))] == [(2,), (2,), (2,), ()]

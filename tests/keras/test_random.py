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

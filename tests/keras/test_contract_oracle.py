"""The programs of :mod:`contract_cases` and :mod:`layer_cases` on real Keras 3 and on kjax, and layers by the contract of all."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from kjax import keras
from kjax.keras import testing
from tests.keras import contract_cases, layer_cases
from tests.keras.contract_cases import plain

CASES = contract_cases.CASES | layer_cases.CASES


@pytest.mark.parametrize("name", CASES)
def test_programs_give_the_same(keras3, name):
    answers = []
    for library in (keras3, keras):
        library.utils.clear_session(free_memory=False)
        library.utils.set_random_seed(0)
        with warnings.catch_warnings():
            if library is keras3:  # it mentions lists for dicts, lost masks and integers of 64 bits
                warnings.simplefilter("ignore")
            warnings.filterwarnings("ignore", ".*does not support masking")
            answers.append(plain(CASES[name](library)))
    assert answers[1] == answers[0]


LAYERS = {
    "dense": (keras.layers.Dense, {"units": 2, "activity_regularizer": "l2"}, (2, 3), (2, 2), 2, 0, 0, 1),
    "dropout": (keras.layers.Dropout, {"rate": 0.5}, (2, 3), (2, 3), 0, 0, 1, 0),
    "conv": (keras.layers.Conv1D, {"filters": 2, "kernel_size": 2}, (2, 4, 3), (2, 3, 2), 2, 0, 0, 0),
    "batch": (keras.layers.BatchNormalization, {}, (2, 3), (2, 3), 2, 2, 0, 0),
    "gru": (keras.layers.GRU, {"units": 2}, (2, 4, 3), (2, 2), 3, 0, 1, 0),
    "add": (keras.layers.Add, {}, [(2, 3), (2, 3)], (2, 3), 0, 0, 0, 0),
    "noise": (keras.layers.GaussianNoise, {"stddev": 0.1}, (2, 3), (2, 3), 0, 0, 1, 0),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_keep_the_contract(name):
    cls, arguments, shape, output, trained, others, seeds, losses = LAYERS[name]
    testing.TestCase().run_layer_test(
        cls,
        init_kwargs=arguments,
        input_shape=shape,
        expected_output_shape=output,
        expected_num_trainable_weights=trained,
        expected_num_non_trainable_weights=others,
        expected_num_non_trainable_variables=others + seeds,
        expected_num_seed_generators=seeds,
        expected_num_losses=losses,
        run_training_check=name in ("dense", "dropout"),
    )


def test_the_contract_sees_violations():
    class Wrong(keras.layers.Layer):
        def __init__(self, factor, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, x):
            return x * self.factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor + 1}

    case = testing.TestCase()
    with pytest.raises(AssertionError):
        case.run_layer_test(Wrong, {"factor": 2.0}, input_shape=(2, 3), custom_objects={"Wrong": Wrong})
    with pytest.raises(AssertionError, match="shapes of outputs"):
        case.run_layer_test(keras.layers.Identity, {}, input_shape=(2, 3), expected_output_shape=(2, 4))
    with pytest.raises(AssertionError, match="number of trainable_weights"):
        case.run_layer_test(keras.layers.Dense, {"units": 1}, input_shape=(2, 3), expected_num_trainable_weights=1)
    with pytest.raises(AssertionError):
        case.assertAllClose(np.ones(2), np.zeros(2))
    case.assertNotAllClose(np.ones(2), np.zeros(2))
    case.assertDType(np.ones(2, "int8"), "int8")

"""What a first call tells a layer beyond values: shapes in tables, places of variables, the order of dicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kjax import keras
from kjax.keras import layers, ops


def _table(model: Any) -> str:
    lines: list[str] = []
    model.summary(print_fn=lines.append, line_length=90)
    return "\n".join(lines)


class Scale(layers.Layer):
    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(shape=(input_shape[-1],))
        self.shift = keras.Variable(np.zeros(1, np.float32))

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor + self.shift


class Stacked(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Scale(), keras.Sequential([layers.Dense(4)])

    def call(self, inputs: Any) -> Any:
        return self.second(self.first(inputs))


class Joined(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return ops.concatenate([inputs[key] for key in inputs], axis=-1)


def test_deferred_model_shows_the_shape_of_its_first_batch():
    model = keras.Sequential([layers.Dense(4)])
    model.compile("sgd", "mse")
    model.fit(np.ones((9, 3)), np.ones((9, 4)), batch_size=5, verbose=0)
    assert model.input_shape == (5, 3) and "(5, 4)" in _table(model)
    assert model.predict(np.ones((7, 3)), verbose=0).shape == (7, 4)


def test_class_shows_shapes_of_its_batches_and_nothing_for_layers_that_say_none():
    model = Stacked()
    model.compile("sgd", "mse")
    model.fit(np.ones((9, 3)), np.ones((9, 4)), batch_size=5, verbose=0)
    rows = [line for line in _table(model).splitlines() if "scale" in line or "sequential" in line]
    assert "?" in rows[0] and "(5, 4)" in rows[1]


def test_free_batch_stays_free_in_tables():
    model = Stacked()
    model.build((None, 3))
    assert "(None, 4)" in _table(model)


def test_unnamed_variables_are_counted_and_stand_in_their_layer():
    keras.utils.clear_session()
    inputs = keras.Input((3,))
    model = keras.Model(inputs, Scale(name="b")(Scale(name="a")(inputs)))
    assert [v.path for v in model.weights] == ["a/variable", "a/variable_1", "b/variable_2", "b/variable_3"]


def test_dicts_come_to_layers_in_the_order_in_which_they_were_written():
    z, a = np.zeros((2, 1), np.float32), np.ones((2, 1), np.float32)
    np.testing.assert_array_equal(Joined()({"z": z, "a": a}), [[0, 1]] * 2)
    inputs = {"z": keras.Input((1,), name="z"), "a": keras.Input((1,), name="a")}
    model = keras.Model(inputs, Joined()(inputs))
    np.testing.assert_array_equal(model.predict({"a": a, "z": z}, verbose=0), [[0, 1]] * 2)
    flipped = layers.RandomFlip()({"segmentation_masks": np.ones((1, 4, 4, 1)), "images": np.ones((1, 4, 4, 3))})
    assert list(flipped) == ["segmentation_masks", "images"]


def test_sequential_inside_a_graph_gives_the_tensors_of_its_call():
    inputs = keras.Input((3,))
    inner = keras.Sequential([layers.Dense(2)], name="inner")
    model = keras.Model(inputs, layers.Dense(1)(inner(inputs)))
    part = keras.Model(model.input, model.get_layer("inner").output)
    data = np.ones((2, 3), np.float32)
    np.testing.assert_allclose(part.predict(data, verbose=0), inner.predict(data, verbose=0), rtol=1e-6)


@pytest.mark.parametrize("data", [np.ones((3, 2), np.float32), (np.ones((3, 2), np.float32),)], ids=["array", "tuple"])
def test_inputs_alone_are_validated(data: Any):
    class Zeroing(keras.Sequential):
        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, *args: Any, **kwargs: Any) -> Any:
            return ops.mean(ops.square(y_pred - x))

    model = Zeroing([layers.Dense(2, kernel_initializer="identity")])
    model.compile("sgd")
    history = model.fit(np.ones((4, 2), np.float32), validation_data=data, verbose=0)
    assert history.history["val_loss"] == [0.0]


def test_attention_in_a_call_of_ones_own_is_that_of_the_layer():
    class Called(layers.MultiHeadAttention):
        def call(self, query: Any, value: Any, training: Any = None) -> Any:
            parts = self._query_dense(query), self._key_dense(value), self._value_dense(value)
            return self._output_dense(self._compute_attention(*parts, training=training)[0])

    rng = np.random.default_rng(0)
    query, value = rng.random((2, 3, 8), np.float32), rng.random((2, 5, 8), np.float32)
    plain, called = layers.MultiHeadAttention(2, 4), Called(2, 4)
    expected = plain(query, value)
    called.build(query.shape, value.shape)
    called.set_weights(plain.get_weights())
    np.testing.assert_allclose(called(query, value), expected, rtol=1e-5, atol=1e-6)
    assert (called._num_heads, called._key_dim) == (2, 4)


def test_model_without_a_call_trains_by_its_step():
    class Steps(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.built = keras.Sequential([keras.Input((2,)), layers.Dense(1)]), True

        def train_step(self, state: Any, data: Any) -> Any:
            outputs, _ = self.inner.stateless_call(state[0], [], data)
            return {"mean": ops.mean(outputs * 0 + 3)}, state

    model = Steps()
    model.compile()
    assert model.fit(np.ones((4, 2), np.float32), verbose=0).history == {"mean": [3.0]}

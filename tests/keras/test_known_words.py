"""Errors and small parts by which code and tests written for Keras 3 know it."""

from __future__ import annotations

import inspect

import jax.numpy as jnp
import numpy as np
import pytest

from kjax import keras
from kjax.keras import layers
from kjax.keras.inside import backend, graphs, names
from kjax.keras.inside import layers as parts

X = np.ones((2, 3), "float32")


class Plain(layers.Layer):
    """A layer whose ``build`` names an argument that ``call`` does not have."""

    def build(self, foo_shape, b_shape):
        del foo_shape, b_shape

    def call(self, a, b):
        return a + b


def built(layer):
    layer.build((None, 3))
    return layer


CASES = {
    "Unrecognized keyword arguments passed to Dense": lambda: layers.Dense(2, foo=1),
    "must be a string and cannot contain character `/`": lambda: layers.Dense(2, name="a/b"),
    "Only input tensors may be passed as positional arguments": lambda: layers.Dense(2)("hello"),
    "Inputs to a layer should be tensors": lambda: layers.Dense(2)(None),
    r"expects 1 input\(s\), but it received 2 input tensors": lambda: layers.Dense(2)([X, X]),
    r"received `build\(\)` argument `foo_shape`, but `call\(\)` does not have": lambda: Plain()(X, X),
    "You must build the layer before accessing `kernel`": lambda: layers.Dense(2).kernel,
    "has never been called and thus has no defined input": lambda: layers.Dense(2).input,
    "with a weight list of length 1, but the layer was expecting 2": lambda: built(layers.Dense(2)).set_weights([X]),
    "expected 2 variables, but received 1 variables during": lambda: built(layers.Dense(2)).load_own_variables(
        {"0": X}
    ),
    "was never built and thus it doesn't have any variables": lambda: layers.Dense(2).load_own_variables({"0": X}),
    "Invalid value for argument `aggregation`": lambda: keras.Variable(1.0, aggregation="x"),
    "shape of the target variable and the shape of the target value": lambda: keras.Variable(X).assign(X[:1]),
    "cannot be used as a boolean": lambda: bool(keras.Variable(1.0)),
    "Only scalar arrays can be converted to Python scalars": lambda: float(keras.Variable(X)),
    "doesn't have any actual numerical value": lambda: float(keras.KerasTensor(())),
    "All `inputs` values must be KerasTensors": lambda: keras.Model(X, X),
    "No such layer": lambda: keras.Sequential([layers.Dense(2)]).get_layer("none"),
    "You cannot pass both `shape` and `batch_shape`": lambda: keras.Input((2,), batch_shape=(None, 2)),
    "All layers added to a Sequential model should have unique names": lambda: keras.Sequential(
        [layers.Dense(2, name="a"), layers.Dense(2, name="a")]
    ),
    "Invalid value for argument `reduction`": lambda: keras.losses.MeanSquaredError(reduction="x"),
    "Could not interpret initializer identifier": lambda: keras.initializers.get("zz"),
    "Could not interpret activation function identifier": lambda: keras.activations.get(3),
    "Cannot convert 'zz' to a mixed precision DTypePolicy": lambda: layers.Dense(2, dtype="zz"),
    r"You must call `compile\(\)` before using the model": lambda: keras.Sequential([layers.Dense(2)]).fit(X, X),
    "A merge layer should be called on a list of inputs": lambda: layers.Add()(X),
    "Received an invalid value for `units`": lambda: layers.Dense(-1),
    "Invalid value received for argument `rate`": lambda: layers.Dropout(2.0),
    "filters must be evenly divisible by the number of groups": lambda: layers.Conv2D(3, 3, groups=2),
    "total size of the tensor must be unchanged": lambda: layers.Reshape((4,))(X),
    "Argument `seed` must be an integer": lambda: keras.random.SeedGenerator("a"),
    "`optimizer_variables` must be a list of tensors corresponding 1:1": lambda: _with_state().stateless_apply(
        [1], [X], [X]
    ),
}


def _with_state():
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build([keras.Variable(X)])
    return optimizer


@pytest.mark.parametrize("words", CASES)
def test_the_words_of_an_error(words):
    with pytest.raises((ValueError, TypeError, AttributeError), match=words):
        CASES[words]()


def test_arguments_of_a_call():
    spec = parts.CallSpec(inspect.signature(lambda x, y=2, training=None: x), {"training"}, (X, [X, X]), {})
    assert spec.user_arguments_dict.keys() == {"x", "y"} and spec.arguments_dict["training"] is None
    assert spec.first_arg is X or np.array_equal(spec.first_arg, X)
    symbolic = parts.CallSpec(inspect.signature(lambda x, y=2: x), set(), (keras.KerasTensor((2, 3)),), {})
    assert not symbolic.eager and parts.get_shapes_dict(symbolic) == {"x_shape": (2, 3)}
    assert parts.update_shapes_dict_for_target_fn(lambda input_shape: 0, {"x_shape": (2, 3)}, symbolic, "L") == {
        "input_shape": (2, 3)
    }
    assert parts.is_shape_tuple((1, None)) and not parts.is_shape_tuple((1, "a"))


def test_attributes_of_tensors():
    tensor = jnp.ones(2)
    backend.set_tensor_attr(tensor, "note", 3)
    assert backend.get_tensor_attr(tensor, "note") == 3
    backend.set_tensor_attr(tensor, "note", None)
    assert backend.get_tensor_attr(tensor, "note") is None


def test_what_weights_and_optimizers_keep():
    weight = layers.Layer().add_weight(shape=(2,), aggregation="mean", overwrite_with_gradient=True, name="w")
    assert weight.aggregation == "mean" and weight.overwrite_with_gradient
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.apply([np.full(2, 5.0, "float32")], [weight])  # its gradient is its new value
    np.testing.assert_array_equal(weight, [5, 5])
    other = keras.Variable(np.ones(2, "float32"), name="z")
    assert optimizer.add_variable_from_reference(other, "mom").path == f"{optimizer.name}/z_mom"
    draws = keras.initializers.GlorotNormal(seed=keras.random.SeedGenerator(2))
    assert not np.allclose(draws((2, 2)), draws((2, 2)))


def test_functional_models_and_operations_describe_themselves():
    a, b = keras.Input((3,), name="a"), keras.Input((None, 2), name="b", optional=True)
    model = keras.Model([a, b], [a, b])
    assert [spec.shape for spec in model.input_spec] == [(None, 3), (None, None, 2)]
    assert [(spec.name, spec.optional) for spec in model.input_spec] == [("a", False), ("b", True)]
    with pytest.raises(AttributeError, match="reserved"):
        model.layers = []

    class Scale(keras.Operation):
        """An operation with one argument."""

        def __init__(self, by, name=None):
            super().__init__(name=name)
            self.by = by

        def call(self, x):
            return x * self.by

    scale = Scale(3, name="s")
    assert scale.get_config() == {"by": 3, "name": "s"} and repr(scale) == "<Operation name=s>"
    output = scale(keras.KerasTensor((2,)))  # a tensor that comes from nowhere
    (node,) = scale._inbound_nodes
    assert node.parent_nodes == [] and node.arguments.args[0].shape == output.shape
    assert keras.Input(tensor=keras.KerasTensor((2, 3))).shape == (2, 3)
    with pytest.raises(ValueError, match="invalid input structure"):
        graphs.Function([a, a], a)(X)
    assert names.auto_name("MyThing").startswith("my_thing")

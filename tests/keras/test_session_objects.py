"""``keras.config``, ``tree``, ``dtype_policies``, ``initializers`` and friends, scopes and graphs as functions."""

from __future__ import annotations

import collections
from typing import Any

import jax
import numpy as np
import pytest

from kjax import keras
from kjax.keras import ops, tree
from kjax.keras.core.settings import settings

X = np.random.default_rng(0).uniform(size=(4, 3)).astype("float32")
Point = collections.namedtuple("Point", ["x", "y"])


def test_initializers_are_called_as_in_keras(keras3: Any):
    for name in ("GlorotUniform", "HeNormal", "RandomUniform", "Orthogonal", "TruncatedNormal"):
        mine, theirs = getattr(keras.initializers, name)(seed=3), getattr(keras3.initializers, name)(seed=3)
        np.testing.assert_allclose(mine((4, 3)), theirs((4, 3)), rtol=1e-5, atol=1e-6, err_msg=name)
        assert mine.clone() == mine
    assert keras.initializers.Ones()(shape=(2,), dtype="float16").dtype == "float16"
    assert keras.initializers.constant(3)((2,)).tolist() == [3.0, 3.0]
    assert keras.initializers.get("he_uniform")((2, 5)).shape == (2, 5)
    np.testing.assert_array_equal(
        keras.initializers.GlorotUniform()(jax.random.key(1), (2, 2)),
        keras.initializers.GlorotUniform()(jax.random.key(1), (2, 2)),
    )


class Half(keras.initializers.Initializer):
    def __init__(self, value: float = 0.5) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        return self.value * ops.ones(shape, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class Squares(keras.regularizers.Regularizer):
    def __init__(self, strength: float) -> None:
        self.strength = strength

    def __call__(self, x: Any) -> Any:
        return self.strength * ops.sum(ops.square(x))

    def get_config(self) -> dict[str, Any]:
        return {"strength": self.strength}


class Small(keras.constraints.Constraint):
    def __call__(self, w: Any) -> Any:
        return ops.clip(w, -0.1, 0.1)


def double(x: Any) -> Any:
    return 2 * ops.relu(x)


def test_classes_of_users(tmp_path: Any):
    layer = keras.layers.Dense(
        2, kernel_initializer=Half(0.05), kernel_regularizer=Squares(0.1), kernel_constraint=Small(), activation=double
    )
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile("sgd", "mse")
    np.testing.assert_allclose(model(X), 2 * (X @ np.full((3, 2), 0.05)), rtol=1e-5)
    np.testing.assert_allclose(model.losses, [0.1 * 6 * 0.05**2], rtol=1e-5)
    model.fit(X, np.full((4, 2), 50.0), epochs=3, verbose=0)
    assert np.abs(model.get_weights()[0]).max() <= 0.1
    model.save(tmp_path / "model.keras")
    known = {"Half": Half, "Squares": Squares, "Small": Small, "double": double}
    again = keras.models.load_model(tmp_path / "model.keras", custom_objects=known)
    np.testing.assert_allclose(again(X), model(X), rtol=1e-6)


def test_tree_is_that_of_keras(keras3: Any):
    structures = [
        3,
        None,
        [1, (2, None), {"b": 3, "a": [4]}],
        Point(1, [2]),
        collections.OrderedDict([("z", 1), ("a", 2)]),
        [],
        {},
    ]
    for s in structures:
        assert tree.flatten(s) == keras3.tree.flatten(s)
        assert tree.flatten_with_path(s) == keras3.tree.flatten_with_path(s) or isinstance(s, Point)
        assert tree.is_nested(s) == keras3.tree.is_nested(s)
        assert tree.map_structure(str, s) == keras3.tree.map_structure(str, s)
        flat = list(range(len(tree.flatten(s))))
        assert tree.pack_sequence_as(s, flat) == keras3.tree.pack_sequence_as(s, flat)
        assert tree.lists_to_tuples(s) == keras3.tree.lists_to_tuples(s)
        seen: dict[Any, list[Any]] = {id(tree): [], id(keras3.tree): []}
        for module in (tree, keras3.tree):
            module.traverse(seen[id(module)].append, s)
        assert seen[id(tree)] == seen[id(keras3.tree)]
    unsorted = {"z": {"q": 1, "b": [2]}, "a": None}
    for packed in (tree.map_structure(lambda x: x, unsorted), tree.pack_sequence_as(unsorted, [0, 1, 2])):
        assert (list(packed), list(packed["z"])) == (["z", "a"], ["q", "b"])  # == of dictionaries asks for no order
    assert tree.map_structure_up_to([None, None], len, [[1, 1], [2]]) == [2, 1]
    assert tree.map_shape_structure(lambda s: len(s), {"a": (2, None), "b": [(3,)]}) == {"a": 2, "b": [1]}
    assert tree.map_structure(lambda a, b: a + b, (1, [2]), (3, [4])) == (4, [6])
    tree.assert_same_paths([0, 1], Point(2, 3))
    with pytest.raises(ValueError, match="differ"):
        tree.assert_same_structure([1], (1,))
    with pytest.raises(ValueError, match="paths"):
        tree.assert_same_paths([1], [1, 2])
    with pytest.raises(ValueError, match="leaves"):
        tree.pack_sequence_as([1, 2], [1])


def test_dtype_policies():
    policy = keras.DTypePolicy("mixed_bfloat16")
    assert (policy.compute_dtype, policy.variable_dtype, policy.quantization_mode) == ("bfloat16", "float32", None)
    assert repr(policy) == '<DTypePolicy "mixed_bfloat16">'
    policies = keras.dtype_policies
    assert (
        policies.get("float16")
        == policies.get(np.float16)
        == policies.deserialize(policies.serialize(policies.get("float16")))
    )
    assert (
        policy.convert_input(X, True, "bfloat16").dtype == "bfloat16"
        and policy.convert_input(np.array([1]), True, "bfloat16").dtype != "bfloat16"
    )
    by_path = policies.DTypePolicyMap("float32", {"model/dense.*": "bfloat16"})
    assert by_path["model/dense_1"].name == "bfloat16" and by_path["conv"].name == "float32"
    assert policies.DTypePolicyMap.from_config(by_path.get_config()).get_config() == by_path.get_config()
    assert keras.layers.Dense(2, dtype=by_path).compute_dtype == "float32"
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        assert keras.layers.Dense(2).dtype_policy == policy == keras.mixed_precision.global_policy()
    finally:
        settings.policy = None


def test_configuration():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(1)
    try:
        assert len(model.fit(X, X[:, :1], epochs=5, batch_size=2, verbose=0).history["loss"]) == 2
        assert int(model.optimizer.iterations) == 2
    finally:
        keras.config.set_max_epochs(None)
        keras.config.set_max_steps_per_epoch(None)
    assert keras.config.max_epochs() is None and keras.config.backend() == "jax"
    with pytest.raises(ValueError, match="JAX"):
        keras.config.set_backend("tensorflow")
    with pytest.raises(ValueError, match="max_epochs"):
        keras.config.set_max_epochs(-1)


def test_stateless_scope():
    v, free = keras.Variable([1.0, 2.0]), keras.Variable(0.0)
    with keras.StatelessScope([(v, [3.0, 4.0])], collect_losses=True) as scope:
        np.testing.assert_array_equal(v.value, [3.0, 4.0])
        v.assign_add([1.0, 1.0])
        free.assign(5.0)
    np.testing.assert_array_equal(v.value, [1.0, 2.0])
    assert float(free.value) == 0.0 and float(scope.get_current_value(free)) == 5.0
    np.testing.assert_array_equal(scope.get_current_value(v), [4.0, 5.0])
    with pytest.raises(ValueError, match="shape"):
        keras.StatelessScope([(v, 1.0)])
    with keras.SymbolicScope():
        np.testing.assert_array_equal(v.value, [0.0, 0.0])


def test_functions_and_operations():
    x = keras.Input((3,))
    layer = keras.layers.Dense(2)
    function = keras.Function({"x": x}, [ops.sum(x, axis=1), layer(x)])
    found = function({"x": X})
    np.testing.assert_allclose(found[0], X.sum(1), rtol=1e-6)
    np.testing.assert_allclose(found[1], layer(X), rtol=1e-6)
    again = function({"x": keras.Input((3,))})
    assert [t.shape for t in again] == [(None,), (None, 2)]
    assert function.compute_output_shape({"x": (5, 3)}) == [(5,), (5, 2)]
    with pytest.raises(ValueError, match="not among the inputs"):
        keras.Function(keras.Input((1,)), x)
    with pytest.raises(ValueError, match="received"):
        function({"x": X[:, :2]})

    class Scale(keras.Operation):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        def call(self, x: Any) -> Any:
            return self.factor * x

    np.testing.assert_allclose(Scale(3.0)(X), 3 * X)
    np.testing.assert_allclose(keras.Model(x, Scale(3.0)(x)).predict(X, verbose=0), 3 * X)
    assert float(jax.grad(keras.remat(lambda a: a**2))(3.0)) == 6.0
    with keras.name_scope("here"), keras.device("cpu:0"):
        assert float(ops.sum(X)) > 0

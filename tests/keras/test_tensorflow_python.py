"""Modules below ``tensorflow.python``, which packages and layers of others import."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest


def python(path: str) -> Any:
    """A module below ``tensorflow.python``."""
    return importlib.import_module(f"tensorflow.python.{path}")


def test_every_module_and_name_is_there(tf: Any):
    from kjax.keras.legacy.tensorflow.names import MODULES
    from kjax.keras.legacy.tensorflow.python_modules import OWN, PLACES

    for place in {*PLACES, *OWN}:
        module = importlib.import_module(f"tensorflow.python.{place}")
        for name in OWN.get(place, ()):
            assert getattr(module, name) is not None, (place, name)
    public = {place for places in PLACES.values() for place in places}
    unknown = public - {*MODULES, *"losses metrics optimizers initializers".split()}
    assert not unknown, unknown


def test_names_are_those_of_public_modules(tf: Any):
    dtypes, ops, tensor_shape = map(python, ("framework.dtypes", "framework.ops", "framework.tensor_shape"))
    array_ops, init_ops, math_ops = map(python, ("ops.array_ops", "ops.init_ops", "ops.math_ops"))
    nn_ops, random_ops, nest, tf_inspect = map(python, ("ops.nn_ops", "ops.random_ops", "util.nest", "util.tf_inspect"))

    assert math_ops.reduce_sum(array_ops.ones([2, 3])).numpy() == 6
    np.testing.assert_allclose(nn_ops.softmax(tf.constant([0.0, 0.0])), [0.5, 0.5])
    assert random_ops.random_uniform((2,)).shape == (2,)
    assert ops.convert_to_tensor([1.0]).dtype == dtypes.float32
    assert tensor_shape.TensorShape([None, 2]).as_list() == [None, 2]
    assert init_ops.GlorotUniform is tf.keras.initializers.GlorotUniform
    assert nest.flatten({"a": [1, 2]}) == [1, 2]
    assert tf_inspect.getfullargspec(lambda a, b: None).args == ["a", "b"]
    with pytest.raises(AttributeError, match=r"no 'tensorflow\.python\.ops\.math_ops\.reduce_smu'.*reduce_sum"):
        math_ops.reduce_smu  # noqa: B018


def test_smart_cond_runs_one_side_where_the_condition_is_known(tf: Any):
    module = python("framework.smart_cond")
    smart_cond, smart_constant_value = module.smart_cond, module.smart_constant_value

    def wrong() -> Any:
        raise AssertionError("the other side ran")

    assert smart_cond(True, lambda: 1, wrong) == 1
    assert smart_cond(tf.constant(False), wrong, lambda: 2) == 2
    chosen = tf.function(lambda p: smart_cond(p, lambda: tf.constant(3), lambda: tf.constant(4)))
    assert chosen(tf.constant(True)).numpy() == 3 and chosen(tf.constant(False)).numpy() == 4
    assert smart_constant_value(1) is True
    with pytest.raises(TypeError, match=r"true_fn.*callable"):
        smart_cond(True, 1, wrong)
    with pytest.raises(TypeError, match="pred"):
        smart_constant_value("yes")


def test_moving_averages_and_containers_by_identity(tf: Any):
    moving_averages, identity = python("training.moving_averages"), python("util.object_identity")

    variable = tf.Variable([1.0])
    moving_averages.assign_moving_average(variable, tf.constant([0.0]), 0.9, zero_debias=False)
    np.testing.assert_allclose(variable.numpy(), [0.9], rtol=1e-6)
    with pytest.raises(NotImplementedError, match="zero_debias"):
        moving_averages.assign_moving_average(variable, tf.constant([0.0]), 0.9)
    one, other = [1], [1]
    table = identity.ObjectIdentityDictionary({})
    table[one] = "a"
    assert other not in table and table[one] == "a"
    members = identity.ObjectIdentitySet([one])
    assert one in members and other not in members and len(members) == 1


def test_weights_are_broadcast(tf: Any):
    broadcast_weights = python("ops.weights_broadcast_ops").broadcast_weights
    values = tf.ones([2, 3])
    np.testing.assert_array_equal(broadcast_weights(tf.constant([[1.0], [2.0]]), values), [[1] * 3, [2] * 3])
    np.testing.assert_array_equal(broadcast_weights(tf.constant(4.0), values), np.full((2, 3), 4))
    with pytest.raises(ValueError, match=r"\(3,\).*\(2, 3\)"):
        broadcast_weights(tf.ones([3]), values)

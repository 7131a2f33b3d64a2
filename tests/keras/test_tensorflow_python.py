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


def test_modules_inside_of_tf_keras(tf: Any):
    from kjax.keras.legacy import modules_of_tf

    for root in ("keras.src", "tensorflow.python.keras"):
        for path in modules_of_tf.MODULES:
            importlib.import_module(f"{root}.{path}")
        for path, names in modules_of_tf.NAMES.items():
            for name in names:
                assert getattr(importlib.import_module(f"{root}.{path}"), name) is not None, (path, name)
    layers = importlib.import_module("keras.src.layers.reshaping.up_sampling2d")
    assert layers.UpSampling2D is tf.keras.layers.UpSampling2D
    conv = importlib.import_module("keras.src.layers.convolutional.base_conv").Conv
    assert isinstance(tf.keras.layers.Conv2D(1, 1), conv)


def test_dropout_of_cells_that_users_write(tf: Any):
    mixin = importlib.import_module("keras.src.layers.rnn.dropout_rnn_cell_mixin").DropoutRNNCellMixin

    class Cell(mixin, tf.keras.layers.Layer):
        dropout, recurrent_dropout = 0.5, 0.0

    cell, x = Cell(), tf.ones([4, 50])
    assert cell.get_recurrent_dropout_mask_for_cell(x, training=True) is None
    np.testing.assert_array_equal(cell.get_dropout_mask_for_cell(x, training=False), np.ones((4, 50)))
    masks = cell.get_dropout_mask_for_cell(x, training=True, count=2)
    assert len(masks) == 2 and set(np.unique(masks[0])) == {0, 2}
    assert cell.get_dropout_mask_for_cell(x, training=True, count=2) is masks
    cell.reset_dropout_mask()
    assert cell.get_dropout_mask_for_cell(x, training=True, count=2) is not masks


def test_summaries_that_others_put_together(tf: Any, tmp_path: Any):
    from tensorboard.compat.proto.summary_pb2 import Summary

    message = Summary(value=[Summary.Value(tag="own", simple_value=0.5)])
    assert tf.summary.experimental.write_raw_pb(message.SerializeToString(), step=0) is False
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        assert tf.summary.experimental.write_raw_pb(message.SerializeToString(), step=3)
    (path,) = tmp_path.iterdir()
    events = list(tf.compat.v1.train.summary_iterator(str(path)))
    assert events[-1].step == 3 and events[-1].summary.value[0].tag == "own"
    assert tf.io.gfile.stat(str(path)).length == path.stat().st_size
    np.testing.assert_array_equal(tf.make_ndarray(tf.make_tensor_proto([1.0, 2.0])), [1, 2])


def test_one_hot_values_and_types(tf: Any):
    assert tf.one_hot([1], 2).dtype == tf.float32
    assert tf.one_hot([1], 2, on_value=5, off_value=2).numpy().tolist() == [[2, 5]]
    assert tf.one_hot([1], 2, on_value=True, off_value=False).dtype == tf.bool
    assert tf.one_hot([1], 2, off_value=-1).numpy().tolist() == [[-1, 1]]
    assert tf.one_hot([0, 1], 3, axis=0).shape == (3, 2)

"""What code written against the inside of Keras 3 uses: operations as classes, graphs, trackers, adapters, shapes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from kjax import keras
from kjax.keras.inside import adapters, backend, epochs, graphs, names, operations, shapes, tracking, variables

X = np.arange(6, dtype="float32").reshape(2, 3)


def test_operations_are_classes_with_arguments_of_their_own():
    numpy = operations.part("numpy")
    mean = numpy.Mean(axis=1)
    np.testing.assert_allclose(mean(X), [1, 4])
    assert mean(keras.Input((3,))).shape == (None,)
    assert mean.compute_output_spec(keras.KerasTensor((None, 4, 5))).shape == (None, 5)
    assert type(mean).from_config(mean.get_config())(X).shape == (2,)
    assert isinstance(mean, keras.Operation) and isinstance(keras.layers.Dense(1), keras.Operation)
    np.testing.assert_allclose(numpy.Einsum("ij,kj->ik")(X, X), X @ X.T)
    assert operations.part("nn").OneHot(4)(np.array([1, 2])).shape == (2, 4)
    with pytest.raises(TypeError, match="takes the arguments"):
        numpy.Mean(axes=1)


def test_an_operation_in_a_model_is_written_as_keras_writes_it():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, operations.part("numpy").Sum(axis=-1, keepdims=True)(inputs))
    entry = model.get_config()["layers"][1]
    assert (entry["module"], entry["class_name"]) == ("keras.src.ops.numpy", "Sum")
    np.testing.assert_allclose(model(X), X.sum(-1, keepdims=True))
    np.testing.assert_allclose(keras.Model.from_config(model.get_config())(X), X.sum(-1, keepdims=True))


def test_graphs_by_depth():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    left = keras.layers.Dense(2, name="left")(a)
    total = keras.layers.Add(name="total")([left, b])
    keys, nodes, operations_found, by_depth = graphs.map_graph([a, b], [total])
    assert [[o.name for o in by_depth[d]] for d in (0, 1, 2)] == [["total"], ["left"], ["a", "b"]]
    assert len(keys) == 4 and len(nodes[0]) == 1 and [o.name for o in operations_found][-1] == "total"
    history = total._keras_history
    assert (history.operation.name, history.node_index, history.tensor_index) == ("total", 0, 0)
    with pytest.raises(ValueError, match="depend on"):
        graphs.map_graph([a], [total])


def test_trackers_follow_what_is_put_into_containers():
    numbers, texts = [], []
    tracker = tracking.Tracker(
        {"n": (lambda x: isinstance(x, int), numbers), "t": (lambda x: isinstance(x, str), texts)}
    )
    items = tracker.track([1, ("a", 2)])
    items.append({"key": 3})
    items[2]["other"] = "b"
    assert numbers == [1, 2, 3] and texts == ["a", "b"]
    items[2].pop("key")
    del items[0]
    assert numbers == [2]
    tracker.lock("no more")
    with pytest.raises(ValueError, match="no more"):
        items.append(4)
    with tracking.DotNotTrackScope():
        assert tracker.track(9) == 9
    assert numbers == [2]


def test_name_scopes_stand_at_the_head_of_paths():
    with names.name_scope("outer", caller=1):
        assert names.current_path() == "outer"
        with names.name_scope("outer", caller=1), names.name_scope("inner"):
            assert names.current_path() == "outer/inner"
            assert keras.Variable(1.0, name="v").path == "outer/inner/v"
        with names.name_scope("far", override_parent="a/b"):
            assert names.current_path() == "a/b/far"
    assert names.current_path() == ""
    with pytest.raises(ValueError, match="/"):
        names.name_scope("a/b")


def test_types_and_scopes_of_the_backend():
    assert backend.standardize_dtype(float) == "float32" and backend.standardize_dtype(np.dtype("int8")) == "int8"
    assert backend.result_type("int32", float) == "float32" and backend.result_type("bfloat16", int) == "bfloat16"
    assert backend.result_type("int64", "uint8") == "int32" and backend.result_type() == "float32"
    with pytest.raises(ValueError, match="Invalid dtype"):
        backend.standardize_dtype("float31")
    weight = keras.Variable(np.ones(2, "float32"))
    with backend.AutocastScope("bfloat16"):
        assert backend.get_autocast_scope().dtype == "bfloat16"
        assert weight.value.dtype == "bfloat16" and weight.dtype == "bfloat16"
    assert weight.value.dtype == "float32" and weight.dtype == "float32"
    assert not backend.in_stateless_scope()
    with backend.StatelessScope([(weight, np.zeros(2, "float32"))]) as scope:
        assert backend.get_stateless_scope() is scope
        np.testing.assert_allclose(weight.value, 0)
    spec = backend.compute_output_spec(
        lambda x, y: (x @ y, x.sum()), *(keras.KerasTensor(s) for s in ((None, 3), (3, 4)))
    )
    assert [s.shape for s in spec] == [(None, 4), ()]


def test_batches_of_arrays():
    adapter = adapters.ArrayDataAdapter(X.repeat(3, 0), np.arange(6), batch_size=4, class_weight={1: 3.0})
    batches = list(adapter.get_jax_iterator())
    assert [b[0].shape for b in batches] == [(4, 3), (2, 3)]
    np.testing.assert_allclose(batches[0][2], [1, 3, 1, 1])
    assert (adapter.num_batches, adapter.batch_size, adapter.has_partial_batch, adapter.partial_batch_size) == (
        2,
        4,
        True,
        2,
    )
    mixed = np.concatenate(list(adapters.ArrayDataAdapter(np.arange(8), shuffle=True).get_numpy_iterator()))
    assert sorted(mixed) == list(range(8))
    with pytest.raises(ValueError, match="same number of samples"):
        adapters.ArrayDataAdapter(X, np.arange(3))


def test_passes_over_data():
    passes = epochs.EpochIterator(np.arange(5), batch_size=2, steps_per_execution=2)
    for _ in range(2):
        assert [(begin, end, len(data)) for begin, end, data in passes] == [
            (0, 1, 2),
            (2, 3, 1),
        ] or passes.num_batches == 3
    generator = ((np.full(2, i),) for i in range(5))
    passes = epochs.EpochIterator(generator, steps_per_epoch=2)
    assert [data[0][0][0] for _ in range(2) for _, _, data in passes] == [0, 1, 2, 3]
    with pytest.warns(UserWarning, match="data ran out"):
        assert len(list(passes)) == 1
    with pytest.raises(ValueError, match="gives the targets itself"):
        adapters.get_data_adapter(((X,) for _ in range(2)), y=X)
    with warnings.catch_warnings(), pytest.raises(ValueError, match="Unrecognized data type"):
        adapters.get_data_adapter(object())


def test_shapes_of_results():
    assert shapes.broadcast_shapes((5, 1, None), (None, 3)) == [5, None, 3]
    assert shapes.reduce_shape((1, 2, 3), axis=[0, -1], keepdims=True) == (1, 2, 1)
    assert shapes.compute_reshape_output_shape((2, 6), (3, -1), "shape") == (3, 4)
    assert shapes.compute_conv_output_shape((None, 9, 9, 3), 4, (3, 3), strides=2) == (None, 4, 4, 4)
    assert shapes.compute_pooling_output_shape((1, 4, None, 1), (2, 2), None) == (1, 2, None, 1)
    for wrong in (lambda: shapes.broadcast_shapes((2,), (3,)), lambda: shapes.standardize_shape((2, -1))):
        with pytest.raises(ValueError, match="shape"):
            wrong()


def test_variables_by_path():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name="d"), keras.layers.BatchNormalization(name="b")]
    )
    store = {}
    variables.map_saveable_variables(model, store, set())
    assert list(store) == [v.path for v in model.weights]
    twice = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, name="d")])
    twice.layers[0].kernel.path = twice.layers[0].bias.path
    with pytest.raises(ValueError, match="two variables"):
        variables.map_saveable_variables(twice, {}, set())


def test_a_jitted_stateless_call_has_new_noise_in_each_step():
    import jax

    layer = keras.layers.Dropout(0.5, seed=3)
    x = np.ones((4, 4), "float32")
    layer(x)
    assert layer.weights == [] and len(layer.non_trainable_variables) == 1
    assert layer.seed_generator.state is layer.variables[0]
    step = jax.jit(lambda state, x: layer.stateless_call([], state, x, training=True))
    state = [v.value for v in layer.non_trainable_variables]
    first, state = step(state, x)
    second, state = step(state, x)
    assert not np.array_equal(first, second)
    again, _ = step([v.value for v in layer.non_trainable_variables], x)
    np.testing.assert_array_equal(first, again)


def test_nodes_of_operations_hold_their_arguments():
    x = keras.Input((2,))
    node = graphs.Node(operations.part("numpy").Add(), (x, x), {}, x * 1)
    assert node.arguments.args == (x, x)
    assert node.input_tensors == [x, x]

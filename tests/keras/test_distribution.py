"""Several devices: the same training as on one, up to rounding; four fake devices stand for them."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from kjax import keras, nn, train
from kjax.data import PyDataset, source
from kjax.keras import distribution

RNG = np.random.default_rng(0)
X = RNG.standard_normal((72, 6)).astype("float32")  # two batches of 32, and one of 8; or 7 of 10, and one of 2
Y = RNG.integers(0, 3, 72)


@pytest.fixture(autouse=True)
def one_device_afterwards():
    yield
    distribution.set_distribution(None)


class Numbers(PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[index * 32 : (index + 1) * 32], Y[index * 32 : (index + 1) * 32]


def fit(x, y=None, batch_size=None, callbacks=None):
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu", name="wide"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    options = {"epochs": 2, "verbose": 0, "shuffle": False, "batch_size": batch_size, "callbacks": callbacks}
    history = model.fit(x, y, validation_data=(X[:10], Y[:10]) if y is not None else None, **options).history
    return model, history


def assert_close(one, other):
    for name, values in one[1].items():
        np.testing.assert_allclose(other[1][name], values, rtol=1e-4, err_msg=name)
    for a, b in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


class Look(keras.callbacks.Callback):
    """Remembers how the weights lie."""

    def on_train_batch_end(self, batch, logs=None):
        self.carry = self.model._session.holder.carry


def test_data_parallel_is_the_training_of_one_device():
    one = fit(X, Y, 32)
    distribution.set_distribution(distribution.DataParallel())
    look = Look()
    several = fit(X, Y, 32, look)
    assert_close(one, several)
    for leaf in jax.tree.leaves((look.carry.params, look.carry.opt_state)):
        assert len(leaf.sharding.device_set) == 4 and leaf.is_fully_replicated
    assert len(several[0].layers[0].kernel.value.sharding.device_set) == 1  # gathered afterwards
    streamed = fit(Numbers())
    assert_close((one[0], {k: v for k, v in one[1].items() if not k.startswith("val_")}), streamed)
    model = several[0]
    np.testing.assert_allclose(model.predict(X, verbose=0), one[0].predict(X, verbose=0), rtol=1e-3, atol=1e-5)


def test_batches_lie_on_all_devices():
    placement = train.data_parallel()
    src = source((X, Y), 32)
    src.place = placement.batch
    feed = src.feed()
    stack = feed.take(2, 4)
    assert stack.tree[0].sharding.spec == jax.sharding.PartitionSpec(None, "batch")
    assert {s.data.shape for s in stack.tree[0].addressable_shards} == {(4, 8, 6)}
    last = feed.take(1, 4)
    assert {s.data.shape for s in last.tree[0].addressable_shards} == {(2, 6)}


def test_a_ragged_last_batch_and_an_uneven_size():
    one = fit(X, Y, 10)
    distribution.set_distribution(distribution.DataParallel())
    with pytest.warns(UserWarning, match="batches of 10 cannot be split evenly over 4 devices"):
        several = fit(X, Y, 10)
    assert_close(one, several)


def test_model_parallel_lays_weights_out():
    one = fit(X, Y, 32)
    mesh = distribution.DeviceMesh((2, 2), ["data", "model"])
    layouts = distribution.LayoutMap(mesh)
    layouts[".*wide/kernel"] = (None, "model")
    layouts[".*wide/bias"] = ("model",)
    look = Look()
    with distribution.ModelParallel(layout_map=layouts, batch_dim_name="data").scope() as chosen:
        assert chosen.num_model_replicas == 2
        several = fit(X, Y, 32, look)
    assert distribution.distribution() is None
    assert_close(one, several)
    kernel = next(a for a in jax.tree.leaves(look.carry.params) if a.shape == (6, 8))
    slots = [a for a in jax.tree.leaves(look.carry.opt_state) if a.shape == (6, 8)]
    assert {s.data.shape for a in (kernel, *slots) for s in a.addressable_shards} == {(6, 4)}


def test_research_loop_on_several_devices():
    module = nn.chain([nn.Dense(4, "relu"), nn.Dense(3, "softmax")])
    objective = train.Objective.of("sparse_categorical_crossentropy")
    step = train.make_train_step(module, objective, "sgd")
    logs = []
    for placement in (None, train.data_parallel()):
        state = train.create_state(module, objective, "sgd", X[:1], seed=1)
        src = source((X, Y), 32)
        if placement is not None:
            src.place, state = placement.batch, placement.state(state)
        logs.append(train.fit_epoch(step, state, src, objective)[1]["loss"])
    np.testing.assert_allclose(*logs, rtol=1e-5)


def test_layout_map_and_names():
    assert distribution.list_devices("cpu") == [f"cpu:{i}" for i in range(4)]
    assert distribution.get_device_count() == 4
    mesh = distribution.DeviceMesh((4,), ["batch"])
    layouts = distribution.LayoutMap(mesh)
    layouts["dense.*kernel"] = (None, "batch")
    assert layouts["dense_1/kernel"].axes == (None, "batch") and layouts["conv/kernel"] is None
    layouts[".*kernel"] = (None, None)
    with pytest.raises(ValueError, match="matches several keys"):
        layouts["dense_1/kernel"]
    with pytest.raises(ValueError, match="already"):
        layouts["dense.*kernel"] = (None,)
    with pytest.raises(ValueError, match="no axis 'x'"):
        distribution.TensorLayout(("x",), mesh)
    with pytest.raises(ValueError, match="needs 3 devices, not 4"):
        distribution.DeviceMesh((3,), ["batch"])
    with pytest.raises(ValueError, match="expected a distribution"):
        distribution.set_distribution("all")
    spread = distribution.distribute_tensor(np.ones((4, 2)), distribution.TensorLayout(("batch", None), mesh))
    assert {s.data.shape for s in spread.addressable_shards} == {(1, 2)}

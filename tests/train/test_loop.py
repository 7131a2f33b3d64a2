"""The loop engine: compiles once, leaves the device alone, repeats bitwise, sees every sample."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from kjax import keras, nn, train
from kjax.data import Arrays

layers = keras.layers


def build():
    return keras.Sequential(
        [
            layers.Dense(8, activation="relu", input_shape=(6,)),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((101, 6)).astype("float32"), rng.integers(0, 3, 101)


def test_fresh_models_of_one_architecture_compile_once(data):
    x, y = data
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **more: compiled.append(more) if name.endswith("backend_compile_duration") else None
    )
    counts = []
    try:
        for rate in (0.1, 0.2, 0.3):
            model = build()
            model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
            model.fit(x, y, epochs=2, verbose=0, validation_split=0.2)
            model.predict(x, verbose=0)
            counts.append(len(compiled))
    finally:
        jax.monitoring.clear_event_listeners()
    assert counts[0] > 0
    assert counts[1] == counts[0] == counts[2]


def test_two_runs_are_bitwise_equal_however_they_are_cut(data):
    x, y = data
    results = []
    for callbacks in (
        None,
        keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None),
        None,
    ):
        keras.utils.set_random_seed(7)
        model = build()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=3, batch_size=16, verbose=0, callbacks=callbacks)
        results.append(model.get_weights())
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_no_transfer_from_the_device_inside_an_epoch(data):
    x, y = data
    module = nn.chain([nn.Dense(4, "relu"), nn.Dropout(0.2), nn.Dense(3, "softmax")])
    objective = train.Objective.of("sparse_categorical_crossentropy", ["accuracy"])
    step = train.make_train_step(module, objective, "adam")
    state = train.create_state(module, objective, "adam", x[:1])
    source = Arrays((x, y, None), 16, shuffle=True)
    program = train.loop.train_program(step)
    report = train.loop.report_program(objective)
    holder = train.Holder(state)
    train.run_epoch(
        program,
        holder,
        None,
        source.feed(1),
        report=lambda c: report(c.metrics),
        batch_bytes=source.batch_bytes,
        steps=None,
    )
    with jax.transfer_guard("disallow"):
        done = train.run_epoch(
            program,
            holder,
            None,
            source.feed(1, 1),
            report=lambda c: report(c.metrics),
            batch_bytes=source.batch_bytes,
            steps=source.steps,
        )
    assert done == 7 and int(holder.carry.step) == 14


def test_research_loop_resumes_in_mid_epoch(data, tmp_path):
    x, y = data
    module = nn.chain([nn.Dense(4, "relu"), nn.BatchNormalization(), nn.Dropout(0.2), nn.Dense(3, "softmax")])
    objective = train.Objective.of("sparse_categorical_crossentropy", ["accuracy"])
    step = train.make_train_step(module, objective, "adam")
    source = Arrays((x, y, None), 16, shuffle=True)

    def fresh():
        return train.create_state(module, objective, "adam", x[:1], seed=3)

    state = fresh()
    for _ in range(2):
        state, whole = train.fit_epoch(step, state, source, objective)
    part = fresh()
    part, _ = train.fit_epoch(step, part, source, objective)
    part, _ = train.fit_epoch(step, part, source, objective, stop=4)
    with_checkpoints = train.Checkpoints(tmp_path)
    with_checkpoints.save(11, part, {"batch": 4})
    restored, metadata = train.Checkpoints(tmp_path).restore(fresh())
    assert metadata == {"batch": 4} and int(restored.step) == 11
    end, logs = train.fit_epoch(step, restored, source, objective, start=metadata["batch"])
    assert logs == whole
    for a, b in zip(jax.tree.leaves(state.params), jax.tree.leaves(end.params), strict=True):
        np.testing.assert_array_equal(a, b)
    other = nn.chain([nn.Dense(5), nn.Dense(3, "softmax")])
    with pytest.raises(train.CheckpointError, match="another model"):
        train.Checkpoints(tmp_path).restore(train.create_state(other, objective, "adam", x[:1]))
    with pytest.raises(train.CheckpointError, match="no checkpoint"):
        train.Checkpoints(tmp_path / "empty").restore(fresh())


def test_every_sample_is_seen_once_and_orders_differ(data):
    x, _ = data
    source = Arrays((x, None, None), 16, shuffle=True)
    orders = [source.order(5, epoch) for epoch in (0, 1, 0)]
    assert sorted(orders[0]) == list(range(101))
    np.testing.assert_array_equal(orders[0], orders[2])
    assert not np.array_equal(orders[0], orders[1])
    feed, rows = source.feed(5, 0), []
    while (chunk := feed.take(3, 4)) is not None:
        array = np.asarray(chunk.tree[0])
        rows.append(array if chunk.count == 1 and array.ndim == 2 else array[: chunk.count].reshape(-1, 6))
    np.testing.assert_array_equal(np.concatenate(rows), x[orders[0]])
    assert [len(r) for r in rows] == [48, 48, 5]


def test_data_that_stay_on_the_device_train_alike(data, monkeypatch):
    """The plan for accelerators, run here: gathering inside the compiled call gives the same batches."""
    x, y = data
    results = []
    for capacity in (8, -1):
        monkeypatch.setattr(train.loop, "choose_capacity", lambda *_, c=capacity: c)
        keras.utils.set_random_seed(7)
        model = build()
        model.compile("sgd", "sparse_categorical_crossentropy")
        history = model.fit(x, y, epochs=2, batch_size=16, verbose=0).history["loss"]
        results.append((history, model.get_weights()))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_partial_batch_is_trained_at_its_true_size():
    """A batch normalization sees the true number of rows: the moving mean is that of the rows alone."""
    x = np.arange(10, dtype="float32")[:, None]
    model = keras.Sequential([keras.Input((1,)), layers.BatchNormalization(momentum=0.0), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x, batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.layers[0].get_weights()[2], [8.5])


def test_constraints_and_frozen_weights_in_a_step():
    class Two(nn.Layer):
        def call(self, inputs):
            kernel = self.weight(
                "kernel", (3, 2), nn.initializers.Ones(), constraint=nn.constraints.MaxNorm(0.5, axis=0)
            )
            return inputs @ kernel

    rng = np.random.default_rng(0)
    x = rng.standard_normal((16, 3)).astype("float32")
    y = rng.standard_normal((16, 2)).astype("float32")
    objective = train.Objective.of("mse")
    state = train.create_state(Two(), objective, "sgd", x)
    state, _ = train.fit_epoch(
        train.make_train_step(Two(), objective, "sgd"), state, Arrays((x, y, None), 4), objective
    )
    norms = np.linalg.norm(np.asarray(state.params["kernel"]), axis=0)
    assert np.all(norms <= 0.5 + 1e-6) and np.all(norms > 0.4)  # all ones, they were 1.7

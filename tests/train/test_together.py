"""Runs that train together: the numbers of one after the other, in one program."""

from __future__ import annotations

import numpy as np
import pytest

from kjax import keras, nn, train
from kjax.data import Arrays
from kjax.keras import layers
from kjax.train import joint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(61, 6)).astype("float32")
Y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype("float32")
FOLDS = [np.flatnonzero(np.arange(61) % 4 != i) for i in range(4)]  # 45 or 46 samples: the last batches differ


@pytest.fixture
def joined(monkeypatch) -> list[int]:
    """How many runs each joint stretch had."""
    found: list[int] = []
    run = joint._Joint.run

    def counted(self: joint._Joint) -> None:
        found.append(len(self.calls))
        run(self)

    monkeypatch.setattr(joint._Joint, "run", counted)
    return found


def dense(rate: float = 0.01, optimizer: str = "adam") -> keras.Model:
    model = keras.Sequential([keras.Input((6,)), layers.Dense(5, "relu"), layers.Dense(1, "sigmoid")])
    model.compile(
        {"class_name": optimizer, "config": {"learning_rate": rate}}, "binary_crossentropy", metrics=["accuracy"]
    )
    return model


def noisy() -> keras.Model:
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(5), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(1)]
    )
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    return model


def recurrent() -> keras.Model:
    model = keras.Sequential([keras.Input((6,)), layers.Reshape((3, 2)), layers.LSTM(4), layers.Dense(1)])
    model.compile("rmsprop", "mse")
    return model


def run(i: int, make=dense, **kwargs):
    """One fold: what a script would do."""
    model = make()
    rows = FOLDS[i]
    arguments = {"epochs": 3, "batch_size": 8, "verbose": 0} | kwargs
    history = model.fit(X[rows], Y[rows], **arguments).history
    scores = model.evaluate(X, Y, verbose=0, batch_size=16, return_dict=True)
    return history, scores, model.get_weights()


def check(functions) -> tuple[list, list]:
    """Run functions one after the other and together, and compare."""
    keras.utils.set_random_seed(3)
    apart = [function() for function in functions]
    keras.utils.set_random_seed(3)
    beside = train.together(functions)
    for one, other in zip(apart, beside, strict=True):
        for name, values in one[0].items():
            np.testing.assert_allclose(other[0][name], values, rtol=1e-5, atol=1e-7, err_msg=name)
        assert one[0].keys() == other[0].keys()
        np.testing.assert_allclose(list(other[1].values()), list(one[1].values()), rtol=1e-5)
        for a, b in zip(one[2], other[2], strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)
    return apart, beside


@pytest.mark.parametrize("make", [dense, noisy, recurrent])
def test_folds_are_those_of_one_after_the_other(make, joined):
    rows = FOLDS[0][:10]
    check([lambda i=i: run(i, make, validation_data=(X[rows], Y[rows])) for i in range(4)])
    assert max(joined) == 4


def test_a_grid_of_learning_rates_is_one_program(joined):
    functions = [lambda rate=rate: run(0, lambda: dense(rate, "sgd"), sample_weight=None) for rate in (0.1, 0.01, 0.5)]
    _, beside = check(functions)
    assert set(joined) == {3}
    assert len({history["loss"][-1] for history, _, _ in beside}) == 3


def test_callbacks_act_on_their_own_run(joined):
    class Batches(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.seen = []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append((batch, logs["loss"]))
            if batch == 2 and len(self.seen) < 4:
                assert self.model is not None
                weights = self.model.get_weights()
                self.model.set_weights([w * 0.5 for w in weights])

    def function(i: int):
        rate = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
        stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=0.03, restore_best_weights=True)
        batches = Batches()
        callbacks = [stop, rate] + ([batches] if i == 1 else [])
        history, scores, weights = run(i, epochs=6 + i, callbacks=callbacks)
        return {**history, "seen": [loss for _, loss in getattr(batches, "seen", [])]}, scores, weights

    apart, _ = check([lambda i=i: function(i) for i in range(4)])
    assert len({len(history["loss"]) for history, _, _ in apart}) > 1, "the runs should end at different times"
    assert max(joined) == 4


def test_different_networks_run_by_themselves(joined):
    makes = [dense, noisy, dense, recurrent]
    check([lambda i=i, make=make: run(i, make) for i, make in enumerate(makes)])
    assert set(joined) == {2}


def test_what_a_function_raises_is_its_own():
    def broken(epoch: int, logs: dict) -> None:
        if epoch == 1:
            raise RuntimeError("enough")

    callback = keras.callbacks.LambdaCallback(on_epoch_end=broken)
    ended = []

    def function(i: int):
        result = run(i, callbacks=[callback] if i == 1 else None)
        ended.append(i)
        return result

    with pytest.raises(RuntimeError, match="enough") as caught:
        train.together([lambda i=i: function(i) for i in range(3)])
    assert "function 1 of 3" in caught.value.__notes__[0]
    assert ended == [0, 2]


def test_a_batch_hook_that_raises_ends_its_own_run_only():
    def broken(batch: int, logs: dict) -> None:
        raise RuntimeError("no")

    group = train.Together()
    hook = keras.callbacks.LambdaCallback(on_train_batch_end=broken)
    tasks = [group.submit(lambda i=i: run(i, callbacks=[hook] if i == 2 else None)) for i in range(3)]
    with pytest.raises(RuntimeError, match="no"):
        group.wait(tasks[2])
    assert len(group.wait(tasks[0])[0]["loss"]) == len(group.wait(tasks[1])[0]["loss"]) == 3


def test_an_interruption_reaches_all_and_keeps_their_weights():
    models = [dense(), dense()]
    before = [model.get_weights() for model in models]

    def interrupt(epoch: int, logs: dict) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    hook = keras.callbacks.LambdaCallback(on_epoch_end=interrupt)

    def function(i: int) -> None:
        models[i].fit(X, Y, epochs=50, verbose=0, callbacks=[hook] if i == 0 else None)

    with pytest.raises(KeyboardInterrupt):
        train.together([lambda: function(0), lambda: function(1)])
    for model, old in zip(models, before, strict=True):
        assert any(not np.array_equal(a, b) for a, b in zip(model.get_weights(), old, strict=True))
        assert np.isfinite(model.evaluate(X, Y, verbose=0)).all()


def test_seeds_that_functions_set_are_their_own():
    def function(seed: int) -> float:
        keras.utils.set_random_seed(seed)
        model = dense()
        first = model.fit(X, Y, epochs=1, verbose=0).history["loss"][0]
        later = layers.Dense(1)  # drawn after others had their turns
        later.build((None, 3))
        return first + float(np.sum(later.get_weights()[0]))

    assert train.together([lambda s=s: function(s) for s in (5, 5, 6)]) == [function(s) for s in (5, 5, 6)]


def test_research_loops_train_together(joined):
    network = nn.chain([nn.Dense(4, "tanh"), nn.Dense(1)])
    objective = train.Objective.of("mean_squared_error")
    optimizer = nn.optimizers.SGD(0.1)

    def function(seed: int) -> tuple[float, float]:
        state = train.create_state(network, objective, optimizer, X[:1], seed=seed)
        step = train.make_train_step(network, objective, optimizer)
        source = Arrays((X, (Y[:, None],), None), batch_size=8, shuffle=True)
        for _ in range(2):
            state, logs = train.fit_epoch(step, state, source, objective)
        found = train.evaluate(train.make_eval_step(network, objective), state, source, objective)
        return logs["loss"], found["loss"]

    functions = [lambda seed=seed: function(seed) for seed in range(3)]
    np.testing.assert_allclose(train.together(functions), [function() for function in functions], rtol=1e-5)
    assert set(joined) == {3}

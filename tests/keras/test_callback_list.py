"""The list of callbacks: what it takes, the order of calls, how often the loop has to come back."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kjax.keras import callbacks as ours
from kjax.keras.callbacks.base import HOOKS
from kjax.keras.callbacks.callback_list import NO_LIMIT
from tests.keras.callback_driver import Model


@pytest.fixture
def theirs(keras3: ModuleType) -> Any:
    return keras3.callbacks


# -- the list ----------------------------------------------------------------------------------------


def recorder(base: type) -> Any:
    """A callback on ``base`` that records every call of every hook."""
    calls: list[Any] = []

    def hook(name: str) -> Any:
        def record(self: Any, *args: Any, **kwargs: Any) -> None:
            calls.append((name, *args, *kwargs.values()))

        return record

    skipped = ("on_batch_begin", "on_batch_end")
    callback = type("Recorder", (base,), {name: hook(name) for name in HOOKS if name not in skipped})()
    callback.calls = calls
    return callback


def test_the_list_calls_every_hook_as_keras_does(theirs):
    results = []
    for module in (theirs, ours):
        callback = recorder(module.Callback)
        model = Model()
        callbacks = module.CallbackList([callback], model=model, verbose=0, epochs=1, steps=1, add_history=True)
        for kind in ("train", "test", "predict"):
            getattr(callbacks, f"on_{kind}_begin")()
            if kind == "train":
                callbacks.on_epoch_begin(0)
            getattr(callbacks, f"on_{kind}_batch_begin")(0)
            getattr(callbacks, f"on_{kind}_batch_end")(0, {"loss": np.float32(0.5), "a": {"c": 1, "b": 2}})
            if kind == "train":
                callbacks.on_epoch_end(0, {"loss": np.float32(0.5), "acc": 0.25})
            getattr(callbacks, f"on_{kind}_end")({"loss": 1})
        assert callback.model is model and callback.params == {"verbose": 0, "epochs": 1, "steps": 1}
        results.append(callback.calls)
        history = callbacks.history if module is ours else callbacks._history
        assert history.history == {"acc": [0.25], "loss": [0.5]}
    assert results[1] == results[0]
    assert [list(call[-1]) for call in results[1]] == [list(call[-1]) for call in results[0]]  # sorted alike


def test_what_is_taken_as_callbacks():
    a, b, c = ours.Callback(), ours.Callback(), ours.History()
    assert ours.CallbackList(None).callbacks == []
    assert [type(callback) for callback in ours.CallbackList(add_history=True).callbacks] == [ours.History]
    assert ours.CallbackList(a).callbacks == [a]
    assert ours.CallbackList([a, (b, [c])]).callbacks == [a, b, c]
    assert ours.CallbackList([a, (b, [c])]).history is c
    assert ours.CallbackList(ours.CallbackList([a, c])).callbacks == [a, c]
    made = ours.CallbackList(a, True)
    assert isinstance(made.history, ours.History) and made.callbacks[0] is a
    model = Model()
    made.set_model(model)
    made.set_params({"epochs": 3})
    made.append(b)
    assert b.model is model and b.params == {"epochs": 3} and made.callbacks[-1] is b


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            [ours.Callback(), ours.EarlyStopping],
            r"callbacks\[1\] is the class EarlyStopping.*write EarlyStopping\(\)",
        ),
        ("early", r"callbacks must be a callback .*received 'early' of type str"),
        ([[print]], r"callbacks\[0\]\[0\] must be a callback .*LambdaCallback\(on_epoch_end=function\)"),
        ([None], r"callbacks\[0\] must be a callback"),
        ({"a": ours.Callback()}, r"callbacks must be a callback"),
    ],
)
def test_what_is_no_callback(given: Any, message: str):
    with pytest.raises(TypeError, match=message):
        ours.CallbackList(given)


def test_callbacks_written_for_real_keras_work(theirs):
    calls: list[Any] = []

    class Theirs(theirs.Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            calls.append((batch, dict(logs)))

    callbacks = ours.CallbackList([Theirs(), theirs.Callback()], model=Model(), params={"epochs": 1})
    assert callbacks.batch_limit("train", 0) == 1
    assert callbacks.batch_limit("test", 0) == NO_LIMIT
    callbacks.on_train_batch_end(4, {"loss": 0.5})
    assert calls == [(4, {"loss": 0.5})]


def test_legacy_batch_hooks_are_called_for_training_only():
    calls: list[Any] = []

    class Old(ours.Callback):
        def on_batch_begin(self, batch: int, logs: Any = None) -> None:
            calls.append(("begin", batch))

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            calls.append(("end", batch, dict(logs)))

    callbacks = ours.CallbackList(Old())
    for kind in ("train", "test", "predict"):
        getattr(callbacks, f"on_{kind}_batch_begin")(0)
        getattr(callbacks, f"on_{kind}_batch_end")(0, {"loss": 1.0})
    assert calls == [("begin", 0), ("end", 0, {"loss": 1.0})]
    assert callbacks.batch_limit("train", 0) == 1
    Old().on_train_batch_end(3, {})
    assert calls[-1] == ("end", 3, {})


def test_one_dict_of_logs_passes_through_all_callbacks():
    first = ours.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=epoch))
    callbacks = ours.CallbackList([first], add_history=True, model=Model())
    callbacks.on_train_begin()
    given = {"loss": 0.5}
    callbacks.on_epoch_end(7, given)
    assert callbacks.history is not None and callbacks.history.history == {"loss": [0.5], "mine": [7]}
    assert given == {"loss": 0.5}
    logs = ours.Logs(["loss"], lambda: [0.5])
    callbacks.on_epoch_end(8, logs)
    assert logs == {"loss": 0.5, "mine": 8}  # whoever passes Logs sees what was added


# -- how often the loop has to come back -------------------------------------------------------------


class EveryBatch(ours.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


class EachTenth(ours.Callback):
    batch_interval: int | None = 10

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[int] = []
        self.ended: list[int] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.begun.append(batch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.ended.append(batch)


class Again(EachTenth):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        super().on_train_batch_end(batch, logs)


class Never(EachTenth):
    batch_interval = None


@pytest.mark.parametrize(
    ("callback", "train", "test"),
    [
        (lambda: [], NO_LIMIT, NO_LIMIT),
        (ours.Callback, NO_LIMIT, NO_LIMIT),
        (ours.EarlyStopping, NO_LIMIT, NO_LIMIT),
        (lambda: ours.CSVLogger("x.csv"), NO_LIMIT, NO_LIMIT),
        (ours.ReduceLROnPlateau, NO_LIMIT, NO_LIMIT),
        (ours.ProgbarLogger, NO_LIMIT, NO_LIMIT),
        (lambda: ours.LearningRateScheduler(lambda e: 0.1), NO_LIMIT, NO_LIMIT),
        (lambda: ours.ModelCheckpoint("a.keras"), NO_LIMIT, NO_LIMIT),
        (lambda: ours.ModelCheckpoint("a.keras", save_freq=100), 100, NO_LIMIT),
        (lambda: ours.LambdaCallback(on_epoch_end=print), NO_LIMIT, NO_LIMIT),
        (lambda: ours.LambdaCallback(on_train_batch_end=print), 1, NO_LIMIT),
        (lambda: ours.LambdaCallback(on_test_batch_begin=print), NO_LIMIT, 1),
        (lambda: ours.LambdaCallback(on_batch_begin=print), 1, NO_LIMIT),
        (ours.TerminateOnNaN, 1, NO_LIMIT),
        (lambda: ours.TerminateOnNaN(check_every=50), 47, NO_LIMIT),
        (EveryBatch, 1, NO_LIMIT),
        (EachTenth, 7, NO_LIMIT),
        (Never, NO_LIMIT, NO_LIMIT),
        (Again, 1, NO_LIMIT),  # overrides the hook below the class that declared the interval
        (lambda: [EachTenth(), ours.TerminateOnNaN(check_every=5)], 2, NO_LIMIT),
    ],
)
def test_batch_limit(callback: Any, train: int, test: int):
    callbacks = ours.CallbackList(callback())
    assert callbacks.batch_limit("train", 3) == train
    assert callbacks.batch_limit("test", 3) == test
    assert callbacks.batch_limit("predict", 0) == NO_LIMIT


def test_batch_interval_is_kept_exactly():
    callback = EachTenth()
    other = ours.TerminateOnNaN(check_every=4)  # makes calls end in between
    callbacks = ours.CallbackList([callback, Never(), other])
    step = 0
    while step < 25:
        count = min(callbacks.batch_limit("train", step), 25 - step)
        callbacks.on_train_batch_begin(step)
        step += count
        callbacks.on_train_batch_end(step - 1, {"loss": 1.0})
    assert callback.begun == [0, 10, 20]
    assert callback.ended == [9, 19]
    assert callbacks.callbacks[1].ended == []


def test_batch_limit_checks():
    class Wrong(EachTenth):
        batch_interval = 0

    with pytest.raises(ValueError, match=r"Wrong.batch_interval must be a positive integer.*received 0"):
        ours.CallbackList(Wrong()).batch_limit("train", 0)
    with pytest.raises(ValueError, match="kind must be one of"):
        ours.CallbackList().batch_limit("fit", 0)  # type: ignore[arg-type]


def test_hooks_set_after_the_first_run_are_seen_in_the_next():
    callback = ours.Callback()
    callbacks = ours.CallbackList(callback)
    assert callbacks.batch_limit("train", 0) == NO_LIMIT and not callbacks.listens("on_train_batch_end")
    callback.on_train_batch_end = lambda batch, logs=None: None  # type: ignore[method-assign]
    callbacks.on_train_begin()
    assert callbacks.batch_limit("train", 0) == 1 and callbacks.listens("on_train_batch_end")


def test_callbacks_without_super_init_and_with_their_own_model_attribute():
    class Bare(ours.Callback):
        def __init__(self) -> None:
            pass

    bare = Bare()
    assert bare.model is None and bare.params is None
    bare.model = "anything"
    assert bare.model == bare._model == "anything"

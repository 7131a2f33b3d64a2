"""The logs that callbacks receive: a dict that leaves the device when somebody reads it."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

from kjax.keras import callbacks as ours


def make_logs() -> tuple[ours.Logs, list[int]]:
    fetched: list[int] = []

    def fetch() -> list[Any]:
        fetched.append(1)
        return [np.float32(0.5), 0.25]

    return ours.Logs(["loss", "accuracy"], fetch), fetched


PLAIN = {"accuracy": 0.25, "loss": 0.5}


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda logs: logs["loss"], 0.5),
        (lambda logs: logs.get("loss"), 0.5),
        (lambda logs: logs.get("nothing", 3), 3),
        (lambda logs: list(logs.items()), list(PLAIN.items())),
        (lambda logs: list(logs.values()), [0.25, 0.5]),
        (lambda logs: logs.copy(), PLAIN),
        (copy.copy, PLAIN),
        (copy.deepcopy, PLAIN),
        (dict, PLAIN),
        (lambda logs: {**logs}, PLAIN),
        (lambda logs: (lambda **kwargs: kwargs)(**logs), PLAIN),
        (lambda logs: "{accuracy:.2f}-{loss}".format(**logs), "0.25-0.5"),
        (lambda logs: "{loss}".format_map(logs), "0.5"),
        (json.dumps, '{"accuracy": 0.25, "loss": 0.5}'),
        (lambda logs: json.dumps(logs, sort_keys=True, indent=1), json.dumps(PLAIN, indent=1)),
        (repr, repr(PLAIN)),
        (str, repr(PLAIN)),
        (lambda logs: logs == PLAIN, True),
        (lambda logs: logs == PLAIN, True),
        (lambda logs: logs != PLAIN, False),
        (lambda logs: logs == make_logs()[0], True),
        (lambda logs: logs | {"a": 1}, PLAIN | {"a": 1}),
        (lambda logs: {"a": 1} | logs, PLAIN | {"a": 1}),
        (lambda logs: [d := {}, d.update(logs)][0], PLAIN),
        (lambda logs: [logs.__setitem__("x", 1), logs][1], PLAIN | {"x": 1}),
        (lambda logs: [logs.update(x=1), logs][1], PLAIN | {"x": 1}),
        (lambda logs: [logs.setdefault("loss", 3), logs.setdefault("x", 4)], [0.5, 4]),
        (lambda logs: [logs.pop("loss"), dict(logs)], [0.5, {"accuracy": 0.25}]),
        (lambda logs: logs.popitem(), ("loss", 0.5)),
        (lambda logs: [logs.__delitem__("loss"), dict(logs)][1], {"accuracy": 0.25}),
        (lambda logs: [logs.clear(), len(logs)][1], 0),
        (lambda logs: pickle.loads(pickle.dumps(logs)), PLAIN),
        (lambda logs: sorted(logs, key=logs.get), ["accuracy", "loss"]),
    ],
)
def test_logs_are_a_dict_that_is_fetched_once(read: Any, expected: Any):
    logs, fetched = make_logs()
    assert isinstance(logs, dict) and not logs.is_read
    assert read(logs) == expected
    assert fetched == [1] and logs.is_read
    logs.get("loss")
    assert fetched == [1]


def test_logs_types():
    logs, _ = make_logs()
    assert all(type(v) is float for v in logs.values())
    vector = np.ones(2)
    logs = ours.Logs(["v", "s"], lambda: [vector, "text"])
    assert logs["v"] is vector and logs["s"] == "text"
    assert type(pickle.loads(pickle.dumps(make_logs()[0]))) is dict


def test_the_names_in_the_logs_cost_nothing():
    logs, fetched = make_logs()
    assert list(logs) == ["accuracy", "loss"] == list(logs.keys())
    assert len(logs) == 2 and "loss" in logs and "val_loss" not in logs and logs
    assert fetched == []
    assert not ours.Logs() and ours.Logs() == {}


def test_a_fetch_that_fails_is_tried_again():
    answers = iter([KeyboardInterrupt, [0.5]])

    def fetch() -> Any:
        answer = next(answers)
        if answer is KeyboardInterrupt:
            raise answer
        return answer

    logs = ours.Logs(["loss"], fetch)
    with pytest.raises(KeyboardInterrupt):
        logs.get("loss")
    assert logs["loss"] == 0.5


def test_logs_need_a_fetch_and_as_many_values_as_names():
    with pytest.raises(ValueError, match="without `fetch`"):
        ours.Logs(["loss"])
    with pytest.raises(ValueError, match="zip"):
        ours.Logs(["loss"], lambda: [1.0, 2.0]).get("loss")


def test_logs_are_not_read_for_who_does_not_read_them():
    logs, fetched = make_logs()
    epochs: list[int] = []
    callbacks = ours.CallbackList(
        ours.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch)), add_history=False
    )
    callbacks.on_epoch_end(0, logs)
    callbacks.on_train_batch_end(0, logs)
    assert epochs == [0] and fetched == []
    ours.CallbackList(ours.History()).on_epoch_end(0, logs)
    assert fetched == [1]

"""Callbacks that record, and which direction of a metric is better, against real Keras."""

from __future__ import annotations

import copy
import http.server
import json
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kjax.keras import callbacks as ours
from kjax.keras.callbacks.base import HOOKS
from kjax.keras.callbacks.callback_list import NO_LIMIT
from kjax.keras.callbacks.monitor import direction_of
from tests.keras.callback_driver import LOSSES, fit


@pytest.fixture
def theirs(keras3: ModuleType) -> Any:
    return keras3.callbacks


# -- which direction is better -----------------------------------------------------------------------

NEEDED = {
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 2},
}


def test_directions_are_those_of_keras(keras3):
    checked = 0
    for name, entry in vars(keras3.metrics).items():
        if not isinstance(entry, type) or name in ("Metric", "MeanMetricWrapper"):
            continue
        metric = entry(**NEEDED.get(name, {}))
        if (direction := getattr(metric, "_direction", None)) is not None:
            expected = {"up": "max", "down": "min"}[direction]
            for spelling in (
                metric.name,
                f"val_{metric.name}",
                f"val_head_{metric.name}",
                f"{metric.name}_3",
            ):
                assert direction_of(spelling) == expected, spelling
            checked += 1
    assert checked > 35


def test_direction_asks_the_metrics_of_the_model_first():
    inner = SimpleNamespace(name="my_score", _direction="up")
    model = SimpleNamespace(metrics=[SimpleNamespace(name="loss"), SimpleNamespace(name="c", metrics=[inner])])
    assert direction_of("val_my_score", model) == "max"
    assert direction_of("val_my_score") is None
    assert direction_of("val_dice_loss") == "min"
    upside_down = SimpleNamespace(metrics=[SimpleNamespace(name="accuracy", _direction="down")])
    assert direction_of("accuracy", upside_down) == "min"


@pytest.mark.parametrize("make", [ours.EarlyStopping, ours.ReduceLROnPlateau])
def test_an_unknown_direction_is_an_error(make: Any):
    with pytest.raises(ValueError, match=r"monitor='my_score' does not tell.*mode='min' or mode='max'"):
        fit(make(monitor="my_score"), [{"my_score": 1.0}])
    with pytest.warns(UserWarning, match="mode must be 'auto', 'min' or 'max', received 'down'"):
        make(mode="down")


# -- recording ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epochs", "options"),
    [
        (LOSSES, {}),
        (LOSSES, {"separator": ";"}),
        ([{"loss": 0.5, "accuracy": 1e-9}] * 2, {}),
        ([{"b": 1.0}, {"a": 2.0, "b": 3.0, "val_b": 4.0}], {}),
        ([{"text": "a,b", "vector": np.array([1.0, 2.0]), "list": [1, 2], "zero": np.array(3.0)}], {}),
    ],
)
def test_csv_logger(theirs, capsys, tmp_path: Path, epochs: list[dict[str, Any]], options: dict[str, Any]):
    for name, module in (("theirs", theirs), ("ours", ours)):
        for append in (True, False, True, True):  # a new file, over it, behind it, and once more
            path = tmp_path / f"{name}.csv"
            fit(module.CSVLogger(str(path), append=append, **options), epochs)
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()
    assert (tmp_path / "ours.csv").read_text().count("epoch") == 1


def test_csv_logger_is_readable_while_training_and_reusable(monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    callback = ours.CSVLogger("new/log.csv")
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 0.5})
    monkeypatch.chdir(tmp_path / "new")
    callback.on_epoch_end(1, {"val_loss": 0.25})
    assert Path("log.csv").read_bytes() == b"epoch,loss,val_loss\r\n0,0.5,NA\r\n1,NA,0.25\r\n"
    monkeypatch.chdir(tmp_path)
    fit(callback, [{"loss": 0.25}])
    assert Path("new/log.csv").read_text().split()[1:] == ["0,0.25,NA"]


def test_history(theirs):
    results = []
    for module in (theirs, ours):
        history = module.History()
        model, _ = fit(history, LOSSES)
        assert model.history is history
        results.append((history.epoch, history.history))
        fit(history, LOSSES[:1])
        results[-1] += (history.epoch, copy.deepcopy(history.history))
    assert results[1] == results[0]


def test_lambda_callback():
    calls: list[Any] = []
    functions = {hook: (lambda *args, hook=hook: calls.append((hook, *args))) for hook in HOOKS}
    callback = ours.LambdaCallback(**functions)
    for hook in HOOKS:
        args = ({},) if hook.endswith(("train_begin", "test_begin", "predict_begin", "_end")) else (0, {})
        getattr(callback, hook)(*args)
    assert [name for name, *_ in calls] == list(HOOKS)
    with pytest.raises(TypeError, match=r"no hook 'on_epoch_ends'; did you mean 'on_epoch_end'"):
        ours.LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match="on_epoch_end must be a function, received 3"):
        ours.LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]


def test_base_logger_changes_nothing():
    callbacks = ours.CallbackList(ours.BaseLogger(stateful_metrics=["auc"]))
    assert callbacks.batch_limit("train", 0) == NO_LIMIT
    _, trace = fit(ours.BaseLogger(), [{"loss": 0.5}])
    assert trace[0][-1] == {"loss": 0.5}


@pytest.fixture
def server() -> Iterator[Any]:
    received: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, self.headers["Content-Type"], self.headers.get("X-Run"), body))
            self.send_response(500 if self.path == "/refuse" else 200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        yield SimpleNamespace(root=f"http://127.0.0.1:{httpd.server_port}", received=received)
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize("send_as_json", [False, True])
def test_remote_monitor(theirs, server, send_as_json: bool):
    logs = {"loss": 0.5, "vector": np.array([1.0, 2.0]), "n": np.float32(0.25)}
    for module in (theirs, ours):
        callback = module.RemoteMonitor(server.root, send_as_json=send_as_json, headers={"X-Run": "7"})
        scalars = {k: v for k, v in logs.items() if k != "vector" or module is ours}  # theirs takes no vectors
        fit(callback, [scalars])  # type: ignore[list-item]
    parsed = []
    for path, content_type, run, body in server.received:
        data = json.loads(body if send_as_json else urllib.parse.parse_qs(body)["data"][0])
        parsed.append((path, content_type, run, data))
    assert parsed[1][3].pop("vector") == [1.0, 2.0]
    assert parsed[1] == parsed[0]
    assert parsed[0][3] == {"epoch": 0, "loss": 0.5, "n": 0.25}


def test_remote_monitor_without_a_server(server):
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at http://127.0.0.1:9"):
        fit(ours.RemoteMonitor("http://127.0.0.1:9"), [{"loss": 1.0}])
    with pytest.warns(UserWarning, match="refused the logs.*500"):
        fit(ours.RemoteMonitor(server.root, path="/refuse"), [{"loss": 1.0}])

"""Callbacks against those of real Keras, driven by the same hook calls on a model that only records."""

from __future__ import annotations

import copy
import http.server
import json
import pickle
import threading
import urllib.parse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kjax.keras import callbacks as ours
from kjax.keras.callbacks.base import HOOKS
from kjax.keras.callbacks.callback_list import NO_LIMIT
from kjax.keras.callbacks.monitor import direction_of

NAN = float("nan")
INF = float("inf")


class Optimizer:
    """Keeps the learning rate in float32, as Keras does."""

    def __init__(self, rate: float = 0.1, name: str = "sgd") -> None:
        self.name = name
        self.learning_rate = rate

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, np.float32(value) if name == "learning_rate" else value)


class Model:
    """Its weights count the epochs; what is saved is a text."""

    metrics: tuple[Any, ...] = ()

    def __init__(self, optimizer: Any = None) -> None:
        self.optimizer = optimizer or Optimizer()
        self.stop_training = False
        self.history: Any = None
        self.weights = [np.zeros(2)]

    def get_weights(self) -> list[np.ndarray]:
        return [w.copy() for w in self.weights]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weights = [w.copy() for w in weights]

    def save(self, path: str, overwrite: bool = True) -> None:
        Path(path).write_text(f"model {self.weights[0][0]} {overwrite}")

    def save_weights(self, path: str, overwrite: bool = True) -> None:
        Path(path).write_text(f"weights {self.weights[0][0]} {overwrite}")


def fit(
    callback: Any,
    epochs: list[dict[str, float]],
    *,
    batches: list[dict[str, float]] | None = None,
    model: Model | None = None,
    watch: tuple[str, ...] = (),
) -> tuple[Model, list[Any]]:
    """The hook calls of a training; returns the model and what ``watch`` was after each epoch."""
    model = model or Model()
    callback.set_params({"verbose": 1, "epochs": len(epochs), "steps": len(batches or [])})
    callback.set_model(model)
    trace: list[Any] = []
    callback.on_train_begin({})
    for epoch, logs in enumerate(epochs):
        callback.on_epoch_begin(epoch, {})
        for batch, batch_logs in enumerate(batches or []):
            callback.on_train_batch_begin(batch, {})
            callback.on_train_batch_end(batch, dict(batch_logs))
        model.weights = [w + 1 for w in model.weights]
        logs = dict(logs)
        callback.on_epoch_end(epoch, logs)
        state = {name: getattr(callback, name) for name in watch}
        trace.append((state, model.stop_training, model.optimizer.learning_rate, logs))
        if model.stop_training:
            break
    callback.on_train_end(dict(epochs[-1]))
    return model, trace


def same(
    make: Callable[[Any], Any], theirs: Any, capsys: Any, epochs: list[dict[str, float]], **kwargs: Any
) -> str:
    """Run the callback of both; all that can be seen must be equal. Returns what was printed."""
    seen = []
    for module in (theirs, ours):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model, trace = fit(make(module), epochs, **kwargs)
        printed = capsys.readouterr().out
        seen.append((trace, [w.tolist() for w in model.weights], printed, [str(w.message) for w in caught]))
    np.testing.assert_equal(seen[1], seen[0])
    return seen[0][2]


@pytest.fixture
def theirs(keras3: ModuleType) -> Any:
    return keras3.callbacks


# -- stopping
# ------------------------------------------------------------------------------------------------------

CURVES = {
    "improves": [1.0, 0.9, 0.8, 0.7, 0.6],
    "worsens": [0.5, 0.6, 0.7, 0.8, 0.9],
    "valley": [0.9, 0.5, 0.4, 0.45, 0.5, 0.41, 0.6, 0.7],
    "flat": [0.5] * 6,
    "small steps": [0.5, 0.499, 0.498, 0.497, 0.496, 0.495],
    "nan later": [0.5, 0.4, NAN, NAN, NAN],
    "negative": [-0.1, -0.2, -0.15, -0.12],
}


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 2, "verbose": 1},
        {"patience": 2, "restore_best_weights": True, "verbose": 1},
        {"patience": 1, "min_delta": 0.05, "restore_best_weights": True},
        {"patience": 2, "mode": "max", "verbose": 1},
        {"patience": 2, "baseline": 0.45, "verbose": 1},
        {"patience": 1, "baseline": 0.1, "restore_best_weights": True, "verbose": 1},
        {"patience": 1, "start_from_epoch": 2, "restore_best_weights": True},
        {"monitor": "loss", "patience": 1, "mode": "min", "min_delta": -0.01},
    ],
    ids=str,
)
def test_early_stopping(theirs, capsys, curve: str, options: dict[str, Any]):
    epochs = [{"loss": v, "val_loss": v} for v in CURVES[curve]]
    same(
        lambda module: module.EarlyStopping(**options),
        theirs,
        capsys,
        epochs,
        watch=("wait", "stopped_epoch", "best", "best_epoch", "patience", "baseline", "min_delta"),
    )


def test_early_stopping_warns_where_the_metric_is_missing(theirs, capsys):
    same(lambda module: module.EarlyStopping(), theirs, capsys, [{"loss": 1.0, "accuracy": 0.5}] * 2)


def test_early_stopping_begins_anew_in_each_fit():
    callback = ours.EarlyStopping(monitor="loss", patience=1)
    for _ in range(2):
        model, trace = fit(callback, [{"loss": v} for v in (1.0, 2.0, 3.0)])
        assert model.stop_training and len(trace) == 2
        assert callback.best == 1.0


def test_a_nan_in_the_first_epoch_does_not_stay_the_best():
    """Real Keras compares with NaN for ever after: nothing is an improvement, and the training stops."""
    callback = ours.EarlyStopping(monitor="loss", patience=2, restore_best_weights=True)
    model, trace = fit(callback, [{"loss": v} for v in (NAN, 3.0, 2.0, 1.0)])
    assert len(trace) == 4 and not model.stop_training
    assert callback.best == 1.0 and callback.best_epoch == 3


@pytest.mark.parametrize("loss", [NAN, INF])
@pytest.mark.parametrize("raise_error", [False, True])
def test_terminate_on_nan(theirs, capsys, loss: float, raise_error: bool):
    batches = [{"loss": 1.0}, {}, {"loss": loss}]
    if not raise_error:
        printed = same(
            lambda module: module.TerminateOnNaN(), theirs, capsys, [{"loss": 1.0}], batches=batches
        )
        assert printed == "Batch 2: Invalid loss, terminating training\n"
        return
    for module in (theirs, ours):
        with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 2"):
            fit(module.TerminateOnNaN(raise_error=True), [{}], batches=batches)


# -- saving
# --------------------------------------------------------------------------------------------------------

LOSSES = [{"loss": v, "val_loss": v + 0.25, "val_accuracy": 1 - v} for v in (0.75, 0.5, 0.625, 0.375, 0.5)]


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    "options",
    [
        {"filepath": "a.keras"},
        {"filepath": Path("new/folder/{epoch:03d}-{val_loss:.3f}.keras"), "verbose": 1},
        {"filepath": "{epoch}.weights.h5", "save_weights_only": True, "verbose": 1},
        {"filepath": "{epoch}.h5", "save_best_only": True, "verbose": 1},
        {
            "filepath": "b-{epoch}.keras",
            "save_best_only": True,
            "monitor": "val_accuracy",
            "mode": "max",
            "verbose": 1,
        },
        {"filepath": "{epoch}.keras", "save_best_only": True, "initial_value_threshold": 0.7, "verbose": 1},
        {"filepath": "{epoch}.keras", "save_best_only": True, "monitor": "nothing", "mode": "min"},
        {"filepath": "{epoch}-{batch}.keras", "save_freq": 1, "verbose": 1},
        {"filepath": "{epoch}-{batch:02d}-{loss:.2f}.keras", "save_freq": 2, "verbose": 1},
        {"filepath": "{epoch}-{batch}.keras", "save_freq": 5, "verbose": 1},
        {
            "filepath": "{epoch}-{batch}.keras",
            "save_freq": 3,
            "save_best_only": True,
            "monitor": "loss",
            "verbose": 1,
        },
        {"filepath": "{epoch}.keras", "mode": "sideways"},
    ],
    ids=str,
)
def test_model_checkpoint(theirs, capsys, monkeypatch, tmp_path: Path, options: dict[str, Any]):
    results = []
    for name, module in (("theirs", theirs), ("ours", ours)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            callback = module.ModelCheckpoint(**options)
            batches = [{"loss": 0.5 - 0.125 * b} for b in range(3)]
            if isinstance(options.get("save_freq"), int) and options.get("save_best_only"):
                callback._set_monitor_op()  # real Keras does it at the end of an epoch, too late here
            fit(callback, LOSSES, batches=batches)
        messages = [str(w.message) for w in caught if "mode" not in str(w.message)]
        results.append(
            (files(tmp_path / name), callback.best, capsys.readouterr().out, messages, len(caught))
        )
    assert results[1] == results[0]
    assert results[0][0]


@pytest.mark.parametrize("epoch_batches", [1, 3, 7, 10])
@pytest.mark.parametrize("save_freq", [1, 3, 4, 10, 12])
def test_model_checkpoint_in_compiled_calls(monkeypatch, tmp_path: Path, epoch_batches: int, save_freq: int):
    """Called at the ends of compiled calls only, it saves after the same batches."""
    saved: dict[int, dict[str, str]] = {}
    for pace in (1, 2, 100):
        (tmp_path / str(pace)).mkdir()
        monkeypatch.chdir(tmp_path / str(pace))
        checkpoint = ours.ModelCheckpoint("{epoch}-{batch}.keras", save_freq=save_freq)
        callbacks = ours.CallbackList(checkpoint, Model(), {"epochs": 4})
        callbacks.on_train_begin()
        for epoch in range(4):
            callbacks.on_epoch_begin(epoch)
            step = 0
            while step < epoch_batches:
                count = min(pace, epoch_batches - step, callbacks.batch_limit("train", step))
                callbacks.on_train_batch_begin(step)
                step += count
                callbacks.on_train_batch_end(step - 1, {"loss": 1.0})
            callbacks.on_epoch_end(epoch, {"loss": 1.0})
        saved[pace] = files(tmp_path / str(pace))
    assert saved[1] == saved[2] == saved[100]
    assert len(saved[1]) == 4 * epoch_batches // save_freq


def test_model_checkpoint_period_of_keras_2(monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    fit(ours.ModelCheckpoint("p-{epoch:02d}.hdf5", period=2, save_weights_only=True), LOSSES)
    assert list(files(tmp_path)) == ["p-02.hdf5", "p-04.hdf5"]


def test_model_checkpoint_that_is_not_scalar(monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    callback = ours.ModelCheckpoint("{epoch}.keras", monitor="vector", mode="min", save_best_only=True)
    with pytest.warns(UserWarning, match="scalar value"):
        fit(callback, [{"vector": np.zeros(2)}])  # type: ignore[dict-item]
    assert list(files(tmp_path)) == ["1.keras"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filepath": "model"}, r"must end in '.keras'.*received 'model'"),
        ({"filepath": "model.keras", "save_weights_only": True}, r"must end in '.weights.h5'"),
        ({"filepath": "a.keras", "save_freq": "batch"}, r"Unrecognized save_freq: 'batch'"),
        ({"filepath": "a.keras", "save_freq": 0}, r"Unrecognized save_freq: 0"),
        ({"filepath": "a.keras", "save_freq": 2.5}, r"Unrecognized save_freq: 2.5"),
        ({"filepath": "a.keras", "period": 0}, r"period .* positive integer, received 0"),
    ],
)
def test_model_checkpoint_refuses(options: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        ours.ModelCheckpoint(**options)


def test_model_checkpoint_errors_while_training(monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyError, match=r"'val_los'.*did you mean 'val_loss'"):
        fit(ours.ModelCheckpoint("{val_los:.2f}.keras"), LOSSES)
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(OSError, match="Please specify a non-directory filepath"):
        fit(ours.ModelCheckpoint("folder.keras"), LOSSES)


# -- the learning rate
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schedule",
    [
        lambda epoch, rate: rate * 0.5,
        lambda epoch: 0.1 / (epoch + 1),
        lambda epoch, rate: np.float32(0.3),
        lambda epoch, rate: np.float64(0.01 * epoch),
    ],
)
@pytest.mark.parametrize("verbose", [0, 1])
def test_learning_rate_scheduler(theirs, capsys, schedule: Any, verbose: int):
    same(lambda module: module.LearningRateScheduler(schedule, verbose=verbose), theirs, capsys, LOSSES)


def test_learning_rate_scheduler_takes_any_number():
    import jax.numpy as jnp

    for rate in (1, jnp.float32(0.25), np.array(0.5)):
        model, _ = fit(ours.LearningRateScheduler(lambda epoch, _, rate=rate: rate), [{}])
        assert float(model.optimizer.learning_rate) == float(rate)


def test_learning_rate_scheduler_errors(theirs):
    for module in (theirs, ours):
        with pytest.raises(ValueError, match="output of the `schedule` function should be a float"):
            fit(module.LearningRateScheduler(lambda epoch, rate: "fast"), [{}])
        with pytest.raises(ValueError, match='must have a "learning_rate" attribute'):
            fit(
                module.LearningRateScheduler(lambda epoch: 0.1),
                [{}],
                model=Model(optimizer=SimpleNamespace()),
            )


def test_an_error_inside_a_schedule_is_the_users_own():
    """Real Keras takes any TypeError for a schedule of one argument, and calls it again with one."""

    def schedule(epoch: int, rate: float) -> float:
        return "text" + rate  # type: ignore[operator]

    with pytest.raises(TypeError, match="can only concatenate str"):
        fit(ours.LearningRateScheduler(schedule), [{}])


PLATEAUS = [1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.5, 0.5, 0.5, 0.49995, 0.4999, 0.4, 0.4, 0.4, 0.4]


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2, "verbose": 1},
        {"patience": 1, "factor": 0.5, "min_lr": 0.02, "verbose": 1},
        {"patience": 1, "cooldown": 2, "verbose": 1},
        {"patience": 2, "min_delta": 0.2, "factor": 0.3, "verbose": 1},
        {"patience": 2, "mode": "max", "factor": 0.3},
        {"patience": 1, "min_lr": 0.001, "factor": 0.1, "verbose": 1},
    ],
    ids=str,
)
def test_reduce_lr_on_plateau(theirs, capsys, options: dict[str, Any]):
    epochs = [{"loss": v, "val_loss": v} for v in PLATEAUS]
    watch = ("wait", "best", "cooldown_counter", "factor", "min_lr", "cooldown")
    printed = same(lambda module: module.ReduceLROnPlateau(**options), theirs, capsys, epochs, watch=watch)
    assert ("ReduceLROnPlateau reducing learning rate" in printed) == bool(options.get("verbose"))


def test_learning_rates_of_several_optimizers(theirs, capsys):
    def run(make: Callable[[Any], Any]) -> list[Any]:
        results = []
        for module in (theirs, ours):
            several = SimpleNamespace(
                optimizers=[Optimizer(0.1, "sgd"), Optimizer(0.2, "adam")], learning_rate=None
            )
            _, trace = fit(make(module), [{"val_loss": 1.0}] * 4, model=Model(optimizer=several))
            rates = [o.learning_rate for o in several.optimizers]
            results.append((trace, rates, capsys.readouterr().out))
        return results

    for make in (
        lambda module: module.ReduceLROnPlateau(patience=1, verbose=1),
        lambda module: module.LearningRateScheduler(lambda epoch, rate: rate * 0.5, verbose=1),
    ):
        theirs_result, ours_result = run(make)
        assert ours_result == theirs_result
        assert "adam" in ours_result[2]


def test_reduce_lr_errors(theirs, capsys):
    for module in (theirs, ours):
        with pytest.raises(ValueError, match=r"does not support a factor >= 1\.0"):
            module.ReduceLROnPlateau(factor=1.0)
    with pytest.warns(FutureWarning, match="min_delta"):
        assert ours.ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5
    same(lambda module: module.ReduceLROnPlateau(), theirs, capsys, [{"loss": 1.0}])


# -- which direction is better
# -------------------------------------------------------------------------------------

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
    model = SimpleNamespace(
        metrics=[SimpleNamespace(name="loss"), SimpleNamespace(name="c", metrics=[inner])]
    )
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


# -- recording
# -----------------------------------------------------------------------------------------------------


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
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield SimpleNamespace(root=f"http://127.0.0.1:{httpd.server_port}", received=received)
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize("send_as_json", [False, True])
def test_remote_monitor(theirs, server, send_as_json: bool):
    logs = {"loss": 0.5, "vector": np.array([1.0, 2.0]), "n": np.float32(0.25)}
    for module in (theirs, ours):
        callback = module.RemoteMonitor(server.root, send_as_json=send_as_json, headers={"X-Run": "7"})
        scalars = {
            k: v for k, v in logs.items() if k != "vector" or module is ours
        }  # theirs takes no vectors
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


# -- the list
# ------------------------------------------------------------------------------------------------------


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
        callbacks = module.CallbackList(
            [callback], model=model, verbose=0, epochs=1, steps=1, add_history=True
        )
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
    assert ours.CallbackList(None, add_history=False).callbacks == []
    assert [type(callback) for callback in ours.CallbackList().callbacks] == [ours.History]
    assert ours.CallbackList(a, add_history=False).callbacks == [a]
    assert ours.CallbackList([a, (b, [c])]).callbacks == [a, b, c]
    assert ours.CallbackList([a, (b, [c])]).history is c
    assert ours.CallbackList(ours.CallbackList([a, c])).callbacks == [a, c]
    made = ours.CallbackList(a)
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


def test_a_positional_flag_of_keras_is_explained():
    with pytest.raises(TypeError, match="the second argument is the model, received True"):
        ours.CallbackList([], True)


def test_callbacks_written_for_real_keras_work(theirs):
    calls: list[Any] = []

    class Theirs(theirs.Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            calls.append((batch, dict(logs)))

    callbacks = ours.CallbackList([Theirs(), theirs.Callback()], Model(), {"epochs": 1})
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
    callbacks = ours.CallbackList([first], Model())
    callbacks.on_train_begin()
    given = {"loss": 0.5}
    callbacks.on_epoch_end(7, given)
    assert callbacks.history is not None and callbacks.history.history == {"loss": [0.5], "mine": [7]}
    assert given == {"loss": 0.5}
    logs = ours.Logs(["loss"], lambda: [0.5])
    callbacks.on_epoch_end(8, logs)
    assert logs == {"loss": 0.5, "mine": 8}  # whoever passes Logs sees what was added


# -- how often the loop has to come back
# ---------------------------------------------------------------------------


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


# -- logs
# ----------------------------------------------------------------------------------------------------------


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

"""Callbacks that act on the training, against those of real Keras, driven by the same hook calls."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kjax.keras import callbacks as ours
from tests.keras.callback_driver import LOSSES, Model, Optimizer, fit, same

NAN = float("nan")
INF = float("inf")


@pytest.fixture
def theirs(keras3: ModuleType) -> Any:
    return keras3.callbacks


# -- stopping ----------------------------------------------------------------------------------------

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
        printed = same(lambda module: module.TerminateOnNaN(), theirs, capsys, [{"loss": 1.0}], batches=batches)
        assert printed == "Batch 2: Invalid loss, terminating training\n"
        return
    for module in (theirs, ours):
        with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 2"):
            fit(module.TerminateOnNaN(raise_error=True), [{}], batches=batches)


# -- saving ------------------------------------------------------------------------------------------


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
        results.append((files(tmp_path / name), callback.best, capsys.readouterr().out, messages, len(caught)))
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
        callbacks = ours.CallbackList(checkpoint, model=Model(), params={"epochs": 4})
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


# -- the learning rate -------------------------------------------------------------------------------


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
            several = SimpleNamespace(optimizers=[Optimizer(0.1, "sgd"), Optimizer(0.2, "adam")], learning_rate=None)
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

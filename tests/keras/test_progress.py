"""What is shown while a model works: on a terminal, in a pipe, in a notebook; against real Keras."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kjax.keras import console, progbar, progress
from kjax.keras.callbacks import CallbackList, Logs, ProgbarLogger
from kjax.keras.progbar import Progbar
from kjax.keras.progress import Progress
from tests.keras.terminal import Screen, Terminal

FULL = "━" * 20


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at

    time = __call__


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "now", clock)
    monkeypatch.setattr(progbar, "now", clock)
    return clock


@pytest.fixture
def wide(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def terminal(monkeypatch, wide) -> Terminal:
    out = Terminal()
    # pytest sets sys.stdout anew after the fixtures.
    monkeypatch.setattr(console, "sys", SimpleNamespace(stdout=out))
    return out


# -- Progbar against that of Keras -------------------------------------------------------------------

Step = tuple[float, int, list[tuple[str, Any]] | None]
"""Seconds that pass, steps done, values."""

RUNS: dict[str, tuple[dict[str, Any], list[Step]]] = {
    "means": ({"target": 4}, [(0.5, i, [("loss", 1.0 / i), ("acc", 0.1 * i)]) for i in range(1, 5)]),
    "stateful": (
        {"target": 4, "stateful_metrics": ["acc"]},
        [(0.5, i, [("loss", 1.0 / i), ("acc", 0.1 * i)]) for i in range(1, 5)],
    ),
    "stateless": (
        {"target": 12, "stateless_metrics": ["acc"], "width": 30, "unit_name": "file"},
        [(2.0, i, [("loss", 1.0 / i), ("acc", 0.1 * i)]) for i in range(1, 13)],
    ),
    "unknown target": ({"target": None}, [(0.5, i, [("loss", 0.25)]) for i in range(1, 5)]),
    "throttled": ({"target": 1000, "interval": 0.5}, [(0.05, i, [("loss", 1.0)]) for i in range(1, 100)]),
    "small values": ({"target": 3}, [(1e-4, i, [("loss", 10.0**-i), ("n", -(10.0**-i))]) for i in (1, 2, 3)]),
    "long": ({"target": 10000}, [(1.0, 1, None), (59.0, 2, None), (4000.0, 50, None), (1.0, 9999, None)]),
    "no values": ({"target": 2}, [(1e-5, 1, None), (1e-5, 2, None)]),
    "steps at once": (
        {"target": 9},
        [(1.0, 1, [("a", 1.0)]), (1.0, 5, [("a", 2.0)]), (1.0, 9, [("a", 7.0)])],
    ),
    "arrays": ({"target": 2}, [(1.0, 1, [("a", np.array(1.0))]), (1.0, 2, [("a", np.arange(3.0))])]),
    "line at the end": ({"target": 3, "verbose": 2}, [(0.5, i, [("loss", 1.0 / i)]) for i in (1, 2, 3)]),
    "silent": ({"target": 3, "verbose": 0}, [(0.5, i, [("loss", 1.0 / i)]) for i in (1, 2, 3)]),
}


@pytest.mark.parametrize("name", RUNS)
def test_progbar_looks_as_that_of_keras(keras3, monkeypatch, clock, wide, name: str):
    from keras.src.utils import progbar as theirs

    monkeypatch.setattr(theirs, "time", clock)
    options, steps = RUNS[name]
    screens = []
    for make in (keras3.utils.Progbar, Progbar):
        clock.at = 1000.0
        out = Terminal()
        monkeypatch.setattr(sys, "stdout", out)
        bar = make(**options)
        seen = []
        for seconds, current, values in steps:
            clock.at += seconds
            bar.update(current, values)
            seen.append(out.screen().cells())
        screens.append(seen)
    assert screens[1] == screens[0]


def test_progbar_add_counts(terminal, clock):
    bar = Progbar(5)
    bar.add(2, [("loss", 1.0)])
    clock.at += 1
    bar.add(3, [("loss", 0.25)])
    assert terminal.screen().lines() == [f"5/5 {FULL} 1s 333ms/step - loss: 0.2500", ""]


def test_progbar_in_a_file_writes_the_last_line_only(capsys):
    bar = Progbar(3)
    for i in range(1, 4):
        bar.update(i, [("loss", 1.0)])
    written = capsys.readouterr().out
    assert written.startswith(f"3/3 {FULL} 0s ") and written.endswith(" - loss: 1.0000\n")
    assert "\r" not in written and "\x1b" not in written and written.count("\n") == 1
    bar = Progbar(3, interval=0)  # every update is asked for
    for i in range(1, 4):
        bar.update(i)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["1/3", "2/3", "3/3"]


def test_progbar_errors():
    with pytest.raises(ValueError, match="Only one of"):
        Progbar(1, stateful_metrics=[], stateless_metrics=[])
    with pytest.raises(ValueError, match=r"verbose must be 0 .*received 0.5"):
        Progbar(1, verbose=0.5)
    Progbar(0).update(0, finalize=True)


# -- Progress ----------------------------------------------------------------------------------------


def two_epochs(shown: Progress, clock: Clock) -> None:
    """Two epochs of 32 batches; the first four wait two seconds for the compiler, later ones 10 ms each."""
    for epoch in range(2):
        shown.epoch_begin(epoch)
        for done in (4, 12, 20, 32):
            clock.at += 2.0 if (epoch, done) == (0, 4) else 0.01 * (done - {4: 0, 12: 4, 20: 12, 32: 20}[done])
            shown.show(done, {"accuracy": 0.5, "loss": 1.0 / done})
        clock.at += 5.0  # the validation
        shown.epoch_end({"accuracy": 0.75, "loss": 1e-4, "val_loss": 0.5})
    shown.finish()


FINAL = " - accuracy: 0.7500 - loss: 1.0000e-04 - val_loss: 0.5000"
LINES = [
    "Epoch 1/2",
    f"32/32 {FULL} 7s 10ms/step{FINAL}",
    "Epoch 2/2",
    f"32/32 {FULL} 5s 10ms/step{FINAL}",
    "",
]


def test_a_bar_on_a_terminal(terminal, clock):
    two_epochs(Progress("auto", epochs=2, steps=32), clock)
    assert terminal.screen().lines() == LINES


def test_the_bar_between(terminal, clock):
    shown = Progress(1, epochs=1, steps=100)
    shown.epoch_begin(0)
    clock.at += 3.0
    shown.show(5, {"loss": 1.0})
    clock.at += 2.0
    shown.show(25, {"loss": 0.5})
    assert terminal.screen().lines() == [f" 25/100 {FULL} 7s 100ms/step - loss: 0.5000"]
    styles = {code for _, code in terminal.screen().cells()[0]}
    assert styles == {"", "1", "32", "37"}  # bold, the part that is done, the part that is left
    assert sum(cell == ("━", "32") for cell in terminal.screen().cells()[0]) == 5
    shown.finish()
    assert terminal.screen().column == 0  # what is written next begins a line


def test_finish_after_an_interrupt_ends_the_line_once(terminal, clock):
    shown = Progress(1, steps=10)
    shown.epoch_begin(0)
    shown.show(3, {})
    shown.finish()
    shown.finish()
    assert terminal.getvalue().count("\n") == 1


def test_a_narrow_terminal_is_never_wrapped_while_the_bar_moves(monkeypatch, terminal, clock):
    monkeypatch.setenv("COLUMNS", "40")
    shown = Progress(1, steps=100)
    shown.epoch_begin(0)
    for done in range(1, 100):
        clock.at += 1
        shown.show(done, {"accuracy": 0.5, "loss": 0.5, "precision": 0.25})
    assert len(terminal.screen(40).lines()) == 1
    shown.epoch_end({"accuracy": 0.5, "loss": 0.5})
    lines = terminal.screen(40).lines()
    assert lines[0].startswith(f"100/100 {FULL}") and "loss: 0.5000" in "".join(lines)


def test_a_line_an_epoch_in_a_file(capsys, clock):
    two_epochs(Progress(1, epochs=2, steps=32), clock)
    assert capsys.readouterr().out.split("\n") == LINES


def test_verbose_2(terminal, clock):
    two_epochs(Progress(2, epochs=2, steps=32), clock)
    expected = [
        "Epoch 1/2",
        f"32/32 - 7s - 10ms/step{FINAL}",
        "Epoch 2/2",
        f"32/32 - 5s - 10ms/step{FINAL}",
        "",
    ]
    assert terminal.getvalue().split("\n") == expected


def test_verbose_0(terminal, clock):
    two_epochs(Progress(0, epochs=2, steps=32), clock)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("verbose", ["yes", [1], 0.5])
def test_verbose_is_checked(verbose: Any):
    with pytest.raises(ValueError, match="verbose must be 0"):
        Progress(verbose)


@pytest.mark.parametrize("verbose", [3, 10, -1])
def test_other_integers_show_the_headings(capsys: pytest.CaptureFixture[str], verbose: int):
    progress = Progress(verbose, epochs=2, steps=3)
    for epoch in range(2):
        progress.epoch_begin(epoch)
        progress.show(1, {"loss": 0.5})
        progress.epoch_end({"loss": 0.5})
    progress.finish()
    assert capsys.readouterr().out == "Epoch 1/2\nEpoch 2/2\n"


def test_true_and_false_are_1_and_0():
    assert [Progress(v).verbose for v in (True, False, "auto", None)] == [1, 0, 1, 0]


def test_an_unknown_number_of_steps(terminal, clock):
    shown = Progress(1, steps=None)
    shown.epoch_begin(0)
    clock.at += 2
    shown.show(7, {"loss": 0.5})
    assert terminal.screen().lines() == ["      7/Unknown 2s 286ms/step - loss: 0.5000"]
    shown.epoch_end({"loss": 0.5})
    assert terminal.screen().lines() == [f"7/7 {FULL} 2s 286ms/step - loss: 0.5000", ""]


def test_an_epoch_that_was_ended_early(capsys, clock):
    shown = Progress(1, steps=20)
    shown.epoch_begin(0)
    shown.epoch_end({}, done_batches=7)
    assert capsys.readouterr().out == f" 7/20 {FULL} 0s 0s/step\n"


def test_it_draws_and_reads_the_logs_only_when_it_is_time(terminal, clock):
    reads: list[int] = []
    shown = Progress(1, steps=1000, interval=0.25)
    shown.epoch_begin(0)
    for done in range(1, 1001):
        clock.at += 0.001
        shown.show(done, Logs(["loss"], lambda: [reads.append(1) or 0.5]))
    assert len(reads) == 4


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_no_logs_are_read_where_nothing_is_drawn(capsys, clock, verbose: int):
    def fetch() -> Any:
        raise AssertionError("nobody asked for this")

    shown = Progress(verbose, steps=3)
    shown.epoch_begin(0)
    shown.show(1, Logs(["loss"], fetch))
    assert not shown.draws


def test_ascii_output_gets_an_ascii_bar(monkeypatch, clock):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", newline=""))
    shown = Progress(1, steps=2)
    shown.epoch_begin(0)
    shown.epoch_end({"loss": 0.5})
    assert raw.getvalue() == b"2/2 " + b"=" * 20 + b" 0s 0s/step - loss: 0.5000\n"


def test_no_colours_where_they_are_unwanted(monkeypatch, terminal, clock):
    monkeypatch.setenv("NO_COLOR", "1")
    two_epochs(Progress(1, epochs=2, steps=32), clock)
    assert "\x1b" not in terminal.getvalue() and terminal.screen().lines() == LINES


def test_a_notebook_is_redrawn_by_carriage_return(monkeypatch, wide, clock):
    out = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stdout", out)
    two_epochs(Progress(1, epochs=2, steps=32), clock)
    screen = Screen()
    screen.feed(out.getvalue())
    assert screen.lines() == LINES
    assert out.getvalue().count("\r") > 4


def test_messages_can_go_to_the_log(monkeypatch, caplog, capsys, clock):
    monkeypatch.setattr(console, "_interactive", True)
    console.disable_interactive_logging()
    assert not console.is_interactive_logging_enabled()
    with caplog.at_level(logging.INFO, logger="kjax"):
        two_epochs(Progress(1, epochs=2, steps=32), clock)
        console.print_message("\nEpoch 1: a message\n")
    assert [record.message for record in caplog.records] == [*LINES[:-1], "Epoch 1: a message"]
    assert capsys.readouterr().out == ""
    console.enable_interactive_logging()
    console.print_message("seen", end="!")
    assert capsys.readouterr().out == "seen!"


# -- the callback ------------------------------------------------------------------------------------


def test_progbar_logger_in_a_loop_of_ones_own(capsys, clock):
    callbacks = CallbackList(add_progbar=True, verbose=1, epochs=2, steps=3)
    assert callbacks.shows_progress and not CallbackList().shows_progress
    callbacks.on_train_begin()
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for batch in range(3):
            callbacks.on_train_batch_end(batch, {"loss": 0.5})
        callbacks.on_test_begin()
        callbacks.on_test_batch_end(0, {"loss": 9.0})
        callbacks.on_test_end({"loss": 9.0})
        callbacks.on_epoch_end(epoch, {"loss": 0.25})
    callbacks.on_train_end()
    line = f"3/3 {FULL} 0s 0s/step - loss: 0.2500"
    assert capsys.readouterr().out.splitlines() == ["Epoch 1/2", line, "Epoch 2/2", line]
    callbacks.on_test_begin()
    callbacks.on_test_batch_end(0, {"loss": 9.0})
    callbacks.on_test_end({"loss": 9.0})
    callbacks.on_predict_begin()
    callbacks.on_predict_batch_end(0, {"outputs": np.ones(3)})
    callbacks.on_predict_end()
    written = capsys.readouterr().out.splitlines()
    assert written == [f"3/3 {FULL} 0s 0s/step - loss: 9.0000", f"3/3 {FULL} 0s 0s/step"]


def test_progbar_logger_shows_nothing_with_verbose_0(capsys):
    callbacks = CallbackList(ProgbarLogger("samples", stateful_metrics=["auc"]), verbose=0, epochs=1, steps=1)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    callbacks.on_epoch_end(0, {"loss": 1.0})
    callbacks.on_train_end()
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="count_mode must be 'steps' or 'samples', received 'epochs'"):
        ProgbarLogger("epochs")


# -- a real terminal and a real pipe -----------------------------------------------------------------

PROGRAM = """
import time
from kjax.keras.progress import Progress
shown = Progress("auto", epochs=2, steps=8, interval=0.01)
for epoch in range(2):
    shown.epoch_begin(epoch)
    for done in range(1, 9):
        time.sleep(0.02)
        shown.show(done, {"accuracy": 0.5, "loss": 1 / done})
    shown.epoch_end({"accuracy": 0.5, "loss": 0.125})
shown.finish()
print("done")
"""


@pytest.fixture
def run(root: Path) -> Iterator[Callable[[Any], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(stdout: Any) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8", "TERM": "xterm"}
        environment.pop("NO_COLOR", None)
        started.append(subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=stdout, cwd=root, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def check_lines(lines: list[str]) -> None:
    assert len(lines) == 6 and lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2"
    for line in (lines[1], lines[3]):
        assert line.startswith(f"8/8 {FULL} 0s ") and line.endswith("ms/step - accuracy: 0.5000 - loss: 0.1250")
    assert lines[4:] == ["done", ""]


def test_on_a_pseudo_terminal(run):
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    controller, terminal = pty.openpty()
    process = run(terminal)
    os.close(terminal)
    chunks: list[bytes] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            chunk = os.read(controller, 65536)
        except OSError:  # how Linux says that the other side was closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(controller)
    assert process.wait(timeout=60) == 0
    text = b"".join(chunks).decode()
    assert text.count("\r1/8") + text.count("\r\x1b[1m1/8") == 2 and "\x1b[32m" in text
    screen = Screen()
    screen.feed(text)
    check_lines(screen.lines())


def test_through_a_pipe(run):
    process = run(subprocess.PIPE)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"\r" not in out and b"\x1b" not in out and b"\b" not in out
    check_lines(out.decode().split("\n"))

"""The programs: the main job runs, resumes, and says in one line what is wrong."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from kjax.examples import cifar10


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Arguments of a run of seconds, without a network, in a folder of its own."""
    monkeypatch.setenv("KJAX_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return ["--model", "mlp", "--subset", "300", "--epochs", "2", "--output", str(tmp_path / "out"), "--verbose", "2"]


@pytest.mark.slow
def test_main_job_names_the_stand_in_saves_and_resumes(small, tmp_path, capsys):
    from kjax import keras

    folder = tmp_path / "checkpoints"
    assert cifar10.main([*small, "--checkpoint-dir", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert "stand-in data (NOT CIFAR-10)" in err
    for line in out.splitlines():
        if "accuracy" in line:
            assert "standin_accuracy" in line or "NOT CIFAR-10" in line
    assert "pictures per second" in out
    assert (tmp_path / "out" / "cifar10-mlp.png").stat().st_size > 1000
    first = keras.saving.load_model(tmp_path / "out" / "cifar10-mlp.keras").get_weights()

    # The last checkpoint is lost, as after a kill; the run goes on from the one in the middle of the epoch.
    newest = max(folder.iterdir(), key=lambda path: int(path.name))
    newest.rename(tmp_path / "lost")
    assert cifar10.main([*small, "--checkpoint-dir", str(folder), "--resume"]) == 0
    second = keras.saving.load_model(tmp_path / "out" / "cifar10-mlp.keras").get_weights()
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nothing"], "invalid choice"),
        (["--epochs", "0"], "expected a positive integer"),
        (["--batch-size", "x"], "expected a positive integer"),
        (["--resume"], "--resume needs --checkpoint-dir"),
        (["--seed", "-1"], "--seed must not be negative"),
    ],
)
def test_wrong_flags(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        cifar10.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_unwritable_and_used_folders(small, tmp_path, capsys):
    (tmp_path / "file").write_text("not a folder")
    assert cifar10.main([*small[:-4], "--output", str(tmp_path / "file" / "out")]) == 1
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thing").write_text("")
    assert cifar10.main([*small, "--checkpoint-dir", str(tmp_path / "used")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: cannot write the model")
    assert "is not empty: add --resume" in lines[1]


def test_damaged_archive_is_one_line_and_nothing_is_left(small, tmp_path, capsys):
    folder = tmp_path / "home" / "datasets"
    folder.mkdir(parents=True)
    (folder / "cifar-10-batches-py.tar.gz").write_bytes(b"\x1f\x8b" + bytes(1000))
    assert cifar10.main(small) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "cifar-10-batches-py.tar.gz is damaged" in lines[0]
    assert [path.name for path in folder.iterdir()] == ["cifar-10-batches-py.tar.gz"]


@pytest.mark.slow
def test_research_loop_runs_and_is_short(root):
    script = root / "examples" / "research_loop.py"
    assert len(script.read_text().splitlines()) < 60
    command = [sys.executable, str(script), "--epochs", "2", "--samples", "400"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in run.stdout.splitlines()]
    assert len(losses) == 2 and losses[1] < losses[0]
    assert "keras" not in script.read_text().replace("no Keras API", "")

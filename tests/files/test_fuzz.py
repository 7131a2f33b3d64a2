"""A hundred broken files of each format; ``python -m tests.files.fuzz`` tries thousands in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.files.fuzz import NAMES, attempt, change, formats, net

COUNT = {
    "a.keras": 40,
    "a.plain": 30,
    "a.orbax": 15,
    "a.json": 40,
    "a.yaml": 20,
    "a.archive": 60,
    "a.h5": 60,
    "a.index": 30,
    "a.data": 30,
    "a.graph": 40,
    "a.metadata": 30,
}
"""Building a model anew takes longer than to read weights."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, dict[str, Callable[[Path], Any]]]:
    """A folder with a file of each format, the model in them, and how each is read."""
    folder, model = tmp_path_factory.mktemp("fuzz"), net()
    return folder, model, formats(model, folder)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "a.orbax"])
def test_broken_files_are_refused_or_load(name: str, files: Any) -> None:
    folder, model, readers = files
    data, before = (folder / name).read_bytes(), model.get_weights()
    problems = []
    for i in range(COUNT.get(name, 100)):
        path = folder / f"b{name}"
        path.write_bytes(change(name, data, np.random.default_rng([1, i])))
        problem = attempt(readers[name], path)
        if problem is not None:
            problems.append(f"mutation {i}: {problem}")
    assert problems == []
    assert [w.shape for w in model.get_weights()] == [w.shape for w in before]


@pytest.mark.slow
def test_broken_checkpoints_of_orbax_are_refused_or_load() -> None:
    # In a process of its own: when a read fails, Orbax leaves those behind that it has not begun, which Python warns of.
    command = [sys.executable, "-m", "tests.files.fuzz", "20", "1", "a.orbax"]
    run = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0 and "20 mutations, 0 problems" in run.stdout, run.stdout

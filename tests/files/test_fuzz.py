"""A hundred broken files of each format; ``python -m tests.files.fuzz`` tries thousands in processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.files.fuzz import NAMES, attempt, formats, mutate, net

COUNT = {"a.keras": 40, "a.h5": 60, "a.index": 30, "a.data": 30, "a.graph": 40, "a.metadata": 30}
"""Building a model anew takes longer than to read weights."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, dict[str, Callable[[Path], Any]]]:
    """A folder with a file of each format, the model in them, and how each is read."""
    folder, model = tmp_path_factory.mktemp("fuzz"), net()
    return folder, model, formats(model, folder)


@pytest.mark.parametrize("name", NAMES)
def test_broken_files_are_refused_or_load(name: str, files: Any) -> None:
    folder, model, readers = files
    data, before = (folder / name).read_bytes(), model.get_weights()
    problems = []
    for i in range(COUNT.get(name, 100)):
        path = folder / f"b{name}"
        path.write_bytes(mutate(data, np.random.default_rng([1, i])))
        problem = attempt(readers[name], path)
        if problem is not None:
            problems.append(f"mutation {i}: {problem}")
    assert problems == []
    assert [w.shape for w in model.get_weights()] == [w.shape for w in before]

"""Files of real Keras 2.2.4 predict, train and resume as they did when they were recorded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.files.golden import Recording, compare, limit, recordings

HERE = Path(__file__).parents[1] / "data" / "golden"
MORE = os.environ.get("KJAX_GOLDEN")
FOLDERS = recordings(HERE) + (recordings(Path(MORE)) if MORE else [])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_recording_is_followed(folder: Path) -> None:
    distances = dict(compare(Recording(folder)))
    assert distances
    assert {what: far for what, far in distances.items() if far > limit(what)} == {}

"""Scripts in the style of each generation of Keras run unchanged on kjax.

They were written for these tests, after the examples and tutorials of their time. To save time those of one generation
run one after another in one process, each as `python -m kjax` runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import SEED, one_device

FOLDER = Path(__file__).parent
GENERATIONS = {"keras1": "1", "keras2": "2", "tf_keras": "tf", "keras3": "3"}
SCRIPTS = [path.relative_to(FOLDER).as_posix() for name in GENERATIONS for path in sorted((FOLDER / name).glob("*.py"))]

DRIVER = """
import contextlib, io, json, os, sys
import kjax.keras
from kjax.keras.core.settings import clear_session, set_random_seed
from kjax.keras.legacy import runner
era, seed, paths = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
for path in paths:
    out = io.StringIO()
    kjax.keras.install(3)
    clear_session(free_memory=False)
    set_random_seed(seed)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = runner.run_script(path, [], era)
    print(json.dumps({"path": path, "status": status, "output": out.getvalue()[-3000:]}), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("generation", GENERATIONS)
def test_scripts_of_all_generations(generation: str):
    paths = [str(FOLDER / script) for script in SCRIPTS if script.startswith(f"{generation}/")]
    command = [sys.executable, "-c", DRIVER, GENERATIONS[generation], str(SEED), *paths]
    environment = one_device({"PYTHONWARNINGS": "ignore"})
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    found = [json.loads(line) for line in process.stdout.splitlines() if line.startswith('{"path"')]
    assert [entry["path"] for entry in found] == paths, process.stdout + process.stderr
    failed = [f"{entry['path']}: status {entry['status']}\n{entry['output']}" for entry in found if entry["status"]]
    assert not failed, "\n\n".join(failed)


def test_each_generation_has_scripts():
    counts = {name: len(list((FOLDER / name).glob("*.py"))) for name in GENERATIONS}
    assert min(counts.values()) >= 8, counts

"""What README.md shows works: its Python blocks run in order, its commands and links exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/data.md"]

FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[tuple[int, str]]:
    """The code blocks of a page in a language, each with the number of its first line."""
    text = (ROOT / page).read_text("utf-8")
    return [
        (text.count("\n", 0, match.start("code")) + 1, match["code"])
        for match in FENCE.finditer(text)
        if match["language"] == language
    ]


@pytest.mark.parametrize(("page", "least"), [("README.md", 2), ("docs/data.md", 1)])
def test_python_blocks_run_in_order(tmp_path: Path, page: str, least: int):
    """In one fresh process and one namespace, as if a reader had pasted them one after another."""
    found = blocks(page, "python")
    assert len(found) >= least
    # Blank lines keep the line numbers of a traceback those of the page.
    program = ""
    for line, code in found:
        program += "\n" * (line - 1 - program.count("\n")) + code
    script = tmp_path / "page.py"
    script.write_text(program, "utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-W", "error", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("page", PAGES)
def test_links_and_commands_exist(page: str):
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (ROOT / target).exists(), f"{page} links to {target}, which is not there"
    for command in re.findall(r"\bscripts/[\w-]+", text):
        assert os.access(ROOT / command, os.X_OK), f"{page} names {command}, which is not an executable file"
    for module in re.findall(r"python -m (kjax[\w.]+)", text):
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{page}: no {module}"

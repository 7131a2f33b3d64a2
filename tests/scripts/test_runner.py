"""`python -m kjax`: arguments, exit statuses, tracebacks, neighbours, modules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kjax.__main__ import parse


def run(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]), **more}
    command = [sys.executable, "-m", "kjax", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment)


def test_a_script_sees_what_python_would_show_it(tmp_path):
    (tmp_path / "neighbour.py").write_text("from keras.layers import Dense\nunits = Dense(3).units\n")
    (tmp_path / "script.py").write_text(
        "import sys, os, neighbour\n"
        "import keras\n"
        "print(__name__, sys.argv, __file__, neighbour.units, keras.__version__, sys.path[0] == os.path.dirname("
        "os.path.abspath(__file__)))\n"
        "import __main__\n"
        "class Local: pass\n"
        "import pickle\n"
        "assert __main__.Local is Local and isinstance(pickle.loads(pickle.dumps(Local())), Local)\n"
        "sys.exit(7)\n"
    )
    result = run("--keras", "2", "script.py", "-x", "--keras", "one", cwd=tmp_path)
    assert result.returncode == 7, result.stderr
    assert result.stdout == "__main__ ['script.py', '-x', '--keras', 'one'] script.py 3 2.2.4 True\n"


def test_an_error_shows_the_traceback_of_the_script(tmp_path):
    (tmp_path / "fails.py").write_text("def inner():\n    raise ValueError('my own')\n\ninner()\n")
    result = run("fails.py", cwd=tmp_path)
    assert result.returncode == 1 and result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "^" not in line]
    assert lines == [
        "Traceback (most recent call last):",
        '  File "fails.py", line 4, in <module>',
        "    inner()",
        '  File "fails.py", line 2, in inner',
        "    raise ValueError('my own')",
        "ValueError: my own",
    ]
    (tmp_path / "broken.py").write_text("x = (1,\n")
    result = run("broken.py", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith('  File "broken.py", line 1') and "SyntaxError" in result.stderr


def test_modules_and_messages_of_exit(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "other.py").write_text("value = 5\n")
    (package / "__main__.py").write_text(
        "import sys\nfrom .other import value\nfrom keras.layers.core import Dense\n"
        "print(__name__, __package__, value, sys.argv[1:], Dense.__name__)\nsys.exit('no more')\n"
    )
    result = run("-m", "package", "a", "b", cwd=tmp_path)
    assert result.stdout == "__main__ package 5 ['a', 'b'] Dense\n", result.stderr
    assert result.returncode == 1 and result.stderr.splitlines()[-1] == "no more"
    assert "is taken for a script of Keras 2" in result.stderr
    result = run("-m", "no_such_module", cwd=tmp_path)
    assert result.returncode == 1 and "no module 'no_such_module'" in result.stderr


def test_command_lines():
    assert parse(["--keras", "2", "s.py", "--keras", "3"]) == ("2", False, "s.py", ["--keras", "3"])
    assert parse(["--keras=tf", "-m", "mod", "x"]) == ("tf", True, "mod", ["x"])
    assert parse(["s.py"]) == (None, False, "s.py", [])
    for bad in ([], ["--nothing", "s.py"], ["--keras"]):
        with pytest.raises(SystemExit) as leaving:
            parse(bad)
        assert leaving.value.code == 2


def test_what_cannot_be_run_is_said(tmp_path, capsys):
    from kjax.__main__ import main

    assert main([str(tmp_path / "none.py")]) == 2
    assert "there is no such file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--keras", "9", str(tmp_path)])
    assert "version must be 1, 2, 'tf' or 3" in capsys.readouterr().err
    with pytest.raises(SystemExit) as leaving:
        main(["--version"])
    assert leaving.value.code == 0 and capsys.readouterr().out.startswith("kjax ")

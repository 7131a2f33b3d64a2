"""Scripts in Python 2: what tells them, what they become, what is left alone."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from kjax.keras.legacy import python2


def run(source: str) -> dict[str, Any]:
    """The names of a script of Python 2 after it ran."""
    found = python2.translated(source.encode(), "script.py")
    assert found is not None, source
    names: dict[str, Any] = dict(python2.NAMES)
    exec(found[0], names)
    return names


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os\nprint 'x'\n", "line 2: print 'x'"),
        ("try:\n    pass\nexcept ValueError, e:\n    pass\n", "line 3"),
        ("for i in xrange(3): pass\n", "line 1: xrange"),
        ("d = {}\nd.has_key(1)\n", r"line 2: \.has_key\(\)"),
        ("import cPickle\n", "line 1: import cPickle"),
        ("import sys\nprint >>sys.stderr, 'x'\n", "line 2: print >>"),
    ],
)
def test_what_tells_python_2(source: str, reason: str):
    found = python2.translated(source.encode(), "script.py")
    assert found is not None
    import re

    assert re.match(reason, found[2]), found[2]


@pytest.mark.parametrize(
    "source",
    [
        "print('x', 5 / 2)\n",
        "try:\n    import cPickle as pickle\nexcept ImportError:\n    import pickle\n",
        "try:\n    xrange\nexcept NameError:\n    xrange = range\nxrange(3)\n",
        "import six\nfrom six.moves import xrange\nsix.iteritems({})\nxrange(2)\n",
        "from functools import reduce\nreduce(max, [1, 2])\n",
        "import sys\nif sys.version_info[0] < 3:\n    input = raw_input\n",
        "import pandas as pd\nfor k, v in pd.DataFrame().iteritems(): pass\n",
        "def f(long): return long\n",
        "x = (1,\n",  # no Python at all
    ],
)
def test_scripts_of_today_are_left_alone(source: str):
    assert python2.translated(source.encode(), "script.py") is None


def test_division_is_that_of_python_2():
    names = run("print 1\na, b, c = 7 / 2, -7 / 2, 7 / 2.0\nd = 9\nd /= 2\n")
    assert (names["a"], names["b"], names["c"], names["d"]) == (3, -4, 3.5, 4)
    names = run("import numpy as np\nx = np.arange(5); x /= 2\ny = np.arange(3) / 2\nz = np.ones(2) / 2\nprint x\n")
    assert names["x"].tolist() == [0, 0, 1, 1, 2] and names["y"].tolist() == [0, 0, 1]
    np.testing.assert_array_equal(names["z"], [0.5, 0.5])
    assert run("from __future__ import division\nprint 1\na = 7 / 2\n")["a"] == 3.5


def test_what_is_translated(capsys: Any):
    names = run(
        "import cPickle\n"
        "from StringIO import StringIO\n"
        "d = {'b': 2}\n"
        "if d.has_key('b'):\n"
        "\tkeys = d.keys()\n"
        "        values = [v for k, v in d.iteritems()]\n"
        "first = range(3)[1:] + map(str, [1])\n"
        "try:\n    raise ValueError, 'bad'\nexcept ValueError, e:\n    text = str(e)\n"
        "print 'a', 1,\nprint 'b'\n"
        "big = 10L + 0x10 + 010\n"
        "word = u'x' + unicode(3)\n"
        "restored = cPickle.loads(cPickle.dumps([1]))\n"
    )
    assert names["keys"] == ["b"] and names["values"] == [2] and names["first"] == [1, 2, "1"]
    assert names["text"] == "bad" and names["big"] == 34 and names["word"] == "x3" and names["restored"] == [1]
    assert capsys.readouterr().out == "a 1 b\n"


def test_errors_show_the_translated_line():
    import traceback

    found = python2.translated(b"print 'x'\n\nd = {}\nd['missing']\n", "lines.py")
    assert found is not None
    with pytest.raises(KeyError) as caught:
        exec(found[0], dict(python2.NAMES))
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.lineno, last.line) == (4, "d['missing']")


def test_modules_beside_the_script(tmp_path: Any, monkeypatch: Any):
    (tmp_path / "old_module.py").write_text("def half(n):\n    print n\n    return n / 2\n")
    (tmp_path / "new_module.py").write_text("def half(n):\n    return n / 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "path_hooks", list(sys.path_hooks))
    python2.translate_modules_in(str(tmp_path))
    import importlib

    old, new = importlib.import_module("old_module"), importlib.import_module("new_module")
    assert old.half(5) == 2 and new.half(5) == 2.5
    assert not list(tmp_path.glob("__pycache__/old_module*"))
    for name in ("old_module", "new_module"):
        del sys.modules[name]


def test_without_fissix_it_is_said_what_to_do(monkeypatch: Any):
    monkeypatch.setitem(sys.modules, "fissix.pgen2.parse", None)
    with pytest.raises(ImportError, match=r"line 1: print 1.*kjax\[python2\]"):
        python2.translated(b"print 1\n", "script.py")
    assert python2.translated(b"x = (1,\n", "script.py") is None  # may be of today, with a mistake in it

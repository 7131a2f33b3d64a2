"""Scripts in Python 2: told by what they say, translated by ``fissix`` as they run, with the division of that time.

The file itself is never changed. What is translated is what Python 3 cannot run: syntax (``print x``, ``except E, e``),
methods (``d.iteritems()``), functions (``xrange``), modules (``cPickle``).
"""

from __future__ import annotations

import ast
import functools
import importlib.machinery
import io
import linecache
import re
import sys
import tokenize
from collections.abc import Set
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

GONE_FUNCTIONS = frozenset(
    "xrange raw_input unicode basestring unichr long reduce execfile cmp reload buffer intern coerce apply".split()
)
GONE_METHODS = frozenset(("iteritems", "itervalues", "iterkeys", "has_key"))
GONE_MODULES = frozenset(
    "cPickle cStringIO StringIO Queue ConfigParser urllib2 urlparse Tkinter commands __builtin__ copy_reg HTMLParser".split()
)
DIVIDE = "__divide_as_python_2__"


def translated(source: bytes, path: str) -> tuple[CodeType, str, str] | None:
    """A script of Python 2 as code of today, or None where it is none.

    Args:
        source: its text.
        path: its file, for messages and tracebacks.

    Returns:
        The code, the translated text, and what tells that it is Python 2.

    Raises:
        ImportError: it is, and ``fissix`` is not installed.
    """
    text = _decoded(source)
    reason = _reason(text)
    if reason is None:
        return None
    try:
        from fissix.pgen2.parse import ParseError
        from fissix.pgen2.tokenize import TokenError
    except ImportError as error:
        if _may_be_of_today(text):
            return None
        raise ImportError(
            f"{path} is written in Python 2 ({reason}); to have it translated as it runs, pip install 'kjax[python2]'"
        ) from error
    try:
        today = str(_tool().refactor_string(_with_spaces(text), path))
        tree = ast.parse(today)
    except (ParseError, TokenError, SyntaxError, ValueError):
        return None  # no Python at all: today's parser says what is wrong with it
    if not re.search(r"^from __future__ import .*\bdivision\b", text, re.MULTILINE):
        tree = ast.fix_missing_locations(_Divide().visit(tree))
    # A time of None keeps the text: tracebacks and `inspect.getsource` show what runs.
    linecache.cache[path] = (len(today), None, today.splitlines(keepends=True), path)
    return compile(tree, path, "exec", dont_inherit=True), today, reason


@functools.cache
def _tool() -> Any:
    from fissix import refactor

    fixers = [name for name in refactor.get_fixers_from_package("fissix.fixes") if not name.endswith("fix_import")]
    return refactor.RefactoringTool(fixers)


def _decoded(source: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = source.decode(encoding)
    except (SyntaxError, UnicodeDecodeError):
        text = source.decode("latin-1")  # Python 2 took any bytes in comments and strings
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"


def _with_spaces(text: str) -> str:
    """The text with tabs at the beginning of lines as spaces, of which Python 2 counted eight to a tab."""
    lines = text.split("\n")
    return "\n".join(
        re.match(r"[ \t]*", line)[0].expandtabs(8) + line.lstrip(" \t") if line[:1] in " \t" else line  # type: ignore[index]
        for line in lines
    )


def _reason(text: str) -> str | None:
    """What in a script tells that it is Python 2, or None."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        return f"line {line}: {str(getattr(error, 'text', '') or '').strip() or error}"
    return _telling(tree)


def _may_be_of_today(text: str) -> bool:
    """Whether a script that cannot be parsed may be one of today with a mistake in it."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        return not re.search("Missing parentheses|multiple exception types|leading zeros|use of tabs", str(error))
    return False


def _telling(tree: ast.Module) -> str | None:
    """What in a script that Python 3 can parse is of Python 2 alone, outside of ``try`` and of definitions of its own."""
    own, tried, modules = set(), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            own.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            own.add(node.name)
        elif isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, ast.alias):
            own.update(GONE_FUNCTIONS if node.name == "*" else [(node.asname or node.name).partition(".")[0]])
            modules.add(node.name.partition(".")[0])
        elif isinstance(node, ast.Try) or (isinstance(node, ast.If) and _asks_version(node)):
            tried.update(id(inner) for inner in ast.walk(node))  # it asks what there is, or which Python runs
    methods = GONE_METHODS - ({"iteritems"} if "pandas" in modules else set())  # data frames had it in Python 3, too
    for node in ast.walk(tree):
        if id(node) in tried:
            continue
        found = _of_python2(node, own, methods)
        if found is not None:
            return f"line {node.lineno}: {found}"  # type: ignore[attr-defined]
    return None


def _asks_version(node: ast.If) -> bool:
    return any(
        (isinstance(inner, ast.Attribute) and inner.attr in ("version_info", "PY2", "PY3", "version"))
        or (isinstance(inner, ast.Name) and inner.id in ("PY2", "PY3"))
        for inner in ast.walk(node.test)
    )


def _of_python2(node: ast.AST, own: set[str], methods: Set[str]) -> str | None:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in GONE_FUNCTIONS - own:
        return node.id
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods:
        holder = node.func.value
        if not (isinstance(holder, ast.Name) and holder.id == "six"):
            return f".{node.func.attr}()"
    if isinstance(node, ast.Import):
        return next((f"import {name.name}" for name in node.names if name.name in GONE_MODULES), None)
    if isinstance(node, ast.ImportFrom) and not node.level and node.module in GONE_MODULES:
        return f"from {node.module} import"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift) and _is_print(node.left):
        return "print >>"
    return None


def _is_print(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "print"


class _Divide(ast.NodeTransformer):
    """Divisions as calls of :func:`divide`."""

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """``a / b``."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div) or any(_is_float(side) for side in (node.left, node.right)):
            return node
        return ast.copy_location(self._call([node.left, node.right]), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """``a /= b`` of a name."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div) or not isinstance(node.target, ast.Name) or _is_float(node.value):
            return node
        value = self._call([ast.Name(node.target.id, ast.Load()), node.value], "__divide_in_place_as_python_2__")
        return ast.copy_location(ast.Assign([node.target], value), node)

    def _call(self, arguments: list[Any], name: str = DIVIDE) -> ast.Call:
        return ast.Call(ast.Name(name, ast.Load()), arguments, [])


def _is_float(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def _is_whole(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iu"
    return isinstance(value, (int, np.integer))


def divide(a: Any, b: Any) -> Any:
    """``a / b`` as in Python 2: of whole numbers, rounded down."""
    return a // b if _is_whole(a) and _is_whole(b) else a / b


def divide_in_place(a: Any, b: Any) -> Any:
    """``a /= b`` as in Python 2."""
    if isinstance(a, np.ndarray):
        if _is_whole(a):
            np.floor_divide(a, np.asarray(b), out=a, casting="unsafe")
            return a
        a /= b
        return a
    return divide(a, b)


NAMES = {DIVIDE: divide, "__divide_in_place_as_python_2__": divide_in_place}
"""What translated code needs among its names."""


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module next to the script, translated where it is Python 2."""

    def get_code(self, fullname: str) -> CodeType | None:
        """The module's code; translated code is not written into the cache, where today's Python would find it."""
        path = self.get_filename(fullname)
        found = translated(self.get_data(path), path)
        return super().get_code(fullname) if found is None else found[0]

    def exec_module(self, module: Any) -> None:
        """Run the module."""
        module.__dict__.update(NAMES)
        super().exec_module(module)


def translate_modules_in(folder: str) -> None:
    """Let modules in a folder be translated where they are Python 2.

    Args:
        folder: the script's.
    """
    root = Path(folder).resolve()
    details = (
        (_Loader, importlib.machinery.SOURCE_SUFFIXES),
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
    )
    make = importlib.machinery.FileFinder.path_hook(*details)

    def hook(path: str) -> Any:
        inside = Path(path).resolve()
        if not inside.is_relative_to(root) or any(part.endswith("-packages") for part in inside.parts):
            raise ImportError(f"{path} does not belong to the script", path=path)
        return make(path)

    sys.path_hooks[:] = [each for each in sys.path_hooks if getattr(each, "__module__", "") != __name__]
    sys.path_hooks.insert(0, hook)
    for known in [path for path in sys.path_importer_cache if Path(path or ".").resolve().is_relative_to(root)]:
        del sys.path_importer_cache[known]

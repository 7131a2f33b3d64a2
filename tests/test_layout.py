"""The shape of the code base: imports go down the floors, no cycles, short and documented files, lazy."""

from __future__ import annotations

import ast
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 600

# What each part of kjax may import from kjax, anywhere in its files. A new part needs a row here.
MAY_IMPORT = {
    "_version": set(),
    "nn": {"_version"},
    "data": {"_version"},
    "train": {"_version", "nn", "data"},
    "models": {"_version", "nn"},
    "keras": {"_version", "nn", "data", "train", "models"},
    "__main__": {"_version", "keras"},
    "examples": {"_version", "nn", "data", "train", "models", "keras"},
}
# What the lower floors may import from outside when they are loaded; what is imported in a function is free.
THIRD_PARTY = {
    "nn": {"jax", "flax", "optax", "numpy", "jaxtyping"},
    "data": {"jax", "numpy", "jaxtyping"},
    "train": {"jax", "flax", "optax", "numpy", "jaxtyping"},
    "models": {"jax", "flax", "numpy", "jaxtyping"},
}
# Slow to import, or optional: loaded by whoever needs them when they need them.
HEAVY = (
    "orbax",
    "h5py",
    "tensorflow_datasets",
    "tensorflow",
    "sklearn",
    "matplotlib",
    "rich",
    "keras",
    "torch",
    "tensorboard",
    "pydot",
    "cv2",
)
BUDGET_SECONDS = 0.4


@dataclass(frozen=True)
class Import:
    """One imported module or name.

    Attributes:
        target: dotted name; for ``from a import b`` that is ``a.b``, be it a module or a name in ``a``.
        line: line number in the file.
        at_load: whether it runs when the file is loaded, so neither in a function nor for type checkers only.
        runs: whether it runs at all, so not for type checkers only.
    """

    target: str
    line: int
    at_load: bool
    runs: bool


def module_name(path: Path, root: Path) -> str:
    """``kjax.nn.dense`` for ``kjax/nn/dense.py``, ``kjax.nn`` for ``kjax/nn/__init__.py``."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, module: str, is_package: bool) -> Iterator[Import]:
    """All imports in a source file, relative ones resolved."""

    def walk(node: ast.AST, at_load: bool, runs: bool = True) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, at_load, runs) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".")[: None if is_package else -1]
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, *([node.module] if node.module else [])])
            yield from (Import(f"{base}.{alias.name}", node.lineno, at_load, runs) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for child in node.body:
                yield from walk(child, False, False)
            for child in node.orelse:
                yield from walk(child, at_load, runs)
        else:
            inside_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from walk(child, at_load and not inside_function, runs)

    return walk(ast.parse(source), True)


def package_files(root: Path) -> list[Path]:
    return sorted((root / "kjax").rglob("*.py"))


def part_of(module: str) -> str:
    """``nn`` for ``kjax.nn.dense``, and an empty string for ``kjax`` itself."""
    return module.split(".")[1] if "." in module else ""


def imports_in(path: Path, root: Path) -> Iterator[Import]:
    return imports_of(path.read_text("utf-8"), module_name(path, root), path.name == "__init__.py")


def floor_violations(path: Path, root: Path) -> Iterator[str]:
    """The imports of a file that go up, or outside of what its floor may use."""
    part = part_of(module_name(path, root))
    where = path.relative_to(root)
    if part and part not in MAY_IMPORT:
        yield f"{where}: 'kjax.{part}' has no row in MAY_IMPORT"
        return
    for imported in imports_in(path, root):
        top = imported.target.split(".")[0]
        if top == "kjax":
            target = part_of(imported.target)
            if part and target not in MAY_IMPORT[part] | {part}:
                yield f"{where}:{imported.line}: kjax.{part} may not import {imported.target}"
        elif imported.at_load and part in THIRD_PARTY and top not in THIRD_PARTY[part] | sys.stdlib_module_names:
            yield f"{where}:{imported.line}: kjax.{part} may import {top} in a function only, if at all"


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """One path for each loop that a depth-first search through the graph closes."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> None:
        if node in path:
            found.append([*path[path.index(node) :], node])
        elif node not in done:
            for target in sorted(graph.get(node, ())):
                visit(target, [*path, node])
            done.add(node)

    for node in sorted(graph):
        visit(node, [])
    return found


def import_graph(root: Path, in_functions: bool = False) -> dict[str, set[str]]:
    """For each module of kjax, the modules of kjax that it names in imports that run when it is loaded.

    Args:
        root: of the project.
        in_functions: take in those that run later, too.
    """
    modules = {module_name(path, root): path for path in package_files(root)}

    def nearest(target: str) -> str:
        while target not in modules:
            target = target.rpartition(".")[0]
        return target

    return {
        module: {
            nearest(imported.target)
            for imported in imports_in(path, root)
            if (imported.at_load or (in_functions and imported.runs)) and imported.target.split(".")[0] == "kjax"
        }
        for module, path in modules.items()
    }


def test_imports_only_go_down():
    violations = [violation for path in package_files(ROOT) for violation in floor_violations(path, ROOT)]
    assert not violations, "\n".join(violations)


def test_no_import_cycles():
    graph = import_graph(ROOT)
    assert graph["kjax"] == {"kjax._version"}, "kjax/__init__.py loads its parts when they are named, not before"
    assert not (found := cycles(graph)), "\n".join(" -> ".join(cycle) for cycle in found)


def test_no_import_cycles_through_functions():
    """What is built on a module is reached through a door (core/doors.py), not by an import in a function."""
    found = cycles(import_graph(ROOT, in_functions=True))
    assert not found, "\n".join(" -> ".join(cycle) for cycle in found)


def test_the_core_of_the_keras_api_does_not_know_its_files():
    found = [
        f"{path.relative_to(ROOT)}:{imported.line}: {imported.target}"
        for path in sorted((ROOT / "kjax" / "keras" / "core").rglob("*.py"))
        for imported in imports_in(path, ROOT)
        if imported.target.startswith("kjax.keras.saving")
    ]
    assert not found, f"saving is built on core, which asks for configs through core/configs.py: {found}"


def test_no_file_is_too_long():
    lengths = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in package_files(ROOT)}
    assert not (long := {str(p): n for p, n in lengths.items() if n > MAX_LINES}), f"over {MAX_LINES} lines: {long}"


def test_every_file_starts_with_a_docstring():
    folders = ("kjax", "tests", "examples", "scripts", "benchmarks")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 5
    texts = ((path, path.read_text("utf-8")) for path in files)
    trees = (
        (path, ast.parse(text.partition("\nimport ")[0] if "in Python 2" in text[:200] else text))
        for path, text in texts
    )
    bare = [str(path.relative_to(ROOT)) for path, tree in trees if not ast.get_docstring(tree)]
    assert not bare, f"the first statement is no docstring: {bare}"


def test_the_checks_see_violations(tmp_path: Path):
    """What the tests above look for is found in a small package that does everything wrong."""
    sources = {
        "kjax/__init__.py": "",
        "kjax/nn/__init__.py": "from .dense import Dense",
        "kjax/nn/dense.py": "import kjax.nn.conv\ndef f():\n    from kjax.train import fit",
        "kjax/nn/conv.py": "from kjax import nn\nimport rich\nimport json",
        "kjax/data/__init__.py": "def f():\n    import rich\n    from ..keras import Model",
        "kjax/data/first.py": "def f():\n    from kjax.data import second",
        "kjax/data/second.py": "import kjax.data.first",
        "kjax/other.py": "",
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    files = package_files(tmp_path)
    assert [violation for path in files for violation in floor_violations(path, tmp_path)] == [
        "kjax/data/__init__.py:3: kjax.data may not import kjax.keras.Model",
        "kjax/nn/conv.py:2: kjax.nn may import rich in a function only, if at all",
        "kjax/nn/dense.py:3: kjax.nn may not import kjax.train.fit",
        "kjax/other.py: 'kjax.other' has no row in MAY_IMPORT",
    ]
    loop = ["kjax.nn", "kjax.nn.dense", "kjax.nn.conv", "kjax.nn"]
    assert cycles(import_graph(tmp_path)) == [loop]
    late = ["kjax.data.first", "kjax.data.second", "kjax.data.first"]
    assert cycles(import_graph(tmp_path, in_functions=True)) == [late, loop]


def import_cost(statement: str) -> dict:
    """What an import adds to JAX, Flax and Optax in a fresh process: seconds, and heavy modules loaded."""
    program = f"""
import json, sys, time
import jax, flax.linen, optax
before = set(sys.modules)
start = time.perf_counter()
{statement}
seconds = time.perf_counter() - start
heavy = [name for name in {HEAVY!r} if name in set(sys.modules) - before]
print(json.dumps({{"seconds": seconds, "heavy": heavy}}))
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("statement", ["import kjax", "from kjax import keras"])
def test_import_is_lazy(statement: str):
    runs = [import_cost(statement) for _ in range(3)]
    assert runs[0]["heavy"] == [], f"'{statement}' loads {runs[0]['heavy']}, which it should leave to their users"
    # The rest of the suite keeps the cores busy meanwhile, so a slow run proves nothing and is asked again.
    while (median := statistics.median(run["seconds"] for run in runs)) > BUDGET_SECONDS and len(runs) < 9:
        runs += [import_cost(statement) for _ in range(2)]
    assert median <= BUDGET_SECONDS, f"'{statement}' adds {median:.2f} s: {[run['seconds'] for run in runs]}"

"""What the measurements run in: settings from before the first import, fresh processes, a description."""

from __future__ import annotations

import atexit
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class BenchmarkError(Exception):
    """Something that ends a benchmark with one line."""


def prepare() -> None:
    """Set what Keras, kjax and JAX read when they are imported.

    Keras runs on JAX, with nobody's ``keras.json``. Compiled programs are not kept, so that nobody compiles
    for the others and a cold start is cold.
    """
    os.environ["KERAS_BACKEND"] = "jax"
    home = tempfile.mkdtemp(prefix="kjax-benchmarks-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ["KERAS_HOME"] = home
    os.environ["KJAX_COMPILATION_CACHE"] = "0"
    os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def run_python(arguments: Sequence[str], **variables: str) -> str:
    """Run Python in a fresh process that sees this project, and return what it printed.

    Args:
        arguments: of the interpreter, such as ``["-m", "benchmarks.cold", ...]``.
        **variables: environment variables besides the present ones.

    Raises:
        BenchmarkError: the process failed; with the last line that it wrote.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    result = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        reason = (result.stderr.strip() or f"exit code {result.returncode}").splitlines()[-1]
        raise BenchmarkError(f"'python {' '.join(arguments)}' failed: {reason}")
    return result.stdout


def run_json(*arguments: str) -> Any:
    """Run a module of this package in a fresh process and return the JSON on its last line."""
    return json.loads(run_python(["-m", *arguments]).splitlines()[-1])


def describe() -> dict[str, Any]:
    """The machine and the versions, for the head of a table and for the JSON."""
    import importlib.metadata

    import jax

    import kjax

    versions = {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "flax", "keras", "numpy")}
    return {
        "backend": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "device_count": jax.device_count(),
        "cpu_cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "kjax": kjax.__version__,
        **versions,
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


def headline(about: dict[str, Any]) -> str:
    """One line from :func:`describe`."""
    return (
        f"{about['backend']} ({about['device']}), {about['cpu_cores']} CPU cores, "
        f"kjax {about['kjax']}, Keras {about['keras']}, jax {about['jax']}, Python {about['python']}"
    )


def note(text: str) -> None:
    """Tell the person who waits, on the error stream."""
    print(text, file=sys.stderr, flush=True)

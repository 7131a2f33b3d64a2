"""Settings of the whole test suite: fake devices, the oracle, and what counts as an error.

The environment variables are read once, when JAX or Keras is first imported, so they are set before anything
else here.
"""

from __future__ import annotations

import os

from tests.processes import DEVICES, SEED, quick_compilation

# Several fake CPU devices are always on, so that code which assumes a single device fails here, not on a TPU.
# What is set by hand comes last, where XLA obeys it; pytest-xdist's workers and other programs inherit all of it.
for _flags, _given in ((f"{DEVICES}=4", DEVICES), (quick_compilation(), quick_compilation())):
    if _given not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{_flags} {os.environ.get('XLA_FLAGS', '')}".strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["KERAS_BACKEND"] = "jax"  # for the oracle; kjax itself does not read it
os.environ.setdefault("KJAX_COMPILATION_CACHE", "0")  # kjax writes no files; see pytest_configure()

import atexit
import gc
import importlib
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

# The real data sets, for the tests that use them where they are at hand.
os.environ.setdefault("KJAX_REAL_KERAS_HOME", os.environ.get("KERAS_HOME", ""))
# Nobody's settings or data sets change a result, and no test writes to them; each process has its own folder.
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="kjax-tests-")
atexit.register(shutil.rmtree, os.environ["KERAS_HOME"], ignore_errors=True)
os.environ["MPLBACKEND"] = "Agg"

import jax
import pytest

if os.environ.get("KJAX_CHECK_SHAPES") == "1":
    import tests.shapes

    tests.shapes.install()

ROOT = Path(__file__).resolve().parents[1]
_KJAX = str(ROOT / "kjax") + os.sep
_SKIPPED_FRAMES = (str(Path(jax.__file__).parent) + os.sep, warnings.__file__ or "")

# "raise" would stop real Keras, which adds its biases by rank promotion. So JAX warns, and the hook below
# turns the warning into an error where kjax is what asked for the operation.
jax.config.update("jax_numpy_rank_promotion", "warn")
_RANK_PROMOTION = "Following NumPy automatic rank promotion"


class RankPromotionError(AssertionError):
    """An operation in kjax leaves it to NumPy's rules how the axes of arrays of unequal rank line up."""


def pytest_configure(config: pytest.Config) -> None:
    """Keeps compiled programs in pytest's cache folder: most of the suite's time is compilation.

    ``pytest --cache-clear`` empties it, ``-p no:cacheprovider`` does without. Each worker has a folder of its
    own, as JAX writes the files in place, where another process could read one that is half written.
    """
    if (cache := getattr(config, "cache", None)) is not None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        jax.config.update("jax_compilation_cache_dir", str(cache.mkdir(f"jax-{worker}")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The workers of pytest-xdist begin with the slow tests, lest one of them works on alone at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Python's collector need not look through all that was imported, nor again for every few objects of a trace."""
    gc.freeze()
    gc.set_threshold(50_000)


_MAPS = Path("/proc/self/maps")
_MOST_MAPS = 40_000


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Forgets compiled programs where they are many: Linux lets a process map 65,530 pieces of memory, and LLVM crashes beyond.

    Counting takes milliseconds, so that it is done after each file, and after the parts of long ones.
    """
    _counted[0] += 1
    if nextitem is None or nextitem.path != item.path or _counted[0] % 50 == 0:
        if _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > _MOST_MAPS:
            jax.clear_caches()


_counted = [0]


def pytest_runtest_setup() -> None:
    """What a test draws without a seed of its own is the same in each run, in whatever order; see CONTRIBUTING.md."""
    if (settings := sys.modules.get("kjax.keras.core.settings")) is not None:
        settings.set_random_seed(SEED)
    oracle: Any = sys.modules.get("keras")
    if getattr(oracle, "__file__", None) is not None:  # real Keras, not a stand-in for it
        oracle.utils.set_random_seed(SEED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Makes rank promotion in kjax an error while a test and its fixtures run; pytest undoes the settings."""
    show = warnings.showwarning

    def check(message: Warning | str, *details: object) -> None:
        if not str(message).startswith(_RANK_PROMOTION):
            show(message, *details)  # pyright: ignore[reportArgumentType]
            return
        frame = sys._getframe(1)
        while frame.f_back and frame.f_code.co_filename.startswith(_SKIPPED_FRAMES):
            frame = frame.f_back
        if frame.f_code.co_filename.startswith(_KJAX):
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            raise RankPromotionError(f"{place}: write the broadcast out (reshape, expand_dims). {message}")

    warnings.filterwarnings("always", message=_RANK_PROMOTION)
    warnings.showwarning = check
    return (yield)


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def keras3() -> ModuleType:
    """Real Keras 3 on JAX, the oracle; imported for the tests that ask for it only, as it takes seconds."""
    return importlib.import_module("keras")

"""Running a script or a module as Python itself would, with `keras` meaning kjax."""

from __future__ import annotations

import importlib.util
import io
import os
import sys
import traceback
from types import CodeType, ModuleType, TracebackType
from typing import Any

import numpy as np

from kjax.keras.core.settings import settings
from kjax.keras.legacy import guess, python2, surroundings
from kjax.keras.legacy.install import install


def run_script(path: str, arguments: list[str], version: str | None) -> int:
    """Run a script, or a folder or zip file with a ``__main__.py``.

    Args:
        path: the script.
        arguments: its command line.
        version: era; None to tell by the script.

    Returns:
        The exit status.
    """
    if os.path.isdir(path) or path.endswith((".zip", ".pyz")):
        sys.path[0] = path
        return run_module("__main__", arguments, version, shown=path)
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    with io.open_code(os.path.abspath(path)) as file:
        source = file.read()
    try:
        older = python2.translated(source, path)
    except ImportError as error:
        print(f"kjax: {error}", file=sys.stderr)
        return 1
    if older is not None:
        print(f"kjax: {path} is written in Python 2 ({older[2]}) and translated as it runs", file=sys.stderr)
    python2.translate_modules_in(sys.path[0])
    install(_era(source if older is None else older[1], path, version))
    sys.argv = [path, *arguments]
    main = ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=__builtins__, __spec__=None, __loader__=None, __package__=None)
    if older is not None:
        main.__dict__.update(python2.NAMES)
    return _run(source if older is None else older[0], path, main)


def run_module(name: str, arguments: list[str], version: str | None, shown: str | None = None) -> int:
    """Run a module as ``python -m`` does; arguments as for :func:`run_script`."""
    if shown is None:
        sys.path[0] = os.getcwd()
    # The package that holds the module may itself import Keras.
    install(version or "3")
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
        code = spec.loader.get_code(spec.name) if spec is not None and spec.loader is not None else None  # type: ignore[attr-defined]
    except (ImportError, AttributeError) as error:
        print(f"python -m kjax: cannot run module {name!r}: {error}", file=sys.stderr)
        return 1
    if spec is None or code is None or spec.origin is None:
        print(f"python -m kjax: there is no module {name!r} to run", file=sys.stderr)
        return 1
    if version is None:
        with io.open_code(spec.origin) if os.path.exists(spec.origin) else io.BytesIO() as file:
            install(_era(file.read(), name, None))
    sys.argv = [spec.origin, *arguments]
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=spec.origin,
        __builtins__=__builtins__,
        __spec__=spec,
        __loader__=spec.loader,
        __package__=spec.parent,
        __cached__=spec.cached,
    )
    return _run(code, spec.origin, main)


def _era(source: bytes | str, name: str, version: str | None) -> str:
    if version is not None:
        return version
    found, reason = guess.era_of(source)
    if found != "3":
        print(f"kjax: {name} is taken for a script of {guess.TITLES[found]}: {reason}", file=sys.stderr)
    return found


def _run(source: bytes | CodeType, path: str, main: ModuleType) -> int:
    """Run code as the main module. Of an error only the frames from the code on are shown."""
    sys.modules["__main__"] = main
    if settings.era != "3":  # numbers are shown, and names are there, as when the script was written
        np.set_printoptions(legacy="1.25")
        surroundings.restore()
    try:
        code = source if isinstance(source, CodeType) else compile(source, path, "exec", dont_inherit=True)
        exec(code, main.__dict__)
        return 0
    except SystemExit as leaving:
        return _status(leaving)
    except BaseException as error:
        _show(error)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    finally:
        _flush()


def _status(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code
    print(leaving.code, file=sys.stderr)
    return 1


def _show(error: BaseException) -> None:
    """Print an error as Python does, without the frames of this runner.

    Frames of kjax itself are shown: they are where a bug report begins.
    """
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") == __name__:
        trace = trace.tb_next
    error.__traceback__ = trace
    hook: Any = sys.excepthook
    if hook is not sys.__excepthook__:  # a script may have set its own
        hook(type(error), error, trace)
        return
    traceback.print_exception(type(error), error, trace)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):  # the reader of a pipe has gone
                return

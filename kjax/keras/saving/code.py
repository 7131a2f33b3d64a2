"""Python functions without a name, as byte code in configs: written with a warning, read only if the user says so."""

from __future__ import annotations

import base64
import binascii
import builtins
import contextlib
import contextvars
import marshal
import types
from collections.abc import Iterator, Mapping
from typing import Any

from kjax.keras.core.settings import settings

_written: dict[str, Any] = {}
"""The functions that this process has written itself, by their byte code."""


_trusting: contextvars.ContextVar[bool] = contextvars.ContextVar("trusting", default=False)


def trusts_own() -> bool:
    """Whether functions come back as they are from byte code that this process wrote: in scripts of Keras 1 and 2."""
    return settings.era in ("1", "2") or _trusting.get()


@contextlib.contextmanager
def trusting_own() -> Iterator[None]:
    """Inside, :func:`trusts_own` stays what it is now."""
    token = _trusting.set(trusts_own())
    try:
        yield
    finally:
        _trusting.reset(token)


def written_here(inner: Mapping[str, Any]) -> Any:
    """The function of byte code that this process has written itself, in which nobody can have put anything; or None."""
    text = next(iter(parts(inner)), None)
    return _written.get(text) if isinstance(text, str) else None


def parts(inner: Mapping[str, Any]) -> tuple[Any, ...]:
    """Byte code, defaults and closure, from a list or, as Lambda layers have them, by name."""
    return tuple(inner["value"] if "value" in inner else (inner["code"], inner["defaults"], inner["closure"]))


def dump(function: Any) -> list[Any]:
    """Byte code, defaults and closure of a function, in the form that Keras writes."""
    text = base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii")
    _written[text] = function
    closure = [cell.cell_contents for cell in function.__closure__] if function.__closure__ else None
    defaults = list(function.__defaults__) if function.__defaults__ else None
    return [text, defaults, closure]


def entry(function: Any) -> dict[str, Any]:
    """What a config holds of a function: real Keras reads ``value`` everywhere but in the layer ``Lambda``."""
    value = dump(function)
    return {"value": value, **dict(zip(("code", "defaults", "closure"), value, strict=True))}


def load(inner: Mapping[str, Any]) -> Any:
    """The function that :func:`dump`, or real Keras, wrote. Callers make sure that the user allowed it.

    Raises:
        ValueError: the byte code cannot be read, for example because another version of Python wrote it.
    """
    text, defaults, closure = parts(inner)
    try:
        loaded = marshal.loads(base64.b64decode(text))
    except (binascii.Error, ValueError, EOFError, TypeError) as error:
        raise ValueError(f"the byte code of a lambda cannot be read (another version of Python?): {error}") from error
    if not isinstance(loaded, types.CodeType):
        raise ValueError("the byte code of a lambda holds something else than code")
    cells = tuple(types.CellType(value) for value in closure) if closure else None
    return types.FunctionType(loaded, _globals(), loaded.co_name, tuple(defaults) if defaults else None, cells)


def _globals() -> dict[str, Any]:
    """What lambdas in scripts usually refer to."""
    import jax.numpy as jnp
    import numpy as np

    import kjax.keras as keras

    return {"__builtins__": builtins, "np": np, "numpy": np, "jnp": jnp, "K": jnp, "ops": jnp, "keras": keras}

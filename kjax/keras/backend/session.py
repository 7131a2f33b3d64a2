"""The part of the backend about the session: settings, names, and stand-ins for what only TensorFlow has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras import config
from kjax.keras.core.settings import settings
from kjax.keras.core.types import FLOAT8
from kjax.keras.core.types import normalize_data_format as standardize_data_format
from kjax.keras.core.types import standardize_dtype as standardize_dtype
from kjax.keras.legacy.arguments import OLD_ERAS

_ORDERINGS = {"tf": "channels_last", "th": "channels_first"}


def backend() -> str:
    """The backend that scripts of a generation expect: ``'jax'``, or before Keras 3 the one that all of them know."""
    return config.backend() if settings.era == "3" else "tensorflow"


def set_epsilon(value: float | None = None, *, e: float | None = None) -> None:
    """Set the fuzz factor; Keras 2 called the argument ``e``."""
    given = value if e is None else e
    if given is None:
        raise TypeError("set_epsilon: the argument `value` is missing")
    config.set_epsilon(given)


def set_floatx(value: str | None = None, *, floatx: str | None = None) -> None:
    """Set the default float type; Keras 2 called the argument ``floatx``."""
    given = value if floatx is None else floatx
    if given is None:
        raise TypeError("set_floatx: the argument `value` is missing")
    config.set_floatx(given)


def set_image_data_format(data_format: str) -> None:
    """Set where layers have the channels: ``'channels_last'`` or ``'channels_first'``."""
    config.set_image_data_format(data_format)


def image_dim_ordering() -> str:
    """Keras 1's name of the data format: ``'tf'`` or ``'th'``."""
    return {v: k for k, v in _ORDERINGS.items()}[settings.image_data_format]


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Set the data format by Keras 1's name, ``'tf'`` or ``'th'``.

    Raises:
        ValueError: another name.
    """
    if dim_ordering not in _ORDERINGS:
        raise ValueError(f"the dim ordering must be 'tf' or 'th', received {dim_ordering!r}")
    config.set_image_data_format(_ORDERINGS[dim_ordering])


def normalize_data_format(value: str | None = None) -> str:
    """The order of the axes of images, ``'channels_first'`` or ``'channels_last'``, that of the session for None."""
    return standardize_data_format(value)


def get_uid(prefix: str = "") -> int:
    """A number that counts up for each prefix; in the eras of Keras 1 and 2 names of layers count with it."""
    if settings.era in OLD_ERAS:
        settings.names[prefix] = max(settings.names[prefix], 1) + 1
        return settings.names[prefix] - 1
    settings.names[f"uid:{prefix}"] += 1
    return settings.names[f"uid:{prefix}"]


def reset_uids() -> None:
    """Start the numbers of :func:`get_uid` anew."""
    for name in [n for n in settings.names if n.startswith("uid:") or settings.era in OLD_ERAS]:
        del settings.names[name]


def result_type(*dtypes: Any) -> str:
    """The type of a result of several types; Python's ``int`` and ``float`` never widen the others.

    Types of 64 bits count as those of 32, as everywhere in Keras on JAX.

    Raises:
        ValueError: a type of 8-bit floats, which is never converted by itself.
    """
    if not dtypes:
        return settings.floatx
    if any(isinstance(d, str) and d in FLOAT8 for d in dtypes):
        raise ValueError(
            f"There is no implicit conversions from float8 dtypes to others; cast them first. Received: {dtypes}"
        )
    examples = {int: 1, float: 1.0, bool: True}
    given = [
        examples[d] if isinstance(d, type) and d in examples else jnp.dtype(_in_32_bits(standardize_dtype(d)))
        for d in dtypes
    ]
    found = jnp.result_type(*given).name
    if found.startswith("float") and all(isinstance(g, (int, float)) for g in given):
        found = f"float{settings.floatx[-2:]}"
    return _in_32_bits(found)


def _in_32_bits(dtype: str) -> str:
    return {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}.get(dtype, dtype)


def is_float_dtype(dtype: Any) -> bool:
    """Whether a type is a floating-point one."""
    return standardize_dtype(dtype).startswith(("float", "bfloat"))


def is_int_dtype(dtype: Any) -> bool:
    """Whether a type is one of integers."""
    return standardize_dtype(dtype).startswith(("int", "uint"))


def manual_variable_initialization(value: bool) -> None:
    """Accepted for compatibility: variables get their values when they are first read."""
    del value


@contextlib.contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Names in profiles and compiled programs begin with ``name`` inside."""
    with jax.named_scope(name):
        yield name


def device(device_name: str) -> Any:
    """The same as :func:`device_scope`."""
    return device_scope(device_name)


def device_scope(device_name: str) -> Any:
    """Arrays made inside lie on a device, such as ``'cpu:0'``."""
    kind, _, number = str(device_name).lower().removeprefix("/").removeprefix("device:").partition(":")
    return jax.default_device(jax.devices(kind)[int(number or 0)])

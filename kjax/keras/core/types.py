"""Arguments that name a type or a data format, as all of the API takes them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kjax.keras.core.settings import settings

_PYTHON_TYPES = {bool: "bool", int: "int32", "int": "int32", float: "float32", str: "string", complex: "complex64"}
FLOAT8 = ("float8_e4m3fn", "float8_e5m2")
_TYPES = frozenset(
    "float16 float32 float64 uint8 uint16 uint32 uint64 int8 int16 int32 int64 bfloat16 bool string complex64 "
    "complex128".split()
) | frozenset(FLOAT8)


DATA_FORMATS = ("channels_last", "channels_first")


def standardize_dtype(dtype: Any) -> str:
    """Name of a type; the session's float type for None. Python's own types have 32 bits.

    Args:
        dtype: name, type of NumPy, JAX or PyTorch, or ``bool``, ``int``, ``float``, ``complex``, ``str``.

    Raises:
        ValueError: no such type.
    """
    if dtype is None:
        return settings.floatx
    found = _PYTHON_TYPES.get(dtype, dtype)
    for attribute in ("name", "__name__"):
        found = getattr(found, attribute, found)
    if str(found).startswith("torch."):
        found = str(found).removeprefix("torch.")
    if not isinstance(found, str) or found not in _TYPES:
        raise ValueError(f"Invalid dtype: {found}; the types are {', '.join(sorted(_TYPES))}")
    return found


def array_dtype(dtype: Any) -> str:
    """The type that arrays of a type have: that of 32 bits for one of 64, unless JAX has those switched on.

    Args:
        dtype: as for :func:`standardize_dtype`, but not None.

    Raises:
        ValueError: no such type, or one that arrays cannot have.
    """
    name = standardize_dtype(dtype)
    if name == "string":
        raise ValueError("Invalid dtype: string; arrays hold numbers")
    return jax.dtypes.canonicalize_dtype(jnp.dtype(name)).name


def normalize_data_format(data_format: str | None = None) -> str:
    """A ``data_format`` argument: None stands for the session's.

    Raises:
        ValueError: an unknown format.
    """
    value = settings.image_data_format if data_format is None else str(data_format).lower()
    if value not in DATA_FORMATS:
        raise ValueError(
            f"The `data_format` argument must be one of 'channels_first', 'channels_last', received {data_format!r}"
        )
    return value

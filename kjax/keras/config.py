"""Settings of the session, as ``keras.config``."""

from __future__ import annotations

from kjax.keras.core.settings import dtype_policy as dtype_policy
from kjax.keras.core.settings import set_dtype_policy as set_dtype_policy
from kjax.keras.core.settings import set_floatx as set_floatx
from kjax.keras.core.settings import settings


def backend() -> str:
    """Name of the backend."""
    return "jax"


def floatx() -> str:
    """Default float type."""
    return settings.floatx


def epsilon() -> float:
    """Fuzz factor."""
    return settings.epsilon


def set_epsilon(value: float) -> None:
    """Set the fuzz factor that :func:`epsilon` returns."""
    settings.epsilon = float(value)


def image_data_format() -> str:
    """Default ``data_format`` of layers."""
    return settings.image_data_format


def set_image_data_format(value: str) -> None:
    """Set the default ``data_format``: ``'channels_last'`` or ``'channels_first'``."""
    if value not in ("channels_last", "channels_first"):
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first', received {value!r}")
    settings.image_data_format = value

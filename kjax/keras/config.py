"""Settings of the session, as ``keras.config``."""

from __future__ import annotations

from kjax.keras.console import disable_interactive_logging as disable_interactive_logging
from kjax.keras.console import enable_interactive_logging as enable_interactive_logging
from kjax.keras.console import is_interactive_logging_enabled as is_interactive_logging_enabled
from kjax.keras.core.settings import dtype_policy as dtype_policy
from kjax.keras.core.settings import set_dtype_policy as set_dtype_policy
from kjax.keras.core.settings import set_floatx as set_floatx
from kjax.keras.core.settings import settings


def backend() -> str:
    """Name of the backend."""
    return "jax"


def set_backend(backend: str) -> None:
    """Accepts ``'jax'``.

    Raises:
        ValueError: another backend.
    """
    if backend != "jax":
        raise ValueError(f"kjax runs on JAX: the backend can only be 'jax', received {backend!r}")


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


def set_image_data_format(data_format: str) -> None:
    """Set the default ``data_format``: ``'channels_last'`` or ``'channels_first'``."""
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            f"The `data_format` argument must be one of 'channels_first', 'channels_last', received {data_format!r}"
        )
    settings.image_data_format = data_format


def _count(name: str, value: int | None) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 0):
        raise ValueError(f"`{name}` must be a non-negative integer or None, received {value!r}")
    return value


def max_epochs() -> int | None:
    """Largest number of epochs that ``fit`` runs, or None."""
    return settings.max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the number of epochs that ``fit`` runs; None takes the limit away."""
    settings.max_epochs = _count("max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """Largest number of batches that ``fit``, ``evaluate`` and ``predict`` take from their data, or None."""
    return settings.max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the number of batches of an epoch; None takes the limit away."""
    settings.max_steps_per_epoch = _count("max_steps_per_epoch", max_steps_per_epoch)


def enable_flash_attention() -> None:
    """Ask for fused attention where the device has it; XLA fuses attention without being asked."""
    settings.flash_attention = None


def disable_flash_attention() -> None:
    """Leave attention to XLA."""
    settings.flash_attention = False


def is_flash_attention_enabled() -> bool | None:
    """Whether fused attention was asked for; None where nothing was said."""
    return settings.flash_attention


def enable_unsafe_deserialization() -> None:
    """Allow files to bring Python code with them, as with ``safe_mode=False``. Do this for files that you trust."""
    settings.unsafe_deserialization = True


def enable_traceback_filtering() -> None:
    """Accepted for compatibility: errors are raised near their cause, with no frames taken out."""
    settings.traceback_filtering = True


def disable_traceback_filtering() -> None:
    """Accepted for compatibility, see :func:`enable_traceback_filtering`."""
    settings.traceback_filtering = False


def is_traceback_filtering_enabled() -> bool:
    """What was set last."""
    return settings.traceback_filtering


def is_nnx_enabled() -> bool:
    """False: layers are Flax modules of linen; ``FlaxLayer`` takes those of NNX."""
    return False

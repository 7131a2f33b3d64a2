"""Whether what a layer learned on the host lies beside a config, in files of its own, or inside the config."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

_apart: contextvars.ContextVar[bool] = contextvars.ContextVar("kjax_assets_apart", default=False)


def kept_apart() -> bool:
    """Whether configs that are made now leave out what ``save_assets`` writes."""
    return _apart.get()


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Inside, configs leave out what ``save_assets`` writes."""
    token = _apart.set(True)
    try:
        yield
    finally:
        _apart.reset(token)

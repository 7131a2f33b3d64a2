"""Notes about old spellings: a `FutureWarning` that names today's, shown once per place in the script."""

from __future__ import annotations

import sys
import warnings


def outside() -> int:
    """The ``stacklevel``, for a warning in the caller, of the nearest frame that is not kjax's own."""
    frame, level = sys._getframe(1), 1
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name != "kjax" and not name.startswith("kjax."):
            break
        frame, level = frame.f_back, level + 1
    return level


def note(message: str) -> None:
    """Tell the author of a script, where the script did it, how something is written today.

    Args:
        message: one sentence.
    """
    warnings.warn(message, FutureWarning, stacklevel=outside())

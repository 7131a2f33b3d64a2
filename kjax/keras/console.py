"""One door for what the Keras API writes for people to read, and what the screen behind it can do."""

from __future__ import annotations

import logging
import os
import sys
from typing import Literal

_logger = logging.getLogger("kjax")
_interactive = True


def enable_interactive_logging() -> None:
    """Write progress and messages to standard output (the default)."""
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Write progress and messages to the logger ``kjax`` (level INFO) instead of standard output."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether messages go to standard output, not to the logger ``kjax``."""
    return _interactive


def print_message(message: str, end: str = "\n") -> None:
    """Write a message to standard output at once, or to the logger where interactive logging is off.

    Args:
        message: the text.
        end: what follows it on standard output.
    """
    if not _interactive:
        # On a screen leading and trailing line breaks set a message apart; a log has a record for that.
        if text := message.strip():
            _logger.info(text)
        return
    out = sys.stdout
    if out is None:  # a Windows program without a console
        return
    try:
        out.write(message + end)
    except UnicodeEncodeError:
        encoding = getattr(out, "encoding", None) or "ascii"
        plain = (message + end).replace("━", "=").replace("×", "x")
        out.write(plain.encode(encoding, errors="replace").decode(encoding))
    out.flush()


def display() -> Literal["terminal", "notebook", "plain"]:
    """What standard output is.

    Returns:
        ``'terminal'``: a line can be drawn anew in place, and colours show; ``'notebook'``: the same, but of
        unknown width; ``'plain'``: a file or a pipe, where only whole lines make sense.
    """
    out = sys.stdout
    if not _interactive or out is None:
        return "plain"
    if type(out).__module__.startswith("ipykernel"):
        return "notebook"
    isatty = getattr(out, "isatty", None)
    if isatty is not None and isatty():
        return "terminal"
    # PyCharm's console is a pipe that understands carriage returns, and says so.
    return "notebook" if "PYCHARM_HOSTED" in os.environ else "plain"


def has_colours() -> bool:
    """Whether escape codes for colours are welcome; ``NO_COLOR`` (https://no-color.org) says no."""
    return display() != "plain" and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

"""Old spellings of the loaders' arguments (Keras 1 and 2)."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

RENAMED = {"nb_words": "num_words"}


def take_renamed(function: Callable[..., Any], given: dict[str, Any], name: str, value: Any) -> Any:
    """The value of the argument `name`, which may have come under its old spelling.

    Args:
        function: the function that was called, for messages.
        given: its keyword arguments beyond those it declares.
        name: the argument's name of today.
        value: its value under that name, None if it was not given.

    Raises:
        TypeError: an argument that never existed, or one under both names.
    """
    accepted = [parameter for parameter in inspect.signature(function).parameters if parameter != "kwargs"]
    where = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
    for key, old_value in given.items():
        if RENAMED.get(key) != name:
            near = difflib.get_close_matches(key, [*accepted, *RENAMED], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it takes {', '.join(accepted)}"
            raise TypeError(f"{where}() has no argument {key!r}{hint}")
        if value is not None:
            raise TypeError(f"{where}() received {key!r}, the old spelling of {name!r}, together with {name!r}")
        value = old_value
    return value

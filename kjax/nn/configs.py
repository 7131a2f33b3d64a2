"""Functions in Keras configs: ``{'class_name': 'function', 'config': name}``, as Keras 3 writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def function_name(identifier: Any) -> str | None:
    """The name to look up if ``identifier`` is the config of a function, else None."""
    if not isinstance(identifier, Mapping) or identifier.get("class_name") != "function":
        return None
    registered = identifier.get("registered_name") or ""
    return registered if ">" in registered else identifier["config"]

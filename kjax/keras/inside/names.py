"""Names and state of the session, as Keras has them inside: ``naming``, ``name_scope``, ``global_state``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kjax.keras.backend.session import get_uid as get_uid
from kjax.keras.core.name_scopes import current_path as current_path
from kjax.keras.core.name_scopes import get_global_attribute as get_global_attribute
from kjax.keras.core.name_scopes import name_scope as name_scope
from kjax.keras.core.name_scopes import set_global_attribute as set_global_attribute
from kjax.keras.core.settings import clear_session as clear_session
from kjax.keras.core.settings import settings
from kjax.keras.core.settings import to_snake_case as to_snake_case
from kjax.keras.core.settings import unique_name as uniquify

REGISTERED_NAMES_TO_OBJS: dict[str, Any] = {}
"""What :class:`keras_export` named."""

REGISTERED_OBJS_TO_NAMES: dict[Any, str] = {}
"""The main name of each of these."""


class keras_export:
    """Decorator that gives a class or function a public name.

    Args:
        path: the name, such as ``'keras.layers.Mine'``, or a list of names, of which the first is the main one.
    """

    def __init__(self, path: str | Iterable[str]) -> None:
        self.path = path

    def __call__(self, symbol: Any) -> Any:
        """Note the names of a class or function, and return it."""
        register_internal_serializable(self.path, symbol)
        return symbol


def register_internal_serializable(path: str | Iterable[str], symbol: Any) -> None:
    """Note the names of a class or function, of which the first is the main one."""
    names = [path] if isinstance(path, str) else list(path)
    REGISTERED_NAMES_TO_OBJS.update(dict.fromkeys(names, symbol))
    REGISTERED_OBJS_TO_NAMES[symbol] = names[0]


def get_name_from_symbol(symbol: Any) -> str | None:
    """The main name of a class or function, or None."""
    return REGISTERED_OBJS_TO_NAMES.get(symbol)


def get_symbol_from_name(name: str) -> Any:
    """The class or function of a public name, or None."""
    return REGISTERED_NAMES_TO_OBJS.get(name)


def auto_name(prefix: str) -> str:
    """A new name: the prefix in snake case, with a number where it was used before."""
    return uniquify(to_snake_case(prefix))


def reset_uids() -> None:
    """Let all automatic names start anew."""
    settings.names.clear()


def get_object_name(obj: Any) -> str:
    """The name of an object; that of its function or class in snake case where it has none."""
    if hasattr(obj, "name"):
        return obj.name
    named: Callable[..., Any] | type = obj if hasattr(obj, "__name__") else type(obj)
    return to_snake_case(named.__name__)

"""State of the present thread by name, and the name scopes that stand at the head of the paths of variables."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

_state = threading.local()


def set_global_attribute(name: str, value: Any) -> None:
    """Keep a value under a name for the present thread, until the session is cleared."""
    vars(_state)[name] = value


def get_global_attribute(name: str, default: Any = None, set_to_default: bool = False) -> Any:
    """What is kept under a name.

    Args:
        name: the name.
        default: what stands for a name under which nothing, or None, is kept.
        set_to_default: whether the default is kept from then on.
    """
    found = vars(_state).get(name)
    if found is None and default is not None:
        if set_to_default:
            set_global_attribute(name, default)
        return default
    return found


def forget() -> None:
    """Forget what all threads keep."""
    global _state
    _state = threading.local()


class name_scope:
    """Inside, paths of new variables begin with a name.

    Args:
        name: the name.
        caller: whose scope it is.
        deduplicate: whether a scope directly inside of one of the same name and caller adds nothing.
        override_parent: a path that takes the place of the scopes around.

    Raises:
        ValueError: a name that is no string, or has a slash.
    """

    def __init__(
        self, name: str, caller: Any = None, deduplicate: bool = True, override_parent: str | None = None
    ) -> None:
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                f"name_scope: argument `name` must be a string and cannot contain character `/`, received {name!r}"
            )
        self.name = name
        self.caller = caller
        self.deduplicate = deduplicate
        if override_parent is None and deduplicate:
            override_parent = getattr(caller, "_parent_path", None)
        self.override_parent = override_parent
        self._pop_on_exit = False

    def __enter__(self) -> Self:
        stack = get_global_attribute("name_scope_stack", [], set_to_default=True)
        around = stack[-1] if stack and self.deduplicate else None
        if around is not None and self.caller is not None and around.caller is self.caller and around.name == self.name:
            return self
        stack.append(self)
        self._pop_on_exit = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        stack = get_global_attribute("name_scope_stack")
        if self._pop_on_exit and stack:
            stack.pop()


def current_path() -> str:
    """The names of the present scopes, joined by slashes."""
    parts: list[str] = []
    for scope in get_global_attribute("name_scope_stack") or ():
        if scope.override_parent is not None:
            parts = [part for part in scope.override_parent.split("/") if part]
        parts.append(scope.name)
    return "/".join(parts)

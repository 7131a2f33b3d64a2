"""Names for a user's own classes and functions, so that configs and files can refer to them."""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

from kjax.nn import value

T = TypeVar("T")

_registered: dict[str, Any] = {}
_names: dict[int, tuple[Any, str]] = {}
_scoped: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar("custom_objects", default={})  # noqa: B039


def get_custom_objects() -> dict[str, Any]:
    """The registered objects by name: the dict itself, so that adding to it registers."""
    return _registered


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Decorator that lets files refer to a class or a function as ``package>name``.

    Args:
        package: first part of the name.
        name: second part; the name of what is decorated by default.

    Raises:
        ValueError: a class without ``get_config``.
    """

    def decorate(thing: T) -> T:
        if inspect.isclass(thing) and not hasattr(thing, "get_config"):
            raise ValueError(f"cannot register the class {thing.__name__}: it has no `get_config()` method")
        full = f"{package}>{name or thing.__name__}"  # type: ignore[attr-defined]
        _registered[full] = thing
        # By identity, since values such as losses may be equal without being the same class or function.
        _names[id(thing)] = (thing, full)
        return thing

    return decorate


def get_registered_name(obj: Any) -> str:
    """The name under which a class or a function was registered, otherwise its Python name."""
    entry = _names.get(id(obj))
    return entry[1] if entry is not None else obj.__name__


def is_registered(thing: Any) -> bool:
    """Whether a class or a function was registered."""
    return id(thing) in _names


def get_registered_object(
    name: str | None,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """What a name stands for, or None.

    Args:
        name: registered or custom name.
        custom_objects: objects by name that the caller gave.
        module_objects: objects by name that are looked at last.
    """
    if name is None:
        return None
    for objects in (_scoped.get(), _registered, custom_objects, module_objects):
        if objects and name in objects:
            return objects[name]
    return None


class CustomObjectScope:
    """``with`` this, configs may refer to the objects by these names.

    Args:
        custom_objects: classes and functions by name.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._token: contextvars.Token[Mapping[str, Any]] | None = None

    def __enter__(self) -> Self:
        self._token = _scoped.set({**_scoped.get(), **self.custom_objects})
        return self

    def __exit__(self, *exception: object) -> None:
        if self._token is not None:
            _scoped.reset(self._token)
            self._token = None


custom_object_scope = CustomObjectScope


def custom_names() -> list[str]:
    """Names that configs may refer to at the moment, besides the built-in ones."""
    return sorted({**_registered, **_scoped.get()})


def find_by_short_name(name: str) -> Any:
    """A registered object whose name ends in ``>name``: files of Keras up to 3.6 name functions like that."""
    for full, thing in {**_registered, **_scoped.get()}.items():
        if full.endswith(f">{name}"):
            return thing
    return None


value.finders.append(get_registered_object)

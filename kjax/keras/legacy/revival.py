"""``deserialize_keras_object`` with the arguments that it had before Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kjax.keras.core.settings import settings
from kjax.keras.saving import custom_object_scope, get_custom_objects
from kjax.keras.saving import deserialize_keras_object as _today
from kjax.nn.value import did_you_mean


def deserialize_keras_object(
    identifier: Any = None,
    module_objects: Any = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
    **kwargs: Any,
) -> Any:
    """The thing that a name or a config stands for; in the era of Keras 3 see ``keras.saving``.

    Args:
        identifier: a name, or a dict with ``class_name`` and ``config``.
        module_objects: known classes and functions by name; in the era of Keras 3, at this place, ``custom_objects``.
        custom_objects: a user's.
        printable_module_name: what such things are called in messages.
        **kwargs: arguments of today.

    Raises:
        ValueError: an unknown name, or something else than these.
    """
    identifier = kwargs.pop("config", identifier)
    if settings.era == "3" or kwargs:
        return _today(identifier, {**(module_objects or {}), **(custom_objects or {})}, **kwargs)
    known = {**(module_objects or {}), **get_custom_objects(), **(custom_objects or {})}
    if isinstance(identifier, str):
        return _found(identifier, known, printable_module_name)
    if not isinstance(identifier, Mapping):
        raise ValueError(f"Could not interpret serialized {printable_module_name}: {identifier!r}")
    if "class_name" not in identifier or "config" not in identifier:
        raise ValueError(
            f"Improper config format: {identifier!r}; a {printable_module_name} is written as a dict with 'class_name' "
            "and 'config'"
        )
    if module_objects is None and identifier["class_name"] not in known:
        return _today(identifier, custom_objects)
    cls = _found(identifier["class_name"], known, printable_module_name)
    if getattr(cls, "__module__", "").startswith("kjax."):
        return _today(identifier, known)
    with custom_object_scope(dict(custom_objects or {})):
        return cls.from_config(identifier["config"]) if hasattr(cls, "from_config") else cls(**identifier["config"])


def _found(name: str, known: Mapping[str, Any], kind: str) -> Any:
    if known.get(name) is None:
        raise ValueError(f"Unknown {kind}: {name}; {did_you_mean(name, known)}")
    return known[name]

"""Whether configs are in the form of today or, in older eras, in that of Keras 2 or of tf.keras."""

from __future__ import annotations

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kjax.keras.core import configs
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.nn.value import read_forms, written_forms

TODAY, CONVERTED = "today", "converted"

_form: contextvars.ContextVar[str | None] = contextvars.ContextVar("form", default=None)


@contextlib.contextmanager
def today(form: str = TODAY) -> Iterator[None]:
    """Inside, configs are in the form of Keras 3 whatever the era: for files, copies and clones.

    Args:
        form: :data:`CONVERTED` where Keras 2's form is going to be made of them.
    """
    token = _form.set(_form.get() or form)
    try:
        yield
    finally:
        _form.reset(token)


def config_of_today(thing: Any) -> dict[str, Any]:
    """``thing.get_config()`` in the form of today, whatever the era."""
    with today():
        return thing.get_config()


def is_older() -> bool:
    """Whether a config that is asked for now should be in the form of Keras 2."""
    return settings.era in (*OLD_ERAS, "tf") and _form.get() is None


def is_converted() -> bool:
    """Whether the config that is made now will be turned into the form of Keras 2."""
    return _form.get() == CONVERTED


def of_era(get_config: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Decorator of a ``get_config``: what scripts of Keras 1 and 2 get is in the form of Keras 2."""

    @functools.wraps(get_config)
    def understanding(self: Any) -> dict[str, Any]:
        if not is_older():
            return get_config(self)
        with today(CONVERTED):
            config = get_config(self)
        return configs.older_config(self, config)

    return understanding


def _of_value(value: Any, config: dict[str, Any]) -> dict[str, Any]:
    return configs.older_config(value, config) if is_older() else config


written_forms.append(_of_value)


def _read(cls: type, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A config without the name of the function behind a loss, which tf.keras wrote into it."""
    named = settings.era == "tf" and "fn" in config and "fn" not in getattr(cls, "__dataclass_fields__", {})
    return {key: value for key, value in config.items() if key != "fn"} if named else config


read_forms.append(_read)


def serialized(thing: Any, serialize: Callable[[Any], Any]) -> Any:
    """The entry of a thing in the form of the era.

    Args:
        thing: what is written.
        serialize: makes the entry of today.
    """
    if not is_older():
        return serialize(thing)
    with today(CONVERTED):
        found = serialize(thing)
    return configs.older_entry(found)

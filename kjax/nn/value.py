"""Values with a config: the base of initializers, regularizers, constraints, losses, metrics and optimizers.

A value is a frozen dataclass whose fields are the Keras argument names. Its fields *are* its config, so equality,
hashing, ``repr``, ``get_config`` and ``from_config`` all come from them, and a compiled step can be cached by value.
Field conversion (``'relu'`` to a function, ``3`` to ``(3, 3)``) and the errors about bad arguments are declared with
the field, once, and shared with the layers.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, TypeVar

T = TypeVar("T")


class ArgumentError(ValueError):
    """A constructor argument that cannot be used; the message names the class, the argument and what was received."""


class ArgumentTypeError(ArgumentError, TypeError):
    """A constructor argument of a type that cannot be used: for Python the wrong type, for Keras often a wrong value."""


class UnknownModeError(ValueError, NotImplementedError):
    """A name of a way to do something that there is not."""


class ArgumentModeError(ArgumentError, UnknownModeError):
    """A constructor argument that names a way to do something that there is not."""


def _kind_of(error: Exception) -> type[ArgumentError]:
    if isinstance(error, UnknownModeError):
        return ArgumentModeError
    return ArgumentTypeError if isinstance(error, TypeError) else ArgumentError


def field(
    default: Any = dataclasses.MISSING,
    *,
    convert: Callable[[Any], Any] | None = None,
    ranked: bool = False,
    unknown_to_keras: bool = False,
    unwritten: Any = dataclasses.MISSING,
    **kwargs: Any,
) -> Any:
    """Declare a dataclass field whose value passes through ``convert`` when an object is made.

    Args:
        default: default value (converted too); leave out for a required argument.
        convert: function from what the user gave to the canonical, hashable value; raises ``ValueError`` or
            ``TypeError`` with a message that completes the sentence "Dense: argument `units`: ...".
        ranked: ``convert`` is first called with the class attribute ``rank`` of the object (the number of spatial
            axes) and gives the function, so that Conv1D, Conv2D and Conv3D share one declaration.
        unknown_to_keras: an argument that real Keras does not have: it is in configs only where it is not the default.
        unwritten: a (converted) value that Keras does not write either: with it the argument is left out of configs.
        **kwargs: passed to :func:`dataclasses.field`.
    """
    metadata: dict[str, Any] = {} if convert is None else {"convert": convert, "ranked": ranked}
    if unknown_to_keras:
        metadata["unknown_to_keras"] = True
        kwargs["kw_only"] = True
    if unwritten is not dataclasses.MISSING:
        metadata["unwritten"] = unwritten
    if default is not dataclasses.MISSING:
        kwargs["default"] = default
    return dataclasses.field(metadata=metadata, **kwargs)


_LEADS = {
    **dict.fromkeys(("rate", "stddev"), "Invalid value received for argument"),
    "units": "Received an invalid value for",
    **dict.fromkeys(("num_heads", "key_dim"), "Received an invalid value for argument"),
}
"""How the errors about some arguments begin: the words by which Keras' own are known."""


def convert_fields(instance: Any) -> None:
    """Replace each declared field of a (frozen) dataclass instance by its converted value.

    Raises:
        ArgumentError: a converter refused the value.
    """
    for name, convert in _converters(type(instance)):
        try:
            object.__setattr__(instance, name, convert(getattr(instance, name)))
        except (ValueError, TypeError) as error:
            kind = _kind_of(error)
            lead = _LEADS.get(name, "Invalid value for argument")
            raise kind(f"{type(instance).__name__}: {lead} `{name}`: {error}") from error


@functools.cache
def _converters(cls: Any) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """(name, converter) of each declared field of a dataclass that has one."""
    found = [
        (f.name, f.metadata["convert"], f.metadata.get("ranked"))
        for f in dataclasses.fields(cls)
        if f.metadata.get("convert")
    ]
    return tuple((name, convert(cls.rank) if ranked else convert) for name, convert, ranked in found)


def is_written(instance: Any, f: dataclasses.Field[Any]) -> bool:
    """Whether a field is in the config of an object: those that Keras does not know are where they were set."""
    if "unwritten" in f.metadata:
        return getattr(instance, f.name) != f.metadata["unwritten"]
    return not f.metadata.get("unknown_to_keras") or getattr(instance, f.name) != f.default


read_forms: list[Callable[[type, Mapping[str, Any]], Mapping[str, Any]]] = []
"""Who understands configs of other forms: functions from a class and a config to one of today."""

written_forms: list[Callable[[Any, dict[str, Any]], dict[str, Any]]] = []
"""Who gives configs another form than that of today: functions from a value and its config to a config."""


class Value:
    """Base of all config objects. Subclasses are written as ``@dataclass(frozen=True)``; user subclasses need not be."""

    def __post_init__(self) -> None:
        convert_fields(self)

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, by name."""
        if not dataclasses.is_dataclass(self):
            return {}
        return formed(
            self, {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init and is_written(self, f)}
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make an object from what :meth:`get_config` returned."""
        for form in read_forms:
            config = form(cls, config)
        return cls(**config)


def formed(value: Any, config: dict[str, Any]) -> dict[str, Any]:
    """The config of a value in the form that is asked for."""
    for form in written_forms:
        config = form(value, config)
    return config


def later_too(call: Callable[..., Any]) -> Any:
    """A method of one array that takes what stands for arrays too.

    What stands for an array that comes later has a method ``__call_later__(function, *args)``, which gives what stands for
    the result; a box with an array in it has ``__jax_array__``.
    """

    @functools.wraps(call)
    def either(self: Any, x: Any) -> Any:
        if hasattr(x, "__call_later__"):
            return x.__call_later__(self, x)
        boxed = getattr(x, "__jax_array__", None)  # tracers have the attribute, at None
        return call(self, x if boxed is None else boxed())

    return either


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence part that names the nearest known names, or all of them when there are few and none is near."""
    # Names that differ in case only count once: the one in lower case, which is how they are written in scripts.
    names = {entry.lower(): entry for entry in sorted(set(known))}
    near = [names[match] for match in difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)]
    if near:
        return "did you mean " + " or ".join(repr(n) for n in near) + "?"
    listed = sorted(names.values())
    return "known: " + ", ".join(listed) if len(listed) <= 24 else f"{len(listed)} names are known, none is near"


finders: list[Callable[[str], Any]] = []
"""Where :class:`Registry` looks first: functions from a name to a thing or None (the custom objects of ``kjax.keras``)."""


def pure(thing: Any) -> Any:
    """The function that a public one stands for (``kjax.keras`` makes one of it for symbolic tensors), else the thing."""
    return getattr(thing, "pure_function", thing)


class Registry:
    """Names of one kind of thing ("loss", "initializer", ...), with aliases; turns what a user gave into the thing.

    Args:
        kind: what the things are called in error messages.
        base: a class; its instances pass through :meth:`get` unchanged.
    """

    def __init__(self, kind: str, base: type | None = None) -> None:
        self.kind = kind
        self.base = base
        self._entries: dict[str, Any] = {}

    def register(self, entry: Any, *names: str) -> Any:
        """Add ``entry`` (a class or a function) under its own name and every further name in ``names``."""
        for name in (getattr(entry, "__name__", None), *names):
            if name is not None:
                self._entries[name] = entry
        return entry

    def add(self, *names: str) -> Callable[[T], T]:
        """Decorator form of :meth:`register`."""
        return lambda entry: self.register(entry, *names)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def names(self) -> list[str]:
        """All registered names, sorted."""
        return sorted(self._entries)

    def lookup(self, name: str) -> Any:
        """The entry called ``name`` (exact first, then regardless of case).

        Raises:
            ValueError: no such name; the message suggests near ones.
        """
        for find in finders:
            found = find(name)
            if found is not None:
                return found
        if name in self._entries:
            return self._entries[name]
        lowered = {key.lower(): value for key, value in self._entries.items()}
        if name.lower() in lowered:
            return lowered[name.lower()]
        raise ValueError(f"Could not interpret {self.kind} identifier {name!r}: {did_you_mean(name, self._entries)}")

    def get(self, identifier: Any) -> Any:
        """Resolve a name, a config dict, a class, an object or a callable.

        Args:
            identifier: ``None`` (stays ``None``); a string; ``{'class_name': ..., 'config': {...}}``; a class (made
                without arguments); an instance or any other callable (returned as it is).

        Raises:
            ValueError: unknown name, or a thing of another kind.
        """
        identifier = pure(identifier)
        if identifier is None:
            return None
        if isinstance(identifier, str):
            entry = self.lookup(identifier)
            return entry() if isinstance(entry, type) else entry
        if isinstance(identifier, Mapping):
            if "class_name" not in identifier:
                raise ValueError(f"a {self.kind} config needs 'class_name' and 'config', received {dict(identifier)}")
            # What was registered in a package is never mistaken for a built-in thing of the same class name.
            registered = identifier.get("registered_name") or ""
            entry = self.lookup(registered if ">" in registered else identifier["class_name"])
            if isinstance(entry, type):
                # Arguments that real Keras does not know stand beside the config, where it does not look.
                beside = identifier.get("kjax")
                more = beside if isinstance(beside, Mapping) else {}
                return entry.from_config({**(identifier.get("config") or {}), **more})  # type: ignore[attr-defined]
            return entry
        if isinstance(identifier, type):
            return identifier()
        if (self.base is not None and isinstance(identifier, self.base)) or callable(identifier):
            return identifier
        raise ValueError(f"Could not interpret {self.kind} identifier {identifier!r} (a {type(identifier).__name__})")

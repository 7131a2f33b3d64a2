"""Objects as dicts in Keras 3's format (``module``, ``class_name``, ``config``, ``registered_name``), and back."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
import inspect
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from kjax.keras.core import configs
from kjax.keras.core.expected import BUILT_AT_ONCE
from kjax.keras.core.layer import Layer
from kjax.keras.core.metric import PureMetric, StatefulMetric
from kjax.keras.core.optimizer import Optimizer
from kjax.keras.core.settings import settings, to_snake_case
from kjax.keras.core.tensor import KerasTensor
from kjax.keras.legacy.form import is_converted, today
from kjax.keras.saving import code, eras, names
from kjax.keras.saving.as_built import as_built
from kjax.keras.saving.registration import (
    CustomObjectScope,
    find_by_short_name,
    get_registered_name,
    get_registered_object,
    is_registered,
)
from kjax.keras.saving.shared import SHARED, without_ids
from kjax.nn import Layer as ModuleBase
from kjax.nn import initializers, optimizers
from kjax.nn.dtypes import Policy, policy
from kjax.nn.value import Value

PLAIN = (str, int, float, bool)
_BESIDE = "kjax"
"""Key of an entry under which arguments stand that real Keras does not know; it looks past such keys."""

_sharing: contextvars.ContextVar[dict[int, Any] | None] = contextvars.ContextVar("shared_objects", default=None)
_safe: contextvars.ContextVar[bool] = contextvars.ContextVar("safe_mode", default=True)


class UnsafeError(ValueError):
    """A file asks for something that could run code."""


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """Inside, a layer that is met twice is written with an id, and read as one layer."""
    token = _sharing.set({})
    try:
        yield
    finally:
        _sharing.reset(token)


@contextlib.contextmanager
def safe_scope(safe_mode: bool) -> Iterator[None]:
    """Inside, ``safe_mode`` is the default of :func:`deserialize_keras_object`."""
    token = _safe.set(bool(safe_mode))
    try:
        yield
    finally:
        _safe.reset(token)


def in_safe_mode() -> bool:
    """Whether Python code in configs is refused at the moment."""
    return _safe.get() and not settings.unsafe_deserialization


# -- writing -----------------------------------------------------------------------------------------------------


def serialize_keras_object(obj: Any) -> Any:
    """An object as plain data that JSON can hold.

    Args:
        obj: a layer, model, optimizer, loss, metric, initializer, function, array, or a list or dict of such.

    Returns:
        The dict that real Keras 3 writes for it.

    Raises:
        TypeError: an object without ``get_config``.
    """
    if obj is None or type(obj) in PLAIN:
        return obj
    with today():
        return _serialized(obj)


def _serialized(obj: Any) -> Any:
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(item) for item in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, Mapping):
        return serialize_dict(obj)
    special = _special(obj)
    if special is not None:
        return special
    if isinstance(obj, initializers.KerasInitializer) and isinstance(obj.function, types.FunctionType):
        return _serialize_function(obj.function)
    if isinstance(obj, np.generic) or (isinstance(obj, np.ndarray) and obj.ndim == 0):
        return obj.item()
    if isinstance(obj, PLAIN):
        return obj
    if isinstance(obj, np.dtype) or (isinstance(obj, type) and issubclass(obj, np.generic)):
        return np.dtype(obj).name
    return _serialize_instance(obj)


def serialize_dict(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Each value of a dict as plain data."""
    return {key: serialize_keras_object(value) for key, value in mapping.items()}


def _special(obj: Any) -> dict[str, Any] | None:
    """What Keras writes for things of Python, NumPy and JAX."""
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, slice):
        parts = {name: serialize_keras_object(getattr(obj, name)) for name in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, KerasTensor):
        history = obj._keras_history
        place = None if history is None else [history[0].name, *history[1:]]
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": obj.shape, "dtype": obj.dtype, "keras_history": place},
        }
    if isinstance(obj, initializers.FrozenArray):
        obj = obj.values
    if isinstance(obj, (np.ndarray, jax.Array)) and np.ndim(obj) > 0:
        kind = "__numpy__" if isinstance(obj, np.ndarray) else "__tensor__"
        return {"class_name": kind, "config": {"value": np.asarray(obj).tolist(), "dtype": str(obj.dtype)}}
    return None


def _serialize_instance(obj: Any) -> dict[str, Any]:
    if isinstance(obj, (types.FunctionType, types.BuiltinFunctionType, functools.partial)) or _is_jitted(obj):
        return _serialize_function(obj)
    if isinstance(obj, type):
        return _entry("builtins", "type", get_registered_name(obj), get_registered_name(obj))
    if isinstance(obj, StatefulMetric):
        obj = obj.owner
    if not hasattr(obj, "get_config") and not isinstance(obj, Policy):
        raise TypeError(
            f"cannot write {obj!r} (a {type(obj).__name__}) to a config: its class needs a `get_config()` method"
        )
    cls, config = _class_and_config(obj)
    config, beside = names.split_beside(config)
    name = names.keras_name(cls)
    if name is not None:
        module, class_name = name
        registered = class_name if module.startswith("keras.src") else None
        entry = _entry(module, class_name, config, registered)
    else:
        module = cls.__module__ if cls.__module__ != "__main__" else None
        entry = _entry(module, cls.__name__, config, get_registered_name(cls))
    if getattr(getattr(obj, "_compilation", None), "keras2", False):
        beside = {**beside, "compiled_as_keras2": True}
    if beside:
        entry[_BESIDE] = beside
    for what in ("build", "compile"):
        get = getattr(obj, f"get_{what}_config", None)
        extra = get() if get is not None else None
        if extra is not None and not (what == "build" and _is_built_without(obj)):
            entry[f"{what}_config"] = serialize_dict(extra)
    if isinstance(obj, Layer):
        _note_written(obj, entry)
    return entry


def _is_built_without(layer: Any) -> bool:
    """Whether a layer is one for which Keras notes no shapes."""
    return type(layer).__module__ == "kjax.keras.layers" and type(layer).__name__ in BUILT_AT_ONCE


def _entry(module: str | None, class_name: str, config: Any, registered: str | None) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered}


def _class_and_config(obj: Any) -> tuple[type, dict[str, Any]]:
    """The class that is written, and the arguments as plain data."""
    if isinstance(obj, Optimizer):
        cls = type(obj.rule) if type(obj).__module__ == "kjax.keras.optimizers" or type(obj) is Optimizer else type(obj)
        return cls, obj.get_config()
    if isinstance(obj, ModuleBase):
        return type(obj), module_config(obj)
    if not is_converted() and (other := getattr(obj, "written_as", None)) is not None:
        return other()
    if isinstance(obj, Policy):
        return type(obj), obj.get_config()
    if isinstance(obj, initializers.KerasInitializer):
        inner = obj.function
        if not hasattr(inner, "get_config"):
            raise TypeError(f"the initializer {inner!r} has no `get_config()`, so it cannot be written to a config")
        return type(inner), serialize_dict(inner.get_config())
    config = obj.get_config()
    if not isinstance(config, Mapping):
        raise TypeError(f"{type(obj).__name__}.get_config() must return a dict, it returned {config!r}")
    config = serialize_dict(config)
    name = names.keras_name(type(obj))
    if name is not None and isinstance(obj, (Value, PureMetric)):
        if isinstance(obj, optimizers.Optimizer) and config.get("name", "") is None:
            config["name"] = to_snake_case(type(obj).__name__)
        rule = obj.rule_class if isinstance(obj, PureMetric) else type(obj)
        config = names.written(type(obj), name[0], config, defaults_of(rule))
    return type(obj), config


def _serialize_function(function: Any) -> dict[str, Any]:
    if isinstance(function, functools.partial):
        raise TypeError(
            f"cannot write {function!r} to a config: a functools.partial has no name; define a named function "
            "and register it with @keras.saving.register_keras_serializable()"
        )
    if getattr(function, "__name__", "") == "<lambda>":
        warnings.warn(
            f"a lambda is written into the config as Python byte code ({function.__code__.co_filename}, line "
            f"{function.__code__.co_firstlineno}); loading it needs safe_mode=False and the same version of Python. "
            "Use a named function instead.",
            stacklevel=3,
        )
        return {"class_name": "__lambda__", "config": code.entry(function)}
    name = names.function_name(function) or get_registered_name(function)
    return _entry("builtins", "function", name, "function")


def _is_jitted(obj: Any) -> bool:
    return (
        not hasattr(obj, "get_config")
        and callable(obj)
        and isinstance(getattr(obj, "__wrapped__", None), types.FunctionType)
    )


def _note_written(obj: Any, entry: dict[str, Any]) -> None:
    seen = _sharing.get()
    if seen is None:
        return
    # Entries are copied on their way, so each has its id until all are written.
    _, count = seen.get(id(obj), (obj, 0))
    seen[id(obj)] = obj, count + 1
    entry[SHARED] = id(obj)


def serialize_argument(value: Any) -> Any:
    """A constructor argument in the form in which Keras' ``get_config`` methods return it.

    Args:
        value: a number, string, tuple, array, initializer, activation, policy, module, ...
    """
    if callable(value) and not isinstance(value, (Value, nn.Module, Layer, type)):
        name = names.function_name(value)
        if name is not None:
            return name
    return serialize_keras_object(value)


def module_config(
    module: ModuleBase,
    layer_config: Mapping[str, Any] | None = None,
    given: Callable[[str], Any] | None = None,
) -> dict[str, Any]:
    """The config of a layer of floor 1, as Keras writes that of its layer.

    Args:
        module: the layer.
        layer_config: name, trainable and dtype; made from the module by default.
        given: from the name of an argument that holds modules to the Keras layers that it was given as.
    """
    fields = module.get_config()
    if layer_config is None:
        name = module.name or to_snake_case(type(module).__name__)
        layer_config = {
            "name": name,
            "trainable": module.trainable,
            "dtype": serialize_argument(module.dtype_policy),
        }
    own = {}
    for key, value in fields.items():
        if key not in ("trainable", "dtype"):
            held = given(key) if given is not None and _holds_module(value) else None
            own[key] = serialize_argument(value if held is None else held)
    defaults = defaults_of(type(module))
    return names.written(type(module), "keras.layers", {**layer_config, **own}, defaults)


def _holds_module(value: Any) -> bool:
    return isinstance(value, nn.Module) or (isinstance(value, (list, tuple)) and any(map(_holds_module, value)))


@functools.cache
def defaults_of(cls: type) -> dict[str, Any]:
    """The defaults of a dataclass' fields, as they are written."""
    if not dataclasses.is_dataclass(cls):
        return {}
    result = {}
    for f in dataclasses.fields(cls):
        if f.default is dataclasses.MISSING:
            continue
        convert, default = f.metadata.get("convert"), f.default
        if convert is not None and not f.metadata.get("ranked"):
            default = convert(default)
        if default is None or isinstance(default, PLAIN):
            result[f.name] = default
    return result


# -- reading -----------------------------------------------------------------------------------------------------


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool | None = None, **kwargs: Any
) -> Any:
    """The object that :func:`serialize_keras_object`, or real Keras 3, wrote as ``config``.

    Only built-in classes, those in ``custom_objects`` or a scope, and registered ones are made; no module is imported.

    Args:
        config: plain data.
        custom_objects: a user's classes and functions by name.
        safe_mode: False lets Python byte code in the config become functions; by default that of the loading function.
        **kwargs: ``module_objects`` of older scripts.

    Raises:
        ValueError: an unknown class or function, or a config that cannot be understood.
        UnsafeError: byte code, and ``safe_mode`` is not False.
    """
    custom = {**(kwargs.pop("module_objects", None) or {}), **(custom_objects or {})}
    if kwargs:
        raise TypeError(f"deserialize_keras_object: unknown argument {next(iter(kwargs))!r}")
    safe = in_safe_mode() if safe_mode is None else safe_mode
    with CustomObjectScope(custom), safe_scope(safe):
        return _revive(config)


def _revive(config: Any) -> Any:
    if config is None or isinstance(config, (*PLAIN, Policy)):
        return config
    if isinstance(config, (list, tuple)):
        return [_revive(item) for item in config]
    if not isinstance(config, Mapping):
        raise ValueError(f"a config holds dicts, lists, strings, numbers and None; received {config!r}")
    if "class_name" not in config or "config" not in config:
        return {key: _revive(value) for key, value in config.items()}
    name, inner = config["class_name"], config["config"]
    if not isinstance(name, str):
        raise ValueError(f"a config's 'class_name' must be a string, received {name!r}")
    special = _REVIVE.get(name)
    if special is not None:
        return special(inner)
    if name == "function":
        return find_function(inner, config)
    if name == "DTypePolicy" and inner.get("name") == "string":
        return "string"  # layers for strings have a policy of that name, which no weight or computation can have
    if name.endswith("DTypePolicy") and names.builtin(config.get("module"), name) is not None:
        return policy(config)
    return _revive_instance(config)


def _revive_slice(parts: Mapping[str, Any]) -> slice:
    return slice(*(_revive(parts.get(name)) for name in ("start", "stop", "step")))


def _revive_array(inner: Mapping[str, Any]) -> np.ndarray:
    value = np.asarray(inner["value"])
    return value.astype(jax.numpy.dtype(inner.get("dtype") or value.dtype))


def _revive_lambda(inner: Mapping[str, Any]) -> Any:
    if code.trusts_own() and (known := code.written_here(inner)) is not None:
        return known
    if in_safe_mode():
        raise UnsafeError(
            "the config holds a Python lambda as byte code, which could do anything when it runs. If you trust where "
            "the file comes from, load it with safe_mode=False."
        )
    return code.load(inner)


class RevivedTensor:
    """A symbolic tensor in a config: where it comes from.

    Args:
        history: name of the layer, number of its call, number of the output; or None.
    """

    def __init__(self, history: Any) -> None:
        self.history = history


_REVIVE = {
    "__keras_tensor__": lambda inner: RevivedTensor(inner["keras_history"]),
    "__tensor__": _revive_array,
    "__numpy__": _revive_array,
    "__bytes__": lambda inner: inner["value"].encode("utf-8"),
    "__ellipsis__": lambda inner: Ellipsis,
    "__slice__": _revive_slice,
    "__lambda__": _revive_lambda,
}


def find_function(name: Any, config: Mapping[str, Any]) -> Any:
    """The function that a config names.

    Raises:
        ValueError: there is none of this name.
    """
    if not isinstance(name, str):
        raise ValueError(f"a config of class 'function' must hold the function's name, received {config!r}")
    for candidate in (name, config.get("registered_name")):
        found = get_registered_object(candidate) if candidate != "function" else None
        if found is not None:
            return found
    found = names.builtin_function(name) or find_by_short_name(name)
    if found is None:
        raise ValueError(
            f"unknown function {name!r}: register it with @keras.saving.register_keras_serializable() before loading, "
            f"or pass custom_objects={{{name!r}: ...}}"
        )
    return found


def find_class(config: Mapping[str, Any]) -> type:
    """The class that a config names: a user's, otherwise a built-in one.

    Raises:
        ValueError: there is none of this name.
    """
    name, module = config["class_name"], config.get("module")
    for candidate in (config.get("registered_name"), name):
        found = get_registered_object(candidate)
        if found is not None:
            return found
    registered = config.get("registered_name") or ""
    found = None
    if ">" not in registered and ((module is None and "module" not in config) or str(module).split(".")[0] == "keras"):
        found = names.builtin(module, name) or find_by_short_name(
            name
        )  # .h5 files name users' classes without their package
    if found is None:
        where = f"{module}.{name}" if module else repr(registered or name)
        hint = names.suggest(name, module) if str(module).split(".")[0] == "keras" else "it is not built in"
        raise ValueError(
            f"unknown class {where}; {hint} A class of your own needs to be registered with "
            "@keras.saving.register_keras_serializable() before loading, or passed as "
            f"custom_objects={{{name!r}: {name}}}"
        )
    return found


def _revive_instance(config: Mapping[str, Any]) -> Any:
    shared, seen = config.get(SHARED), _sharing.get()
    if shared is not None and seen is not None and shared in seen:
        return seen[shared]
    _refuse_files(config)
    cls = find_class(config)
    if not isinstance(cls, type):
        return cls
    beside = dict(config.get(_BESIDE) or {}) if isinstance(config["config"], Mapping) else {}
    as_keras2 = beside.pop("compiled_as_keras2", False) is True
    instance = make_instance(cls, {**config["config"], **beside} if beside else config["config"])
    if isinstance(instance, Layer):
        build_config, compile_config = config.get("build_config"), config.get("compile_config")
        if build_config and not instance.built and hasattr(instance, "build_from_config"):
            shapes = _as_shapes(build_config)
            instance.build_from_config(shapes)
            instance.built = True
            if instance._build_shapes is None:
                instance._build_shapes = shapes
        if compile_config and hasattr(instance, "compile_from_config"):
            instance.compile_from_config(compile_config)  # pyright: ignore
            if as_keras2:
                instance._compilation.keras2 = True  # pyright: ignore
        if shared is not None and seen is not None:
            seen[shared] = instance
    return instance


def _refuse_files(config: Mapping[str, Any]) -> None:
    """Keep a config from reading other files.

    Raises:
        UnsafeError: an argument names one.
    """
    if (
        not in_safe_mode()
        or not str(config.get("module")).startswith("keras")
        or not isinstance(config["config"], Mapping)
    ):
        return
    for key in names.FILES_IN_ARGUMENTS.get(config["class_name"], ()):
        if isinstance(config["config"].get(key), str):
            raise UnsafeError(
                f"the argument {key!r} of a {config['class_name']} names a file, {config['config'][key]!r}, which would be "
                "read. If you trust where the config comes from, load it with safe_mode=False."
            )


def make_instance(cls: Any, config: Any) -> Any:
    """``cls.from_config(config)``, with the arguments revived that the class does not revive by itself.

    Raises:
        ValueError: the class has no ``from_config``, or refuses the arguments.
    """
    if not hasattr(cls, "from_config"):
        raise ValueError(f"the class {cls.__name__} cannot be made from a config: it has no `from_config()` method")
    config = dict(config) if isinstance(config, Mapping) else config
    if isinstance(config, dict):
        if isinstance(config.get("dtype"), Mapping):
            config["dtype"] = _revive(config["dtype"])
        generated = getattr(cls, "get_config", None) is Layer.get_config
        keys = () if is_user_class(cls) else names.REVIVED.get(cls.__name__, ())
        keys = (*keys, *names.HOLDING_QUANTIZERS)
        for key in (k for k in config if k != "dtype" and (generated or k in keys)):
            config[key] = _as_shapes(_revive(_unbuilt(config[key]) if cls.__name__ in names.REVIVED else config[key]))
    try:
        with code.trusting_own(), _written_out() if cls.__module__ == "kjax.keras.layers" else contextlib.nullcontext():
            return cls.from_config(config)
    except TypeError as error:
        raise ValueError(
            f"{cls.__name__} cannot be made from its config: {error} (config: {_short(config)})"
        ) from error


@contextlib.contextmanager
def _written_out() -> Iterator[None]:
    """Inside, layers are made as their configs say, whatever the defaults of the era are."""
    before = settings.era, settings.reads_older
    settings.era, settings.reads_older = "3", eras.is_old()
    try:
        yield
    finally:
        settings.era, settings.reads_older = before


def _unbuilt(entry: Any) -> Any:
    """The entry of a layer without the shapes that it was built for: the layer around it makes its weights."""
    if isinstance(entry, (list, tuple)):
        return [_unbuilt(item) for item in entry]
    if isinstance(entry, Mapping) and "class_name" in entry:
        return {key: value for key, value in entry.items() if key != "build_config"}
    return entry


def _as_shapes(config: Any) -> Any:
    """The lists of JSON as the tuples that shapes are."""
    if isinstance(config, Mapping):
        return {key: _as_shapes(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        items = [_as_shapes(item) for item in config]
        return tuple(items) if all(i is None or isinstance(i, int) for i in items) else items
    return config


def _short(thing: Any) -> str:
    text = repr(thing)
    return text if len(text) < 300 else text[:297] + "..."


def shared_config(model: Any) -> dict[str, Any]:
    """The config of a model in the form of today, with what several of its parts share written once."""
    with sharing():
        config = serialize_keras_object(model)
        return without_ids(config, {key for key, (_, count) in (_sharing.get() or {}).items() if count > 1})


def takes_custom_objects(cls: Any) -> bool:
    """Whether a class' ``from_config`` has the argument ``custom_objects``."""
    return "custom_objects" in inspect.signature(cls.from_config).parameters


def is_user_class(cls: type) -> bool:
    """Whether a class is a user's."""
    return names.keras_name(cls) is None or is_registered(cls)


def _module_config(layer: Any, module: ModuleBase, config: dict[str, Any]) -> dict[str, Any]:
    return as_built(layer, module_config(module, config, layer.given_argument))


configs.fill(
    serialize_keras_object=serialize_keras_object,
    deserialize_keras_object=deserialize_keras_object,
    serialize_argument=serialize_argument,
    module_config=_module_config,
    custom_object_scope=CustomObjectScope,
)

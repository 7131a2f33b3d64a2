"""``keras.utils.generic_utils`` of Keras 2: small functions on lists, names and Python functions."""

from __future__ import annotations

import codecs
import inspect
import marshal
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS, respelled
from kjax.keras.legacy.form import serialized
from kjax.keras.legacy.revival import deserialize_keras_object as deserialize_keras_object
from kjax.keras.progbar import Progbar as Progbar
from kjax.keras.saving import custom_object_scope as custom_object_scope
from kjax.keras.saving import get_custom_objects as get_custom_objects
from kjax.keras.saving import serialize_keras_object as _serialize_today
from kjax.nn.value import did_you_mean

CustomObjectScope = custom_object_scope


@respelled
def serialize_keras_object(obj: Any) -> Any:
    """The entry of an object for a config, in the form of the era.

    Raises:
        ValueError: in scripts of Keras 1 and 2, something that is neither an object with a config nor a function.
    """
    if settings.era in OLD_ERAS and obj is not None and not hasattr(obj, "get_config") and not hasattr(obj, "__name__"):
        raise ValueError(f"Cannot serialize {obj!r}: it has no get_config(), and is no function")
    return serialized(obj, _serialize_today)


def to_list(x: Any, allow_tuple: bool = False) -> list[Any]:
    """A list of one thing, or the list that ``x`` is (with ``allow_tuple``, of a tuple too)."""
    if isinstance(x, list):
        return x
    return list(x) if allow_tuple and isinstance(x, tuple) else [x]


def unpack_singleton(x: Any) -> Any:
    """The element of a list of one; other things as they are."""
    return x[0] if isinstance(x, (list, tuple)) and len(x) == 1 else x


def is_all_none(iterable_or_element: Any) -> bool:
    """Whether a thing, or every element of a list, is None."""
    return all(element is None for element in to_list(iterable_or_element, allow_tuple=True))


def object_list_uid(object_list: Any) -> str:
    """The identities of objects as one string."""
    return ", ".join(str(abs(id(thing))) for thing in to_list(object_list))


def slice_arrays(arrays: Any, start: Any = None, stop: int | None = None) -> Any:
    """Samples of one array, or of each of a list.

    Args:
        arrays: array, list of arrays (None stays None), or None.
        start: first sample, or an array of samples.
        stop: sample to stop before; left out together with an array of samples.
    """

    def cut(array: Any) -> Any:
        if array is None:
            return None
        return array[start] if hasattr(start, "__len__") else array[start:stop]

    if arrays is None:
        return [None]
    return [cut(array) for array in arrays] if isinstance(arrays, list) else cut(arrays)


def transpose_shape(shape: Iterable[Any], target_format: str, spatial_axes: Iterable[int]) -> tuple[Any, ...]:
    """A shape in the order ``channels_last``, in the order ``target_format``.

    Args:
        shape: list, or tuple with the batch axis.
        target_format: ``'channels_first'`` or ``'channels_last'``.
        spatial_axes: positions of the spatial axes.

    Raises:
        ValueError: another format.
    """
    sizes = tuple(shape)
    if target_format == "channels_last":
        return sizes
    if target_format != "channels_first":
        raise ValueError(f"the format is 'channels_first' or 'channels_last', received {target_format!r}")
    spatial = tuple(spatial_axes)
    return (*sizes[: spatial[0]], sizes[-1], *(sizes[i] for i in spatial))


def has_arg(fn: Callable[..., Any], name: str, accept_all: bool = False) -> bool:
    """Whether a function takes a keyword; with ``accept_all``, ``**kwargs`` counts too."""
    parameters = inspect.signature(fn).parameters
    if accept_all and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return True
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return name in parameters and parameters[name].kind in kinds


def func_dump(func: Callable[..., Any]) -> tuple[str, Any, Any]:
    """The code, defaults and closure of a function, as old files hold Lambda layers."""
    assert isinstance(func, types.FunctionType)
    code = codecs.encode(marshal.dumps(func.__code__), "base64").decode("ascii")
    closure = tuple(cell.cell_contents for cell in func.__closure__) if func.__closure__ else None
    return code, func.__defaults__, closure


def func_load(code: Any, defaults: Any = None, closure: Any = None, globs: Any = None) -> Callable[..., Any]:
    """The function that :func:`func_dump` took apart. This makes runnable code of data: use it on trusted data only.

    Args:
        code: the code, or all three parts.
        defaults: default values.
        closure: contents of the closure.
        globs: its globals; those of this module by default.
    """
    if isinstance(code, (tuple, list)):
        code, defaults, closure = code
    raw = marshal.loads(codecs.decode(code.encode("ascii"), "base64"))
    cells = None if closure is None else tuple(types.CellType(value) for value in closure)
    defaults = tuple(defaults) if isinstance(defaults, list) else defaults
    return types.FunctionType(raw, globals() if globs is None else globs, raw.co_name, defaults, cells)


def make_tuple(*args: Any) -> tuple[Any, ...]:
    """The arguments as a tuple."""
    return args


def get_from_module(
    identifier: Any,
    module_params: Mapping[str, Any],
    module_name: str,
    instantiate: bool = False,
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """What a name or a config stands for among the names of a module, as Keras 1 looked it up.

    Args:
        identifier: a name, a dict with ``'name'`` and arguments, or the thing itself.
        module_params: the names, usually ``globals()``; custom objects come before them.
        module_name: what the things are called in messages.
        instantiate: whether classes are called.
        kwargs: arguments for them.

    Raises:
        ValueError: an unknown name.
    """
    if isinstance(identifier, Mapping):
        arguments = dict(identifier)
        name = arguments.pop("name")
    elif isinstance(identifier, str):
        name, arguments = identifier, dict(kwargs or {}) if instantiate else None
    else:
        return identifier
    found = get_custom_objects().get(name) or module_params.get(name)
    if not found and isinstance(module := sys.modules.get(str(module_params.get("__name__"))), types.ModuleType):
        found = getattr(module, name, None)  # ``vars(keras.activations)``: its names are looked up when they are read
    if not found:
        raise ValueError(f"{module_name}: unknown name {name!r}; {did_you_mean(str(name), list(module_params))}")
    return found if arguments is None else found(**arguments)

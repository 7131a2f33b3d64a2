"""The Keras class of a floor-1 layer, made from its module: arguments, documentation, attributes."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import flax.linen as nn

from kjax.keras.core.fields import Argument, argument_fields
from kjax.keras.core.pure import PureLayer


def derive(
    module_class: type[nn.Module], name: str | None = None, bases: tuple[type, ...] = (), **attributes: Any
) -> type[PureLayer]:
    """The Keras class of a floor-1 layer: same arguments, plus those of every Keras layer.

    Args:
        module_class: the Flax module class.
        name: name of the Keras class; the module's by default.
        bases: classes with the members that the Keras layer has beyond arguments and weights.
        **attributes: further class attributes.
    """
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for f in argument_fields(module_class):
        default = inspect.Parameter.empty if f.default is dataclasses.MISSING else f.default
        kind = inspect.Parameter.KEYWORD_ONLY if f.kw_only is True else inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters.append(inspect.Parameter(f.name, kind, default=default))
    parameters.append(inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD))

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        PureLayer.__init__(self, *args, **kwargs)

    __init__.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    __init__.__doc__ = module_class.__doc__
    for f in dataclasses.fields(module_class):
        taken = inspect.getattr_static(PureLayer, f.name, None)
        members = [inspect.getattr_static(base, f.name, None) for base in bases]
        if f.init and not any(isinstance(m, property) or callable(m) for m in (taken, *members)):
            attributes.setdefault(f.name, Argument(f.name))
    body = {
        "module_class": module_class,
        "__init__": __init__,
        "__doc__": module_class.__doc__,
        "__module__": "kjax.keras.layers",
        "__signature__": inspect.Signature(parameters[1:]),
        **attributes,
    }
    cls = type(name or module_class.__name__, (*bases, PureLayer), body)
    _classes.setdefault(module_class, cls)
    return cls


_classes: dict[type, type[PureLayer]] = {}


def class_of(module_class: type[nn.Module]) -> type[PureLayer]:
    """The class that :func:`derive` made of a module's first."""
    return _classes[module_class]

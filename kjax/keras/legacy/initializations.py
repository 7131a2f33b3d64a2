"""``keras.initializations`` of Keras 1: functions that make variables, ``glorot_uniform(shape, name=...)``.

Layers that users wrote for Keras 1 make their weights by them: ``self.W = initializations.get(init)(shape, name=...)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kjax.keras import backend as _backend
from kjax.keras import initializers
from kjax.keras.core import doors
from kjax.keras.core.variable import Variable
from kjax.keras.utils.generic_utils import get_from_module

K: Any = _backend

Function = Callable[..., Any]


def get_fans(shape: Sequence[int], dim_ordering: str = "th") -> tuple[float, float]:
    """Numbers of inputs and outputs of one unit of a weight.

    Args:
        shape: shape of the weight: a matrix, or the kernel of a convolution with two or three spatial axes.
        dim_ordering: ``'th'`` for kernels (outputs, inputs, \\*spatial), ``'tf'`` for (\\*spatial, inputs, outputs).

    Raises:
        ValueError: another order.
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) not in (4, 5):
        return math.sqrt(math.prod(shape)), math.sqrt(math.prod(shape))
    if dim_ordering not in ("th", "tf"):
        raise ValueError(f"get_fans: `dim_ordering` must be 'th' or 'tf', received {dim_ordering!r}")
    inputs, outputs, field = (
        (shape[1], shape[0], shape[2:]) if dim_ordering == "th" else (shape[-2], shape[-1], shape[:-2])
    )
    return inputs * math.prod(field), outputs * math.prod(field)


def uniform(shape: Sequence[int], scale: float = 0.05, name: str | None = None, dim_ordering: str = "th") -> Variable:
    """A variable of uniform numbers in ``[-scale, scale]``."""
    del dim_ordering
    return K.random_uniform_variable(tuple(shape), -scale, scale, name=name)


def normal(shape: Sequence[int], scale: float = 0.05, name: str | None = None, dim_ordering: str = "th") -> Variable:
    """A variable of normal numbers with standard deviation ``scale``."""
    del dim_ordering
    return K.random_normal_variable(tuple(shape), 0.0, scale, name=name)


def _by_fans(name: str, distribution: Function, scale: Callable[[float, float], float], formula: str) -> Function:
    def make(shape: Sequence[int], name: str | None = None, dim_ordering: str = "th") -> Variable:
        return distribution(shape, scale(*get_fans(shape, dim_ordering)), name=name)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"A variable of {distribution.__name__} numbers whose scale is ``{formula}`` of :func:`get_fans`."
    return make


_BY_FANS: dict[str, tuple[Function, Callable[[float, float], float], str]] = {
    "lecun_uniform": (uniform, lambda fan_in, _: math.sqrt(3 / fan_in), "sqrt(3 / inputs)"),
    "glorot_normal": (
        normal,
        lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
        "sqrt(2 / (inputs + outputs))",
    ),
    "glorot_uniform": (
        uniform,
        lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out)),
        "sqrt(6 / (inputs + outputs))",
    ),
    "he_normal": (normal, lambda fan_in, _: math.sqrt(2 / fan_in), "sqrt(2 / inputs)"),
    "he_uniform": (uniform, lambda fan_in, _: math.sqrt(6 / fan_in), "sqrt(6 / inputs)"),
}
lecun_uniform, glorot_normal, glorot_uniform, he_normal, he_uniform = (_by_fans(n, *a) for n, a in _BY_FANS.items())


def orthogonal(shape: Sequence[int], scale: float = 1.1, name: str | None = None, dim_ordering: str = "th") -> Variable:
    """A variable with orthogonal rows or columns, times ``scale``; axes after the first count as one."""
    del dim_ordering
    flat = (shape[0], math.prod(shape[1:]))
    draw: Any = initializers.Orthogonal(gain=scale)
    values = np.asarray(draw(flat))
    return K.variable(values.reshape(shape), name=name)


def identity(shape: Sequence[int], scale: float = 1, name: str | None = None, dim_ordering: str = "th") -> Variable:
    """A variable of the identity times ``scale``.

    Raises:
        ValueError: a shape that is no square.
    """
    del dim_ordering
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"identity: only square matrices begin as the identity, received the shape {tuple(shape)}")
    return K.variable(scale * np.identity(shape[0]), name=name)


def zero(shape: Sequence[int], name: str | None = None, dim_ordering: str = "th") -> Variable:
    """A variable of zeros."""
    del dim_ordering
    return K.zeros(tuple(shape), name=name)


def one(shape: Sequence[int], name: str | None = None, dim_ordering: str = "th") -> Variable:
    """A variable of ones."""
    del dim_ordering
    return K.ones(tuple(shape), name=name)


FUNCTIONS: dict[str, Function] = {
    function.__name__: function
    for function in (
        *(uniform, normal, lecun_uniform, glorot_normal, glorot_uniform, he_normal, he_uniform),
        *(orthogonal, identity, zero, one),
    )
}


NAMES = {
    **{f"{kind.title().replace('_', '')}": kind for kind in _BY_FANS},
    **{"RandomUniform": "uniform", "RandomNormal": "normal", "Zeros": "zero", "Ones": "one"},
    **{"Orthogonal": "orthogonal", "Identity": "identity"},
}
"""Names of Keras 1 by the classes of today."""


def as_function(argument: str, initializer: Any) -> Function:
    """What a layer of Keras 1 had for an initializer: a function that makes a variable.

    Args:
        argument: name of the argument that gave it.
        initializer: what the layer has today.
    """

    def make(shape: Sequence[int], name: str | None = None, **options: Any) -> Variable:
        del options
        return K.variable(np.asarray(initializer(tuple(shape))), name=name)

    given = getattr(initializer, "function", None)
    name = NAMES.get(type(initializer).__name__) or getattr(given, "__name__", argument)
    make.__name__ = make.__qualname__ = name
    return make


def get(identifier: Any, **kwargs: Any) -> Any:
    """The function of a name; anything else as it is.

    Args:
        identifier: a name, or a function ``(shape, name=None)``.
        **kwargs: accepted, and without effect, as in Keras 1.

    Raises:
        ValueError: an unknown name.
    """
    del kwargs
    return get_from_module(identifier, FUNCTIONS, "initialization")


doors.initializations.fill(as_function=as_function)

"""TensorFlow's variables."""

from __future__ import annotations

import sys
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras import backend, initializers
from kjax.keras.core import scope as scopes
from kjax.keras.core.settings import settings
from kjax.keras.core.shapes import TensorShape, TensorShape1
from kjax.keras.core.tensor import is_symbolic
from kjax.keras.core.updates import Call
from kjax.keras.core.variable import Variable as _Variable
from kjax.keras.core.wide import NARROW, types_of
from kjax.keras.legacy.tensorflow import graphs
from kjax.keras.legacy.tensorflow.door import dtype_name, dtype_of, shape_of, tensor_of_list
from kjax.keras.legacy.tensorflow.operators import operator
from kjax.keras.legacy.tensorflow.tensor import OPERATORS, part_of, unwrap, wide_here


class MadeInTrace(ValueError):
    """A variable cannot be made while a function is compiled."""


class Variable(_Variable):
    """``tf.Variable``.

    Args:
        initial_value: its value, or a function that gives it.
        trainable: whether it is trained.
        name: its name.
        dtype: its type.
        **options: accepted.
    """

    is_of_graph = True

    def __init__(
        self, initial_value: Any = None, trainable: bool = True, validate_shape: bool = True, *args: Any,
        name: str | None = None, dtype: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        value = unwrap(initial_value() if callable(initial_value) else initial_value)
        if isinstance(value, Tracer):
            raise MadeInTrace(
                "tf.Variable: it is made of a tensor that has no value while a function is compiled; make it outside, "
                "or in `build`"
            )
        drawn = value if is_symbolic(value) else None
        value = backend.eval(drawn) if drawn is not None else value
        if not hasattr(value, "dtype"):
            value = tensor_of_list(np.asarray(value))
        with types_of(kind := _type_of(value, dtype)):
            super().__init__(value, dtype=kind, trainable=trainable, name=name)
        if name is None and settings.era == "tf":  # there all are called so
            self.path = f"{self.made_in}/Variable".lstrip("/")
        # Its initializer runs again where a session is asked to initialize variables.
        self._first = initial_value if callable(initial_value) else self._value
        if drawn is not None:
            self._first = lambda: backend.eval(drawn)
        self.initial_value = initial_value

    def assign(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Set the value; in a graph an operation that does it, when a session runs it."""
        if _by_script() and (is_symbolic(value) or scopes.is_drawing()):
            return graphs.assignment(self, value)
        super().assign(unwrap(value))
        return self

    def assign_add(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Add to the value, see :meth:`assign`."""
        if _by_script() and (is_symbolic(value) or scopes.is_drawing()):
            return graphs.assign_add(self, value)
        super().assign_add(unwrap(value))
        return self

    def assign_sub(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Subtract from the value, see :meth:`assign`."""
        if _by_script() and (is_symbolic(value) or scopes.is_drawing()):
            return graphs.assign_sub(self, value)
        super().assign_sub(unwrap(value))
        return self

    def __bool__(self) -> bool:
        return bool(self.numpy())

    @property
    def initializer(self) -> Any:
        """The operation that gives it its first value again."""
        return Call(self.renew, f"{self.short_name}/initializer")

    def fresh_value(self) -> Any:
        """The value that it was made from."""
        first = self._first
        with types_of(self._dtype):
            return jnp.asarray(unwrap(first()) if callable(first) else first, self._dtype)

    def get_shape(self) -> Any:
        """The sizes, with TensorFlow's methods."""
        return (TensorShape1 if settings.era in ("1", "2") else TensorShape)(self._shape)


def _type_of(value: Any, dtype: Any) -> str:
    """The type of a variable: that of its value, where none is asked for; of 64 bits in eager scripts alone."""
    name = str(np.dtype(value.dtype)) if dtype is None else dtype_name(dtype)
    return NARROW.get(name, name) if scopes.is_drawing() or not wide_here() else name


def _by_script() -> bool:
    """Whether the code that calls a method is none of kjax itself, which sets values at once."""
    return not sys._getframe(2).f_globals.get("__name__", "").startswith("kjax.")


def made_by(initializer: Any, shape: Any, dtype: Any, name: str, trainable: bool = True) -> Variable:
    """A variable whose first value comes from an initializer, or is one itself."""
    if initializer is not None and not isinstance(initializer, str) and not callable(initializer):
        return Variable(initializer, trainable=trainable, name=name)
    of_keras = initializers.get(initializer() if isinstance(initializer, type) else initializer or "glorot_uniform")
    sizes = shape_of(shape if shape is not None else ())
    return Variable(
        lambda: unwrap(of_keras(sizes, dtype=str(dtype_of(dtype)))), trainable=trainable, name=name, dtype=dtype
    )


for _name, _compute in OPERATORS.items():
    setattr(Variable, _name, operator(_compute))
Variable.__getitem__ = part_of  # type: ignore[method-assign]

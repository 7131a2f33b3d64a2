"""TensorFlow's variables."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from kjax.keras.core.settings import settings
from kjax.keras.core.variable import Variable as _Variable
from kjax.keras.legacy.tensorflow.door import shape_of
from kjax.keras.legacy.tensorflow.tensor import OPERATORS, apply, operator, unwrap


class Variable(_Variable):
    """``tf.Variable``.

    Args:
        initial_value: its value, or a function that gives it.
        trainable: whether it is trained.
        name: its name.
        dtype: its type.
        **options: accepted.
    """

    def __init__(
        self, initial_value: Any = None, trainable: bool = True, validate_shape: bool = True, *args: Any,
        name: str | None = None, dtype: Any = None, **options: Any,
    ) -> None:  # fmt: skip
        value = unwrap(initial_value() if callable(initial_value) else initial_value)
        if not hasattr(value, "dtype"):
            value = np.asarray(value)
            value = value.astype(settings.floatx) if value.dtype == np.float64 else value
        super().__init__(value, dtype=None if dtype is None else str(dtype), trainable=trainable, name=name)

    def assign(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Set the value."""
        super().assign(unwrap(value))
        return self

    def read_value(self) -> Any:
        """The value as a tensor."""
        return apply(jnp.asarray, (self,), {}, "read_value")

    def __bool__(self) -> bool:
        return bool(self.numpy())

    @property
    def initializer(self) -> Any:  # type: ignore[override]
        """It has its value from the start."""
        return None

    @initializer.setter
    def initializer(self, value: Any) -> None:
        del value


def get_variable(name: str, shape: Any = None, dtype: Any = "float32", initializer: Any = None, **kwargs: Any) -> Any:
    """``tf.get_variable``: a variable made by an initializer; Glorot uniform by default."""
    made = _Variable(initializer or "glorot_uniform", shape_of(shape), str(dtype), name=name)
    return Variable(made.value, name=name)


for _name, _compute in OPERATORS.items():
    setattr(Variable, _name, operator(_compute))

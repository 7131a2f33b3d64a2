"""Types of TensorFlow: their names, with the attributes of ``tf.DType``."""

from __future__ import annotations

from typing import Any


class DType(str):
    """The name of a type, with the attributes of ``tf.DType``."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return str(self)

    @property
    def base_dtype(self) -> DType:
        """The type itself."""
        return self

    @property
    def as_numpy_dtype(self) -> Any:
        """NumPy's type of that name."""
        import jax.numpy as jnp

        return jnp.dtype(str(self)).type

    @property
    def is_floating(self) -> bool:
        """Whether it is a floating-point type."""
        return "float" in self

    @property
    def is_integer(self) -> bool:
        """Whether it is an integer type."""
        return "int" in self

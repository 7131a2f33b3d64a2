"""Types of TensorFlow: their names, with the attributes of ``tf.DType``."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.scope import read_by_script


class DType(str):
    """The name of a type, with the attributes of ``tf.DType``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>" if read_by_script() else self.name

    def __format__(self, spec: str) -> str:
        return f"<dtype: {self.name!r}>" if read_by_script() else format(self.name, spec)

    @property
    def name(self) -> str:
        """The name."""
        return str.__str__(self)

    @property
    def base_dtype(self) -> DType:
        """The type itself."""
        return self

    @property
    def as_numpy_dtype(self) -> Any:
        """NumPy's type of that name."""
        import jax.numpy as jnp

        return jnp.dtype(self.name).type

    @property
    def is_floating(self) -> bool:
        """Whether it is a floating-point type."""
        return "float" in self

    @property
    def is_integer(self) -> bool:
        """Whether it is an integer type."""
        return "int" in self

    @property
    def is_unsigned(self) -> bool:
        """Whether it is an integer type without a sign."""
        return self.startswith("uint")

    @property
    def is_bool(self) -> bool:
        """Whether it is the type of truth values."""
        return self == "bool"

    @property
    def is_complex(self) -> bool:
        """Whether it is a complex type."""
        return self.startswith("complex")

    @property
    def is_numeric(self) -> bool:
        """Whether it is a type of numbers."""
        return self.is_floating or self.is_integer or self.is_complex

    @property
    def is_quantized(self) -> bool:
        """Whether it is one of the quantized types, of which there is none here."""
        return False

    is_numpy_compatible = True

    @property
    def real_dtype(self) -> DType:
        """That of the real part."""
        return DType({"complex64": "float32", "complex128": "float64"}.get(self, self.name))

    @property
    def size(self) -> int:
        """Bytes of an element."""
        import jax.numpy as jnp

        return 1 if self == "string" else jnp.dtype(self.name).itemsize

    @property
    def limits(self) -> tuple[Any, Any]:
        """The least and the greatest value: 0 and 1 for floating-point types, as for pictures."""
        return (0, 1) if self.is_floating else (self.min, self.max)

    @property
    def min(self) -> Any:
        """The least value."""
        return self._bounds()[0]

    @property
    def max(self) -> Any:
        """The greatest value."""
        return self._bounds()[1]

    def _bounds(self) -> tuple[Any, Any]:
        import jax.numpy as jnp
        import numpy as np

        if self.is_bool:
            return False, True
        if not (self.is_floating or self.is_integer):
            raise TypeError(f"tf.{self} has no least and no greatest value")
        dtype = jnp.dtype(self.name)
        info = jnp.finfo(dtype) if self.is_floating else np.iinfo(dtype)
        return (dtype.type(info.min), dtype.type(info.max)) if self.is_floating else (info.min, info.max)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether it is the same type as another."""
        return self == str(getattr(other, "name", other))

    is_subtype_of = is_compatible_with

"""`tf.TensorSpec` and its like: what is known of tensors and sets before there are any."""

from __future__ import annotations

import dataclasses
from typing import Any

from kjax.keras.core.shapes import TensorShape


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """Shape and type of an argument."""

    shape: Any = None
    dtype: Any = "float32"
    name: str | None = None
    any_shape: bool = dataclasses.field(init=False, repr=False, default=False)
    """Whether nothing is known of the shape."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "any_shape", self.shape is None)
        object.__setattr__(self, "shape", TensorShape(() if self.shape is None else self.shape))
        object.__setattr__(self, "dtype", getattr(self.dtype, "name", self.dtype))

    def is_compatible_with(self, spec_or_value: Any) -> bool:
        """Whether a tensor, or what another spec describes, has this shape and type."""
        same = str(getattr(spec_or_value.dtype, "name", spec_or_value.dtype)) == str(self.dtype)
        return same and (self.any_shape or self.shape.is_compatible_with(spec_or_value.shape))

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """The spec of a tensor."""
        return cls(tensor.shape, tensor.dtype, name)

    @classmethod
    def from_spec(cls, spec: TensorSpec, name: str | None = None) -> TensorSpec:
        """The same, with another name."""
        return cls(None if spec.any_shape else spec.shape, spec.dtype, name or spec.name)

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype=tf.{self.dtype}, name={self.name!r})"


@dataclasses.dataclass(frozen=True)
class DatasetSpec:
    """What is known of a data set inside another."""

    element_spec: Any
    dataset_shape: Any = ()

    def __repr__(self) -> str:
        return f"DatasetSpec({self.element_spec!r}, {self.dataset_shape!r})"

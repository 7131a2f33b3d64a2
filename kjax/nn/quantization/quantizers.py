"""Quantizers: how an array becomes integers and a scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from jaxtyping import Array

from kjax.nn.arguments import hashable
from kjax.nn.numerics import EPSILON
from kjax.nn.ops.quantization import abs_max_quantize


class Quantizer:
    """Base of quantizers: a subclass writes ``__call__(self, x, axis=None)``.

    Quantizers of one class with equal configs are equal; one without a config is equal to itself only.

    Args:
        output_dtype: type of the quantized values.
    """

    def __init__(self, output_dtype: str = "int8") -> None:
        self.output_dtype = output_dtype

    def __call__(self, x: Any) -> Any:
        """The quantized values; the base class changes nothing."""
        return x

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal quantizer.

        Raises:
            NotImplementedError: a subclass without a config of its own.
        """
        raise NotImplementedError(f"{type(self).__name__} has no `get_config` method")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a quantizer from what :meth:`get_config` returned."""
        return cls(**config)

    def _key(self) -> Any:
        if type(self).get_config is Quantizer.get_config:
            return id(self)
        return type(self), tuple(sorted((name, hashable(value)) for name, value in self.get_config().items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantizer) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


class AbsMaxQuantizer(Quantizer):
    """Integers proportional to the values, the largest absolute value at the end of the range.

    Args:
        axis: axis or axes that share a scale; the last by default.
        value_range: smallest and largest integer.
        epsilon: added to the largest absolute value.
        output_dtype: type of the integers.

    Raises:
        ValueError: a range that int8 does not hold.
    """

    def __init__(
        self,
        axis: Any = None,
        value_range: tuple[int, int] = (-127, 127),
        epsilon: float = EPSILON,
        output_dtype: str = "int8",
    ) -> None:
        super().__init__(output_dtype)
        self.axis = None if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        if output_dtype == "int8" and (value_range[0] < -128 or value_range[1] > 127):
            raise ValueError(f"AbsMaxQuantizer: int8 holds -128 to 127, received value_range={value_range}")
        self.value_range = tuple(value_range)
        self.epsilon = epsilon

    def __call__(self, x: Any, axis: Any = None, to_numpy: bool = False) -> tuple[Array, Array]:
        """The integers and the scale; ``axis`` goes before that of the quantizer."""
        axis = self.axis if axis is None else axis
        axis = -1 if axis is None else axis
        return abs_max_quantize(x, axis, self.value_range, self.output_dtype, self.epsilon, to_numpy)  # type: ignore[arg-type]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal quantizer."""
        config = {"value_range": self.value_range, "epsilon": self.epsilon, "output_dtype": self.output_dtype}
        return config if self.axis is None else config | {"axis": self.axis}

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({given})"

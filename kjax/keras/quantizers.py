"""``keras.quantizers``: arrays as small integers or short floats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from kjax.keras.core.namespace import on_tensors
from kjax.nn.numerics import EPSILON
from kjax.nn.ops import quantization as _pure
from kjax.nn.value import did_you_mean

abs_max_quantize = on_tensors(_pure.abs_max_quantize)
quantize_and_dequantize = on_tensors(_pure.quantize_and_dequantize)
compute_float8_scale = on_tensors(_pure.compute_float8_scale)
compute_float8_amax_history = on_tensors(_pure.compute_float8_amax_history)
pack_int4 = on_tensors(_pure.pack_int4)
unpack_int4 = on_tensors(_pure.unpack_int4)
fake_quant_with_min_max_vars = on_tensors(_pure.fake_quant_with_min_max_vars)


class Quantizer:
    """Base of quantizers: a subclass writes ``__call__(self, x)``.

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

    def __call__(self, x: Any, axis: Any = None, to_numpy: bool = False) -> Any:
        """The integers and the scale; ``axis`` goes before that of the quantizer."""
        axis = self.axis if axis is None else axis
        axis = -1 if axis is None else axis
        return abs_max_quantize(x, axis, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal quantizer."""
        config = {"value_range": self.value_range, "epsilon": self.epsilon, "output_dtype": self.output_dtype}
        return config if self.axis is None else config | {"axis": self.axis}


_CLASSES = {"AbsMaxQuantizer": AbsMaxQuantizer, "abs_max_quantizer": AbsMaxQuantizer}


def serialize(initializer: Quantizer) -> dict[str, Any]:
    """The config of a quantizer."""
    return {"class_name": type(initializer).__name__, "config": initializer.get_config()}


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The quantizer of a config.

    Raises:
        ValueError: an unknown class.
    """
    known = {**_CLASSES, **(custom_objects or {})}
    name = config["class_name"]
    if name not in known:
        raise ValueError(f"unknown quantizer {name!r}; {did_you_mean(name, known)}")
    return known[name].from_config(config.get("config") or {})


def get(identifier: Any, **kwargs: Any) -> Any:
    """The quantizer for a name, a config, a quantizer or a function; None stays None.

    Args:
        identifier: what a user gave.
        **kwargs: arguments for a quantizer that was given by name or class.

    Raises:
        ValueError: nothing of these.
    """
    if identifier is None or isinstance(identifier, Quantizer):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": kwargs})
    if isinstance(identifier, type):
        return identifier(**kwargs)
    if callable(identifier):
        return identifier
    raise ValueError(f"cannot use {identifier!r} as a quantizer")

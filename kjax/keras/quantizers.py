"""``keras.quantizers``: arrays as small integers or short floats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kjax.keras.core import configs
from kjax.keras.core.namespace import on_tensors
from kjax.keras.core.settings import to_snake_case
from kjax.nn.ops import quantization as _pure
from kjax.nn.quantization import AbsMaxQuantizer as AbsMaxQuantizer
from kjax.nn.quantization import AWQConfig as AWQConfig
from kjax.nn.quantization import Float8QuantizationConfig as Float8QuantizationConfig
from kjax.nn.quantization import GPTQConfig as GPTQConfig
from kjax.nn.quantization import Int4QuantizationConfig as Int4QuantizationConfig
from kjax.nn.quantization import Int8QuantizationConfig as Int8QuantizationConfig
from kjax.nn.quantization import QuantizationConfig as QuantizationConfig
from kjax.nn.quantization import Quantizer as Quantizer
from kjax.nn.value import did_you_mean

abs_max_quantize = on_tensors(_pure.abs_max_quantize)
abs_max_quantize_grouped_with_zero_point = on_tensors(_pure.abs_max_quantize_grouped_with_zero_point)
quantize_and_dequantize = on_tensors(_pure.quantize_and_dequantize)
compute_float8_scale = on_tensors(_pure.compute_float8_scale)
compute_float8_amax_history = on_tensors(_pure.compute_float8_amax_history)
pack_int4 = on_tensors(_pure.pack_int4)
unpack_int4 = on_tensors(_pure.unpack_int4)
fake_quant_with_min_max_vars = on_tensors(_pure.fake_quant_with_min_max_vars)


_LISTED = (
    *(Quantizer, AbsMaxQuantizer, QuantizationConfig, Int8QuantizationConfig, Int4QuantizationConfig),
    *(Float8QuantizationConfig, GPTQConfig, AWQConfig),
)
_CLASSES = {name: cls for cls in _LISTED for name in (cls.__name__, to_snake_case(cls.__name__))}


def serialize(initializer: Any) -> dict[str, Any]:
    """The config of a quantizer, or of a quantization config."""
    return configs.serialize_keras_object(initializer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The quantizer, or quantization config, of a config.

    Raises:
        ValueError: an unknown class.
    """
    name = config["class_name"]
    if name in _CLASSES and name not in (custom_objects or {}):
        return configs.deserialize_keras_object(
            {**config, "module": "keras.quantizers", "class_name": _CLASSES[name].__name__}
        )
    if "module" not in config and name not in (custom_objects or {}):
        raise ValueError(f"unknown quantizer {name!r}; {did_you_mean(name, {**_CLASSES, **(custom_objects or {})})}")
    return configs.deserialize_keras_object(config, custom_objects)


def get(identifier: Any, **kwargs: Any) -> Any:
    """The quantizer for a name, a config, a quantizer or a function; None stays None.

    Args:
        identifier: what a user gave.
        **kwargs: arguments for a quantizer that was given by name or class.

    Raises:
        ValueError: nothing of these.
    """
    if identifier is None or isinstance(identifier, (Quantizer, QuantizationConfig)):
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

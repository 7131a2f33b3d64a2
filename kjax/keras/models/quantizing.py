"""``model.quantize``: the layers of a model one after the other, and those of its blocks with the help of data."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

from kjax.keras.core.layer import Layer
from kjax.keras.core.quantized import flattened
from kjax.nn.quantization import QuantizationConfig, resolve


def quantize_model(model: Any, mode: str | None, config: Any, filters: Any, type_check: bool) -> None:
    """Quantize the layers of a model that can be.

    Args:
        model: a built model.
        mode: as in :meth:`Model.quantize`.
        config: likewise.
        filters: likewise.
        type_check: whether classes that users derived from built-in ones are left out.
    """
    wanted = resolve(mode, config)
    passes = chosen_by(filters)
    if not model.built:
        raise ValueError(f"model {model.name!r} isn't yet built: call it on data before it is quantized")
    if wanted.mode in ("gptq", "awq"):
        from kjax.keras.models.calibrating import calibrate_model

        calibrate_model(model, wanted, passes, type_check)
        return
    left: list[Layer] = []
    for layer in flattened(model):
        if any(True for _ in layer._members()) or hasattr(layer, "dense_parts") or not passes(layer):
            continue
        if not quantize_layer(layer, wanted, type_check) and any(v.ndim > 1 for v in layer.weights):
            left.append(layer)
    if left:
        named = ", ".join(f"{layer.name} ({type(layer).__name__})" for layer in left)
        warnings.warn(
            f"model {model.name!r}: these layers cannot be quantized in mode {wanted.mode!r} and stay as they are: {named}",
            stacklevel=4,
        )


def quantize_layer(layer: Any, config: QuantizationConfig, type_check: bool) -> bool:
    """Quantize a layer where it can be; whether it could."""
    try:
        layer.quantize(config.mode, config=config, type_check=type_check)
    except NotImplementedError:
        return False
    except TypeError as error:  # a user's method without some of the arguments
        if "unexpected keyword argument" not in str(error):
            raise
        layer.quantize(config.mode)
    return True


def chosen_by(filters: Any) -> Callable[[Any], bool]:
    """The function that says whether a layer is among those that filters choose.

    Args:
        filters: a regular expression, searched in the name of the layer, or a list of such; a function; None: all.

    Raises:
        ValueError: something else.
    """
    if filters is None:
        return lambda layer: True
    if isinstance(filters, str):
        filters = [filters]
    if isinstance(filters, (list, tuple)):
        patterns = [re.compile(pattern) for pattern in filters]
        return lambda layer: any(pattern.search(layer.name) for pattern in patterns)
    if not callable(filters):
        raise ValueError(
            "quantize: The `filters` argument must be a regex string, a list of regex strings, or a callable, "
            f"received {filters!r} (a {type(filters).__name__})"
        )
    return lambda layer: bool(filters(layer))

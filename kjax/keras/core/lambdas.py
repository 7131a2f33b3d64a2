"""What Keras' Lambda layer has beyond its arguments: functions that look at the graph around them."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import Any, Self

from kjax.keras.core import configs, doors
from kjax.keras.core.pure import PureLayer
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.legacy.form import is_converted, of_era


class LambdaMembers(PureLayer):
    """A Lambda layer whose function may have to see symbolic tensors; see :class:`kjax.keras.core.symbolic.Symbolic`."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a layer from what :meth:`get_config` returned, in the form of any era."""
        older = ("function_type", "output_shape_type", "module", "output_shape_module")
        config = {key: value for key, value in config.items() if key not in older}
        function = config.get("function")
        if isinstance(function, (list, tuple)):  # byte code, as Keras 2 wrote it
            entry = {"class_name": "__lambda__", "config": {"value": list(function)}}
            config["function"] = configs.deserialize_keras_object(entry)
        return super().from_config(config)

    @of_era
    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer; an output shape and a mask only where there are some."""
        config = super().get_config()
        if settings.era in OLD_ERAS:  # there byte code was written of named functions too
            config |= {key: _as_code(vars(self._module).get(key), config[key]) for key in _FUNCTIONS if key in config}
        absent = () if is_converted() else [key for key in ("output_shape", "mask") if config.get(key) is None]
        return {key: _by_name(value) for key, value in config.items() if key not in absent}

    def _begin_drawing(self) -> None:
        module: Any = self._module
        draw = lambda inputs, *args, **kwargs: module.function(inputs, **dict(module.arguments))  # noqa: E731
        self._drawn_call = draw
        self._adopt(module.clone(function=_same, arguments=(), mask=None))


_FUNCTIONS = ("function", "output_shape")


def _as_code(function: Any, entry: Any) -> Any:
    """The entry of a function of the script by its byte code; any other entry as it is."""
    named = (isinstance(entry, Mapping) and entry.get("class_name") == "function") or isinstance(entry, str)
    if not named or not isinstance(function, FunctionType) or function.__module__.startswith("kjax."):
        return entry
    return {"class_name": "__lambda__", "config": doors.configs.code_of(function)}


def _by_name(entry: Any) -> Any:
    """Byte code, defaults and closure by name, as Lambda layers of Keras 3 hold them; other things as they are."""
    if not isinstance(entry, Mapping) or entry.get("class_name") != "__lambda__":
        return entry
    parts = zip(("code", "defaults", "closure"), entry["config"]["value"], strict=True)
    return {**entry, "config": dict(parts)}


def _same(x: Any) -> Any:
    return x

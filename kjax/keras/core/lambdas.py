"""What Keras' Lambda layer has beyond its arguments: functions that look at the graph around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from kjax.keras.core import configs
from kjax.keras.core.pure import PureLayer


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

    def _begin_drawing(self) -> None:
        module: Any = self._module
        draw = lambda inputs, *args, **kwargs: module.function(inputs, **dict(module.arguments))  # noqa: E731
        self._drawn_call = draw
        self._adopt(module.clone(function=_same, arguments=(), mask=None))


def _same(x: Any) -> Any:
    return x

"""What Keras' Lambda layer has beyond its arguments: functions that look at the graph around them."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.pure import PureLayer
from kjax.keras.core.settings import settings
from kjax.keras.core.tensor import NotSymbolicError


class LambdaMembers(PureLayer):
    """A Lambda layer. Before Keras 3 its function saw symbolic tensors.

    Functions are traced with arrays, like everything else. One that uses symbolic tensors from outside, or that
    differentiates one of its inputs by another (``K.gradients``), cannot be: where the script is older than Keras 3 it is
    called on the symbolic tensors, so that what it does becomes part of the graph, and the layer passes on the result.
    """

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        function = self.__dict__.get("_drawn_function")
        if function is None:
            try:
                return super()._symbolic_call(args, kwargs)
            except NotSymbolicError:
                if settings.era == "3":
                    raise
            function = self._module.function  # type: ignore[attr-defined]
            object.__setattr__(self, "_drawn_function", function)
            self._adopt(self._module.clone(function=_same, arguments=(), mask=None))  # type: ignore[call-arg]
        drawn = function(*args, **dict(self._drawn_arguments))
        if isinstance(drawn, (list, tuple)) and len(drawn) == 1:
            (drawn,) = drawn
        return super()._symbolic_call((drawn,), {})

    def _adopt(self, module: Any) -> None:
        if "_drawn_arguments" not in self.__dict__:
            object.__setattr__(self, "_drawn_arguments", module.arguments)
        super()._adopt(module)


def _same(x: Any) -> Any:
    return x

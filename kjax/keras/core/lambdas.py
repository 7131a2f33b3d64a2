"""What Keras' Lambda layer has beyond its arguments: functions that look at the graph around them."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.pure import PureLayer


class LambdaMembers(PureLayer):
    """A Lambda layer whose function may have to see symbolic tensors; see :class:`kjax.keras.core.symbolic.Symbolic`."""

    def _begin_drawing(self) -> None:
        module: Any = self._module
        draw = lambda inputs, *args, **kwargs: module.function(inputs, **dict(module.arguments))  # noqa: E731
        object.__setattr__(self, "_drawn_call", draw)
        self._adopt(module.clone(function=_same, arguments=(), mask=None))


def _same(x: Any) -> Any:
    return x

"""``input_length`` of an ``Embedding``, with which layers before Keras 3 compared their input."""

from __future__ import annotations

from typing import Any

from kjax.keras.core.pure import PureLayer
from kjax.keras.core.settings import settings


class LengthMembers(PureLayer):
    """Members of layers whose first argument may have a length that was given with the layer."""

    @property
    def input_length(self) -> Any:
        """The length that was given: a number, several for further axes, or None."""
        length = (self._batch_input_shape or ())[1:]
        return tuple(length) if len(length) > 1 else next(iter(length), None)

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given, wanted = tuple(args[0].shape)[1:] if args else (), (self._batch_input_shape or ())[1:]
        if settings.era != "3" and args and any(size is not None for size in wanted):
            pairs = zip(given, wanted, strict=False)
            if len(given) != len(wanted) or any(None not in pair and pair[0] != pair[1] for pair in pairs):
                raise ValueError(
                    f"Embedding {self.name!r}: argument `input_length` is {self.input_length}, but the input has shape "
                    f"{tuple(args[0].shape)}"
                )
        return super()._symbolic_call(args, kwargs)

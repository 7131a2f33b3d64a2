"""Quantization, which kjax does not have: its names in Keras, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


class Quantizable:
    """The part of a layer that knows about quantization; layers that can be quantized override it."""

    if TYPE_CHECKING:
        name: str

        def call(self, *args: Any, **kwargs: Any) -> Any: ...

    @property
    def quantization_mode(self) -> str | None:
        """How the layer is quantized, or None."""
        return None

    def quantize(self, mode: str | None = None, type_check: bool = True, config: Any = None) -> None:
        """Replace the weights by small integers.

        Args:
            mode: how.
            type_check: whether a class other than the built-in one is refused.
            config: accepted at None only.

        Raises:
            NotImplementedError: the layer cannot be quantized.
        """
        del type_check, config
        raise NotImplementedError(
            f"{type(self).__name__} layer {self.name!r} cannot be quantized (mode {mode!r}): kjax has no quantized layers; "
            "for smaller weights use dtype='bfloat16'"
        )

    def quantized_build(self, input_shape: Any, mode: str) -> None:
        """Make the weights of a quantized layer.

        Raises:
            NotImplementedError: the layer cannot be quantized.
        """
        del input_shape
        self.quantize(mode)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation of a quantized layer.

        Raises:
            ValueError: the layer is not quantized.
        """
        if self.quantization_mode is None:
            raise ValueError(f"{type(self).__name__} layer {self.name!r} is not quantized")
        return self.call(*args, **kwargs)

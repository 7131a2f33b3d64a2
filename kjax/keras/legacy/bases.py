"""Base classes of Keras 2's pooling layers: private there, but scripts made pooling layers of their own from them."""

from __future__ import annotations

from typing import Any, ClassVar

from kjax.keras import backend, layers
from kjax.keras.core.layer import Layer
from kjax.keras.utils import conv_utils


class _Pooling(Layer):
    """Pooling whose ``_pooling_function`` a subclass writes.

    Args:
        pool_size: size of the window, one number or one for each axis.
        strides: steps between windows; ``pool_size`` if None.
        padding: ``'valid'`` or ``'same'``.
        data_format: ``'channels_last'``, ``'channels_first'`` or None for that of ``keras.json``.
    """

    rank: ClassVar[int]

    def __init__(
        self, pool_size: Any = 2, strides: Any = None, padding: str = "valid", data_format: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = conv_utils.normalize_tuple(pool_size, self.rank, "pool_size")
        self.strides = conv_utils.normalize_tuple(self.pool_size if strides is None else strides, self.rank, "strides")
        self.padding = conv_utils.normalize_padding(padding)
        self.data_format = backend.normalize_data_format(data_format)
        self.input_spec = layers.InputSpec(ndim=self.rank + 2)

    def _pooling_function(self, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str) -> Any:
        """The pooled inputs; one axis of length one is added to inputs with a single one, as in Keras 2.

        Raises:
            NotImplementedError: a subclass has to write it.
        """
        raise NotImplementedError(f"{type(self).__name__}: write _pooling_function(inputs, pool_size, ...)")

    def call(self, inputs: Any) -> Any:
        """The pooled inputs."""
        options = {"padding": self.padding, "data_format": self.data_format}
        if self.rank > 1:
            return self._pooling_function(inputs=inputs, pool_size=self.pool_size, strides=self.strides, **options)
        axis = 2 if self.data_format == "channels_last" else 3
        pooled = self._pooling_function(
            inputs=backend.expand_dims(inputs, axis),
            pool_size=(*self.pool_size, 1),
            strides=(*self.strides, 1),
            **options,
        )
        return backend.squeeze(pooled, axis)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Shape of the pooled inputs."""
        first = 1 if self.data_format == "channels_last" else 2
        shape = list(input_shape)
        for at, (size, step) in enumerate(zip(self.pool_size, self.strides, strict=True), start=first):
            shape[at] = conv_utils.conv_output_length(shape[at], size, self.padding, step)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        names = ("pool_size", "strides", "padding", "data_format")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class _GlobalPooling(Layer):
    """Pooling over all places, whose ``call`` a subclass writes.

    Args:
        data_format: ``'channels_last'``, ``'channels_first'`` or None for that of ``keras.json``.
    """

    rank: ClassVar[int]

    def __init__(self, data_format: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = backend.normalize_data_format(data_format)
        self.input_spec = layers.InputSpec(ndim=self.rank + 2)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The batch and the channels."""
        return input_shape[0], input_shape[1 if self.data_format == "channels_first" else -1]

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "data_format": self.data_format}


def _ranks(base: type[Any]) -> list[Any]:
    return [type(f"{base.__name__}{rank}D", (base,), {"rank": rank, "__doc__": base.__doc__}) for rank in (1, 2, 3)]


_Pooling1D, _Pooling2D, _Pooling3D = _ranks(_Pooling)
_GlobalPooling1D, _GlobalPooling2D, _GlobalPooling3D = _ranks(_GlobalPooling)
